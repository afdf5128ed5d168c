// SPDX-License-Identifier: GPL-2.0-only
/*
 * Of a socket that has closed nothing is left, as if there was no cache: not
 * its port, its tuple, its memory, its network namespace or the module.
 */
#define _GNU_SOURCE
#include "pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "module.h"
#include "stat.h"

/* Until a closed socket that got no packet is out of the cache. */
#define SWEEP_MS 2000

/* Of this network namespace: 'sockets: used'. */
static int sockets_used(void)
{
	FILE *f = fopen("/proc/net/sockstat", "re");
	int nr = -1;

	ASSERT(f);
	ASSERT_EQ(fscanf(f, "sockets: used %d", &nr), 1);
	fclose(f);
	return nr;
}

/* What ksoftirqd may take to process the last packet while the host compiles. */
#define LATE_MS 2000

/* Ends a connection and begins another with the same tuple: it finds what it
 * should of the old one, and what it sends is for the new socket. Returns 0, or
 * the errno where it is the client's TIME_WAIT socket that decides.
 */
static int end_and_dial(int fd, const struct endpoint *to, int cpu, int port,
			enum end end)
{
	bool time_wait = end == CLIENT_FIN || end == SERVER_FIN;
	int before = time_wait_sockets(), client;
	struct pair p;

	pin(cpu);
	p = pair_open(fd, to, port);
	ASSERT(pair_talk(&p, 3));
	/* By a task that is bound nowhere: what it does tells no CPU's cache. */
	unpin();
	pair_end(&p, end);
	pin(cpu);
	CHECK(WITHIN(LATE_MS, time_wait_sockets() == before + time_wait));
	client = dial_from_port(to, port);
	if (client < 0 && end == CLIENT_FIN)
		return errno;
	/* The client's old socket may be in LAST_ACK still. */
	ASSERT(WITHIN(LATE_MS, client >= 0 ||
			       (client = dial_from_port(to, port)) >= 0));
	p = (struct pair){ client, MUST(accept_within(fd, 1000)) };
	ASSERT(same_socket(p.client, p.child));
	ASSERT(pair_talk(&p, 3));
	pair_end(&p, CLIENT_RST);
	CHECK(WITHIN(LATE_MS, time_wait_sockets() == before));
	return 0;
}

/* As on the stock socket beside it. */
static void same_tuple(enum family family)
{
	struct endpoint stock_to, to;
	int stock, fd;

	fresh_netns();
	write_sysctl("net.ipv4.tcp_tw_reuse", "0");
	stock = listen_stock(family, 16, &stock_to);
	fd = listen_lanes(family, 16, &to);
	for (int i = 0; i < scaled(80) && !harness_has_failed(); i++) {
		enum end end = i % NR_ENDS;
		int cpu = i / NR_ENDS % nr_cpus(), port = 20000 + i;

		CHECK_EQ(end_and_dial(fd, &to, cpu, port, end),
			 end_and_dial(stock, &stock_to, cpu, port, end));
		if (harness_has_failed())
			harness_diag("after %s", end_name[end]);
	}
}

TEST(closed__same_tuple_ipv4)
{
	same_tuple(V4);
}

TEST(closed__same_tuple_ipv6)
{
	same_tuple(V6);
}

TEST(closed__same_tuple_dual)
{
	same_tuple(DUAL);
}

