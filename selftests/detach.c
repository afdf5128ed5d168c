// SPDX-License-Identifier: GPL-2.0-only
/* Attach and detach on a live listener lose nothing and leave it stock. */
#define _GNU_SOURCE
#include "serve.h"

#include <fcntl.h>
#include <liburing.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "module.h"

/* Attaches and detaches until told to stop. */
struct toggler {
	int fd;
	bool stop;
	int toggles;
	pthread_t thread;
};

static void *toggle(void *arg)
{
	struct toggler *t = arg;

	while (!t->stop) {
		MUST(lanes_detach(t->fd));
		sleep_ms(t->toggles % 7);
		MUST(lanes_attach(t->fd));
		sleep_ms(t->toggles % 5);
		t->toggles++;
	}
	return NULL;
}

static void under_load(enum serve_mode mode, enum family family, int window)
{
	struct toggler t = {};
	struct worker *workers;
	struct endpoint to;
	struct client sum;

	t.fd = listen_lanes(family, 256, &to);
	workers = workers_per_cpu(t.fd, mode);
	workers_start(workers, nr_cpus(), true);
	workers_settle(workers, nr_cpus());
	ASSERT_EQ(pthread_create(&t.thread, NULL, toggle, &t), 0);
	sum = clients_per_cpu(&to, scaled(1500), window, 0);
	t.stop = true;
	pthread_join(t.thread, NULL);
	harness_diag("%d toggles, %d of %d served, worst wait %.1f ms",
		     t.toggles, sum.served, sum.count, sum.worst_ms);
	if (sum.failed)
		harness_diag("last failure: %s", strerror(sum.error));
	CHECK_EQ(sum.failed, 0);
	CHECK_EQ(sum.served, sum.count);
	CHECK_OP(t.toggles, >, 1);
	for (int cpu = 0; cpu < nr_cpus(); cpu++)
		CHECK_EQ(workers[cpu].error, 0);
	/* And it still works, both ways. */
	sum = clients_per_cpu(&to, 20, 1, 0);
	CHECK_EQ(sum.served, sum.count);
	MUST(lanes_detach(t.fd));
	sum = clients_per_cpu(&to, 20, 1, 0);
	CHECK_EQ(sum.served, sum.count);
}

TEST_TIMEOUT(detach__load_blocking, 60)
{
	under_load(SERVE_BLOCKING, V4, 4);
}

TEST_TIMEOUT(detach__load_poll, 60)
{
	under_load(SERVE_POLL, V4, 1);
}

TEST_TIMEOUT(detach__load_epoll_lt, 60)
{
	under_load(SERVE_EPOLL_LT, V6, 4);
}

TEST_TIMEOUT(detach__load_epoll_et, 60)
{
	under_load(SERVE_EPOLL_ET, V4, 1);
}

TEST_TIMEOUT(detach__load_epoll_exclusive, 60)
{
	under_load(SERVE_EPOLL_EXCLUSIVE, DUAL, 4);
}

TEST_TIMEOUT(detach__load_uring, 60)
{
	under_load(SERVE_URING, V4, 4);
}

TEST_TIMEOUT(detach__load_cookies, 60)
{
	fresh_netns();
	write_sysctl("net.ipv4.tcp_syncookies", "2");
	under_load(SERVE_EPOLL_LT, V4, 4);
}

/* What lay in the lanes is taken by anybody, at once. */
TEST(detach__queue_intact)
{
	struct worker *workers;
	int fd, clients[12];
	struct endpoint to;

	fd = listen_lanes(V4, 32, &to);
	set_spill_ms(fd, 10000);
	workers = workers_per_cpu(fd, SERVE_NEVER);
	workers_start(workers, nr_cpus(), false);
	workers_settle(workers, nr_cpus());
	for (int i = 0; i < 12; i++)
		clients[i] = dial_on(i % nr_cpus(), &to);
	ASSERT_EQ(queued_within(fd, 12, 1000), 12);
	MUST(lanes_detach(fd));
	CHECK_EQ(poll_now(fd, POLLIN), POLLIN);
	for (int i = 0; i < 12; i++)
		close(MUST(accept_nowait(fd)));
	CHECK_EQ(poll_now(fd, POLLIN), 0);
	CHECK_ERRNO(accept_nowait(fd), EAGAIN);
	for (int i = 0; i < 12; i++)
		hang_up(clients[i]);
}

