// SPDX-License-Identifier: GPL-2.0-only
/*
 * No connection waits longer than spill_ms for an acceptor that does not come
 * while any other acceptor is willing.
 */
#define _GNU_SOURCE
#include "serve.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOTAL 48
#define WINDOW 4
/* The CPU whose worker gets stuck. */
#define STUCK_CPU 1

static void stop(struct worker *w)
{
	MUST(kill(w->pid, SIGSTOP));
	/* It is stopped once it gets to handle the signal. */
	MUST(waitpid(w->pid, NULL, WUNTRACED));
}

static void kill_it(struct worker *w)
{
	MUST(kill(w->pid, SIGKILL));
	MUST(waitpid(w->pid, NULL, 0));
}

static void serve_its_limit(struct worker *w, enum stuck stuck,
			    const struct endpoint *to)
{
	struct client c = { .to = to, .cpu = w->cpu };

	w->stuck = stuck;
	w->limit = w->served + 1;
	/* Another worker may be faster: until it was this one's turn. */
	for (int tries = 0; w->served < w->limit && tries < 200; tries++) {
		c.count = 1;
		clients_run(&c, 1);
	}
	if (plain() && w->served < w->limit)
		SKIP("a stock socket never chose this worker");
	ASSERT_EQ(w->served, w->limit);
}

static void move(struct worker *w)
{
	pin_task(w->pid, 0);
}

static void unbind(struct worker *w)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int cpu = 0; cpu < nr_cpus(); cpu++)
		CPU_SET(cpu, &set);
	MUST(sched_setaffinity(w->pid, sizeof(set), &set));
}

/**
 * struct setting - one case
 * @name: of what happens to the worker on STUCK_CPU
 * @happen: does it from outside
 * @stuck: or it does it itself
 * @mode: how all workers wait
 */
struct setting {
	const char *name;
	void (*happen)(struct worker *w);
	enum stuck stuck;
	enum serve_mode mode;
};

static const struct setting happenings[] = {
	{ .name = "stopped", .happen = stop },
	{ .name = "killed", .happen = kill_it },
	{ .name = "spinning", .stuck = STUCK_SPINNING },
	{ .name = "sleeping_elsewhere", .stuck = STUCK_SLEEPING },
	{ .name = "moved", .happen = move },
	{ .name = "unbound", .happen = unbind },
};

static void expect_all_served(const struct endpoint *to, int fd, int total)
{
	/* At least a window for each client, also on the debug kernel. */
	int least = nr_cpus() * WINDOW;
	struct client sum = clients_per_cpu(to, total > least ? total : least,
					    WINDOW, 0);

	harness_diag("%d of %d served, worst wait %.1f ms", sum.served,
		     sum.count, sum.worst_ms);
	CHECK_EQ(sum.served, sum.count);
	CHECK_OP(sum.worst_ms, <, SPILL_MS + slow_ms(SLACK_MS));
	if (!plain())
		CHECK_EQ(lanes_info(fd).queued, 0);
}

static void one_stuck(const void *arg)
{
	const struct setting *s = arg;
	struct worker *workers, *w;
	struct endpoint to;
	int fd;

	need_cpus(2);
	if (plain() && s->mode == SERVE_URING)
		SKIP("a stock socket gives a wake-up to a stuck ring");
	fd = listen_lanes(V4, 128, &to);
	workers = workers_per_cpu(fd, s->mode);
	w = &workers[STUCK_CPU];
	workers_start(workers, nr_cpus(), true);
	workers_settle(workers, nr_cpus());
	if (s->happen)
		s->happen(w);
	else
		serve_its_limit(w, s->stuck, &to);
	expect_all_served(&to, fd, scaled(TOTAL));
}

/* Connections already lie in the lane of a worker when it dies or stops. */
static void queued_behind(const void *arg)
{
	const struct setting *s = arg;
	struct worker *workers;
	struct endpoint to;
	int fd, clients[4];

	need_cpus(2);
	need_lanes();
	fd = listen_lanes(V4, 128, &to);
	set_spill_ms(fd, slow_ms(300));
	workers = workers_per_cpu(fd, s->mode);
	workers_start(workers, nr_cpus(), true);
	workers_settle(workers, nr_cpus());
	serve_its_limit(&workers[STUCK_CPU], STUCK_SLEEPING, &to);
	for (int i = 0; i < 4; i++)
		clients[i] = dial_on(STUCK_CPU, &to);
	CHECK_OP(lane_info(fd, STUCK_CPU).queued, >, 0);
	s->happen(&workers[STUCK_CPU]);
	for (int i = 0; i < 4; i++) {
		struct reply reply;
		double start_ms = now_ms();

		CHECK_EQ(recv(clients[i], &reply, sizeof(reply), MSG_WAITALL),
			 sizeof(reply));
		CHECK_OP(now_ms() - start_ms, <, slow_ms(300 + SLACK_MS));
		hang_up(clients[i]);
	}
}

/* The only acceptor is bound to CPU 0, or to none; clients are everywhere. */
static void only_one(const void *arg)
{
	const struct setting *s = arg;
	struct worker *w = workers_alloc(1);
	struct endpoint to;
	int fd = listen_lanes(V4, 128, &to);

	*w = (struct worker){ .listen_fd = fd, .mode = s->mode,
			      .cpu = s->happen ? -1 : 0 };
	workers_start(w, 1, true);
	workers_settle(w, 1);
	expect_all_served(&to, fd, scaled(TOTAL * 4));
	CHECK_OP(w->served, >=, scaled(TOTAL * 4));
}

