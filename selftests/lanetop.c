// SPDX-License-Identifier: GPL-2.0-only
/* lanetop: what arrives and what is accepted, of each listener on each CPU. */
#define _GNU_SOURCE
#include "observe.h"

#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tool.h"

static struct tool tool;

static void start(void)
{
	need_cpus(4);
	need_tools();
	fresh_netns();
}

static void watch(const struct endpoint *to, const char *options)
{
	char command[100];

	snprintf(command, sizeof(command), "lanetop --port %d %s", port_of(to), options);
	tool_watch(&tool, command);
}

static void accept_on(int cpu, int fd)
{
	pin(cpu);
	close(MUST(accept_within(fd, 1000)));
	unpin();
}

/* All that is printed is of one interval, which SIGINT ends. */
TEST(top__stock)
{
	struct endpoint to;
	char line[300];
	int fd, client[3];

	start();
	fd = listen_stock(V4, 8, &to);
	watch(&to, "-j -i 600");
	for (int i = 0; i < 3; i++)
		client[i] = dial_on(1, &to);
	sleep_ms(60);
	accept_on(2, fd);
	accept_on(3, fd);
	tool_end(&tool);
	snprintf(line, sizeof(line),
		 "*{\"listener\":\"127.0.0.1:%d\",\"cpu\":-1,\"arrived\":3,\"accepted\":2,\"wait_us\":*,\"queued\":1}*",
		 port_of(&to));
	check_line(tool.out, line);
	check_line(tool.out, "*\"cpu\":1,\"arrived\":3,\"accepted\":0,\"wait_us\":0}*");
	check_line(tool.out, "*\"cpu\":2,\"arrived\":0,\"accepted\":1,\"wait_us\":*}*");
	check_line(tool.out, "*\"cpu\":3,\"arrived\":0,\"accepted\":1,\"wait_us\":*}*");
	CHECK_OP(atol(strstr(strstr(tool.out, "\"cpu\":2"), "wait_us\":") + 9), >=, 59000);
	for (int i = 0; i < 3; i++)
		hang_up(client[i]);
}

TEST(top__lanes)
{
	struct endpoint to;
	int fd, client;

	need_lanes();
	start();
	fd = listen_patient(V6, 8, &to);
	watch(&to, "-j -i 600");
	happen_local(fd, &to, 1);
	happen_local(fd, &to, 1);
	happen_late(fd, &to, 2);
	claim_lane(fd, 3);
	client = MUST(dial(&to));
	tool_end(&tool);
	check_line(tool.out, "*\"cpu\":1,\"arrived\":2,\"accepted\":2,\"wait_us\":*,\"queued\":0,\"claimed\":*,\"local\":2,\"global\":0,\"stolen\":0,\"spilled\":0}*");
	check_line(tool.out, "*\"cpu\":2,\"arrived\":1,\"accepted\":1,\"wait_us\":*,\"queued\":0,\"claimed\":*,\"local\":0,\"global\":1,\"stolen\":0,\"spilled\":1}*");
	check_line(tool.out, "*\"cpu\":3,\"arrived\":1,\"accepted\":0,\"wait_us\":0,\"queued\":1,\"claimed\":true,*");
	check_line(tool.out, "*\"cpu\":-1,\"arrived\":4,\"accepted\":3,\"wait_us\":*,\"queued\":1,\"claimed\":true,\"local\":2,\"global\":1,\"stolen\":0,\"spilled\":1}*");
	hang_up(client);
}

TEST(top__text)
{
	struct endpoint to;
	char line[100];
	int fd, client;

	start();
	fd = listen_stock(V4, 8, &to);
	watch(&to, "-i 600");
	client = dial_on(1, &to);
	accept_on(2, fd);
	tool_end(&tool);
	check_line(tool.out, "LISTENER * CPU  ARRIVED/s  ACCEPTED/s  QUEUED * WAIT * SPILLED/s");
	snprintf(line, sizeof(line), "127.0.0.1:%d * all *", port_of(&to));
	check_line(tool.out, line);
	hang_up(client);
}

/* What a terminal has shown since the last call, until it shows @wanted. */
static bool shows(int terminal, char *screen, size_t room, const char *wanted)
{
	struct pollfd p = { .fd = terminal, .events = POLLIN };
	size_t have = 0;

	screen[0] = 0;
	while (!strstr(screen, wanted) && poll(&p, 1, slow_ms(10000)) > 0 && have < room - 1) {
		ssize_t size = read(terminal, screen + have, room - 1 - have);

		if (size <= 0)
			break;
		have += size;
		screen[have] = 0;
	}
	if (strstr(screen, wanted))
		return true;
	harness_diag("'%s' is not in '%s'", wanted, screen);
	return false;
}

TEST(top__terminal)
{
	struct winsize size = { .ws_row = 10, .ws_col = 130 };
	static char screen[65536];
	struct endpoint to;
	char path[300], port[20];
	int fd, terminal, status, client;
	pid_t pid;

	start();
	fd = listen_stock(V4, 8, &to);
	snprintf(port, sizeof(port), "%d", port_of(&to));
	snprintf(path, sizeof(path), "%s/lanetop", getenv("LANES_BIN") ?: ".");
	pid = MUST(forkpty(&terminal, NULL, NULL, &size));
	if (!pid) {
		execl(path, path, "--port", port, "-i", "0.3", NULL);
		_exit(127);
	}
	/* The alternate screen, then a table. */
	ASSERT(shows(terminal, screen, sizeof(screen), "\033[?1049h"));
	CHECK(shows(terminal, screen, sizeof(screen), "by accepted  [s]ort"));
	client = dial_on(1, &to);
	accept_on(2, fd);
	snprintf(port, sizeof(port), "127.0.0.1:%d", port_of(&to));
	CHECK(shows(terminal, screen, sizeof(screen), port));
	MUST(write(terminal, "s", 1));
	CHECK(shows(terminal, screen, sizeof(screen), "by arrived  [s]ort"));
	MUST(write(terminal, "p", 1));
	CHECK(shows(terminal, screen, sizeof(screen), "by arrived, paused"));
	MUST(write(terminal, " ", 1));
	CHECK(shows(terminal, screen, sizeof(screen), "by arrived  [s]ort"));
	MUST(write(terminal, "q", 1));
	CHECK(shows(terminal, screen, sizeof(screen), "\033[?1049l"));
	MUST(waitpid(pid, &status, 0));
	CHECK_EQ(status, 0);
	hang_up(client);
	close(terminal);
}

TEST(top__usage)
{
	need_tools();
	tool_run(&tool, "lanetop -i 0");
	tool_wait(&tool);
	CHECK_EQ(tool.status, 2);
	tool_run(&tool, "lanetop --help");
	tool_wait(&tool);
	CHECK_EQ(tool.status, 0);
	CHECK(strstr(tool.out, "--interval"));
	MUST(setuid(65534));
	tool_run(&tool, "lanetop");
	tool_wait(&tool);
	CHECK_EQ(tool.status, 1);
	CHECK(strstr(tool.err, "CAP_BPF"));
}
