// SPDX-License-Identifier: GPL-2.0-only
/*
 * No connection starves: streams share alike, however many come, and a peer
 * that never pauses delays those with a byte at a time by little. In every
 * engine, on kernels that bound a multishot receive and on those that do not.
 */
#define _GNU_SOURCE
#include "lanesd_server.h"

#include <sys/epoll.h>

#define PEERS_MAX 101
/* A stream's appetite at a time, each way. */
#define CHUNK 16384
/* Beyond a round of the server's, which takes what the machine takes. */
#define GAP_MAX_MS 100
/* What a stream gets in a round: lanesd's --budget if nobody says it. */
#define BUDGET 65536
#define WINDOW_MS 2000
/* Of each socket: with the default ones 64 streams meet the limits of TCP's
 * memory, and then the kernel's choice is what is measured.
 */
#define SOCKET_BUFFER 65536
/* Time in which nobody got anything is the machine's, not the server's. */
#define QUIET_MS 2

/**
 * struct peer - a client's connection
 * @fd: the socket
 * @ping: one small message at a time, not a stream
 * @outstanding: of a ping, bytes whose echo is due
 * @bytes: echoed in the window
 * @since: when a byte last came back, and @quiet at that time
 * @gap: the longest time without, less what was quiet
 */
struct peer {
	int fd;
	bool ping;
	int outstanding;
	unsigned long long bytes;
	double since, quiet, gap;
};

struct crowd {
	struct peer peers[PEERS_MAX];
	int nr, epoll;
	/* When anybody's byte last came back, and the sum of such waits. */
	double last, quiet;
};

static void bound_buffers(int fd)
{
	int size = SOCKET_BUFFER;

	MUST(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)));
	MUST(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)));
}

static void join(struct crowd *c, const struct endpoint *to, bool ping)
{
	struct peer *p = &c->peers[c->nr];
	struct epoll_event event = { .events = EPOLLIN | (ping ? 0 : EPOLLOUT),
				     .data.ptr = p };

	ASSERT_OP(c->nr, <, PEERS_MAX);
	*p = (struct peer){ .fd = MUST(dial(to)), .ping = ping,
			    .since = now_ms(), .quiet = c->quiet };
	set_nonblock(p->fd, true);
	bound_buffers(p->fd);
	MUST(epoll_ctl(c->epoll, EPOLL_CTL_ADD, p->fd, &event));
	c->nr++;
}

static void note(struct crowd *c, struct peer *p, int got)
{
	double now = now_ms(), gap;

	if (now - c->last > QUIET_MS)
		c->quiet += now - c->last;
	c->last = now;
	gap = (now - p->since) - (c->quiet - p->quiet);
	if (gap > p->gap)
		p->gap = gap;
	p->since = now;
	p->quiet = c->quiet;
	p->bytes += got;
}

static void turn(struct crowd *c, struct peer *p)
{
	static char data[CHUNK];
	int got;

	got = recv(p->fd, data, sizeof(data), 0);
	ASSERT(got > 0 || (got < 0 && errno == EAGAIN));
	if (got > 0) {
		note(c, p, got);
		p->outstanding -= got;
	}
	if (!p->ping) {
		send(p->fd, data, sizeof(data), MSG_NOSIGNAL);
	} else if (p->outstanding <= 0) {
		ASSERT_EQ(send(p->fd, data, 64, MSG_NOSIGNAL), 64);
		p->outstanding = 64;
	}
}

static void drive(struct crowd *c, int ms)
{
	double until = now_ms() + ms;
	struct epoll_event events[PEERS_MAX];

	while (now_ms() < until) {
		int nr = epoll_wait(c->epoll, events, PEERS_MAX, 10);

		for (int i = 0; i < nr; i++)
			turn(c, events[i].data.ptr);
	}
}