/* All bound workers are stuck; one unbound acceptor is left. */
static void unbound_left(const void *arg)
{
	const struct setting *s = arg;
	struct worker *workers = workers_alloc(nr_cpus() + 1);
	int fd, nr = nr_cpus();
	struct endpoint to;

	if (plain() && s->mode == SERVE_URING)
		SKIP("a stock socket gives a wake-up to a stuck ring");
	fd = listen_lanes(V4, 128, &to);
	for (int cpu = 0; cpu < nr; cpu++)
		workers[cpu] = (struct worker){ .listen_fd = fd, .cpu = cpu,
						.mode = s->mode };
	workers[nr] = (struct worker){ .listen_fd = fd, .cpu = -1,
				       .mode = s->mode };
	workers_start(workers, nr + 1, true);
	workers_settle(workers, nr + 1);
	for (int cpu = 0; cpu < nr; cpu++)
		serve_its_limit(&workers[cpu], STUCK_SLEEPING, &to);
	expect_all_served(&to, fd, scaled(TOTAL));
}

/* Nobody is there; later one comes that does not wait, then takes them all. */
TEST(starve__late_nonblocking)
{
	struct worker *workers;
	struct endpoint to;
	int fd, nr = nr_cpus(), clients[16], taken = 0;
	double since_ms;

	fd = listen_lanes(V4, 128, &to);
	workers = workers_per_cpu(fd, SERVE_EPOLL_LT);
	workers_start(workers, nr, true);
	workers_settle(workers, nr);
	for (int cpu = 0; cpu < nr; cpu++)
		serve_its_limit(&workers[cpu], STUCK_SLEEPING, &to);
	for (int i = 0; i < 16; i++)
		clients[i] = dial_on(i % nr, &to);
	since_ms = now_ms();
	while (taken < 16 && now_ms() - since_ms < SPILL_MS + slow_ms(SLACK_MS)) {
		int child = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (child < 0) {
			ASSERT_EQ(errno, EAGAIN);
			sleep_ms(1);
			continue;
		}
		taken++;
		close(child);
	}
	CHECK_EQ(taken, 16);
	for (int i = 0; i < 16; i++)
		hang_up(clients[i]);
}

/* A living but busy owner keeps its connections for spill_ms, not longer. */
TEST(spill_ms__bounds_the_wait)
{
	__u32 limits_ms[] = { 20, 400 };

	need_lanes();
	need_cpus(2);
	for (int i = 0; i < 2; i++) {
		struct worker *workers;
		struct client c = { .cpu = STUCK_CPU, .count = 3 };
		struct endpoint to;
		int fd = listen_lanes(V4, 128, &to);
		__u64 stolen;

		set_spill_ms(fd, limits_ms[i]);
		workers = workers_per_cpu(fd, SERVE_EPOLL_LT);
		workers_start(workers, nr_cpus(), true);
		workers_settle(workers, nr_cpus());
		serve_its_limit(&workers[STUCK_CPU], STUCK_SLEEPING, &to);
		stolen = lanes_info(fd).accepted_stolen +
			 lanes_info(fd).accepted_global;
		c.to = &to;
		clients_run(&c, 1);
		harness_diag("spill_ms %u: worst wait %.1f ms", limits_ms[i],
			     c.worst_ms);
		CHECK_EQ(c.served, 3);
		CHECK_OP(c.worst_ms, <, limits_ms[i] + slow_ms(SLACK_MS));
		if (limits_ms[i] > 100)
			CHECK_OP(c.worst_ms, >, limits_ms[i] * 0.75);
		CHECK_EQ(lanes_info(fd).accepted_stolen +
			 lanes_info(fd).accepted_global, stolen + 3);
		CHECK_OP(lanes_info(fd).spilled, >, 0);
	}
}

static void add(void (*run)(const void *), const struct setting *s,
		enum serve_mode mode, const char *promise, const char *name)
{
	struct harness_case *c = calloc(1, sizeof(*c));
	struct setting *copy = calloc(1, sizeof(*copy));
	char *full;

	if (!c || !copy || asprintf(&full, "starve__%s_%s%s%s", promise,
				    name, *name ? "_" : "",
				    serve_mode_name[mode]) < 0)
		abort();
	if (s)
		*copy = *s;
	copy->mode = mode;
	*c = (struct harness_case){ .name = full, .run = run, .arg = copy,
				    .timeout_s = HARNESS_TIMEOUT_S };
	harness_add(c);
}

__attribute__((constructor)) static void add_all(void)
{
	const struct setting unbound = { .happen = unbind };

	for (enum serve_mode mode = 0; mode < NR_SERVE_MODES; mode++) {
		for (int i = 0; i < 6; i++)
			add(one_stuck, &happenings[i], mode, "worker",
			    happenings[i].name);
		add(only_one, NULL, mode, "only", "cpu0");
		add(only_one, &unbound, mode, "only", "unbound");
		add(unbound_left, NULL, mode, "unbound_left", "");
	}
	for (int i = 0; i < 2; i++) {
		add(queued_behind, &happenings[i], SERVE_BLOCKING, "queued",
		    happenings[i].name);
		add(queued_behind, &happenings[i], SERVE_EPOLL_ET, "queued",
		    happenings[i].name);
		add(queued_behind, &happenings[i], SERVE_EPOLL_EXCLUSIVE,
		    "queued", happenings[i].name);
	}
}
