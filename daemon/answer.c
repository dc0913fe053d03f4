#include "daemon/answer.h"

#include "daemon/app.h"
#include "sync/view.h"

/* What most answers need: no growing on the way. */
enum { ANSWER_BYTES = 1000 };

struct buf answer_begin(void)
{
	struct buf b = buf_make(LIMIT_RESPONSE);
	buf_reserve(&b, ANSWER_BYTES);
	buf_text(&b, "{\"success\":true,\"data\":");
	return b;
}

void answer_end(struct request *r, int status, struct buf *b)
{
	buf_char(b, '}');
	reply_json(r, status, b);
}

void answer_user_fields(struct buf *b, const struct profile *p)
{
	buf_text(b, "\"_id\":\"");
	buf_text(b, p->oid);
	buf_text(b, "\",\"username\":");
	buf_json(b, p->username);
	buf_text(b, ",\"email\":");
	buf_json(b, p->email);
	buf_text(b, ",\"role\":");
	buf_json(b, p->role);
	buf_text(b, ",\"avatar\":");
	buf_json(b, p->avatar);
	buf_text(b, p->is_verified ? ",\"isVerified\":true" : ",\"isVerified\":false");
	buf_text(b, ",\"notificationIgnore\":{");
	for (int i = 0; i < STATUS_COUNT; i++) {
		buf_text(b, i ? ",\"" : "\"");
		buf_text(b, status_names[i]);
		buf_text(b, p->ignored & 1u << i ? "\":true" : "\":false");
	}
	buf_text(b, "},\"preferences\":{\"audio\":");
	buf_json(b, p->audio);
	buf_text(b, ",\"server\":");
	buf_json(b, p->server);
	buf_text(b, "},\"createdAt\":");
	buf_json_time(b, p->created);
	buf_text(b, ",\"updatedAt\":");
	buf_json_time(b, p->updated);
}

void answer_user(struct request *r, const struct profile *p)
{
	struct buf b = answer_begin();
	buf_char(&b, '{');
	answer_user_fields(&b, p);
	buf_char(&b, '}');
	answer_end(r, 200, &b);
}

bool answer_submit(struct request *r, struct job *job, void (*done)(struct job *job))
{
	job->context = r;
	job->done = done;
	if (writer_submit(r->app->writer, job))
		return true;
	job_free(job);
	reply_err(r, ERR_BUSY);
	return false;
}

bool answer_failed(struct request *r, struct job *job)
{
	enum err err = job->err;
	if (!err)
		return false;
	job_free(job);
	if (err == ERR_NOT_FOUND) /* deleted while the request was under way */
		reply_error(r, 401, "User not found", NULL);
	else
		reply_err(r, err);
	return true;
}

struct apply *answer_apply(
	struct request *r, enum op_kind kind, enum collection collection, struct str key, struct op **op)
{
	struct apply *a = apply_make(r->who.user, 1);
	if (!a) {
		reply_err(r, ERR_NOMEM);
		return NULL;
	}
	*op = &a->ops[0];
	**op = op_make(kind, collection, key, r->who.device);
	return a;
}

void answer_item(struct request *r, struct apply *a, int status, const char *missing)
{
	const struct op_result *result = &a->results[0];
	switch (result->refusal) {
	case REFUSED_EXISTS:
		reply_error(r, 409, "Anime already in watchlist. Use update endpoint to modify.", NULL);
		break;
	case REFUSED_MISSING:
		reply_error(r, 404, missing, NULL);
		break;
	case REFUSED_TOO_MANY:
		reply_error(r, 422,
			"Too many items. Remove some, or ask the server's owner to raise MAX_ITEMS.",
			"too_many_items");
		break;
	case REFUSED_NOT: {
		struct buf b = answer_begin();
		if (result->shown)
			view_item(&b, r->who.oid, &result->item, result->cleared);
		else
			buf_text(&b, "null");
		answer_end(r, status, &b);
	}
	}
	job_free(&a->job);
}
