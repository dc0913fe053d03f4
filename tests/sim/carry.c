#include "carry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fate.h"
#include "serve.h"
#include "sync/base/check.h"
#include "sync/query.h"

static const int64_t PATIENCE_MS = 30000; /* then a request is given up */
enum { ANSWER_CAP = 64 * 1024 * 1024, REQUEST_CAP = 4 * 1024 * 1024 };

/* --- the wire --- */

static struct message *new_message(struct world *w)
{
	for (int i = 0; i < MESSAGES; i++)
		if (!w->messages[i].used)
			return &w->messages[i];
	return NULL;
}

static void send_copy(struct world *w, const struct message *what, struct str text)
{
	struct message *m = new_message(w);
	if (!m)
		return;
	*m = *what;
	m->used = true;
	m->order = w->orders++;
	m->sent_ms = w->true_ms;
	m->at_ms = w->true_ms + rng_between(&w->rng, 1, w->calm ? 5 : w->weather.latency_ms);
	if (m->answer && !w->calm && rng_chance(&w->rng, w->weather.late))
		m->at_ms += rng_between(&w->rng, PATIENCE_MS, 3600000);
	m->text = malloc(text.len + 1);
	CHECK(m->text);
	if (text.len)
		memcpy(m->text, text.ptr, text.len);
	m->text[text.len] = '\0';
	m->len = text.len;
}

static void send_message(struct world *w, struct message what, struct str text)
{
	if (!w->calm && rng_chance(&w->rng, w->weather.lost))
		return;
	send_copy(w, &what, text);
	if (w->calm || !rng_chance(&w->rng, w->weather.repeated))
		return;
	what.repeated = true;
	send_copy(w, &what, text);
}

/* --- truth: what was passed on --- */

/* What `from` held is with the upstream now. */
static void pass_on(struct world *w, int user, int from, int to)
{
	bool home = w->nodes[to].places[user].parent == NO_PARENT;
	for (size_t i = 0; i < w->truth.count; i++) {
		struct act *a = &w->truth.acts[i];
		if (a->user != user || a->where != from)
			continue;
		a->loose |= a->rebooted && a->jumped;
		a->rebooted = false;
		a->jumped = false;
		a->where = home ? NOBODY : to;
	}
}

/* --- a replica asks --- */

/* What is given to a new upstream is measured by how long ago its stamp was: that is wrong across a clock
 * that was set. */
static void measured_anew(struct world *w, const struct node *n, int user)
{
	for (size_t i = 0; i < w->truth.count && n->jumped_ever; i++) {
		struct act *a = &w->truth.acts[i];
		a->loose |= a->user == user && a->where != NOBODY &&
			    (a->where == n->index || world_above(w, user, n->index, a->where));
	}
}

static bool link_node(struct world *w, struct node *n, int user)
{
	struct place *p = &n->places[user];
	measured_anew(w, n, user);
	const struct node *up = &w->nodes[p->parent];
	struct replica_link *link = replica_link_make(p->user);
	CHECK(link);
	if (query_id_key(up->reader, up->places[user].user, link->id_key))
		world_fail(w, "S2", "node %d does not know user %d any more", up->index, user);
	bool ok = fate_run(w, n, &link->job);
	if (ok && link->job.err)
		world_fail(w, "S1", "linking node %d: %s", n->index, err_name(link->job.err));
	p->linked |= ok;
	job_free(&link->job);
	return ok;
}

/* Refreshing its token tells a replica the key of item ids. */
static bool rekey_node(struct world *w, struct node *n, int user)
{
	struct place *p = &n->places[user];
	const struct node *up = &w->nodes[p->parent];
	unsigned char theirs[ID_KEY_SIZE];
	unsigned char ours[ID_KEY_SIZE];
	if (query_id_key(up->reader, up->places[user].user, theirs) ||
		query_id_key(n->reader, p->user, ours) || memcmp(ours, theirs, ID_KEY_SIZE) == 0)
		return true;
	struct replica_rekey *rekey = replica_rekey_make(p->user);
	CHECK(rekey);
	memcpy(rekey->id_key, theirs, ID_KEY_SIZE);
	bool ok = fate_run(w, n, &rekey->job);
	if (ok && rekey->job.err)
		world_fail(w, "S1", "rekeying node %d: %s", n->index, err_name(rekey->job.err));
	w->moved++;
	job_free(&rekey->job);
	return ok;
}

