/* A request of the control socket: refused with an answer of one line, or a job of good fields. */
#include <jansson.h>

#include "daemon/admin.h"
#include "daemon/limits.h"
#include "tests/fuzz/fuzz.h"

static void check_answer(const struct buf *answer)
{
	CHECK(buf_ok(answer) && answer->len > 0);
	CHECK(str_find(buf_str(answer), '\n') == answer->len - 1);
	json_t *json = json_loadb(answer->ptr, answer->len, JSON_REJECT_DUPLICATES, NULL);
	CHECK(json_is_object(json) && json_is_boolean(json_object_get(json, "ok")));
	CHECK(json_string_length(json_object_get(json, "message")) > 0);
	json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *request = size <= LIMIT_CONTROL_LINE
				  ? json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL)
				  : NULL;
	if (!json_is_object(request)) {
		json_decref(request);
		return 0;
	}
	struct buf answer = buf_make(LIMIT_CONTROL_LINE);
	struct manage *m = admin_job(request, &answer);
	if (m) {
		CHECK(answer.len == 0);
		CHECK(m->name.len > 0 && str_utf8(m->name) && !str_has_control(m->name));
		CHECK((m->kind == MANAGE_ADD) == (m->job.user != 0));
		for (int outcome = ACCOUNT_OK; outcome <= ACCOUNT_CLOSED; outcome++) {
			m->outcome = (enum account_outcome)outcome;
			m->username = m->name;
			buf_clear(&answer);
			admin_answer(m, &answer);
			check_answer(&answer);
		}
		job_free(&m->job);
	} else {
		check_answer(&answer);
	}
	buf_free(&answer);
	json_decref(request);
	return 0;
}
