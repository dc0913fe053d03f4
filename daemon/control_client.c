#include "daemon/control_client.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/control.h"
#include "daemon/control_path.h"
#include "daemon/loop.h"

static enum err connect_to(const char *data_dir, int *out, struct buf *why)
{
	struct control_path path;
	struct sockaddr_un name;
	enum err err = control_path_open(&path, str_from(data_dir), why);
	int fd = err ? -1 : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!err && (fd < 0 || !control_path_name(&path, &name)))
		err = ERR_IO;
	if (!err && connect(fd, (const struct sockaddr *)&name, sizeof name) != 0) {
		/* None, or one that a crash has left. */
		bool none = errno == ENOENT || errno == ECONNREFUSED;
		err = none ? ERR_NOT_FOUND : errno == EACCES || errno == EPERM ? ERR_DENIED : ERR_IO;
		buf_fmt(why, "%s/" CONTROL_NAME ": %s.%s", data_dir, strerror(errno),
			err == ERR_DENIED ? " Run this as root or as the daemon's own user." : "");
	}
	control_path_close(&path);
	if (err && fd >= 0)
		(void)close(fd);
	if (!err)
		*out = fd;
	return err;
}

/* Until the descriptor is ready, or until the moment has come. */
static enum err wait_for(int fd, short events, int64_t until_ms)
{
	for (;;) {
		int64_t left = until_ms - loop_now().mono_ms;
		struct pollfd poll_fd = {.fd = fd, .events = events};
		if (left <= 0)
			return ERR_EXPIRED;
		int ready = poll(&poll_fd, 1, left > INT32_MAX ? INT32_MAX : (int)left);
		if (ready > 0)
			return ERR_OK;
		if (ready < 0 && errno != EINTR)
			return ERR_IO;
	}
}

static enum err send_all(int fd, struct str line, int64_t until_ms)
{
	size_t sent = 0;
	while (sent < line.len) {
		enum err err = wait_for(fd, POLLOUT, until_ms);
		if (err)
			return err;
		ssize_t n = send(fd, line.ptr + sent, line.len - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < 0)
			return ERR_IO;
		sent += (size_t)n;
	}
	return ERR_OK;
}

static enum err take_line(int fd, int64_t until_ms, struct buf *answer)
{
	char bytes[4096];
	while (answer->len == 0 || answer->ptr[answer->len - 1] != '\n') {
		enum err err = wait_for(fd, POLLIN, until_ms);
		if (err)
			return err;
		ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return ERR_IO;
		buf_add(answer, bytes, (size_t)n);
		if (!buf_ok(answer))
			return ERR_IO;
	}
	return ERR_OK;
}

enum err control_ask(
	const char *data_dir, struct str line, int64_t wait_ms, struct buf *answer, struct buf *why)
{
	int fd = -1;
	int64_t until_ms = loop_now().mono_ms + wait_ms;
	enum err err = connect_to(data_dir, &fd, why);
	if (err)
		return err;
	err = send_all(fd, line, until_ms);
	if (!err)
		err = take_line(fd, until_ms, answer);
	(void)close(fd);
	if (err == ERR_EXPIRED)
		buf_fmt(why, "The daemon did not answer within %lld s; see its log.",
			(long long)wait_ms / 1000);
	else if (err)
		buf_text(why, "The daemon hung up without an answer; see its log.");
	return err;
}
