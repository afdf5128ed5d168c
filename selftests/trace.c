// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each tracepoint tells what has happened to which connection, where and why,
 * and nothing is told twice.
 */
#define _GNU_SOURCE
#include "observe.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#define TRACING "/sys/kernel/tracing/"
#define EVENTS_MAX 32

/* What was recorded of one listener: "lanes_accept: local=...". */
struct events {
	int nr;
	char text[EVENTS_MAX][300];
};

static void tracing_write(const char *name, const char *value)
{
	char path[100];
	int fd;

	snprintf(path, sizeof(path), TRACING "%s", name);
	fd = MUST(open(path, O_WRONLY | O_TRUNC | O_CLOEXEC));
	MUST(write(fd, value, strlen(value)));
	close(fd);
}

static void trace_off(void)
{
	tracing_write("events/lanes/enable", "0");
}

/* From here on. */
static void trace_on(void)
{
	static bool on;

	if (!on)
		tracing_write("events/lanes/enable", "1");
	on = true;
	tracing_write("trace", " ");
}

static void start(void)
{
	need_lanes();
	need_cpus(4);
	if (access(TRACING "trace", F_OK))
		MUST(mount("tracefs", TRACING, "tracefs", 0, NULL));
	fresh_netns();
	atexit(trace_off);
}

/* Where an unbound client runs, and so whether packets are handed over, is
 * chance: that is only told if @steer.
 */
static struct events trace_read(const struct endpoint *to, bool steer)
{
	struct events e = {};
	char line[500], port[20];
	FILE *f = fopen(TRACING "trace", "re");

	ASSERT(f);
	snprintf(port, sizeof(port), ":%d", port_of(to));
	while (fgets(line, sizeof(line), f)) {
		char *text = strstr(line, ": lanes_"), *local, *space;

		if (line[0] == '#' || !text)
			continue;
		local = strstr(text, "local=");
		space = local ? strpbrk(local, " \n") : NULL;
		ASSERT(space);
		if (strncmp(space - strlen(port), port, strlen(port)))
			continue;
		if (!steer && !strncmp(text, ": lanes_steer:", 14))
			continue;
		ASSERT_OP(e.nr, <, EVENTS_MAX);
		line[strcspn(line, "\n")] = 0;
		snprintf(e.text[e.nr++], sizeof(e.text[0]), "%s", text + 2);
	}
	fclose(f);
	return e;
}

/* The events, in this order and no other: each begins with @wanted's. */
static void happened(const struct endpoint *to, const char *const *wanted)
{
	const char *first = wanted[0] ?: "";
	struct events e = trace_read(to, !strncmp(first, "lanes_steer:", 12));
	int i;

	for (i = 0; wanted[i]; i++) {
		const char *want = wanted[i], *got = e.text[i];

		if (i >= e.nr) {
			harness_failed(__FILE__, __LINE__, "missing: %s", want);
			continue;
		}
		/* "*" stands for a port. */
		for (; *want; want++) {
			if (*want == '*') {
				got += strspn(got, "0123456789");
				continue;
			}
			if (*got++ != *want)
				break;
		}
		if (*want)
			harness_failed(__FILE__, __LINE__,
				       "event %d: wanted %s", i, wanted[i]);
		harness_diag("%s", e.text[i]);
	}
	for (; i < e.nr; i++)
		harness_failed(__FILE__, __LINE__, "more: %s", e.text[i]);
}

#define HAPPENED(to, ...) \
	happened(to, (const char *const[]){ __VA_ARGS__, NULL })
#define IPV4 "local=127.0.0.1:* peer=127.0.0.1:* "
#define IPV6 "local=[::1]:* peer=[::1]:* "

TEST(trace__attach_detach)
{
	struct endpoint to;
	int fd;

	start();
	trace_on();
	fd = listen_lanes(V4, 8, &to);
	HAPPENED(&to, "lanes_attach: local=127.0.0.1:*");
	trace_on();
	MUST(lanes_detach(fd));
	HAPPENED(&to, "lanes_detach: local=127.0.0.1:* why=option");
	MUST(lanes_attach(fd));
	trace_on();
	MUST(shutdown(fd, SHUT_RD));
	HAPPENED(&to, "lanes_detach: local=127.0.0.1:* why=state");
	close(fd);
	fd = listen_lanes(V6, 8, &to);
	trace_on();
	close(fd);
	HAPPENED(&to, "lanes_detach: local=[::1]:* why=close");
}

TEST(trace__local_ipv4)
{
	struct endpoint to;
	int fd;

	start();
	fd = listen_patient(V4, 8, &to);
	trace_on();
	happen_local(fd, &to, 1);
	HAPPENED(&to, "lanes_enqueue: " IPV4 "lane=1 why=claimed waited_us=",
		 "lanes_accept: " IPV4 "from=local lane=1 cpu=1 rx_cpu=1 waited_us=");
}

