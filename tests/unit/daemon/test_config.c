/* Settings: what is read from where, what is refused, and what the refusal says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/config.h"
#include "sync/base/check.h"

#define SECRET "0123456789abcdef0123456789abcdef"

static const char path[] = "test.env";
static char *const no_environment[] = {NULL};

struct loaded {
	enum err err;
	struct config config;
	struct buf why;
};

static void write_bytes(const char *name, const char *bytes, size_t len)
{
	FILE *f = fopen(name, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static struct loaded load_file(char *const *environment)
{
	const struct config_flags flags = {.config_path = path};
	struct loaded l = {.why = buf_make(8192)};
	l.err = config_load(&flags, environment, &l.config, &l.why);
	return l;
}

static struct loaded load(const char *text)
{
	write_bytes(path, text, strlen(text));
	return load_file(no_environment);
}

static void unload(struct loaded *l)
{
	config_free(&l->config);
	buf_free(&l->why);
}

static struct loaded load_good(const char *text)
{
	struct loaded l = load(text);
	if (l.err != ERR_OK)
		fail_msg("%s: %s", text, l.why.ptr);
	return l;
}

/* The message begins with place, names every word of the list, and is one line. */
static void assert_refused(const char *text, const char *place, const char *const *words)
{
	struct loaded l = load(text);
	if (l.err != ERR_INVALID)
		fail_msg("not refused: %s", text);
	assert_non_null(l.why.ptr);
	if (strncmp(l.why.ptr, place, strlen(place)) != 0)
		fail_msg("%s: not at %s: %s", text, place, l.why.ptr);
	for (; *words; words++)
		if (!strstr(l.why.ptr, *words))
			fail_msg("%s: without \"%s\": %s", text, *words, l.why.ptr);
	assert_null(strchr(l.why.ptr, '\n'));
	unload(&l);
}

#define REFUSED(text, place, ...) assert_refused(text, place, (const char *const[]){__VA_ARGS__, NULL})

static void test_defaults(void **state)
{
	(void)state;
	struct loaded l = load_good("");
	const struct config *c = &l.config;
	assert_int_equal(c->port, 5000);
	assert_string_equal(c->bind, "0.0.0.0");
	assert_string_equal(c->data_dir, "/var/lib/tsuzuki");
	assert_null(c->jwt_secret);
	assert_int_equal(c->jwt_expire_ms, INT64_C(7) * 86400000);
	assert_int_equal(c->refresh_expire_ms, INT64_C(90) * 86400000);
	assert_null(c->email_host);
	assert_int_equal(c->email_port, 587);
	assert_int_equal(c->email_tls, MAIL_STARTTLS);
	assert_null(c->frontend_url);
	assert_int_equal(c->origin_count, 0);
	assert_int_equal(c->rate_auth.count, 5);
	assert_int_equal(c->rate_auth.window_ms, 900000);
	assert_int_equal(c->rate_api.count, 100);
	assert_int_equal(c->rate_sync.count, 600);
	assert_int_equal(c->max_connections, 0);
	assert_int_equal(c->max_connections_per_address, 256);
	assert_int_equal(c->watchlist_page_default, 20);
	assert_int_equal(c->max_items, 100000);
	assert_int_equal(c->proxy_count, 0);
	assert_string_equal(c->base_path, "");
	assert_null(c->tls_cert);
	assert_int_equal(c->registration, REGISTRATION_OPEN);
	assert_int_equal(c->history_keep, 50);
	assert_int_equal(c->history_days, 90);
	assert_int_equal(c->log_level, LOG_INFO_);
	assert_false(c->log_json);
	assert_false(c->mongodb_uri_seen);
	unload(&l);
}

