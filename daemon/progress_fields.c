#include "daemon/progress_fields.h"

#include "daemon/fields.h"

enum { EPISODE_MAX = 1000000 };
static const double TIME_MAX = 10000000;
/* Older than any time there is: a clock that is off by decades is still never refused. */
static const double AGE_MAX_MS = 9e18;

static void give(struct op *op, enum reg reg, size_t field, enum field_state state)
{
	if (state != FIELD_GOOD)
		return;
	op->present |= 1u << reg;
	op->partial[reg] |= 1u << field;
}

static void position_fields(const json_t *json, struct op *op, struct faults *faults)
{
	static const char bad_episode[] = "Current episode must be at least 1";
	struct field *p = op->values[REG_POSITION].f;
	if (field_int(json, "currentEpisode", 1, EPISODE_MAX, bad_episode, faults, &p[POSITION_EPISODE].i) ==
		FIELD_ABSENT)
		fault_add(faults, "currentEpisode", bad_episode);
	give(op, REG_POSITION, POSITION_TIME,
		field_real(json, "currentTime", TIME_MAX, "Current time must be a positive number", faults,
			&p[POSITION_TIME].r));
	give(op, REG_POSITION, POSITION_DURATION,
		field_real(json, "duration", TIME_MAX, "Duration must be a positive number", faults,
			&p[POSITION_DURATION].r));
	op->present |= 1u << REG_POSITION | 1u << REG_OPENED;
	op->partial[REG_POSITION] |= 1u << POSITION_EPISODE;
	op->partial[REG_OPENED] |= 1u << OPENED_EPISODE;
	op->values[REG_OPENED].f[OPENED_EPISODE].i = p[POSITION_EPISODE].i;
}

static void opened_fields(const json_t *json, struct op *op, struct faults *faults)
{
	struct field *o = op->values[REG_OPENED].f;
	give(op, REG_OPENED, OPENED_TITLE,
		field_text(json, "episodeTitle", 300,
			"Episode title must be a text of at most 300 characters", faults,
			&o[OPENED_TITLE].s));
	give(op, REG_OPENED, OPENED_ID,
		field_text(json, "episodeId", 300, "Episode ID must be a text of at most 300 characters",
			faults, &o[OPENED_ID].s));
	enum field_state dub =
		field_text(json, "dub", 3, "Dub must be either 'yes' or 'no'", faults, &o[OPENED_DUB].s);
	if (dub == FIELD_GOOD && !str_eq(o[OPENED_DUB].s, STR("yes")) && !str_eq(o[OPENED_DUB].s, STR("no")))
		fault_add(faults, "dub", "Dub must be either 'yes' or 'no'");
	give(op, REG_OPENED, OPENED_DUB, dub);
	give(op, REG_OPENED, OPENED_SERVER,
		field_text(json, "server", 300, "Server must be a string", faults, &o[OPENED_SERVER].s));
}

static void title_fields(const json_t *json, struct arena *a, struct op *op, struct faults *faults)
{
	struct str title = {NULL, 0};
	(void)field_anime_id(json, a, faults, &op->key);
	size_t after_id = faults->count;
	(void)field_text(json, "animeTitle", 300, "Anime title must be a text of at most 300 characters",
		faults, &title);
	if (faults->count == after_id && str_trim(title).len == 0)
		fault_add(faults, "animeTitle", "Anime title is required");
	op->values[REG_TITLE].f[0].s = title;
	op->partial[REG_TITLE] = 1;
	op->present |= 1u << REG_TITLE;
	if (field_text(json, "animeImage", 2048, "Anime image must be a text of at most 2048 characters",
		    faults, &op->values[REG_IMAGE].f[0].s) == FIELD_GOOD)
		op->present |= 1u << REG_IMAGE;
}

/* What happened, and when: `event`, `session`, `age` in ms, `playing` in seconds (sync-protocol.md section
 * 4). */
static void event_fields(const json_t *json, struct op *op, struct faults *faults)
{
	static const char bad_event[] = "Event must be one of open, heartbeat, pause, stop, seek, manual";
	static const char bad_session[] =
		"Session must be a text of at most 64 bytes without control characters";
	struct str event = {NULL, 0};
	double age = 0;
	double playing = 0;
	const struct field *p = op->values[REG_POSITION].f;
	unsigned given = op->partial[REG_POSITION];
	bool nowhere =
		!(given & 1u << POSITION_TIME) || (p[POSITION_TIME].r == 0 && p[POSITION_DURATION].r == 0);
	op->event = nowhere ? EVENT_OPEN : EVENT_MANUAL;
	if (field_text(json, "event", 16, bad_event, faults, &event) == FIELD_GOOD) {
		op->event = event_of(event);
		if (op->event == EVENT_NONE)
			fault_add(faults, "event", bad_event);
	}
	op->session = STR("");
	if (field_text(json, "session", SESSION_MAX, bad_session, faults, &op->session) == FIELD_GOOD &&
		(op->session.len > SESSION_MAX || str_has_control(op->session)))
		fault_add(faults, "session", bad_session);
	if (field_real(json, "age", AGE_MAX_MS, "Age must be a number of milliseconds", faults, &age) ==
		FIELD_GOOD)
		op->age_ms = (int64_t)age;
	if (field_real(json, "playing", TIME_MAX, "Playing must be a number of seconds", faults, &playing) ==
		FIELD_GOOD)
		op->playing_ms = (int64_t)(playing * 1000);
	if (op->event == EVENT_OPEN)
		op->present &= ~(1u << REG_POSITION);
}

void progress_fields(const json_t *json, struct arena *a, struct op *op, struct faults *faults)
{
	title_fields(json, a, op, faults);
	position_fields(json, op, faults);
	opened_fields(json, op, faults);
	event_fields(json, op, faults);
}
