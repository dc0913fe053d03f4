/* Listening and accepting: sockets of our own, so that every refusal is ours and has a reason. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/http_conn.h"
#include "daemon/limits.h"
#include "daemon/log.h"

static const char unix_prefix[] = "unix:";
/* Of the first socket that a service manager hands in. */
enum { INHERITED_FD = 3 };

unsigned http_connection_bound(const struct config *config)
{
	struct rlimit limit;
	unsigned most = 1024;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		most = limit.rlim_cur > 1000000 ? 1000000 : (unsigned)limit.rlim_cur;
	most = most > 2 * LIMIT_DESCRIPTORS_KEPT ? most - LIMIT_DESCRIPTORS_KEPT : most / 2;
	if (config->max_connections > most)
		log_warn("MAX_CONNECTIONS is %u, but the descriptor limit allows %u", config->max_connections,
			most);
	return config->max_connections && config->max_connections < most ? config->max_connections : most;
}

static bool trusted(const struct http *http, const struct address *address, bool unix_socket)
{
	const struct config *config = &http->app->config;
	for (size_t i = 0; i < config->proxy_count; i++)
		if (network_holds(&config->proxies[i], address))
			return true;
	return unix_socket;
}

static struct address peer_address(const struct sockaddr_storage *from)
{
	struct address a = {{0}};
	if (from->ss_family == AF_INET6) {
		struct sockaddr_in6 six;
		memcpy(&six, from, sizeof six);
		memcpy(a.bytes, &six.sin6_addr, sizeof a.bytes);
	} else if (from->ss_family == AF_INET) {
		struct sockaddr_in four;
		memcpy(&four, from, sizeof four);
		a.bytes[10] = a.bytes[11] = 0xff;
		memcpy(a.bytes + 12, &four.sin_addr, 4);
	}
	return a;
}

/* Hands a socket to the library; from here on it is the library's to close, whatever happens. */
static void adopt(struct http *http, struct http_conn *c, int fd)
{
	lws_adopt_desc_t info = {.vh = http->vhost,
		.type = LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP | LWS_ADOPT_ALLOW_SSL,
		.fd = {.sockfd = fd},
		.opaque = c};
	http->adopting = c;
	struct lws *wsi = lws_adopt_descriptor_vhost_via_info(&info);
	/* When it fails late, the connection's end was reported and c is gone already. */
	if (!wsi && http->adopting)
		conn_free(c);
	http->adopting = NULL;
}

static void welcome(struct http *http, int fd, const struct sockaddr_storage *from)
{
	bool unix_socket = from->ss_family != AF_INET && from->ss_family != AF_INET6;
	struct address address = peer_address(from);
	bool proxy = trusted(http, &address, unix_socket);
	struct peer *peer = NULL;
	bool full = http->stats.open >= http->max_connections;
	if (!full && !proxy) {
		peer = peers_take(&http->peers, &address, http->app->config.max_connections_per_address);
		full = !peer;
	}
	if (full) {
		http->stats.refused++;
		(void)close(fd);
		return;
	}
	struct http_conn *c = conn_make(http, &address, unix_socket);
	if (!c) {
		peers_give(&http->peers, peer);
		http->stats.refused++;
		(void)close(fd);
		return;
	}
	c->peer = peer;
	c->trusted = proxy;
	int on = 1;
	if (!unix_socket)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	http->stats.accepted++;
	adopt(http, c, fd);
}

static void on_acceptable(void *context)
{
	struct http *http = context;
	for (int i = 0; i < LIMIT_ACCEPTS; i++) {
		struct sockaddr_storage from = {0};
		socklen_t len = sizeof from;
		int fd = accept4(
			http->listen_fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			welcome(http, fd, &from);
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		/* Out of descriptors or memory: looking again at once would spin. */
		if (errno != EAGAIN && errno != EWOULDBLOCK) {
			http->listen_paused = true;
			loop_watch_pause(http->listen_watch, true);
		}
		return;
	}
}

void http_listen_again(struct http *http)
{
	if (!http->listen_paused || !http->listen_watch)
		return;
	http->listen_paused = false;
	loop_watch_pause(http->listen_watch, false);
}

static enum err bind_failed(const struct config *config, int reason, struct buf *why)
{
	bool is_unix = strncmp(config->bind, unix_prefix, sizeof unix_prefix - 1) == 0;
	if (reason == EADDRINUSE && is_unix)
		buf_fmt(why,
			"BIND: %s is in use by a program that listens on it. Stop it, or name another path.",
			config->bind);
	else if (reason == EADDRINUSE)
		buf_fmt(why,
			"Port %u on %s is in use by another program. Stop it, or choose another port with "
			"--port or PORT.",
			config->port, config->bind);
	else if (reason == EACCES && !is_unix)
		buf_fmt(why,
			"Port %u on %s may not be used by this user. Choose a port above 1023 with --port or "
			"PORT.",
			config->port, config->bind);
	else if (is_unix)
		buf_fmt(why, "BIND: cannot listen on %s (%s).", config->bind, strerror(reason));
	else
		buf_fmt(why, "Cannot listen on %s port %u (%s). Set BIND to an address of this machine.",
			config->bind, config->port, strerror(reason));
	return reason == EADDRINUSE ? ERR_BUSY : ERR_IO;
}

/* A socket file that nobody listens on is left over from a crash. */
static bool remove_stale_socket(const struct sockaddr_un *name)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	bool stale = connect(fd, (const struct sockaddr *)name, sizeof *name) != 0 && errno == ECONNREFUSED;
	(void)close(fd);
	return stale && unlink(name->sun_path) == 0;
}

