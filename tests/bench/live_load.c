/*
 * The load generator of the live channel: N WebSocket connections, one thread, epoll.
 *
 *   live_load PORT CONNECTIONS SECONDS WARMUP TOKENS-FILE PID MODE RATE
 *
 * MODE echo: a server that sends texts back; tick: hello, then progress frames, of which the acknowledgements
 * are timed; fan: the first connection ticks and the receipts of all others are timed, from its sending;
 * idle: hello, then nothing. RATE: messages a second of each connection that sends, 0: the next one as soon
 * as the last is answered. TOKENS-FILE has a token a line; connection c takes line c modulo their number
 * ("-": none, for echo). PID is the server whose CPU time is read over the span that is counted. Pings are
 * answered. Prints one JSON object; with idle, "ready" first, as soon as all are welcome, and then waits.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	CONNECTIONS = 20000,
	TOKENS = 20000,
	TOKEN = 1024,
	RING = 64,	     /* ticks of a connection whose sending is remembered */
	IN = 4096,	     /* bytes of a message that are looked at */
	LATENCIES = 1 << 23, /* remembered */
	SILENCE_MS = 15000
};

typedef enum mode { MODE_ECHO, MODE_TICK, MODE_FAN, MODE_IDLE } mode;

typedef struct connection {
	int fd;
	size_t number;
	bool upgraded, welcome;
	int64_t sent[RING]; /* ns, by the number of the tick */
	int64_t due;
	unsigned ticks;
	size_t len;		  /* bytes held in `in` */
	size_t skip;		  /* bytes of a long message that are not looked at */
	unsigned char in[IN + 1]; /* NUL behind what numbers are read from */
} connection;

