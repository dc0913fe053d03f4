#include "sync/decide_step.h"

enum {
	ORDER_MS = 10000
}; /* how far an op may come out before the same device's previous one and be moved behind it */

/* An offer keeps its stamp, but is never later than the beginning of the present epoch. */
static struct stamp offered_stamp(const struct work *w, struct stamp offer)
{
	int64_t late = stamp_ms(offer) - w->account.epoch_began;
	if (late <= 0)
		return offer;
	int64_t seconds = late / 1000;
	return stamp_make(
		w->account.epoch_began, seconds > 65535 ? 65535 : (unsigned)seconds, stamp_device(offer));
}

/* When an op happened (sync-protocol.md section 3). */
struct stamp decide_stamp(struct work *w, const struct op *op)
{
	if (stamp_set(op->offer))
		return offered_stamp(w, op->offer);
	struct stamp stamp;
	/* An op that only arrives now keeps the time it happened; one made here is later than the epoch's
	 * beginning. */
	if (op->has_at || op->age_ms > 0) {
		int64_t ms = op->has_at ? op->at_ms : w->received - op->age_ms;
		stamp = stamp_make(ms < w->received ? ms : w->received, 0, op->device);
	} else {
		stamp = stamp_clock_make(
			&w->account.clock, w->received, w->account.epoch_began + 1, op->device);
	}
	if (stamp_set(op->after) && stamp_cmp(stamp, op->after) <= 0 &&
		stamp_ms(op->after) - stamp_ms(stamp) <= ORDER_MS)
		stamp = stamp_next(op->after);
	return stamp;
}
