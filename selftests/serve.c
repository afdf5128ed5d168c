// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "serve.h"

#include <liburing.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

const char *const serve_mode_name[] = {
	"blocking", "poll", "epoll_lt", "epoll_et", "epoll_exclusive", "uring",
	"never",
};

static void stay_stuck(enum stuck stuck)
{
	volatile unsigned long spins = 0;

	while (stuck == STUCK_SPINNING)
		spins++;
	for (;;)
		pause();
}

static void answer(struct worker *w, int child)
{
	struct reply reply = {
		.cpu = sched_getcpu(),
		.incoming_cpu = incoming_cpu(child),
		.worker_cpu = w->cpu,
	};

	w->served++;
	w->local += reply.cpu == reply.incoming_cpu;
	send(child, &reply, sizeof(reply), MSG_NOSIGNAL);
	close(child);
	if (w->limit && w->served >= w->limit)
		stay_stuck(w->stuck);
}

/* False when the queue is empty or the worker has to end. */
static bool take_one(struct worker *w)
{
	int child = accept4(w->listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (child >= 0) {
		answer(w, child);
		return !w->stop;
	}
	if (errno == EINTR || errno == ECONNABORTED)
		return true;
	if (errno != EAGAIN)
		w->error = errno;
	return false;
}

static void serve_poll(struct worker *w)
{
	struct pollfd pfd = { .fd = w->listen_fd, .events = POLLIN };

	while (!w->stop && !w->error) {
		MUST(poll(&pfd, 1, -1));
		take_one(w);
	}
}

static void serve_epoll(struct worker *w)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epfd = MUST(epoll_create1(EPOLL_CLOEXEC));

	if (w->mode == SERVE_EPOLL_ET)
		event.events |= EPOLLET;
	if (w->mode == SERVE_EPOLL_EXCLUSIVE)
		event.events |= EPOLLEXCLUSIVE;
	MUST(epoll_ctl(epfd, EPOLL_CTL_ADD, w->listen_fd, &event));
	while (!w->stop && !w->error) {
		int nr = epoll_wait(epfd, &event, 1, -1);

		if (nr < 0 && errno != EINTR)
			w->error = errno;
		if (nr < 1)
			continue;
		if (w->mode == SERVE_EPOLL_ET)
			while (take_one(w))
				;
		else
			take_one(w);
	}
	close(epfd);
}

static void serve_never(struct worker *w)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int epfd = MUST(epoll_create1(EPOLL_CLOEXEC));

	MUST(epoll_ctl(epfd, EPOLL_CTL_ADD, w->listen_fd, &event));
	while (!w->stop)
		epoll_wait(epfd, &event, 1, 5);
	close(epfd);
}

static void arm_accept(struct io_uring *ring, int fd)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	io_uring_prep_multishot_accept(sqe, fd, NULL, NULL, SOCK_CLOEXEC);
}

static void serve_uring(struct worker *w)
{
	struct io_uring ring;
	int err = io_uring_queue_init(64, &ring,
				      IORING_SETUP_SINGLE_ISSUER |
				      IORING_SETUP_DEFER_TASKRUN);

	if (err) {
		w->error = -err;
		return;
	}
	arm_accept(&ring, w->listen_fd);
	while (!w->stop && !w->error) {
		struct io_uring_cqe *cqe;

		err = io_uring_submit_and_wait(&ring, 1);
		if (err < 0 && err != -EINTR)
			w->error = -err;
		while (!io_uring_peek_cqe(&ring, &cqe)) {
			int res = cqe->res;
			bool more = cqe->flags & IORING_CQE_F_MORE;

			io_uring_cqe_seen(&ring, cqe);
			if (res >= 0)
				answer(w, res);
			else if (res != -EINTR && res != -ECONNABORTED)
				w->error = -res;
			if (!more && !w->error)
				arm_accept(&ring, w->listen_fd);
		}
	}
	io_uring_queue_exit(&ring);
}

static void *serve(void *arg)
{
	struct worker *w = arg;

	if (w->cpu >= 0)
		pin(w->cpu);
	else
		unpin();
	switch (w->mode) {
	case SERVE_BLOCKING:
		while (!w->error)
			if (!take_one(w))
				break;
		break;
	case SERVE_POLL:
		serve_poll(w);
		break;
	case SERVE_URING:
		serve_uring(w);
		break;
	case SERVE_NEVER:
		serve_never(w);
		break;
	default:
		serve_epoll(w);
	}
	return NULL;
}

struct worker *workers_alloc(int nr)
{
	void *mem = mmap(NULL, nr * sizeof(struct worker),
			 PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			 -1, 0);

	ASSERT(mem != MAP_FAILED);
	return mem;
}

struct worker *workers_per_cpu(int fd, enum serve_mode mode)
{
	struct worker *workers = workers_alloc(nr_cpus());

