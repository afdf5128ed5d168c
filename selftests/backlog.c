// SPDX-License-Identifier: GPL-2.0-only
/*
 * The backlog given to listen() bounds all queues together, and what ss(8)
 * shows is their sum.
 */
#define _GNU_SOURCE
#include "serve.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FLOOD 40
#define ALL_CPUS -1

/* Dials without waiting, from one CPU or from all in turn. */
static void flood(const struct endpoint *to, int cpu, int clients[FLOOD])
{
	for (int i = 0; i < FLOOD; i++) {
		pin(cpu == ALL_CPUS ? i % nr_cpus() : cpu);
		clients[i] = MUST(socket(to->addr.ss_family,
					 SOCK_STREAM | SOCK_NONBLOCK |
					 SOCK_CLOEXEC, 0));
		if (connect(clients[i], (struct sockaddr *)&to->addr, to->len))
			ASSERT_EQ(errno, EINPROGRESS);
	}
	unpin();
}

static void hang_up_all(int clients[FLOOD])
{
	for (int i = 0; i < FLOOD; i++)
		hang_up(clients[i]);
}

static int take_all(int fd)
{
	int taken = 0, child;

	while ((child = accept_nowait(fd)) >= 0) {
		taken++;
		close(child);
	}
	ASSERT_EQ(errno, EAGAIN);
	return taken;
}

/* On a stock socket, or with lanes that keep what is queued. */
enum kind { STOCK, LANES_GLOBAL, LANES_LOCAL, NR_KINDS };
static const char *const kind_name[] = { "stock", "global", "lanes" };

static int listen_kind(enum kind kind, int backlog, struct endpoint *to)
{
	if (kind == STOCK)
		return listen_stock(V4, backlog, to);
	return listen_lanes(V4, backlog, to);
}

static struct worker *hold(int fd, enum kind kind)
{
	struct worker *workers;

	if (kind != LANES_LOCAL)
		return NULL;
	workers = workers_per_cpu(fd, SERVE_NEVER);
	workers_start(workers, nr_cpus(), false);
	workers_settle(workers, nr_cpus());
	return workers;
}

static void release(struct worker *workers)
{
	for (int cpu = 0; workers && cpu < nr_cpus(); cpu++)
		workers[cpu].stop = true;
}

static int queued(int fd, enum kind kind)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	if (kind != STOCK && !plain())
		return lanes_info(fd).queued;
	MUST(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len));
	return info.tcpi_unacked;
}

static int admitted(enum kind kind, int backlog, int from_cpu)
{
	struct worker *workers;
	struct endpoint to;
	int clients[FLOOD], fd, nr;

	fd = listen_kind(kind, backlog, &to);
	workers = hold(fd, kind);
	flood(&to, from_cpu, clients);
	sleep_ms(slow_ms(30));
	nr = queued(fd, kind);
	release(workers);
	hang_up_all(clients);
	close(fd);
	return nr;
}

static void compare_admitted(enum kind kind, int from_cpu)
{
	static const int backlogs[] = { 0, 1, 7, 16 };

	for (int i = 0; i < 4; i++) {
		int stock = admitted(STOCK, backlogs[i], from_cpu);
		int nr = admitted(kind, backlogs[i], from_cpu);

		harness_diag("backlog %d: stock %d, %s %d", backlogs[i], stock,
			     kind_name[kind], nr);
		CHECK_EQ(stock, backlogs[i] + 1);
		CHECK_OP(nr, >=, stock);
		/* The CPUs read each other's counts without a lock. */
		CHECK_OP(nr, <=, stock + nr_cpus());
	}
}

TEST(backlog__global)
{
	fresh_netns();
	write_sysctl("net.ipv4.tcp_syncookies", "0");
	compare_admitted(LANES_GLOBAL, ALL_CPUS);
}

TEST(backlog__lanes)
{
	fresh_netns();
	write_sysctl("net.ipv4.tcp_syncookies", "0");
	compare_admitted(LANES_LOCAL, ALL_CPUS);
}

TEST(backlog__one_lane)
{
	fresh_netns();
	write_sysctl("net.ipv4.tcp_syncookies", "0");
	compare_admitted(LANES_LOCAL, nr_cpus() - 1);
}

/*
 * All handshakes are half open while there is room, on every CPU, as the clients
 * hear nothing; then all are acknowledged. Over veth early demux finds them, over
 * loopback the hook does.
 */
