#include "daemon/config.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/config_file.h"
#include "daemon/config_value.h"
#include "daemon/limits.h"
#include "sync/base/check.h"
#include "sync/base/suggest.h"

enum option_id {
#define OPTION_GROUP(title)
#define OPTION(name, kind, field, fallback, least, most, secrecy, help) OPT_##name,
#include "daemon/options.def"
#undef OPTION
	OPTION_COUNT
};

enum { PLAIN = 0, SECRET = 1 };

static const struct option options[] = {
#define OPTION(name, kind, field, fallback, least, most, secrecy, help) \
	{#name, fallback, value_##kind, offsetof(struct config, field), least, most, (secrecy) == SECRET},
#include "daemon/options.def"
#undef OPTION
};

static const char *const option_names[] = {
#define OPTION(name, kind, field, fallback, least, most, secrecy, help) #name,
#include "daemon/options.def"
#undef OPTION
#undef OPTION_GROUP
};

enum source { SOURCE_NONE, SOURCE_FILE, SOURCE_ENVIRONMENT, SOURCE_FLAG };

/* Where an option's value comes from: the last source that has one. */
struct place {
	enum source source;
	unsigned line; /* of the file */
};

/* One run of config_load(). */
struct load {
	const char *path; /* of the file */
	struct config *config;
	struct place places[OPTION_COUNT];
	unsigned lines[OPTION_COUNT]; /* where the file names it, be its value empty; 0: nowhere */
	struct buf *why;
};

enum { SHOWN_MAX = 80, FAULT_MAX = 512 };

static void say_place(struct load *l, enum option_id id, struct place place)
{
	switch (place.source) {
	case SOURCE_FILE:
		buf_fmt(l->why, "%s:%u: ", l->path, place.line);
		break;
	case SOURCE_FLAG:
		buf_fmt(l->why, "--%s: ", id == OPT_PORT ? "port" : id == OPT_BIND ? "bind" : "data-dir");
		break;
	case SOURCE_ENVIRONMENT:
	case SOURCE_NONE:
		buf_text(l->why, "environment: ");
	}
}

/* A value as a message may show it: in quotes, short, without bytes that a terminal obeys. */
static void say_value(struct load *l, struct str value)
{
	bool utf8 = str_utf8(value);
	buf_text(l->why, " \"");
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.ptr[i];
		if (i >= SHOWN_MAX && (c & 0xC0) != 0x80) {
			buf_text(l->why, "...");
			break;
		}
		if (c < 0x20 || c == 0x7F || (c >= 0x80 && !utf8))
			buf_fmt(l->why, "\\x%02x", (unsigned)c);
		else
			buf_char(l->why, (char)c);
	}
	buf_char(l->why, '"');
}

/* One value of one source. An empty one is as if it were not there. */
static enum err take(struct load *l, enum option_id id, struct str value, struct place place)
{
	const struct option *o = &options[id];
	struct buf fault = buf_make(FAULT_MAX);
	bool good = false;
	if (value.len == 0)
		return ERR_OK;
	l->places[id] = place;
	if (str_has_control(value) || !str_utf8(value))
		buf_text(&fault, "holds control characters or is not UTF-8; type it anew");
	else
		good = o->parse(o, value, l->config, &fault);
	if (!good) {
		say_place(l, id, place);
		buf_text(l->why, o->name);
		if (!o->secret)
			say_value(l, value);
		buf_char(l->why, ' ');
		buf_add_str(l->why, buf_str(&fault));
	}
	buf_free(&fault);
	return good ? ERR_OK : ERR_INVALID;
}

/* --- the file
 * --------------------------------------------------------------------------------------------------- */

/* A name that is shown when it is unknown. Anything else may be a piece of a secret that was broken in two.
 */
static bool name_shown(struct str key)
{
	if (key.len > SHOWN_MAX || str_find(key, '_') == 0)
		return false;
	for (size_t i = 0; i < key.len; i++)
		if (!((key.ptr[i] >= 'A' && key.ptr[i] <= 'Z') || key.ptr[i] == '_'))
			return false;
	return true;
}

