// SPDX-License-Identifier: GPL-2.0-only
/*
 * A flow's packets go where its consumer is bound: from the accept on, or from
 * when another bound task takes over, without reordering and not back and forth.
 */
#define _GNU_SOURCE
#include "roam.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "stat.h"

/* A flow moves again after a second at the earliest. */
#define MOVE_PAUSE_MS 1000

/* From a random CPU each time; how many were processed on @cpu. */
static int ask_hopping(struct flow *f, int times, int cpu)
{
	int there = 0;

	for (int i = 0; i < times; i++) {
		hop();
		ASSERT(flow_ask(f));
		there += f->answer.incoming_cpu == (uint32_t)cpu;
	}
	return there;
}

/* The only acceptor is bound to a CPU from which no SYN comes. */
static void follow_accept(enum family family)
{
	int nr = scaled(20), consumer = nr_cpus() - 1, fd;
	struct stats before, grown;
	struct endpoint to;

	need_cpus(2);
	fresh_netns();
	fd = listen_lanes(family, 64, &to);
	server_start(fd, consumer);
	before = stats_read();
	for (int i = 0; i < nr; i++) {
		struct flow f;

		pin(i % consumer);
		flow_open(&f, &to);
		ASSERT(flow_ask(&f));
		CHECK_EQ(f.answer.cpu, consumer);
		if (!plain())
			CHECK_EQ(ask_hopping(&f, 20, consumer), 20);
		flow_close(&f);
	}
	grown = stats_since(&before);
	stats_diag("accepted elsewhere", &grown);
	if (!plain()) {
		CHECK_EQ(grown.of[FLOW_RECORDED], nr);
		CHECK_EQ(grown.of[FLOW_MOVED], nr);
	}
	CHECK_EQ(grown.of[STEER_DROPPED], 0);
}

TEST(follow__accept_ipv4)
{
	follow_accept(V4);
}

TEST(follow__accept_ipv6)
{
	follow_accept(V6);
}

TEST(follow__accept_dual)
{
	follow_accept(DUAL);
}

/* Who is accepted where its SYN came stays. */
TEST(follow__accept_local)
{
	struct stats before, grown;
	struct endpoint to;
	int fd;

	need_lanes();
	need_cpus(2);
	fresh_netns();
	fd = listen_lanes(V4, 64, &to);
	servers_start(fd);
	before = stats_read();
	for (int i = 0; i < scaled(40); i++) {
		int syn_cpu = hop();
		struct flow f;

		flow_open(&f, &to);
		CHECK_EQ(ask_hopping(&f, 5, syn_cpu), 5);
		flow_close(&f);
	}
	grown = stats_since(&before);
	CHECK_EQ(grown.of[FLOW_MOVED], 0);
}

/* Sends from everywhere before, during and after its accept. */
struct stream {
	struct flow flow;
	bool stop;
	pthread_t thread;
};

static void *stream_on(void *arg)
{
	struct stream *s = arg;

	while (!s->stop) {
		hop();
		for (int i = 0; i < 8; i++)
			if (!flow_tell(&s->flow))
				return NULL;
	}
	return NULL;
}

/* All SYNs come from one CPU, so that its queue is busy when they move. */
static void accept_during_stream(enum family family, struct stats *grown)
{
	enum { NR = 12 };
	int consumer = nr_cpus() - 1, fd;
	struct stream streams[NR] = {};
	struct stats before;
	struct endpoint to;
	long out_of_order;

	fresh_netns();
	fd = listen_lanes(family, 64, &to);
	before = stats_read();
	out_of_order = netstat("TCPOFOQueue");
	pin(0);
	for (int i = 0; i < NR; i++) {
		flow_open(&streams[i].flow, &to);
		ASSERT_EQ(pthread_create(&streams[i].thread, NULL, stream_on,
					 &streams[i]), 0);
	}
	sleep_ms(slow_ms(20));
	server_start(fd, consumer);
	sleep_ms(slow_ms(20));
	for (int i = 0; i < NR; i++)
		streams[i].stop = true;
	for (int i = 0; i < NR; i++) {
		struct flow *f = &streams[i].flow;

		pthread_join(streams[i].thread, NULL);
		/* Every message has come, in order. */
		ASSERT(flow_ask(f));
		CHECK_EQ(f->answer.cpu, consumer);
		if (!plain())
			CHECK_EQ(ask_hopping(f, 5, consumer), 5);
		flow_close(f);
	}
	*grown = stats_since(&before);
	CHECK_EQ(netstat("TCPOFOQueue"), out_of_order);
	if (!plain())
		CHECK_EQ(grown->of[FLOW_MOVED], NR);
	CHECK_EQ(grown->of[STEER_DROPPED], 0);
}

TEST(follow__accept_during_stream)
{
	struct stats grown, sum = {};

	need_cpus(2);
	for (int i = 0; i < scaled(9); i++) {
		accept_during_stream(i % 3, &grown);
		for (int j = 0; j < NR_STATS; j++)
			sum.of[j] += grown.of[j];
	}
	stats_diag("accepted during a stream", &sum);
}

