// SPDX-License-Identifier: GPL-2.0-only
/* accept(2) in every circumstance answers as on a stock socket. */
#define _GNU_SOURCE
#include "serve.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* What happens to a listener a while after the acceptor went to sleep. */
struct later {
	int ms;
	void (*act)(struct later *later);
	int fd;
	int cpu;
	pthread_t acceptor;
	pid_t acceptor_tid;
	pthread_t thread;
	struct endpoint to;
	int client;
};

static void *later_thread(void *arg)
{
	struct later *later = arg;

	sleep_ms(slow_ms(later->ms));
	later->act(later);
	return NULL;
}

static void start_later(struct later *later)
{
	later->acceptor = pthread_self();
	later->acceptor_tid = gettid();
	ASSERT_EQ(pthread_create(&later->thread, NULL, later_thread, later), 0);
}

static void act_dial(struct later *later)
{
	later->client = dial_on(later->cpu, &later->to);
}

static void act_close_then_dial(struct later *later)
{
	close(later->fd);
	later->client = dial_on(later->cpu, &later->to);
}

static void act_shutdown(struct later *later)
{
	shutdown(later->fd, SHUT_RD);
}

static void act_signal(struct later *later)
{
	pthread_kill(later->acceptor, SIGUSR1);
}

static void act_signal_then_dial(struct later *later)
{
	pthread_kill(later->acceptor, SIGUSR1);
	sleep_ms(slow_ms(50));
	later->client = dial_on(later->cpu, &later->to);
}

static void act_move_then_dial(struct later *later)
{
	pin_task(later->acceptor_tid, 1);
	sleep_ms(slow_ms(20));
	later->client = dial_on(later->cpu, &later->to);
}

static void on_signal(int signo)
{
	(void)signo;
}

static void catch_signal(int flags)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = flags };

	MUST(sigaction(SIGUSR1, &sa, NULL));
}

static void set_rcvtimeo(int fd, int ms)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	MUST(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
}

static void expect_child(struct later *later, int child)
{
	if (child < 0)
		harness_diag("accept: %s", strerror(errno));
	ASSERT(child >= 0);
	pthread_join(later->thread, NULL);
	CHECK(same_socket(later->client, child));
	hang_up(later->client);
	close(child);
}

TEST(accept__blocking)
{
	for (int bound = 0; bound < 2; bound++) {
		for (int cpu = 0; cpu < nr_cpus(); cpu++) {
			struct later later = { .ms = 20, .act = act_dial,
					       .cpu = cpu };
			int fd = listen_lanes(V4, 8, &later.to);

			bound ? pin(0) : unpin();
			start_later(&later);
			expect_child(&later, accept(fd, NULL, NULL));
			close(fd);
		}
	}
}

TEST(accept__already_queued)
{
	for (int cpu = 0; cpu < nr_cpus(); cpu++) {
		struct endpoint to;
		int fd = listen_lanes(V4, 8, &to), client = dial_on(cpu, &to);
		int child;

		pin(nr_cpus() - 1);
		child = MUST(accept(fd, NULL, NULL));
		CHECK(same_socket(client, child));
		hang_up(client);
		unpin();
	}
}

TEST(accept__nonblocking)
{
	struct endpoint to;
	int fd = listen_lanes(V4, 8, &to), client, child;

	set_nonblock(fd, true);
	CHECK_ERRNO(accept(fd, NULL, NULL), EAGAIN);
	pin(0);
	CHECK_ERRNO(accept(fd, NULL, NULL), EAGAIN);
	unpin();
	/* It did not wait, so nothing is kept for it. */
	client = dial_on(0, &to);
	ASSERT(WITHIN(1000, (child = accept(fd, NULL, NULL)) >= 0));
	CHECK(same_socket(client, child));
	CHECK_ERRNO(accept(fd, NULL, NULL), EAGAIN);
	hang_up(client);
}

TEST(accept__order)
{
	struct endpoint to;
	int fd = listen_lanes(V4, 32, &to), clients[10];

	for (int i = 0; i < 10; i++)
		clients[i] = dial_on(i % nr_cpus(), &to);
	ASSERT_EQ(queued_within(fd, 10, 1000), 10);
	for (int i = 0; i < 10; i++) {
		int child = MUST(accept(fd, NULL, NULL));

		CHECK(same_socket(clients[i], child));
		close(child);
		hang_up(clients[i]);
	}
}

