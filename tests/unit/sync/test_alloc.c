/*
 * Every allocation of a scripted run fails in turn, ours and SQLite's, once alone and once with all that
 * follow: no crash, no leak, an error that says so, and afterwards everything acknowledged is there
 * (style.md, section 3, habits 1 and 2). Linked with --wrap=malloc,calloc,realloc.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "tests/unit/sync/support.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static struct {
	bool armed;
	bool for_ever;
	long countdown; /* allocations before the first that fails */
	bool hit;
} faults;

static bool fails(void)
{
	if (!faults.armed)
		return false;
	if (faults.countdown-- > 0)
		return false;
	if (faults.countdown < -1 && !faults.for_ever)
		return false;
	faults.hit = true;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}

static sqlite3_mem_methods real_memory;

static void *sqlite_malloc(int size)
{
	return fails() ? NULL : real_memory.xMalloc(size);
}

static void *sqlite_realloc(void *old, int size)
{
	return fails() ? NULL : real_memory.xRealloc(old, size);
}

static void draw(void *context, unsigned char *bytes, size_t len)
{
	uint64_t *seed = context;
	for (size_t i = 0; i < len; i++) {
		*seed = *seed * 6364136223846793005u + 1442695040888963407u;
		bytes[i] = (unsigned char)(*seed >> 56);
	}
}

struct run {
	char dir[64];
	uint64_t seed;
	struct store_options options;
	struct store *store;
	struct reader *reader;
	struct now now;
	uint64_t user;
	bool registered;
	double acknowledged; /* the last position that was acknowledged */
};

static enum err run_job(struct run *r, struct job *job)
{
	if (!job)
		return ERR_NOMEM;
	job->next = NULL;
	r->now.wall_ms += 1000;
	r->now.mono_ms += 1000;
	store_run(r->store, job, r->now);
	return job->err;
}

static void do_register(struct run *r)
{
	struct account_register *a = account_register_make(r->user);
	if (!a)
		return;
	a->username = STR("tester");
	a->email = STR("tester@example.com");
	a->password_hash = STR("hash");
	a->session = (struct session_begin){.session = {{1}},
		.device = test_device(1),
		.device_name = STR(""),
		.now_ms = r->now.wall_ms,
		.expires_ms = r->now.wall_ms + 1000,
		.most_devices = 9,
		.most_sessions = 9};
	if (!run_job(r, &a->job) && a->outcome == ACCOUNT_OK)
		r->registered = true;
	job_free(&a->job);
}

static void do_op(struct run *r, enum event event, const char *session, unsigned char device, double time)
{
	struct apply *a = apply_make(r->user, 1);
	if (!a)
		return;
	struct op *op = &a->ops[0];
	*op = op_make(OP_SET, COLLECTION_PROGRESS, STR("anime-1"), test_device(device));
	op->event = event;
	op->session = str_from(session);
	op->present = 1u << REG_POSITION | 1u << REG_OPENED;
	op->partial[REG_POSITION] = 1u << POSITION_TIME;
	op->values[REG_POSITION].f[POSITION_EPISODE].i = 1;
	op->values[REG_POSITION].f[POSITION_TIME].r = time;
	op->values[REG_OPENED].f[OPENED_EPISODE].i = 1;
	if (!run_job(r, &a->job) && a->results[0].outcome == OUTCOME_APPLIED)
		r->acknowledged = time;
	job_free(&a->job);
}

static void do_restore(struct run *r)
{
	struct apply *a = apply_make(r->user, 1);
	if (!a)
		return;
	a->ops[0] = op_make(OP_SET, COLLECTION_PROGRESS, STR("anime-1"), test_device(1));
	a->ops[0].restore_seq = 1;
	if (!run_job(r, &a->job) && a->results[0].refusal == REFUSED_NOT)
		r->acknowledged = a->results[0].item.cells[REG_POSITION].value.f[POSITION_TIME].r;
	job_free(&a->job);
}

static void do_reads(struct run *r)
{
	struct buf b = buf_make(1 << 20);
	int64_t count = 0;
	struct watchlist_page page = {.status = -1, .page = 1, .limit = 20};
	(void)query_progress(r->reader, r->user, "507f1f77bcf86cd799439011", 20, &b, &count);
	(void)query_history(r->reader, r->user, COLLECTION_PROGRESS, STR("anime-1"), &b);
	(void)query_watchlist(r->reader, r->user, "507f1f77bcf86cd799439011", &page, &b);
	(void)query_devices(r->reader, r->user, test_device(1), &b);
	buf_free(&b);
}

