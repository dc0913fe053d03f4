/*
 * Exchanging with the server (sync-protocol.md section 6): rounds of
 *
 *   turn: replica_ask ──► POST /api/sync, the folder free meanwhile ──► turn: replica_take
 *
 * and what a copied, restored or relinked store owes before its next one.
 */
#include <string.h>

#include "clients/c/access.h"
#include "clients/c/turn.h"
#include "sync/replica.h"

enum {
	ROUND_OPS = 1000,
	ROUND_BYTES = 3 * 1024 * 1024, /* of the server's 4 MiB */
	ROUND_ITEMS = 500,
	ROUNDS_MOST = 100000,
	TROUBLES_MOST = 5 /* new devices, stale answers and the like, in one sync */
};

struct syncing {
	struct tsz *t;
	int64_t deadline;
	unsigned troubles;
	bool more;
	struct tsz_synced done;
};

/* --- what is owed --- */

static enum tsz_code run_step(struct tsz *t, struct turn *turn)
{
	enum tsz_code code = TSZ_OK;
	if (t->tokens.step == STEP_RENUMBER) {
		struct replica_renumber *r = replica_renumber_make(t->user);
		if (!r)
			return tsz_fail_err(t, ERR_NOMEM, NULL);
		code = turn_run(t, turn, &r->job, "number what waits anew");
		/* A store that was put back from before its first link. */
		if (r->job.err == ERR_NOT_FOUND) {
			t->tokens.step = STEP_LINK;
			code = TSZ_OK;
		}
		job_free(&r->job);
	}
	if (!code && t->tokens.step == STEP_LINK) {
		struct replica_link *link = replica_link_make(t->user);
		if (!link)
			return tsz_fail_err(t, ERR_NOMEM, NULL);
		(void)str_hex(str_from(t->tokens.id_key), link->id_key, ID_KEY_SIZE);
		code = turn_run(t, turn, &link->job, "link the local store to the server");
		job_free(&link->job);
	}
	return code;
}

/* Does what is owed and notes that it is done; done twice it is as if it were done once. */
static enum tsz_code settle_step(struct tsz *t)
{
	struct turn turn;
	if (t->tokens.step == STEP_NONE)
		return TSZ_OK;
	enum tsz_code code = turn_begin(t, &turn);
	if (code)
		return code;
	code = run_step(t, &turn);
	turn_end(&turn);
	if (code)
		return code;
	t->tokens.step = STEP_NONE;
	return access_save(t);
}

static enum tsz_code owe(struct syncing *s, enum tokens_step step, bool new_device)
{
	struct tsz *t = s->t;
	if (++s->troubles > TROUBLES_MOST)
		return tsz_fail(t, TSZ_FAILED,
			"%s and this store do not come to terms. Everything is kept here; try again later.",
			t->tokens.url);
	enum tsz_code code = TSZ_OK;
	t->tokens.step = new_device ? t->tokens.step : step;
	if (new_device)
		code = access_new_device(t, step, s->deadline);
	s->more = true;
	return code ? code : settle_step(t);
}

/* --- a round --- */

static enum tsz_code ask(struct syncing *s, struct replica_ask **out)
{
	struct tsz *t = s->t;
	struct turn turn;
	struct replica_ask *ask = replica_ask_make(t->user);
	if (!ask)
		return tsz_fail_err(t, ERR_NOMEM, NULL);
	ask->most_ops = ROUND_OPS;
	ask->most_bytes = ROUND_BYTES;
	ask->limit = ROUND_ITEMS;
	enum tsz_code code = turn_begin(t, &turn);
	if (!code) {
		code = turn_run(t, &turn, &ask->job, "write what waits for the server");
		turn_end(&turn);
	}
	enum err err = ask->job.err;
	if (!code) {
		*out = ask;
		return TSZ_OK;
	}
	job_free(&ask->job);
	/* Logged in, but the store was never linked, or was made anew since. */
	return err == ERR_NOT_FOUND ? owe(s, STEP_LINK, false) : code;
}

static void count(struct syncing *s, const struct answer *answer)
{
	for (size_t i = 0; i < answer->result_count; i++)
		s->done.rejected += answer->results[i].outcome == OUTCOME_REFUSED;
	s->done.pushed += (unsigned)answer->result_count;
	s->done.pulled += (unsigned)answer->item_count;
}

