#include "sync/op.h"

const char *const event_names[EVENT_COUNT] = {"", "open", "heartbeat", "pause", "stop", "seek", "manual"};
const char *const outcome_names[OUTCOME_COUNT] = {"applied", "merged", "superseded", "candidate", "rejected"};
const char *const rule_names[RULE_COUNT] = {
	"newest", "later_stamp", "deleted_later", "cleared_later", "paused_player", "early_rewind"};

struct op op_make(enum op_kind kind, enum collection collection, struct str key, struct device_id device)
{
	return (struct op){.kind = kind,
		.collection = collection,
		.key = key,
		.device = device,
		.age_ms = -1,
		.playing_ms = -1};
}

bool key_valid(struct str key)
{
	return key.len >= 1 && key.len <= KEY_MAX && str_utf8(key) && !str_has_control(key);
}

enum event event_of(struct str name)
{
	for (int e = EVENT_OPEN; e < EVENT_COUNT; e++)
		if (str_eq(name, str_from(event_names[e])))
			return (enum event)e;
	return EVENT_NONE;
}

bool event_ticks(enum event event)
{
	return event == EVENT_HEARTBEAT || event == EVENT_PAUSE || event == EVENT_STOP;
}
