// SPDX-License-Identifier: GPL-2.0-only
/*
 * The server: every byte comes back in order whatever the peer does, want of
 * descriptors, buffers or slots only delays, and nothing is left behind.
 */
#define _GNU_SOURCE
#include "lib.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* It reads no more from a peer that does not read; then it closes it. */
#define STALL_MS 11000

/**
 * struct server - a running lanesd on a socket that it inherited
 * @pid: the process
 * @output: the read end of its stdout and stderr
 * @text: what it has printed so far
 * @to: what a client dials
 */
struct server {
	pid_t pid;
	int output;
	char text[8192];
	struct endpoint to;
};

struct totals {
	unsigned long long accepted, local, bytes, accept_failed, parked, stalled;
};

static const char *lanesd_path(void)
{
	static char path[PATH_MAX];
	const char *bin = getenv("LANES_BIN");
	ssize_t len;

	if (bin) {
		snprintf(path, sizeof(path), "%s/lanesd", bin);
		return path;
	}
	/* bin/selftests/lanesd, beside bin/lanesd. */
	len = MUST(readlink("/proc/self/exe", path, sizeof(path) - 1));
	path[len] = 0;
	for (int up = 0; up < 2; up++)
		*strrchr(path, '/') = 0;
	strcat(path, "/lanesd");
	return path;
}

static bool read_more(struct server *s)
{
	size_t len = strlen(s->text);
	ssize_t got = read(s->output, s->text + len,
			   sizeof(s->text) - 1 - len);

	return got > 0;
}

static pid_t spawn(const char *const *argv, int output, int inherit,
		   int nofile)
{
	struct rlimit limit = { .rlim_cur = nofile, .rlim_max = nofile };
	pid_t pid = MUST(fork());

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	if (inherit >= 0)
		fcntl(inherit, F_SETFD, 0);
	if (nofile)
		setrlimit(RLIMIT_NOFILE, &limit);
	execv(argv[0], (char *const *)argv);
	_exit(127);
}

/* @options: up to six words, ended by NULL. @nofile: 0 for no limit. */
static void start(struct server *s, int listen_fd, int nofile,
		  const char *const *options)
{
	char listen_on[16];
	const char *argv[12] = { lanesd_path(), "--listen", listen_on };
	int ends[2], nr = 3;

	snprintf(listen_on, sizeof(listen_on), "fd:%d", listen_fd);
	if (plain())
		argv[nr++] = "--no-lanes";
	while (*options)
		argv[nr++] = *options++;
	MUST(pipe2(ends, O_CLOEXEC));
	s->text[0] = 0;
	s->output = ends[0];
	s->pid = spawn(argv, ends[1], listen_fd, nofile);
	close(ends[1]);
	while (!strstr(s->text, "ready"))
		if (!read_more(s)) {
			harness_diag("%s: %s", argv[0], s->text);
			ASSERT(!"lanesd is ready");
		}
}

#define OPTIONS(...) ((const char *const[]){ __VA_ARGS__ __VA_OPT__(,) NULL })

static void serve(struct server *s, enum family family, int nofile,
		  const char *const *options)
{
	int fd = listen_stock(family, 512, &s->to);

	start(s, fd, nofile, options);
	close(fd);
}

/* SIGTERM, and the last line of its table. */
static struct totals finish(struct server *s)
{
	struct totals t = {};
	char *total;
	int status = -1;

	MUST(kill(s->pid, SIGTERM));
	while (read_more(s))
		;
	MUST(waitpid(s->pid, &status, 0));
	CHECK_EQ(status, 0);
	total = strstr(s->text, "total");
	if (!total)
		harness_diag("%s", s->text);
	ASSERT(total);
	ASSERT_EQ(sscanf(total, "total - %llu %llu %*s %llu %llu %llu %llu",
			 &t.accepted, &t.local, &t.bytes, &t.accept_failed,
			 &t.parked, &t.stalled), 6);
	close(s->output);
	return t;
}

