/*
 * The command `tsuzukid doctor [--json]`: looks at everything that can be wrong with an installation, one
 * line each, with the command that fixes it. Reads only. The files: doctor.c prints; doctor_data.c looks at
 * the data folder; doctor_net.c at what is outside.
 */
#ifndef TSUZUKI_DAEMON_DOCTOR_H
#define TSUZUKI_DAEMON_DOCTOR_H

#include <jansson.h>

#include "daemon/admin.h"
#include "daemon/cli.h"
#include "daemon/config.h"
#include "sync/base/buf.h"

/* Prints; returns 0 when nothing failed, else the code of the first check that did (admin.h). */
int doctor_command(const struct config *config, const struct cli *cli);

enum doctor_result { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL };

/* What the checks share. */
struct doctor {
	const struct config *config;
	json_t *status;	     /* of the running daemon; NULL: none answers */
	struct buf why_none; /* why not */
	/* The check under way. */
	enum doctor_result result;
	struct buf text; /* what was found */
	struct buf fix;	 /* a command for a shell */
};

/* A check's finding: a result, and its text as of printf; the fix goes to d->fix. */
#define doctor_say(d, outcome, ...)               \
	do {                                      \
		(d)->result = (outcome);          \
		buf_clear(&(d)->text);            \
		buf_fmt(&(d)->text, __VA_ARGS__); \
	} while (0)

typedef void doctor_check(struct doctor *d);

doctor_check doctor_folder, doctor_secret, doctor_database, doctor_space, doctor_backup, doctor_clock;
doctor_check doctor_port, doctor_certificate, doctor_mail, doctor_descriptors;

#endif
