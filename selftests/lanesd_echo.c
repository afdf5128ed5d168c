// SPDX-License-Identifier: GPL-2.0-only
/*
 * The server echoes: every byte comes back, in order, whatever the sizes and
 * however the peers end, and nothing is left behind.
 */
#define _GNU_SOURCE
#include "lanesd_server.h"

#include <pthread.h>

/* A stream that no misplaced block can fake. */
static unsigned char stream_byte(unsigned int seed, size_t at)
{
	unsigned int x = seed * 2654435761U + at * 40503U;

	return (x >> 13) ^ (x >> 7) ^ at;
}

struct talk {
	const struct endpoint *to;
	unsigned int seed;
	int rounds;
	size_t size_max;
	bool abort;
	unsigned long long echoed;
	pthread_t thread;
};

struct direction {
	int fd;
	unsigned int seed;
	size_t size;
	bool half_close;
};

static void *send_stream(void *arg)
{
	struct direction *d = arg;
	unsigned char part[5000];
	size_t at = 0;

	while (at < d->size) {
		size_t len = d->size - at;
		ssize_t sent;

		if (len > sizeof(part))
			len = sizeof(part);
		for (size_t i = 0; i < len; i++)
			part[i] = stream_byte(d->seed, at + i);
		sent = send(d->fd, part, len, MSG_NOSIGNAL);
		if (sent <= 0)
			break;
		at += sent;
	}
	if (d->half_close)
		shutdown(d->fd, SHUT_WR);
	return NULL;
}

/* How much of the stream came back before the end or the first wrong byte. */
static size_t receive_stream(const struct direction *d)
{
	unsigned char part[7000];
	size_t at = 0;
	ssize_t got = 1;

	while (at < d->size && (got = recv(d->fd, part, sizeof(part), 0)) > 0)
		for (ssize_t i = 0; i < got; i++, at++)
			if (part[i] != stream_byte(d->seed, at))
				return at;
	return at;
}

static void *talk(void *arg)
{
	static const size_t edges[] = { 1, 2047, 2048, 2049, 4096 };
	struct talk *t = arg;

	for (int round = 0; round < t->rounds; round++) {
		struct direction d = {
			.fd = MUST(dial(t->to)),
			.seed = t->seed * 1000 + round,
			.half_close = round % 2,
		};
		pthread_t sender;
		char end;

		d.size = round < 5 ? edges[round] :
				     1 + rand_r(&t->seed) % t->size_max;
		pthread_create(&sender, NULL, send_stream, &d);
		if (t->abort && round % 2) {
			/* In the middle of the stream, both ways. */
			recv(d.fd, &end, 1, 0);
			shutdown(d.fd, SHUT_RDWR);
		} else {
			CHECK_EQ(receive_stream(&d), d.size);
			t->echoed += d.size;
			if (d.half_close)
				CHECK_EQ(recv(d.fd, &end, 1, 0), 0);
		}
		pthread_join(sender, NULL);
		hang_up(d.fd);
	}
	return NULL;
}

/* @nr clients at once; the bytes that came back. */
static unsigned long long talk_all(const struct endpoint *to, int nr,
				   int rounds, size_t size_max, bool abort)
{
	struct talk talks[16] = {};
	unsigned long long echoed = 0;

	for (int i = 0; i < nr; i++) {
		talks[i] = (struct talk){ .to = to, .seed = i + 1,
					  .rounds = rounds,
					  .size_max = size_max,
					  .abort = abort };
		pthread_create(&talks[i].thread, NULL, talk, &talks[i]);
	}
	for (int i = 0; i < nr; i++) {
		pthread_join(talks[i].thread, NULL);
		echoed += talks[i].echoed;
	}
	return echoed;
}

TEST_ENGINES(lanesd_echo__is_exact, 60)
{
	for (enum family family = V4; family <= DUAL; family++) {
		struct server s;
		struct totals t;
		unsigned long long echoed;

		serve(&s, family, 0, OPTIONS("--engine", arg));
		echoed = talk_all(&s.to, 6, scaled(12), 100000, false);
		t = finish(&s);
		CHECK_EQ(t.bytes, echoed);
		CHECK_EQ(t.accepted, 6 * scaled(12));
	}
}

TEST_ENGINES(lanesd_echo__reset_midway_leaves_nothing, 60)
{
	struct server s;
	int before;

	serve(&s, V4, 0, OPTIONS("--engine", arg));
	before = open_descriptors(s.pid, INT_MAX);
	talk_all(&s.to, 6, scaled(20), 300000, true);
	CHECK(WITHIN(2000, open_descriptors(s.pid, INT_MAX) == before));
	talk_all(&s.to, 2, 5, 3000, false);
	finish(&s);
}

/* Four buffers for eight streams, all of which read: all bytes come back. */
TEST_ENGINES(lanesd_echo__few_buffers_close_nobody, 60)
{
	struct server s;
	struct totals t;

	serve(&s, V4, 0, OPTIONS("--buffers", "4", "--shards", "1",
				 "--engine", arg));
	talk_all(&s.to, 8, scaled(10), 60000, false);
	t = finish(&s);
	CHECK_EQ(t.stalled, 0);
}