static void test_every_setting(void **state)
{
	(void)state;
	write_bytes("cert.pem", "x", 1);
	struct loaded l =
		load_good("PORT=8080\nBIND=::\nDATA_DIR=./data\nBASE_PATH=/tsuzuki/\n"
			  "TLS_CERT=cert.pem\nTLS_KEY=cert.pem\n"
			  "TRUSTED_PROXIES=127.0.0.1, 10.0.0.0/8,fd00::/8\n"
			  "JWT_SECRET=" SECRET "\nJWT_EXPIRE=30m\nREFRESH_EXPIRE=10d\n"
			  "REGISTRATION=first\nEMAIL_HOST=smtp.example.org\nEMAIL_PORT=2525\n"
			  "EMAIL_USER=me\nEMAIL_PASS=word\n"
			  "EMAIL_FROM=Anime Stream <noreply@animestream.com>\nEMAIL_TLS=implicit\n"
			  "FRONTEND_URL=HTTPS://Anime.Example:443/,http://localhost:5173,http://[::1]:80\n"
			  "RATE_LIMIT_AUTH=off\nRATE_LIMIT_API=7/90s\nRATE_LIMIT_SYNC=1/1h\n"
			  "MAX_CONNECTIONS=10\nMAX_CONNECTIONS_PER_ADDRESS=0\n"
			  "WATCHLIST_PAGE_DEFAULT=0\nMAX_ITEMS=1000000\nHISTORY_KEEP=5\n"
			  "HISTORY_DAYS=3\nLOG_LEVEL=warn\nLOG_FORMAT=json\nNODE_ENV=production\n"
			  "MONGODB_URI=mongodb://localhost/x\n");
	const struct config *c = &l.config;
	assert_int_equal(c->port, 8080);
	assert_string_equal(c->bind, "::");
	assert_string_equal(c->data_dir, "./data");
	assert_string_equal(c->base_path, "/tsuzuki");
	assert_string_equal(c->tls_cert, "cert.pem");
	assert_string_equal(c->tls_key, "cert.pem");
	assert_int_equal(c->proxy_count, 3);
	assert_string_equal(c->jwt_secret, SECRET);
	assert_int_equal(c->jwt_expire_ms, 1800000);
	assert_int_equal(c->refresh_expire_ms, INT64_C(864000000));
	assert_int_equal(c->registration, REGISTRATION_FIRST);
	assert_string_equal(c->email_host, "smtp.example.org");
	assert_int_equal(c->email_port, 2525);
	assert_string_equal(c->email_user, "me");
	assert_string_equal(c->email_pass, "word");
	assert_string_equal(c->email_from, "Anime Stream <noreply@animestream.com>");
	assert_int_equal(c->email_tls, MAIL_IMPLICIT);
	assert_int_equal(c->origin_count, 3);
	assert_true(str_eq(c->origins[0], STR("https://anime.example")));
	assert_true(str_eq(c->origins[1], STR("http://localhost:5173")));
	assert_true(str_eq(c->origins[2], STR("http://[::1]")));
	assert_int_equal(c->rate_auth.count, 0);
	assert_int_equal(c->rate_api.count, 7);
	assert_int_equal(c->rate_api.window_ms, 90000);
	assert_int_equal(c->rate_sync.window_ms, 3600000);
	assert_int_equal(c->max_connections, 10);
	assert_int_equal(c->max_connections_per_address, 0);
	assert_int_equal(c->watchlist_page_default, 0);
	assert_int_equal(c->max_items, 1000000);
	assert_int_equal(c->history_keep, 5);
	assert_int_equal(c->history_days, 3);
	assert_int_equal(c->log_level, LOG_WARN_);
	assert_true(c->log_json);
	assert_true(c->mongodb_uri_seen);
	unload(&l);
}

/* Every "#NAME=default" that .env.example shows, taken out of its comment, is understood. */
static void test_example_file(void **state)
{
	(void)state;
	const char *source = getenv("TSUZUKI_SOURCE");
	char name[4096];
	char line[1024];
	struct buf text = buf_make(65536);
	(void)snprintf(name, sizeof name, "%s/.env.example", source ? source : "/nowhere");
	FILE *f = fopen(name, "r");
	if (!f)
		skip();
	unsigned settings = 0;
	while (fgets(line, sizeof line, f))
		if (line[0] == '#' && line[1] >= 'A' && line[1] <= 'Z') {
			buf_text(&text, line + 1);
			settings++;
		}
	assert_int_equal(fclose(f), 0);
	assert_true(settings > 25);
	assert_true(buf_ok(&text));
	struct loaded l = load_good(text.ptr);
	assert_int_equal(l.config.port, 5000);
	unload(&l);
	buf_free(&text);
}

