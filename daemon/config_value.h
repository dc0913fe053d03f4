/*
 * The values of settings: one parser a kind of options.def. Strict: a value is understood from its first byte
 * to its last, or it is refused with a text that says what would be right.
 */
#ifndef TSUZUKI_DAEMON_CONFIG_VALUE_H
#define TSUZUKI_DAEMON_CONFIG_VALUE_H

#include "daemon/config.h"
#include "sync/base/arena.h"

struct option;

/*
 * Reads text (not empty, UTF-8 without control characters) into the option's field of c; strings go into
 * c->memory. false: *fault gets the rest of a sentence that begins with the setting's name, never with the
 * value in it.
 */
typedef bool value_parser(const struct option *o, struct str text, struct config *c, struct buf *fault);

/* A line of options.def. */
struct option {
	const char *name;
	const char *fallback; /* "": none */
	value_parser *parse;
	size_t offset; /* of its field in struct config */
	int64_t least;
	int64_t most;
	bool secret;
};

value_parser value_number;
value_parser value_duration;
value_parser value_every;
value_parser value_rate;
value_parser value_text;
value_parser value_host;
value_parser value_sender;
value_parser value_bind;
value_parser value_base_path;
value_parser value_jwt_secret;
value_parser value_origins;
value_parser value_networks;
value_parser value_mail_tls;
value_parser value_registration;
value_parser value_log_level;
value_parser value_log_format;
/* Any value; whether it is "development". */
value_parser value_node_env;
/* Any value; only that there is one is kept. */
value_parser value_mark;

/* A bare e-mail address, as mail needs it: something, '@', something, without blanks and brackets. */
bool value_is_address(struct str text);

#endif
