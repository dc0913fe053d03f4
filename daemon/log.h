/*
 * The only sink of what the daemon says: lines on standard error, with <N> priorities when systemd reads
 * them. Never a password, token or mail body; addresses and titles only at debug. A value can never split a
 * line: control bytes are escaped. Thread-safe.
 */
#ifndef TSUZUKI_DAEMON_LOG_H
#define TSUZUKI_DAEMON_LOG_H

#include <stdbool.h>

enum log_level { LOG_ERROR_, LOG_WARN_, LOG_INFO_, LOG_DEBUG_ };

/* json: every line is one JSON object {"time","level","message"}. */
void log_setup(enum log_level level, bool json);
bool log_wants(enum log_level level);
void log_at(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_at(LOG_ERROR_, __VA_ARGS__)
#define log_warn(...) log_at(LOG_WARN_, __VA_ARGS__)
#define log_info(...) log_at(LOG_INFO_, __VA_ARGS__)
#define log_debug(...)                                   \
	do {                                             \
		if (log_wants(LOG_DEBUG_))               \
			log_at(LOG_DEBUG_, __VA_ARGS__); \
	} while (0)

#endif
