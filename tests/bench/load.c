/*
 * The load generator of the benchmark: N keep-alive connections, each with one request outstanding, one
 * thread, epoll.
 *
 *   load PORT CONNECTIONS SECONDS WARMUP REQUESTS-FILE PID COUNTER
 *
 * SECONDS 0 sends every request of the file once. PID is the server whose CPU time is measured over the very
 * span that is counted (0: none). The file holds one request after another, each as its length, a newline and
 * its bytes; wherever the characters "######" stand in one they are replaced by a number of six digits that
 * begins at COUNTER and grows by one each time that request is sent. Connection c sends requests c, c + N, c
 * + 2N, ..., so that no request is ever under way twice and a user's positions never go back. Prints one JSON
 * object.
 *
 * It exists because a scriptable generator takes as much CPU as the servers that it measures; on two cores
 * that moves the very ratios that are wanted.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	CONNECTIONS = 4096,  /* at most */
	REQUESTS = 1 << 20,  /* at most, in the file */
	REQUEST = 1 << 20,   /* bytes of one, at most */
	ANSWER = 4 << 20,    /* bytes of one, at most */
	LATENCIES = 1 << 23, /* remembered, at most */
	COUNTER_DIGITS = 6,
	SILENCE_MS = 10000 /* without any answer: the server hangs */
};

typedef struct request {
	char *bytes;
	size_t len;
	char **slots; /* where the counter goes */
	size_t slot_count;
} request;

typedef struct connection {
	int fd;
	size_t next;	  /* index of the request to send */
	unsigned counter; /* how often it went through its requests */
	int64_t sent;	  /* ns */
	size_t len;	  /* bytes of the answer so far */
	size_t whole;	  /* bytes of the whole answer, 0: not known yet */
	char *answer;
} connection;

typedef struct load {
	int port, epoll;
	size_t count; /* connections */
	size_t open;  /* those that still send */
	connection *connections;
	request *requests;
	size_t requests_len;
	unsigned counter;
	bool once, counting, stopping;
	uint32_t *latencies; /* in units of 100 ns */
	size_t latencies_len, answered, refused, answer_bytes;
} load;

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("load: ", stderr);
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

static void *take(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size);
	if (!p) {
		die("no memory");
	}
	return p;
}

static void find_slots(request *r)
{
	for (char *at = r->bytes; (at = strstr(at, "######")); at += COUNTER_DIGITS) {
		r->slot_count++;
	}
	r->slots = take(r->slot_count, sizeof(*r->slots));
	r->slot_count = 0;
	for (char *at = r->bytes; (at = strstr(at, "######")); at += COUNTER_DIGITS) {
		r->slots[r->slot_count++] = at;
	}
}

static void read_requests(load *l, const char *path)
{
	FILE *f = fopen(path, "rb");
	if (!f) {
		die("%s: %s", path, strerror(errno));
	}
	l->requests = take(REQUESTS, sizeof(*l->requests));
	size_t len;
	while (l->requests_len < REQUESTS && fscanf(f, "%zu", &len) == 1) {
		request *r = &l->requests[l->requests_len++];
		if (fgetc(f) != '\n' || len == 0 || len > REQUEST) {
			die("%s: request %zu is malformed", path, l->requests_len);
		}
		r->bytes = take(len + 1, 1);
		r->len = len;
		if (fread(r->bytes, 1, len, f) != len) {
			die("%s: ends within request %zu", path, l->requests_len);
		}
		find_slots(r);
	}
	fclose(f);
	if (l->requests_len == 0) {
		die("%s: no requests", path);
	}
}

static void connect_one(load *l, connection *c)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)l->port),
		.sin_addr = {htonl(INADDR_LOOPBACK)}};
	int one = 1;
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
}

static void write_counter(char *to, unsigned value)
{
	for (int i = COUNTER_DIGITS - 1; i >= 0; i--) {
		to[i] = (char)('0' + value % 10);
		value /= 10;
	}
}

static void send_next(load *l, connection *c)
{
	request *r = &l->requests[c->next];
	for (size_t i = 0; i < r->slot_count; i++) {
		write_counter(r->slots[i], l->counter + c->counter);
	}
	c->len = c->whole = 0;
	c->sent = now_ns(CLOCK_MONOTONIC);
	/* The socket blocks, and a server reads a request before it answers: it is taken whole. */
	if (send(c->fd, r->bytes, r->len, MSG_NOSIGNAL) != (ssize_t)r->len) {
		die("send: %s", strerror(errno));
	}
}

/* Moves on to the connection's next request, or retires it. */
static void advance(load *l, connection *c)
{
	c->next += l->count;
	if (c->next >= l->requests_len) {
		c->next = (size_t)(c - l->connections) % l->requests_len;
		c->counter++;
		if (l->once) {
			l->open--;
			return;
		}
	}
	if (l->stopping) {
		l->open--;
		return;
	}
	send_next(l, c);
}

static void count_answer(load *l, const connection *c)
{
	int64_t took = (now_ns(CLOCK_MONOTONIC) - c->sent) / 100;
	int status = c->len > 12 ? atoi(c->answer + 9) : 0;
	if (status < 200 || status > 299) {
		if (l->refused++ == 0) {
			fprintf(stderr, "load: refused: %.*s\n", (int)(c->len < 1500 ? c->len : 1500),
				c->answer);
		}
	}
	if (!l->counting && !l->once) {
		return;
	}
	l->answered++;
	l->answer_bytes += c->len;
	if (l->latencies_len < LATENCIES) {
		l->latencies[l->latencies_len++] = took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
	}
}

