// SPDX-License-Identifier: GPL-2.0-only
/*
 * A peer that resets its connection, at whatever point, leaves nothing behind:
 * no connection, no descriptor, no buffer, no work, and the others are served.
 *
 *	peers --- SYN --- accept queue --- request --- reply --- FIN
 *	            |          |              |          |        |
 *	           RST        RST            RST        RST      RST
 */
#define _GNU_SOURCE
#include "lanesd_server.h"

#include <sys/un.h>

/* More peers than buffers: if each kept one, none would be left. */
#define PEERS 24
#define FEW "8"
#define MANY "1024"
#define SOCKET_BUFFER 16384
#define REQUEST_MAX 40000
#define DRAIN_S 60

struct service {
	const char *name;
	const char *request, *reply;
	/* Once; what it answers is not read. */
	const char *prepare;
	/* Again and again, of a peer that does not read. */
	const char *flood;
	/* Followed by any bytes: a request that goes on. */
	const char *begin;
};

#define KB8(x) KB1(x) KB1(x) KB1(x) KB1(x) KB1(x) KB1(x) KB1(x) KB1(x)
#define KB1(x) B128(x) B128(x) B128(x) B128(x) B128(x) B128(x) B128(x) B128(x)
#define B128(x) B16(x) B16(x) B16(x) B16(x) B16(x) B16(x) B16(x) B16(x)
#define B16(x) x x x x x x x x x x x x x x x x

static const struct service services[] = {
	{
		.name = "echo",
		.request = "hello",
		.reply = "hello",
		.prepare = "",
		.flood = B128("f"),
		.begin = "",
	},
	{
		.name = "resp",
		.request = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nhello\r\n",
		.reply = "+OK\r\n",
		.prepare = "*3\r\n$3\r\nSET\r\n$4\r\nlong\r\n$8192\r\n" KB8("l") "\r\n",
		.flood = "*2\r\n$3\r\nGET\r\n$4\r\nlong\r\n",
		.begin = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$40000\r\n",
	},
};

struct rig {
	const struct service *service;
	struct server s;
	char admin[64];
	int fds[PEERS];
	int descriptors;
};

static void bound_buffers(int fd)
{
	int size = SOCKET_BUFFER;

	MUST(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)));
	MUST(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)));
}

static void begin(struct rig *r, const struct service *service,
		  const char *engine, const char *buffers, int nofile)
{
	char admin[80], drain[8];
	int fd = listen_stock(V4, 4 * PEERS, &r->s.to);

	r->service = service;
	bound_buffers(fd);
	sprintf(drain, "%d", DRAIN_S);
	sprintf(r->admin, "/tmp/lanesd_reset.%d", getpid());
	sprintf(admin, "unix:%s", r->admin);
	start(&r->s, fd, nofile,
	      OPTIONS("--shards", "1", "--engine", engine, "--buffers", buffers,
		      "--service", service->name, "--admin", admin,
		      "--drain-timeout", drain));
	close(fd);
	r->descriptors = open_descriptors(r->s.pid, INT_MAX);
}