/* The count of the queue is right, too: a full backlog is admitted again. */
TEST(detach__backlog_is_stock)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);
	struct worker *workers;
	struct endpoint to;
	int fd, clients[16];

	fd = listen_lanes(V4, 7, &to);
	workers = workers_per_cpu(fd, SERVE_NEVER);
	workers_start(workers, nr_cpus(), false);
	workers_settle(workers, nr_cpus());
	for (int i = 0; i < 4; i++)
		clients[i] = dial_on(i % nr_cpus(), &to);
	MUST(lanes_detach(fd));
	MUST(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len));
	CHECK_EQ(info.tcpi_unacked, 4);
	CHECK_EQ(info.tcpi_sacked, 7);
	for (int i = 4; i < 16; i++) {
		clients[i] = MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK |
					 SOCK_CLOEXEC, 0));
		(void)!connect(clients[i], (struct sockaddr *)&to.addr, to.len);
	}
	sleep_ms(slow_ms(30));
	MUST(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len));
	CHECK_EQ(info.tcpi_unacked, 8);
	for (int i = 0; i < 16; i++)
		hang_up(clients[i]);
}

/* Handshakes that TCP_DEFER_ACCEPT holds open while the socket changes. */
static void half_open(bool attached_first)
{
	int fd, clients[8], defer_s = 20;
	struct endpoint to;

	fd = bound_socket(V4, &to);
	MUST(setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &defer_s,
			sizeof(defer_s)));
	MUST(listen(fd, 16));
	if (attached_first)
		MUST(lanes_attach(fd));
	for (int i = 0; i < 8; i++)
		clients[i] = dial_on(i % nr_cpus(), &to);
	CHECK_EQ(poll_now(fd, POLLIN), 0);
	if (attached_first)
		MUST(lanes_detach(fd));
	else
		MUST(lanes_attach(fd));
	for (int i = 0; i < 8; i++) {
		char byte;
		int child;

		MUST(send(clients[i], "x", 1, 0));
		child = MUST(accept_within(fd, 2000));
		CHECK(same_socket(clients[i], child));
		CHECK_EQ(recv(child, &byte, 1, 0), 1);
		close(child);
		hang_up(clients[i]);
	}
	if (attached_first && !plain())
		CHECK(WITHIN(2000, module_references() == 0));
}

TEST(detach__half_open)
{
	half_open(true);
}

TEST(attach__half_open)
{
	half_open(false);
}

/* A half-open handshake whose socket is detached, then closed: the bottom half
 * that has it sees the close a moment later (Documentation/uapi.rst).
 */
TEST(detach__half_open_closed)
{
	int fd, client, defer_s = 20;
	struct endpoint to;
	char byte;

	fd = bound_socket(V4, &to);
	MUST(setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &defer_s,
			sizeof(defer_s)));
	MUST(listen(fd, 16));
	MUST(lanes_attach(fd));
	client = dial_on(0, &to);
	MUST(lanes_detach(fd));
	close(fd);
	fd = MUST(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	CHECK(WITHIN(100, !bind(fd, (struct sockaddr *)&to.addr, to.len)));
	close(fd);
	MUST(send(client, "x", 1, 0));
	CHECK_ERRNO(recv(client, &byte, 1, 0), ECONNRESET);
	if (!plain())
		CHECK(WITHIN(2000, module_references() == 0));
}

/* Someone sleeps on the listener while it is detached and then dialled. */
struct detacher {
	int fd;
	struct endpoint to;
	pthread_t thread;
	int client;
};

static void *detach_then_dial(void *arg)
{
	struct detacher *d = arg;

	sleep_ms(slow_ms(30));
	MUST(lanes_detach(d->fd));
	sleep_ms(slow_ms(20));
	d->client = dial_on(0, &d->to);
	return NULL;
}

static void start_detacher(struct detacher *d)
{
	d->fd = listen_lanes(V4, 8, &d->to);
	pin(0);
	ASSERT_EQ(pthread_create(&d->thread, NULL, detach_then_dial, d), 0);
}

static void finish_detacher(struct detacher *d, int child)
{
	ASSERT(child >= 0);
	pthread_join(d->thread, NULL);
	CHECK(same_socket(d->client, child));
	hang_up(d->client);
	close(child);
	if (!plain())
		CHECK(WITHIN(2000, module_references() == 0));
	close(d->fd);
}

TEST(detach__sleeper_in_accept)
{
	struct detacher d;

	start_detacher(&d);
	finish_detacher(&d, accept(d.fd, NULL, NULL));
}

static void *accept_one(void *arg)
{
	return (void *)(intptr_t)accept(*(int *)arg, NULL, NULL);
}

