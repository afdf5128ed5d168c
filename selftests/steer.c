// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where packets are processed: all of a flow on the CPU of its first SYN,
 * wherever its client sends from, and other flows where they arrive.
 */
#define _GNU_SOURCE
#include "roam.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "stat.h"

enum mode { OFF, HANDSHAKE, DATA };
static const char *const mode_name[] = { "off", "handshake", "data" };

/**
 * struct setting - clients that change their CPU before every packet
 * @mode: net.lanes.steer
 * @family: the listener's, and the clients'
 * @burst: messages that are sent without waiting for an answer; 1: ping-pong
 */
struct setting {
	enum mode mode;
	enum family family;
	int burst;
};

/* In a network namespace of our own, with a server on each CPU. */
static int listen_served(enum mode mode, enum family family,
			 struct endpoint *to)
{
	int fd;

	need_cpus(2);
	fresh_netns();
	lanes_sysctl("steer", mode);
	fd = listen_lanes(family, 512, to);
	servers_start(fd);
	return fd;
}

static void move_clients(const void *arg)
{
	const struct setting *s = arg;
	struct load loads[CPUS_MAX], sum;
	long out_of_order, share;
	struct stats before, grown;
	struct endpoint to;

	listen_served(s->mode, s->family, &to);
	for (int i = 0; i < nr_cpus(); i++)
		loads[i] = (struct load){
			.to = &to,
			.cpu = i,
			.burst = s->burst,
			.bursts = scaled(s->burst == 1 ? 100 : 10),
		};
	out_of_order = netstat("TCPOFOQueue");
	before = stats_read();
	loads_start(loads, nr_cpus());
	sum = loads_finish(loads, nr_cpus());
	grown = stats_since(&before);
	harness_diag("%u of %u messages processed on the owner's CPU",
		     sum.local, sum.messages);
	stats_diag(mode_name[s->mode], &grown);
	CHECK_EQ(netstat("TCPOFOQueue"), out_of_order);
	if (plain())
		return;
	if (s->mode == DATA) {
		CHECK_EQ(sum.local, sum.messages);
		CHECK_OP(stats_on_owner(&grown), >=, sum.messages);
		CHECK_OP(grown.of[STEER_HANDED_OVER] + grown.of[STEER_BEHIND],
			 >, 0);
		CHECK_EQ(grown.of[FLOW_RECORDED], nr_cpus());
		CHECK_EQ(grown.of[FLOW_MOVED], 0);
		CHECK_EQ(grown.of[STEER_DRAINED], 0);
	} else {
		/* 1/N by chance; a server that is late sees the last packet of
		 * several only, most often from its own CPU.
		 */
		share = sum.local * 100L / sum.messages;
		CHECK_OP(share, <=, 100 / nr_cpus() + (s->burst == 1 ? 15 : 35));
	}
	if (s->mode == OFF)
		CHECK_EQ(stats_on_owner(&grown), 0);
	CHECK_EQ(grown.of[STEER_DROPPED], 0);
	CHECK_EQ(grown.of[STEER_OFFLINE], 0);
	CHECK_EQ(grown.of[STEER_LEFT], 0);
}

/* The SYN comes from one CPU, the ACK with the first data from another, more
 * data from a third: on loopback only, since this ACK waits for data.
 */
static void handshake(enum mode mode, enum family family)
{
	int wait_for_data = 1;
	struct endpoint to;

	listen_served(mode, family, &to);
	for (int i = 0; i < scaled(20); i++) {
		struct flow f = {
			.fd = MUST(socket(to.addr.ss_family,
					  SOCK_STREAM | SOCK_CLOEXEC, 0)),
			.stamp = i,
		};
		int syn_cpu, ack_cpu, data_cpu;

		MUST(setsockopt(f.fd, IPPROTO_TCP, TCP_DEFER_ACCEPT,
				&wait_for_data, sizeof(wait_for_data)));
		syn_cpu = hop();
		MUST(connect(f.fd, (struct sockaddr *)&to.addr, to.len));
		ack_cpu = hop();
		if (!flow_ask(&f))
			break;
		if (!plain())
			CHECK_EQ(f.answer.cpu, syn_cpu);
		CHECK_EQ(f.answer.incoming_cpu,
			 mode == OFF || plain() ? ack_cpu : syn_cpu);
		data_cpu = hop();
		if (!flow_ask(&f))
			break;
		CHECK_EQ(f.answer.incoming_cpu,
			 mode != DATA || plain() ? data_cpu : syn_cpu);
		flow_close(&f);
		if (harness_has_failed())
			break;
	}
}

TEST(steer__handshake_ipv4)
{
	handshake(HANDSHAKE, V4);
}

TEST(steer__handshake_ipv6)
{
	handshake(HANDSHAKE, V6);
}

TEST(steer__handshake_data)
{
	handshake(DATA, DUAL);
}

TEST(steer__handshake_off)
{
	handshake(OFF, V4);
}

