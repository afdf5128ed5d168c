// SPDX-License-Identifier: GPL-2.0-only
/*
 * The established cache serves what the stock look-up would have found, on the
 * consumer's CPU.
 */
#define _GNU_SOURCE
#include "roam.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pair.h"
#include "stat.h"

/* Somebody else's, between our two of PRE_ROUTING. */
static void other_hook(const char *rule, int port, int to_port)
{
	char command[200], filled[100];

	snprintf(filled, sizeof(filled), rule, port, to_port);
	snprintf(command, sizeof(command),
		 "nft 'table inet other { chain c { type filter hook prerouting priority 0; %s; }; }' 2>&1",
		 filled);
	if (system(command))
		SKIP("this kernel has no nftables");
}

/* One flow, from a client that moves to a consumer that does not. */
static void ask(struct flow *f, int times)
{
	for (int i = 0; i < times; i++) {
		hop();
		ASSERT(flow_ask(f));
	}
}

static void hits(enum family family, bool alone)
{
	struct stats before, grown;
	struct endpoint to;
	struct flow f;

	need_lanes();
	need_cpus(2);
	fresh_netns();
	servers_start(listen_lanes(family, 16, &to));
	if (!alone)
		other_hook("tcp dport %d counter", port_of(&to), 0);
	before = stats_read();
	flow_open(&f, &to);
	ask(&f, 5);
	CHECK_OP(stat_grown(&before, CACHE_INSERTED), >, 0);
	before = stats_read();
	ask(&f, scaled(100));
	grown = stats_since(&before);
	stats_diag(family_name[family], &grown);
	CHECK_OP(grown.of[CACHE_HIT], >=, scaled(100));
	CHECK_EQ(grown.of[CACHE_MISS], 0);
	flow_close(&f);
}

TEST(ecache__hits_ipv4)
{
	hits(V4, true);
}

TEST(ecache__hits_ipv6)
{
	hits(V6, true);
}

TEST(ecache__hits_dual)
{
	hits(DUAL, true);
}

TEST(ecache__hits_behind_another_hook_ipv4)
{
	hits(V4, false);
}

TEST(ecache__hits_behind_another_hook_ipv6)
{
	hits(V6, false);
}

/* What another hook makes of a packet is what is looked up. */
TEST(ecache__another_hook_comes_first)
{
	struct stats before, grown;
	struct endpoint to;
	struct flow f;

	need_lanes();
	need_cpus(2);
	fresh_netns();
	servers_start(listen_lanes(V4, 16, &to));
	flow_open(&f, &to);
	ask(&f, 20);
	other_hook("tcp dport %d tcp dport set %d", port_of(&to), 1);
	before = stats_read();
	hop();
	ASSERT(flow_tell(&f));
	/* It came, and once more, to a port where nobody is. */
	CHECK(WITHIN(5000, snmp("OutRsts") >= 2));
	grown = stats_since(&before);
	CHECK_EQ(grown.of[CACHE_HIT], 0);
	CHECK_EQ(system("nft delete table inet other"), 0);
	/* The client sends it again. */
	ask(&f, 1);
	CHECK_EQ(f.answer.wrong, 0);
	CHECK_EQ(f.answer.received, 22);
	flow_close(&f);
}

TEST(ecache__off)
{
	struct pair pairs[NR_PAIRS];
	struct stats before, grown;
	struct endpoint to;
	int fd;

	fresh_netns();
	lanes_sysctl("cache_entries", 0);
	fd = listen_lanes(V4, 64, &to);
	before = stats_read();
	pairs_open(pairs, fd, &to);
	for (int i = 0; i < NR_PAIRS; i++) {
		close(pairs[i].client);
		close(pairs[i].child);
	}
	grown = stats_since(&before);
	for (int i = CACHE_HIT; i <= CACHE_FLUSHED; i++)
		CHECK_EQ(grown.of[i], 0);
}