static struct replica_ask *ask_node(struct world *w, struct node *n, int user)
{
	static const unsigned limits[] = {1, 2, 5, 50, 500};
	struct replica_ask *ask = replica_ask_make(n->places[user].user);
	CHECK(ask);
	ask->most_ops = rng_chance(&w->rng, 300) ? (unsigned)rng_between(&w->rng, 1, 5) : 100;
	ask->most_bytes = rng_chance(&w->rng, 100) ? 2000 : 192 * 1024;
	ask->limit = limits[rng_below(&w->rng, 5)];
	if (!w->calm && rng_chance(&w->rng, 50))
		ask->limit = 0;
	if (!fate_run(w, n, &ask->job)) {
		job_free(&ask->job);
		return NULL;
	}
	if (ask->job.err) {
		world_fail(w, "S1", "node %d cannot ask: %s", n->index, err_name(ask->job.err));
		job_free(&ask->job);
		return NULL;
	}
	return ask;
}

static void node_begins(struct world *w, struct node *n, int user)
{
	struct place *p = &n->places[user];
	struct carrier *c = &w->carriers[n->index][user];
	if (!n->up || !p->user || p->parent == NO_PARENT || !w->nodes[p->parent].up)
		return;
	if (c->waiting && w->true_ms < c->deadline_ms)
		return;
	if (!p->linked && !link_node(w, n, user))
		return;
	if (!rekey_node(w, n, user))
		return;
	struct replica_ask *ask = ask_node(w, n, user);
	if (!ask)
		return;
	c->waiting = true;
	c->round++;
	c->deadline_ms = w->true_ms + PATIENCE_MS;
	world_say(w, "node %d user %d asks node %d: %.*s", n->index, user, p->parent, STR_ARG(ask->body));
	send_message(w,
		(struct message){.sender = n->index,
			.user = user,
			.to = p->parent,
			.round = c->round,
			.boot = n->boot_ms,
			.ops = ask->ops,
			.device = p->as.device,
			.asked = ask->asked},
		ask->body);
	job_free(&ask->job);
}

/* --- a client asks --- */

static void client_begins(struct world *w, struct client *c)
{
	static const int limits[] = {1, 2, 5, 50, 500};
	if (!c->used || (c->waiting && w->true_ms < c->deadline_ms))
		return;
	struct buf body = buf_make(REQUEST_CAP);
	size_t most = rng_chance(&w->rng, 300) ? (size_t)rng_between(&w->rng, 1, 5) : 100;
	/* `at` is only right while the clock runs undisturbed. */
	for (size_t i = 0; i < c->count; i++)
		if (c->ops[i].act >= 0 && c->ops[i].boot != c->boot && c->ops[i].made_off != c->wall_off)
			w->truth.acts[c->ops[i].act].loose = true;
	client_ask(c, w->true_ms, w->controls.no_skew, most, limits[rng_below(&w->rng, 5)], &body);
	c->waiting = true;
	c->round++;
	c->deadline_ms = w->true_ms + PATIENCE_MS;
	struct message m = {.sender = CLIENT_CODE + c->index,
		.user = c->user,
		.to = c->parent,
		.round = c->round,
		.boot = c->boot,
		.ops = c->count < most ? c->count : most,
		.device = c->device};
	(void)snprintf(m.asked_text, sizeof m.asked_text, "%s", c->cursor);
	world_say(w, "client %d asks node %d: %s", c->index, c->parent, body.ptr);
	send_message(w, m, buf_str(&body));
	buf_free(&body);
}