static void test_order_of_sources(void **state)
{
	(void)state;
	char *const environment[] = {(char[]){"PORT=2000"}, (char[]){"BIND=127.0.0.1"}, (char[]){"HOME=/x"},
		(char[]){"EMAIL_HOST="}, (char[]){"=odd"}, NULL};
	const struct config_flags flags = {.config_path = path, .port = "3000", .data_dir = "flag"};
	const char text[] =
		"PORT=1000\nBIND=::\nDATA_DIR=file\nMAX_ITEMS=7\nEMAIL_HOST=mail\nEMAIL_FROM=a@b\n";
	struct config config;
	struct buf why = buf_make(8192);
	write_bytes(path, text, strlen(text));
	assert_int_equal(config_load(&flags, environment, &config, &why), ERR_OK);
	assert_int_equal(config.port, 3000);
	assert_string_equal(config.bind, "127.0.0.1");
	assert_string_equal(config.data_dir, "flag");
	assert_int_equal(config.max_items, 7);
	/* An empty variable says nothing, so the file's value stands. */
	assert_string_equal(config.email_host, "mail");
	config_free(&config);
	buf_free(&why);
}

static void test_form_of_lines(void **state)
{
	(void)state;
	static const struct {
		const char *line;
		const char *value;
	} cases[] = {
		{"EMAIL_PASS=plain", "plain"},
		{"  EMAIL_PASS = spaced out \t", "spaced out"},
		{"export EMAIL_PASS=exported", "exported"},
		{"export\tEMAIL_PASS=tab", "tab"},
		{"EMAIL_PASS=a # comment", "a"},
		{"EMAIL_PASS='a # b' # c", "a # b"},
		{"EMAIL_PASS=\"a # b\"#c", "a # b"},
		{"EMAIL_PASS=`it's \"so\"`", "it's \"so\""},
		{"EMAIL_PASS='single \\n stays'", "single \\n stays"},
		{"EMAIL_PASS=\"a\\\"b\"", "a\\\"b"},
		{"EMAIL_PASS='C:\\'", "C:\\"},
		{"EMAIL_PASS=a=b=c", "a=b=c"},
		{"EMAIL_PASS=it's", "it's"},
		{"EMAIL_PASS=\"  kept  \"", "  kept  "},
		{"# comment\n\n   \n#PORT=x\nEMAIL_PASS=last\n\n", "last"},
		{"EMAIL_PASS=crlf\r\nPORT=1\r\n", "crlf"},
		{"\xEF\xBB\xBF"
		 "EMAIL_PASS=bom",
			"bom"},
		{"EMAIL_PASS=\xE7\xB6\x9A\xE3\x81\x8D", "\xE7\xB6\x9A\xE3\x81\x8D"},
		{"EMAIL_PASS=$HOME", "$HOME"},
		{"EMAIL_PASS=", NULL},
		{"EMAIL_PASS=\"\"", NULL},
		{"EMAIL_PASS=''  # empty", NULL},
		{"EMAIL_PASS= # nothing", NULL},
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct loaded l = load_good(cases[i].line);
		if (cases[i].value) {
			assert_non_null(l.config.email_pass);
			assert_string_equal(l.config.email_pass, cases[i].value);
		} else {
			assert_null(l.config.email_pass);
		}
		unload(&l);
	}
}