/* SOCK_DESTROY of the server's sockets: they see no packet. */
static void ss_kill(const struct pair *p, const struct endpoint *to)
{
	char command[120], byte;

	snprintf(command, sizeof(command),
		 "ss -K -t state established sport = :%d >/dev/null",
		 port_of(to));
	if (system(command))
		SKIP("ss -K: not possible here");
	if (recv(p->child, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN)
		SKIP("ss -K: CONFIG_INET_DIAG_DESTROY is off");
}

/* It died with its tuple, and its file is still open. */
TEST(closed__same_tuple_after_ss_kill)
{
	struct endpoint to;
	int fd;

	fresh_netns();
	fd = listen_lanes(V4, 16, &to);
	for (int i = 0; i < scaled(12) && !harness_has_failed(); i++) {
		int cpu = i % nr_cpus(), port = 20000 + i % 3;
		struct pair old, new;

		pin(cpu);
		old = pair_open(fd, &to, port);
		ASSERT(pair_talk(&old, 3));
		unpin();
		ss_kill(&old, &to);
		hang_up(old.client);
		pin(cpu);
		ASSERT(WITHIN(LATE_MS, (new.client = dial_from_port(&to, port))
				       >= 0));
		new.child = MUST(accept_within(fd, 1000));
		ASSERT(same_socket(new.client, new.child));
		ASSERT(pair_talk(&new, 3));
		close(old.child);
		ASSERT(pair_talk(&new, 3));
		pair_end(&new, CLIENT_RST);
	}
}

/* No socket may keep the port of a listener that is gone. */
TEST(closed__port_free_at_once)
{
	struct pair pairs[NR_PAIRS];
	struct endpoint to;
	int fd;

	fresh_netns();
	fd = listen_lanes(V4, 64, &to);
	pairs_open(pairs, fd, &to);
	for (int i = 0; i < NR_PAIRS; i++)
		pair_end(&pairs[i], i % 2 ? SERVER_RST : CLIENT_RST);
	close(fd);
	fd = MUST(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	MUST(bind(fd, (struct sockaddr *)&to.addr, to.len));
	MUST(listen(fd, 1));
}

/* The socket is closed by @how, which sends no packet to it. */
static void swept(long entries, void (*how)(const struct pair *pairs,
					    const struct endpoint *to))
{
	struct pair pairs[NR_PAIRS];
	struct stats before, grown;
	struct endpoint to;
	double start_ms;
	int fd, used;

	fresh_netns();
	lanes_sysctl("cache_entries", entries);
	fd = listen_lanes(V4, 64, &to);
	used = sockets_used();
	pairs_open(pairs, fd, &to);
	CHECK_EQ(sockets_used(), used + 2 * NR_PAIRS);
	before = stats_read();
	how(pairs, &to);
	for (int i = 0; i < NR_PAIRS; i++) {
		close(pairs[i].child);
		close(pairs[i].client);
	}
	start_ms = now_ms();
	if (!CHECK(WITHIN(SWEEP_MS, sockets_used() <= used)))
		harness_diag("%d sockets more", sockets_used() - used);
	grown = stats_since(&before);
	harness_diag("gone after %.0f ms", now_ms() - start_ms);
	stats_diag("closed without a packet", &grown);
	if (!plain())
		CHECK_OP(grown.of[CACHE_SWEPT], >, 0);
}

static void reset_on_close(int fd)
{
	struct linger linger = { .l_onoff = 1 };

	MUST(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
}

static void by_linger(const struct pair *pairs,
		      const struct endpoint *to __attribute__((unused)))
{
	for (int i = 0; i < NR_PAIRS; i++)
		reset_on_close(pairs[i].child);
}

TEST(closed__swept_after_linger)
{
	swept(1024, by_linger);
}

TEST(closed__swept_of_few_slots)
{
	swept(16, by_linger);
}

TEST(closed__swept_of_many_slots)
{
	swept(65536, by_linger);
}

static void by_ss_kill(const struct pair *pairs, const struct endpoint *to)
{
	ss_kill(pairs, to);
}

TEST(closed__swept_after_ss_kill)
{
	swept(1024, by_ss_kill);
}

/* The peer is gone: what is sent is never acknowledged. */
static void by_timeout(const struct pair *pairs,
		       const struct endpoint *to __attribute__((unused)))
{
	unsigned int ms = 300;

	ASSERT_EQ(system("ip link set lo down"), 0);
	for (int i = 0; i < NR_PAIRS; i++) {
		MUST(setsockopt(pairs[i].child, IPPROTO_TCP, TCP_USER_TIMEOUT,
				&ms, sizeof(ms)));
		MUST(send(pairs[i].child, "x", 1, 0));
	}
	for (int i = 0; i < NR_PAIRS; i++) {
		char byte;

		CHECK_ERRNO(recv(pairs[i].child, &byte, 1, 0), ETIMEDOUT);
		reset_on_close(pairs[i].client);
	}
}

TEST(closed__swept_after_timeout)
{
	swept(1024, by_timeout);
}

/* Open connections do not keep the module. */
TEST(closed__unload)
{
	struct pair pairs[NR_PAIRS];
	struct endpoint to;
	int fd;

	need_lanes();
	fd = listen_lanes(V4, 64, &to);
	pairs_open(pairs, fd, &to);
	close(fd);
	ASSERT(WITHIN(5000, module_unload() == 0));
	for (int i = 0; i < NR_PAIRS; i++)
		CHECK(pair_talk(&pairs[i], 3));
	module_load();
	fd = listen_lanes(V4, 64, &to);
	for (int i = 0; i < NR_PAIRS; i++) {
		CHECK(pair_talk(&pairs[i], 3));
		pair_end(&pairs[i], i % NR_ENDS);
	}
}

/* What it leaves behind is for the runner to find. */
TEST(closed__netns_exit)
{
	for (int i = 0; i < scaled(10); i++) {
		pid_t pid = MUST(fork());
		int status;

		if (!pid) {
			struct pair pairs[NR_PAIRS];
			struct endpoint to;
			int fd;

			fresh_netns();
			fd = listen_lanes(i % 2 ? V6 : V4, 64, &to);
			pairs_open(pairs, fd, &to);
			_exit(0);
		}
		MUST(waitpid(pid, &status, 0));
		CHECK_EQ(status, 0);
	}
	if (!plain())
		CHECK(WITHIN(5000, module_references() == 0));
}