/* Those below @limit. */
static int open_descriptors(pid_t pid, int limit)
{
	struct dirent *entry;
	char path[32];
	int nr = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	ASSERT(dir);
	while ((entry = readdir(dir)))
		nr += entry->d_name[0] != '.' && atoi(entry->d_name) < limit;
	closedir(dir);
	return nr;
}

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

/* A stream that no misplaced block can fake. */
static unsigned char stream_byte(unsigned int seed, size_t at)
{
	unsigned int x = seed * 2654435761U + at * 40503U;

	return (x >> 13) ^ (x >> 7) ^ at;
}

struct talk {
	const struct endpoint *to;
	unsigned int seed;
	int rounds;
	size_t size_max;
	bool abort;
	unsigned long long echoed;
	pthread_t thread;
};

struct direction {
	int fd;
	unsigned int seed;
	size_t size;
	bool half_close;
};

static void *send_stream(void *arg)
{
	struct direction *d = arg;
	unsigned char part[5000];
	size_t at = 0;

	while (at < d->size) {
		size_t len = d->size - at;
		ssize_t sent;

		if (len > sizeof(part))
			len = sizeof(part);
		for (size_t i = 0; i < len; i++)
			part[i] = stream_byte(d->seed, at + i);
		sent = send(d->fd, part, len, MSG_NOSIGNAL);
		if (sent <= 0)
			break;
		at += sent;
	}
	if (d->half_close)
		shutdown(d->fd, SHUT_WR);
	return NULL;
}

/* How much of the stream came back before the end or the first wrong byte. */
static size_t receive_stream(const struct direction *d)
{
	unsigned char part[7000];
	size_t at = 0;
	ssize_t got = 1;

	while (at < d->size && (got = recv(d->fd, part, sizeof(part), 0)) > 0)
		for (ssize_t i = 0; i < got; i++, at++)
			if (part[i] != stream_byte(d->seed, at))
				return at;
	return at;
}

static void *talk(void *arg)
{
	static const size_t edges[] = { 1, 2047, 2048, 2049, 4096 };
	struct talk *t = arg;

	for (int round = 0; round < t->rounds; round++) {
		struct direction d = {
			.fd = MUST(dial(t->to)),
			.seed = t->seed * 1000 + round,
			.half_close = round % 2,
		};
		pthread_t sender;
		char end;

		d.size = round < 5 ? edges[round] :
				     1 + rand_r(&t->seed) % t->size_max;
		pthread_create(&sender, NULL, send_stream, &d);
		if (t->abort && round % 2) {
			/* In the middle of the stream, both ways. */
			recv(d.fd, &end, 1, 0);
			shutdown(d.fd, SHUT_RDWR);
		} else {
			CHECK_EQ(receive_stream(&d), d.size);
			t->echoed += d.size;
			if (d.half_close)
				CHECK_EQ(recv(d.fd, &end, 1, 0), 0);
		}
		pthread_join(sender, NULL);
		hang_up(d.fd);
	}
	return NULL;
}

/* @nr clients at once; the bytes that came back. */
static unsigned long long talk_all(const struct endpoint *to, int nr,
				   int rounds, size_t size_max, bool abort)
{
	struct talk talks[16] = {};
	unsigned long long echoed = 0;

	for (int i = 0; i < nr; i++) {
		talks[i] = (struct talk){ .to = to, .seed = i + 1,
					  .rounds = rounds,
					  .size_max = size_max,
					  .abort = abort };
		pthread_create(&talks[i].thread, NULL, talk, &talks[i]);
	}
	for (int i = 0; i < nr; i++) {
		pthread_join(talks[i].thread, NULL);
		echoed += talks[i].echoed;
	}
	return echoed;
}

TEST_TIMEOUT(lanesd__echo_is_exact, 60)
{
	for (enum family family = V4; family <= DUAL; family++) {
		struct server s;
		struct totals t;
		unsigned long long echoed;

		serve(&s, family, 0, OPTIONS());
		echoed = talk_all(&s.to, 6, scaled(12), 100000, false);
		t = finish(&s);
		CHECK_EQ(t.bytes, echoed);
		CHECK_EQ(t.accepted, 6 * scaled(12));
	}
}