static void test_refused_lines(void **state)
{
	(void)state;
	REFUSED("PORT=1\nnonsense\n", "test.env:2: ", "KEY=VALUE", "#");
	REFUSED("=5\n", "test.env:1: ", "name of a setting");
	REFUSED("A B=5\n", "test.env:1: ", "name of a setting");
	REFUSED("export=1\n", "test.env:1: ", "is no setting");
	REFUSED("\n\nPROT=5000\n", "test.env:3: PROT ", "did you mean PORT?");
	REFUSED("port=5000\n", "test.env:1: ", "did you mean PORT?");
	REFUSED("EMAIL_PASSWORD=x\n", "test.env:1: EMAIL_PASSWORD ", "did you mean EMAIL_PASS?");
	REFUSED("RATE_LIMIT=x\n", "test.env:1: RATE_LIMIT ", "did you mean RATE_LIMIT_A");
	REFUSED("FLUX_CAPACITOR=on\n", "test.env:1: FLUX_CAPACITOR is no setting", "remove the line",
		"--help");
	REFUSED("PORT=1\n\nPORT=2\n", "test.env:3: PORT ", "line 1", "remove");
	REFUSED("PORT=\nPORT=2\n", "test.env:2: PORT ", "line 1");
	REFUSED("EMAIL_PASS='open\n", "test.env:1: ", "not closed");
	REFUSED("EMAIL_PASS=\"a\" b\n", "test.env:1: ", "behind the closing quote");
	REFUSED("EMAIL_PASS=ab#cd\n", "test.env:1: ", "into quotes");
	REFUSED("EMAIL_USER=\xFF\n", "test.env:1: ", "UTF-8");
	REFUSED("EMAIL_USER=a\x1B[31m\n", "test.env:1: EMAIL_USER ", "control", "\\x1b");
	REFUSED("EMAIL_USER=\"two\\nlines\"\n", "test.env:1: EMAIL_USER ", "control");
}

static const struct {
	const char *line;
	const char *word;
} refused_values[] = {
	{"PORT=0", "from 1 to 65535"},
	{"PORT=65536", "from 1 to 65535"},
	{"PORT=80x", "\"80x\""},
	{"PORT=-1", "whole number"},
	{"PORT=0x50", "whole number"},
	{"PORT=99999999999999999999", "whole"},
	{"PORT=+1", "whole number"},
	{"PORT=5 0", "whole number"},
	{"PORT=5.0", "whole number"},
	{"BIND=localhost", "127.0.0.1"},
	{"BIND=256.0.0.1", "unix:/path"},
	{"BIND=unix:relative", "unix:/path"},
	{"BIND=unix:/", "unix:/path"},
	{"BIND=[::1]", "::"},
	{"BASE_PATH=tsuzuki", "/tsuzuki"},
	{"BASE_PATH=/a//b", "/tsuzuki"},
	{"BASE_PATH=/a//", "/tsuzuki"},
	{"BASE_PATH=/a/../b", "/tsuzuki"},
	{"BASE_PATH=/a b", "/tsuzuki"},
	{"BASE_PATH=/a?b", "/tsuzuki"},
	{"JWT_EXPIRE=7", "s, m, h or d"},
	{"JWT_EXPIRE=604800", "default is 7d"},
	{"JWT_EXPIRE=7w", "s, m, h or d"},
	{"JWT_EXPIRE=d", "s, m, h or d"},
	{"JWT_EXPIRE=7 d", "s, m, h or d"},
	{"JWT_EXPIRE=0s", "1s"},
	{"JWT_EXPIRE=-1d", "s, m, h or d"},
	{"JWT_EXPIRE=367d", "366d"},
	{"JWT_EXPIRE=999999999999999999d", "366d"},
	{"JWT_EXPIRE=7D", "s, m, h or d"},
	{"REFRESH_EXPIRE=3651d", "3650d"},
	{"RATE_LIMIT_AUTH=5", "default is 5/15m"},
	{"RATE_LIMIT_AUTH=0/15m", "off"},
	{"RATE_LIMIT_AUTH=5/15", "off"},
	{"RATE_LIMIT_AUTH=/15m", "off"},
	{"RATE_LIMIT_API=5/15m/2", "100/15m"},
	{"RATE_LIMIT_API=on", "100/15m"},
	{"RATE_LIMIT_SYNC=5/2d", "one day"},
	{"MAX_CONNECTIONS=many", "whole number"},
	{"WATCHLIST_PAGE_DEFAULT=101", "from 0 to 100"},
	{"MAX_ITEMS=0", "from 1 to"},
	{"HISTORY_KEEP=0", "from 1 to"},
	{"HISTORY_DAYS=forever", "whole number"},
	{"REGISTRATION=yes", "open, first, closed"},
	{"LOG_LEVEL=verbose", "error, warn, info, debug"},
	{"LOG_FORMAT=xml", "text, json"},
	{"EMAIL_TLS=ssl", "starttls, implicit, off"},
	{"EMAIL_HOST=smtp://mail", "smtp.example.org"},
	{"EMAIL_HOST=a b", "smtp.example.org"},
	{"EMAIL_FROM=nobody", "name@example.org"},
	{"EMAIL_FROM=A <a@b", "name@example.org"},
	{"EMAIL_FROM=A <>", "name@example.org"},
	{"EMAIL_FROM=a@b@c", "name@example.org"},
	{"FRONTEND_URL=example.org", "https://name"},
	{"FRONTEND_URL=*", "unset to allow any"},
	{"FRONTEND_URL=https://a.example/app", "without a path"},
	{"FRONTEND_URL=https://", "https://name"},
	{"FRONTEND_URL=https://u:p@a.example", "https://name"},
	{"FRONTEND_URL=https://a:0", "https://name"},
	{"FRONTEND_URL=https://a:x", "https://name"},
	{"FRONTEND_URL=,", "https://name"},
	{"FRONTEND_URL=ftp://a", "https://name"},
	{"FRONTEND_URL=http://a?b", "https://name"},
	{"TRUSTED_PROXIES=10.0.0.0/33", "10.0.0.0/8"},
	{"TRUSTED_PROXIES=proxy", "192.0.2.1"},
	{"TRUSTED_PROXIES=10.0.0.1;10.0.0.2", "commas"},
};

