// SPDX-License-Identifier: GPL-2.0-only
/* poll, select and epoll tell the truth about every queue. */
#define _GNU_SOURCE
#include "serve.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <unistd.h>

/*
 * Where a connection may lie, seen from a poller on CPU 0. A stock socket has
 * one queue: there all of them are true at once.
 */
enum place { OWN_LANE, GLOBAL, OTHER_LANE, NR_PLACES };
static const char *const place_name[] = { "own lane", "global", "other lane" };

/* What asks whether the listener is readable; true within @ms? */
struct asker {
	const char *name;
	bool (*ask)(int fd, int ms);
};

static bool ask_poll(int fd, int ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return MUST(poll(&pfd, 1, ms)) == 1 && pfd.revents == POLLIN;
}

static bool ask_select(int fd, int ms)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	return MUST(select(fd + 1, &set, NULL, NULL, &tv)) == 1;
}

static bool ask_epoll(int fd, int ms, uint32_t flags)
{
	struct epoll_event event = { .events = EPOLLIN | flags };
	int epfd = MUST(epoll_create1(EPOLL_CLOEXEC)), nr;

	MUST(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event));
	nr = MUST(epoll_wait(epfd, &event, 1, ms));
	close(epfd);
	return nr == 1 && event.events == EPOLLIN;
}

static bool ask_epoll_lt(int fd, int ms)
{
	return ask_epoll(fd, ms, 0);
}

static bool ask_epoll_et(int fd, int ms)
{
	return ask_epoll(fd, ms, EPOLLET);
}

static bool ask_epoll_exclusive(int fd, int ms)
{
	return ask_epoll(fd, ms, EPOLLEXCLUSIVE);
}

/* An epoll that watches the epoll that watches the listener. */
static bool ask_epoll_nested(int fd, int ms)
{
	struct epoll_event event = { .events = EPOLLIN };
	int inner = MUST(epoll_create1(EPOLL_CLOEXEC));
	bool readable;

	MUST(epoll_ctl(inner, EPOLL_CTL_ADD, fd, &event));
	readable = ask_epoll(inner, ms, 0);
	close(inner);
	return readable;
}

static const struct asker askers[] = {
	{ "poll", ask_poll },
	{ "select", ask_select },
	{ "epoll_lt", ask_epoll_lt },
	{ "epoll_et", ask_epoll_et },
	{ "epoll_exclusive", ask_epoll_exclusive },
	{ "epoll_nested", ask_epoll_nested },
};
#define FOR_EACH_ASKER(a) \
	for (const struct asker *a = askers; \
	     a < askers + sizeof(askers) / sizeof(*askers); a++)

/* One connection, queued there; the holder is told to stop by the caller. */
static int queue_at(int fd, const struct endpoint *to, enum place place,
		    struct worker *holder)
{
	int client;

	*holder = (struct worker){ .listen_fd = fd, .mode = SERVE_NEVER,
				   .cpu = place == OWN_LANE ? 0 : 1 };
	if (place != GLOBAL) {
		workers_start(holder, 1, false);
		workers_settle(holder, 1);
	}
	client = dial_on(holder->cpu, to);
	ASSERT_EQ(queued_within(fd, 1, 1000), 1);
	if (!plain() && place != GLOBAL)
		CHECK_EQ(lane_info(fd, holder->cpu).queued, 1);
	if (!plain() && place == GLOBAL)
		CHECK_EQ(lanes_info(fd).global_queued, 1);
	return client;
}

