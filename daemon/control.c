#include "daemon/control.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/app.h"
#include "daemon/control_path.h"
#include "daemon/limits.h"
#include "daemon/log.h"

struct control_call {
	struct control *control;
	int fd; /* -1: nobody is there */
	struct loop_watch *readable;
	struct loop_watch *writable;
	bool taken; /* in use */
	bool asked; /* a command has it */
	struct buf in;
	struct buf out;
	size_t sent;
	int64_t deadline_ms; /* to have asked, or to have taken the answer */
};

struct control {
	struct app *app;
	int fd;
	struct loop_watch *watch;
	struct loop_tick tick;
	struct control_path path;
	bool bound; /* the name is ours to remove */
	struct control_call calls[LIMIT_CONTROL_CONNECTIONS];
};

struct app *control_app(struct control_call *call)
{
	return call->control->app;
}

/* --- one call
 * ----------------------------------------------------------------------------------------------------- */

static void hang_up(struct control_call *call)
{
	loop_watch_forget(call->readable);
	loop_watch_forget(call->writable);
	call->readable = NULL;
	call->writable = NULL;
	if (call->fd >= 0)
		(void)close(call->fd);
	call->fd = -1;
	if (call->in.ptr)
		sodium_memzero(call->in.ptr, call->in.room); /* hashes of passwords */
	buf_free(&call->in);
	buf_free(&call->out);
	/* A command still points here: it gives the place back. */
	call->taken = call->asked;
}

