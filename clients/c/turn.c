#include "clients/c/turn.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "sync/account.h"
#include "sync/query.h"

enum {
	TURN_STEP_MS = 5,
	PROFILE_BYTES = 64 * 1024,
	TURN_SLICES = 8,
	HISTORY_KEEP = 50,
	HISTORY_DAYS = 90,
	DEVICES_MOST = 100,
	SESSIONS_MOST = 8,
	MAX_ITEMS = 1000000 /* the server's own limit is the one that counts */
};
static const int64_t DAY_MS = 86400000;

/* The one account of a store that no server knows: an address that can never be somebody's. */
#define LOCAL_EMAIL "local@tsuzuki.invalid"
#define LOCAL_NAME "local"

static void draw(void *context, unsigned char *bytes, size_t len)
{
	(void)context;
	randombytes_buf(bytes, len);
}

static void wait_step(void)
{
	struct timespec step = {.tv_nsec = TURN_STEP_MS * 1000000L};
	(void)nanosleep(&step, NULL);
}

/* --- the local account --- */

static enum tsz_code draw_device(struct tsz *t)
{
	unsigned char bytes[DEVICE_SIZE];
	if (t->tokens.device[0])
		return TSZ_OK;
	randombytes_buf(bytes, sizeof bytes);
	str_to_hex(bytes, sizeof bytes, t->tokens.device);
	return tsz_fail_err(t, tokens_save(t->dir, &t->tokens), "keep session.json");
}

static enum tsz_code make_account(struct tsz *t, struct turn *turn)
{
	struct now now = tsz_now();
	struct account_register *r = account_register_make(user_draw((struct env){.random = draw}));
	if (!r)
		return tsz_fail_err(t, ERR_NOMEM, NULL);
	r->username = STR(LOCAL_NAME);
	r->email = STR(LOCAL_EMAIL);
	r->password_hash = STR("-"); /* nobody can log in here */
	r->session = (struct session_begin){.device_name = str_from(t->device_name),
		.now_ms = now.wall_ms,
		.expires_ms = now.wall_ms,
		.most_devices = DEVICES_MOST,
		.most_sessions = SESSIONS_MOST};
	randombytes_buf(r->session.session.bytes, SESSION_SIZE);
	(void)str_hex(str_from(t->tokens.device), r->session.device.bytes, DEVICE_SIZE);
	enum tsz_code code = turn_run(t, turn, &r->job, "make the local account");
	if (!code && r->outcome != ACCOUNT_OK)
		code = tsz_fail(t, TSZ_IO,
			"%s holds no account of this program. Name another folder with --data-dir.", t->dir);
	if (!code)
		t->user = r->job.user;
	job_free(&r->job);
	return code;
}

static enum tsz_code know_user(struct tsz *t, struct turn *turn)
{
	struct profile profile;
	struct arena arena = arena_make(PROFILE_BYTES);
	enum tsz_code code = TSZ_OK;
	enum err err = query_email(turn->reader, STR(LOCAL_EMAIL), &t->user);
	if (err == ERR_NOT_FOUND) {
		code = make_account(t, turn);
		err = ERR_OK;
	}
	if (!err && !code) {
		err = query_profile(turn->reader, t->user, &arena, &profile);
		if (!err)
			memcpy(t->oid, profile.oid, sizeof t->oid);
	}
	arena_free(&arena);
	return err ? tsz_fail_err(t, err, "read the local account") : code;
}

/* --- turns --- */

static enum tsz_code open_store(struct tsz *t, struct turn *turn)
{
	struct store_options options = {.dir = t->dir,
		.env = {.random = draw},
		.max_items = MAX_ITEMS,
		.history_keep = HISTORY_KEEP,
		.history_ms = HISTORY_DAYS * DAY_MS};
	struct buf why = buf_make(TSZ_ERROR_TEXT);
	int64_t end = tsz_now().mono_ms + t->wait_ms;
	enum err err = store_open(&options, &turn->store, &why);
	while (err == ERR_BUSY && tsz_now().mono_ms < end) {
		wait_step();
		buf_clear(&why);
		err = store_open(&options, &turn->store, &why);
	}
	enum tsz_code code = TSZ_OK;
	if (err == ERR_BUSY)
		code = tsz_fail(t, TSZ_BUSY,
			"%s is in use by another program, which has not let go of it for %u ms. Stop that "
			"one, "
			"or name "
			"another folder.",
			t->dir, t->wait_ms);
	else if (err == ERR_CORRUPT || err == ERR_FOREIGN)
		code = tsz_fail(t, TSZ_IO,
			"%s The local store is damaged. Move %s aside and log in again: everything that the "
			"server has comes back.",
			buf_ok(&why) && why.len ? why.ptr : "", t->dir);
	else if (err)
		code = tsz_fail(t, err == ERR_NOMEM ? TSZ_FAILED : TSZ_IO, "%s",
			buf_ok(&why) && why.len ? why.ptr : err_name(err));
	buf_free(&why);
	return code;
}

enum tsz_code turn_begin(struct tsz *t, struct turn *turn)
{
	*turn = (struct turn){.store = NULL};
	enum tsz_code code = open_store(t, turn);
	if (code)
		return code;
	enum err err = reader_open(t->dir, &turn->reader);
	if (!err) {
		reader_join(turn->reader, turn->store);
		reader_look(turn->reader, tsz_now());
	}
	code = tsz_fail_err(t, err, "open the local store");
	if (!code && t->user == 0) {
		(void)tokens_load(t->dir, &t->tokens);
		code = draw_device(t);
		if (!code)
			code = know_user(t, turn);
	}
	if (code)
		turn_end(turn);
	return code;
}

void turn_end(struct turn *turn)
{
	reader_close(turn->reader);
	store_close(turn->store);
	*turn = (struct turn){.store = NULL};
}

enum tsz_code turn_run(struct tsz *t, struct turn *turn, struct job *job, const char *doing)
{
	job->next = NULL;
	/* Whoever made it may not have known yet: a store has one user. */
	if (t->user)
		job->user = t->user;
	store_run(turn->store, job, tsz_now());
	for (int i = 0; !job->err && i < TURN_SLICES && store_slice(turn->store, tsz_now()); i++)
		;
	return tsz_fail_err(t, job->err, doing);
}

/* --- talking to the server --- */

enum tsz_code talk_begin(struct tsz *t, unsigned wait_ms, int *lock)
{
	struct buf path = buf_make(4096);
	int64_t end = tsz_now().mono_ms + wait_ms;
	buf_fmt(&path, "%s/server.lock", t->dir);
	*lock = buf_ok(&path) ? open(path.ptr, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
	buf_free(&path);
	if (*lock < 0)
		return tsz_fail(t, TSZ_IO, "%s cannot be written: %s.", t->dir, strerror(errno));
	int taken = flock(*lock, LOCK_EX | LOCK_NB);
	while (taken != 0 && tsz_now().mono_ms < end) {
		wait_step();
		taken = flock(*lock, LOCK_EX | LOCK_NB);
	}
	if (taken != 0) {
		(void)close(*lock);
		*lock = -1;
		return tsz_fail(t, TSZ_BUSY,
			"Another program is exchanging with the server for %s at the moment. Try again when "
			"it is done.",
			t->dir);
	}
	struct tokens known = t->tokens;
	if (tokens_load(t->dir, &t->tokens) != ERR_OK) {
		/* Lost since this handle was opened: it goes on as the device that it was. */
		(void)tokens_set(t->tokens.device, sizeof t->tokens.device, known.device);
	}
	return TSZ_OK;
}

void talk_end(int lock)
{
	if (lock >= 0)
		(void)close(lock);
}
