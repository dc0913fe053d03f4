#include "daemon/hub.h"

#include <stdlib.h>
#include <string.h>

#include "sync/base/check.h"

/* A table that doubles when it holds as many users as buckets. User ids are random: no hash is needed. */
enum { BUCKETS_AT_FIRST = 64 };

struct hub_user {
	uint64_t user;
	int64_t head;
	struct hub_user *next;	/* in its bucket */
	struct hub_user *moved; /* the next one whose head has moved */
	bool is_moved;
	struct hub_place *places;
};

struct hub {
	void (*wake)(struct hub_place *place, int64_t head);
	struct hub_user **buckets; /* owned; room of them, a power of two */
	size_t room;
	size_t count;
	struct hub_user *moved;
	struct hub_place *next; /* whom the round under way comes to next; moved when that one leaves */
};

struct hub *hub_make(void (*wake)(struct hub_place *place, int64_t head))
{
	struct hub *hub = calloc(1, sizeof *hub);
	if (!hub)
		return NULL;
	hub->wake = wake;
	hub->room = BUCKETS_AT_FIRST;
	hub->buckets = calloc(hub->room, sizeof(struct hub_user *));
	if (!hub->buckets) {
		free(hub);
		return NULL;
	}
	return hub;
}

void hub_free(struct hub *hub)
{
	if (!hub)
		return;
	CHECK(hub->count == 0);
	free(hub->buckets);
	free(hub);
}

static struct hub_user **bucket_of(struct hub_user **buckets, size_t room, uint64_t user)
{
	return &buckets[user & (room - 1)];
}

static struct hub_user *find(struct hub *hub, uint64_t user)
{
	struct hub_user *u = *bucket_of(hub->buckets, hub->room, user);
	while (u && u->user != user)
		u = u->next;
	return u;
}

/* Without memory for it the table stays as it is, and is only slower. */
static void grow(struct hub *hub)
{
	size_t room = hub->room * 2;
	struct hub_user **buckets = calloc(room, sizeof(struct hub_user *));
	if (!buckets)
		return;
	for (size_t i = 0; i < hub->room; i++) {
		struct hub_user *u = hub->buckets[i];
		while (u) {
			struct hub_user *next = u->next;
			struct hub_user **bucket = bucket_of(buckets, room, u->user);
			u->next = *bucket;
			*bucket = u;
			u = next;
		}
	}
	free(hub->buckets);
	hub->buckets = buckets;
	hub->room = room;
}

static struct hub_user *add(struct hub *hub, uint64_t user)
{
	struct hub_user *u = calloc(1, sizeof *u);
	if (!u)
		return NULL;
	if (hub->count == hub->room)
		grow(hub);
	struct hub_user **bucket = bucket_of(hub->buckets, hub->room, user);
	u->user = user;
	u->next = *bucket;
	*bucket = u;
	hub->count++;
	return u;
}

static void drop(struct hub *hub, struct hub_user *u)
{
	struct hub_user **at = bucket_of(hub->buckets, hub->room, u->user);
	while (*at != u) {
		CHECK(*at);
		at = &(*at)->next;
	}
	*at = u->next;
	for (at = &hub->moved; u->is_moved; at = &(*at)->moved) {
		CHECK(*at);
		if (*at == u) {
			*at = u->moved;
			break;
		}
	}
	hub->count--;
	free(u);
}

bool hub_join(struct hub *hub, uint64_t user, struct hub_place *place)
{
	CHECK(!place->user);
	struct hub_user *u = find(hub, user);
	if (!u)
		u = add(hub, user);
	if (!u)
		return false;
	*place = (struct hub_place){.user = u, .next = u->places};
	if (place->next)
		place->next->prev = place;
	u->places = place;
	return true;
}

void hub_leave(struct hub *hub, struct hub_place *place)
{
	struct hub_user *u = place->user;
	if (!u)
		return;
	if (hub->next == place)
		hub->next = place->next;
	*(place->prev ? &place->prev->next : &u->places) = place->next;
	if (place->next)
		place->next->prev = place->prev;
	*place = (struct hub_place){0};
	if (!u->places)
		drop(hub, u);
}

void hub_moved(struct hub *hub, uint64_t user, int64_t head)
{
	struct hub_user *u = hub->count ? find(hub, user) : NULL;
	if (!u)
		return;
	u->head = head > u->head ? head : u->head;
	if (u->is_moved)
		return;
	u->is_moved = true;
	u->moved = hub->moved;
	hub->moved = u;
}

void hub_wake(struct hub *hub)
{
	while (hub->moved) {
		struct hub_user *u = hub->moved;
		int64_t head = u->head;
		hub->moved = u->moved;
		u->moved = NULL;
		u->is_moved = false;
		for (struct hub_place *p = u->places; p; p = hub->next) {
			hub->next = p->next;
			hub->wake(p, head);
		}
	}
	hub->next = NULL;
}

void hub_visit(
	struct hub *hub, uint64_t user, void (*visit)(struct hub_place *place, void *context), void *context)
{
	struct hub_user *u = hub->count ? find(hub, user) : NULL;
	for (struct hub_place *p = u ? u->places : NULL; p; p = hub->next) {
		hub->next = p->next;
		visit(p, context);
	}
	hub->next = NULL;
}