	for (int cpu = 0; cpu < nr_cpus(); cpu++)
		workers[cpu] = (struct worker){
			.listen_fd = fd, .cpu = cpu, .mode = mode,
		};
	return workers;
}

void workers_start(struct worker *workers, int nr, bool processes)
{
	for (struct worker *w = workers; w < workers + nr; w++) {
		pthread_t thread;
		pid_t pid;

		set_nonblock(w->listen_fd, w->mode != SERVE_BLOCKING);
		if (!processes) {
			ASSERT_EQ(pthread_create(&thread, NULL, serve, w), 0);
			continue;
		}
		pid = MUST(fork());
		if (!pid) {
			serve(w);
			_exit(0);
		}
		w->pid = pid;
	}
}

void workers_settle(struct worker *workers, int nr)
{
	for (struct worker *w = workers; w < workers + nr; w++) {
		if (plain() || w->cpu < 0)
			continue;
		if (!WITHIN(2000, lane_info(w->listen_fd, w->cpu).flags &
				  LANES_LANE_CLAIMED))
			harness_failed(__FILE__, __LINE__,
				       "%s: lane %d is not claimed",
				       serve_mode_name[w->mode], w->cpu);
	}
	/* What no flag shows: an unbound worker asleep, a stock socket's. */
	sleep_ms(slow_ms(30));
	for (struct worker *w = workers; w < workers + nr; w++)
		CHECK_EQ(w->error, 0);
}

int workers_served(const struct worker *workers, int nr)
{
	int served = 0;

	for (int i = 0; i < nr; i++)
		served += __atomic_load_n(&workers[i].served, __ATOMIC_RELAXED);
	return served;
}

static void note_failure(struct client *c)
{
	c->failed++;
	c->error = errno;
}

static void read_answer(struct client *c, int fd, double since_ms)
{
	struct reply reply;
	ssize_t len;
	char eof;

	errno = 0;
	len = recv(fd, &reply, sizeof(reply), MSG_WAITALL);
	if (len == sizeof(reply)) {
		double waited_ms = now_ms() - since_ms;

		c->served++;
		c->local += reply.cpu == (uint32_t)c->cpu;
		if (waited_ms > c->worst_ms)
			c->worst_ms = waited_ms;
	} else {
		note_failure(c);
	}
	if (!c->port)
		return hang_up(fd);
	/* The server has closed first, so that TIME_WAIT is on its side. */
	if (recv(fd, &eof, 1, 0))
		note_failure(c);
	close(fd);
}

/* The last connection from this port may still be in LAST_ACK. */
static int dial_again(const struct client *c)
{
	double until_ms = now_ms() + slow_ms(CLIENT_TIMEOUT_S * 1000);
	int fd;

	do {
		fd = dial_from_port(c->to, c->port);
	} while (fd < 0 && errno == EADDRNOTAVAIL && now_ms() < until_ms);
	return fd;
}

static void *client_run(void *arg)
{
	struct client *c = arg;
	int window = c->window ? c->window : 1;
	double since_ms[window];
	int fds[window];

	pin(c->cpu);
	for (int done = 0; done < c->count; done += window) {
		for (int i = 0; i < window && done + i < c->count; i++) {
			fds[i] = dial_again(c);
			since_ms[i] = now_ms();
			if (fds[i] < 0)
				note_failure(c);
		}
		for (int i = 0; i < window && done + i < c->count; i++)
			if (fds[i] >= 0)
				read_answer(c, fds[i], since_ms[i]);
	}
	return NULL;
}

void clients_run(struct client *clients, int nr)
{
	pthread_t threads[nr];

	for (int i = 0; i < nr; i++)
		ASSERT_EQ(pthread_create(&threads[i], NULL, client_run,
					 &clients[i]), 0);
	for (int i = 0; i < nr; i++)
		pthread_join(threads[i], NULL);
}

struct client clients_per_cpu(const struct endpoint *to, int total, int window,
			      int port)
{
	int nr = nr_cpus();
	struct client clients[nr], sum = {};

	for (int cpu = 0; cpu < nr; cpu++)
		clients[cpu] = (struct client){
			.to = to,
			.cpu = cpu,
			.count = (total + nr - 1) / nr,
			.window = window,
			.port = port ? port + cpu : 0,
		};
	clients_run(clients, nr);
	for (struct client *c = clients; c < clients + nr; c++) {
		sum.count += c->count;
		sum.served += c->served;
		sum.failed += c->failed;
		sum.local += c->local;
		if (c->error)
			sum.error = c->error;
		if (c->worst_ms > sum.worst_ms)
			sum.worst_ms = c->worst_ms;
	}
	return sum;
}

void hogs_start(void)
{
	for (int cpu = 0; cpu < nr_cpus(); cpu++) {
		if (MUST(fork()))
			continue;
		pin(cpu);
		stay_stuck(STUCK_SPINNING);
	}
}