static void test_refused_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(refused_values); i++) {
		char place[64];
		const char *equals = strchr(refused_values[i].line, '=');
		(void)snprintf(place, sizeof place, "test.env:1: %.*s \"",
			(int)(equals - refused_values[i].line), refused_values[i].line);
		REFUSED(refused_values[i].line, place, refused_values[i].word);
	}
}

static void test_too_many_entries(void **state)
{
	(void)state;
	struct buf text = buf_make(4096);
	buf_text(&text, "TRUSTED_PROXIES=");
	for (int i = 0; i <= CONFIG_PROXIES; i++)
		buf_fmt(&text, "10.0.0.%d,", i);
	REFUSED(text.ptr, "test.env:1: TRUSTED_PROXIES ", "more than 32");
	buf_clear(&text);
	buf_text(&text, "FRONTEND_URL=");
	for (int i = 0; i <= CONFIG_ORIGINS; i++)
		buf_fmt(&text, "http://h%d,", i);
	REFUSED(text.ptr, "test.env:1: FRONTEND_URL ", "more than 16");
	buf_free(&text);
}

static void test_settings_that_need_each_other(void **state)
{
	(void)state;
	write_bytes("cert.pem", "x", 1);
	REFUSED("TLS_CERT=cert.pem\n", "test.env:1: TLS_CERT ", "TLS_KEY", "both or neither");
	REFUSED("\nTLS_KEY=cert.pem\n", "test.env:2: TLS_KEY ", "TLS_CERT", "both or neither");
	REFUSED("TLS_CERT=cert.pem\nTLS_KEY=none.pem\n", "test.env:2: TLS_KEY \"none.pem\"", "No such file");
	REFUSED("EMAIL_HOST=mail\n", "test.env:1: EMAIL_HOST ", "set EMAIL_FROM");
	REFUSED("EMAIL_HOST=mail\nEMAIL_USER=me\nEMAIL_PASS=x\n", "test.env:1: EMAIL_HOST ", "EMAIL_FROM");
	REFUSED("EMAIL_HOST=mail\nEMAIL_USER=me@b\n", "test.env:2: EMAIL_USER ", "EMAIL_PASS");
	REFUSED("EMAIL_HOST=mail\nEMAIL_FROM=a@b\nEMAIL_PASS=x\n", "test.env:3: EMAIL_PASS ", "EMAIL_USER");
	REFUSED("EMAIL_HOST=mail\nEMAIL_USER=a@b\nEMAIL_PASS=x\nEMAIL_TLS=off\n", "test.env:4: EMAIL_TLS ",
		"in the clear");
}