TEST(trace__local_ipv6)
{
	struct endpoint to;
	int fd;

	start();
	fd = listen_patient(V6, 8, &to);
	trace_on();
	happen_local(fd, &to, 2);
	HAPPENED(&to, "lanes_enqueue: " IPV6 "lane=2 why=claimed waited_us=",
		 "lanes_accept: " IPV6 "from=local lane=2 cpu=2 rx_cpu=2 waited_us=");
}

TEST(trace__global)
{
	struct endpoint to;
	int fd;

	start();
	fd = listen_patient(V4, 8, &to);
	trace_on();
	happen_global(fd, &to, 1, 2);
	HAPPENED(&to, "lanes_enqueue: " IPV4 "lane=-1 why=unclaimed waited_us=",
		 "lanes_accept: " IPV4 "from=global lane=-1 cpu=2 rx_cpu=1 waited_us=");
}

/* Until lane 1's timer is not faster than the thief on CPU 2. */
static void trace_theft(bool (*happen)(int fd, const struct endpoint *to,
				       int cpu, int thief),
			struct endpoint *to)
{
	int fd, tries = 0;

	start();
	fd = listen_patient(V4, 8, to);
	do {
		trace_on();
		ASSERT_OP(tries++, <, 20);
	} while (!happen(fd, to, 1, 2));
}

TEST(trace__stolen)
{
	struct endpoint to;

	trace_theft(happen_stolen, &to);
	HAPPENED(&to, "lanes_enqueue: " IPV4 "lane=1 why=claimed waited_us=",
		 "lanes_accept: " IPV4 "from=stolen lane=1 cpu=2 rx_cpu=1 waited_us=");
}

TEST(trace__busy)
{
	const char *claimed = "lanes_enqueue: " IPV4 "lane=1 why=claimed waited_us=";
	const char *busy = "lanes_enqueue: " IPV4 "lane=1 why=busy waited_us=";
	const char *stolen = "lanes_accept: " IPV4 "from=stolen lane=1 cpu=2 rx_cpu=1 waited_us=";
	const char *left = "lanes_spill: " IPV4 "lane=1 why=left waited_us=";
	const char *global = "lanes_accept: " IPV4 "from=global lane=-1 cpu=";
	struct endpoint to;

	trace_theft(happen_busy, &to);
	/* The lane's timer and the thief, on his way out, are on two CPUs. */
	if (strstr(trace_read(&to, false).text[2], "lanes_spill"))
		HAPPENED(&to, claimed, busy, left, stolen, global);
	else
		HAPPENED(&to, claimed, busy, stolen, left, global);
}

TEST(trace__late)
{
	struct endpoint to;
	int fd;

	start();
	fd = listen_patient(V4, 8, &to);
	trace_on();
	happen_late(fd, &to, 1);
	HAPPENED(&to, "lanes_enqueue: " IPV4 "lane=1 why=claimed waited_us=",
		 "lanes_spill: " IPV4 "lane=1 why=late waited_us=",
		 "lanes_accept: " IPV4 "from=global lane=-1 cpu=1 rx_cpu=1 waited_us=");
}

TEST(trace__left)
{
	struct endpoint to;
	struct events e;
	int fd;

	start();
	fd = listen_patient(V6, 8, &to);
	trace_on();
	happen_left(fd, &to, 1);
	HAPPENED(&to, "lanes_enqueue: " IPV6 "lane=1 why=claimed waited_us=",
		 "lanes_spill: " IPV6 "lane=1 why=left waited_us=",
		 "lanes_accept: " IPV6 "from=global lane=-1 cpu=");
	/* From the handshake on, whatever the queue. */
	e = trace_read(&to, false);
	CHECK_OP(atol(strstr(e.text[2], "waited_us=") + 10), >=,
		 atol(strstr(e.text[1], "waited_us=") + 10));
}

TEST(trace__stalled)
{
	struct endpoint to;
	int fd, clients[2];

	start();
	fd = listen_patient(V4, 8, &to);
	set_spill_ms(fd, 40);
	claim_lane(fd, 1);
	clients[0] = MUST(dial(&to));
	/* Asleep elsewhere while it is late. */
	sleep_ms(slow_ms(200));
	ASSERT(lane_info(fd, 1).flags & LANES_LANE_STALLED);
	trace_on();
	clients[1] = MUST(dial(&to));
	HAPPENED(&to, "lanes_enqueue: " IPV4 "lane=-1 why=stalled waited_us=");
	hang_up(clients[0]);
	hang_up(clients[1]);
}

TEST(trace__pulled)
{
	struct endpoint to;
	int fd;

	start();
	fd = listen_patient(V4, 8, &to);
	trace_on();
	happen_pulled(fd, &to, 1);
	HAPPENED(&to, "lanes_enqueue: " IPV4 "lane=1 why=claimed waited_us=",
		 "lanes_accept: " IPV4 "from=local lane=1 cpu=1 rx_cpu=1 waited_us=",
		 "lanes_fallback: " IPV4 "why=time_wait",
		 "lanes_enqueue: " IPV4 "lane=1 why=pulled waited_us=",
		 "lanes_accept: " IPV4 "from=local lane=1 cpu=1 rx_cpu=1 waited_us=");
}