static void send_some(struct control_call *call)
{
	while (call->sent < call->out.len) {
		ssize_t n = send(call->fd, call->out.ptr + call->sent, call->out.len - call->sent,
			MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			break;
		call->sent += (size_t)n;
	}
	hang_up(call);
}

static void on_writable(void *context)
{
	send_some(context);
}

void control_answer(struct control_call *call, struct buf *line)
{
	call->asked = false;
	if (call->fd < 0 || !buf_ok(line)) {
		buf_free(line);
		hang_up(call);
		return;
	}
	call->out = *line;
	*line = buf_make(0);
	call->sent = 0;
	call->deadline_ms = loop_now().mono_ms + LIMIT_CONTROL_MS;
	call->writable = loop_watch(call->control->app->loop, call->fd, LOOP_WRITABLE, on_writable, call);
	if (call->writable)
		send_some(call);
	else
		hang_up(call);
}

static void on_readable(void *context)
{
	struct control_call *call = context;
	char bytes[4096];
	ssize_t n = recv(call->fd, bytes, sizeof bytes, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		buf_add(&call->in, bytes, (size_t)n);
	sodium_memzero(bytes, sizeof bytes);
	struct str line = buf_str(&call->in);
	size_t end = str_find(line, '\n');
	if (n <= 0 || !buf_ok(&call->in)) {
		hang_up(call);
		return;
	}
	if (end == line.len)
		return;
	/* One request a connection: what else comes is not read. */
	loop_watch_forget(call->readable);
	call->readable = NULL;
	call->asked = true;
	line.len = end;
	control_command(call, line);
}

/* --- all of them
 * -------------------------------------------------------------------------------------------------- */

/* The file's mode says so already; this holds where modes do not. */
static bool is_allowed(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof peer;
	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       (peer.uid == 0 || peer.uid == geteuid());
}

static struct control_call *free_place(struct control *control)
{
	for (size_t i = 0; i < LIMIT_CONTROL_CONNECTIONS; i++)
		if (!control->calls[i].taken)
			return &control->calls[i];
	return NULL;
}

static void welcome(struct control *control, int fd)
{
	struct control_call *call = free_place(control);
	if (!is_allowed(fd)) {
		log_warn("another user's process was turned away from the control socket");
		call = NULL;
	}
	if (!call) {
		(void)close(fd);
		return;
	}
	*call = (struct control_call){.control = control,
		.fd = fd,
		.taken = true,
		.in = buf_make(LIMIT_CONTROL_LINE),
		.out = buf_make(LIMIT_CONTROL_LINE),
		.deadline_ms = loop_now().mono_ms + LIMIT_CONTROL_MS};
	call->readable = loop_watch(control->app->loop, fd, LOOP_READABLE, on_readable, call);
	if (!call->readable)
		hang_up(call);
}

static void on_acceptable(void *context)
{
	struct control *control = context;
	int fd = accept4(control->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0)
		welcome(control, fd);
	else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
		loop_watch_pause(control->watch, true); /* out of descriptors: the tick looks again */
}

static void on_tick(struct loop_tick *tick, int64_t mono_ms)
{
	struct control *control = (struct control *)((char *)tick - offsetof(struct control, tick));
	for (size_t i = 0; i < LIMIT_CONTROL_CONNECTIONS; i++) {
		struct control_call *call = &control->calls[i];
		if (call->taken && !call->asked && mono_ms > call->deadline_ms)
			hang_up(call);
	}
	if (control->watch)
		loop_watch_pause(control->watch, false);
}

/* --- listening
 * ---------------------------------------------------------------------------------------------------- */

static enum err listen_at(struct control *control, struct buf *why)
{
	struct sockaddr_un name;
	control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* The store's lock is held: whatever stands there is left over from a crash. */
	bool good = control->fd >= 0 && control_path_name(&control->path, &name) &&
		    (unlink(name.sun_path) == 0 || errno == ENOENT);
	if (good) {
		mode_t before = umask(0177);
		good = bind(control->fd, (const struct sockaddr *)&name, sizeof name) == 0;
		int saved = errno;
		(void)umask(before);
		errno = saved;
		control->bound = good;
	}
	if (good && listen(control->fd, LIMIT_CONTROL_CONNECTIONS) == 0)
		return ERR_OK;
	buf_fmt(why, "The control socket %s/" CONTROL_NAME " cannot be made (%s).", control->path.folder,
		strerror(errno));
	return ERR_IO;
}

/* Commands look in DATA_DIR, which they know; the link leads them on. */
static void lead_there(const struct control *control)
{
	struct buf link = buf_make(4096), target = buf_make(4096);
	const char *data_dir = control->app->config.data_dir;
	buf_fmt(&link, "%s/" CONTROL_NAME, data_dir);
	buf_fmt(&target, "%s/" CONTROL_NAME, control->path.folder);
	bool good = buf_ok(&link) && buf_ok(&target) && (unlink(link.ptr) == 0 || errno == ENOENT) &&
		    symlink(target.ptr, link.ptr) == 0;
	if (!good)
		log_warn("%s/" CONTROL_NAME " cannot be made (%s): tsuzukid user and backup will not find "
			 "this daemon",
			data_dir, strerror(errno));
	buf_free(&link);
	buf_free(&target);
}

enum err control_open(struct app *app, struct control **out, struct buf *why)
{
	struct control *control = calloc(1, sizeof *control);
	if (!control)
		return ERR_NOMEM;
	/* A unit may have several; the first one is ours. */
	const char *runtime = getenv("RUNTIME_DIRECTORY");
	struct str rest = str_from(runtime && *runtime ? runtime : app->config.data_dir);
	struct str folder = rest;
	if (runtime && *runtime)
		folder = str_cut(&rest, ':');
	control->app = app;
	control->fd = -1;
	for (size_t i = 0; i < LIMIT_CONTROL_CONNECTIONS; i++)
		control->calls[i].fd = -1;
	enum err err = control_path_open(&control->path, folder, why);
	if (!err)
		err = listen_at(control, why);
	if (!err) {
		control->watch = loop_watch(app->loop, control->fd, LOOP_READABLE, on_acceptable, control);
		if (!control->watch)
			err = ERR_NOMEM;
	}
	if (err) {
		control_close(control);
		return err;
	}
	if (runtime && *runtime)
		lead_there(control);
	control->tick.run = on_tick;
	loop_every_tick(app->loop, &control->tick);
	*out = control;
	return ERR_OK;
}

void control_stop(struct control *control)
{
	struct sockaddr_un name;
	if (!control)
		return;
	loop_watch_forget(control->watch);
	control->watch = NULL;
	if (control->fd >= 0)
		(void)close(control->fd);
	control->fd = -1;
	if (control->bound && control_path_name(&control->path, &name))
		(void)unlink(name.sun_path);
	control->bound = false;
}

void control_close(struct control *control)
{
	if (!control)
		return;
	control_stop(control);
	loop_no_tick(control->app->loop, &control->tick);
	for (size_t i = 0; i < LIMIT_CONTROL_CONNECTIONS; i++)
		if (control->calls[i].taken) {
			control->calls[i].asked = false;
			hang_up(&control->calls[i]);
		}
	control_path_close(&control->path);
	free(control);
}