static int admitted_by_acks(enum kind kind, int backlog, int client_netns)
{
	int netns = MUST(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog deaf = { .len = 1, .filter = &nothing };
	int clients[FLOOD], fd, nr, unused = 0;
	struct worker *workers;
	struct endpoint to;

	fd = kind == STOCK ? listen_stock(DUAL, backlog, &to) :
			     listen_lanes(DUAL, backlog, &to);
	if (client_netns >= 0) {
		((struct sockaddr_in *)&to.addr)->sin_addr.s_addr =
			htonl(0x0a090001);
		MUST(setns(client_netns, CLONE_NEWNET));
	}
	for (int i = 0; i < FLOOD; i++) {
		pin(i % nr_cpus());
		clients[i] = MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK |
					 SOCK_CLOEXEC, 0));
		MUST(setsockopt(clients[i], SOL_SOCKET, SO_ATTACH_FILTER, &deaf,
				sizeof(deaf)));
		if (connect(clients[i], (struct sockaddr *)&to.addr, to.len))
			ASSERT_EQ(errno, EINPROGRESS);
	}
	unpin();
	MUST(setns(netns, CLONE_NEWNET));
	workers = hold(fd, kind);
	CHECK_EQ(queued(fd, kind), 0);
	for (int i = 0; i < FLOOD; i++)
		MUST(setsockopt(clients[i], SOL_SOCKET, SO_DETACH_FILTER,
				&unused, sizeof(unused)));
	/* What they hear is the next SYN-ACK, a second after the first. */
	WITHIN(5000, queued(fd, kind) > backlog);
	sleep_ms(slow_ms(30));
	nr = queued(fd, kind);
	release(workers);
	hang_up_all(clients);
	close(fd);
	close(netns);
	return nr;
}

static void compare_acks(int client_netns)
{
	enum { BACKLOG = 7, ROOM = BACKLOG + 1 };
	int stock, nr;

	write_sysctl("net.ipv4.tcp_syncookies", "0");
	stock = admitted_by_acks(STOCK, BACKLOG, client_netns);
	/* Several CPUs may find room for the last one at the same time. */
	CHECK_OP(stock, >=, ROOM);
	CHECK_OP(stock, <, ROOM + nr_cpus());
	for (enum kind kind = LANES_GLOBAL; kind < NR_KINDS; kind++) {
		nr = admitted_by_acks(kind, BACKLOG, client_netns);
		harness_diag("stock %d, %s %d", stock, kind_name[kind], nr);
		CHECK_OP(nr, >=, ROOM);
		CHECK_OP(nr, <=, ROOM + nr_cpus());
	}
}

TEST(backlog__acks)
{
	fresh_netns();
	compare_acks(-1);
}