/* Owned by one CPU, sent to from all others, with room for one packet. */
TEST(steer__backlog_full)
{
	enum { NR = 8 };
	struct load loads[NR], sum;
	struct stats before, grown;
	struct endpoint to;

	need_cpus(2);
	fresh_netns();
	lanes_sysctl("steer_backlog", 1);
	server_start(listen_lanes(V4, 512, &to), 0);
	for (int i = 0; i < NR; i++)
		loads[i] = (struct load){
			.to = &to, .cpu = i % nr_cpus(), .burst = 10,
			.bursts = scaled(5),
		};
	before = stats_read();
	loads_start(loads, NR);
	sum = loads_finish(loads, NR);
	grown = stats_since(&before);
	stats_diag("steer_backlog 1", &grown);
	CHECK_EQ(sum.messages, NR * 10 * scaled(5));
	CHECK_EQ(sum.answers, NR * scaled(5));
	if (!plain() && scaled(100) == 100)
		CHECK_OP(grown.of[STEER_DROPPED], >, 0);
}

/* Ping-pong over UDP from moving CPUs. */
static void ask_udp(int times)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int server = MUST(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	int client = MUST(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	char byte;

	MUST(bind(server, (struct sockaddr *)&at, len));
	MUST(getsockname(server, (struct sockaddr *)&at, &len));
	MUST(connect(client, (struct sockaddr *)&at, len));
	for (int i = 0; i < times; i++) {
		hop();
		MUST(send(client, "x", 1, 0));
		CHECK_EQ(recv(server, &byte, 1, 0), 1);
	}
	close(server);
	close(client);
}

/* A flow from moving CPUs to a listener of this thread's, ended by both. */
static void ask_tcp(int fd, const struct endpoint *to, int times)
{
	struct conn c = {};
	struct flow f;

	flow_open(&f, to);
	c.fd = MUST(accept_within(fd, 1000));
	for (int i = 0; i < times; i++) {
		hop();
		flow_tell(&f);
		ASSERT(conn_serve(&c, 0));
	}
	flow_close(&f);
	close(c.fd);
	CHECK_EQ(c.received, times);
	CHECK_EQ(c.wrong, 0);
}

/* An attached listener is there, but the traffic is not its. */
TEST(steer__other_ports)
{
	struct endpoint attached, v4, v6;
	int stock4, stock6;
	struct stats before, grown;
	struct flow f;

	listen_served(DATA, DUAL, &attached);
	/* The last of this one comes before we count. */
	flow_open(&f, &attached);
	flow_ask(&f);
	stock4 = listen_stock(V4, 8, &v4);
	stock6 = listen_stock(V6, 8, &v6);
	sleep_ms(slow_ms(100));
	before = stats_read();
	ask_tcp(stock4, &v4, scaled(50));
	ask_tcp(stock6, &v6, scaled(50));
	ask_udp(scaled(50));
	grown = stats_since(&before);
	stats_diag("other ports", &grown);
	CHECK_EQ(stats_total(&grown), 0);
	/* The counters are not simply off. */
	hop();
	flow_ask(&f);
	grown = stats_since(&before);
	if (!plain())
		CHECK_OP(stats_on_owner(&grown), >, 0);
}

/* Connections outlive the listener: as stock ones. */
TEST(steer__after_detach)
{
	struct stats before, grown;
	struct flow flows[8];
	struct endpoint to;
	int fd = listen_served(DATA, V4, &to);

	for (int i = 0; i < 8; i++) {
		hop();
		flow_open(&flows[i], &to);
		ASSERT(flow_ask(&flows[i]));
	}
	MUST(lanes_detach(fd));
	sleep_ms(slow_ms(100));
	before = stats_read();
	for (int i = 0; i < scaled(10); i++)
		for (int j = 0; j < 8; j++) {
			hop();
			ASSERT(flow_ask(&flows[j]));
		}
	for (int i = 0; i < 8; i++)
		flow_close(&flows[i]);
	sleep_ms(slow_ms(50));
	grown = stats_since(&before);
	stats_diag("after the detach", &grown);
	CHECK_EQ(stats_total(&grown), 0);
}

static void add(struct setting s, const char *how)
{
	struct harness_case *c = calloc(1, sizeof(*c));
	struct setting *copy = malloc(sizeof(*copy));
	char *name;

	if (!c || !copy ||
	    asprintf(&name, "steer__%s_%s_%s", mode_name[s.mode], how,
		     family_name[s.family]) < 0)
		abort();
	*copy = s;
	*c = (struct harness_case){
		.name = name, .run = move_clients, .arg = copy,
		.timeout_s = HARNESS_TIMEOUT_S,
	};
	harness_add(c);
}

__attribute__((constructor)) static void add_all(void)
{
	for (enum mode mode = OFF; mode <= DATA; mode++)
		for (enum family family = V4; family <= DUAL; family++) {
			/* One family is enough to see it off. */
			if (mode != DATA && family != V6)
				continue;
			add((struct setting){ mode, family, 1 }, "asked");
			add((struct setting){ mode, family, 40 }, "streamed");
		}
}
