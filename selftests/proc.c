// SPDX-License-Identifier: GPL-2.0-only
/* /proc/net/lanes: a line for each listener and CPU, and what is in it. */
#define _GNU_SOURCE
#include "observe.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static void start(void)
{
	need_lanes();
	need_cpus(4);
	fresh_netns();
}

/* An accept counts where the acceptor ran, whatever the lane. */
TEST(lanes__line_of_the_acceptor)
{
	struct lane_line line;
	struct endpoint to;
	int fd, stolen = 0;

	start();
	fd = listen_patient(V4, 8, &to);
	happen_local(fd, &to, 0);
	happen_local(fd, &to, 0);
	happen_global(fd, &to, 3, 1);
	for (int tries = 0; tries < 20 && !stolen; tries++)
		stolen = happen_stolen(fd, &to, 0, 2);
	CHECK_EQ(stolen, 1);
	line = lane_line(fd, 0);
	CHECK_EQ(line.local, 2);
	CHECK_EQ(line.global, 0);
	CHECK_EQ(line.stolen, 0);
	line = lane_line(fd, 1);
	CHECK_EQ(line.local, 0);
	CHECK_EQ(line.global, 1);
	line = lane_line(fd, 2);
	CHECK_EQ(line.local, 0);
	CHECK_EQ(line.stolen, 1);
	line = lane_line(fd, 3);
	CHECK_EQ(line.local + line.global + line.stolen, 0);
}

TEST(lanes__line_of_the_lane)
{
	struct lane_line line;
	struct endpoint to;
	int fd;

	start();
	write_sysctl("net.ipv4.tcp_syncookies", "0");
	fd = listen_patient(V4, 0, &to);
	happen_late(fd, &to, 1);
	happen_pulled(fd, &to, 2);
	pin(3);
	happen_overflow(fd, &to);
	for (int cpu = 0; cpu < 4; cpu++) {
		line = lane_line(fd, cpu);
		CHECK_EQ(line.spilled, cpu == 1);
		CHECK_EQ(line.pulled_down, cpu == 2);
		CHECK_EQ(line.overflow, cpu == 3);
	}
}

TEST(lanes__queued_and_claimed)
{
	struct endpoint to;
	int fd, client;

	start();
	fd = listen_patient(V4, 8, &to);
	CHECK_EQ(lane_line(fd, 1).claimed, 0);
	claim_lane(fd, 1);
	CHECK_EQ(lane_line(fd, 1).claimed, 1);
	CHECK_EQ(lane_line(fd, 2).claimed, 0);
	client = MUST(dial(&to));
	CHECK_EQ(lane_line(fd, 1).queued, 1);
	CHECK_EQ(lane_line(fd, 2).queued, 0);
	close(MUST(accept_within(fd, 1000)));
	CHECK_EQ(lane_line(fd, 1).queued, 0);
	hang_up(client);
}

static int slot_of(double ms)
{
	long us = ms * 1000;
	int slot = 0;

	for (; us > 0 && slot < WAIT_SLOTS - 1; us >>= 1)
		slot++;
	return slot;
}

/* The slot is one that the wait, as seen from outside, allows. */
TEST(lanes__wait)
{
	static const int waits_ms[] = { 0, 20, 200 };
	struct endpoint to;
	int fd;

	start();
	fd = listen_patient(V4, 8, &to);
	claim_lane(fd, 1);
	for (int i = 0; i < 3; i++) {
		double dialled_ms, queued_ms, asked_ms, accepted_ms;
		struct lane_line before = lane_line(fd, 1), after;
		int client, grown = 0, slot = -1;

		dialled_ms = now_ms();
		client = MUST(dial(&to));
		queued_ms = now_ms();
		sleep_ms(waits_ms[i]);
		asked_ms = now_ms();
		close(MUST(accept_within(fd, 1000)));
		accepted_ms = now_ms();
		after = lane_line(fd, 1);
		for (int j = 0; j < WAIT_SLOTS; j++) {
			grown += after.wait_us[j] - before.wait_us[j];
			if (after.wait_us[j] > before.wait_us[j])
				slot = j;
		}
		CHECK_EQ(grown, 1);
		harness_diag("waited %.3f to %.3f ms: slot %d",
			     asked_ms - queued_ms, accepted_ms - dialled_ms,
			     slot);
		CHECK_OP(slot, >=, slot_of(asked_ms - queued_ms));
		CHECK_OP(slot, <=, slot_of(accepted_ms - dialled_ms));
		CHECK_OP((after.wait_sum_us - before.wait_sum_us + 1) / 1000., >=,
			 asked_ms - queued_ms);
		CHECK_OP((after.wait_sum_us - before.wait_sum_us) / 1000., <=,
			 accepted_ms - dialled_ms);
		hang_up(client);
	}
}

