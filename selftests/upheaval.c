// SPDX-License-Identifier: GPL-2.0-only
/*
 * Flows whose clients move between CPUs lose nothing while the modes, the
 * listener, the network namespace or the CPUs change under them.
 */
#define _GNU_SOURCE
#include "roam.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "module.h"
#include "stat.h"

static int listen_served(enum family family, struct endpoint *to)
{
	int fd;

	need_cpus(2);
	fresh_netns();
	fd = listen_lanes(family, 512, to);
	servers_start(fd);
	return fd;
}

static void loads_begin(struct load *loads, int nr, const struct endpoint *to)
{
	for (int i = 0; i < nr; i++)
		loads[i] = (struct load){ .to = to, .cpu = i % nr_cpus(),
					  .burst = 10 };
	loads_start(loads, nr);
	for (int i = 0; i < nr; i++)
		ASSERT(WITHIN(5000, loads[i].answers));
}

/* Every message has been answered for; the answers were checked. */
static void loads_end(struct load *loads, int nr, const char *what, int times)
{
	struct load sum = loads_finish(loads, nr);

	harness_diag("%d times %s, %d answers, %u of %u messages local", times,
		     what, sum.answers, sum.local, sum.messages);
	CHECK_EQ(sum.messages, sum.answers * 10);
}

TEST(upheaval__modes)
{
	static const int cache_entries[] = { 0, 1024, 16, 4096 };
	struct load loads[CPUS_MAX];
	struct endpoint to;
	double until_ms;
	int times = 0;

	listen_served(DUAL, &to);
	loads_begin(loads, nr_cpus(), &to);
	until_ms = now_ms() + slow_ms(1500);
	while (now_ms() < until_ms) {
		lanes_sysctl("steer", (times + 1) % 3);
		sleep_ms(times % 5);
		lanes_sysctl("cache_entries", cache_entries[times % 4]);
		sleep_ms(times % 3);
		lanes_sysctl("steer_backlog", times % 2 ? 1 : 1000);
		times++;
	}
	loads_end(loads, nr_cpus(), "changed", times);
}

TEST(upheaval__attach_detach)
{
	struct load loads[CPUS_MAX];
	struct endpoint to;
	double until_ms;
	int times = 0, fd = listen_served(V4, &to);

	loads_begin(loads, nr_cpus(), &to);
	until_ms = now_ms() + slow_ms(1500);
	while (now_ms() < until_ms) {
		MUST(lanes_detach(fd));
		sleep_ms(times % 7);
		MUST(lanes_attach(fd));
		sleep_ms(times % 5);
		times++;
	}
	loads_end(loads, nr_cpus(), "detached and attached", times);
}

/* Others attach and go while one listener keeps the namespace hooked. */
TEST(upheaval__other_listeners)
{
	struct load loads[CPUS_MAX];
	struct endpoint to, other;
	double until_ms;
	int times = 0;

	listen_served(V6, &to);
	loads_begin(loads, nr_cpus(), &to);
	until_ms = now_ms() + slow_ms(1000);
	while (now_ms() < until_ms) {
		close(listen_lanes(times++ % 2 ? V4 : DUAL, 8, &other));
		sleep_ms(times % 5);
	}
	loads_end(loads, nr_cpus(), "another listener", times);
}

/* In a process of its own each, whose servers outlive the listener. */
TEST(upheaval__close)
{
	for (int i = 0; i < scaled(10); i++) {
		pid_t pid = MUST(fork());
		int status;

		if (!pid) {
			struct load loads[CPUS_MAX];
			struct endpoint to;
			int fd = listen_served(i % 2 ? V6 : V4, &to);

			loads_begin(loads, nr_cpus(), &to);
			if (i % 4 > 1)
				MUST(shutdown(fd, SHUT_RDWR));
			close(fd);
			sleep_ms(slow_ms(30));
			loads_end(loads, nr_cpus(), "closed", 1);
			_exit(0);
		}
		MUST(waitpid(pid, &status, 0));
		CHECK_EQ(status, 0);
	}
	if (!plain())
		CHECK(WITHIN(5000, module_references() == 0));
}

