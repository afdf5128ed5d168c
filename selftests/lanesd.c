// SPDX-License-Identifier: GPL-2.0-only
/*
 * The server: want of descriptors, buffers or slots only delays, a peer harms
 * nobody but itself, and what it says of itself is true.
 */
#define _GNU_SOURCE
#include "lanesd_server.h"

/* CPU time so far, in ms. */
static long cpu_ms(pid_t pid)
{
	unsigned long utime = 0, stime = 0;
	char path[32];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	ASSERT(f);
	CHECK_EQ(fscanf(f, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
			&utime, &stime), 2);
	fclose(f);
	return (utime + stime) * 1000 / sysconf(_SC_CLK_TCK);
}

/* A byte's echo within @ms. */
static bool answers(int fd, int ms)
{
	char sent = 'e', got = 0;

	if (send(fd, &sent, 1, MSG_NOSIGNAL) != 1)
		return false;
	return (poll_within(fd, POLLIN, ms) & POLLIN) &&
	       recv(fd, &got, 1, 0) == 1 && got == sent;
}

static void fill(int fd)
{
	static const char zeroes[65536];
	double until = now_ms() + slow_ms(300);

	/* Until neither side can take more, for long enough to be sure. */
	while (now_ms() < until)
		if (send(fd, zeroes, sizeof(zeroes),
			 MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
			until = now_ms() + slow_ms(300);
}

/* A peer that never reads leaves the others what they need. */
static void hog(const char *engine, const char *buffers)
{
	struct server s;
	struct totals t;
	int hog, other;

	/* What the hog does not read would hold up the end. */
	serve(&s, V4, 0, OPTIONS("--buffers", buffers, "--shards", "1",
				 "--engine", engine, "--drain-timeout", "1"));
	hog = MUST(dial(&s.to));
	other = MUST(dial(&s.to));
	fill(hog);
	CHECK(answers(other, 1000));
	t = finish(&s);
	CHECK_EQ(t.stalled, 0);
	close(hog);
	close(other);
}

TEST_ENGINES(lanesd__hog_starves_nobody, 60)
{
	hog(arg, "8");
}

TEST_ENGINES(lanesd__slow_reader_is_paused, 60)
{
	hog(arg, "1024");
}

/* More connections than descriptors: the rest wait, at no CPU's cost. */
TEST_ENGINES(lanesd__want_of_descriptors_only_delays, 30)
{
	enum { NR = 40, LIMIT = 32 };
	int fds[NR], free_fds, served = 0;
	struct server s;
	struct totals t;
	long before;

	serve(&s, V4, LIMIT, OPTIONS("--shards", "1", "--engine", arg));
	free_fds = LIMIT - open_descriptors(s.pid, LIMIT);
	ASSERT_OP(free_fds, >, 2);
	ASSERT_OP(free_fds, <, NR);
	for (int i = 0; i < NR; i++)
		fds[i] = MUST(dial(&s.to));
	for (int i = 0; i < NR; i++)
		served += answers(fds[i], i < free_fds ? 2000 : 20);
	CHECK_EQ(served, free_fds);
	before = cpu_ms(s.pid);
	sleep_ms(1000);
	CHECK_OP(cpu_ms(s.pid) - before, <, 200);
	for (int i = 0; i < free_fds; i++)
		close(fds[i]);
	/* Their byte was sent above: only its echo is wanted. */
	for (int i = free_fds; i < NR; i++) {
		char got = 0;

		CHECK(poll_within(fds[i], POLLIN, 2000) & POLLIN);
		CHECK_EQ(recv(fds[i], &got, 1, MSG_DONTWAIT), 1);
		close(fds[i]);
	}
	t = finish(&s);
	CHECK_EQ(t.accepted, NR);
	CHECK_OP(t.accept_failed, >, 0);
}

TEST_ENGINES(lanesd__more_than_connections_max_wait, 30)
{
	enum { NR = 10 };
	struct server s;
	int fds[NR];

	serve(&s, V4, 0, OPTIONS("--connections", "1", "--shards", "1",
				 "--engine", arg));
	for (int i = 0; i < NR; i++)
		fds[i] = MUST(dial(&s.to));
	for (int i = 0; i < NR; i++) {
		CHECK(answers(fds[i], 2000));
		close(fds[i]);
	}
	CHECK_EQ(finish(&s).accepted, NR);
}

/* O_NONBLOCK of an inherited socket must not turn accept into polling. */
TEST_ENGINES(lanesd__nonblocking_socket, 30)
{
	struct server s;
	long before;
	int fd = listen_stock(V4, 8, &s.to), client;

	set_nonblock(fd, true);
	start(&s, fd, 0, OPTIONS("--shards", "1", "--engine", arg));
	close(fd);
	before = cpu_ms(s.pid);
	sleep_ms(500);
	CHECK_OP(cpu_ms(s.pid) - before, <, 100);
	client = MUST(dial(&s.to));
	CHECK(answers(client, 1000));
	close(client);
	CHECK_EQ(finish(&s).accept_failed, 0);
}

TEST(lanesd__tells_what_attach_did)
{
	struct server first, second;
	int fd, client;

	need_lanes();
	fd = listen_stock(V4, 8, &first.to);
	start(&first, fd, 0, OPTIONS("--shards", "1"));
	start(&second, fd, 0, OPTIONS("--shards", "1"));
	close(fd);
	CHECK(strstr(first.text, "attached to lanes"));
	CHECK(!strstr(first.text, "already"));
	CHECK(strstr(second.text, "already attached to lanes"));
	/* Whoever is left serves. */
	finish(&first);
	client = MUST(dial(&first.to));
	CHECK(answers(client, 2000));
	close(client);
	finish(&second);
}

/* Its own figure of what the module promises. */
TEST_ENGINES(lanesd__accepts_on_the_syns_cpu, 60)
{
	int total = scaled(100) * nr_cpus();
	struct server s;
	struct totals t;
	int listener;

	need_lanes();
	need_cpus(2);
	listener = listen_stock(DUAL, 512, &s.to);
	start(&s, listener, 0, OPTIONS("--engine", arg));
	/* A debug kernel is late with everything, not only by mistake. */
	if (harness_slow() > 1)
		set_spill_ms(listener, slow_ms(80));
	for (int i = 0; i < total; i++) {
		int fd;

		/* The byte must not come from another CPU than the SYN. */
		pin(i % nr_cpus());
		fd = MUST(dial(&s.to));
		CHECK(answers(fd, 2000));
		close(fd);
	}
	close(listener);
	t = finish(&s);
	harness_diag("%llu of %llu on the SYN's CPU", t.local, t.accepted);
	CHECK_EQ(t.accepted, total);
	/* One miss is more than 0.5 % of a small total. */
	CHECK_OP(t.accepted - t.local, <=, total / 200 ?: 1);
}

TEST(lanesd__table_on_sigusr1)
{
	struct server s;
	int client;

	serve(&s, V4, 0, OPTIONS("--shards", "1"));
	client = MUST(dial(&s.to));
	CHECK(answers(client, 2000));
	MUST(kill(s.pid, SIGUSR1));
	while (!strstr(s.text, "total") && read_more(&s))
		;
	CHECK(strstr(s.text, "total"));
	/* And goes on. */
	CHECK(answers(client, 2000));
	close(client);
	s.text[0] = 0;
	CHECK_EQ(finish(&s).bytes, 2);
}

static void refuses(const char *const *options)
{
	const char *argv[8] = { lanesd_path() };
	struct server s = {};
	int ends[2], status = -1;

	for (int i = 0; options[i]; i++)
		argv[i + 1] = options[i];
	MUST(pipe2(ends, O_CLOEXEC));
	s.output = ends[0];
	s.pid = spawn(argv, ends[1], -1, 0);
	close(ends[1]);
	while (read_more(&s))
		;
	MUST(waitpid(s.pid, &status, 0));
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 2);
	CHECK(!strncmp(s.text, "lanesd: ", 8));
	CHECK_EQ(strcspn(s.text, "\n"), strlen(s.text) - 1);
	close(s.output);
}

TEST(lanesd__bad_options)
{
	refuses(OPTIONS("--nonsense"));
	refuses(OPTIONS("--shards", "0"));
	refuses(OPTIONS("--listen", "::1:80"));
	refuses(OPTIONS("--listen", "fd:0"));
	refuses(OPTIONS("--listen", "fd:99"));
}
