// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "observe.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hold.h"
#include "stat.h"

#define PATIENT_MS 20000
#define LANE_LINE_HEAD							\
	"address inode cpu queued claimed local global stolen spilled "	\
	"pulled_down overflow wait_us wait_sum_us"

bool lane_line_parse(const char *text, struct lane_line *line)
{
	char waits[512], *wait = waits, *end;

	if (!strncmp(text, LANE_LINE_HEAD, strlen(LANE_LINE_HEAD)))
		return false;
	memset(line, 0, sizeof(*line));
	ASSERT_EQ(sscanf(text, "%63s %ld %d %d %d %ld %ld %ld %ld %ld %ld %511s %ld",
			 line->address, &line->inode, &line->cpu, &line->queued,
			 &line->claimed, &line->local, &line->global,
			 &line->stolen, &line->spilled, &line->pulled_down,
			 &line->overflow, waits,
			 &line->wait_sum_us), 13);
	for (int i = 0; i < WAIT_SLOTS; i++) {
		line->wait_us[i] = strtol(wait, &end, 10);
		ASSERT(end > wait && *end == (i < WAIT_SLOTS - 1 ? ',' : 0));
		wait = end + 1;
	}
	return true;
}

long inode_of(int fd)
{
	struct stat st;

	MUST(fstat(fd, &st));
	return st.st_ino;
}

struct lane_line lane_line(int fd, int cpu)
{
	FILE *f = fopen("/proc/thread-self/net/lanes", "re");
	struct lane_line line, wanted = {};
	char text[1024];
	int found = 0;

	ASSERT(f);
	ASSERT(fgets(text, sizeof(text), f));
	CHECK(!strcmp(text, LANE_LINE_HEAD "\n"));
	while (fgets(text, sizeof(text), f)) {
		ASSERT(lane_line_parse(text, &line));
		if (line.inode != inode_of(fd) || line.cpu != cpu)
			continue;
		wanted = line;
		found++;
	}
	fclose(f);
	ASSERT_EQ(found, 1);
	return wanted;
}

void claim_lane(int fd, int cpu)
{
	pin(cpu);
	CHECK_EQ(poll_within(fd, POLLIN, 1), 0);
	CHECK(lane_info(fd, cpu).flags & LANES_LANE_CLAIMED);
}

int listen_patient(enum family family, int backlog, struct endpoint *to)
{
	int fd = listen_lanes(family, backlog, to);

	set_spill_ms(fd, PATIENT_MS);
	return fd;
}

static void take(int fd, int client)
{
	int child = MUST(accept_within(fd, 1000));

	CHECK(same_socket(client, child));
	hang_up(client);
	close(child);
	unpin();
}

void happen_local(int fd, const struct endpoint *to, int cpu)
{
	claim_lane(fd, cpu);
	take(fd, MUST(dial(to)));
}

void happen_global(int fd, const struct endpoint *to, int cpu, int acceptor)
{
	int client;

	unpin();
	client = dial_on(cpu, to);
	pin(acceptor);
	take(fd, client);
}

/* In the lane of @cpu, of which the caller, now on @thief, is no acceptor more. */
static int dial_forsaken(int fd, const struct endpoint *to, int cpu, int thief)
{
	int client;

	claim_lane(fd, cpu);
	client = MUST(dial(to));
	/* The lane's timer has seen that it is not empty. */
	sleep_ms(slow_ms(120));
	pin(thief);
	return client;
}

bool happen_stolen(int fd, const struct endpoint *to, int cpu, int thief)
{
	__u64 before = lanes_info(fd).accepted_stolen;

	take(fd, dial_forsaken(fd, to, cpu, thief));
	return lanes_info(fd).accepted_stolen > before;
}

static void spilled(int fd, int client)
{
	CHECK(WITHIN(2000, lanes_info(fd).global_queued == 1));
	take(fd, client);
}

struct second {
	const struct endpoint *to;
	int cpu;
	int client;
};

/* Who is born while the first one's accept holds the lane's lock. */
static void *dial_second(void *arg)
{
	struct second *second = arg;

	pin(second->cpu);
	CHECK(WITHIN(5000, release_held()));
	second->client = dial(second->to);
	let_go_release();
	return NULL;
}

bool happen_busy(int fd, const struct endpoint *to, int cpu, int thief)
{
	__u64 before = lanes_info(fd).accepted_stolen;
	struct second second = { .to = to, .cpu = cpu };
	pthread_t thread;
	int first;

	hold_release_prepare();
	ASSERT_EQ(pthread_create(&thread, NULL, dial_second, &second), 0);
	first = dial_forsaken(fd, to, cpu, thief);
	hold_release();
	take(fd, first);
	pthread_join(thread, NULL);
	MUST(second.client);
	spilled(fd, second.client);
	return lanes_info(fd).accepted_stolen > before;
}

void happen_late(int fd, const struct endpoint *to, int cpu)
{
	set_spill_ms(fd, 40);
	claim_lane(fd, cpu);
	spilled(fd, MUST(dial(to)));
	set_spill_ms(fd, PATIENT_MS);
}

void happen_left(int fd, const struct endpoint *to, int cpu)
{
	int client;

	claim_lane(fd, cpu);
	client = MUST(dial(to));
	unpin();
	spilled(fd, client);
}