TEST(poll__truth_of_each_queue)
{
	need_cpus(2);
	FOR_EACH_ASKER(asker) {
		for (enum place place = 0; place < NR_PLACES; place++) {
			struct worker *holder = workers_alloc(1);
			struct endpoint to;
			int fd = listen_lanes(V4, 8, &to), client, child;
			int wait_ms = place == OTHER_LANE ?
				SPILL_MS + slow_ms(SLACK_MS) : 0;

			pin(0);
			if (asker->ask(fd, 0))
				harness_failed(__FILE__, __LINE__,
					       "%s: readable while empty",
					       asker->name);
			client = queue_at(fd, &to, place, holder);
			pin(0);
			if (!asker->ask(fd, wait_ms))
				harness_failed(__FILE__, __LINE__,
					       "%s: not readable: %s",
					       asker->name, place_name[place]);
			/* Who was told so finds it. */
			child = MUST(accept_nowait(fd));
			CHECK(same_socket(client, child));
			if (asker->ask(fd, 0))
				harness_failed(__FILE__, __LINE__,
					       "%s: readable once emptied: %s",
					       asker->name, place_name[place]);
			holder->stop = true;
			hang_up(client);
			close(child);
			close(fd);
		}
	}
}

/* A dialler that comes while the asker sleeps. */
struct dialler {
	int cpu;
	struct endpoint to;
	pthread_t thread;
	int client;
};

static void *dial_thread(void *arg)
{
	struct dialler *d = arg;

	sleep_ms(slow_ms(20));
	d->client = dial_on(d->cpu, &d->to);
	return NULL;
}

static void dial_soon(struct dialler *d)
{
	ASSERT_EQ(pthread_create(&d->thread, NULL, dial_thread, d), 0);
}

static void finish_dial(struct dialler *d, int fd)
{
	int child;

	pthread_join(d->thread, NULL);
	child = MUST(accept_nowait(fd));
	CHECK(same_socket(d->client, child));
	hang_up(d->client);
	close(child);
}

TEST(poll__wakes_sleeper)
{
	FOR_EACH_ASKER(asker) {
		for (int cpu = -1; cpu < nr_cpus(); cpu++) {
			struct dialler d = { .cpu = nr_cpus() - 1 };
			int fd = listen_lanes(V4, 8, &d.to);

			cpu < 0 ? unpin() : pin(cpu);
			dial_soon(&d);
			if (!asker->ask(fd, slow_ms(2000)))
				harness_failed(__FILE__, __LINE__,
					       "%s: slept on, CPU %d",
					       asker->name, cpu);
			finish_dial(&d, fd);
			close(fd);
		}
	}
}

TEST(poll__not_writable)
{
	struct endpoint to;
	int fd = listen_lanes(V4, 8, &to), client;

	CHECK_EQ(poll_now(fd, POLLIN | POLLOUT | POLLPRI), 0);
	client = MUST(dial(&to));
	CHECK_EQ(poll_within(fd, POLLIN | POLLOUT | POLLPRI, 1000), POLLIN);
	CHECK_EQ(poll_now(fd, POLLOUT), 0);
	CHECK_EQ(poll_now(fd, POLLIN | POLLRDNORM), POLLIN | POLLRDNORM);
	hang_up(client);
}

static int epoll_on(int fd, uint32_t events)
{
	struct epoll_event event = { .events = events };
	int epfd = MUST(epoll_create1(EPOLL_CLOEXEC));

	MUST(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event));
	return epfd;
}

static int events_within(int epfd, int ms)
{
	struct epoll_event event;

	return MUST(epoll_wait(epfd, &event, 1, ms));
}

TEST(epoll__level_repeats)
{
	for (int bound = 0; bound < 2; bound++) {
		struct endpoint to;
		int fd = listen_lanes(V4, 8, &to), epfd, clients[2];

		if (bound)
			pin(0);
		epfd = epoll_on(fd, EPOLLIN);
		CHECK_EQ(events_within(epfd, 0), 0);
		for (int i = 0; i < 2; i++)
			clients[i] = dial_on(0, &to);
		for (int i = 0; i < 2; i++) {
			CHECK_EQ(events_within(epfd, slow_ms(1000)), 1);
			CHECK_EQ(events_within(epfd, 0), 1);
			close(MUST(accept_nowait(fd)));
			hang_up(clients[i]);
		}
		CHECK_EQ(events_within(epfd, 0), 0);
		close(epfd);
		close(fd);
	}
}

