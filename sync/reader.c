#include "sync/reader.h"

#include "sync/store.h"

enum err snapshot_begin(struct reader *reader)
{
	if (reader->snapshot)
		return ERR_OK;
	struct query q = stmt_query(&reader->statements, STMT_READ_BEGIN);
	enum err err = query_run(&q);
	reader->snapshot = !err;
	return err;
}

static enum err close_snapshot(struct reader *reader)
{
	struct query q = stmt_query(&reader->statements, STMT_COMMIT);
	enum err err = query_run(&q);
	reader->snapshot = false;
	/* Nothing was written: whatever went wrong, the snapshot has to go. */
	if (err && !sqlite3_get_autocommit(reader->statements.db)) {
		q = stmt_query(&reader->statements, STMT_ROLLBACK);
		(void)query_run(&q);
	}
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
