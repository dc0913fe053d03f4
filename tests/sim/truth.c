#include "truth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/base/check.h"

void truth_init(struct truth *t)
{
	*t = (struct truth){.acts = calloc(ACTS_MAX, sizeof(struct act))};
	CHECK(t->acts);
}

void truth_free(struct truth *t)
{
	free(t->acts);
	*t = (struct truth){.acts = NULL};
}

struct act *truth_add(struct truth *t, int user, enum op_kind kind, enum collection collection, int key)
{
	CHECK(t->count < ACTS_MAX);
	struct act *a = &t->acts[t->count++];
	*a = (struct act){.user = user,
		.kind = kind,
		.collection = collection,
		.key = key,
		.value = (int)t->count,
		.where = NOBODY,
		.taken_by = NOBODY};
	return a;
}

int truth_number(const struct truth *t, const struct act *a)
{
	return (int)(a - t->acts);
}

void truth_key(int user, int key, char out[32])
{
	(void)snprintf(out, 32, "u%d-anime-%d", user, key);
}

int truth_key_of(int user, const char *key)
{
	char name[32];
	for (int k = 0; k < KEYS; k++) {
		truth_key(user, k, name);
		if (strcmp(name, key) == 0)
			return k;
	}
	return -1;
}

static int number_behind(const json_t *text)
{
	int64_t value = 0;
	struct str s = {json_string_value(text), json_string_length(text)};
	if (!s.len || !str_int((struct str){s.ptr + 1, s.len - 1}, 1, ACTS_MAX, &value))
		return 0;
	return (int)value;
}

int truth_value(enum reg reg, const json_t *value)
{
	switch (reg) {
	case REG_TITLE:
	case REG_IMAGE:
	case REG_NOTES:
		return number_behind(value);
	case REG_TOTAL:
	case REG_WATCHED:
		return (int)json_integer_value(value);
	case REG_POSITION:
		return (int)json_number_value(json_object_get(value, "duration"));
	case REG_OPENED:
		return number_behind(json_object_get(value, "episodeTitle"));
	default:
		return 0;
	}
}
