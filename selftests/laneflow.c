// SPDX-License-Identifier: GPL-2.0-only
/*
 * laneflow counts connections by the CPUs of their SYN, their accept and their
 * first data; laneflow --why tells for each what the kernel decided, and why.
 */
#define _GNU_SOURCE
#include "observe.h"

#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "module.h"
#include "tool.h"

#define IPV4 "127.0.0.1:* > 127.0.0.1:*: "
#define IPV6 "[::1]:* > [::1]:*: "

static struct tool tool;

static void start(void)
{
	need_lanes();
	need_cpus(4);
	need_tools();
	fresh_netns();
}

static void watch(const char *options, const struct endpoint *to)
{
	char command[100];

	snprintf(command, sizeof(command), "laneflow %s %d", options, port_of(to));
	tool_watch(&tool, command);
}

/* One connection has been told, and this of it. */
static void told(const char *story)
{
	tool_end(&tool);
	check_line(tool.out, story);
	CHECK_EQ(count_lines(tool.out), 1);
	CHECK(!strstr(tool.err, "lost"));
}

TEST(why__local)
{
	struct endpoint to;
	int fd;

	start();
	fd = listen_patient(V4, 8, &to);
	watch("--why", &to);
	happen_local(fd, &to, 1);
	told(IPV4 "SYN on CPU 1; put into lane 1 (claimed); accepted from lane 1 (local) on CPU 1 by laneflow[*] after *; closed without data");
}

TEST(why__local_ipv6)
{
	struct endpoint to;
	int fd;

	start();
	fd = listen_patient(V6, 8, &to);
	watch("--why", &to);
	happen_local(fd, &to, 2);
	told(IPV6 "SYN on CPU 2; put into lane 2 (claimed); accepted from lane 2 (local) on CPU 2 by laneflow[*] after *; closed without data");
}

/* What the module tells of packets, and what the kernel tells of sockets, must
 * be the same connection.
 */
TEST(why__dual_stack)
{
	struct endpoint to;
	int fd;

	start();
	fd = listen_patient(DUAL, 8, &to);
	watch("--why", &to);
	happen_pulled(fd, &to, 1);
	tool_end(&tool);
	check_line(tool.out, IPV4 "left to the kernel (time_wait) on CPU 1; SYN on CPU 1; put into lane 1 (pulled); accepted from lane 1 (local) on CPU 1 by laneflow[*] after *; closed without data");
	CHECK_EQ(count_lines(tool.out), 2);
}

TEST(why__global)
{
	struct endpoint to;
	int fd;

	start();
	fd = listen_patient(V4, 8, &to);
	watch("--why", &to);
	happen_global(fd, &to, 1, 2);
	told(IPV4 "SYN on CPU 1; put into the global queue (unclaimed); accepted from the global queue (global) on CPU 2 by laneflow[*] after *; closed without data");
}

TEST(why__spilled)
{
	struct endpoint to;
	int fd;

	start();
	fd = listen_patient(V4, 8, &to);
	watch("--why", &to);
	happen_late(fd, &to, 1);
	told(IPV4 "SYN on CPU 1; put into lane 1 (claimed); spilled from lane 1 (late) after *; accepted from the global queue (global) on CPU 1 by laneflow[*] after *; closed without data");
}

TEST(why__stolen)
{
	const char *stolen = IPV4 "SYN on CPU 1; put into lane 1 (claimed); accepted from lane 1 (stolen) on CPU 2 by laneflow[*] after * ms; closed without data";
	struct endpoint to;
	int fd, tries = 0;

	start();
	fd = listen_patient(V4, 8, &to);
	watch("--why", &to);
	/* The lane's timer may be faster at times. */
	do {
		ASSERT_OP(++tries, <, 20);
	} while (!happen_stolen(fd, &to, 1, 2));
	tool_end(&tool);
	check_line(tool.out, stolen);
	CHECK_EQ(count_lines(tool.out), tries);
}

static void send_byte(int client, int cpu, int child)
{
	struct pollfd arrived = { .fd = child, .events = POLLIN };
	char byte;

	pin(cpu);
	MUST(send(client, "x", 1, 0));
	unpin();
	/* What comes while a reader has the socket is the reader's to process,
	 * on its CPU; poll takes no lock.
	 */
	CHECK_EQ(poll(&arrived, 1, slow_ms(5000)), 1);
	CHECK_EQ(recv(child, &byte, 1, 0), 1);
}

TEST(why__steered)
{
	struct endpoint to;
	int fd, client, child;

	start();
	fd = listen_patient(V4, 8, &to);
	watch("--why", &to);
	client = dial_on(1, &to);
	pin(1);
	child = MUST(accept_within(fd, 1000));
	send_byte(client, 2, child);
	told(IPV4 "SYN on CPU 1; put into the global queue (unclaimed); accepted from the global queue (global) on CPU 1 by laneflow[*] after *; steered from CPU 2 to CPU 1 (handed_over); data on CPU 1");
	hang_up(client);
	close(child);
}

