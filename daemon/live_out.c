/* What goes out: answers from a short queue, then pings, then what changed, read when the socket takes it. */
#include <stdlib.h>
#include <string.h>

#include "daemon/live_conn.h"
#include "daemon/live_lws.h"
#include "sync/exchange.h"

enum { PING_BYTES = 4 };

/* A frame that waits for the socket; its text follows LWS_PRE bytes of room. */
struct live_frame {
	struct live_frame *next;
	size_t len;
	unsigned char bytes[];
};

static const struct {
	unsigned close;
	const char *code; /* of bye; NULL: the close code says it all */
	const char *message;
	unsigned retry_after_s;
} endings[END_COUNT] = {
	[END_NOT_AUTHORIZED] = {4401, "not_authorized", "Not authorized to access this route", 0},
	[END_NO_USER] = {4401, "not_authorized", "User not found", 0},
	[END_EXPIRED] = {4401, "token_expired", "Token expired, please login again", 0},
	[END_REVOKED] = {4403, "revoked", "This session was ended", 0},
	[END_DELETED] = {4403, "account_deleted", "This account was deleted", 0},
	[END_NO_HELLO] = {4408, "no_hello", "Send hello within 10 seconds", 0},
	[END_UNFINISHED] = {4408, "unfinished", "Send all fragments of a frame within 15 seconds", 0},
	[END_FLOODING] = {4429, "flooding", "Too many frames. Send fewer, or join them in `sync`",
		LIMIT_LIVE_RETRY_S},
	[END_TOO_LARGE] = {1009, NULL, NULL, 0},
	[END_BINARY] = {1003, NULL, NULL, 0},
	[END_NOT_UTF8] = {1007, NULL, NULL, 0},
	[END_STOPPING] = {1001, "stopping", "The server is stopping", LIMIT_LIVE_RETRY_S},
	[END_FAILED] = {1011, "failed", "The server cannot go on with this connection", LIMIT_LIVE_RETRY_S},
};

/* --- frames --- */

struct buf *live_begin(struct lives *lives, const char *type)
{
	static const char room[LWS_PRE];
	struct buf *out = &lives->out;
	buf_clear(out);
	buf_add(out, room, sizeof room);
	buf_text(out, "{\"type\":\"");
	buf_text(out, type);
	buf_char(out, '"');
	return out;
}

void live_queue(struct live *l)
{
	struct buf *out = &l->lives->out;
	buf_char(out, '}');
	if (!l->wsi || l->ended)
		return;
	struct live_frame *frame = buf_ok(out) ? malloc(sizeof *frame + out->len) : NULL;
	if (!frame) {
		live_end(l, END_FAILED);
		return;
	}
	frame->next = NULL;
	frame->len = out->len - LWS_PRE;
	memcpy(frame->bytes, out->ptr, out->len);
	*(l->queue ? &l->queue_last->next : &l->queue) = frame;
	l->queue_last = frame;
	l->queued++;
	l->queue_bytes += frame->len;
	live_measure(l);
	live_want_write(l);
}

static void drop_first(struct live *l)
{
	struct live_frame *frame = l->queue;
	l->queue = frame->next;
	l->queued--;
	l->queue_bytes -= frame->len;
	free(frame);
}

void live_drop_queue(struct live *l)
{
	while (l->queue)
		drop_first(l);
}

void live_want_write(struct live *l)
{
	if (l->wsi && !l->ended)
		(void)lws_callback_on_writable(l->wsi);
}

/* One frame of text, behind LWS_PRE bytes of room. The library keeps what the socket does not take. */
static bool write_text(struct live *l, unsigned char *bytes, size_t len)
{
	l->lives->stats.frames_out++;
	return lws_write(l->wsi, bytes + LWS_PRE, len, LWS_WRITE_TEXT) >= 0;
}

static bool write_out(struct live *l)
{
	struct buf *out = &l->lives->out;
	buf_char(out, '}');
	return buf_ok(out) && write_text(l, (unsigned char *)out->ptr, out->len - LWS_PRE);
}

static bool write_first(struct live *l)
{
	bool good = write_text(l, l->queue->bytes, l->queue->len);
	drop_first(l);
	live_measure(l);
	return good;
}

static bool write_ping(struct live *l)
{
	/* With a payload: an empty one brings no callback for its pong (limits.md section 2). */
	unsigned char bytes[LWS_PRE + PING_BYTES] = {0};
	memcpy(bytes + LWS_PRE, "tick", PING_BYTES);
	l->ping_due = false;
	return lws_write(l->wsi, bytes + LWS_PRE, PING_BYTES, LWS_WRITE_PING) >= 0;
}

/* --- what changed --- */

static bool write_items(struct live *l)
{
	struct app *app = l->lives->app;
	struct buf *out = live_begin(l->lives, "items");
	struct pull pull = {.since = l->cursor.seq,
		.limit = LIVE_PULL_LIMIT,
		.bytes = LIVE_PULL_BYTES,
		.told = l->told,
		.told_count = l->told_count,
		.upto = l->upto};
	told_sort(l->told, l->told_count);
	buf_char(out, ',');
	enum err err = exchange_pull(app->reader, l->who.user, loop_now(), &pull, out);
	if (err) {
		live_end(l, err == ERR_NOT_FOUND ? END_DELETED : END_FAILED);
		return true;
	}
	bool news = pull.items || l->catch_up || memcmp(l->cleared, pull.cleared, sizeof l->cleared) != 0;
	memcpy(l->cleared, pull.cleared, sizeof l->cleared);
	l->cursor = pull.cursor;
	l->catch_up = false;
	live_told_prune(l);
	if (!news)
		return true;
	buf_text(out, ",\"cursor\":");
	cursor_json(out, &pull.cursor);
	buf_text(out, ",\"head\":");
	cursor_json(out, &pull.head);
	l->lives->stats.items++;
	return write_out(l);
}

/* --- the end --- */

/* Bye, and then the close frame. */
static int write_end(struct live *l)
{
	const char *code = endings[l->ending].code;
	if (code && !l->bye_sent) {
		struct buf *out = live_begin(l->lives, "bye");
		l->bye_sent = true;
		buf_text(out, ",\"code\":");
		buf_json(out, str_from(code));
		buf_text(out, ",\"message\":");
		buf_json(out, str_from(endings[l->ending].message));
		if (endings[l->ending].retry_after_s)
			buf_fmt(out, ",\"retryAfter\":%u", endings[l->ending].retry_after_s);
		live_want_write(l);
		return write_out(l) ? 0 : -1;
	}
	l->ended = true;
	lws_close_reason(l->wsi, (enum lws_close_status)endings[l->ending].close, NULL, 0);
	return -1;
}

/* The library allows one write a callback, and calls without having been asked. */
int live_writable(struct live *l)
{
	bool good = true;
	if (l->ended)
		return 0;
	if (l->queue)
		good = write_first(l);
	else if (l->state == LIVE_ENDING)
		return (l->under_way || l->parked) && l->ending == END_STOPPING ? 0 : write_end(l);
	else if (l->ping_due)
		good = write_ping(l);
	else if (l->state == LIVE_OPEN && l->cursor.seq < l->upto)
		good = write_items(l);
	if (!good)
		return -1;
	if (l->queue || l->state == LIVE_ENDING || l->ping_due ||
		(l->state == LIVE_OPEN && l->cursor.seq < l->upto))
		live_want_write(l);
	return 0;
}
