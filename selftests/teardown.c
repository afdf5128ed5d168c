// SPDX-License-Identifier: GPL-2.0-only
/*
 * Listeners that end in every way, under load. What the cases leave behind
 * (sockets, references, kernel warnings) is for the runner to find.
 */
#define _GNU_SOURCE
#include "serve.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "module.h"

#define DEFER_S 20

/* Dials whatever listens there until it is killed; failures are expected. */
static pid_t load_start(const struct endpoint *to, int cpu)
{
	pid_t pid = MUST(fork());

	if (pid)
		return pid;
	pin(cpu);
	for (;;) {
		int fd = dial(to);
		struct reply reply;

		if (fd < 0) {
			sleep_ms(1);
			continue;
		}
		recv(fd, &reply, sizeof(reply), MSG_WAITALL);
		hang_up(fd);
	}
}

static void end(pid_t pid)
{
	MUST(kill(pid, SIGKILL));
	MUST(waitpid(pid, NULL, 0));
}

/* A server process with a worker thread on each CPU, on the given address. */
static pid_t server_start(const struct endpoint *to, enum serve_mode mode)
{
	int ready[2], one = 1, fd;
	pid_t pid;
	char byte;

	MUST(pipe(ready));
	pid = MUST(fork());
	if (!pid) {
		fd = MUST(socket(to->addr.ss_family, SOCK_STREAM, 0));
		MUST(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)));
		/* A killed ring frees its files up to a second later. */
		ASSERT(WITHIN(5000, !bind(fd, (struct sockaddr *)&to->addr,
					  to->len)));
		MUST(listen(fd, 64));
		MUST(lanes_attach(fd));
		workers_start(workers_per_cpu(fd, mode), nr_cpus(), false);
		MUST(write(ready[1], "", 1));
		for (;;)
			pause();
	}
	close(ready[1]);
	ASSERT_EQ(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void killed_under_load(enum serve_mode mode, enum family family)
{
	pid_t loads[CPUS_MAX];
	struct endpoint to;

	close(bound_socket(family, &to));
	for (int cpu = 0; cpu < nr_cpus(); cpu++)
		loads[cpu] = load_start(&to, cpu);
	for (int i = 0; i < scaled(15); i++) {
		/* The same port again and again: nothing must keep it. */
		pid_t pid = server_start(&to, mode);

		sleep_ms(slow_ms(10 + i * 3 % 30));
		end(pid);
	}
	for (int cpu = 0; cpu < nr_cpus(); cpu++)
		end(loads[cpu]);
	if (!plain())
		CHECK(WITHIN(5000, module_references() == 0));
}

TEST_TIMEOUT(teardown__killed_blocking, 60)
{
	killed_under_load(SERVE_BLOCKING, V4);
}

TEST_TIMEOUT(teardown__killed_epoll, 60)
{
	killed_under_load(SERVE_EPOLL_LT, V6);
}

TEST_TIMEOUT(teardown__killed_uring, 60)
{
	killed_under_load(SERVE_URING, V4);
}

/* In one process: closed while connections come, then opened again. */
TEST_TIMEOUT(teardown__closed_under_load, 60)
{
	pid_t loads[CPUS_MAX];
	struct endpoint to;

	close(bound_socket(V4, &to));
	for (int cpu = 0; cpu < nr_cpus(); cpu++)
		loads[cpu] = load_start(&to, cpu);
	for (int i = 0; i < scaled(60); i++) {
		int one = 1, fd = MUST(socket(AF_INET, SOCK_STREAM, 0));

		MUST(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)));
		MUST(bind(fd, (struct sockaddr *)&to.addr, to.len));
		MUST(listen(fd, 32));
		MUST(lanes_attach(fd));
		pin(i % nr_cpus());
		if (i % 2)
			hang_up(MUST(accept(fd, NULL, NULL)));
		if (i % 3 == 0)
			MUST(shutdown(fd, SHUT_RDWR));
		close(fd);
	}
	for (int cpu = 0; cpu < nr_cpus(); cpu++)
		end(loads[cpu]);
}

/* Handshakes held half-open by TCP_DEFER_ACCEPT when the listener goes. */
static int listen_deferring(struct endpoint *to)
{
	int fd = bound_socket(V4, to), defer_s = DEFER_S;

	MUST(setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &defer_s,
			sizeof(defer_s)));
	MUST(listen(fd, 64));
	MUST(lanes_attach(fd));
	return fd;
}

TEST(teardown__half_open)
{
	struct endpoint to;
	int fd = listen_deferring(&to), clients[8];
	char byte;

	for (int i = 0; i < 8; i++)
		clients[i] = dial_on(i % nr_cpus(), &to);
	close(fd);
	for (int i = 0; i < 8; i++) {
		MUST(send(clients[i], "x", 1, 0));
		CHECK_ERRNO(recv(clients[i], &byte, 1, 0), ECONNRESET);
		hang_up(clients[i]);
	}
}

