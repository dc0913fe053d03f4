/*
 * Every allocation of every route fails in turn, ours and SQLite's, once alone and once with all that follow:
 * each request is answered exactly once, with what it always says or a 5xx, nothing leaks, and what was
 * acknowledged is there. Requests have no socket, and threads are played by drain().
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>
#include <sqlite3.h>

#include "daemon/app.h"
#include "daemon/auth_cache.h"
#include "daemon/http.h"
#include "daemon/mail.h"
#include "daemon/password.h"
#include "daemon/ratelimit.h"
#include "daemon/router.h"
#include "daemon/slowdown.h"
#include "sync/base/check.h"
#include "tests/unit/daemon/support.h"
#include "tests/unit/sync/support.h"

#define GOOD_PASSWORD "securepassword123"

/* --- the allocator --- */

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
	if (!faults.armed || faults.countdown-- > 0)
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

/* --- threads and neighbours, played --- */

bool __wrap_writer_submit(struct writer *w, struct job *job);
bool __wrap_workers_submit(struct workers *w, enum lane lane, struct task *task);
struct writer_stats __wrap_writer_stats(struct writer *w);
unsigned __wrap_workers_busy(struct workers *w, enum lane lane);
struct http_stats __wrap_http_stats(const struct http *http);
void __wrap_mailer_wake(struct mailer *m);
void __wrap_loop_every_tick(struct loop *loop, struct loop_tick *tick);
enum err __wrap_password_hash(struct str password, char out[PASSWORD_HASH_SIZE]);
enum err __wrap_password_verify(struct str hash, struct str password, bool *rehash);

static struct fixture *f;
static struct app app;
static struct job *jobs;   /* waiting for the store, newest first: no test has two that matter */
static struct task *tasks; /* waiting for a worker */

bool __wrap_writer_submit(struct writer *w, struct job *job)
{
	(void)w;
	job->next = jobs;
	jobs = job;
	return true;
}

bool __wrap_workers_submit(struct workers *w, enum lane lane, struct task *task)
{
	(void)w;
	(void)lane;
	task->next = tasks;
	tasks = task;
	return true;
}

struct writer_stats __wrap_writer_stats(struct writer *w)
{
	(void)w;
	return (struct writer_stats){.commits = 1};
}

unsigned __wrap_workers_busy(struct workers *w, enum lane lane)
{
	(void)w;
	return (unsigned)lane;
}

struct http_stats __wrap_http_stats(const struct http *http)
{
	(void)http;
	return (struct http_stats){.open = 1};
}

void __wrap_mailer_wake(struct mailer *m)
{
	(void)m;
}

void __wrap_loop_every_tick(struct loop *loop, struct loop_tick *tick)
{
	(void)loop;
	(void)tick;
}

/* The real ones cost 25 ms each. */
enum err __wrap_password_hash(struct str password, char out[PASSWORD_HASH_SIZE])
{
	(void)password;
	(void)snprintf(out, PASSWORD_HASH_SIZE, "hash");
	return ERR_OK;
}

enum err __wrap_password_verify(struct str hash, struct str password, bool *rehash)
{
	*rehash = false;
	return hash.len && str_eq(password, STR(GOOD_PASSWORD)) ? ERR_OK : ERR_DENIED;
}

/* What the store's and the workers' threads would do by and by. */
static void drain(void)
{
	while (jobs || tasks) {
		struct task *task = tasks;
		struct job *job = jobs;
		if (task) {
			tasks = task->next;
			task->next = NULL;
			task->run(task);
			task->done(task);
			continue;
		}
		jobs = job->next;
		job->next = NULL;
		store_run(f->store, job, f->now);
		job->done(job);
	}
}

/* --- the world before each request: a new user with a session, a listed item and a place --- */

static struct {
	char name[24];
	char authorization[600];
	char refresh[TOKEN_REFRESH_TEXT_SIZE];
	char item[2 * OID_SIZE + 1];
	struct session_id session;
} world;

static void restart(void)
{
	fixture_restart(f);
	app.store = f->store;
	app.reader = app.big_reader = f->reader;
	reader_join(f->reader, f->store);
}

