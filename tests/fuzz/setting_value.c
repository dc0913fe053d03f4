/*
 * The value of one setting: durations, rates, networks, addresses and the rest. The first byte names the
 * setting, the second says whether a mark stands before the value, by which a secret that leaks into a
 * message is found.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "daemon/config.h"
#include "tests/fuzz/fuzz.h"

enum { PLAIN, SECRET };
enum { WHY = 8192, VALUE = 8192 };

static const struct {
	const char *name;
	bool secret;
} settings[] = {
#define OPTION_GROUP(title)
#define OPTION(name, kind, field, fallback, least, most, secrecy, help) {#name, secrecy == SECRET},
#include "daemon/options.def"
#undef OPTION_GROUP
#undef OPTION
};

static const char mark[] = "zqxjkvbzqxjkv";

static void check_rate(const struct rate *rate)
{
	CHECK(rate->count == 0 || rate->window_ms > 0);
}

static void check_origin(struct str origin)
{
	CHECK(str_starts(origin, STR("http://")) || str_starts(origin, STR("https://")));
	CHECK(origin.ptr[origin.len - 1] != '/');
	CHECK(!str_has_control(origin));
	for (size_t i = 0; i < origin.len; i++)
		CHECK(origin.ptr[i] < 'A' || origin.ptr[i] > 'Z');
	CHECK(str_find(origin, ',') == origin.len);
}

static void check_config(const struct config *c)
{
	CHECK(c->port >= 1 && c->port <= 65535);
	CHECK(c->jwt_expire_ms >= 1000 && c->refresh_expire_ms >= 1000);
	CHECK(!c->jwt_secret || strlen(c->jwt_secret) >= 32);
	CHECK(c->proxy_count <= CONFIG_PROXIES);
	CHECK(c->origin_count <= CONFIG_ORIGINS);
	check_rate(&c->rate_auth);
	check_rate(&c->rate_api);
	check_rate(&c->rate_sync);
	for (size_t i = 0; i < c->proxy_count; i++) {
		CHECK(c->proxies[i].bits <= 128);
		CHECK(network_holds(&c->proxies[i], &c->proxies[i].address));
	}
	for (size_t i = 0; i < c->origin_count; i++)
		check_origin(c->origins[i]);
	size_t base = strlen(c->base_path);
	CHECK(!base || (c->base_path[0] == '/' && c->base_path[base - 1] != '/'));
}

static const char *empty_file(void)
{
	static char path[64];
	if (!path[0]) {
		int fd = memfd_create("settings", MFD_CLOEXEC);
		CHECK(fd >= 0);
		(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	}
	return path;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = input_make(data, size);
	size_t which = input_byte(&in) % COUNT_OF(settings);
	bool marked = input_byte(&in) & 1;
	char entry[VALUE];
	int len = snprintf(
		entry, sizeof entry, "%s=%s%.*s", settings[which].name, marked ? mark : "", STR_ARG(in));
	if (len < 0 || (size_t)len >= sizeof entry)
		return 0;
	char *environment[] = {entry, NULL};
	struct config_flags flags = {.config_path = empty_file()};
	struct config config;
	struct buf why = buf_make(WHY);
	enum err err = config_load(&flags, environment, &config, &why);
	CHECK(buf_ok(&why));
	if (err) {
		CHECK(err == ERR_INVALID);
		CHECK(input_sentence(buf_str(&why)));
		CHECK(strstr(why.ptr, settings[which].name) || strstr(why.ptr, "TLS_"));
		CHECK(!settings[which].secret || !strstr(why.ptr, mark));
	} else {
		check_config(&config);
		config_free(&config);
	}
	buf_free(&why);
	return 0;
}