/* A network namespace goes with all that is in it. */
TEST_TIMEOUT(teardown__netns, 60)
{
	for (int i = 0; i < scaled(10); i++) {
		pid_t pid = MUST(fork());
		int status;

		if (!pid) {
			struct worker *workers;
			struct endpoint to, deferring;
			struct client sum;
			int fd;

			fresh_netns();
			fd = listen_lanes(i % 2 ? V6 : V4, 64, &to);
			workers = workers_per_cpu(fd, SERVE_EPOLL_LT);
			workers_start(workers, nr_cpus(), false);
			/* TIME_WAIT, queued, half-open. */
			sum = clients_per_cpu(&to, 16, 1, 20000);
			CHECK_EQ(sum.served, sum.count);
			listen_deferring(&deferring);
			for (int c = 0; c < 4; c++)
				dial_on(c % nr_cpus(), &deferring);
			fd = listen_lanes(V4, 64, &to);
			for (int c = 0; c < 4; c++)
				dial_on(c % nr_cpus(), &to);
			_exit(0);
		}
		MUST(waitpid(pid, &status, 0));
		CHECK_EQ(status, 0);
	}
	if (!plain())
		CHECK(WITHIN(5000, module_references() == 0));
}

/* `ss -K` takes a listener from LISTEN without a word to its owner. */
static int kill_by_ss(int port)
{
	char command[100];

	snprintf(command, sizeof(command), "ss -K -l -t sport = :%d >/dev/null", port);
	return system(command);
}

/* What the owner sees then, as bits: the same as on a stock socket. */
static int seen_after_ss_kill(bool lanes)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd, epfd, client, seen;
	struct endpoint to;
	char byte;

	fd = lanes ? listen_lanes(V4, 8, &to) : listen_stock(V4, 8, &to);
	pin(0);
	epfd = MUST(epoll_create1(EPOLL_CLOEXEC));
	MUST(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event));
	client = dial_on(0, &to);
	ASSERT_EQ(poll_within(fd, POLLIN, 1000), POLLIN);
	if (kill_by_ss(port_of(&to)))
		SKIP("ss -K: not possible here");
	if (dial(&to) >= 0)
		SKIP("ss -K: CONFIG_INET_DIAG_DESTROY is off");
	CHECK_EQ(errno, ECONNREFUSED);
	CHECK_ERRNO(recv(client, &byte, 1, 0), ECONNRESET);
	seen = poll_within(fd, POLLIN | POLLOUT, 0);
	CHECK_EQ(epoll_wait(epfd, &event, 1, slow_ms(1000)), 1);
	CHECK_ERRNO(accept_nowait(fd), EINVAL);
	hang_up(client);
	close(fd);
	close(epfd);
	return seen;
}

TEST(teardown__ss_kill)
{
	CHECK_EQ(seen_after_ss_kill(true), seen_after_ss_kill(false));
}

/* Many times, while workers sleep on it in every way. */
TEST_TIMEOUT(teardown__ss_kill_sleepers, 60)
{
	for (enum serve_mode mode = 0; mode < NR_SERVE_MODES; mode++) {
		struct worker *workers;
		struct endpoint to;
		struct client sum;
		int fd = listen_lanes(V4, 32, &to);

		workers = workers_per_cpu(fd, mode);
		workers_start(workers, nr_cpus(), true);
		workers_settle(workers, nr_cpus());
		sum = clients_per_cpu(&to, 8, 1, 0);
		CHECK_EQ(sum.served, sum.count);
		if (kill_by_ss(port_of(&to)))
			SKIP("ss -K: not possible here");
		close(fd);
		for (int cpu = 0; cpu < nr_cpus(); cpu++) {
			if (!CHECK(WITHIN(2000, workers[cpu].error)))
				harness_diag("%s: slept on",
					     serve_mode_name[mode]);
			else
				CHECK_EQ(workers[cpu].error, EINVAL);
			end(workers[cpu].pid);
		}
	}
}

/* In use: no. Afterwards: yes, at any moment, also under load. */
TEST_TIMEOUT(teardown__unload_loop, 60)
{
	pid_t loads[CPUS_MAX];
	struct endpoint to;

	need_lanes();
	close(bound_socket(V4, &to));
	for (int cpu = 0; cpu < nr_cpus(); cpu++)
		loads[cpu] = load_start(&to, cpu);
	for (int i = 0; i < scaled(8); i++) {
		pid_t pid = server_start(&to, i % 2 ? SERVE_URING :
						      SERVE_EPOLL_LT);

		sleep_ms(slow_ms(20));
		CHECK_ERRNO(module_unload(), EAGAIN);
		end(pid);
		ASSERT(WITHIN(5000, module_unload() == 0));
		CHECK_EQ(module_references(), -1);
		module_load();
	}
	for (int cpu = 0; cpu < nr_cpus(); cpu++)
		end(loads[cpu]);
}
