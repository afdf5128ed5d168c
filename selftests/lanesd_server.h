/* SPDX-License-Identifier: GPL-2.0-only */
/* Starts lanesd on a listening socket of the test, and ends it. */
#ifndef LANES_SELFTESTS_LANESD_SERVER_H
#define LANES_SELFTESTS_LANESD_SERVER_H

#include "lib.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* The case for each engine: its argument is the name for --engine. */
#define TEST_ENGINES(name_, timeout_s_)					\
	static void name_(const void *arg);				\
	TEST_CASE(name_, uring, "uring", timeout_s_)			\
	TEST_CASE(name_, sqpoll, "uring-sqpoll", timeout_s_)		\
	TEST_CASE(name_, hybrid, "uring-hybrid", timeout_s_)		\
	TEST_CASE(name_, epoll, "epoll", timeout_s_)			\
	static void name_(const void *arg)

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

static inline const char *lanesd_path(void)
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

static inline bool read_more(struct server *s)
{
	size_t len = strlen(s->text);
	ssize_t got = read(s->output, s->text + len,
			   sizeof(s->text) - 1 - len);

	if (got > 0)
		s->text[len + got] = 0;
	return got > 0;
}

static inline pid_t spawn(const char *const *argv, int output, int inherit,
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

/* @options: up to sixteen words, ended by NULL. @nofile: 0 for no limit. */
static inline void start(struct server *s, int listen_fd, int nofile,
		  const char *const *options)
{
	char listen_on[16];
	const char *argv[24] = { lanesd_path(), "--listen", listen_on };
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

static inline void serve(struct server *s, enum family family, int nofile,
		  const char *const *options)
{
	int fd = listen_stock(family, 512, &s->to);

	start(s, fd, nofile, options);
	close(fd);
}

/* SIGTERM, and the last line of its table. */
static inline struct totals finish(struct server *s)
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

/* Whether one of its threads has a CPU or waits for one, now. */
static inline bool runs(pid_t pid)
{
	struct dirent *entry;
	bool running = false;
	char path[320];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	ASSERT(dir);
	while ((entry = readdir(dir))) {
		char state = 'S';
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/task/%s/stat", pid,
			 entry->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fscanf(f, "%*d (%*[^)]) %c", &state) == 1 && state == 'R')
			running = true;
		fclose(f);
	}
	closedir(dir);
	return running;
}

/* A spin is seen at every look, however few CPUs there are for it. */
static inline bool at_rest(const struct server *s)
{
	enum { LOOKS = 30 };
	int seen = 0;

	for (int i = 0; i < LOOKS; i++) {
		sleep_ms(10);
		seen += runs(s->pid);
	}
	return seen < LOOKS / 2;
}

/* Those below @limit. */
static inline int open_descriptors(pid_t pid, int limit)
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

#endif