/* The sleeper may be in the module's text. */
TEST(detach__sleeper_in_accept_keeps_the_module)
{
	struct endpoint to;
	pthread_t sleeper;
	void *child;
	int fd, client;

	need_lanes();
	fd = listen_lanes(V4, 8, &to);
	ASSERT_EQ(pthread_create(&sleeper, NULL, accept_one, &fd), 0);
	sleep_ms(slow_ms(30));
	MUST(lanes_detach(fd));
	CHECK(!WITHIN(1500, module_unload() == 0));
	client = dial_on(0, &to);
	pthread_join(sleeper, &child);
	CHECK(same_socket(client, (int)(intptr_t)child));
	hang_up(client);
	close((int)(intptr_t)child);
	CHECK(WITHIN(5000, module_unload() == 0));
	module_load();
}

TEST(detach__sleeper_in_poll)
{
	struct detacher d;

	start_detacher(&d);
	CHECK_EQ(poll_within(d.fd, POLLIN, 3000), POLLIN);
	finish_detacher(&d, accept_nowait(d.fd));
}

TEST(detach__sleeper_in_epoll)
{
	uint32_t flags[] = { 0, EPOLLET, EPOLLEXCLUSIVE };

	for (int i = 0; i < 3; i++) {
		struct epoll_event event = { .events = EPOLLIN | flags[i] };
		int epfd = MUST(epoll_create1(EPOLL_CLOEXEC));
		struct detacher d;

		start_detacher(&d);
		MUST(epoll_ctl(epfd, EPOLL_CTL_ADD, d.fd, &event));
		CHECK_EQ(epoll_wait(epfd, &event, 1, slow_ms(3000)), 1);
		finish_detacher(&d, accept_nowait(d.fd));
		close(epfd);
	}
}

TEST(detach__sleeper_in_uring)
{
	struct io_uring_cqe *cqe;
	struct io_uring ring;
	struct detacher d;

	ASSERT_EQ(io_uring_queue_init(8, &ring,
				      IORING_SETUP_SINGLE_ISSUER |
				      IORING_SETUP_DEFER_TASKRUN), 0);
	start_detacher(&d);
	io_uring_prep_multishot_accept(io_uring_get_sqe(&ring), d.fd, NULL,
				       NULL, SOCK_CLOEXEC);
	ASSERT_EQ(io_uring_submit(&ring), 1);
	ASSERT_EQ(io_uring_wait_cqe(&ring, &cqe), 0);
	pthread_join(d.thread, NULL);
	CHECK_OP(cqe->res, >=, 0);
	CHECK(same_socket(d.client, cqe->res));
	hang_up(d.client);
	io_uring_cqe_seen(&ring, cqe);
	/* It serves on; the module stays until the request ends. */
	d.client = dial_on(0, &d.to);
	ASSERT_EQ(io_uring_wait_cqe(&ring, &cqe), 0);
	CHECK_OP(cqe->res, >=, 0);
	hang_up(d.client);
	io_uring_cqe_seen(&ring, cqe);
	io_uring_queue_exit(&ring);
	if (!plain())
		CHECK(WITHIN(5000, module_references() == 0));
}

/* The socket and its epoll live on without the module. */
TEST(detach__unload_with_socket_open)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd, client, child, epfd;
	struct endpoint to;

	need_lanes();
	fd = listen_lanes(V4, 8, &to);
	pin(0);
	epfd = MUST(epoll_create1(EPOLL_CLOEXEC));
	MUST(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event));
	CHECK_ERRNO(module_unload(), EAGAIN);
	client = dial_on(0, &to);
	child = MUST(accept_within(fd, 1000));
	MUST(lanes_detach(fd));
	ASSERT(WITHIN(5000, module_unload() == 0));
	CHECK_EQ(module_references(), -1);

	/* A connection of its time, a new one, and the epoll. */
	CHECK_EQ(send(child, "x", 1, 0), 1);
	hang_up(client);
	close(child);
	client = dial_on(nr_cpus() - 1, &to);
	CHECK_EQ(epoll_wait(epfd, &event, 1, slow_ms(1000)), 1);
	child = MUST(accept(fd, NULL, NULL));
	CHECK(same_socket(client, child));
	hang_up(client);
	close(child);

	module_load();
	MUST(lanes_attach(fd));
	client = dial_on(0, &to);
	CHECK_EQ(epoll_wait(epfd, &event, 1, slow_ms(1000)), 1);
	close(MUST(accept_within(fd, 1000)));
	hang_up(client);
}

TEST(detach__idle_loop)
{
	struct endpoint to;
	int fd = listen_lanes(V6, 8, &to);

	for (int i = 0; i < scaled(100); i++) {
		int client;

		MUST(lanes_detach(fd));
		MUST(lanes_attach(fd));
		client = dial_on(i % nr_cpus(), &to);
		close(MUST(accept_within(fd, 1000)));
		hang_up(client);
	}
	MUST(lanes_detach(fd));
	if (!plain())
		CHECK(WITHIN(2000, module_references() == 0));
}
