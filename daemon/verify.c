#include "daemon/verify.h"

#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

#include "daemon/admin_run.h"
#include "daemon/loop.h"
#include "sync/repair.h"
#include "sync/store.h"

enum { VERIFY_EXIT_OK = 0, VERIFY_EXIT_IO = 74 };

static void draw(void *context, unsigned char *bytes, size_t len)
{
	(void)context;
	randombytes_buf(bytes, len);
}

static void on_found(void *context, const struct finding *finding)
{
	const char *label = context;
	(void)printf("%s%s: %s\n", label, finding_names[finding->kind], finding->text);
}

static int complain(const char *text)
{
	(void)fflush(stdout);
	(void)fprintf(stderr, "%s\n", text);
	return VERIFY_EXIT_IO;
}

/* Whether there is a database to look at: opening a store would make one. */
static bool is_there(const struct config *config, struct buf *why)
{
	struct buf path = buf_make(4096);
	buf_fmt(&path, "%s/tsuzuki.db", config->data_dir);
	bool there = buf_ok(&path) && access(path.ptr, R_OK) == 0;
	if (!there)
		buf_fmt(why, "%s cannot be read. Name the data folder with --data-dir or DATA_DIR.",
			path.ptr ? path.ptr : config->data_dir);
	buf_free(&path);
	return there;
}

static enum err look(const struct config *config, const char *label, struct verify_counts *counts)
{
	struct reader *reader = NULL;
	enum err err = reader_open(config->data_dir, &reader);
	if (!err)
		err = verify_run(reader, on_found, (void *)(uintptr_t)label, counts);
	reader_close(reader);
	return err;
}

static int sum_up(const struct verify_counts *counts)
{
	(void)printf("%s: %lld users, %lld items, %lld journal rows, %lld findings\n",
		counts->findings ? "does not agree" : "all agrees", (long long)counts->users,
		(long long)counts->items, (long long)counts->rows, (long long)counts->findings);
	return counts->findings ? VERIFY_EXIT_IO : VERIFY_EXIT_OK;
}

static enum err heal(struct store *store)
{
	struct repair *repair = repair_make();
	if (!repair)
		return ERR_NOMEM;
	repair->found = on_found;
	repair->context = (void *)(uintptr_t) "lost: ";
	store_run(store, &repair->job, loop_now());
	enum err err = repair->job.err;
	if (!err)
		(void)printf("repaired: %lld rows were written anew, %lld values changed\n",
			(long long)repair->healed, (long long)repair->counts.findings);
	job_free(&repair->job);
	return err;
}

/* With the store open, so nobody else writes. */
static enum err repair_store(
	const struct config *config, struct store *store, struct verify_counts *counts, struct buf *why)
{
	struct buf path = buf_make(4096);
	enum err err = look(config, "", counts);
	if (!err && counts->findings) {
		(void)sum_up(counts);
		err = repair_backup(config->data_dir, loop_now().wall_ms, &path, why);
		if (!err) {
			(void)printf("backup: %s\n", path.ptr);
			err = heal(store);
		}
		if (!err)
			err = look(config, "left: ", counts);
	}
	buf_free(&path);
	return err;
}

static enum err open_and_repair(const struct config *config, struct verify_counts *counts, struct buf *why)
{
	struct store *store = NULL;
	struct store_options options = {.dir = config->data_dir,
		.env = {.random = draw},
		.max_items = config->max_items,
		.history_keep = config->history_keep,
		.history_ms = (int64_t)config->history_days * 86400000};
	enum err err = store_open(&options, &store, why);
	if (!err)
		err = repair_store(config, store, counts, why);
	store_close(store);
	return err;
}

int verify_command(const struct config *config, bool repair)
{
	struct verify_counts counts = {0};
	struct buf why = buf_make(8192);
	int code = VERIFY_EXIT_IO;
	enum err err = is_there(config, &why) ? ERR_OK : ERR_NOT_FOUND;
	/* Root's copies would be in the daemon's way. */
	if (!err && !admin_as_owner(config))
		err = ERR_IO;
	if (!err)
		err = repair ? open_and_repair(config, &counts, &why) : look(config, "", &counts);
	if (err && why.len == 0)
		buf_fmt(&why, "%s/tsuzuki.db cannot be %s: %s.", config->data_dir,
			repair ? "repaired" : "verified", err_name(err));
	code = err ? complain(why.ptr ? why.ptr : err_name(err)) : sum_up(&counts);
	if (fflush(stdout) != 0)
		code = VERIFY_EXIT_IO;
	buf_free(&why);
	return code;
}