/* Killed in the middle: what it leaves behind is for the runner to find. */
TEST(upheaval__netns)
{
	for (int i = 0; i < scaled(10); i++) {
		int ready[2];
		pid_t pid;
		char byte;

		MUST(pipe(ready));
		pid = MUST(fork());
		if (!pid) {
			struct load loads[CPUS_MAX];
			struct endpoint to;

			listen_served(i % 2 ? DUAL : V6, &to);
			loads_begin(loads, nr_cpus(), &to);
			MUST(write(ready[1], "", 1));
			for (;;)
				pause();
		}
		close(ready[1]);
		ASSERT_EQ(read(ready[0], &byte, 1), 1);
		close(ready[0]);
		MUST(kill(pid, SIGKILL));
		MUST(waitpid(pid, NULL, 0));
	}
	if (!plain())
		CHECK(WITHIN(5000, module_references() == 0));
}

/* What connected in its time goes on without the module, and with it again. */
TEST(upheaval__unload)
{
	struct load loads[CPUS_MAX];
	struct endpoint to;
	int fd;

	need_lanes();
	fd = listen_served(V4, &to);
	loads_begin(loads, nr_cpus(), &to);
	for (int i = 0; i < scaled(5); i++) {
		/* Not closed: the servers' epolls let go at once. */
		MUST(lanes_detach(fd));
		ASSERT(WITHIN(5000, module_unload() == 0));
		sleep_ms(10);
		module_load();
		MUST(lanes_attach(fd));
		sleep_ms(10);
	}
	loads_end(loads, nr_cpus(), "unloaded", scaled(5));
}

static void cpu_path(char *path, size_t size, int cpu)
{
	snprintf(path, size, "/sys/devices/system/cpu/cpu%d/online", cpu);
}

static int set_online(int cpu, bool online)
{
	char path[80];
	int fd, err;

	cpu_path(path, sizeof(path), cpu);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	err = write(fd, online ? "1" : "0", 1) == 1 ? 0 : -1;
	close(fd);
	return err;
}

/* A process that outlives the case, however that ends, and puts @cpu back. */
static void online_at_end(int cpu)
{
	int alive[2];
	char byte;

	MUST(pipe(alive));
	if (MUST(fork())) {
		close(alive[0]);
		return;
	}
	/* Not in the group that is killed. */
	setpgid(0, 0);
	close(alive[1]);
	while (read(alive[0], &byte, 1) > 0)
		;
	set_online(cpu, true);
	_exit(0);
}

/* The owner of flows goes, comes again, and goes. */
TEST(upheaval__cpu_offline)
{
	struct load loads[CPUS_MAX];
	struct stats before, grown;
	int cpu = nr_cpus() - 1;
	struct endpoint to;
	char path[80];

	need_cpus(3);
	cpu_path(path, sizeof(path), cpu);
	if (access(path, W_OK))
		SKIP("%s: %s", path, strerror(errno));
	listen_served(V4, &to);
	before = stats_read();
	/* Of as many flows some belong to that CPU. */
	loads_begin(loads, 4 * nr_cpus() < CPUS_MAX ? 4 * nr_cpus() : CPUS_MAX,
		    &to);
	online_at_end(cpu);
	for (int i = 0; i < scaled(4); i++) {
		if (set_online(cpu, false))
			SKIP("CPU %d offline: %s", cpu, strerror(errno));
		sleep_ms(slow_ms(100));
		MUST(set_online(cpu, true));
		sleep_ms(slow_ms(100));
	}
	loads_end(loads,
		  4 * nr_cpus() < CPUS_MAX ? 4 * nr_cpus() : CPUS_MAX,
		  "offline and online", scaled(4));
	grown = stats_since(&before);
	stats_diag("CPU offline", &grown);
	if (!plain())
		CHECK_OP(grown.of[STEER_OFFLINE], >, 0);
}