TEST(accept__eintr)
{
	struct later later = { .ms = 50, .act = act_signal };
	int fd = listen_lanes(V4, 8, &later.to);

	catch_signal(0);
	start_later(&later);
	CHECK_ERRNO(accept(fd, NULL, NULL), EINTR);
	pin(0);
	start_later(&later);
	CHECK_ERRNO(accept(fd, NULL, NULL), EINTR);
}

TEST(accept__sa_restart)
{
	for (int bound = 0; bound < 2; bound++) {
		struct later later = { .ms = 50, .act = act_signal_then_dial };
		int fd = listen_lanes(V4, 8, &later.to);

		catch_signal(SA_RESTART);
		if (bound)
			pin(0);
		start_later(&later);
		expect_child(&later, accept(fd, NULL, NULL));
	}
}

/* A time limit makes accept answer EINTR in spite of SA_RESTART. */
TEST(accept__sa_restart_rcvtimeo)
{
	struct later later = { .ms = 50, .act = act_signal };
	int fd = listen_lanes(V4, 8, &later.to);

	catch_signal(SA_RESTART);
	set_rcvtimeo(fd, slow_ms(5000));
	start_later(&later);
	CHECK_ERRNO(accept(fd, NULL, NULL), EINTR);
}

TEST(accept__rcvtimeo)
{
	for (int bound = 0; bound < 2; bound++) {
		struct endpoint to;
		int fd = listen_lanes(V4, 8, &to);
		double start_ms = now_ms(), took_ms;

		if (bound)
			pin(0);
		set_rcvtimeo(fd, 150);
		CHECK_ERRNO(accept(fd, NULL, NULL), EAGAIN);
		took_ms = now_ms() - start_ms;
		CHECK_OP(took_ms, >=, 145);
		CHECK_OP(took_ms, <, 150 + slow_ms(SLACK_MS));
		close(fd);
	}
}

TEST(accept__rcvtimeo_served)
{
	struct later later = { .ms = 50, .act = act_dial };
	int fd = listen_lanes(V4, 8, &later.to);

	set_rcvtimeo(fd, slow_ms(5000));
	pin(0);
	start_later(&later);
	expect_child(&later, accept(fd, NULL, NULL));
}

