// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/net/lanes_stat: every counter of the accept path counts what it says,
 * and nothing else.
 */
#define _GNU_SOURCE
#include "observe.h"

#include <unistd.h>

#include "stat.h"

/* Counters of packets, which the accept path is not about. */
static bool of_packets(enum counter which)
{
	return which >= STEER_LOCAL;
}

/* Of the accept path, @wanted has grown, and nothing else. */
static void grown_by(const struct stats *before, const struct stats *wanted)
{
	struct stats grown = stats_since(before);

	stats_diag("grown", &grown);
	for (int i = 0; i < NR_STATS; i++)
		if (!of_packets(i) &&
		    !CHECK_EQ(grown.of[i], wanted->of[i]))
			harness_diag("counter %d", i);
}

#define GROWN(before, ...)						\
	grown_by(before, &(const struct stats){ .of = { __VA_ARGS__ } })

static struct stats start(void)
{
	need_lanes();
	need_cpus(4);
	fresh_netns();
	return stats_read();
}

TEST(stat__attach_detach)
{
	struct stats before = start();
	struct endpoint to;
	int fd = listen_lanes(V4, 8, &to);

	GROWN(&before, [ATTACHED] = 1);
	CHECK_ERRNO(lanes_attach(fd), EEXIST);
	MUST(lanes_detach(fd));
	GROWN(&before, [ATTACHED] = 1, [DETACHED] = 1);
	MUST(lanes_attach(fd));
	close(fd);
	GROWN(&before, [ATTACHED] = 2, [DETACHED] = 2);
}

static void stat_local(enum family family)
{
	struct stats before;
	struct endpoint to;
	int fd;

	start();
	fd = listen_patient(family, 8, &to);
	before = stats_read();
	happen_local(fd, &to, 1);
	GROWN(&before, [ENQUEUED_LOCAL] = 1, [ACCEPTED_LOCAL] = 1);
	close(fd);
	/* Not with their listener. */
	GROWN(&before, [ENQUEUED_LOCAL] = 1, [ACCEPTED_LOCAL] = 1,
	      [DETACHED] = 1);
}

TEST(stat__local_ipv4)
{
	stat_local(V4);
}

TEST(stat__local_ipv6)
{
	stat_local(V6);
}

TEST(stat__global)
{
	struct stats before;
	struct endpoint to;
	int fd;

	start();
	fd = listen_patient(V4, 8, &to);
	before = stats_read();
	happen_global(fd, &to, 1, 2);
	GROWN(&before, [ENQUEUED_GLOBAL] = 1, [ACCEPTED_GLOBAL] = 1);
}

/* The lane's timer may be faster at times; then it is another story. */
TEST(stat__stolen)
{
	struct stats before;
	struct endpoint to;
	int fd, tries = 0;

	start();
	fd = listen_patient(V4, 8, &to);
	do {
		before = stats_read();
		ASSERT_OP(tries++, <, 20);
	} while (!happen_stolen(fd, &to, 1, 2));
	GROWN(&before, [ENQUEUED_LOCAL] = 1, [ACCEPTED_STOLEN] = 1);
}

TEST(stat__spilled)
{
	struct stats before;
	struct endpoint to;
	int fd;

	start();
	fd = listen_patient(V4, 8, &to);
	before = stats_read();
	happen_late(fd, &to, 1);
	GROWN(&before, [ENQUEUED_LOCAL] = 1, [SPILLED] = 1,
	      [ACCEPTED_GLOBAL] = 1);
	happen_left(fd, &to, 2);
	GROWN(&before, [ENQUEUED_LOCAL] = 2, [SPILLED] = 2,
	      [ACCEPTED_GLOBAL] = 2);
}

TEST(stat__pulled_down)
{
	struct stats before;
	struct endpoint to;
	int fd;

	start();
	fd = listen_patient(V4, 8, &to);
	before = stats_read();
	happen_pulled(fd, &to, 1);
	GROWN(&before, [ENQUEUED_LOCAL] = 2, [ACCEPTED_LOCAL] = 2,
	      [PULLED_DOWN] = 1, [FALLBACK_TIME_WAIT] = 1);
}

TEST(stat__overflow_syn)
{
	struct stats before;
	struct endpoint to;
	int fd;

	start();
	write_sysctl("net.ipv4.tcp_syncookies", "0");
	fd = listen_patient(V4, 0, &to);
	before = stats_read();
	happen_overflow(fd, &to);
	GROWN(&before, [ENQUEUED_GLOBAL] = 1, [ACCEPTED_GLOBAL] = 1,
	      [OVERFLOW] = 1);
}

TEST(stat__overflow_ack)
{
	struct stats before;
	struct endpoint to;
	int fd;

	start();
	fd = listen_deferring(&to);
	before = stats_read();
	happen_overflow_ack(fd, &to);
	GROWN(&before, [ENQUEUED_GLOBAL] = 1, [ACCEPTED_GLOBAL] = 1,
	      [OVERFLOW] = 1);
}

static void stat_cookie(enum family family)
{
	struct stats before;
	struct endpoint to;
	int fd;

	start();
	write_sysctl("net.ipv4.tcp_syncookies", "2");
	fd = listen_patient(family, 8, &to);
	before = stats_read();
	happen_local(fd, &to, 1);
	GROWN(&before, [ENQUEUED_LOCAL] = 1, [ACCEPTED_LOCAL] = 1,
	      [COOKIE_ACCEPTED] = 1);
}

TEST(stat__cookie_ipv4)
{
	stat_cookie(V4);
}

TEST(stat__cookie_ipv6)
{
	stat_cookie(V6);
}

static void stat_fallback(void (*happen)(int fd, const struct endpoint *to),
			  const struct stats *wanted)
{
	struct stats before;
	struct endpoint to;
	int fd;

	start();
	fd = listen_patient(V4, 8, &to);
	before = stats_read();
	happen(fd, &to);
	grown_by(&before, wanted);
}

#define FALLBACK(happen, ...)						\
	stat_fallback(happen, &(const struct stats){ .of = { __VA_ARGS__ } })

TEST(stat__fallback_other)
{
	FALLBACK(happen_other, [FALLBACK_OTHER] = 1);
}

TEST(stat__fallback_guarded)
{
	FALLBACK(happen_guarded, [FALLBACK_GUARDED] = 1, [ENQUEUED_GLOBAL] = 1,
		 [ACCEPTED_GLOBAL] = 1);
}

TEST(stat__fallback_fast_open)
{
	FALLBACK(happen_fast_open, [FALLBACK_FAST_OPEN] = 1,
		 [ENQUEUED_GLOBAL] = 1, [ACCEPTED_GLOBAL] = 1);
}

TEST(stat__fallback_assigned)
{
	FALLBACK(happen_assigned, [FALLBACK_ASSIGNED] = 1);
}