void carry_begin(struct world *w, int who)
{
	if (who >= NODES)
		client_begins(w, &w->clients[who - NODES]);
	else if (w->nodes[who].used)
		for (int user = 0; user < USERS; user++)
			node_begins(w, &w->nodes[who], user);
}

/* --- the upstream serves --- */

static bool same_results(const json_t *a, const json_t *b)
{
	size_t at;
	json_t *left;
	if (json_array_size(a) != json_array_size(b))
		return false;
	json_array_foreach (a, at, left) {
		const json_t *right = json_array_get(b, at);
		if (!json_equal(json_object_get(left, "outcome"), json_object_get(right, "outcome")) ||
			(json_object_get(left, "stamp") &&
				!json_equal(json_object_get(left, "stamp"), json_object_get(right, "stamp"))))
			return false;
	}
	return true;
}

/* S3: the same push once more changes nothing. */
static void serve_again(struct world *w, const struct message *m, const struct buf *first)
{
	struct node *n = &w->nodes[m->to];
	struct buf again = buf_make(ANSWER_CAP);
	if (w->controls.forgets_receipts)
		disk_sql(n->disk, "DELETE FROM receipt; UPDATE sender SET taken = 0, kept = 0");
	enum served served = serve(n, m->user, m->device, (struct str){m->text, m->len}, &again);
	if (served == SERVED_DEAD) {
		fate_dies(w, n);
	} else if (served != SERVED_OK) {
		world_fail(w, "S3", "node %d answers a repeated push with %d", m->to, (int)served);
	} else {
		json_t *a = json_loads(first->ptr, 0, NULL);
		json_t *b = json_loads(again.ptr, 0, NULL);
		if (!same_results(json_object_get(a, "results"), json_object_get(b, "results")))
			world_fail(w, "S3", "node %d answers a repeated push otherwise: %s, then %s", m->to,
				first->ptr, again.ptr);
		else if (!json_equal(json_object_get(a, "head"), json_object_get(b, "head")))
			world_fail(w, "S3", "a repeated push moved the head of node %d: %s, then %s", m->to,
				first->ptr, again.ptr);
		json_decref(a);
		json_decref(b);
	}
	buf_free(&again);
}

/* S10: nothing in an answer belongs to somebody else. */
static void check_owner(struct world *w, const struct message *m, const char *text)
{
	json_t *answer = json_loads(text, 0, NULL);
	size_t at;
	json_t *item;
	json_array_foreach (json_object_get(answer, "items"), at, item) {
		const char *key = json_string_value(json_object_get(item, "key"));
		if (truth_key_of(m->user, key) < 0)
			world_fail(w, "S10", "user %d is told of %s by node %d", m->user, key, m->to);
	}
	json_decref(answer);
}

static void answer_back(struct world *w, const struct message *m, enum served status, const struct buf *out)
{
	struct message back = *m;
	back.answer = true;
	back.repeated = false;
	back.status = (int)status;
	back.text = NULL;
	send_message(w, back, buf_str(out));
}

/* --- negative controls --- */

/* The ops of a repeated request, with numbers that were never used. */
static char *renumbered(const char *text)
{
	json_t *body = json_loads(text, 0, NULL);
	size_t at;
	json_t *op;
	json_array_foreach (json_object_get(body, "ops"), at, op) {
		int64_t n = json_integer_value(json_object_get(op, "n"));
		(void)json_object_set_new(op, "n", json_integer(n + 1000000));
	}
	char *out = json_dumps(body, JSON_COMPACT);
	json_decref(body);
	return out;
}

static void lose_items(struct buf *out)
{
	json_t *answer = json_loads(out->ptr, 0, NULL);
	(void)json_object_set_new(answer, "items", json_array());
	char *text = json_dumps(answer, JSON_COMPACT);
	buf_clear(out);
	buf_text(out, text);
	free(text);
	json_decref(answer);
}