TEST(backlog__acks_veth)
{
	int client_netns;
	char command[300];

	fresh_netns();
	client_netns = MUST(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
	fresh_netns();
	snprintf(command, sizeof(command),
		 "ip link add near type veth peer name far netns /proc/%d/fd/%d && ip addr add 10.9.0.1/24 dev near && ip link set near up",
		 getpid(), client_netns);
	if (system(command))
		SKIP("veth: not possible here");
	snprintf(command, sizeof(command),
		 "nsenter --net=/proc/%d/fd/%d sh -c 'ip addr add 10.9.0.2/24 dev far && ip link set far up'",
		 getpid(), client_netns);
	ASSERT_EQ(system(command), 0);
	compare_acks(client_netns);
}

TEST(backlog__with_cookies)
{
	fresh_netns();
	write_sysctl("net.ipv4.tcp_syncookies", "1");
	compare_admitted(LANES_LOCAL, ALL_CPUS);
}

/* Dialled by many threads at once, the bound still holds. */
TEST(backlog__concurrent)
{
	enum { BACKLOG = 16 };
	struct endpoint to;
	int fd, nr;

	fresh_netns();
	write_sysctl("net.ipv4.tcp_syncookies", "0");
	fd = listen_lanes(V4, BACKLOG, &to);
	hold(fd, LANES_LOCAL);
	for (int cpu = 0; cpu < nr_cpus(); cpu++) {
		if (MUST(fork()))
			continue;
		flood(&to, cpu, (int[FLOOD]){});
		for (;;)
			pause();
	}
	queued_within(fd, BACKLOG + 1, 1000);
	sleep_ms(slow_ms(100));
	nr = queued_within(fd, BACKLOG + 1, 0);
	CHECK_OP(nr, >=, BACKLOG + 1);
	CHECK_OP(nr, <=, BACKLOG + 1 + nr_cpus());
}

TEST(backlog__listen_again)
{
	static const int again[] = { 20, 4 };
	struct endpoint to;
	int fd, clients[FLOOD];

	fresh_netns();
	write_sysctl("net.ipv4.tcp_syncookies", "0");
	for (int i = 0; i < 2; i++) {
		int nr;

		fd = listen_lanes(V4, 9, &to);
		hold(fd, LANES_LOCAL);
		MUST(listen(fd, again[i]));
		if (!plain())
			CHECK_EQ(lanes_info(fd).backlog, again[i]);
		flood(&to, ALL_CPUS, clients);
		nr = queued_within(fd, again[i] + 1, 200);
		CHECK_OP(nr, >=, again[i] + 1);
		CHECK_OP(nr, <=, again[i] + 1 + nr_cpus());
		hang_up_all(clients);
		close(fd);
	}
}

/* Recv-Q and Send-Q of the listener, as ss(8) shows them. */
static bool ss_shows(int port, int recv_q, int send_q)
{
	char command[100], line[300] = "";
	int shown_recv = -1, shown_send = -1;
	FILE *f;

	snprintf(command, sizeof(command), "ss -Hltn sport = :%d", port);
	f = popen(command, "r");
	ASSERT(f);
	if (fgets(line, sizeof(line), f))
		sscanf(line, "%*s %d %d", &shown_recv, &shown_send);
	if (pclose(f) == 127 << 8)
		SKIP("ss: not installed");
	return shown_recv == recv_q && shown_send == send_q;
}

/*
 * ss(8) takes long on a busy machine: what counts is that no run which began
 * 100 ms after the change shows anything else. The time of the last run that
 * did, or of the first one if it was true at once.
 */
static double true_after_ms(int port, int recv_q)
{
	double start_ms = now_ms(), began_ms;

	do {
		began_ms = now_ms() - start_ms;
		if (ss_shows(port, recv_q, 64))
			return began_ms;
	} while (began_ms <= slow_ms(100));
	harness_failed(__FILE__, __LINE__, "Recv-Q is not %d after %.0f ms",
		       recv_q, began_ms);
	return began_ms;
}

TEST(recv_q__true_within_100_ms)
{
	for (enum kind kind = STOCK; kind < NR_KINDS; kind++) {
		struct worker *workers;
		struct endpoint to;
		int fd = listen_kind(kind, 64, &to), clients[FLOOD];
		double filled_ms, emptied_ms;

		workers = hold(fd, kind);
		flood(&to, ALL_CPUS, clients);
		filled_ms = true_after_ms(port_of(&to), FLOOD);
		/* Everything is for everybody by then. */
		sleep_ms(SPILL_MS + slow_ms(50));
		CHECK_EQ(take_all(fd), FLOOD);
		emptied_ms = true_after_ms(port_of(&to), 0);
		harness_diag("%s: true in a run begun after %.0f ms, emptied: %.0f ms",
			     kind_name[kind], filled_ms, emptied_ms);
		release(workers);
		hang_up_all(clients);
		close(fd);
	}
}

/* Who came too early is served once there is room. */
TEST_TIMEOUT(overflow__drained_later, 60)
{
	enum { NR = 24 };
	struct client clients[NR];
	struct worker *workers;
	struct endpoint to;
	int fd, served = 0;
	pid_t pid;

	fresh_netns();
	write_sysctl("net.ipv4.tcp_syncookies", "0");
	fd = listen_lanes(V4, 4, &to);
	pid = MUST(fork());
	if (!pid) {
		/* Too late for the first attempt of most. */
		sleep_ms(slow_ms(300));
		workers = workers_per_cpu(fd, SERVE_EPOLL_LT);
		workers_start(workers, nr_cpus(), false);
		for (;;)
			pause();
	}
	for (int i = 0; i < NR; i++)
		clients[i] = (struct client){ .to = &to, .cpu = i % nr_cpus(),
					      .count = 1 };
	clients_run(clients, NR);
	for (int i = 0; i < NR; i++)
		served += clients[i].served;
	CHECK_EQ(served, NR);
	CHECK_OP(netstat("ListenOverflows"), >, 0);
}

/*
 * Handshakes held half-open by TCP_DEFER_ACCEPT all complete into a queue that
 * has become too short meanwhile: what does not fit is reset.
 */
static int count_resets(enum kind kind, int *queued)
{
	struct timeval short_wait = { .tv_usec = 300000 };
	struct endpoint to;
	int fd, clients[FLOOD], resets = 0, defer_s = 10;

	fd = bound_socket(V4, &to);
	MUST(setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &defer_s,
			sizeof(defer_s)));
	MUST(listen(fd, 4 * FLOOD));
	if (kind != STOCK)
		MUST(lanes_attach(fd));
	hold(fd, kind);
	for (int i = 0; i < FLOOD; i++)
		clients[i] = dial_on(i % nr_cpus(), &to);
	MUST(listen(fd, 8));
	for (int i = 0; i < FLOOD; i++) {
		pin(i % nr_cpus());
		MUST(send(clients[i], "x", 1, 0));
	}
	unpin();
	sleep_ms(slow_ms(50));
	for (int i = 0; i < FLOOD; i++) {
		char byte;

		MUST(setsockopt(clients[i], SOL_SOCKET, SO_RCVTIMEO,
				&short_wait, sizeof(short_wait)));
		if (recv(clients[i], &byte, 1, MSG_DONTWAIT) < 0 &&
		    errno == ECONNRESET)
			resets++;
	}
	*queued = kind == STOCK ? 0 : queued_within(fd, 0, 0);
	hang_up_all(clients);
	close(fd);
	return resets;
}

TEST(overflow__abort)
{
	int stock, queued;

	fresh_netns();
	write_sysctl("net.ipv4.tcp_abort_on_overflow", "1");
	stock = count_resets(STOCK, &queued);
	CHECK_EQ(stock, FLOOD - 9);
	for (enum kind kind = LANES_GLOBAL; kind < NR_KINDS; kind++) {
		int resets = count_resets(kind, &queued);

		harness_diag("stock %d resets, %s %d, %d queued", stock,
			     kind_name[kind], resets, queued);
		CHECK_OP(resets, <=, stock);
		CHECK_OP(resets, >=, stock - nr_cpus());
	}
}
