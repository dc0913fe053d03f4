#include "tests/unit/sync/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct apply *last_apply;

/* SplitMix64: the same bytes in every run. */
static void draw(void *context, unsigned char *bytes, size_t len)
{
	struct fixture *f = context;
	for (size_t i = 0; i < len; i++) {
		f->seed += 0x9e3779b97f4a7c15u;
		uint64_t z = f->seed;
		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
		z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
		bytes[i] = (unsigned char)(z >> 56);
	}
}

static void open_store(struct fixture *f)
{
	struct buf why = buf_make(4096);
	assert_int_equal(store_open(&f->options, &f->store, &why), ERR_OK);
	assert_int_equal(reader_open(f->dir, &f->reader), ERR_OK);
	reader_join(f->reader, f->store);
	buf_free(&why);
}

struct device_id test_device(unsigned char number)
{
	struct device_id device = {{0xd0, 0, 0, 0, 0, 0, 0, number}};
	return device;
}

struct fixture *fixture_open(void)
{
	/* Two stores of one test are two installations. */
	static uint64_t opened;
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	f->seed = opened++ << 32;
	/* In memory where there is such a folder: what survives a power cut is not asked here (tests/fault
	 * does). */
	(void)snprintf(f->dir, sizeof f->dir, "%s/tsuzuki-test-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(f->dir));
	f->options = (struct store_options){.dir = f->dir,
		.env = {.random = draw, .context = f},
		.max_items = 1000,
		.history_keep = 50,
		.history_ms = (int64_t)90 * 86400000};
	f->now = (struct now){(int64_t)TEST_START_MS * 1000, 5000};
	f->device = test_device(1);
	f->arena = arena_make((size_t)8 << 20);
	open_store(f);
	f->user = fixture_register(f, "tester");
	return f;
}

static void close_store(struct fixture *f)
{
	reader_close(f->reader);
	store_close(f->store);
}

void fixture_close(struct fixture *f)
{
	char command[128];
	if (last_apply)
		job_free(&last_apply->job);
	last_apply = NULL;
	close_store(f);
	arena_free(&f->arena);
	(void)snprintf(command, sizeof command, "rm -rf -- %s", f->dir);
	assert_int_equal(system(command), 0);
	free(f);
}

void fixture_restart(struct fixture *f)
{
	close_store(f);
	open_store(f);
}

void fixture_pass(struct fixture *f, int64_t ms)
{
	f->now.wall_ms += ms;
	f->now.mono_ms += ms;
}

void fixture_run(struct fixture *f, struct job *job)
{
	job->next = NULL;
	store_run(f->store, job, f->now);
	assert_int_equal(job->err, ERR_OK);
}

uint64_t fixture_register(struct fixture *f, const char *name)
{
	char email[64];
	uint64_t user = user_draw(f->options.env);
	struct account_register *r = account_register_make(user);
	assert_non_null(r);
	(void)snprintf(email, sizeof email, "%s@example.com", name);
	r->username = str_from(name);
	r->email = str_from(email);
	r->password_hash = STR("hash");
	r->session = (struct session_begin){.session = {{1, 2, 3}},
		.device = f->device,
		.device_name = STR("Kitchen"),
		.now_ms = f->now.wall_ms,
		.expires_ms = f->now.wall_ms + 86400000,
		.most_devices = 100,
		.most_sessions = 8};
	fixture_run(f, &r->job);
	assert_int_equal(r->outcome, ACCOUNT_OK);
	job_free(&r->job);
	return user;
}

struct op_result *fixture_op(struct fixture *f, const struct op *op)
{
	if (last_apply)
		job_free(&last_apply->job);
	last_apply = apply_make(f->user, 1);
	assert_non_null(last_apply);
	last_apply->ops[0] = *op;
	fixture_run(f, &last_apply->job);
	return &last_apply->results[0];
}

struct op test_progress(
	struct fixture *f, enum event event, const char *session, int64_t episode, double time)
{
	struct op op = op_make(OP_SET, COLLECTION_PROGRESS, STR("anime-1"), f->device);
	op.event = event;
	op.session = str_from(session);
	op.present = 1u << REG_OPENED;
	op.values[REG_OPENED].f[OPENED_EPISODE].i = episode;
	op.values[REG_POSITION].f[POSITION_EPISODE].i = episode;
	op.values[REG_POSITION].f[POSITION_TIME].r = time;
	op.values[REG_POSITION].f[POSITION_DURATION].r = 1440;
	if (event != EVENT_OPEN) {
		op.present |= 1u << REG_POSITION;
		op.partial[REG_POSITION] = 1u << POSITION_TIME | 1u << POSITION_DURATION;
	}
	return op;
}

struct op test_watchlist(struct fixture *f, const char *key, const char *status)
{
	struct op op = op_make(OP_SET, COLLECTION_WATCHLIST, str_from(key), f->device);
	for (int reg = 0; reg < REG_COUNT; reg++) {
		if (!register_of((enum reg)reg, COLLECTION_WATCHLIST))
			continue;
		op.present |= 1u << reg;
		op.values[reg] = value_default((enum reg)reg);
	}
	op.values[REG_TITLE].f[0].s = STR("Title");
	op.values[REG_STATUS].f[0].s = str_from(status);
	return op;
}

static const char *keep(struct fixture *f, struct buf *b)
{
	struct str copy;
	assert_true(buf_ok(b));
	assert_true(arena_str(&f->arena, buf_str(b), &copy));
	buf_free(b);
	return copy.ptr;
}

const char *fixture_view(struct fixture *f, enum collection collection, const char *key)
{
	struct buf b = buf_make(1 << 20);
	enum err err =
		query_item(f->reader, f->user, "507f1f77bcf86cd799439011", collection, str_from(key), &b);
	if (err == ERR_NOT_FOUND)
		return NULL;
	assert_int_equal(err, ERR_OK);
	return keep(f, &b);
}

const char *fixture_history(struct fixture *f, enum collection collection, const char *key)
{
	struct buf b = buf_make(1 << 20);
	assert_int_equal(query_history(f->reader, f->user, collection, str_from(key), &b), ERR_OK);
	return keep(f, &b);
}

size_t count_text(const char *in, const char *what)
{
	size_t count = 0;
	for (const char *at = strstr(in, what); at; at = strstr(at + 1, what))
		count++;
	return count;
}