static enum err listen_unix(struct http *http, struct buf *why)
{
	const struct config *config = &http->app->config;
	const char *path = config->bind + sizeof unix_prefix - 1;
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	if (!*path || strlen(path) >= sizeof name.sun_path) {
		buf_fmt(why, "BIND: %s: a socket's path has 1 to %zu bytes.", config->bind,
			sizeof name.sun_path - 1);
		return ERR_INVALID;
	}
	memcpy(name.sun_path, path, strlen(path));
	http->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (http->listen_fd < 0)
		return bind_failed(config, errno, why);
	int failed = bind(http->listen_fd, (struct sockaddr *)&name, sizeof name) ? errno : 0;
	if (failed == EADDRINUSE && remove_stale_socket(&name))
		failed = bind(http->listen_fd, (struct sockaddr *)&name, sizeof name) ? errno : 0;
	if (failed)
		return bind_failed(config, failed, why);
	http->unix_path = path;
	/* A proxy in the same group may connect; what it says of its clients' addresses is believed. */
	if (chmod(path, 0660) != 0 || listen(http->listen_fd, SOMAXCONN) != 0)
		return bind_failed(config, errno, why);
	return ERR_OK;
}

static enum err listen_address(struct http *http, const struct addrinfo *at, struct buf *why)
{
	const struct config *config = &http->app->config;
	int on = 1, off = 0;
	http->listen_fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (http->listen_fd < 0)
		return bind_failed(config, errno, why);
	(void)setsockopt(http->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	/* "::" is every address, those of IPv4 too. */
	if (at->ai_family == AF_INET6)
		(void)setsockopt(http->listen_fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	if (bind(http->listen_fd, at->ai_addr, at->ai_addrlen) != 0 ||
		listen(http->listen_fd, SOMAXCONN) != 0)
		return bind_failed(config, errno, why);
	return ERR_OK;
}

static enum err listen_tcp(struct http *http, struct buf *why)
{
	const struct config *config = &http->app->config;
	const struct addrinfo hints = {
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	char port[12];
	(void)snprintf(port, sizeof port, "%u", config->port);
	int failed = getaddrinfo(config->bind, port, &hints, &found);
	if (failed) {
		buf_fmt(why,
			"BIND: %s is no address of this machine (%s). Use 0.0.0.0, ::, an address, or "
			"unix:/path.",
			config->bind, gai_strerror(failed));
		return ERR_INVALID;
	}
	enum err err = listen_address(http, found, why);
	freeaddrinfo(found);
	return err;
}

/* How many sockets the service manager has handed to this very process, sd_listen_fds(3); forgets it. */
static int64_t inherited(void)
{
	const char *pid = getenv("LISTEN_PID");
	const char *count = getenv("LISTEN_FDS");
	int64_t whose = 0, sockets = 0;
	if (!pid || !count || !str_int(str_from(pid), 1, INT64_MAX, &whose) || whose != getpid() ||
		!str_int(str_from(count), 0, INT64_MAX, &sockets))
		sockets = 0;
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	return sockets;
}

static int socket_number(int fd, int option)
{
	int value = 0;
	socklen_t len = sizeof value;
	return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 ? value : -1;
}

/* PORT and BIND do not matter then: whoever made the socket has chosen. */
static enum err listen_inherited(struct http *http, int64_t sockets, struct buf *why)
{
	if (sockets != 1 || socket_number(INHERITED_FD, SO_ACCEPTCONN) != 1 ||
		socket_number(INHERITED_FD, SO_TYPE) != SOCK_STREAM) {
		buf_fmt(why,
			"LISTEN_FDS: %" PRId64 " sockets were handed in; it takes one that listens for "
			"streams. Let the "
			"socket unit have one ListenStream= and Accept=no.",
			sockets);
		return ERR_INVALID;
	}
	int flags = fcntl(INHERITED_FD, F_GETFL);
	if (flags < 0 || fcntl(INHERITED_FD, F_SETFL, flags | O_NONBLOCK) != 0 ||
		fcntl(INHERITED_FD, F_SETFD, FD_CLOEXEC) != 0) {
		buf_fmt(why, "LISTEN_FDS: the inherited socket cannot be set up (%s).", strerror(errno));
		return ERR_IO;
	}
	http->listen_fd = INHERITED_FD;
	http->listen_inherited = true;
	log_info("serving on the socket that was handed in; PORT and BIND are not used");
	return ERR_OK;
}

bool http_inherited(const struct http *http)
{
	return http->listen_inherited;
}

enum err http_listen(struct http *http, struct buf *why)
{
	bool is_unix = strncmp(http->app->config.bind, unix_prefix, sizeof unix_prefix - 1) == 0;
	int64_t sockets = inherited();
	enum err err = ERR_OK;
	if (sockets != 0)
		err = listen_inherited(http, sockets, why);
	else
		err = is_unix ? listen_unix(http, why) : listen_tcp(http, why);
	if (err)
		return err;
	http->listen_watch = loop_watch(http->app->loop, http->listen_fd, LOOP_READABLE, on_acceptable, http);
	return http->listen_watch ? ERR_OK : ERR_NOMEM;
}

void http_unlisten(struct http *http)
{
	loop_watch_forget(http->listen_watch);
	http->listen_watch = NULL;
	if (http->listen_fd >= 0)
		(void)close(http->listen_fd);
	http->listen_fd = -1;
	if (http->unix_path)
		(void)unlink(http->unix_path);
	http->unix_path = NULL;
}
