#include "daemon/slowdown.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/limits.h"

enum { FREE_FAILURES = 3, FIRST_PAUSE_MS = 250, LONGEST_PAUSE_MS = 4000, FORGET_MS = 900000 };

struct slow_account {
	uint64_t hash; /* of the address, keyed; 0: empty */
	unsigned failures;
	int64_t last_ms;
};

struct slowdown {
	struct loop_tick tick;
	unsigned char key[crypto_shorthash_KEYBYTES];
	struct slow_account accounts[LIMIT_SLOW_ACCOUNTS];
	struct slowdown_wait *waiting; /* in no order: there are few */
	unsigned waiting_count;
};

static uint64_t hash_of(const struct slowdown *s, struct str email)
{
	uint64_t hash = 0;
	(void)crypto_shorthash((unsigned char *)&hash, (const unsigned char *)email.ptr, email.len, s->key);
	return hash ? hash : 1;
}

/* The account's place; a place that another account took is theirs until it is forgotten or ours fails later.
 */
static struct slow_account *find(struct slowdown *s, uint64_t hash)
{
	return &s->accounts[hash % LIMIT_SLOW_ACCOUNTS];
}

static void on_tick(struct loop_tick *tick, int64_t mono_ms)
{
	struct slowdown *s = (struct slowdown *)((char *)tick - offsetof(struct slowdown, tick));
	struct slowdown_wait *due = NULL;
	struct slowdown_wait **at = &s->waiting;
	while (*at) {
		struct slowdown_wait *wait = *at;
		if (wait->until_ms > mono_ms) {
			at = &wait->next;
			continue;
		}
		*at = wait->next;
		wait->next = due;
		due = wait;
		s->waiting_count--;
	}
	while (due) {
		struct slowdown_wait *next = due->next;
		due->run(due);
		due = next;
	}
}

enum err slowdown_open(struct loop *loop, struct slowdown **out)
{
	struct slowdown *s = calloc(1, sizeof *s);
	if (!s)
		return ERR_NOMEM;
	randombytes_buf(s->key, sizeof s->key);
	s->tick.run = on_tick;
	loop_every_tick(loop, &s->tick);
	*out = s;
	return ERR_OK;
}

void slowdown_close(struct slowdown *s)
{
	free(s);
}

bool slowdown_enter(struct slowdown *s, struct str email, struct slowdown_wait *wait)
{
	uint64_t hash = hash_of(s, email);
	const struct slow_account *a = find(s, hash);
	int64_t now = loop_now().mono_ms;
	if (a->hash != hash || a->failures < FREE_FAILURES || now - a->last_ms > FORGET_MS) {
		wait->run(wait);
		return true;
	}
	if (s->waiting_count >= LIMIT_SLOW_WAITING)
		return false;
	unsigned steps = a->failures - FREE_FAILURES;
	int64_t pause = steps > 4 ? LONGEST_PAUSE_MS : (int64_t)FIRST_PAUSE_MS << steps;
	wait->until_ms = now + (pause < LONGEST_PAUSE_MS ? pause : LONGEST_PAUSE_MS);
	wait->next = s->waiting;
	s->waiting = wait;
	s->waiting_count++;
	return true;
}

void slowdown_failed(struct slowdown *s, struct str email)
{
	uint64_t hash = hash_of(s, email);
	struct slow_account *a = find(s, hash);
	int64_t now = loop_now().mono_ms;
	if (a->hash != hash || now - a->last_ms > FORGET_MS)
		*a = (struct slow_account){.hash = hash};
	a->failures++;
	a->last_ms = now;
}

void slowdown_succeeded(struct slowdown *s, struct str email)
{
	uint64_t hash = hash_of(s, email);
	struct slow_account *a = find(s, hash);
	if (a->hash == hash)
		memset(a, 0, sizeof *a);
}
