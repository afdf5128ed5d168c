// SPDX-License-Identifier: GPL-2.0-only
/* lanefair: what each connection got, how equal that is, and who starves. */
#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib.h"
#include "tool.h"

static struct tool tool;

/* A connection: both of its ends. */
struct ends {
	int client;
	int child;
};

static int start(enum family family, struct endpoint *to)
{
	need_tools();
	fresh_netns();
	return listen_lanes(family, 8, to);
}

static struct ends join(int fd, const struct endpoint *to)
{
	struct ends e = { .client = MUST(dial(to)) };

	e.child = MUST(accept_within(fd, 1000));
	return e;
}

static void part(struct ends *e)
{
	hang_up(e->client);
	close(e->child);
}

static void watch(const struct endpoint *to, const char *options)
{
	char command[100];

	snprintf(command, sizeof(command), "lanefair --port %d %s", port_of(to), options);
	tool_watch(&tool, command);
}

/* @size bytes from @from, which @to reads. */
static void pass(int from, int to, int size)
{
	char *buffer = calloc(1, size);

	ASSERT(buffer);
	MUST(send(from, buffer, size, 0));
	CHECK_EQ(recv(to, buffer, size, MSG_WAITALL), size);
	free(buffer);
}

static double number(const char *name)
{
	char want[40], *at;

	snprintf(want, sizeof(want), "\"%s\":", name);
	at = strstr(tool.out, want);
	ASSERT(at);
	return strtod(at + strlen(want), NULL);
}

static void told(int active, double jain, int starving)
{
	tool_end(&tool);
	harness_diag("%s", tool.out);
	CHECK_EQ(number("active"), active);
	CHECK(fabs(number("jain") - jain) < 0.001);
	CHECK_EQ(number("starving"), starving);
}

/* And no client is counted: nobody listens at its end. */
TEST(fair__equal)
{
	struct endpoint to;
	struct ends e[3];
	int fd = start(V4, &to);

	for (int i = 0; i < 3; i++)
		e[i] = join(fd, &to);
	tool_watch(&tool, "lanefair -j");
	for (int i = 0; i < 3; i++)
		pass(e[i].client, e[i].child, 1000);
	told(3, 1, 0);
	CHECK_EQ(number("connections"), 3);
	CHECK_EQ(number("bytes"), 3000);
	for (int i = 0; i < 3; i++)
		part(&e[i]);
}

/* Idle ones want nothing, and what came before does not count. */
TEST(fair__unequal)
{
	struct endpoint to;
	struct ends e[3];
	int fd = start(V6, &to);

	for (int i = 0; i < 3; i++)
		e[i] = join(fd, &to);
	pass(e[1].client, e[1].child, 5000);
	watch(&to, "-j");
	pass(e[0].client, e[0].child, 3000);
	pass(e[1].client, e[1].child, 1000);
	told(2, 0.8, 0);
	CHECK_EQ(number("connections"), 3);
	check_line(tool.out, "*\"read\":1000,\"acked\":0,\"unread\":0,*\"read\":3000,*");
	for (int i = 0; i < 3; i++)
		part(&e[i]);
}

/* What is sent counts as well; and a connection that is new. */
TEST(fair__sent)
{
	struct endpoint to;
	struct ends e[2];
	int fd = start(DUAL, &to);

	e[0] = join(fd, &to);
	watch(&to, "-j");
	e[1] = join(fd, &to);
	pass(e[0].child, e[0].client, 2000);
	pass(e[1].child, e[1].client, 2000);
	/* An acknowledgement may be delayed. */
	sleep_ms(slow_ms(300));
	told(2, 1, 0);
	CHECK_EQ(number("bytes"), 4000);
	for (int i = 0; i < 2; i++)
		part(&e[i]);
}

TEST(fair__starving)
{
	struct endpoint to;
	struct ends e[2];
	int fd = start(V4, &to);
	char line[200], byte;

	for (int i = 0; i < 2; i++)
		e[i] = join(fd, &to);
	watch(&to, "-j --starve-ms 600");
	for (int i = 0; i < 2; i++)
		pass(e[i].client, e[i].child, 100);
	MUST(send(e[0].client, "four", 4, 0));
	MUST(send(e[1].client, "0123456789012345678901234567890123456789", 40, 0));
	/* One reads slowly, but reads. */
	for (int i = 0; i < 30; i++) {
		sleep_ms(40);
		CHECK_EQ(recv(e[1].child, &byte, 1, 0), 1);
	}
	tool_end(&tool);
	CHECK_EQ(number("starving"), 1);
	snprintf(line, sizeof(line),
		 "*\"local\":\"127.0.0.1:%d\",\"cpu\":*,\"read\":100,\"acked\":0,\"unread\":4,\"stalled_ms\":*,\"starving\":true}*",
		 port_of(&to));
	check_line(tool.out, line);
	for (int i = 0; i < 2; i++)
		part(&e[i]);
}

/* An end of file is no byte that waits. */
TEST(fair__end_of_file)
{
	struct endpoint to;
	struct ends e;
	int fd = start(V4, &to);

	e = join(fd, &to);
	watch(&to, "-j --starve-ms 200");
	pass(e.client, e.child, 100);
	MUST(shutdown(e.client, SHUT_WR));
	sleep_ms(600);
	told(1, 1, 0);
	CHECK_EQ(number("bytes"), 100);
	part(&e);
}

TEST(fair__text)
{
	struct endpoint to;
	struct ends e;
	int fd = start(V4, &to);

	e = join(fd, &to);
	watch(&to, "-d 1");
	pass(e.client, e.child, 123);
	tool_wait(&tool);
	CHECK_EQ(tool.status, 0);
	check_line(tool.out, "CPU      connections    active           bytes    Jain");
	check_line(tool.out, "all                1         1             123   1.000");
	check_line(tool.out, "127.0.0.1:* > 127.0.0.1:* 123 * 0 * 0 us");
	part(&e);
}

TEST(fair__usage)
{
	need_tools();
	tool_run(&tool, "lanefair --starve-ms 0");
	tool_wait(&tool);
	CHECK_EQ(tool.status, 2);
	tool_run(&tool, "lanefair --help");
	tool_wait(&tool);
	CHECK_EQ(tool.status, 0);
	CHECK(strstr(tool.out, "--starve-ms"));
	MUST(setuid(65534));
	tool_run(&tool, "lanefair");
	tool_wait(&tool);
	CHECK_EQ(tool.status, 1);
	CHECK(strstr(tool.err, "CAP_BPF"));
}