/* Finds out how long the answer is once its headers are there. */
static void measure_answer(connection *c)
{
	c->answer[c->len] = '\0';
	const char *end = strstr(c->answer, "\r\n\r\n");
	if (!end) {
		return;
	}
	const char *length = strcasestr(c->answer, "\r\ncontent-length:");
	if (!length || length > end) {
		die("an answer without a length: %.300s", c->answer);
	}
	c->whole = (size_t)(end - c->answer) + 4 + strtoul(length + 17, NULL, 10);
	if (c->whole >= ANSWER) {
		die("an answer of %zu bytes", c->whole);
	}
}

static void receive(load *l, connection *c)
{
	ssize_t n = recv(c->fd, c->answer + c->len, ANSWER - 1 - c->len, 0);
	if (n <= 0) {
		die("the server closed a connection: %s", n == 0 ? "end of file" : strerror(errno));
	}
	c->len += (size_t)n;
	if (c->whole == 0) {
		measure_answer(c);
	}
	if (c->whole != 0 && c->len >= c->whole) {
		if (c->len > c->whole) {
			die("bytes after the answer");
		}
		count_answer(l, c);
		advance(l, c);
	}
}

/* Serves the connections until the given time (0: until all have retired). */
static void serve(load *l, int64_t until)
{
	struct epoll_event events[64];
	while (l->open > 0) {
		int64_t left = until ? until - now_ns(CLOCK_MONOTONIC) : 0;
		if (until && left <= 0) {
			return;
		}
		int wait = until && left / 1000000 < SILENCE_MS ? (int)(left / 1000000) + 1 : SILENCE_MS;
		int n = epoll_wait(l->epoll, events, 64, wait);
		if (n < 0 && errno != EINTR) {
			die("epoll_wait: %s", strerror(errno));
		}
		if (n == 0 && wait == SILENCE_MS) {
			die("no answer for %d s", SILENCE_MS / 1000);
		}
		for (int i = 0; i < n; i++) {
			receive(l, events[i].data.ptr);
		}
	}
}

static void start(load *l)
{
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll < 0) {
		die("epoll: %s", strerror(errno));
	}
	l->connections = take(l->count, sizeof(*l->connections));
	l->latencies = take(LATENCIES, sizeof(*l->latencies));
	for (size_t i = 0; i < l->count; i++) {
		connection *c = &l->connections[i];
		c->answer = take(ANSWER, 1);
		c->next = i % l->requests_len;
		connect_one(l, c);
	}
	for (size_t i = 0; i < l->count; i++) {
		if (l->once && i >= l->requests_len) {
			continue;
		}
		l->open++;
		send_next(l, &l->connections[i]);
	}
}

static int by_value(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static double percentile_us(const load *l, double p)
{
	if (l->latencies_len == 0) {
		return 0;
	}
	return l->latencies[(size_t)((double)(l->latencies_len - 1) * p)] / 10.0;
}

static void print(load *l, int64_t ns, int64_t server_ns)
{
	unsigned rounds = 0;
	double n = l->answered ? (double)l->answered : 1;
	for (size_t i = 0; i < l->count; i++) {
		rounds = l->connections[i].counter > rounds ? l->connections[i].counter : rounds;
	}
	qsort(l->latencies, l->latencies_len, sizeof(*l->latencies), by_value);
	printf("{\"requests\":%zu,\"refused\":%zu,\"seconds\":%.6f,\"rate\":%.1f,\"p50\":%.1f,\"p99\":%.1f,"
	       "\"cpu\":%.3f,\"bytes\":%.1f,\"rounds\":%u}\n",
		l->answered, l->refused, (double)ns / 1e9, (double)l->answered * 1e9 / (double)ns,
		percentile_us(l, 0.5), percentile_us(l, 0.99), (double)server_ns / 1e3 / n,
		(double)l->answer_bytes / n, rounds + 1);
}

int main(int argc, char **argv)
{
	if (argc != 8) {
		die("usage: load PORT CONNECTIONS SECONDS WARMUP REQUESTS-FILE PID COUNTER");
	}
	load l = {.port = atoi(argv[1]), .count = (size_t)atoi(argv[2]), .counter = (unsigned)atoi(argv[7])};
	int64_t seconds_ns = (int64_t)(atof(argv[3]) * 1e9), warmup_ns = (int64_t)(atof(argv[4]) * 1e9);
	clockid_t server = CLOCK_PROCESS_CPUTIME_ID;
	pid_t pid = atoi(argv[6]);
	if (l.count < 1 || l.count > CONNECTIONS) {
		die("connections: 1 to %d", CONNECTIONS);
	}
	if (pid != 0 && clock_getcpuclockid(pid, &server) != 0) {
		die("no process %d", (int)pid);
	}
	l.once = seconds_ns == 0;
	read_requests(&l, argv[5]);
	start(&l);
	if (!l.once) {
		serve(&l, now_ns(CLOCK_MONOTONIC) + warmup_ns);
	}
	l.counting = true;
	int64_t cpu = now_ns(server), began = now_ns(CLOCK_MONOTONIC);
	serve(&l, l.once ? 0 : began + seconds_ns);
	cpu = now_ns(server) - cpu;
	int64_t took = now_ns(CLOCK_MONOTONIC) - began;
	l.counting = false;
	l.stopping = true;
	serve(&l, 0);
	print(&l, took, pid ? cpu : 0);
	return l.refused ? 2 : 0;
}