/* An arrival is one event; what is left over is none, the next one is. */
TEST(epoll__edge_per_arrival)
{
	for (int bound = 0; bound < 2; bound++) {
		struct endpoint to;
		int fd = listen_lanes(V4, 8, &to), epfd, clients[3];

		if (bound)
			pin(0);
		epfd = epoll_on(fd, EPOLLIN | EPOLLET);
		clients[0] = dial_on(0, &to);
		CHECK_EQ(events_within(epfd, slow_ms(1000)), 1);
		CHECK_EQ(events_within(epfd, 0), 0);
		clients[1] = dial_on(0, &to);
		CHECK_EQ(events_within(epfd, slow_ms(1000)), 1);
		for (int i = 0; i < 2; i++)
			close(MUST(accept_nowait(fd)));
		CHECK_ERRNO(accept_nowait(fd), EAGAIN);
		clients[2] = dial_on(nr_cpus() - 1, &to);
		CHECK_EQ(events_within(epfd, slow_ms(1000)), 1);
		close(MUST(accept_nowait(fd)));
		for (int i = 0; i < 3; i++)
			hang_up(clients[i]);
		close(epfd);
		close(fd);
	}
}

TEST(epoll__oneshot)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT };
	struct endpoint to;
	int fd = listen_lanes(V4, 8, &to), epfd, client;

	pin(0);
	epfd = epoll_on(fd, EPOLLIN | EPOLLONESHOT);
	client = dial_on(0, &to);
	CHECK_EQ(events_within(epfd, slow_ms(1000)), 1);
	CHECK_EQ(events_within(epfd, 0), 0);
	MUST(epoll_ctl(epfd, EPOLL_CTL_MOD, fd, &event));
	CHECK_EQ(events_within(epfd, slow_ms(1000)), 1);
	close(MUST(accept_nowait(fd)));
	hang_up(client);
}

TEST(epoll__added_and_deleted)
{
	struct endpoint to;
	int fd = listen_lanes(V4, 8, &to), epfd = epoll_on(fd, EPOLLIN), client;

	MUST(epoll_ctl(epfd, EPOLL_CTL_DEL, fd, NULL));
	client = MUST(dial(&to));
	CHECK_EQ(events_within(epfd, slow_ms(30)), 0);
	close(epfd);
	close(MUST(accept_within(fd, 1000)));
	hang_up(client);
}

/* Who armed before the attach waits on the stock queue: it must be woken. */
TEST(epoll__armed_before_attach)
{
	for (int edge = 0; edge < 2; edge++) {
		struct endpoint to;
		int fd = listen_stock(V4, 8, &to), epfd, client;

		pin(0);
		epfd = epoll_on(fd, EPOLLIN | (edge ? EPOLLET : 0));
		CHECK_EQ(events_within(epfd, 0), 0);
		MUST(lanes_attach(fd));
		for (int cpu = 0; cpu < nr_cpus(); cpu++) {
			client = dial_on(cpu, &to);
			CHECK_EQ(events_within(epfd, slow_ms(1000)), 1);
			close(MUST(accept_nowait(fd)));
			hang_up(client);
		}
		close(epfd);
		close(fd);
	}
}

struct attacher {
	int fd;
	struct dialler d;
};

static void *attach_thread(void *arg)
{
	struct attacher *a = arg;

	sleep_ms(slow_ms(20));
	MUST(lanes_attach(a->fd));
	dial_thread(&a->d);
	return NULL;
}

TEST(poll__asleep_before_attach)
{
	FOR_EACH_ASKER(asker) {
		struct attacher a = {};

		a.fd = listen_stock(V4, 8, &a.d.to);
		pin(0);
		ASSERT_EQ(pthread_create(&a.d.thread, NULL, attach_thread, &a), 0);
		if (!asker->ask(a.fd, slow_ms(2000)))
			harness_failed(__FILE__, __LINE__, "%s: slept on",
				       asker->name);
		finish_dial(&a.d, a.fd);
		close(a.fd);
	}
}