/* Another size, or the end of the last listener, lets go of everything. */
TEST(ecache__flushed)
{
	struct stats before;
	struct endpoint to;
	struct flow f;
	int fd;

	need_lanes();
	need_cpus(2);
	fresh_netns();
	fd = listen_lanes(V4, 16, &to);
	servers_start(fd);
	flow_open(&f, &to);
	ask(&f, 5);
	before = stats_read();
	lanes_sysctl("cache_entries", 16);
	CHECK_OP(stat_grown(&before, CACHE_FLUSHED), >, 0);
	/* It comes in again. */
	ask(&f, 5);
	CHECK_OP(stat_grown(&before, CACHE_INSERTED), >, 0);
	before = stats_read();
	ask(&f, 20);
	CHECK_OP(stat_grown(&before, CACHE_HIT), >=, 20);
	MUST(lanes_detach(fd));
	CHECK_OP(stat_grown(&before, CACHE_FLUSHED), >, 0);
	ask(&f, 5);
	flow_close(&f);
}

static void finished(enum end end)
{
	struct pair pairs[NR_PAIRS];
	/* Two may have had the same slot. */
	const int least = NR_PAIRS * 3 / 4;
	struct stats before, grown;
	struct endpoint to;
	int fd;

	need_lanes();
	fresh_netns();
	fd = listen_lanes(V4, 64, &to);
	pairs_open(pairs, fd, &to);
	before = stats_read();
	for (int i = 0; i < NR_PAIRS; i++)
		pair_end(&pairs[i], end);
	/* Their last packets may still be in steering's queues. */
	CHECK(WITHIN(2000, stat_grown(&before, CACHE_FINISHED) >= least));
	grown = stats_since(&before);
	stats_diag(end_name[end], &grown);
}

TEST(ecache__fin_evicts)
{
	finished(CLIENT_FIN);
}

TEST(ecache__rst_evicts)
{
	finished(CLIENT_RST);
}

