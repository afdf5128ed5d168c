// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "tool.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib.h"

#define WORDS_MAX 16

void need_tools(void)
{
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		SKIP("this kernel has no BTF");
	if (access("/sys/kernel/tracing/events", F_OK))
		MUST(mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL));
}

void tool_run(struct tool *t, const char *command)
{
	char text[300], path[300], *words[WORDS_MAX] = { path }, *save, *word;
	const char *bin = getenv("LANES_BIN");
	int nr = 1;

	if (!bin)
		SKIP("LANES_BIN does not name the programs: use selftests/run");
	snprintf(text, sizeof(text), "%s", command);
	snprintf(path, sizeof(path), "%s/%s", bin, strtok_r(text, " ", &save));
	while ((word = strtok_r(NULL, " ", &save)) && nr < WORDS_MAX - 1)
		words[nr++] = word;
	words[nr] = NULL;
	for (int i = 0; i < 2; i++)
		t->files[i] = MUST(memfd_create("tool", MFD_CLOEXEC));
	t->pid = MUST(fork());
	if (t->pid)
		return;
	for (int i = 0; i < 2; i++)
		dup2(t->files[i], i + 1);
	unpin();
	execv(path, words);
	dprintf(2, "%s: %s\n", path, strerror(errno));
	_exit(127);
}

static void read_back(int fd, char *text)
{
	ssize_t size = MUST(pread(fd, text, TOOL_TEXT_MAX - 1, 0));

	text[size] = 0;
}

static bool watches(struct tool *t)
{
	read_back(t->files[1], t->err);
	return strstr(t->err, ": watching ");
}

void tool_watch(struct tool *t, const char *command)
{
	tool_run(t, command);
	if (!WITHIN(20000, watches(t) || waitpid(t->pid, NULL, WNOHANG))) {
		harness_diag("%s: %s", command, t->err);
		ASSERT(!"the tool watches");
	}
	ASSERT(watches(t));
}

void tool_wait(struct tool *t)
{
	int status;

	MUST(waitpid(t->pid, &status, 0));
	t->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	read_back(t->files[0], t->out);
	read_back(t->files[1], t->err);
	close(t->files[0]);
	close(t->files[1]);
}

void tool_end(struct tool *t)
{
	MUST(kill(t->pid, SIGINT));
	tool_wait(t);
	if (!CHECK_EQ(t->status, 0))
		harness_diag("%s", t->err);
}

static bool matches(const char *pattern, const char *text, const char *end)
{
	for (; *pattern; pattern++) {
		if (*pattern == '*') {
			for (; text <= end; text++) {
				if (matches(pattern + 1, text, end))
					return true;
				if (text < end && *text == ';')
					return false;
			}
			return false;
		}
		if (text == end || *text++ != *pattern)
			return false;
	}
	return text == end;
}

bool has_line(const char *text, const char *pattern)
{
	while (*text) {
		const char *end = strchrnul(text, '\n');

		if (matches(pattern, text, end))
			return true;
		text = *end ? end + 1 : end;
	}
	return false;
}

void check_line(const char *text, const char *pattern)
{
	if (has_line(text, pattern))
		return;
	harness_failed(__FILE__, __LINE__, "no line %s", pattern);
	while (*text) {
		const char *end = strchrnul(text, '\n');

		harness_diag("%.*s", (int)(end - text), text);
		text = *end ? end + 1 : end;
	}
}

int count_lines(const char *text)
{
	int nr = 0;

	for (; (text = strchr(text, '\n')); text++)
		nr++;
	return nr;
}
