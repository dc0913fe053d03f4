/*
 * Fields of a JSON body, one by one: wrong ones become faults of a 422 with the texts of live-clients.md
 * section 3. null counts as absent. Slices point into the body and live as long as the request.
 */
#ifndef TSUZUKI_DAEMON_FIELDS_H
#define TSUZUKI_DAEMON_FIELDS_H

#include "daemon/reply.h"

enum field_state { FIELD_ABSENT, FIELD_BAD, FIELD_GOOD };

/* A string of at most max characters, well-formed UTF-8. msg is the fault of another. */
enum field_state field_text(const json_t *object, const char *name, size_t max, const char *msg,
	struct faults *faults, struct str *out);
/* An integer within [min, max], as number or digit string. */
enum field_state field_int(const json_t *object, const char *name, int64_t min, int64_t max, const char *msg,
	struct faults *faults, int64_t *out);
/* A finite number within [0, max], as number or numeric string. */
enum field_state field_real(const json_t *object, const char *name, double max, const char *msg,
	struct faults *faults, double *out);
enum field_state field_bool(
	const json_t *object, const char *name, const char *msg, struct faults *faults, bool *out);
/* The field is there, whatever it is; null counts. */
bool field_is_null(const json_t *object, const char *name);

/* The rules of a user name (3 to 30 letters, digits, underscores) and of an e-mail address, trimmed already.
 */
bool username_valid(struct str name);
bool email_valid(struct str email);

/* Rules that several routes share; each adds its faults and returns whether the value can be used. */
bool field_username(struct request *r, bool required, struct faults *faults, struct str *out);
/* Trimmed and lower-cased. */
bool field_email(struct request *r, struct faults *faults, struct str *out);
/* A password to be set, at least 6 characters. */
bool field_new_password(
	struct request *r, const char *name, const char *msg, struct faults *faults, struct str *out);
/* A password to be checked: not empty. */
bool field_old_password(
	struct request *r, const char *name, const char *msg, struct faults *faults, struct str *out);
/* animeId: 1 to 200 bytes without control characters; a number is taken as its text. */
bool field_anime_id(const json_t *object, struct arena *a, struct faults *faults, struct str *out);

/* An integer of the query string, clamped to [min, max]; absent: *out stays. A value that is none is a fault.
 */
bool query_int_clamped(
	struct request *r, const char *name, int64_t min, int64_t max, struct faults *faults, int64_t *out);

#endif
