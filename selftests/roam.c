// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "roam.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

bool conn_serve(struct conn *c, int cpu)
{
	struct answer answer;
	ssize_t len;
	int incoming;

	len = recv(c->fd, (char *)&c->part + c->len, sizeof(c->part) - c->len,
		   0);
	if (len <= 0)
		return len < 0 && errno == EINTR;
	c->len += len;
	if (c->len < sizeof(c->part))
		return true;
	c->len = 0;
	incoming = incoming_cpu(c->fd);
	if (!c->received)
		c->stamp = c->part.stamp;
	c->wrong += c->part.stamp != c->stamp || c->part.number != c->received;
	c->received++;
	c->local += incoming == cpu;
	if (!c->part.wants_answer)
		return true;
	answer = (struct answer){
		.stamp = c->stamp,
		.received = c->received,
		.local = c->local,
		.wrong = c->wrong,
		.cpu = cpu,
		.incoming_cpu = incoming,
	};
	return send(c->fd, &answer, sizeof(answer), MSG_NOSIGNAL) ==
	       sizeof(answer);
}

static void take(struct server *s, int epfd)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct conn *c;
	int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	c = calloc(1, sizeof(*c));
	ASSERT(c);
	c->fd = fd;
	event.data.ptr = c;
	MUST(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event));
	__atomic_add_fetch(&s->accepted, 1, __ATOMIC_RELAXED);
}

static void *serve(void *arg)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct server *s = arg;
	int epfd;

	pin(s->cpu);
	epfd = MUST(epoll_create1(EPOLL_CLOEXEC));
	MUST(epoll_ctl(epfd, EPOLL_CTL_ADD, s->listen_fd, &event));
	for (;;) {
		struct conn *c;

		if (epoll_wait(epfd, &event, 1, -1) < 1)
			continue;
		c = event.data.ptr;
		if (!c) {
			/* The listener was shut down under our hands. */
			if (event.events & (EPOLLHUP | EPOLLERR))
				epoll_ctl(epfd, EPOLL_CTL_DEL, s->listen_fd,
					  NULL);
			else
				take(s, epfd);
		} else if (!conn_serve(c, s->cpu)) {
			close(c->fd);
			free(c);
		}
	}
	return NULL;
}

static struct server *start(int listen_fd, int cpu)
{
	struct server *s = calloc(1, sizeof(*s));
	pthread_t thread;

	ASSERT(s);
	*s = (struct server){ .listen_fd = listen_fd, .cpu = cpu };
	set_nonblock(listen_fd, true);
	ASSERT_EQ(pthread_create(&thread, NULL, serve, s), 0);
	return s;
}

static void settle(const struct server *s)
{
	if (plain())
		sleep_ms(slow_ms(30));
	else
		CHECK(WITHIN(2000, lane_info(s->listen_fd, s->cpu).flags &
				   LANES_LANE_CLAIMED));
}

struct server *server_start(int listen_fd, int cpu)
{
	struct server *s = start(listen_fd, cpu);

	settle(s);
	return s;
}

void servers_start(int listen_fd)
{
	struct server *servers[CPUS_MAX];

	/* A busy host of the VM is no reason to spill. */
	set_spill_ms(listen_fd, 10000);
	for (int cpu = 0; cpu < nr_cpus(); cpu++)
		servers[cpu] = start(listen_fd, cpu);
	for (int cpu = 0; cpu < nr_cpus(); cpu++)
		settle(servers[cpu]);
}

void flow_open(struct flow *f, const struct endpoint *to)
{
	static uint32_t stamps;
	int one = 1;

	*f = (struct flow){
		.fd = MUST(dial(to)),
		.stamp = (uint32_t)getpid() << 12 |
			 __atomic_add_fetch(&stamps, 1, __ATOMIC_RELAXED),
	};
	MUST(setsockopt(f->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)));
}

void flow_close(struct flow *f)
{
	close(f->fd);
	f->fd = -1;
}