static void say_unknown(struct load *l, struct str key)
{
	const char *near = suggest(key, option_names, OPTION_COUNT);
	if (name_shown(key))
		buf_fmt(l->why, "%.*s is no setting", STR_ARG(key));
	else
		buf_text(l->why, "what stands before '=' is no setting");
	if (near)
		buf_fmt(l->why, "; did you mean %s?", near);
	else
		buf_text(l->why, "; remove the line, or see --help for all of them");
}

static enum err take_line(struct load *l, const struct config_line *line)
{
	struct place place = {SOURCE_FILE, line->line};
	for (size_t id = 0; id < OPTION_COUNT; id++) {
		if (!str_eq(line->key, str_from(options[id].name)))
			continue;
		if (l->lines[id]) {
			buf_fmt(l->why, "%s:%u: %s is set in line %u already; remove one of the two", l->path,
				line->line, options[id].name, l->lines[id]);
			return ERR_INVALID;
		}
		l->lines[id] = line->line;
		return take(l, (enum option_id)id, line->value, place);
	}
	say_place(l, OPTION_COUNT, place);
	say_unknown(l, line->key);
	return ERR_INVALID;
}

static enum err take_lines(struct load *l, struct str text)
{
	unsigned number = 0;
	struct config_line line;
	const char *fault;
	while (config_file_next(&text, &number, l->config->memory, &line, &fault)) {
		enum err err = take_line(l, &line);
		if (err != ERR_OK)
			return err;
	}
	if (!fault)
		return ERR_OK;
	buf_fmt(l->why, "%s:%u: %s", l->path, line.line, fault);
	return ERR_INVALID;
}

static enum err take_file(struct load *l, bool named)
{
	struct buf text = buf_make(LIMIT_CONFIG_FILE);
	struct buf missing = buf_make(FAULT_MAX + 4096);
	enum err err = config_file_read(l->path, &text, named ? l->why : &missing);
	if (err == ERR_OK)
		err = take_lines(l, buf_str(&text));
	else if (err == ERR_NOT_FOUND && !named)
		err = ERR_OK;
	else if (!named)
		buf_add_str(l->why, buf_str(&missing));
	if (text.ptr)
		sodium_memzero(text.ptr, text.room);
	buf_free(&text);
	buf_free(&missing);
	return err;
}

/* --- the other sources
 * ------------------------------------------------------------------------------------------ */

static enum err take_defaults(struct load *l)
{
	enum err err = ERR_OK;
	for (size_t id = 0; id < OPTION_COUNT && err == ERR_OK; id++)
		err = take(l, (enum option_id)id, str_from(options[id].fallback),
			(struct place){SOURCE_NONE, 0});
	return err;
}

static enum err take_environment(struct load *l, char *const *environment)
{
	enum err err = ERR_OK;
	for (char *const *e = environment; e && *e && err == ERR_OK; e++) {
		struct str value = str_from(*e);
		struct str name = str_cut(&value, '=');
		for (size_t id = 0; id < OPTION_COUNT && err == ERR_OK; id++)
			if (str_eq(name, str_from(options[id].name)))
				err = take(
					l, (enum option_id)id, value, (struct place){SOURCE_ENVIRONMENT, 0});
	}
	return err;
}

static enum err take_flags(struct load *l, const struct config_flags *flags)
{
	const struct {
		enum option_id id;
		const char *value;
	} given[] = {{OPT_DATA_DIR, flags->data_dir}, {OPT_PORT, flags->port}, {OPT_BIND, flags->bind}};
	enum err err = ERR_OK;
	for (size_t i = 0; i < COUNT_OF(given) && err == ERR_OK; i++)
		err = take(l, given[i].id, str_from(given[i].value), (struct place){SOURCE_FLAG, 0});
	return err;
}

/* --- what settings say about each other
 * -------------------------------------------------------------------------- */

static bool is_set(const struct load *l, enum option_id id)
{
	return l->places[id].source != SOURCE_NONE;
}

static enum err refuse(struct load *l, enum option_id id, const char *what)
{
	say_place(l, id, l->places[id]);
	buf_fmt(l->why, "%s %s", options[id].name, what);
	return ERR_INVALID;
}

