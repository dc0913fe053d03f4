/*
 * What the files of live share: a connection of the live channel, from its opening to its end. Its states:
 *
 *   HELLO ──► OPEN ──► ENDING ──► gone (freed once nothing under way points to it)
 *     └──────────────────▲
 * HELLO: nobody has said hello; OPEN: the stream runs; ENDING: bye, then the close frame; cut at the
 * deadline.
 *
 * A frame that came is answered by at most one frame, which waits in `queue` until the socket takes it. When
 * too many wait, or one has to be finished before the next may begin, reading stops (`held`), and the
 * client's sending with it. What changed waits nowhere: it is read when the queue is empty and the socket can
 * be written (hub.h).
 */
#ifndef TSUZUKI_DAEMON_LIVE_CONN_H
#define TSUZUKI_DAEMON_LIVE_CONN_H

#include <jansson.h>

#include "daemon/app.h"
#include "daemon/http.h"
#include "daemon/hub.h"
#include "daemon/live.h"
#include "daemon/live_ending.h"
#include "daemon/reply.h"
#include "daemon/request.h"
#include "sync/cursor.h"
#include "sync/told.h"

enum live_state { LIVE_HELLO, LIVE_OPEN, LIVE_ENDING };

/* Why reading has stopped. */
enum live_hold {
	HOLD_SLOWED = 1, /* over RATE_LIMIT_LIVE until the window ends */
	HOLD_FULL = 2,	 /* too much is not answered yet */
	HOLD_BUSY = 4	 /* what came last has to be finished first */
};

struct live_syncing;
struct live_frame; /* one that waits for the socket */

struct live {
	struct lives *lives;
	struct lws *wsi; /* NULL: gone, and only what is under way keeps the memory */
	struct http_seat seat;
	struct live *prev, *next;	      /* in lives->all */
	struct live *watch_prev, *watch_next; /* in lives->watched: looked at on every tick */
	struct hub_place place;
	struct principal who; /* user 0: not known yet */
	/* One byte each: there may be very many connections. */
	uint8_t state;	/* enum live_state */
	uint8_t ending; /* enum live_ending */
	uint8_t held;	/* bits of enum live_hold */
	uint8_t pings;	/* not answered */
	uint8_t strikes;
	bool watched;
	bool ping_due;
	bool bye_sent;
	bool ended;	    /* the close frame was asked for: nothing more is written */
	bool catch_up;	    /* the next `items` is sent even if it is empty: something is behind it */
	bool by_header;	    /* the token came with the upgrade: hello needs none */
	uint16_t under_way; /* jobs and tasks that will come back */
	uint16_t queued;    /* frames in queue */
	unsigned window_count;
	int64_t window_ms;	     /* when it began */
	int64_t deadline_ms;	     /* HELLO: for hello; ENDING: for the end; 0: none */
	int64_t frame_ms;	     /* when the frame that is being assembled must be whole; 0: none is */
	int64_t ping_ms;	     /* when the next one is due */
	struct buf message;	     /* owned: the fragments of that frame */
	struct live_syncing *parked; /* owned: waits until nothing else is under way */
	struct live_frame *queue, *queue_last;
	size_t queue_bytes;
	/* The stream. */
	struct cursor cursor;			/* the client has everything up to here */
	int64_t upto;				/* acks of everything up to here have been queued */
	struct stamp cleared[COLLECTION_COUNT]; /* as told last */
	struct told *told; /* owned; room for LIMIT_LIVE_TOLD, NULL while there are none */
	size_t told_count;
};

struct lives {
	struct app *app;
	struct hub *hub;
	struct loop_tick tick;
	struct loop_before_wait hook;
	struct live *all;
	struct live *next_look; /* at whose deadlines is looked next; NULL: the first one's */
	struct live *watched;
	struct live *next_watched; /* where the round under way goes on */
	unsigned count;
	bool draining;
	struct buf out; /* the frame that is being written, behind LWS_PRE bytes of room */
	struct live_stats stats;
};

/* live_conn.c */
/* At once, without a word. l is gone afterwards, or follows when the library has thrown away what it kept. */
void live_cut(struct live *l);
void live_unwatch(struct live *l);
/* Stops reading for a reason, or no longer for it. */
void live_hold(struct live *l, enum live_hold reason, bool on);
/* Ends the connection; the first reason counts. l is still there afterwards. */
void live_end(struct live *l, enum live_ending ending);
/* Something that points to l is under way, or has come back: l may be gone afterwards. */
void live_begin_work(struct live *l);
void live_end_work(struct live *l);

/* Stops reading while too much is not answered, or goes on. */
void live_measure(struct live *l);

/* live_out.c */
/* Begins a frame, `{"type":"..."`, to be continued by the caller; there is one at a time. */
struct buf *live_begin(struct lives *lives, const char *type);
/* Ends it with `}` and queues it. */
void live_queue(struct live *l);
void live_drop_queue(struct live *l);
/* Something is to be written, as soon as the socket takes it. */
void live_want_write(struct live *l);
/* The socket can be written. Non-zero closes the connection. */
int live_writable(struct live *l);

/* live_frames.c */
/* A whole frame: well-formed UTF-8, which lives during the call. */
void live_frame(struct live *l, struct str text);
/* A frame was refused. id < 0: it had none that can be read. errors: NULL for none. */
void live_refuse(
	struct live *l, int64_t id, const char *code, const char *message, const struct faults *errors);
/* The same for what the store or a queue said. */
void live_refuse_err(struct live *l, int64_t id, enum err err);

/* live_told.c */
/* An ack told what an op did to an item: the stream leaves it out, if nothing else happened to it. */
void live_told(
	struct live *l, struct moved moved, const struct cursor *head, const struct told *told, size_t count);
/* Forgets what the cursor covers by now. */
void live_told_prune(struct live *l);

/* live_hello.c */
void live_hello(struct live *l, const json_t *json);

/* live_sync.c */
/* Takes json over. Begins when everything before it has been answered. */
void live_sync(struct live *l, int64_t id, json_t *json);
void live_sync_begin(struct live_syncing *own);
void live_sync_forget(struct live_syncing *own);

#endif
