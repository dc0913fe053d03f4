#include "sync/reader.h"

#include "sync/store.h"

static enum err roll_back(struct reader *reader)
{
	struct query q = stmt_query(&reader->statements, STMT_ROLLBACK);
	return query_run(&q);
}

enum err snapshot_begin(struct reader *reader)
{
	if (reader->snapshot)
		return ERR_OK;
	/* One that could not be ended for want of memory: it would be read from for ever. */
	enum err err = sqlite3_get_autocommit(reader->statements.db) ? ERR_OK : roll_back(reader);
	if (err)
		return err;
	struct query q = stmt_query(&reader->statements, STMT_READ_BEGIN);
	err = query_run(&q);
	reader->snapshot = !err;
	return err;
}

static enum err close_snapshot(struct reader *reader)
{
	struct query q = stmt_query(&reader->statements, STMT_COMMIT);
	enum err err = query_run(&q);
	reader->snapshot = false;
	/* Nothing was written: whatever went wrong, the snapshot has to go. */
	if (err && !sqlite3_get_autocommit(reader->statements.db))
		(void)roll_back(reader);
	return err;
}

enum err snapshot_end(struct reader *reader, enum err err)
{
	/* One in which a read failed is not kept: the next read starts afresh. */
	bool keep = reader->keeps && (!err || err == ERR_NOT_FOUND);
	if (!reader->snapshot || keep)
		return err;
	enum err end = close_snapshot(reader);
	return err ? err : end;
}

void reader_keep_snapshots(struct reader *reader)
{
	reader->keeps = true;
}

void reader_release(struct reader *reader)
{
	if (reader->snapshot)
		(void)close_snapshot(reader);
}
