// SPDX-License-Identifier: GPL-2.0-only
/*
 * lanelat: how long a connection waited for its accept, and its client from the
 * SYN to the first byte, told of the right lane, listener and process.
 */
#define _GNU_SOURCE
#include "observe.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tool.h"

#define SLOTS 24

static struct tool tool;

static void start(void)
{
	need_cpus(4);
	need_tools();
	fresh_netns();
}

static void watch(const char *by, const struct endpoint *to)
{
	char command[100];

	snprintf(command, sizeof(command), "lanelat -j --by %s --port %d", by, port_of(to));
	tool_watch(&tool, command);
}

struct histogram {
	long count;
	long sum_us;
	long slots[SLOTS];
};

/* What stands after @group, as in {"lane":1,... */
static struct histogram histogram(const char *group, const char *what)
{
	struct histogram h = {};
	char begin[100], *at;
	long sum = 0;

	snprintf(begin, sizeof(begin), "{%s,\"", group);
	at = strstr(tool.out, begin);
	if (!at)
		harness_diag("%s", tool.out);
	ASSERT(at);
	at = strstr(at, what);
	ASSERT(at);
	ASSERT_EQ(sscanf(at + strlen(what), "\":{\"count\":%ld,\"sum_us\":%ld", &h.count,
			 &h.sum_us), 2);
	at = strstr(at, "\"slots\":[") + 9;
	for (int i = 0; i < SLOTS; i++) {
		h.slots[i] = strtol(at, &at, 10);
		sum += h.slots[i];
		ASSERT(*at++ == (i < SLOTS - 1 ? ',' : ']'));
	}
	CHECK_EQ(sum, h.count);
	return h;
}

/* One connection, that long: in the slot of that power of two. */
static void took(const char *group, const char *what, long from_us, long to_us)
{
	struct histogram h = histogram(group, what);
	int slot = 0;

	CHECK_EQ(h.count, 1);
	CHECK_OP(h.sum_us, >=, from_us);
	CHECK_OP(h.sum_us, <=, to_us);
	while (slot < SLOTS - 1 && h.sum_us >> slot)
		slot++;
	CHECK_EQ(h.slots[slot], 1);
}

/* A connection from @cpu that waits 60 ms for its accept, and 60 more for an
 * answer; then comes more. How long it took from before the SYN to the answer,
 * in us.
 */
