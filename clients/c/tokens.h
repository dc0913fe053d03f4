/*
 * What a store remembers of its server, in DIR/session.json (mode 0600): address, tokens, device, and the
 * step that is still owed to the store after a log-in or a new device. Internal to the library.
 */
#ifndef TSUZUKI_CLIENTS_C_TOKENS_H
#define TSUZUKI_CLIENTS_C_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sync/base/err.h"

enum { TOKENS_URL = 2048, TOKENS_TOKEN = 4096, TOKENS_TEXT = 512, TOKENS_DEVICE = 17, TOKENS_ID_KEY = 33 };

/* What the store has yet to be told; written down first, so that a crash between the two loses nothing. */
enum tokens_step { STEP_NONE, STEP_LINK, STEP_RENUMBER };

struct tokens {
	char url[TOKENS_URL];
	char ca_file[TOKENS_URL];
	char email[TOKENS_TEXT];
	char user_id[TOKENS_TEXT];
	char token[TOKENS_TOKEN]; /* "": not logged in */
	char refresh[TOKENS_TOKEN];
	char device[TOKENS_DEVICE]; /* 16 hex digits; "": none drawn yet */
	char id_key[TOKENS_ID_KEY];
	enum tokens_step step;
	int64_t last_sync; /* wall-clock ms of the last exchange that came to its end, 0: never */
	int64_t last_try;  /* and of the last one that found the server away since then, 0: none */
};

/* A missing or unreadable file is ERR_NOT_FOUND and leaves *out empty. */
enum err tokens_load(const char *dir, struct tokens *out);
/* Replaces the file whole, on disk when it returns. ERR_IO, ERR_DISK_FULL, ERR_NOMEM. */
enum err tokens_save(const char *dir, const struct tokens *tokens);
/* Copies text into a field of `size` bytes; false when it does not fit, or is NULL. */
bool tokens_set(char *field, size_t size, const char *text);

#endif