static void make_world(void)
{
	static unsigned number;
	struct buf text = buf_make(2048);
	/* The program would end here, and be started again. */
	if (store_failed(f->store))
		restart();
	f->now = loop_now();
	(void)snprintf(world.name, sizeof world.name, "user%u", ++number);
	f->user = fixture_register(f, world.name);
	world.session = (struct session_id){{1, 2, 3}};
	struct op op = test_watchlist(f, "have", "watching");
	str_to_hex(fixture_op(f, &op)->item.oid, OID_SIZE, world.item);
	op = test_progress(f, EVENT_MANUAL, "", 1, 600);
	(void)fixture_op(f, &op);
	struct access_claims access = {.user = f->user,
		.session = world.session,
		.device = f->device,
		.issued_s = f->now.wall_ms / 1000,
		.expires_s = f->now.wall_ms / 1000 + 3600};
	struct refresh_claims refresh = {.user = f->user,
		.session = world.session,
		.device = f->device,
		.generation = 1,
		.expires_s = f->now.wall_ms / 1000 + 3600};
	user_oid(f->user, f->now.wall_ms, access.oid);
	assert_int_equal(token_access_make(&app.keys, &access, &text), ERR_OK);
	(void)snprintf(world.authorization, sizeof world.authorization, "Bearer %s", text.ptr);
	buf_clear(&text);
	assert_int_equal(token_refresh_make(&app.keys, &refresh, &text), ERR_OK);
	(void)snprintf(world.refresh, sizeof world.refresh, "%s", text.ptr);
	buf_free(&text);
}

/* --- requests --- */

/* @ in a path or body is the listed item's id, $ the user's name, % the refresh token. */
static const struct
try {
	enum method method;
	const char *path;
	const char *body;
	int status;
}
tries[] = {
	{METHOD_POST, "/api/auth/register",
		"{\"username\":\"n$\",\"email\":\"n$@example.com\",\"password\":\"" GOOD_PASSWORD "\"}", 201},
	{METHOD_POST, "/api/auth/login", "{\"email\":\"$@example.com\",\"password\":\"" GOOD_PASSWORD "\"}",
		200},
	{METHOD_POST, "/api/auth/login", "{\"email\":\"$@example.com\",\"password\":\"wrong-password\"}",
		401},
	{METHOD_POST, "/api/auth/login", "{\"email\":\"x$@example.com\",\"password\":\"wrong-password\"}",
		401},
	{METHOD_POST, "/api/auth/forgot-password", "{\"email\":\"$@example.com\"}", 200},
	{METHOD_POST, "/api/auth/refresh", "{\"refreshToken\":\"%\"}", 200},
	{METHOD_POST, "/api/auth/refresh", "{\"refreshToken\":\"%\",\"newDevice\":true}", 200},
	{METHOD_GET, "/api/auth/me", NULL, 200},
	{METHOD_POST, "/api/auth/reset-password",
		"{\"currentPassword\":\"" GOOD_PASSWORD "\",\"newPassword\":\"another-password\"}", 200},
	{METHOD_POST, "/api/auth/logout", NULL, 200},
	{METHOD_PUT, "/api/users/profile", "{\"username\":\"p$\",\"avatar\":\"http://a/b.png\"}", 200},
	{METHOD_PUT, "/api/users/settings", "{\"notificationIgnore\":{\"watching\":true}}", 200},
	{METHOD_GET, "/api/users/preferences", NULL, 200},
	{METHOD_PUT, "/api/users/preferences", "{\"audio\":\"dub\"}", 200},
	{METHOD_DELETE, "/api/users/account", NULL, 200},
	{METHOD_GET, "/api/devices", NULL, 200},
	{METHOD_DELETE, "/api/devices/d000000000000001", NULL, 200},
	{METHOD_GET, "/api/watchlist", NULL, 200},
	{METHOD_POST, "/api/watchlist",
		"{\"animeId\":\"new\",\"animeTitle\":\"New\",\"status\":\"watching\"}", 201},
	{METHOD_POST, "/api/watchlist", "{\"animeId\":\"\",\"status\":\"sleeping\",\"rating\":11}", 422},
	{METHOD_GET, "/api/watchlist/stats", NULL, 200},
	{METHOD_GET, "/api/watchlist/check/have", NULL, 200},
	{METHOD_PUT, "/api/watchlist/@", "{\"rating\":9}", 200},
	{METHOD_DELETE, "/api/watchlist/@", NULL, 200},
	{METHOD_GET, "/api/continue-watching", NULL, 200},
	{METHOD_POST, "/api/continue-watching",
		"{\"animeId\":\"anime-1\",\"animeTitle\":\"T\",\"currentEpisode\":1,\"currentTime\":777,"
		"\"duration\":1440}",
		200},
	{METHOD_GET, "/api/continue-watching/anime-1", NULL, 200},
	{METHOD_DELETE, "/api/continue-watching/anime-1", NULL, 200},
	{METHOD_DELETE, "/api/continue-watching", NULL, 200},
	{METHOD_GET, "/api/history/progress/anime-1", NULL, 200},
	{METHOD_POST, "/api/history/progress/anime-1/restore", "{\"seq\":2}", 200},
	{METHOD_POST, "/api/sync",
		"{\"now\":1771000000000,\"cursor\":null,\"ops\":[{\"n\":1,\"collection\":\"watchlist\","
		"\"key\":\"have\","
		"\"set\":{\"rating\":5}}]}",
		200},
	{METHOD_GET, "/api/notification", NULL, 200},
	{METHOD_GET, "/api/openapi.json", NULL, 200},
	{METHOD_GET, "/health", NULL, 200},
	{METHOD_GET, "/health/ready", NULL, 200},
	{METHOD_GET, "/", NULL, 200},
	{METHOD_GET, "/nowhere", NULL, 404},
	{METHOD_PATCH, "/api/watchlist", NULL, 405},
};

