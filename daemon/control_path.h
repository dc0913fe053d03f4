/*
 * Where the control socket is: a name that fits into a socket's address however long the folder's path is,
 * because the folder is held open and named by its descriptor.
 */
#ifndef TSUZUKI_DAEMON_CONTROL_PATH_H
#define TSUZUKI_DAEMON_CONTROL_PATH_H

#include <stdbool.h>
#include <sys/un.h>

#include "sync/base/buf.h"
#include "sync/base/err.h"

struct control_path {
	int fd; /* of the folder */
	char folder[4096];
};

/* ERR_NOT_FOUND: no such folder; ERR_DENIED: it is another user's; ERR_IO. *why says so for people. */
enum err control_path_open(struct control_path *path, struct str folder, struct buf *why);
/* The socket's address. false: it does not fit. */
bool control_path_name(const struct control_path *path, struct sockaddr_un *out);
void control_path_close(struct control_path *path);

#endif
