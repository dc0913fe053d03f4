/*
 * Who follows whose changes: the connections of a user, woken once after every group of commits that moved
 * the user's newest seq, by whatever way the change came in (design.md section 2). There is no queue: a
 * follower that is woken asks for what changed since its own cursor. Loop thread only.
 */
#ifndef TSUZUKI_DAEMON_HUB_H
#define TSUZUKI_DAEMON_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hub;
struct hub_user;

/* A follower's place, embedded in it; zeroed when it follows nobody. */
struct hub_place {
	struct hub_user *user;
	struct hub_place *prev; /* among those of the same user */
	struct hub_place *next;
};

/* wake(place, head): the user's changes up to `head` are on disk and their answers are on their way. */
struct hub *hub_make(void (*wake)(struct hub_place *place, int64_t head));
/* Nobody follows any more. Takes NULL. */
void hub_free(struct hub *hub);

/* false: memory is short. The place belongs to the hub until hub_leave(). */
bool hub_join(struct hub *hub, uint64_t user, struct hub_place *place);
/* Does nothing when it follows nobody. */
void hub_leave(struct hub *hub, struct hub_place *place);
/* The user's newest seq has moved; followers are woken at the next hub_wake(). */
void hub_moved(struct hub *hub, uint64_t user, int64_t head);
void hub_wake(struct hub *hub);
/* Calls visit() for each follower of a user, which may leave meanwhile. */
void hub_visit(
	struct hub *hub, uint64_t user, void (*visit)(struct hub_place *place, void *context), void *context);

#endif