static void fill_in(const char *pattern, char *out, size_t size)
{
	size_t len = 0;
	for (const char *c = pattern; *c && len + 1 < size; c++) {
		const char one[2] = {*c, '\0'};
		const char *part = *c == '@' && c != pattern && (c[1] == '\0') ? world.item
				   : *c == '$'				       ? world.name
				   : *c == '%'				       ? world.refresh
									       : one;
		len += (size_t)snprintf(out + len, size - len, "%s", part);
	}
}

static void check_answer(const struct exchange_of_test *x, const struct try *t)
{
	if (x->answers != 1)
		fail_msg("%s was answered %u times", t->path, x->answers);
	if (x->status != t->status && !(faults.hit && x->status >= 500 && x->status < 600))
		fail_msg("%s was answered %d: %s", t->path, x->status, x->body);
	if (x->no_body || x->r.response.content_type || strlen(x->body) + 1 == sizeof x->body)
		return;
	json_t *json = json_loads(x->body, JSON_REJECT_DUPLICATES, NULL);
	if (!json)
		fail_msg("%s: %s", t->path, x->body);
	json_decref(json);
}

static bool one_request(const struct try *t, long countdown, bool for_ever)
{
	static struct exchange_of_test x;
	static char path[256];
	static char body[1024];
	make_world();
	fill_in(t->path, path, sizeof path);
	fill_in(t->body ? t->body : "", body, sizeof body);
	exchange_open(&x, &app, t->method, path);
	x.r.authorization = str_from(world.authorization);
	x.r.body = str_from(body);
	x.r.direct_local = true;
	faults.hit = false;
	faults.for_ever = for_ever;
	faults.countdown = countdown;
	faults.armed = true;
	if (!router_head(&x.r, t->body ? (int64_t)x.r.body.len : -1,
		    t->body ? STR("application/json") : STR(""), false))
		router_body(&x.r);
	drain();
	faults.armed = false;
	check_answer(&x, t);
	/* "Saved" means saved, whatever failed before or after. */
	if (x.status == 200 && strstr(t->body ? t->body : "", "777") && !store_failed(f->store))
		assert_non_null(
			strstr(fixture_view(f, COLLECTION_PROGRESS, "anime-1"), "\"currentTime\":777,"));
	exchange_close(&x);
	return faults.hit;
}

static int setup(void **state)
{
	static const struct config config = {.jwt_expire_ms = 3600000,
		.refresh_expire_ms = 7200000,
		.watchlist_page_default = 20,
		.base_path = ""};
	(void)state;
	f = fixture_open();
	f->now = loop_now();
	app = (struct app){.config = config, .started = f->now};
	restart();
	assert_int_equal(token_keys_make(&app.keys, STR("0123456789abcdef0123456789abcdef")), ERR_OK);
	assert_int_equal(slowdown_open(NULL, &app.slowdown), ERR_OK);
	assert_int_equal(ratelimit_open(&app.config, &app.ratelimit), ERR_OK);
	app.auth = auth_cache_make();
	assert_non_null(app.auth);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	auth_cache_free(app.auth);
	ratelimit_close(app.ratelimit);
	slowdown_close(app.slowdown);
	token_keys_free(&app.keys);
	fixture_close(f);
	return 0;
}

static void without_faults_every_request_says_what_it_should(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(tries); i++)
		assert_false(one_request(&tries[i], 1000000000, false));
}

/* Each of the first allocations, then every thirteenth. */
static void campaign(bool for_ever)
{
	long hits = 0;
	for (size_t i = 0; i < COUNT_OF(tries); i++)
		for (long n = 0; one_request(&tries[i], n, for_ever); n += n < 40 ? 1 : 13)
			hits++;
	assert_true(hits > 400);
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
		cmocka_unit_test_setup_teardown(
			without_faults_every_request_says_what_it_should, setup, teardown),
		cmocka_unit_test_setup_teardown(each_allocation_fails_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(each_allocation_fails_and_all_that_follow, setup, teardown),
	};
	/* Before anything opens a database: SQLite's allocator with our faults in it. */
	sqlite3_mem_methods faulty;
	if (sodium_init() < 0 || sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory) != SQLITE_OK)
		return 1;
	faulty = real_memory;
	faulty.xMalloc = sqlite_malloc;
	faulty.xRealloc = sqlite_realloc;
	if (sqlite3_config(SQLITE_CONFIG_MALLOC, &faulty) != SQLITE_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