/* The same addresses and ports twice at a time. */
TEST(ecache__two_netns)
{
	int *open = mmap(NULL, sizeof(*open), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT(open != MAP_FAILED);
	for (int i = 0; i < 2; i++) {
		struct endpoint to = { .len = sizeof(struct sockaddr_in) };
		struct sockaddr_in *in = (struct sockaddr_in *)&to.addr;
		struct stats before;
		struct pair p;
		int fd;

		if (MUST(fork()))
			continue;
		pin(0);
		fresh_netns();
		in->sin_family = AF_INET;
		in->sin_port = htons(20000);
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		fd = MUST(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
		MUST(bind(fd, (struct sockaddr *)&to.addr, to.len));
		MUST(listen(fd, 8));
		MUST(lanes_attach(fd));
		p = pair_open(fd, &to, 20001);
		__atomic_add_fetch(open, 1, __ATOMIC_SEQ_CST);
		ASSERT(WITHIN(5000, __atomic_load_n(open, __ATOMIC_SEQ_CST) >= 2));
		before = stats_read();
		pair_talk(&p, scaled(500));
		if (!plain())
			CHECK_OP(stat_grown(&before, CACHE_HIT), >, 0);
		_exit(0);
	}
	for (int i = 0; i < 2; i++) {
		int status;

		MUST(wait(&status));
		CHECK_EQ(status, 0);
	}
}

/* A client in a network namespace of its own, behind one of our devices, with
 * the same address and port as the other's.
 */
struct remote {
	const char *device;
	uint32_t word;
	int fd;
	int child;
};

static void remote_run(const struct remote *r, int ready, int go)
{
	struct endpoint to = { .len = sizeof(struct sockaddr_in) };
	struct sockaddr_in *in = (struct sockaddr_in *)&to.addr;
	uint32_t got;
	char byte;
	int fd;

	MUST(unshare(CLONE_NEWNET));
	MUST(write(ready, "", 1));
	ASSERT_EQ(read(go, &byte, 1), 1);
	ASSERT_EQ(system("ip addr add 10.9.0.2/24 dev peer && ip link set peer up"),
		  0);
	in->sin_family = AF_INET;
	in->sin_port = htons(20000);
	in->sin_addr.s_addr = htonl(0x0a090001);
	pin(0);
	fd = MUST(dial_from_port(&to, 20001));
	for (int i = 0; i < scaled(200); i++) {
		MUST(send(fd, &r->word, sizeof(r->word), 0));
		ASSERT_EQ(recv(fd, &got, sizeof(got), MSG_WAITALL),
			  sizeof(got));
		ASSERT_EQ(got, ~r->word);
	}
	/* Ended by a RST, which nobody has to acknowledge: this network namespace
	 * goes with its last socket, and with its devices what is on its way.
	 */
	ASSERT_EQ(recv(fd, &got, sizeof(got), 0), -1);
	ASSERT_EQ(errno, ECONNRESET);
	_exit(0);
}

static void remote_start(struct remote *r)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_port = htons(20000),
		.sin_addr.s_addr = htonl(0x0a090001),
	};
	int ready[2], go[2];
	char command[300], byte;
	pid_t pid;

	MUST(pipe(ready));
	MUST(pipe(go));
	pid = MUST(fork());
	if (!pid)
		remote_run(r, ready[1], go[0]);
	ASSERT_EQ(read(ready[0], &byte, 1), 1);
	snprintf(command, sizeof(command),
		 "ip link add %s type veth peer name peer netns %d && ip addr add 10.9.0.1/24 dev %s && ip link set %s up",
		 r->device, pid, r->device, r->device);
	if (system(command))
		SKIP("veth: not possible here");
	r->fd = MUST(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	MUST(setsockopt(r->fd, SOL_SOCKET, SO_BINDTODEVICE, r->device,
			strlen(r->device)));
	MUST(bind(r->fd, (struct sockaddr *)&at, sizeof(at)));
	MUST(listen(r->fd, 8));
	MUST(lanes_attach(r->fd));
	MUST(write(go[1], "", 1));
}

/* One tuple, two devices, two sockets. */
TEST(ecache__two_devices)
{
	struct remote remotes[] = {
		{ .device = "left", .word = 0x11111111 },
		{ .device = "right", .word = 0x22222222 },
	};
	struct stats before;

	fresh_netns();
	pin(0);
	for (int i = 0; i < 2; i++)
		remote_start(&remotes[i]);
	for (int i = 0; i < 2; i++)
		remotes[i].child = MUST(accept_within(remotes[i].fd, 10000));
	before = stats_read();
	for (int i = 0; i < 2 * scaled(200); i++) {
		const struct remote *r = &remotes[i % 2];
		uint32_t got, back = ~r->word;

		ASSERT_EQ(recv(r->child, &got, sizeof(got), MSG_WAITALL),
			  sizeof(got));
		ASSERT_EQ(got, r->word);
		MUST(send(r->child, &back, sizeof(back), 0));
	}
	if (!plain())
		CHECK_OP(stat_grown(&before, CACHE_INSERTED) +
			 stat_grown(&before, CACHE_HIT), >, 0);
	for (int i = 0; i < 2; i++)
		hang_up(remotes[i].child);
	for (int i = 0; i < 2; i++) {
		int status;

		MUST(wait(&status));
		CHECK_EQ(status, 0);
	}
}

/* Many more connections than slots: it is slower then, not wrong. */
TEST(ecache__collisions)
{
	struct stats before, grown;
	struct flow flows[200];
	struct endpoint to;

	need_cpus(2);
	fresh_netns();
	lanes_sysctl("cache_entries", 16);
	servers_start(listen_lanes(DUAL, 256, &to));
	before = stats_read();
	for (int i = 0; i < 200; i++) {
		pin(i % nr_cpus());
		flow_open(&flows[i], &to);
	}
	for (int i = 0; i < scaled(5); i++)
		for (int j = 0; j < 200; j++) {
			hop();
			ASSERT(flow_ask(&flows[j]));
		}
	grown = stats_since(&before);
	stats_diag("200 flows in 16 slots", &grown);
	if (!plain())
		CHECK_OP(grown.of[CACHE_COLLIDED], >, 0);
	for (int i = 0; i < 200; i++)
		flow_close(&flows[i]);
}
