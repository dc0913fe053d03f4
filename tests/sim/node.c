#include "node.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sync/account.h"
#include "sync/base/check.h"

static const int64_t HISTORY_MS = (int64_t)90 * 86400000;

static void draw(void *context, unsigned char *bytes, size_t len)
{
	rng_bytes(context, bytes, len);
}

void node_init(struct node *n, int index, const char *dir, struct rng *rng, const int64_t *true_ms)
{
	memset(n, 0, sizeof *n);
	n->index = index;
	n->used = true;
	(void)snprintf(n->dir, sizeof n->dir, "%s", dir);
	n->disk = disk_make(n->dir);
	CHECK(n->disk);
	n->rng = rng;
	n->true_ms = true_ms;
	n->boot_ms = *true_ms;
	n->max_items = 1000;
	n->history_keep = 50;
	for (int u = 0; u < USERS; u++)
		n->places[u].parent = NO_PARENT;
}

void node_free(struct node *n)
{
	if (n->used)
		node_stop(n);
	disk_free(n->disk);
	memset(n, 0, sizeof *n);
}

struct now node_now(const struct node *n)
{
	return (struct now){*n->true_ms + n->wall_off, *n->true_ms - n->boot_ms + 1000};
}

static void close_store(struct node *n)
{
	reader_close(n->reader);
	store_close(n->store);
	n->reader = NULL;
	n->store = NULL;
	n->up = false;
}

bool node_start(struct node *n, struct buf *why)
{
	struct store_options options = {.dir = n->dir,
		.env = {.random = draw, .context = n->rng},
		.max_items = n->max_items,
		.history_keep = n->history_keep,
		.history_ms = HISTORY_MS};
	n->boot_ms = *n->true_ms;
	n->jumped_since_start = false;
	enum err err = store_open(&options, &n->store, why);
	if (!err)
		err = reader_open(n->dir, &n->reader);
	if (!err)
		reader_join(n->reader, n->store);
	n->up = !err;
	if (err)
		close_store(n);
	return !err;
}

void node_stop(struct node *n)
{
	close_store(n);
}

void node_bury(struct node *n, enum disk_loss loss)
{
	disk_die(n->disk);
	close_store(n);
	disk_revive(n->disk, loss, n->rng);
}

bool node_run(struct node *n, struct job *job)
{
	CHECK(n->up);
	store_run(n->store, job, node_now(n));
	return !disk_dead(n->disk);
}

bool node_tick(struct node *n)
{
	reader_look(n->reader, node_now(n));
	(void)store_slice(n->store, node_now(n));
	if (!disk_dead(n->disk))
		store_checkpoint(n->store);
	return !disk_dead(n->disk);
}

bool node_register(struct node *n, int user)
{
	struct env env = {.random = draw, .context = n->rng};
	struct account_register *r = account_register_make(user_draw(env));
	char name[32];
	char email[48];
	CHECK(r);
	(void)snprintf(name, sizeof name, "user%d", user);
	(void)snprintf(email, sizeof email, "user%d@example.com", user);
	struct arena *a = &r->job.arena;
	CHECK(arena_str(a, str_from(name), &r->username) && arena_str(a, str_from(email), &r->email));
	r->password_hash = STR("x");
	r->session = (struct session_begin){.now_ms = node_now(n).wall_ms,
		.device_name = STR(""),
		.expires_ms = INT64_MAX / 2,
		.most_devices = 100,
		.most_sessions = 10};
	draw(n->rng, r->session.session.bytes, SESSION_SIZE);
	draw(n->rng, r->session.device.bytes, DEVICE_SIZE);
	bool ok = node_run(n, &r->job) && !r->job.err && r->outcome == ACCOUNT_OK;
	n->places[user].user = r->job.user;
	job_free(&r->job);
	return ok;
}

bool node_backup(const struct node *n, struct backup *out)
{
	*out = (struct backup){.image = disk_copy(n->disk), .true_ms = *n->true_ms};
	for (int u = 0; u < USERS; u++) {
		out->as[u] = n->places[u].as;
		out->linked[u] = n->places[u].linked;
	}
	return out->image != NULL;
}

void backup_free(struct backup *b)
{
	image_free(b->image);
	*b = (struct backup){.image = NULL};
}

bool node_restore(struct node *n, const struct backup *b)
{
	CHECK(!n->up);
	for (int u = 0; u < USERS; u++) {
		n->places[u].as = b->as[u];
		n->places[u].linked = b->linked[u];
	}
	CHECK(n->losses < LOSSES);
	n->lost[n->losses].from = b->true_ms;
	n->lost[n->losses++].to = *n->true_ms;
	return disk_put(n->disk, b->image);
}

bool node_lost(const struct node *n, int64_t true_ms)
{
	for (int i = 0; i < n->losses; i++)
		if (true_ms > n->lost[i].from && true_ms <= n->lost[i].to)
			return true;
	return false;
}