typedef struct load {
	mode mode;
	int port, epoll;
	size_t count, welcome, token_count;
	double rate;
	char (*tokens)[TOKEN];
	connection *connections;
	bool counting;
	uint32_t *latencies; /* in units of 100 ns */
	size_t latencies_len, answered;
} load;

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("live_load: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

static int64_t now_ns(clockid_t clock)
{
	struct timespec t;
	if (clock_gettime(clock, &t) != 0) {
		die("clock: %s", strerror(errno));
	}
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void send_all(const connection *c, const void *bytes, size_t len)
{
	if (send(c->fd, bytes, len, MSG_NOSIGNAL) != (ssize_t)len) {
		die("send on connection %zu: %s", c->number, strerror(errno));
	}
}

/* A whole frame, masked with zeroes, which changes nothing of the text. */
static void send_frame(const connection *c, unsigned opcode, const void *text, size_t len)
{
	unsigned char frame[2048];
	size_t at = 0;
	frame[at++] = (unsigned char)(0x80 | opcode);
	if (len < 126) {
		frame[at++] = (unsigned char)(0x80 | len);
	} else {
		frame[at++] = 0x80 | 126;
		frame[at++] = (unsigned char)(len >> 8);
		frame[at++] = (unsigned char)len;
	}
	memset(frame + at, 0, 4);
	at += 4;
	if (at + len > sizeof(frame)) {
		die("a frame of %zu bytes", len);
	}
	memcpy(frame + at, text, len);
	send_all(c, frame, at + len);
}

static void send_message(load *l, connection *c)
{
	char text[400];
	/* 200 bytes, as limits.md's echo: a tick of a player. */
	int len = snprintf(text, sizeof(text),
		"{\"type\":\"progress\",\"id\":%u,\"event\":\"heartbeat\",\"session\":\"c1f0\",\"animeId\":"
		"\"show-%06zu\","
		"\"animeTitle\":\"A show of some "
		"kind\",\"currentEpisode\":3,\"currentTime\":%u,\"duration\":9999999}",
		c->ticks, c->number, 1000 + c->ticks);
	c->sent[c->ticks % RING] = now_ns(CLOCK_MONOTONIC);
	c->ticks++;
	if (l->rate > 0) {
		c->due += (int64_t)(1e9 / l->rate);
	}
	send_frame(c, 1, text, (size_t)len);
}

static bool sends(const load *l, const connection *c)
{
	return l->mode == MODE_ECHO || l->mode == MODE_TICK || (l->mode == MODE_FAN && c->number == 0);
}

static void begin(load *l, connection *c)
{
	c->welcome = true;
	l->welcome++;
	if (sends(l, c) && l->rate <= 0) {
		send_message(l, c);
	}
}

static void on_upgraded(load *l, connection *c)
{
	c->upgraded = true;
	if (l->mode == MODE_ECHO) {
		begin(l, c);
		return;
	}
	char hello[TOKEN + 64];
	int len = snprintf(hello, sizeof(hello), "{\"type\":\"hello\",\"token\":\"%s\"}",
		l->tokens[c->number % l->token_count]);
	send_frame(c, 1, hello, (size_t)len);
}

static void note(load *l, int64_t since)
{
	if (!l->counting) {
		return;
	}
	int64_t took = (now_ns(CLOCK_MONOTONIC) - since) / 100;
	l->answered++;
	if (l->latencies_len < LATENCIES) {
		l->latencies[l->latencies_len++] = took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
	}
}

static bool starts(const unsigned char *text, size_t len, const char *with)
{
	return len >= strlen(with) && memcmp(text, with, strlen(with)) == 0;
}

/* The number of the tick that an answer is for. */
static unsigned id_of(const unsigned char *text, size_t len)
{
	const unsigned char *at = memmem(text, len, "\"id\":", 5);
	return at ? (unsigned)strtoul((const char *)at + 5, NULL, 10) : 0;
}

static void on_text(load *l, connection *c, const unsigned char *text, size_t len)
{
	if (l->mode == MODE_ECHO || starts(text, len, "{\"type\":\"ack\"")) {
		if (l->mode != MODE_FAN) {
			note(l, c->sent[id_of(text, len) % RING]);
		}
		if (l->rate <= 0) {
			send_message(l, c);
		}
	} else if (starts(text, len, "{\"type\":\"welcome\"")) {
		begin(l, c);
	} else if (starts(text, len, "{\"type\":\"items\"")) {
		if (l->mode == MODE_FAN && c->number > 0) {
			/* Items name no tick: the newest one was sent last. */
			const connection *first = &l->connections[0];
			note(l, first->sent[(first->ticks - 1) % RING]);
		}
	} else {
		die("connection %zu was told %.*s", c->number, (int)(len < 300 ? len : 300),
			(const char *)text);
	}
}

static void on_frame(load *l, connection *c, unsigned opcode, const unsigned char *bytes, size_t len)
{
	if (opcode == 1) {
		on_text(l, c, bytes, len);
	} else if (opcode == 9) {
		send_frame(c, 10, bytes, len);
	} else {
		die("connection %zu got a frame of kind %u", c->number, opcode);
	}
}

/* Takes one frame off the front; false: it is not whole yet. */
static bool take_frame(load *l, connection *c)
{
	size_t head = 2;
	if (c->len < head) {
		return false;
	}
	size_t len = c->in[1] & 0x7f;
	if (len == 127) {
		head = 10;
	} else if (len == 126) {
		head = 4;
	}
	if (c->len < head) {
		return false;
	}
	if (head > 2) {
		len = 0;
		for (size_t i = 2; i < head; i++) {
			len = len << 8 | c->in[i];
		}
	}
	size_t whole = head + len;
	if (c->len < whole && c->len < IN) {
		return false;
	}
	size_t here = c->len < whole ? c->len : whole;
	c->skip = whole - here;
	on_frame(l, c, c->in[0] & 0x0f, c->in + head, here - head);
	c->len -= here;
	memmove(c->in, c->in + here, c->len);
	return true;
}

static void take_upgrade(load *l, connection *c)
{
	const unsigned char *end = memmem(c->in, c->len, "\r\n\r\n", 4);
	if (!end) {
		return;
	}
	if (!starts(c->in, c->len, "HTTP/1.1 101")) {
		die("connection %zu was not upgraded: %.200s", c->number, (const char *)c->in);
	}
	size_t head = (size_t)(end - c->in) + 4;
	c->len -= head;
	memmove(c->in, c->in + head, c->len);
	on_upgraded(l, c);
}

static void receive(load *l, connection *c)
{
	unsigned char scratch[65536];
	ssize_t n = c->skip ? recv(c->fd, scratch, c->skip < sizeof(scratch) ? c->skip : sizeof(scratch), 0)
			    : recv(c->fd, c->in + c->len, IN - c->len, 0);
	if (n <= 0) {
		die("the server closed connection %zu: %s", c->number,
			n == 0 ? "end of file" : strerror(errno));
	}
	if (c->skip) {
		c->skip -= (size_t)n;
		return;
	}
	c->len += (size_t)n;
	if (!c->upgraded) {
		take_upgrade(l, c);
	}
	while (c->upgraded && take_frame(l, c)) {
	}
}

static void connect_one(load *l, connection *c)
{
	static const char upgrade[] =
		"GET /api/live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)l->port),
		.sin_addr = {htonl(INADDR_LOOPBACK)}};
	int one = 1;
	char request[512];
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
		die("connect: %s", strerror(errno));
	}
	if (setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0) {
		die("TCP_NODELAY: %s", strerror(errno));
	}
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &e) != 0) {
		die("epoll_ctl: %s", strerror(errno));
	}
	int len = snprintf(request, sizeof(request), "%s%s\r\n", upgrade,
		l->mode == MODE_ECHO ? "" : "Sec-WebSocket-Protocol: tsuzuki.v1\r\n");
	send_all(c, request, (size_t)len);
}

/* Whoever sends at a rate and is due; a late one does not catch up in a burst. */
static void send_due(load *l)
{
	int64_t now = now_ns(CLOCK_MONOTONIC);
	if (l->rate <= 0 || l->welcome < l->count) {
		return;
	}
	for (size_t i = 0; i < l->count; i++) {
		connection *c = &l->connections[i];
		if (sends(l, c) && c->due <= now) {
			c->due = c->due < now - 1000000000 ? now : c->due;
			send_message(l, c);
		}
	}
}

