/* SPDX-License-Identifier: GPL-2.0-only */
/* The BPF tools as a user runs them: from outside, until they are interrupted. */
#ifndef LANES_SELFTESTS_TOOL_H
#define LANES_SELFTESTS_TOOL_H

#include <stdbool.h>
#include <sys/types.h>

#define TOOL_TEXT_MAX 65536

/**
 * struct tool - a running or ended tool
 * @pid: it
 * @files: its standard output and error
 * @status: its exit status
 * @out: standard output, after the end
 * @err: standard error, likewise
 */
struct tool {
	pid_t pid;
	int files[2];
	int status;
	char out[TOOL_TEXT_MAX];
	char err[TOOL_TEXT_MAX];
};

/* Fails or skips if the kernel has no BTF or no tracefs. */
void need_tools(void);

/* @command is a tool's name and its arguments, separated by blanks. */
void tool_run(struct tool *t, const char *command);
/* Likewise; returns when it watches. */
void tool_watch(struct tool *t, const char *command);
/* By SIGINT; it must end well. */
void tool_end(struct tool *t);
/* When it ends by itself. */
void tool_wait(struct tool *t);

/* Does a line of @text match? A '*' stands for anything without ';' in it. */
bool has_line(const char *text, const char *pattern);
/* Fails and tells what there is if it does not. */
void check_line(const char *text, const char *pattern);
int count_lines(const char *text);

#endif