TEST_TIMEOUT(lanesd__reset_midway_leaves_nothing, 60)
{
	struct server s;
	int before;

	serve(&s, V4, 0, OPTIONS());
	before = open_descriptors(s.pid, INT_MAX);
	talk_all(&s.to, 6, scaled(20), 300000, true);
	CHECK(WITHIN(2000, open_descriptors(s.pid, INT_MAX) == before));
	talk_all(&s.to, 2, 5, 3000, false);
	finish(&s);
}

/* Four buffers for eight streams, all of which read: nobody is closed. */
TEST_TIMEOUT(lanesd__few_buffers_close_nobody, 60)
{
	struct server s;
	struct totals t;

	serve(&s, V4, 0, OPTIONS("--buffers", "4", "--shards", "1"));
	talk_all(&s.to, 8, scaled(10), 60000, false);
	t = finish(&s);
	CHECK_OP(t.parked, >, 0);
	CHECK_EQ(t.stalled, 0);
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

/* A peer that never reads takes all buffers: the others get them back. */
TEST_TIMEOUT(lanesd__hog_starves_nobody, 60)
{
	struct server s;
	struct totals t;
	int hog, other;

	serve(&s, V4, 0, OPTIONS("--buffers", "8", "--shards", "1"));
	hog = MUST(dial(&s.to));
	other = MUST(dial(&s.to));
	fill(hog);
	CHECK(answers(other, STALL_MS + 3000));
	t = finish(&s);
	CHECK_EQ(t.stalled, 1);
	close(hog);
	close(other);
}

/* With its default buffers a peer that never reads delays nobody. */
TEST(lanesd__slow_reader_is_paused)
{
	struct server s;
	struct totals t;
	int hog, other, rcvbuf = 65536;
	int fd = listen_stock(V4, 8, &s.to);

	/* The most that one pass can take: 6.1 does not bound it. */
	MUST(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf)));
	start(&s, fd, 0, OPTIONS("--shards", "1"));
	close(fd);
	hog = MUST(dial(&s.to));
	other = MUST(dial(&s.to));
	fill(hog);
	CHECK(answers(other, 1000));
	t = finish(&s);
	CHECK_EQ(t.stalled, 0);
	CHECK_EQ(t.parked, 0);
	close(hog);
	close(other);
}

/* More connections than descriptors: the rest wait, at no CPU's cost. */
TEST(lanesd__want_of_descriptors_only_delays)
{
	enum { NR = 40, LIMIT = 32 };
	int fds[NR], free_fds, served = 0;
	struct server s;
	struct totals t;
	long before;

	serve(&s, V4, LIMIT, OPTIONS("--shards", "1"));
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

TEST(lanesd__more_than_connections_max_wait)
{
	enum { NR = 10 };
	struct server s;
	int fds[NR];

	serve(&s, V4, 0, OPTIONS("--connections", "1", "--shards", "1"));
	for (int i = 0; i < NR; i++)
		fds[i] = MUST(dial(&s.to));
	for (int i = 0; i < NR; i++) {
		CHECK(answers(fds[i], 2000));
		close(fds[i]);
	}
	CHECK_EQ(finish(&s).accepted, NR);
}

/* O_NONBLOCK of an inherited socket must not turn accept into polling. */
TEST(lanesd__nonblocking_socket)
{
	struct server s;
	long before;
	int fd = listen_stock(V4, 8, &s.to), client;

	set_nonblock(fd, true);
	start(&s, fd, 0, OPTIONS("--shards", "1"));
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
TEST(lanesd__accepts_on_the_syns_cpu)
{
	int rounds = scaled(100);
	struct server s;
	struct totals t;

	need_lanes();
	need_cpus(2);
	serve(&s, DUAL, 0, OPTIONS());
	for (int i = 0; i < rounds * nr_cpus(); i++) {
		int fd = dial_on(i % nr_cpus(), &s.to);

		CHECK(answers(fd, 2000));
		close(fd);
	}
	t = finish(&s);
	harness_diag("%llu of %llu on the SYN's CPU", t.local, t.accepted);
	CHECK_EQ(t.accepted, rounds * nr_cpus());
	CHECK_OP(t.local * 1000, >=, t.accepted * 995);
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