/* As it is served; and as it would be by a daemon or over a link that does what a control says. */
static enum served serve_broken(struct world *w, const struct message *m, struct buf *out)
{
	struct node *n = &w->nodes[m->to];
	struct str body = {m->text, m->len};
	int user = m->user;
	char *other = NULL;
	if (w->controls.mixes_users && n->places[1 - user].user && rng_chance(&w->rng, 50))
		user = 1 - user;
	if (w->controls.new_numbers && m->repeated) {
		other = renumbered(m->text);
		body = str_from(other);
	}
	enum served served = serve(n, user, m->device, body, out);
	if (w->controls.loses_items && served == SERVED_OK && rng_chance(&w->rng, 100))
		lose_items(out);
	free(other);
	return served;
}

static void request_arrives(struct world *w, const struct message *m)
{
	struct node *n = &w->nodes[m->to];
	if (!n->up || !n->places[m->user].user)
		return;
	struct buf out = buf_make(ANSWER_CAP);
	enum served served = serve_broken(w, m, &out);
	world_say(w, "node %d answers %d with %d: %s", m->to, m->sender, (int)served, out.ptr ? out.ptr : "");
	if (served == SERVED_DEAD) {
		fate_dies(w, n);
	} else if (served == SERVED_FAILED) {
		world_fail(w, "S8", "node %d cannot serve: %s", m->to, m->text);
	} else if (served == SERVED_FAULT) {
		world_fail(w, "S8", "node %d refuses a request as a whole (%s): %s", m->to,
			out.ptr ? out.ptr : "", m->text);
	} else {
		if (served == SERVED_OK)
			check_owner(w, m, out.ptr);
		if (served == SERVED_OK && m->ops && rng_chance(&w->rng, 250))
			serve_again(w, m, &out);
		answer_back(w, m, served, &out);
	}
	buf_free(&out);
}

/* --- a replica takes --- */

/* A new device at the upstream, and everything numbered anew. */
static void new_device(struct world *w, struct node *n, int user)
{
	struct place *p = &n->places[user];
	struct replica_renumber *renumber = replica_renumber_make(p->user);
	CHECK(renumber);
	w->tally.forks++;
	w->moved++;
	if (fate_run(w, n, &renumber->job)) {
		if (renumber->job.err)
			world_fail(w, "S1", "renumbering node %d: %s", n->index, err_name(renumber->job.err));
		rng_bytes(&w->rng, p->as.device.bytes, DEVICE_SIZE);
	}
	job_free(&renumber->job);
}

static void took(struct world *w, struct node *n, const struct message *m, const struct replica_take *take)
{
	struct place *p = &n->places[m->user];
	struct replica_state state;
	world_say(w, "node %d user %d took: outcome %d, more %d", n->index, m->user, (int)take->outcome,
		take->more);
	switch (take->outcome) {
	case REPLICA_TAKEN:
		w->moved += m->ops || take->answer->item_count || take->more;
		w->tally.offers += take->answer->offer;
		if (replica_state(n->reader, p->user, &state) == ERR_OK && state.waiting == 0)
			pass_on(w, m->user, n->index, m->to);
		break;
	case REPLICA_STALE:
		w->tally.stale++;
		break;
	case REPLICA_RESTORED:
		new_device(w, n, m->user);
		break;
	case REPLICA_OTHER_SERVER:
		rng_bytes(&w->rng, p->as.device.bytes, DEVICE_SIZE);
		p->linked = false;
		w->moved++;
		break;
	default:
		p->linked = false;
		w->moved++;
	}
}

