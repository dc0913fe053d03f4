#include "daemon/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/limits.h"
#include "daemon/log.h"
#include "sync/base/str.h"

static int connect_to(const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	size_t len = strlen(path);
	if ((*path != '/' && *path != '@') || len < 2 || len >= sizeof name.sun_path) {
		errno = EINVAL;
		return -1;
	}
	memcpy(name.sun_path, path, len);
	if (*path == '@')
		name.sun_path[0] = '\0'; /* Linux's names without a file */
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	if (connect(fd, (const struct sockaddr *)&name, size) == 0)
		return fd;
	int saved = errno;
	(void)close(fd);
	errno = saved;
	return -1;
}

/* What WATCHDOG_USEC asks for, as ms between two signs of life: half of it. */
static int64_t watchdog_every(void)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	int64_t value = 0, whose = 0;
	if (!usec || !str_int(str_from(usec), 1, INT64_MAX, &value))
		return 0;
	/* Another process of the unit is meant. */
	if (pid && (!str_int(str_from(pid), 1, INT64_MAX, &whose) || whose != getpid()))
		return 0;
	int64_t every = value / 2000;
	return every > 0 ? every : 1;
}

void notify_open(struct notify *n)
{
	const char *path = getenv("NOTIFY_SOCKET");
	*n = (struct notify){.fd = -1};
	if (path && *path) {
		n->fd = connect_to(path);
		if (n->fd < 0)
			log_warn("NOTIFY_SOCKET cannot be used (%s): the service manager is not told that "
				 "the server is ready",
				strerror(errno));
		else
			n->every_ms = watchdog_every();
	}
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
}

/* Never waits: a manager that does not read misses a word, and nothing else happens. */
static void tell(const struct notify *n, const char *text)
{
	if (n->fd >= 0)
		(void)send(n->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void on_tick(struct loop_tick *tick, int64_t mono_ms)
{
	struct notify *n = (struct notify *)((char *)tick - offsetof(struct notify, tick));
	if (mono_ms - n->last_ms < n->every_ms)
		return;
	n->last_ms = mono_ms;
	tell(n, "WATCHDOG=1");
}

void notify_watch(struct notify *n, struct loop *loop)
{
	if (n->fd < 0 || n->every_ms == 0)
		return;
	n->tick.run = on_tick;
	n->loop = loop;
	loop_every_tick(loop, &n->tick);
}

void notify_close(struct notify *n)
{
	if (n->loop)
		loop_no_tick(n->loop, &n->tick);
	n->loop = NULL;
	if (n->fd >= 0)
		(void)close(n->fd);
	n->fd = -1;
}

void notify_ready(const struct notify *n)
{
	tell(n, "READY=1\nSTATUS=Serving\n");
}

void notify_reloading(const struct notify *n)
{
	char text[96];
	(void)snprintf(text, sizeof text,
		"RELOADING=1\nMONOTONIC_USEC=%" PRId64 "\nSTATUS=Reading settings\n",
		loop_now().mono_ms * 1000);
	tell(n, text);
}

void notify_stopping(const struct notify *n)
{
	tell(n, "STOPPING=1\nSTATUS=Finishing what is acknowledged\n");
}