/* Serves until the given time; 0: until everybody is welcome. */
static void serve(load *l, int64_t until)
{
	struct epoll_event events[256];
	int64_t heard = now_ns(CLOCK_MONOTONIC);
	while (until ? now_ns(CLOCK_MONOTONIC) < until : l->welcome < l->count) {
		int n = epoll_wait(l->epoll, events, 256, l->rate > 0 ? 1 : 100);
		if (n < 0 && errno != EINTR) {
			die("epoll_wait: %s", strerror(errno));
		}
		if (n > 0) {
			heard = now_ns(CLOCK_MONOTONIC);
		} else if (l->mode != MODE_IDLE &&
			   now_ns(CLOCK_MONOTONIC) - heard > (int64_t)SILENCE_MS * 1000000) {
			die("nothing was heard for %d s", SILENCE_MS / 1000);
		}
		for (int i = 0; i < n; i++) {
			receive(l, events[i].data.ptr);
		}
		send_due(l);
	}
}

static void read_tokens(load *l, const char *path)
{
	l->tokens = calloc(TOKENS, sizeof(*l->tokens));
	FILE *f = strcmp(path, "-") == 0 ? NULL : fopen(path, "r");
	if (!l->tokens || (!f && strcmp(path, "-") != 0)) {
		die("%s: %s", path, strerror(errno));
	}
	while (f && l->token_count < TOKENS && fscanf(f, "%1023s", l->tokens[l->token_count]) == 1) {
		l->token_count++;
	}
	if (f) {
		fclose(f);
	}
	if (l->mode != MODE_ECHO && l->token_count == 0) {
		die("%s: no tokens", path);
	}
}

static void start(load *l)
{
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->connections = calloc(l->count, sizeof(*l->connections));
	l->latencies = calloc(LATENCIES, sizeof(*l->latencies));
	if (l->epoll < 0 || !l->connections || !l->latencies) {
		die("no memory");
	}
	for (size_t i = 0; i < l->count; i++) {
		l->connections[i].number = i;
		connect_one(l, &l->connections[i]);
		/* Their answers are taken meanwhile, so that no backlog overflows. */
		if (i % 64 == 63) {
			serve(l, now_ns(CLOCK_MONOTONIC) + 2000000);
		}
	}
	serve(l, 0);
	int64_t now = now_ns(CLOCK_MONOTONIC);
	for (size_t i = 0; i < l->count && l->rate > 0; i++) {
		/* Spread over the first period. */
		l->connections[i].due = now + (int64_t)(1e9 / l->rate * (double)i / (double)l->count);
	}
}

static int by_value(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static double percentile_us(const load *l, double p)
{
	return l->latencies_len ? l->latencies[(size_t)((double)(l->latencies_len - 1) * p)] / 10.0 : 0;
}

static mode mode_of(const char *name)
{
	static const char *const names[] = {"echo", "tick", "fan", "idle"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]) == 0) {
			return (mode)i;
		}
	}
	die("mode: echo, tick, fan or idle");
}

int main(int argc, char **argv)
{
	if (argc != 9) {
		die("usage: live_load PORT CONNECTIONS SECONDS WARMUP TOKENS-FILE PID MODE RATE");
	}
	load l = {.port = atoi(argv[1]),
		.count = (size_t)atoi(argv[2]),
		.mode = mode_of(argv[7]),
		.rate = atof(argv[8])};
	clockid_t server = CLOCK_PROCESS_CPUTIME_ID;
	pid_t pid = atoi(argv[6]);
	if (l.count < 1 || l.count > CONNECTIONS) {
		die("connections: 1 to %d", CONNECTIONS);
	}
	if (pid != 0 && clock_getcpuclockid(pid, &server) != 0) {
		die("no process %d", (int)pid);
	}
	read_tokens(&l, argv[5]);
	start(&l);
	if (l.mode == MODE_IDLE) {
		puts("ready");
		fflush(stdout);
	}
	serve(&l, now_ns(CLOCK_MONOTONIC) + (int64_t)(atof(argv[4]) * 1e9));
	l.counting = true;
	int64_t cpu = now_ns(server), began = now_ns(CLOCK_MONOTONIC);
	serve(&l, began + (int64_t)(atof(argv[3]) * 1e9));
	cpu = now_ns(server) - cpu;
	int64_t took = now_ns(CLOCK_MONOTONIC) - began;
	double n = l.answered ? (double)l.answered : 1;
	qsort(l.latencies, l.latencies_len, sizeof(*l.latencies), by_value);
	printf("{\"answered\":%zu,\"rate\":%.1f,\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"cpu\":%.3f,"
	       "\"load\":%.5f}\n",
		l.answered, (double)l.answered * 1e9 / (double)took, percentile_us(&l, 0.5),
		percentile_us(&l, 0.99), percentile_us(&l, 0.999), (double)cpu / 1e3 / n,
		(double)cpu / (double)took);
	return 0;
}