TEST(why__refused)
{
	struct endpoint to;
	int fd;

	start();
	write_sysctl("net.ipv4.tcp_syncookies", "0");
	fd = listen_patient(V4, 0, &to);
	pin(2);
	watch("--why", &to);
	happen_overflow(fd, &to);
	tool_end(&tool);
	check_line(tool.out, IPV4 "refused at lane 2 on CPU 2: backlog of 0 is full");
	CHECK_EQ(count_lines(tool.out), 2);
}

TEST(why__json)
{
	struct endpoint to;
	int fd;

	start();
	fd = listen_patient(V4, 8, &to);
	watch("-j --why", &to);
	happen_local(fd, &to, 3);
	told("{\"peer\":\"127.0.0.1:*\",\"local\":\"127.0.0.1:*\",\"events\":[{\"us\":0,\"event\":\"syn\",\"cpu\":3},{\"us\":*,\"event\":\"enqueue\",\"lane\":3,\"why\":\"claimed\",\"waited_us\":*,\"cpu\":3},{\"us\":*,\"event\":\"accept\",\"from\":\"local\",\"lane\":3,\"pid\":*,\"comm\":\"laneflow\",\"waited_us\":*,\"cpu\":3},{\"us\":*,\"event\":\"close\",\"cpu\":*}]}");
}

/* A stock socket's: the SYN on CPU 1, the accept on 2, data on 3. */
static void spread(int fd, const struct endpoint *to)
{
	int client = dial_on(1, to), child;

	pin(2);
	child = MUST(accept_within(fd, 1000));
	send_byte(client, 3, child);
	hang_up(client);
	close(child);
}

static void plain_why(void)
{
	struct endpoint to;
	int fd;

	fd = listen_stock(V4, 8, &to);
	watch("--why", &to);
	spread(fd, &to);
	told(IPV4 "SYN on CPU 1; queued on CPU 1; accepted on CPU 2 by laneflow[*] after *; data on CPU 3");
}

TEST(why__plain)
{
	need_cpus(4);
	need_tools();
	fresh_netns();
	plain_why();
}

TEST(why__no_module)
{
	start();
	/* perf lets go of a tracepoint's module a moment after its last user. */
	ASSERT(WITHIN(5000, !module_unload()));
	plain_why();
	CHECK(strstr(tool.err, "lanes.ko is not loaded"));
	module_load();
}

/* Data that came before the accept, and data that finished the handshake. */
TEST(why__early_data)
{
	int fd, client, child, defer_s = 10;
	struct endpoint to;

	need_cpus(4);
	need_tools();
	fresh_netns();
	fd = listen_stock(V6, 8, &to);
	watch("--why", &to);
	client = dial_on(1, &to);
	pin(3);
	MUST(send(client, "x", 1, 0));
	pin(2);
	child = MUST(accept_within(fd, 1000));
	told(IPV6 "SYN on CPU 1; queued on CPU 1; data on CPU 3; accepted on CPU 2 by laneflow[*] after *");
	hang_up(client);
	close(child);

	MUST(setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &defer_s, sizeof(defer_s)));
	watch("--why", &to);
	client = dial_on(1, &to);
	pin(3);
	MUST(send(client, "x", 1, 0));
	pin(2);
	child = MUST(accept_within(fd, 1000));
	told(IPV6 "SYN on CPU 1; queued on CPU 3; accepted on CPU 2 by laneflow[*] after *; data on CPU 3");
	hang_up(client);
	close(child);
}

/* Its handshake ends elsewhere in the kernel than the usual one. */
TEST(why__syn_cookie)
{
	int fd, client, child;
	struct endpoint to;

	need_cpus(4);
	need_tools();
	fresh_netns();
	write_sysctl("net.ipv4.tcp_syncookies", "2");
	fd = listen_stock(V6, 8, &to);
	watch("--why", &to);
	client = dial_on(1, &to);
	pin(2);
	child = MUST(accept_within(fd, 1000));
	send_byte(client, 3, child);
	told(IPV6 "SYN on CPU 1; queued on CPU 1; accepted on CPU 2 by laneflow[*] after *; data on CPU 3");
	hang_up(client);
	close(child);
}

