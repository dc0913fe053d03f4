#include "clients/cli/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SYNC_MS = 2000, SAY_BYTES = 16 * 1024 };

void run_say(const char *before, const char *text)
{
	struct buf line = buf_make(SAY_BYTES);
	buf_text(&line, before);
	out_clean(str_from(text), &line);
	buf_char(&line, '\n');
	(void)fputs(buf_ok(&line) ? line.ptr : "tsuzuki: Memory is short.\n", stderr);
	buf_free(&line);
}

int run_failed(struct run *r, enum tsz_code code)
{
	static const int exits[TSZ_CODE_COUNT] = {
		[TSZ_OK] = EXIT_GOOD,
		[TSZ_FAILED] = EXIT_FAILED,
		[TSZ_INVALID] = EXIT_USAGE,
		[TSZ_AWAY] = EXIT_AWAY,
		[TSZ_DENIED] = EXIT_DENIED,
		[TSZ_NOT_FOUND] = EXIT_NOT_FOUND,
		[TSZ_CONFLICT] = EXIT_CONFLICT,
		[TSZ_BUSY] = EXIT_FAILED,
		[TSZ_IO] = EXIT_IO,
	};
	run_say("tsuzuki: ", tsz_error(r->store));
	return exits[code];
}

json_t *run_json(char *text)
{
	json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
	tsz_free(text);
	if (!json)
		(void)fputs("tsuzuki: Memory is short.\n", stderr);
	return json;
}

int run_print(struct run *r, char *text)
{
	(void)r;
	(void)puts(text);
	tsz_free(text);
	return out_flush() ? EXIT_GOOD : EXIT_IO;
}

void run_sync(struct run *r)
{
	if (r->args->given[OPT_OFFLINE] || !tsz_logged_in(r->store))
		return;
	enum tsz_code code = tsz_sync(r->store, SYNC_MS, NULL);
	/* Another program is at it: it takes along what waits here, or the next command does. */
	if (code == TSZ_OK || code == TSZ_BUSY)
		return;
	run_say(code == TSZ_AWAY ? "tsuzuki: offline: " : "tsuzuki: ", tsz_error(r->store));
}
