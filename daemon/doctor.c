#include "daemon/doctor.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/admin_run.h"
#include "daemon/control_client.h"
#include "daemon/limits.h"
#include "sync/base/check.h"

enum { TEXT_MAX = 4096 };

/* --- settings and the daemon --- */

/* They have been read already: a wrong one ends every command before it begins, with file, line and fix. */
static void check_settings(struct doctor *d)
{
	doctor_say(d, DOCTOR_OK, "read; data in %s", d->config->data_dir);
}

static void ask_daemon(struct doctor *d)
{
	struct buf answer = buf_make(LIMIT_CONTROL_LINE);
	struct str line = STR("{\"command\":\"status\"}\n");
	if (control_ask(d->config->data_dir, line, LIMIT_CONTROL_MS, &answer, &d->why_none) == ERR_OK)
		d->status = json_loadb(answer.ptr, answer.len, JSON_REJECT_DUPLICATES, NULL);
	buf_free(&answer);
}

static void check_daemon(struct doctor *d)
{
	const json_t *trouble = json_array_get(json_object_get(d->status, "reasons"), 0);
	const char *version = json_string_value(json_object_get(d->status, "version"));
	if (!d->status) {
		doctor_say(d, DOCTOR_FAIL, "does not run, or does not answer: %s",
			d->why_none.len ? d->why_none.ptr : "no answer");
		buf_text(&d->fix, "systemctl start tsuzukid");
	} else if (trouble) {
		doctor_say(d, DOCTOR_WARN, "runs, but: %s", json_string_value(trouble));
		buf_text(&d->fix, "journalctl -u tsuzukid -n 50");
	} else if (!version || strcmp(version, TSUZUKI_VERSION) != 0) {
		doctor_say(d, DOCTOR_WARN, "runs version %s, and this is " TSUZUKI_VERSION,
			version ? version : "unknown");
		buf_text(&d->fix, "systemctl restart tsuzukid");
	} else {
		doctor_say(d, DOCTOR_OK, "runs, healthy, for %lld s",
			(long long)json_integer_value(json_object_get(d->status, "uptime")));
	}
}

/* --- all --- */

static const struct {
	const char *name;
	doctor_check *check;
	enum admin_exit code; /* of the command when it fails */
} checks[] = {
	{"settings", check_settings, ADMIN_CONFIG},
	{"data folder", doctor_folder, ADMIN_IO},
	{"secret", doctor_secret, ADMIN_CONFIG},
	{"database", doctor_database, ADMIN_CONFIG},
	{"free space", doctor_space, ADMIN_IO},
	{"backup", doctor_backup, ADMIN_IO},
	{"daemon", check_daemon, ADMIN_UNAVAILABLE},
	{"port", doctor_port, ADMIN_UNAVAILABLE},
	{"certificate", doctor_certificate, ADMIN_CONFIG},
	{"mail", doctor_mail, ADMIN_UNAVAILABLE},
	{"clock", doctor_clock, ADMIN_IO},
	{"descriptors", doctor_descriptors, ADMIN_IO},
};

static const char *const result_names[] = {"ok", "warn", "fail"};

static void print_line(const struct doctor *d, const char *name)
{
	(void)printf("%-4s  %-12s %s\n", result_names[d->result], name, d->text.ptr ? d->text.ptr : "");
	if (d->fix.len)
		(void)printf("      %-12s fix: %s\n", "", d->fix.ptr);
}

static void add_json(struct buf *out, const struct doctor *d, const char *name, bool first)
{
	buf_text(out, first ? "{\"name\":" : ",\n{\"name\":");
	buf_json(out, str_from(name));
	buf_fmt(out, ",\"result\":\"%s\",\"text\":", result_names[d->result]);
	/* It may hold a path or a word of the system that is no UTF-8. */
	buf_json(out, str_utf8(buf_str(&d->text)) ? buf_str(&d->text) : STR("?"));
	buf_text(out, ",\"fix\":");
	if (d->fix.len)
		buf_json(out, str_utf8(buf_str(&d->fix)) ? buf_str(&d->fix) : STR("?"));
	else
		buf_text(out, "null");
	buf_char(out, '}');
}

static int look(struct doctor *d, bool as_json)
{
	struct buf json = buf_make(COUNT_OF(checks) * 16384);
	int code = ADMIN_OK;
	for (size_t i = 0; i < COUNT_OF(checks); i++) {
		buf_clear(&d->text);
		buf_clear(&d->fix);
		d->result = DOCTOR_OK;
		checks[i].check(d);
		if (d->result == DOCTOR_FAIL && code == ADMIN_OK)
			code = checks[i].code;
		if (as_json)
			add_json(&json, d, checks[i].name, i == 0);
		else
			print_line(d, checks[i].name);
	}
	if (as_json)
		(void)printf(
			"{\"ok\":%s,\"checks\":[%s]}\n", code ? "false" : "true", json.ptr ? json.ptr : "");
	buf_free(&json);
	return fflush(stdout) == 0 ? code : ADMIN_IO;
}

int doctor_command(const struct config *config, const struct cli *cli)
{
	struct doctor d = {.config = config,
		.why_none = buf_make(TEXT_MAX),
		.text = buf_make(TEXT_MAX),
		.fix = buf_make(TEXT_MAX)};
	/* So that looking leaves nothing behind that is root's. A folder that is not there is a finding. */
	if (access(config->data_dir, F_OK) == 0 && !admin_as_owner(config))
		return ADMIN_IO;
	ask_daemon(&d);
	int code = look(&d, cli->json);
	json_decref(d.status);
	buf_free(&d.why_none);
	buf_free(&d.text);
	buf_free(&d.fix);
	return code;
}