TEST(accept__asleep_before_attach)
{
	for (int bound = 0; bound < 2; bound++) {
		struct attacher a = {};
		int child;

		a.fd = listen_stock(V4, 8, &a.d.to);
		if (bound)
			pin(0);
		ASSERT_EQ(pthread_create(&a.d.thread, NULL, attach_thread, &a), 0);
		child = MUST(accept(a.fd, NULL, NULL));
		pthread_join(a.d.thread, NULL);
		CHECK(same_socket(a.d.client, child));
		hang_up(a.d.client);
		close(child);
		close(a.fd);
	}
}

/* A stop is an event: the same one as on a stock socket. */
TEST(shutdown__during_poll)
{
	short want = 0;

	for (int lanes = 0; lanes < 2; lanes++) {
		struct epoll_event event;
		struct endpoint to;
		short events;
		int fd, epfd;

		fd = lanes ? listen_lanes(V4, 8, &to) : listen_stock(V4, 8, &to);
		pin(0);
		epfd = epoll_on(fd, EPOLLIN | EPOLLET);
		CHECK_EQ(events_within(epfd, 0), 0);
		MUST(shutdown(fd, SHUT_RDWR));
		events = poll_within(fd, POLLIN | POLLOUT, 1000);
		if (!lanes)
			want = events;
		CHECK_EQ(events, want);
		CHECK(events & POLLHUP);
		CHECK_EQ(MUST(epoll_wait(epfd, &event, 1, slow_ms(1000))), 1);
		CHECK(event.events & EPOLLHUP);
		close(epfd);
		close(fd);
	}
}

/* Readable for a caller means that this caller's accept finds something. */
TEST(poll__never_lies)
{
	int total = scaled(400), taken = 0;
	struct endpoint to;
	int fd = listen_lanes(V4, 64, &to);

	set_nonblock(fd, true);
	for (int i = 0; i < total; i++) {
		int client = dial_on(rand() % nr_cpus(), &to), child, cpu;

		cpu = rand() % (nr_cpus() + 1);
		cpu == nr_cpus() ? unpin() : pin(cpu);
		if (!CHECK(ask_poll(fd, SPILL_MS + slow_ms(SLACK_MS))))
			continue;
		child = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		if (!CHECK(child >= 0))
			continue;
		taken++;
		close(child);
		hang_up(client);
	}
	CHECK_EQ(taken, total);
}

/* One epoll descriptor, a thread on each CPU waiting on it. */
struct sharer {
	int epfd;
	int fd;
	int cpu;
	int taken;
};

static void *share(void *arg)
{
	struct sharer *s = arg;
	struct epoll_event event;

	pin(s->cpu);
	for (;;) {
		int child;

		if (MUST(epoll_wait(s->epfd, &event, 1, -1)) < 1)
			continue;
		while ((child = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
			struct reply reply = { .cpu = s->cpu };

			send(child, &reply, sizeof(reply), MSG_NOSIGNAL);
			close(child);
			s->taken++;
		}
	}
}

TEST(epoll__shared_by_threads)
{
	for (int edge = 0; edge < 2; edge++) {
		struct sharer *sharers = calloc(nr_cpus(), sizeof(*sharers));
		struct endpoint to;
		struct client sum;
		int fd = listen_lanes(V4, 64, &to), epfd;

		set_nonblock(fd, true);
		epfd = epoll_on(fd, EPOLLIN | (edge ? EPOLLET : 0));
		for (int cpu = 0; cpu < nr_cpus(); cpu++) {
			pthread_t thread;

			sharers[cpu] = (struct sharer){ epfd, fd, cpu, 0 };
			ASSERT_EQ(pthread_create(&thread, NULL, share,
						 &sharers[cpu]), 0);
		}
		sum = clients_per_cpu(&to, scaled(200), 4, 0);
		CHECK_EQ(sum.served, sum.count);
		CHECK_OP(sum.worst_ms, <, SPILL_MS + slow_ms(SLACK_MS));
	}
}