static void test_mail_is_derived(void **state)
{
	(void)state;
	struct loaded l =
		load_good("EMAIL_HOST=mail\nEMAIL_USER=me@example.org\nEMAIL_PASS=x\nEMAIL_PORT=465\n");
	assert_string_equal(l.config.email_from, "me@example.org");
	assert_int_equal(l.config.email_tls, MAIL_IMPLICIT);
	unload(&l);
	l = load_good("EMAIL_TLS=implicit\n");
	assert_int_equal(l.config.email_port, 465);
	unload(&l);
	l = load_good("EMAIL_TLS=starttls\nEMAIL_PORT=465\n");
	assert_int_equal(l.config.email_tls, MAIL_STARTTLS);
	unload(&l);
	l = load_good("EMAIL_HOST=127.0.0.1\nEMAIL_USER=a@b\nEMAIL_PASS=x\nEMAIL_TLS=off\n");
	assert_int_equal(l.config.email_tls, MAIL_OFF);
	unload(&l);
}

static void test_old_env_files(void **state)
{
	(void)state;
	struct loaded l = load_good("NODE_ENV=development\n");
	assert_int_equal(l.config.log_level, LOG_DEBUG_);
	unload(&l);
	l = load_good("NODE_ENV=development\nLOG_LEVEL=error\n");
	assert_int_equal(l.config.log_level, LOG_ERROR_);
	unload(&l);
	l = load_good("NODE_ENV=development\nLOG_LEVEL=\n");
	assert_int_equal(l.config.log_level, LOG_DEBUG_);
	unload(&l);
	l = load_good("NODE_ENV=production\n");
	assert_int_equal(l.config.log_level, LOG_INFO_);
	unload(&l);
}

/* The words of a secret stand in no message, however the line is broken. */
static void test_secrets_are_not_shown(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"JWT_SECRET=hunter2",
		"JWT_SECRET=hunter2hunter2hunter2hunter2#hunter2",
		"JWT_SECRET='hunter2",
		"JWT_SECRET=\"hunter2\" hunter2",
		"JWT_SECRET=hunter2\x01hunter2hunter2hunter2hunter2hunter2",
		"JWT_SECRET=\xFFhunter2",
		"EMAIL_PASS=hunter2\nEMAIL_PASS=hunter2",
		"EMAIL_HOST=mail\nEMAIL_FROM=a@b\nEMAIL_PASS=hunter2",
		"JWT_SECRET=" SECRET "\nhunter2",
		"JWT_SECRET=" SECRET "\nhunter2==",
		"MONGODB_URI=mongodb://user:hunter2@db/x\x01",
	};
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		struct loaded l = load(texts[i]);
		assert_int_equal(l.err, ERR_INVALID);
		assert_true(l.why.len > 20);
		if (strstr(l.why.ptr, "hunter2"))
			fail_msg("shown: %s", l.why.ptr);
		unload(&l);
	}
	REFUSED("JWT_SECRET=short", "test.env:1: JWT_SECRET is shorter than 32 characters; ",
		"leave it unset");
	REFUSED("JWT_SECRET=your_super_secret_jwt_key_min_32_characters_long",
		"test.env:1: JWT_SECRET is the sample", "API document");
}