/* From now on: what was before is settling in. */
static void open_window(struct crowd *c)
{
	for (int i = 0; i < c->nr; i++) {
		c->peers[i].bytes = 0;
		c->peers[i].gap = 0;
		c->peers[i].since = c->last;
		c->peers[i].quiet = c->quiet;
	}
}

/* Of those that are @ping or not: Jain's index in thousandths, longest gap. */
static void judge(struct crowd *c, bool ping, int *jain, int *gap)
{
	double sum = 0, squares = 0;
	int nr = 0;

	*gap = 0;
	for (int i = 0; i < c->nr; i++) {
		struct peer *p = &c->peers[i];

		if (p->ping != ping)
			continue;
		/* Whoever got nothing since: that is a gap too. */
		note(c, p, 0);
		nr++;
		sum += p->bytes;
		squares += (double)p->bytes * p->bytes;
		if (p->gap > *gap)
			*gap = p->gap;
	}
	*jain = squares ? sum * sum / squares / nr * 1000 : 0;
}

/* How long the machine took to give each stream its budget once. */
static int round_ms(const struct crowd *c)
{
	unsigned long long bytes = 1;
	int streams = 0;

	for (int i = 0; i < c->nr; i++) {
		bytes += c->peers[i].bytes;
		streams += !c->peers[i].ping;
	}
	return (unsigned long long)slow_ms(WINDOW_MS) * streams * BUDGET / bytes;
}

/*
 * A window that the machine spoiled is measured again: what the server does to
 * its peers it does each time.
 */
static void fair_within(struct crowd *c, bool ping, const char *what)
{
	int jain = 0, gap = 0, limit = 0;

	for (int attempt = 0; attempt < 3; attempt++) {
		drive(c, slow_ms(500));
		open_window(c);
		drive(c, slow_ms(WINDOW_MS));
		judge(c, ping, &jain, &gap);
		limit = slow_ms(GAP_MAX_MS) + round_ms(c);
		harness_diag("%s: Jain %.3f, longest gap %d of at most %d ms", what,
			     jain / 1000.0, gap, limit);
		if (jain >= 990 && gap < limit)
			break;
	}
	CHECK_OP(jain, >=, 990);
	CHECK_OP(gap, <, limit);
}

static void begin(struct crowd *c, struct server *s, const char *engine)
{
	int fd = listen_stock(V4, PEERS_MAX, &s->to);

	bound_buffers(fd);
	start(s, fd, 0, OPTIONS("--shards", "1", "--engine", engine));
	close(fd);
	/* The server's shard is on the first CPU. */
	if (nr_cpus() > 1)
		pin(1);
	c->epoll = MUST(epoll_create1(EPOLL_CLOEXEC));
	c->last = now_ms();
}

static void end(struct crowd *c, struct server *s)
{
	for (int i = 0; i < c->nr; i++)
		hang_up(c->peers[i].fd);
	close(c->epoll);
	CHECK_EQ(finish(s).stalled, 0);
}

/* Three share, a fourth comes, then sixty more. */
TEST_ENGINES(lanesd_fair__streams, 90)
{
	struct crowd c = {};
	struct server s;

	begin(&c, &s, arg);
	while (c.nr < 3)
		join(&c, &s.to, false);
	fair_within(&c, false, "3 streams");
	join(&c, &s.to, false);
	fair_within(&c, false, "4 streams");
	while (c.nr < 64)
		join(&c, &s.to, false);
	fair_within(&c, false, "64 streams");
	end(&c, &s);
}

TEST_ENGINES(lanesd_fair__pipeliner_and_pings, 60)
{
	struct crowd c = {};
	struct server s;

	begin(&c, &s, arg);
	join(&c, &s.to, false);
	while (c.nr < PEERS_MAX)
		join(&c, &s.to, true);
	for (int i = 1; i < c.nr; i++)
		turn(&c, &c.peers[i]);
	fair_within(&c, true, "100 pings beside a stream");
	CHECK_OP(c.peers[0].bytes, >, 0);
	end(&c, &s);
}
