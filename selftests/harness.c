// SPDX-License-Identifier: GPL-2.0-only
/* Runs the cases of one test program and prints KTAP. */
#define _GNU_SOURCE
#include "harness.h"

#include <fnmatch.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CASES_MAX 256

enum { EXIT_PASS = 0, EXIT_FAIL = 1, EXIT_SKIP = 4 };

/* Shared by the harness and every process of the case. */
struct verdict {
	int failures;
	char skip[160];
};

static const struct harness_case *cases[CASES_MAX];
static int nr_cases;
static struct verdict *verdict;

void harness_add(const struct harness_case *c)
{
	if (nr_cases == CASES_MAX)
		abort();
	cases[nr_cases++] = c;
}

int harness_env(const char *name, int fallback)
{
	const char *value = getenv(name);
	int n = value ? atoi(value) : 0;

	return n > 0 ? n : fallback;
}

int harness_slow(void)
{
	return harness_env("LANES_SLOW", 1);
}

/* One write per line, so that processes do not mix their lines. */
static void emit(const char *text)
{
	ssize_t ignored = write(STDOUT_FILENO, text, strlen(text));

	(void)ignored;
}

static void emit_diag(const char *where, const char *fmt, va_list ap)
{
	char text[400], line[600];

	vsnprintf(text, sizeof(text), fmt, ap);
	snprintf(line, sizeof(line), "# %s%s\n", where, text);
	emit(line);
}

void harness_diag(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit_diag("", fmt, ap);
	va_end(ap);
}

void harness_failed(const char *file, int line, const char *fmt, ...)
{
	char where[120];
	va_list ap;

	__atomic_add_fetch(&verdict->failures, 1, __ATOMIC_RELAXED);
	snprintf(where, sizeof(where), "%s:%d: ", file, line);
	va_start(ap, fmt);
	emit_diag(where, fmt, ap);
	va_end(ap);
}

bool harness_has_failed(void)
{
	return __atomic_load_n(&verdict->failures, __ATOMIC_RELAXED);
}

void harness_end(void)
{
	_exit(EXIT_FAIL);
}

void harness_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(verdict->skip, sizeof(verdict->skip), fmt, ap);
	va_end(ap);
	_exit(EXIT_SKIP);
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* The wait status, or -1 when the time was up. */
static int wait_until(pid_t pid, double deadline_s)
{
	int status;

	while (now_s() < deadline_s) {
		pid_t reaped = waitpid(-1, &status, WNOHANG);

		if (reaped == pid)
			return status;
		if (reaped <= 0)
			usleep(2000);
	}
	return -1;
}

static void kill_leftovers(pid_t group)
{
	kill(-group, SIGKILL);
	while (wait(NULL) > 0)
		;
}

static int run_case(const struct harness_case *c)
{
	int timeout_s = c->timeout_s * harness_slow();
	double start_s = now_s();
	int status;
	pid_t pid;

	*verdict = (struct verdict){};
	pid = fork();
	if (pid < 0) {
		harness_failed(__FILE__, __LINE__, "fork: %s", strerror(errno));
		return EXIT_FAIL;
	}
	if (!pid) {
		setpgid(0, 0);
		c->run(c->arg);
		_exit(EXIT_PASS);
	}
	setpgid(pid, pid);
	status = wait_until(pid, start_s + timeout_s);
	kill_leftovers(pid);

	if (status == -1)
		harness_failed(__FILE__, __LINE__, "%s: no end after %d s",
			       c->name, timeout_s);
	else if (WIFSIGNALED(status))
		harness_failed(__FILE__, __LINE__, "%s: %s", c->name,
			       strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) == EXIT_SKIP && !harness_has_failed())
		return EXIT_SKIP;
	else if (WEXITSTATUS(status) != EXIT_PASS && !harness_has_failed())
		harness_failed(__FILE__, __LINE__, "%s: exit status %d",
			       c->name, WEXITSTATUS(status));
	return harness_has_failed() ? EXIT_FAIL : EXIT_PASS;
}

static bool wanted(const char *name, int nr_globs, char **globs)
{
	for (int i = 0; i < nr_globs; i++)
		if (!fnmatch(globs[i], name, 0))
			return true;
	return !nr_globs;
}

int main(int argc, char **argv)
{
	int nr_wanted = 0, nr_failed = 0, nr_skipped = 0, number = 0;
	char line[400];

	setvbuf(stdout, NULL, _IOLBF, 0);
	/* The orphans of a case come to us, so that none outlives it. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	signal(SIGPIPE, SIG_IGN);
	verdict = mmap(NULL, sizeof(*verdict), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (verdict == MAP_FAILED) {
		perror("mmap");
		return EXIT_FAIL;
	}

	for (int i = 0; i < nr_cases; i++)
		nr_wanted += wanted(cases[i]->name, argc - 1, argv + 1);
	snprintf(line, sizeof(line), "KTAP version 1\n1..%d\n", nr_wanted);
	emit(line);
	if (!nr_wanted) {
		harness_diag("no case is named so");
		return EXIT_FAIL;
	}

	for (int i = 0; i < nr_cases; i++) {
		const char *name = cases[i]->name;
		int rc;

		if (!wanted(name, argc - 1, argv + 1))
			continue;
		rc = run_case(cases[i]);
		nr_failed += rc == EXIT_FAIL;
		nr_skipped += rc == EXIT_SKIP;
		if (rc == EXIT_SKIP)
			snprintf(line, sizeof(line), "ok %d %s # SKIP %s\n",
				 ++number, name, verdict->skip);
		else
			snprintf(line, sizeof(line), "%sok %d %s\n",
				 rc == EXIT_FAIL ? "not " : "", ++number, name);
		emit(line);
	}
	if (nr_failed)
		return EXIT_FAIL;
	return nr_skipped == nr_wanted ? EXIT_SKIP : EXIT_PASS;
}