/* Also of a connection that has data, and of one that was spilled. */
TEST(lanes__wait_from_the_handshake)
{
	struct endpoint to;
	int fd, client, slot = 0;

	start();
	fd = listen_patient(V4, 8, &to);
	set_spill_ms(fd, 40);
	claim_lane(fd, 1);
	client = MUST(dial(&to));
	CHECK(WITHIN(2000, lane_line(fd, 1).spilled == 1));
	sleep_ms(100);
	MUST(send(client, "x", 1, 0));
	close(MUST(accept_within(fd, 1000)));
	for (int i = 0; i < WAIT_SLOTS; i++)
		if (lane_line(fd, 1).wait_us[i])
			slot = i;
	CHECK_OP(slot, >=, slot_of(100));
	hang_up(client);
}

TEST(lanes__addresses)
{
	static const char *const wanted[] = { "127.0.0.1:%d", "[::1]:%d",
					      "[::]:%d" };

	start();
	for (enum family family = V4; family <= DUAL; family++) {
		struct endpoint to;
		int fd = listen_lanes(family, 8, &to);
		char address[64];

		snprintf(address, sizeof(address), wanted[family],
			 port_of(&to));
		for (int cpu = 0; cpu < nr_cpus(); cpu++)
			if (!CHECK(!strcmp(lane_line(fd, cpu).address, address)))
				harness_diag("%s", lane_line(fd, cpu).address);
		close(fd);
	}
}

/* In small pieces, so that each read begins in the middle. */
static int lines_of(int proc, long inode, int seen[CPUS_MAX])
{
	char text[16384], *line, *save, piece[100];
	struct lane_line parsed;
	int len = 0, nr = 0, got;

	memset(seen, 0, CPUS_MAX * sizeof(*seen));
	MUST(lseek(proc, 0, SEEK_SET));
	while ((got = MUST(read(proc, piece, sizeof(piece)))) > 0) {
		ASSERT_OP(len + got, <, sizeof(text));
		memcpy(text + len, piece, got);
		len += got;
	}
	text[len] = 0;
	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		if (lane_line_parse(line, &parsed) && parsed.inode == inode) {
			nr++;
			if (parsed.cpu < CPUS_MAX)
				seen[parsed.cpu]++;
		}
	return nr;
}

struct churn {
	bool stop;
	int rounds;
	pthread_t thread;
};

static void *churn(void *arg)
{
	struct churn *c = arg;

	while (!__atomic_load_n(&c->stop, __ATOMIC_RELAXED)) {
		struct endpoint to;
		int fd = listen_lanes(V6, 8, &to);

		if (c->rounds++ % 2)
			MUST(lanes_detach(fd));
		close(fd);
	}
	return NULL;
}

TEST(lanes__read_beside_attach_and_detach)
{
	int fds[3], proc, seen[CPUS_MAX], possible, reads = scaled(100);
	struct churn before = {}, after = {};
	struct endpoint to;

	start();
	for (int i = 0; i < 3; i++)
		fds[i] = listen_lanes(V4, 8, &to);
	proc = MUST(open("/proc/thread-self/net/lanes", O_RDONLY | O_CLOEXEC));
	possible = lines_of(proc, inode_of(fds[0]), seen);
	CHECK_OP(possible, >=, nr_cpus());
	ASSERT_EQ(pthread_create(&before.thread, NULL, churn, &before), 0);
	ASSERT_EQ(pthread_create(&after.thread, NULL, churn, &after), 0);
	for (int i = 0; i < reads || before.rounds + after.rounds < 10; i++)
		for (int j = 0; j < 3; j++) {
			CHECK_EQ(lines_of(proc, inode_of(fds[j]), seen),
				 possible);
			for (int cpu = 0; cpu < nr_cpus(); cpu++)
				CHECK_EQ(seen[cpu], 1);
			if (harness_has_failed())
				break;
		}
	before.stop = true;
	after.stop = true;
	pthread_join(before.thread, NULL);
	pthread_join(after.thread, NULL);
	harness_diag("%d and %d rounds", before.rounds, after.rounds);
}

/* An open file outlives its namespace's last process and listener. */
TEST(lanes__read_after_the_namespace)
{
	int proc, fd, seen[CPUS_MAX];
	struct endpoint to;
	long inode;

	start();
	fd = listen_lanes(V4, 8, &to);
	inode = inode_of(fd);
	proc = MUST(open("/proc/thread-self/net/lanes", O_RDONLY | O_CLOEXEC));
	fresh_netns();
	CHECK_OP(lines_of(proc, inode, seen), >=, nr_cpus());
	close(fd);
	CHECK_EQ(lines_of(proc, inode, seen), 0);
}