static enum tsz_code took(struct syncing *s, const struct replica_take *take)
{
	switch (take->outcome) {
	case REPLICA_TAKEN:
		count(s, take->answer);
		s->more = take->more;
		return TSZ_OK;
	case REPLICA_STALE:
		s->more = true;
		return ++s->troubles > TROUBLES_MOST
			       ? tsz_fail(s->t, TSZ_BUSY, "Another program exchanges with this store.")
			       : TSZ_OK;
	case REPLICA_RESTORED:
		return owe(s, STEP_RENUMBER, true);
	case REPLICA_OTHER_SERVER:
		return owe(s, STEP_LINK, true);
	default:
		return owe(s, STEP_LINK, false);
	}
}

static enum tsz_code take(struct syncing *s, const struct replica_ask *ask, const json_t *data)
{
	struct tsz *t = s->t;
	struct turn turn;
	struct replica_take *take = replica_take_make(t->user);
	if (!take)
		return tsz_fail_err(t, ERR_NOMEM, NULL);
	take->asked = ask->asked;
	enum err err = answer_read(data, &take->job.arena, &take->answer);
	enum tsz_code code =
		err == ERR_INVALID
			? tsz_fail(t, TSZ_AWAY, "%s answers what cannot be understood.", t->tokens.url)
			: tsz_fail_err(t, err, "read the answer");
	if (!code)
		code = turn_begin(t, &turn);
	if (!code) {
		code = turn_run(t, &turn, &take->job, "keep what the server sent");
		turn_end(&turn);
		if (!code)
			code = took(s, take);
	}
	job_free(&take->job);
	return code;
}

static enum tsz_code one_round(struct syncing *s)
{
	struct tsz *t = s->t;
	struct replica_ask *asked = NULL;
	struct remote_reply reply = {.status = 0};
	enum tsz_code code = ask(s, &asked);
	if (code || !asked)
		return code;
	struct remote_call call = {
		.method = "POST", .path = "/api/sync", .body = asked->body, .deadline = s->deadline};
	code = access_call(t, &call, &reply);
	if (!code && reply.status == 409)
		code = owe(s, STEP_RENUMBER, true);
	else if (!code && reply.status != 200)
		code = tsz_fail(t, TSZ_FAILED, "%s refuses to exchange (%ld: %s). Everything is kept here.",
			t->tokens.url, reply.status, remote_message(&reply));
	else if (!code)
		code = take(s, asked, remote_data(&reply));
	remote_free(&reply);
	job_free(&asked->job);
	return code;
}

static enum tsz_code all_rounds(struct syncing *s)
{
	struct tsz *t = s->t;
	enum tsz_code code = t->tokens.token[0] ? settle_step(t) : TSZ_OK;
	for (int i = 0; !code && s->more; i++) {
		s->more = false;
		if (i >= ROUNDS_MOST || (i > 0 && tsz_now().mono_ms >= s->deadline))
			return tsz_fail(t, TSZ_AWAY,
				"There is more to exchange than fits into the time. What was exchanged is "
				"kept; `tsuzuki sync` goes on.");
		code = one_round(s);
	}
	return code;
}

enum tsz_code tsz_sync(struct tsz *t, unsigned timeout_ms, struct tsz_synced *out)
{
	struct syncing s = {.t = t, .deadline = tsz_now().mono_ms + timeout_ms, .more = true};
	int lock = -1;
	enum tsz_code code = talk_begin(t, timeout_ms < t->wait_ms ? timeout_ms : t->wait_ms, &lock);
	if (code)
		return code;
	code = all_rounds(&s);
	if (!code) {
		t->tokens.last_sync = tsz_now().wall_ms;
		t->tokens.last_try = 0;
		code = access_save(t);
	} else if (code == TSZ_AWAY) {
		/* The sentence that says why is the one to keep. */
		t->tokens.last_try = tsz_now().wall_ms;
		(void)tokens_save(t->dir, &t->tokens);
	}
	talk_end(lock);
	if (out)
		*out = s.done;
	return code;
}