TEST(trace__missed)
{
	struct endpoint to;
	int fd;

	start();
	fd = listen_patient(V4, 8, &to);
	trace_on();
	happen_missed(fd, &to, 1);
	HAPPENED(&to, "lanes_enqueue: " IPV4 "lane=1 why=claimed waited_us=",
		 "lanes_accept: " IPV4 "from=local lane=1 cpu=1 rx_cpu=1 waited_us=",
		 "lanes_fallback: " IPV4 "why=time_wait",
		 "lanes_enqueue: " IPV4 "lane=-1 why=missed waited_us=",
		 "lanes_accept: " IPV4 "from=global lane=-1 cpu=1 rx_cpu=1 waited_us=");
}

/* What waits in a lane, and a handshake that a bottom half has begun. */
TEST(trace__detach)
{
	int fd, queued, half_open, defer_s = 10;
	struct endpoint to;

	start();
	fd = bound_socket(V4, &to);
	MUST(listen(fd, 8));
	MUST(lanes_attach(fd));
	set_spill_ms(fd, 20000);
	claim_lane(fd, 1);
	queued = MUST(dial(&to));
	MUST(setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &defer_s,
			sizeof(defer_s)));
	half_open = MUST(dial(&to));
	trace_on();
	MUST(lanes_detach(fd));
	MUST(send(half_open, "x", 1, 0));
	HAPPENED(&to, "lanes_detach: local=127.0.0.1:* why=option",
		 "lanes_spill: " IPV4 "lane=1 why=detach waited_us=",
		 "lanes_enqueue: " IPV4 "lane=-1 why=detach waited_us=");
	hang_up(queued);
	hang_up(half_open);
}

TEST(trace__overflow_syn)
{
	struct endpoint to;
	int fd;

	start();
	write_sysctl("net.ipv4.tcp_syncookies", "0");
	fd = listen_patient(V4, 0, &to);
	trace_on();
	pin(2);
	happen_overflow(fd, &to);
	HAPPENED(&to, "lanes_enqueue: " IPV4 "lane=-1 why=unclaimed waited_us=",
		 "lanes_overflow: " IPV4 "lane=2 backlog=0",
		 "lanes_accept: " IPV4 "from=global lane=-1 cpu=2 rx_cpu=2 waited_us=");
}

TEST(trace__overflow_ack)
{
	struct endpoint to;
	int fd;

	start();
	fd = listen_deferring(&to);
	trace_on();
	pin(3);
	happen_overflow_ack(fd, &to);
	HAPPENED(&to, "lanes_enqueue: " IPV4 "lane=-1 why=unclaimed waited_us=",
		 "lanes_overflow: " IPV4 "lane=3 backlog=0",
		 "lanes_accept: " IPV4 "from=global lane=-1 cpu=3 rx_cpu=3 waited_us=");
}

TEST(trace__fallback_other)
{
	struct endpoint to;
	int fd;

	start();
	fd = listen_patient(V4, 8, &to);
	trace_on();
	happen_other(fd, &to);
	HAPPENED(&to, "lanes_fallback: local=127.0.0.2:* peer=127.0.0.1:* why=other");
}

TEST(trace__fallback_guarded)
{
	struct endpoint to;
	int fd;

	start();
	fd = listen_patient(V6, 8, &to);
	trace_on();
	happen_guarded(fd, &to);
	HAPPENED(&to, "lanes_fallback: " IPV6 "why=guarded",
		 "lanes_enqueue: " IPV6 "lane=-1 why=unclaimed waited_us=",
		 "lanes_accept: " IPV6 "from=global lane=-1 cpu=");
}

TEST(trace__fallback_fast_open)
{
	struct endpoint to;
	int fd;

	start();
	fd = listen_patient(V4, 8, &to);
	trace_on();
	happen_fast_open(fd, &to);
	HAPPENED(&to, "lanes_fallback: " IPV4 "why=fast_open",
		 "lanes_enqueue: " IPV4 "lane=-1 why=unclaimed waited_us=",
		 "lanes_accept: " IPV4 "from=global lane=-1 cpu=");
}

TEST(trace__fallback_assigned)
{
	struct endpoint to;
	int fd;

	start();
	fd = listen_patient(V4, 8, &to);
	trace_on();
	happen_assigned(fd, &to);
	HAPPENED(&to, "lanes_fallback: " IPV4 "why=assigned");
}

TEST(trace__steer)
{
	struct endpoint to;
	int fd, client, child;
	char byte;

	start();
	fd = listen_patient(V4, 8, &to);
	client = dial_on(1, &to);
	child = MUST(accept_within(fd, 1000));
	trace_on();
	pin(2);
	MUST(send(client, "x", 1, 0));
	unpin();
	CHECK_EQ(recv(child, &byte, 1, 0), 1);
	HAPPENED(&to, "lanes_steer: " IPV4 "what=handed_over from=2 to=1");
	hang_up(client);
	close(child);
}