static long serve(int fd, const struct endpoint *to, int cpu, bool by_sendfile)
{
	double since = now_ms();
	int client = dial_on(cpu, to), child, file;
	long us;

	sleep_ms(60);
	child = MUST(accept_within(fd, 1000));
	sleep_ms(60);
	if (by_sendfile) {
		file = MUST(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
		MUST(sendfile(child, file, NULL, 100));
		close(file);
	} else {
		MUST(send(child, "x", 1, 0));
	}
	us = (now_ms() - since) * 1000;
	/* Only the first counts. */
	sleep_ms(60);
	MUST(send(child, "y", 1, 0));
	hang_up(client);
	close(child);
	return us;
}

static void told(const char *group, long total_us)
{
	took(group, "accept_wait", 59000, total_us - 59000);
	took(group, "first_byte", 119000, total_us);
	check_line(tool.out, "*\"handshake_not_seen\":0,\"lost\":0}");
}

TEST(lat__lane)
{
	struct endpoint to;
	long us;
	int fd;

	start();
	fd = listen_stock(V4, 8, &to);
	watch("lane", &to);
	us = serve(fd, &to, 2, false);
	tool_end(&tool);
	told("\"lane\":2", us);
}

TEST(lat__two_lanes)
{
	struct endpoint to;
	long us[2];
	int fd;

	start();
	fd = listen_stock(V6, 8, &to);
	watch("lane", &to);
	us[0] = serve(fd, &to, 1, false);
	us[1] = serve(fd, &to, 3, false);
	tool_end(&tool);
	told("\"lane\":1", us[0]);
	told("\"lane\":3", us[1]);
}

TEST(lat__listener)
{
	char group[100];
	struct endpoint to;
	long us;
	int fd;

	start();
	fd = listen_stock(DUAL, 8, &to);
	watch("listener", &to);
	us = serve(fd, &to, 1, false);
	tool_end(&tool);
	snprintf(group, sizeof(group), "\"listener\":\"[::]:%d\"", port_of(&to));
	told(group, us);
}

TEST(lat__process)
{
	char group[100];
	struct endpoint to;
	long us;
	int fd;

	start();
	fd = listen_stock(V4, 8, &to);
	watch("process", &to);
	us = serve(fd, &to, 1, false);
	tool_end(&tool);
	snprintf(group, sizeof(group), "\"pid\":%d,\"comm\":\"lanelat\"", getpid());
	told(group, us);
}

/* Which is no sendmsg(2) on older kernels. */
TEST(lat__sendfile)
{
	struct endpoint to;
	long us;
	int fd;

	start();
	fd = listen_stock(V4, 8, &to);
	watch("lane", &to);
	us = serve(fd, &to, 1, true);
	tool_end(&tool);
	told("\"lane\":1", us);
}

/* Through the module: the lane where it came in, whoever took it; and what it
 * says itself.
 */
TEST(lat__lanes)
{
	struct lane_line line;
	struct histogram h;
	struct endpoint to;
	int fd;

	need_lanes();
	start();
	fd = listen_patient(V4, 8, &to);
	watch("lane", &to);
	happen_local(fd, &to, 1);
	happen_late(fd, &to, 2);
	tool_end(&tool);
	CHECK_EQ(histogram("\"lane\":1", "accept_wait").count, 1);
	h = histogram("\"lane\":2", "accept_wait");
	CHECK_EQ(h.count, 1);
	CHECK_OP(h.sum_us, >=, 30000);
	line = lane_line(fd, 2);
	CHECK_OP(labs(line.wait_sum_us - h.sum_us), <, 20000);
	CHECK_EQ(histogram("\"lane\":2", "first_byte").count, 0);
}

TEST(lat__listener_lanes)
{
	char group[100];
	struct endpoint to;
	int fd;

	need_lanes();
	start();
	fd = listen_patient(V6, 8, &to);
	watch("listener", &to);
	happen_local(fd, &to, 1);
	happen_global(fd, &to, 2, 3);
	tool_end(&tool);
	snprintf(group, sizeof(group), "\"listener\":\"[::1]:%d\"", port_of(&to));
	CHECK_EQ(histogram(group, "accept_wait").count, 2);
}

TEST(lat__text)
{
	struct endpoint to;
	char command[100];
	int fd;

	start();
	fd = listen_stock(V4, 8, &to);
	snprintf(command, sizeof(command), "lanelat --port %d", port_of(&to));
	tool_watch(&tool, command);
	serve(fd, &to, 1, false);
	tool_end(&tool);
	check_line(tool.out, "lane 1: accept wait: count 1, mean * ms, 99 % below * ms");
	check_line(tool.out, "lane 1: SYN to first byte: count 1, mean * ms, 99 % below * ms");
	check_line(tool.out, "* ..*1  ########################################");
	check_line(tool.out, "lost                0");
}

TEST(lat__usage)
{
	need_tools();
	tool_run(&tool, "lanelat --by nonsense");
	tool_wait(&tool);
	CHECK_EQ(tool.status, 2);
	tool_run(&tool, "lanelat --help");
	tool_wait(&tool);
	CHECK_EQ(tool.status, 0);
	CHECK(strstr(tool.out, "--by"));
	tool_run(&tool, "lanelat -d 0.2");
	tool_wait(&tool);
	CHECK_EQ(tool.status, 0);
	MUST(setuid(65534));
	tool_run(&tool, "lanelat");
	tool_wait(&tool);
	CHECK_EQ(tool.status, 1);
	CHECK(strstr(tool.err, "CAP_BPF"));
}
