/* The file of settings, read as at start: a refusal is a sentence for people, what is taken is within its
 * bounds. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/config.h"
#include "daemon/config_file.h"
#include "daemon/limits.h"
#include "tests/fuzz/fuzz.h"

enum { WHY = 8192 };

/* Lines are counted upwards, keys are there, values lie in the text or the arena. */
static void check_lines(struct str text)
{
	struct arena arena = arena_make(LIMIT_CONFIG_MEMORY);
	struct config_line got = {0};
	struct str rest = text;
	unsigned line = 0, last = 0;
	const char *fault = NULL;
	while (config_file_next(&rest, &line, &arena, &got, &fault)) {
		CHECK(got.line > last);
		CHECK(got.key.len > 0 && str_utf8(got.key) && !str_has_control(got.key));
		CHECK(str_utf8(got.value));
		CHECK(input_within(rest, text));
		last = got.line;
	}
	if (fault) {
		CHECK(input_sentence(str_from(fault)));
		CHECK(got.line > last || got.line == line);
	} else {
		CHECK(rest.len == 0);
	}
	arena_free(&arena);
}

static void check_config(const struct config *c)
{
	CHECK(c->port >= 1 && c->port <= 65535);
	CHECK(c->email_port >= 1 && c->email_port <= 65535);
	CHECK(c->bind && *c->bind);
	CHECK(c->data_dir && *c->data_dir);
	CHECK(c->base_path && (!*c->base_path || c->base_path[0] == '/'));
	CHECK(c->proxy_count <= CONFIG_PROXIES);
	CHECK(c->origin_count <= CONFIG_ORIGINS);
	CHECK(c->jwt_expire_ms >= 1000 && c->refresh_expire_ms >= 1000);
	CHECK(!c->jwt_secret || strlen(c->jwt_secret) >= 32);
	for (size_t i = 0; i < c->proxy_count; i++)
		CHECK(c->proxies[i].bits <= 128);
}

static void check_load(struct str text)
{
	static char *const nothing[] = {NULL};
	char path[64];
	int fd = memfd_create("settings", MFD_CLOEXEC);
	CHECK(fd >= 0);
	CHECK(write(fd, text.ptr, text.len) == (ssize_t)text.len);
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	struct config_flags flags = {.config_path = path};
	struct config config;
	struct buf why = buf_make(WHY);
	enum err err = config_load(&flags, nothing, &config, &why);
	CHECK(buf_ok(&why));
	if (err) {
		CHECK(err == ERR_INVALID);
		CHECK(input_sentence(buf_str(&why)));
	} else {
		check_config(&config);
		config_free(&config);
	}
	buf_free(&why);
	(void)close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = input_make(data, size);
	check_lines(text);
	check_load(text);
	return 0;
}