TEST(matrix__plain)
{
	struct endpoint to;
	int fd;

	need_cpus(4);
	need_tools();
	fresh_netns();
	fd = listen_stock(DUAL, 8, &to);
	watch("-j --port", &to);
	for (int i = 0; i < 5; i++)
		spread(fd, &to);
	tool_end(&tool);
	check_line(tool.out, "{\"accepted\":5,\"accepted_on_syn_cpu\":0,\"accepted_local\":0,\"accepted_global\":0,\"accepted_stolen\":0,\"with_data\":5,\"data_on_accept_cpu\":0,\"all_on_one_cpu\":0,\"syn_not_seen\":0,\"lost\":0,\"accept_cells\":[{\"syn_cpu\":1,\"accept_cpu\":2,\"count\":5}],\"data_cells\":[{\"syn_cpu\":1,\"accept_cpu\":2,\"data_cpu\":3,\"count\":5}]}");
}

TEST(matrix__lanes)
{
	struct endpoint to;
	int fd;

	start();
	fd = listen_patient(V4, 8, &to);
	watch("--port", &to);
	happen_local(fd, &to, 1);
	happen_local(fd, &to, 1);
	happen_local(fd, &to, 2);
	happen_global(fd, &to, 0, 2);
	tool_end(&tool);
	check_line(tool.out, "SYN CPU     accept CPU");
	check_line(tool.out, "                     1         2    same CPU");
	check_line(tool.out, "       0             0         1       0.0 %");
	check_line(tool.out, "       1             2         0     100.0 %");
	check_line(tool.out, "       2             0         1     100.0 %");
	check_line(tool.out, "accepted                  4");
	check_line(tool.out, "  on the SYN's CPU        3  75.0 %");
	check_line(tool.out, "  from own lane           3");
	check_line(tool.out, "  from the global queue   1");
	check_line(tool.out, "  from another lane       0");
	check_line(tool.out, "SYN not seen              0");
}

/* Another port's, and what began before. */
TEST(matrix__port)
{
	struct endpoint to, other;
	int fd, other_fd, client;

	need_cpus(4);
	need_tools();
	fresh_netns();
	fd = listen_stock(V4, 8, &to);
	other_fd = listen_stock(V4, 8, &other);
	client = dial_on(1, &to);
	watch("-j --port", &to);
	spread(other_fd, &other);
	close(MUST(accept_within(fd, 1000)));
	hang_up(client);
	tool_end(&tool);
	check_line(tool.out, "{\"accepted\":0,*\"syn_not_seen\":1,\"lost\":0,\"accept_cells\":[],\"data_cells\":[]}");
}

TEST(messages__privileges)
{
	need_tools();
	MUST(setuid(65534));
	tool_run(&tool, "laneflow");
	tool_wait(&tool);
	CHECK_EQ(tool.status, 1);
	check_line(tool.err, "laneflow: BPF programs: EPERM (Operation not permitted); run it as root, or with CAP_BPF*");
}

TEST(messages__btf)
{
	need_tools();
	MUST(unshare(CLONE_NEWNS));
	MUST(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	MUST(mount("none", "/sys/kernel/btf", "tmpfs", 0, NULL));
	tool_run(&tool, "laneflow");
	tool_wait(&tool);
	CHECK_EQ(tool.status, 1);
	CHECK(strstr(tool.err, "CONFIG_DEBUG_INFO_BTF"));
}

/* Records that are laid out otherwise, and no tracefs. */
TEST(messages__records)
{
	need_tools();
	MUST(unshare(CLONE_NEWNS));
	MUST(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	MUST(mount("none", "/sys/kernel/debug", "tmpfs", 0, NULL));
	MUST(mount("none", "/sys/kernel/tracing", "tmpfs", 0, NULL));
	tool_run(&tool, "laneflow -d 0.2");
	tool_wait(&tool);
	CHECK_EQ(tool.status, 1);
	CHECK(strstr(tool.err, "mount -t tracefs"));
	CHECK_EQ(system("mkdir -p /sys/kernel/tracing/events/lanes/lanes_enqueue; printf '\tfield:__u8 local[28];\toffset:16;\tsize:28;\tsigned:0;\n' >/sys/kernel/tracing/events/lanes/lanes_enqueue/format"), 0);
	tool_run(&tool, "laneflow -d 0.2");
	tool_wait(&tool);
	CHECK_EQ(tool.status, 1);
	CHECK(strstr(tool.err, "lanes_enqueue/format: 'local' is not where this program knows it"));
}

TEST(messages__usage)
{
	need_tools();
	tool_run(&tool, "laneflow --help");
	tool_wait(&tool);
	CHECK_EQ(tool.status, 0);
	CHECK(strstr(tool.out, "--why"));
	tool_run(&tool, "laneflow --port 70000");
	tool_wait(&tool);
	CHECK_EQ(tool.status, 2);
	tool_run(&tool, "laneflow -d 0.2");
	tool_wait(&tool);
	CHECK_EQ(tool.status, 0);
	check_line(tool.err, "laneflow: watching all ports for 0.2 s");
}