static void node_takes(struct world *w, struct node *n, const struct message *m)
{
	struct carrier *c = &w->carriers[n->index][m->user];
	bool current = c->waiting && m->round == c->round;
	/* What was asked by an earlier start of the program, or of another upstream, never reaches this one.
	 */
	if (!n->up || m->boot != n->boot_ms || m->to != n->places[m->user].parent ||
		!(current || rng_chance(&w->rng, 500)))
		return;
	if (current)
		c->waiting = false;
	if (m->status == SERVED_FORKED) {
		if (current)
			new_device(w, n, m->user);
		return;
	}
	struct replica_take *take = replica_take_make(n->places[m->user].user);
	json_t *json = json_loadb(m->text, m->len, JSON_REJECT_DUPLICATES, NULL);
	CHECK(take && json);
	take->asked = m->asked;
	enum err err = answer_read(json, &take->job.arena, &take->answer);
	json_decref(json);
	if (err) {
		world_fail(w, "S1", "node %d cannot read an answer: %s", n->index, m->text);
	} else if (fate_run(w, n, &take->job)) {
		if (take->job.err)
			world_fail(w, "S1", "node %d cannot take an answer (%s): %s", n->index,
				err_name(take->job.err), m->text);
		else if (current && take->outcome == REPLICA_STALE)
			world_fail(w, "S1", "node %d calls an answer stale that it waits for", n->index);
		else if (!current && take->outcome == REPLICA_TAKEN && m->round != c->round)
			world_fail(w, "S1", "node %d takes an answer that it had given up", n->index);
		else
			took(w, n, m, take);
	}
	job_free(&take->job);
}

/* --- a client takes --- */

struct taking {
	struct world *w;
	const struct message *m;
};

static void told(void *context, struct client *c, const struct client_op *op, const json_t *result)
{
	const struct taking *t = context;
	struct world *w = t->w;
	const char *outcome = json_string_value(json_object_get(result, "outcome"));
	bool rejected = strcmp(outcome, "rejected") == 0;
	w->tally.rejected += rejected;
	if (rejected != (op->act == -2)) {
		char *text = json_dumps(op->body, JSON_COMPACT);
		world_fail(w, "S8", "node %d calls this op %s: %s", t->m->to, outcome, text);
		free(text);
	}
	if (op->act < 0)
		return;
	struct act *a = &w->truth.acts[op->act];
	bool home = w->nodes[t->m->to].places[c->user].parent == NO_PARENT;
	a->candidate = strcmp(outcome, "candidate") == 0;
	w->tally.candidates += a->candidate;
	if (a->where == CLIENT_CODE + c->index) {
		a->loose |= a->rebooted && a->jumped;
		a->rebooted = a->jumped = false;
		a->where = home ? NOBODY : t->m->to;
	}
	/* From here on a client that keeps nothing has only the upstream's word. */
	if (!c->pulls && a->taken_by == CLIENT_CODE + c->index) {
		a->taken_by = t->m->to;
		a->taken_ms = t->m->sent_ms;
		a->certain &= !node_lost(&w->nodes[t->m->to], t->m->sent_ms);
	}
}

static void client_takes(struct world *w, struct client *c, const struct message *m)
{
	struct taking t = {w, m};
	if (!c->used || !c->waiting || m->round != c->round || m->boot != c->boot)
		return;
	c->waiting = false;
	if (m->status == SERVED_FORKED) {
		client_renumber(c, &w->rng);
		w->tally.forks++;
		w->moved++;
		return;
	}
	json_t *answer = json_loadb(m->text, m->len, JSON_REJECT_DUPLICATES, NULL);
	CHECK(answer);
	switch (client_take(c, answer, m->asked_text, told, &t)) {
	case CLIENT_RESTORED:
		client_renumber(c, &w->rng);
		w->tally.forks++;
		w->moved++;
		break;
	case CLIENT_TOOK:
		w->moved += m->ops || json_array_size(json_object_get(answer, "items")) || c->count ||
			    json_is_true(json_object_get(answer, "more"));
		break;
	default:
		world_fail(
			w, "S1", "client %d asked from %s and is at %s", c->index, m->asked_text, c->cursor);
	}
	json_decref(answer);
}

void carry_arrives(struct world *w, struct message *m)
{
	struct message copy = *m;
	*m = (struct message){.used = false};
	if (!copy.answer)
		request_arrives(w, &copy);
	else if (copy.sender >= CLIENT_CODE)
		client_takes(w, &w->clients[copy.sender - CLIENT_CODE], &copy);
	else
		node_takes(w, &w->nodes[copy.sender], &copy);
	free(copy.text);
}