TEST(accept4__flags)
{
	struct endpoint to;
	int fd = listen_lanes(V4, 8, &to);
	int client, child;

	client = MUST(dial(&to));
	CHECK_ERRNO(accept4(fd, NULL, NULL, 0x1), EINVAL);
	child = MUST(accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
	CHECK(fcntl(child, F_GETFL) & O_NONBLOCK);
	CHECK(fcntl(child, F_GETFD) & FD_CLOEXEC);
	close(child);
	hang_up(client);

	client = MUST(dial(&to));
	child = MUST(accept(fd, NULL, NULL));
	CHECK(!(fcntl(child, F_GETFL) & O_NONBLOCK));
	CHECK(!(fcntl(child, F_GETFD) & FD_CLOEXEC));
	close(child);
	hang_up(client);
}

TEST(accept__addresses)
{
	for (enum family family = V4; family <= DUAL; family++) {
		struct sockaddr_in6 peer = {}, name = {}, local = {};
		socklen_t peer_len = sizeof(peer), name_len = sizeof(name);
		socklen_t local_len = sizeof(local);
		struct endpoint to;
		int fd = listen_lanes(family, 8, &to);
		int client = MUST(dial(&to)), child;

		child = MUST(accept(fd, (struct sockaddr *)&peer, &peer_len));
		MUST(getsockname(client, (struct sockaddr *)&name, &name_len));
		MUST(getsockname(child, (struct sockaddr *)&local, &local_len));
		CHECK_EQ(peer.sin6_port, name.sin6_port);
		CHECK_EQ(ntohs(local.sin6_port), port_of(&to));
		if (family == DUAL) {
			CHECK_EQ(peer_len, sizeof(peer));
			CHECK(IN6_IS_ADDR_V4MAPPED(&peer.sin6_addr));
			CHECK(IN6_IS_ADDR_V4MAPPED(&local.sin6_addr));
		} else {
			CHECK_EQ(peer_len, name_len);
			CHECK(!memcmp(&peer, &name, name_len));
			CHECK(!memcmp(&local, &to.addr, to.len));
		}
		close(child);
		hang_up(client);
		close(fd);
	}
}

/* No sign of the listener's ULP on what it accepted. */
TEST(accept__child_is_stock)
{
	struct endpoint to;
	int fd = listen_lanes(V4, 8, &to), client, child;
	char name[16] = "", text[6];
	socklen_t len = sizeof(name);

	client = MUST(dial(&to));
	child = MUST(accept(fd, NULL, NULL));
	MUST(getsockopt(child, IPPROTO_TCP, TCP_ULP, name, &len));
	CHECK_EQ(name[0], 0);
	MUST(send(client, "lanes", 5, 0));
	CHECK_EQ(recv(child, text, 5, MSG_WAITALL), 5);
	MUST(send(child, text, 5, 0));
	CHECK_EQ(recv(client, text, 5, MSG_WAITALL), 5);
	CHECK_ERRNO(accept(child, NULL, NULL), EINVAL);
	CHECK_ERRNO(listen(child, 5), EINVAL);
	close(fd);
	/* It outlives its listener. */
	MUST(send(client, "again", 5, 0));
	CHECK_EQ(recv(child, text, 5, MSG_WAITALL), 5);
	hang_up(client);
}

/* No descriptor, no loss: the connection stays queued. */
TEST(accept__emfile)
{
	struct rlimit limit = {}, none;
	struct endpoint to;
	int fd = listen_lanes(V4, 8, &to), client, child;

	client = MUST(dial(&to));
	MUST(getrlimit(RLIMIT_NOFILE, &limit));
	none = limit;
	none.rlim_cur = 3;
	MUST(setrlimit(RLIMIT_NOFILE, &none));
	CHECK_ERRNO(accept(fd, NULL, NULL), EMFILE);
	MUST(setrlimit(RLIMIT_NOFILE, &limit));
	child = MUST(accept(fd, NULL, NULL));
	CHECK(same_socket(client, child));
	hang_up(client);
}

/* Many sleepers, one connection each: no wake-up is swallowed. */
TEST(accept__every_sleeper)
{
	enum { NR = 12 };
	struct worker *workers = workers_alloc(NR);
	struct client clients[NR] = {};
	struct endpoint to;
	int fd = listen_lanes(V4, 32, &to);

	for (int i = 0; i < NR; i++) {
		workers[i] = (struct worker){
			.listen_fd = fd,
			.cpu = i % 2 ? i % nr_cpus() : -1,
			.limit = 1,
			.stuck = STUCK_SLEEPING,
		};
		clients[i] = (struct client){
			.to = &to, .cpu = i / 2 % nr_cpus(), .count = 1,
		};
	}
	workers_start(workers, NR, false);
	workers_settle(workers, NR);
	clients_run(clients, NR);
	for (int i = 0; i < NR; i++) {
		CHECK_EQ(clients[i].served, 1);
		CHECK_EQ(workers[i].served, 1);
	}
}

/* The sleeper has the file: it still takes the next connection. */
TEST(close__during_accept)
{
	for (int bound = 0; bound < 2; bound++) {
		struct later later = { .ms = 50, .act = act_close_then_dial };
		int fd = listen_lanes(V4, 8, &later.to);

		if (bound)
			pin(0);
		later.fd = fd;
		start_later(&later);
		expect_child(&later, accept(fd, NULL, NULL));
		CHECK_ERRNO(accept(fd, NULL, NULL), EBADF);
		CHECK_ERRNO(dial(&later.to), ECONNREFUSED);
	}
}

TEST(shutdown__during_accept)
{
	for (int bound = 0; bound < 2; bound++) {
		struct later later = { .ms = 50, .act = act_shutdown };

		later.fd = listen_lanes(V4, 8, &later.to);
		if (bound)
			pin(0);
		start_later(&later);
		CHECK_ERRNO(accept(later.fd, NULL, NULL), EINVAL);
		CHECK_ERRNO(dial(&later.to), ECONNREFUSED);
		close(later.fd);
	}
}

/* The acceptor leaves its CPU while it sleeps in accept. */
TEST(accept__moved_while_asleep)
{
	need_cpus(2);
	for (int cpu = 0; cpu < 2; cpu++) {
		struct later later = { .ms = 30, .act = act_move_then_dial,
				       .cpu = cpu };
		int fd = listen_lanes(V4, 8, &later.to);

		pin(0);
		set_rcvtimeo(fd, SPILL_MS + slow_ms(SLACK_MS));
		start_later(&later);
		expect_child(&later, accept(fd, NULL, NULL));
		close(fd);
	}
}