static enum err check_readable(struct load *l, enum option_id id, const char *path)
{
	if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == 0)
		return ERR_OK;
	int saved = errno;
	say_place(l, id, l->places[id]);
	buf_text(l->why, options[id].name);
	say_value(l, str_from(path));
	buf_fmt(l->why, " cannot be read: %s; mend the path or the file's permissions", strerror(saved));
	return ERR_INVALID;
}

static enum err check_tls(struct load *l)
{
	const struct config *c = l->config;
	if (c->tls_cert && !c->tls_key)
		return refuse(l, OPT_TLS_CERT, "is set and TLS_KEY is not; set both or neither");
	if (c->tls_key && !c->tls_cert)
		return refuse(l, OPT_TLS_KEY, "is set and TLS_CERT is not; set both or neither");
	if (!c->tls_cert)
		return ERR_OK;
	enum err err = check_readable(l, OPT_TLS_CERT, c->tls_cert);
	return err == ERR_OK ? check_readable(l, OPT_TLS_KEY, c->tls_key) : err;
}

/* This machine, as far as its name tells. */
static bool host_is_here(const char *host)
{
	struct address address;
	return str_eq_fold(str_from(host), STR("localhost")) ||
	       (address_parse(str_from(host), &address) && address_loopback(&address));
}

static enum err check_mail(struct load *l)
{
	struct config *c = l->config;
	bool tls_set = is_set(l, OPT_EMAIL_TLS);
	if (!tls_set && c->email_port == 465)
		c->email_tls = MAIL_IMPLICIT;
	if (tls_set && c->email_tls == MAIL_IMPLICIT && !is_set(l, OPT_EMAIL_PORT))
		c->email_port = 465;
	if (!c->email_host)
		return ERR_OK;
	if (!c->email_from) {
		if (!c->email_user || !value_is_address(str_from(c->email_user)))
			return refuse(l, OPT_EMAIL_HOST,
				"is set and EMAIL_FROM is not; set EMAIL_FROM=Name <name@example.org>");
		c->email_from = c->email_user;
	}
	if (c->email_user && !c->email_pass)
		return refuse(l, OPT_EMAIL_USER, "is set and EMAIL_PASS is not; set both or neither");
	if (c->email_pass && !c->email_user)
		return refuse(l, OPT_EMAIL_PASS, "is set and EMAIL_USER is not; set both or neither");
	if (c->email_tls == MAIL_OFF && c->email_user && !host_is_here(c->email_host))
		return refuse(l, OPT_EMAIL_TLS,
			"off would send EMAIL_PASS in the clear to another machine; use starttls or "
			"implicit");
	return ERR_OK;
}

static enum err finish(struct load *l)
{
	struct config *c = l->config;
	if (!c->base_path)
		c->base_path = "";
	if (c->development && !is_set(l, OPT_LOG_LEVEL))
		c->log_level = LOG_DEBUG_;
	enum err err = check_tls(l);
	return err == ERR_OK ? check_mail(l) : err;
}

/* --- the whole
 * --------------------------------------------------------------------------------------------------- */

enum err config_load(
	const struct config_flags *flags, char *const *environment, struct config *out, struct buf *why)
{
	bool named = flags->config_path != NULL;
	struct config config = {.memory = malloc(sizeof *config.memory)};
	struct load l = {
		.path = named ? flags->config_path : CONFIG_DEFAULT_PATH, .config = &config, .why = why};
	if (!config.memory)
		return ERR_NOMEM;
	*config.memory = arena_make(LIMIT_CONFIG_MEMORY);

	enum err err = take_defaults(&l);
	if (err == ERR_OK)
		err = take_file(&l, named);
	if (err == ERR_OK)
		err = take_environment(&l, environment);
	if (err == ERR_OK)
		err = take_flags(&l, flags);
	if (err == ERR_OK)
		err = finish(&l);
	if (err != ERR_OK) {
		config_free(&config);
		return err;
	}
	*out = config;
	return ERR_OK;
}

/* The struct says const so that nobody changes a setting; its own memory may be wiped. */
static void wipe(const char *text)
{
	if (text)
		sodium_memzero((void *)(uintptr_t)text, strlen(text));
}

void config_free(struct config *config)
{
	if (!config || !config->memory)
		return;
	wipe(config->jwt_secret);
	wipe(config->email_pass);
	arena_free(config->memory);
	free(config->memory);
	*config = (struct config){0};
}