static void test_where_the_fault_is(void **state)
{
	(void)state;
	char *const environment[] = {(char[]){"MAX_ITEMS=lots"}, NULL};
	write_bytes(path, "", 0);
	struct loaded l = load_file(environment);
	assert_int_equal(l.err, ERR_INVALID);
	assert_true(str_starts(buf_str(&l.why), STR("environment: MAX_ITEMS \"lots\" ")));
	unload(&l);

	const struct config_flags flags = {.config_path = path, .port = "http"};
	struct config config;
	struct buf why = buf_make(8192);
	assert_int_equal(config_load(&flags, no_environment, &config, &why), ERR_INVALID);
	assert_true(str_starts(buf_str(&why), STR("--port: PORT \"http\" ")));
	buf_free(&why);

	/* A value that is overruled must be good all the same. */
	char *const good[] = {(char[]){"MAX_ITEMS=5"}, NULL};
	write_bytes(path, "MAX_ITEMS=x", 11);
	l = load_file(good);
	assert_int_equal(l.err, ERR_INVALID);
	assert_true(str_starts(buf_str(&l.why), STR("test.env:1: ")));
	unload(&l);
}

static void test_files_that_are_none(void **state)
{
	(void)state;
	struct config_flags flags = {.config_path = "absent.env"};
	struct config config;
	struct buf why = buf_make(8192);
	assert_int_equal(config_load(&flags, no_environment, &config, &why), ERR_NOT_FOUND);
	assert_non_null(strstr(why.ptr, "absent.env"));
	buf_clear(&why);

	flags.config_path = ".";
	assert_int_equal(config_load(&flags, no_environment, &config, &why), ERR_INVALID);
	assert_non_null(strstr(why.ptr, "directory"));
	buf_clear(&why);

	write_bytes(path, "PORT=1\0\n", 8);
	flags.config_path = path;
	assert_int_equal(config_load(&flags, no_environment, &config, &why), ERR_INVALID);
	assert_non_null(strstr(why.ptr, "NUL"));
	buf_free(&why);
}

static void test_size_of_the_file(void **state)
{
	(void)state;
	enum { MIB = 1024 * 1024 };
	static char text[MIB + 1];
	memset(text, '\n', sizeof text);
	memcpy(text + MIB - 9, "PORT=1234", 9);
	write_bytes(path, text, MIB);
	struct loaded l = load_file(no_environment);
	assert_int_equal(l.err, ERR_OK);
	assert_int_equal(l.config.port, 1234);
	unload(&l);
	write_bytes(path, text, MIB + 1);
	l = load_file(no_environment);
	assert_int_equal(l.err, ERR_INVALID);
	assert_non_null(strstr(l.why.ptr, "1 MiB"));
	unload(&l);
}

static void test_long_values_are_shortened(void **state)
{
	(void)state;
	char text[4096] = "PORT=";
	for (size_t i = 5; i < 3005; i += 3)
		memcpy(text + i, "\xE7\xB6\x9A", 3);
	text[3005] = '\0';
	struct loaded l = load(text);
	assert_int_equal(l.err, ERR_INVALID);
	assert_true(l.why.len < 300);
	assert_true(str_utf8(buf_str(&l.why)));
	unload(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_every_setting),
		cmocka_unit_test(test_example_file),
		cmocka_unit_test(test_order_of_sources),
		cmocka_unit_test(test_form_of_lines),
		cmocka_unit_test(test_refused_lines),
		cmocka_unit_test(test_refused_values),
		cmocka_unit_test(test_too_many_entries),
		cmocka_unit_test(test_settings_that_need_each_other),
		cmocka_unit_test(test_mail_is_derived),
		cmocka_unit_test(test_old_env_files),
		cmocka_unit_test(test_secrets_are_not_shown),
		cmocka_unit_test(test_where_the_fault_is),
		cmocka_unit_test(test_files_that_are_none),
		cmocka_unit_test(test_size_of_the_file),
		cmocka_unit_test(test_long_values_are_shortened),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
