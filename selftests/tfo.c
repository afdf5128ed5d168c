// SPDX-License-Identifier: GPL-2.0-only
/* TCP Fast Open works on an attached listener as on a stock one. */
#define _GNU_SOURCE
#include "serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum when { BEFORE_LISTEN, BEFORE_ATTACH, AFTER_ATTACH, NR_WHENS };

static int listen_fast(enum family family, enum when when, struct endpoint *to)
{
	int fd = bound_socket(family, to), qlen = 16;

	if (when == BEFORE_LISTEN)
		MUST(setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &qlen,
				sizeof(qlen)));
	MUST(listen(fd, 32));
	if (when == BEFORE_ATTACH)
		MUST(setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &qlen,
				sizeof(qlen)));
	MUST(lanes_attach(fd));
	if (when == AFTER_ATTACH)
		MUST(setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &qlen,
				sizeof(qlen)));
	return fd;
}

static int dial_fast(const struct endpoint *to, int cpu)
{
	int fd = MUST(socket(to->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));

	pin(cpu);
	CHECK_EQ(sendto(fd, "hello", 5, MSG_FASTOPEN,
			(const struct sockaddr *)&to->addr, to->len), 5);
	unpin();
	return fd;
}

/* Data in the SYN is there with the connection; it and its answer arrive. */
static void exchange(int fd, const struct endpoint *to, int cpu)
{
	int client = dial_fast(to, cpu), child;
	char text[6] = "";

	child = MUST(accept_within(fd, 2000));
	CHECK(same_socket(client, child));
	CHECK_EQ(recv(child, text, 5, MSG_WAITALL), 5);
	CHECK_EQ(strcmp(text, "hello"), 0);
	CHECK_EQ(send(child, "world", 5, 0), 5);
	CHECK_EQ(recv(client, text, 5, MSG_WAITALL), 5);
	CHECK_EQ(strcmp(text, "world"), 0);
	hang_up(client);
	close(child);
}

static void serve_fast(enum family family, bool bound)
{
	for (enum when when = 0; when < NR_WHENS; when++) {
		struct endpoint to;
		int fd = listen_fast(family, when, &to);
		struct worker *workers;
		long before;

		if (bound) {
			workers = workers_per_cpu(fd, SERVE_NEVER);
			workers_start(workers, nr_cpus(), false);
			workers_settle(workers, nr_cpus());
		}
		/* The first one fetches the cookie. */
		exchange(fd, &to, 0);
		before = netstat("TCPFastOpenPassive");
		for (int i = 0; i < 8; i++)
			exchange(fd, &to, i % nr_cpus());
		CHECK_EQ(netstat("TCPFastOpenPassive") - before, 8);
	}
}

static void allow_fast_open(void)
{
	fresh_netns();
	write_sysctl("net.ipv4.tcp_fastopen", "3");
}

TEST(tfo__ipv4)
{
	allow_fast_open();
	serve_fast(V4, false);
}

TEST(tfo__ipv6)
{
	allow_fast_open();
	serve_fast(V6, false);
}

TEST(tfo__bound_acceptors)
{
	allow_fast_open();
	serve_fast(V4, true);
}

TEST(tfo__detach)
{
	struct endpoint to;
	int fd;

	allow_fast_open();
	fd = listen_fast(V4, BEFORE_LISTEN, &to);
	exchange(fd, &to, 0);
	MUST(lanes_detach(fd));
	exchange(fd, &to, 0);
	MUST(lanes_attach(fd));
	exchange(fd, &to, 0);
	CHECK_OP(netstat("TCPFastOpenPassive"), >=, 2);
}

/* Listeners closed with fast opened connections in their queue. */
TEST(tfo__closed)
{
	allow_fast_open();
	for (int i = 0; i < 4; i++) {
		struct endpoint to;
		int fd = listen_fast(V4, BEFORE_LISTEN, &to), client;
		char byte;

		exchange(fd, &to, 0);
		client = dial_fast(&to, nr_cpus() - 1);
		ASSERT_EQ(queued_within(fd, 1, 1000), 1);
		close(fd);
		CHECK_ERRNO(recv(client, &byte, 1, 0), ECONNRESET);
		close(client);
	}
}