/* What the admin listener says of @page. */
static const char *ask(const struct rig *r, const char *page)
{
	static char text[65536];
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = MUST(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	size_t len = 0;
	ssize_t got;

	strcpy(to.sun_path, r->admin);
	MUST(connect(fd, (struct sockaddr *)&to, sizeof(to)));
	dprintf(fd, "GET %s HTTP/1.1\r\nHost: lanesd\r\nConnection: close\r\n\r\n",
		page);
	while ((got = recv(fd, text + len, sizeof(text) - 1 - len, 0)) > 0)
		len += got;
	text[len] = 0;
	close(fd);
	return text;
}

/* Of all shards. */
static long figure(const struct rig *r, const char *name)
{
	const char *total = strstr(ask(r, "/stats"), "\"total\"");
	char quoted[40];

	ASSERT(total);
	sprintf(quoted, "\"%s\": ", name);
	total = strstr(total, quoted);
	ASSERT(total);
	return atol(total + strlen(quoted));
}

static bool parked(const struct rig *r)
{
	return strstr(ask(r, "/connections?seconds=0"), "\"parked\": true");
}

static void say(int fd, const char *text)
{
	ASSERT_EQ(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void exchange(const struct rig *r, int fd)
{
	size_t length = strlen(r->service->reply), got = 0;
	char reply[64];

	say(fd, r->service->request);
	while (got < length) {
		ssize_t more = MUST(recv(fd, reply + got, length - got, 0));

		ASSERT_OP(more, >, 0);
		got += more;
	}
	CHECK(!memcmp(reply, r->service->reply, length));
}

static void dial_all(struct rig *r)
{
	for (int i = 0; i < PEERS; i++) {
		r->fds[i] = MUST(dial(&r->s.to));
		bound_buffers(r->fds[i]);
	}
}

static void reset_all(struct rig *r)
{
	for (int i = 0; i < PEERS; i++)
		hang_up(r->fds[i]);
}

/* Each @step-th peer sends until neither side takes more. */
static void flood(struct rig *r, int step)
{
	const char *text = r->service->flood;
	size_t length = strlen(text), sent[PEERS] = {};
	double until = now_ms() + slow_ms(200);

	for (int i = 0; i < PEERS; i += step)
		say(r->fds[i], r->service->prepare);
	while (now_ms() < until) {
		for (int i = 0; i < PEERS; i += step) {
			size_t at = sent[i] % length;
			ssize_t more = send(r->fds[i], text + at, length - at,
					    MSG_NOSIGNAL | MSG_DONTWAIT);

			if (more <= 0)
				continue;
			sent[i] += more;
			until = now_ms() + slow_ms(200);
		}
	}
}

/* The first @length bytes of a request of REQUEST_MAX. */
static void send_beginning(const struct rig *r, int fd, size_t length)
{
	char text[REQUEST_MAX];
	size_t header = strlen(r->service->begin);

	memset(text, 'v', sizeof(text));
	memcpy(text, r->service->begin, header);
	ASSERT_EQ(send(fd, text, length, MSG_NOSIGNAL), length);
}

static void before_the_first_byte(struct rig *r)
{
	dial_all(r);
	CHECK(WITHIN(2000, figure(r, "connections") == PEERS));
	reset_all(r);
}

/* Half of them have asked for something before. */
static void in_the_accept_queue(struct rig *r)
{
	MUST(kill(r->s.pid, SIGSTOP));
	MUST(waitpid(r->s.pid, NULL, WUNTRACED));
	dial_all(r);
	for (int i = 0; i < PEERS; i += 2)
		say(r->fds[i], r->service->request);
	reset_all(r);
	MUST(kill(r->s.pid, SIGCONT));
}

/* In a header, in a buffer, in what is received where it stays. */
static void amid_a_request(struct rig *r)
{
	static const int lengths[] = { 1, 6, 21, 27, 2048, 10000 };
	long bytes = 0;

	dial_all(r);
	for (int i = 0; i < PEERS; i++) {
		int length = lengths[i % 6];

		send_beginning(r, r->fds[i], length);
		bytes += length;
	}
	CHECK(WITHIN(2000, figure(r, "received_bytes") == bytes));
	reset_all(r);
}

static void with_output_queued(struct rig *r)
{
	dial_all(r);
	flood(r, 1);
	reset_all(r);
}

/* Who has the buffers first, so that those in the line get them, and then the
 * other way round.
 */
static void in_the_line_for_buffers(struct rig *r)
{
	dial_all(r);
	flood(r, 1);
	CHECK(WITHIN(2000, parked(r)));
	reset_all(r);
	CHECK(WITHIN(2000, !figure(r, "connections")));
	dial_all(r);
	flood(r, 1);
	CHECK(WITHIN(2000, parked(r)));
	for (int i = PEERS; i-- > 0;)
		hang_up(r->fds[i]);
}

/* Answered, unanswered, and with a reply that they do not take. */
static void after_a_half_close(struct rig *r)
{
	dial_all(r);
	flood(r, 3);
	for (int i = 1; i < PEERS; i += 3)
		exchange(r, r->fds[i]);
	for (int i = 2; i < PEERS; i += 3)
		say(r->fds[i], r->service->request);
	for (int i = 0; i < PEERS; i++)
		shutdown(r->fds[i], SHUT_WR);
	for (int i = 0; i < PEERS; i += 2)
		hang_up(r->fds[i]);
	sleep_ms(20);
	for (int i = 1; i < PEERS; i += 2)
		hang_up(r->fds[i]);
}

static void serves_on(struct rig *r)
{
	dial_all(r);
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < PEERS; i++)
			exchange(r, r->fds[i]);
	reset_all(r);
}

static void leaves_nothing(struct rig *r)
{
	CHECK(WITHIN(3000, !figure(r, "connections")));
	CHECK(WITHIN(2000,
		     open_descriptors(r->s.pid, INT_MAX) == r->descriptors));
	CHECK(WITHIN(2000, at_rest(&r->s)));
	serves_on(r);
	CHECK(WITHIN(2000, !figure(r, "connections")));
	CHECK_EQ(finish(&r->s).stalled, 0);
	unlink(r->admin);
}

#define RESET(point_, buffers_)						\
	TEST_ENGINES(lanesd_reset__##point_, 60)			\
	{								\
		for (int i = 0; i < 2; i++) {				\
			struct rig r;					\
									\
			begin(&r, &services[i], arg, (buffers_), 0);	\
			point_(&r);					\
			leaves_nothing(&r);				\
		}							\
	}

RESET(before_the_first_byte, FEW)
RESET(in_the_accept_queue, FEW)
RESET(amid_a_request, FEW)
RESET(with_output_queued, MANY)
RESET(in_the_line_for_buffers, FEW)
RESET(after_a_half_close, MANY)

/* Those who got a descriptor, and those who wait for one. */
TEST_ENGINES(lanesd_reset__for_want_of_descriptors, 60)
{
	enum { LIMIT = 32 };

	for (int i = 0; i < 2; i++) {
		int served = 0;
		struct rig r;

		begin(&r, &services[i], arg, FEW, LIMIT);
		ASSERT_OP(LIMIT - r.descriptors, >, 2);
		dial_all(&r);
		for (int n = 0; n < PEERS; n++)
			say(r.fds[n], r.service->request);
		sleep_ms(slow_ms(300));
		for (int n = 0; n < PEERS; n++)
			served += poll_now(r.fds[n], POLLIN) & POLLIN;
		CHECK_OP(served, >, 0);
		CHECK_OP(served, <, PEERS);
		for (int n = PEERS; n-- > 0;)
			hang_up(r.fds[n]);
		CHECK(WITHIN(3000, !figure(&r, "connections")));
		r.fds[0] = MUST(dial(&r.s.to));
		exchange(&r, r.fds[0]);
		hang_up(r.fds[0]);
		CHECK_OP(finish(&r.s).accept_failed, >, 0);
		unlink(r.admin);
	}
}

/* The last connections are gone, so the server need not wait for its time. */
TEST_ENGINES(lanesd_reset__while_the_server_drains, 60)
{
	for (int i = 0; i < 2; i++) {
		int status = -1;
		double start;
		struct rig r;

		begin(&r, &services[i], arg, MANY, 0);
		dial_all(&r);
		flood(&r, 3);
		for (int n = 1; n < PEERS; n += 3)
			exchange(&r, r.fds[n]);
		for (int n = 2; n < PEERS; n += 3)
			send_beginning(&r, r.fds[n], 1 + n * 100);
		MUST(kill(r.s.pid, SIGTERM));
		CHECK(WITHIN(2000, strstr(ask(&r, "/healthz"), " 503 ")));
		start = now_ms();
		reset_all(&r);
		while (read_more(&r.s))
			;
		MUST(waitpid(r.s.pid, &status, 0));
		CHECK_EQ(status, 0);
		CHECK_OP(now_ms() - start, <, slow_ms(3000));
		close(r.s.output);
	}
}