static bool put(struct flow *f, bool wants_answer)
{
	struct message m = {
		.stamp = f->stamp,
		.number = f->sent,
		.wants_answer = wants_answer,
	};

	if (send(f->fd, &m, sizeof(m), MSG_NOSIGNAL) != sizeof(m)) {
		harness_failed(__FILE__, __LINE__, "message %u: %s", f->sent,
			       strerror(errno));
		return false;
	}
	f->sent++;
	return true;
}

bool flow_ask(struct flow *f)
{
	ssize_t len;

	if (!put(f, true))
		return false;
	errno = 0;
	len = recv(f->fd, &f->answer, sizeof(f->answer), MSG_WAITALL);
	if (len != sizeof(f->answer)) {
		harness_failed(__FILE__, __LINE__,
			       "answer to message %u: %zd bytes, %s",
			       f->sent, len, strerror(errno));
		return false;
	}
	return CHECK_EQ(f->answer.stamp, f->stamp) &&
	       CHECK_EQ(f->answer.received, f->sent) &&
	       CHECK_EQ(f->answer.wrong, 0);
}

/* What the congestion window holds back goes out from the CPU that gets the
 * ACK, while we send the next one from ours: such reordering is not the
 * receiver's.
 */
static bool window_open(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	MUST(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len));
	return info.tcpi_unacked + 1 < info.tcpi_snd_cwnd;
}

/*
 * Packets in this CPU's queue behind loopback. Before 6.4 a send leaves its
 * packet there if ksoftirqd is about to run, and a sender that changes its CPU
 * at once overtakes its own packet. Seen from a task on that CPU, none is in
 * the middle of being processed.
 */
static int queued_here(void)
{
	static __thread int fd = -1;
	unsigned int cpu, queued, here = sched_getcpu();
	char text[CPUS_MAX * 140], *save, *line;
	ssize_t len;

	if (fd < 0)
		fd = MUST(open("/proc/net/softnet_stat", O_RDONLY | O_CLOEXEC));
	len = MUST(pread(fd, text, sizeof(text) - 1, 0));
	text[len] = '\0';
	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		if (sscanf(line, "%*x %*x %*x %*x %*x %*x %*x %*x %*x %*x %*x %x %x",
			   &queued, &cpu) == 2 && cpu == here)
			return queued;
	return 0;
}

bool flow_tell(struct flow *f)
{
	if (!WITHIN(CLIENT_TIMEOUT_S * 1000, window_open(f->fd)))
		return CHECK(!"acknowledged in time");
	if (!put(f, false))
		return false;
	while (queued_here())
		sched_yield();
	return true;
}

int hop(void)
{
	static __thread unsigned int seed;
	int here = sched_getcpu(), cpu;
	cpu_set_t set;

	if (!seed)
		seed = gettid();
	do {
		cpu = rand_r(&seed) % nr_cpus();
		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		/* It may be offline. */
	} while (cpu == here || sched_setaffinity(0, sizeof(set), &set));
	return cpu;
}

static void *load_run(void *arg)
{
	struct load *l = arg;
	struct flow f;

	pin(l->cpu);
	flow_open(&f, l->to);
	for (int i = 0; l->bursts ? i < l->bursts : !l->stop; i++) {
		for (int j = 1; j < l->burst; j++) {
			hop();
			if (!flow_tell(&f))
				return NULL;
		}
		hop();
		if (!flow_ask(&f))
			return NULL;
		l->messages = f.sent;
		l->local = f.answer.local;
		l->answers++;
		if (l->pause_ms)
			sleep_ms(l->pause_ms);
	}
	flow_close(&f);
	return NULL;
}

void loads_start(struct load *loads, int nr)
{
	for (int i = 0; i < nr; i++)
		ASSERT_EQ(pthread_create(&loads[i].thread, NULL, load_run,
					 &loads[i]), 0);
}

struct load loads_finish(struct load *loads, int nr)
{
	struct load sum = {};

	for (int i = 0; i < nr; i++) {
		loads[i].stop = true;
		pthread_join(loads[i].thread, NULL);
		sum.messages += loads[i].messages;
		sum.local += loads[i].local;
		sum.answers += loads[i].answers;
	}
	return sum;
}
