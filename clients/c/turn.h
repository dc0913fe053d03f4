/*
 * Turns at a data folder: the store is open only while one call works with it, under the folder's lock, so
 * that a player and the command line share one folder. A lock of its own keeps exchanges with the server
 * apart. Internal to the library.
 */
#ifndef TSUZUKI_CLIENTS_C_TURN_H
#define TSUZUKI_CLIENTS_C_TURN_H

#include "clients/c/tsz.h"
#include "sync/job.h"
#include "sync/store.h"

struct turn {
	struct store *store;
	struct reader *reader;
};

/* Waits for the folder, at most t->wait_ms (TSZ_BUSY); makes the local account when there is none. */
enum tsz_code turn_begin(struct tsz *t, struct turn *turn);
/* Bounded leftovers (what a clear voided), then the folder is free. */
void turn_end(struct turn *turn);
/* Runs one job, of the store's user; on failure says what was being done. */
enum tsz_code turn_run(struct tsz *t, struct turn *turn, struct job *job, const char *doing);

/*
 * Whoever talks to the server on behalf of this folder. Waits at most wait_ms, then TSZ_BUSY. Reads
 * t->tokens anew. *lock goes to talk_end().
 */
enum tsz_code talk_begin(struct tsz *t, unsigned wait_ms, int *lock);
void talk_end(int lock);

#endif
