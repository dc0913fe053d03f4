#include "sync/epoch.h"

#include <string.h>

#include "sync/tx.h"

enum { EPOCH_DIGITS = EPOCH_TEXT_SIZE - 1 };

enum err epoch_judge(
	struct statements *s, const struct account *a, const struct cursor *c, enum epoch_verdict *out)
{
	if (strcmp(c->epoch, a->epoch) == 0) {
		*out = c->seq <= a->head ? EPOCH_GOOD : EPOCH_LOST_NEW;
		return ERR_OK;
	}
	enum epoch_verdict verdict = EPOCH_LOST_NEW;
	struct query q = stmt_query(s, STMT_EPOCH_GET);
	query_int(&q, (int64_t)a->user);
	query_text(&q, str_from(c->epoch));
	if (query_row(&q)) {
		if (query_get_int(&q, 1) != 0)
			verdict = EPOCH_LOST_KNOWN;
		else if (c->seq <= query_get_int(&q, 0))
			verdict = EPOCH_GOOD;
	}
	enum err err = query_end(&q);
	if (!err)
		*out = verdict;
	return err;
}

static enum err put(struct tx *tx, uint64_t user, const char *epoch, int64_t last_seq)
{
	struct query q = stmt_query(tx->s, STMT_EPOCH_PUT);
	query_int(&q, (int64_t)user);
	query_text(&q, str_from(epoch));
	query_int(&q, last_seq);
	return query_run(&q);
}

int64_t epoch_beginning(const struct account *a, int64_t received)
{
	return received - 1 > a->clock.ms ? received - 1 : a->clock.ms;
}

enum err epoch_begin(struct tx *tx, struct account *a, int64_t last_seq)
{
	enum err err = put(tx, a->user, a->epoch, last_seq);
	if (err)
		return err;
	struct query q = stmt_query(tx->s, STMT_EPOCH_PRUNE);
	query_int(&q, (int64_t)a->user);
	err = query_run(&q);
	unsigned char bytes[EPOCH_DIGITS / 2];
	tx->env.random(tx->env.context, bytes, sizeof bytes);
	str_to_hex(bytes, sizeof bytes, a->epoch);
	memcpy(a->boot, tx->boot, BOOT_SIZE);
	return err;
}

enum err epoch_lose(struct tx *tx, const struct account *a, const struct cursor *c)
{
	/* One that is known, beyond whose end the cursor lies, is there already. */
	enum err err = strcmp(c->epoch, a->epoch) == 0 ? ERR_OK : put(tx, a->user, c->epoch, 0);
	if (err)
		return err;
	struct query q = stmt_query(tx->s, STMT_EPOCH_LOSE);
	query_int(&q, (int64_t)a->user);
	return query_run(&q);
}