/* A task that is bound to a CPU and serves what it is given. */
struct consumer {
	struct conn *conn;
	int cpu;
	int messages;
	pthread_t thread;
};

static void *consume(void *arg)
{
	struct consumer *c = arg;

	pin(c->cpu);
	for (int i = 0; i < c->messages; i++)
		ASSERT(conn_serve(c->conn, c->cpu));
	return NULL;
}

/* Serves @messages on @cpu while the client asks; how many were local. */
static int consume_on(struct conn *conn, struct flow *f, int cpu, int messages)
{
	struct consumer c = { .conn = conn, .cpu = cpu, .messages = messages };
	int there;

	ASSERT_EQ(pthread_create(&c.thread, NULL, consume, &c), 0);
	there = ask_hopping(f, messages, cpu);
	pthread_join(c.thread, NULL);
	return there;
}

/* Accepted here by a task that is bound where the SYN came. */
static void open_local(enum family family, struct flow *f, struct conn *conn)
{
	struct endpoint to;
	int fd;

	need_cpus(2);
	fresh_netns();
	fd = listen_lanes(family, 8, &to);
	pin(0);
	flow_open(f, &to);
	*conn = (struct conn){ .fd = MUST(accept_within(fd, 1000)) };
}

static void follow_reader(enum family family)
{
	struct stats before, grown;
	struct conn conn;
	struct flow f;
	int cpu = nr_cpus() - 1;
	double until_ms;

	open_local(family, &f, &conn);
	before = stats_read();
	if (plain())
		consume_on(&conn, &f, 0, 50);
	else
		CHECK_EQ(consume_on(&conn, &f, 0, 50), 50);
	CHECK_EQ(stat_grown(&before, FLOW_MOVED), 0);
	/* The accept may count as a move. */
	until_ms = now_ms() + 3 * MOVE_PAUSE_MS;
	do {
		consume_on(&conn, &f, cpu, 5);
	} while (!plain() && !stat_grown(&before, FLOW_MOVED) &&
		 now_ms() < until_ms);
	if (!plain())
		CHECK_EQ(consume_on(&conn, &f, cpu, 100), 100);
	grown = stats_since(&before);
	stats_diag("passed on", &grown);
	if (!plain())
		CHECK_EQ(grown.of[FLOW_MOVED], 1);
	CHECK_EQ(grown.of[STEER_DROPPED], 0);
	flow_close(&f);
}

TEST(follow__later_reader_ipv4)
{
	follow_reader(V4);
}

TEST(follow__later_reader_ipv6)
{
	follow_reader(V6);
}

TEST(follow__later_reader_dual)
{
	follow_reader(DUAL);
}

/* It only reads: what it sends are ACKs. */
TEST(follow__later_reader_silent)
{
	enum { CHUNK = 256 << 10 };
	static char buffer[CHUNK];
	struct stats before;
	struct conn conn;
	struct flow f;
	double until_ms;

	need_lanes();
	open_local(V4, &f, &conn);
	before = stats_read();
	until_ms = now_ms() + slow_ms(4 * MOVE_PAUSE_MS);
	do {
		/* More than a window: reading it is worth an ACK. */
		pid_t pid = MUST(fork());

		if (!pid) {
			pin(0);
			for (size_t done = 0; done < sizeof(buffer);)
				done += MUST(send(f.fd, buffer,
						  sizeof(buffer) - done, 0));
			_exit(0);
		}
		pin(nr_cpus() - 1);
		CHECK_EQ(recv(conn.fd, buffer, sizeof(buffer), MSG_WAITALL),
			 (long)sizeof(buffer));
	} while (!stat_grown(&before, FLOW_MOVED) && now_ms() < until_ms);
	CHECK_EQ(stat_grown(&before, FLOW_MOVED), 1);
	hop();
	MUST(send(f.fd, "x", 1, 0));
	CHECK_EQ(recv(conn.fd, buffer, 1, 0), 1);
	CHECK_EQ(incoming_cpu(conn.fd), nr_cpus() - 1);
}

/* Two that alternate would else move it with every message. */
TEST(follow__alternating_readers)
{
	double start_ms, spent_ms;
	int rounds = 0, moves;
	struct stats before;
	struct conn conn;
	struct flow f;

	open_local(V4, &f, &conn);
	before = stats_read();
	start_ms = now_ms();
	do {
		consume_on(&conn, &f, rounds++ % 2 ? 0 : nr_cpus() - 1, 1);
		spent_ms = now_ms() - start_ms;
	} while (spent_ms < 3 * MOVE_PAUSE_MS);
	moves = stat_grown(&before, FLOW_MOVED);
	harness_diag("%d moves, %d messages, %.0f ms", moves, rounds, spent_ms);
	CHECK_OP(moves, <=, (int)(spent_ms / MOVE_PAUSE_MS) + 1);
	CHECK_OP(rounds, >, 2 * ((int)(spent_ms / MOVE_PAUSE_MS) + 1));
	if (!plain())
		CHECK_OP(moves, >, 0);
	flow_close(&f);
}