static enum err open_run(struct run *r)
{
	struct buf why = buf_make(4096);
	enum err err = store_open(&r->options, &r->store, &why);
	if (!err)
		err = reader_open(r->dir, &r->reader);
	buf_free(&why);
	return err;
}

static void close_run(struct run *r)
{
	reader_close(r->reader);
	store_close(r->store);
	r->reader = NULL;
	r->store = NULL;
}

static void scenario(struct run *r)
{
	if (!open_run(r)) {
		do_register(r);
		do_op(r, EVENT_MANUAL, "", 1, 600);
		do_op(r, EVENT_HEARTBEAT, "s", 1, 601);
		do_op(r, EVENT_HEARTBEAT, "s", 1, 602);
		do_op(r, EVENT_HEARTBEAT, "t", 2, 100); /* a candidate, twice: the second coalesces */
		do_op(r, EVENT_HEARTBEAT, "t", 2, 105);
		do_restore(r);
		do_reads(r);
		(void)store_slice(r->store, r->now);
	}
	close_run(r);
}

/* With memory again: the store opens, and shows at least what was acknowledged. */
static void check(struct run *r)
{
	struct buf b = buf_make(1 << 20);
	char expected[64];
	assert_int_equal(open_run(r), ERR_OK);
	enum err err = query_item(
		r->reader, r->user, "507f1f77bcf86cd799439011", COLLECTION_PROGRESS, STR("anime-1"), &b);
	if (r->acknowledged > 0) {
		assert_true(r->registered);
		assert_int_equal(err, ERR_OK);
		(void)snprintf(expected, sizeof expected, "\"currentTime\":%.0f,", r->acknowledged);
		assert_non_null(strstr(b.ptr, expected));
	}
	buf_free(&b);
	close_run(r);
}

static bool one_run(long countdown, bool for_ever)
{
	struct run r = {.seed = 7, .user = 4711, .now = {(int64_t)TEST_START_MS * 1000, 1000}};
	char command[128];
	(void)snprintf(r.dir, sizeof r.dir, "/tmp/tsuzuki-alloc-XXXXXX");
	assert_non_null(mkdtemp(r.dir));
	r.options = (struct store_options){.dir = r.dir,
		.env = {.random = draw, .context = &r.seed},
		.max_items = 100,
		.history_keep = 5,
		.history_ms = 86400000};
	faults.armed = true;
	faults.for_ever = for_ever;
	faults.countdown = countdown;
	faults.hit = false;
	scenario(&r);
	faults.armed = false;
	check(&r);
	(void)snprintf(command, sizeof command, "rm -rf -- %s", r.dir);
	assert_int_equal(system(command), 0);
	return faults.hit;
}

/* Every allocation up to a few hundred, then every prime-th: each site is met many times, and the test stays
 * short. */
static void campaign(bool for_ever)
{
	/* Under valgrind (TSUZUKI_WRAP names it) a sample has to do. */
	const char *wrap = getenv("TSUZUKI_WRAP");
	long step = wrap && wrap[0] ? 61 : 1;
	long hits = 0;
	for (long n = 0; one_run(n, for_ever); n += step) {
		hits++;
		if (n > 400 && step < 11)
			step = 11;
	}
	assert_true(hits > 50);
}

static void each_allocation_fails_alone(void **state)
{
	(void)state;
	campaign(false);
}

static void each_allocation_fails_and_all_that_follow(void **state)
{
	(void)state;
	campaign(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_allocation_fails_alone),
		cmocka_unit_test(each_allocation_fails_and_all_that_follow),
	};
	/* Before anything opens a database: SQLite's allocator with our faults in it. */
	sqlite3_mem_methods faulty;
	if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory) != SQLITE_OK)
		return 1;
	faulty = real_memory;
	faulty.xMalloc = sqlite_malloc;
	faulty.xRealloc = sqlite_realloc;
	if (sqlite3_config(SQLITE_CONFIG_MALLOC, &faulty) != SQLITE_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