/* The port of one that is in TIME_WAIT; the caller has claimed the lane. */
static int port_left(int fd, const struct endpoint *to, int cpu)
{
	int port = 20000 + cpu, client, child;
	char byte;

	claim_lane(fd, cpu);
	client = MUST(dial_from_port(to, port));
	child = MUST(accept_within(fd, 1000));
	close(child);
	CHECK_EQ(recv(client, &byte, 1, 0), 0);
	close(client);
	/* The next one needs a later time stamp. */
	sleep_ms(slow_ms(20));
	return port;
}

void happen_pulled(int fd, const struct endpoint *to, int cpu)
{
	int port = port_left(fd, to, cpu);

	take(fd, MUST(dial_from_port(to, port)));
}

struct locker {
	int fd;
	int cpu;
};

static void *lock_top(void *arg)
{
	struct locker *locker = arg;
	int off = 0;

	pin(locker->cpu);
	hold_release();
	CHECK_EQ(setsockopt(locker->fd, SOL_SOCKET, SO_KEEPALIVE, &off,
			    sizeof(off)), 0);
	return NULL;
}

void happen_missed(int fd, const struct endpoint *to, int cpu)
{
	struct locker locker = { .fd = fd, .cpu = (cpu + 1) % nr_cpus() };
	int port, client;
	pthread_t thread;

	hold_release_prepare();
	port = port_left(fd, to, cpu);
	ASSERT_EQ(pthread_create(&thread, NULL, lock_top, &locker), 0);
	CHECK(WITHIN(5000, release_held()));
	client = MUST(dial_from_port(to, port));
	let_go_release();
	pthread_join(thread, NULL);
	take(fd, client);
}

static int dial_nowait(const struct endpoint *to)
{
	int client = MUST(socket(to->addr.ss_family, SOCK_STREAM |
				 SOCK_NONBLOCK | SOCK_CLOEXEC, 0));

	CHECK_ERRNO(connect(client, (struct sockaddr *)&to->addr, to->len),
		    EINPROGRESS);
	return client;
}

/* ksoftirqd may be late: take() would make room before. */
static void refused_since(const struct stats *before)
{
	ASSERT(WITHIN(2000, stat_grown(before, OVERFLOW)));
}

void happen_overflow(int fd, const struct endpoint *to)
{
	struct stats before = stats_read();
	int first = MUST(dial(to)), second;

	ASSERT_EQ(queued_within(fd, 1, 1000), 1);
	second = dial_nowait(to);
	refused_since(&before);
	hang_up(second);
	take(fd, first);
}

int listen_deferring(struct endpoint *to)
{
	int fd = bound_socket(V4, to), defer_s = 10;

	MUST(setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &defer_s,
			sizeof(defer_s)));
	MUST(listen(fd, 0));
	MUST(lanes_attach(fd));
	return fd;
}

void happen_overflow_ack(int fd, const struct endpoint *to)
{
	struct stats before = stats_read();
	int first = MUST(dial(to)), second = MUST(dial(to));

	MUST(send(first, "x", 1, 0));
	ASSERT_EQ(queued_within(fd, 1, 1000), 1);
	MUST(send(second, "x", 1, 0));
	refused_since(&before);
	hang_up(second);
	take(fd, first);
}

void happen_other(int fd, const struct endpoint *to)
{
	struct endpoint other = *to;
	int client;

	(void)fd;
	((struct sockaddr_in *)&other.addr)->sin_addr.s_addr =
		htonl(INADDR_LOOPBACK + 1);
	client = dial(&other);
	ASSERT_EQ(client, -1);
	ASSERT_EQ(errno, ECONNREFUSED);
}

void happen_guarded(int fd, const struct endpoint *to)
{
	struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, ~0U);
	struct sock_fprog prog = { .len = 1, .filter = &all };

	MUST(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)));
	take(fd, MUST(dial(to)));
	MUST(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &prog, sizeof(prog)));
}

void happen_fast_open(int fd, const struct endpoint *to)
{
	int queue = 8, client;

	write_sysctl("net.ipv4.tcp_fastopen", "3");
	MUST(setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &queue, sizeof(queue)));
	client = MUST(socket(to->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
	MUST(sendto(client, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&to->addr,
		    to->len));
	take(fd, client);
}

void happen_assigned(int fd, const struct endpoint *to)
{
	struct endpoint there;
	int one = 1, client, child, other = bound_socket(V4, &there);
	char command[300];

	(void)fd;
	MUST(setsockopt(other, SOL_IP, IP_TRANSPARENT, &one, sizeof(one)));
	MUST(listen(other, 8));
	snprintf(command, sizeof(command),
		 "nft 'table ip assign { chain c { type filter hook prerouting priority mangle; tcp dport %d tproxy to 127.0.0.1:%d; }; }' 2>&1",
		 port_of(to), port_of(&there));
	if (system(command))
		SKIP("this kernel has no nft_tproxy");
	client = MUST(dial(to));
	child = MUST(accept_within(other, 1000));
	CHECK(same_socket(client, child));
	hang_up(client);
	close(child);
	close(other);
	CHECK_EQ(system("nft delete table ip assign"), 0);
}
