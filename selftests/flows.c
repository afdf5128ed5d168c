// SPDX-License-Identifier: GPL-2.0-only
/*
 * Connections whose server tells on which CPU the packets of each message were
 * processed, while their client changes its CPU before each message.
 *
 *	 client: any CPU, another ---+ a wire +---+--- worker bound to CPU 0
 *	 one for each message        +--------+   +--- worker bound to CPU n
 *
 * flows serve 4|6 PORT
 *	One worker bound to each CPU; until it is killed. Says "ready" once it
 *	listens.
 * flows send ADDRESS PORT CONNECTIONS MESSAGES BYTES [IRQ...]
 *	MESSAGES of BYTES on each connection, one at a time; before each the
 *	interrupts get other CPUs, too. Prints "samples N local N corrupt N": a
 *	sample is a read of the server's, local if the last packet was processed
 *	on the CPU of its worker.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_INCOMING_CPU
#define SO_INCOMING_CPU 49
#endif

#define BYTES_MAX (1 << 20)
#define TIMEOUT_S 20

/* What a message begins with; bytes made from @seed follow. */
struct request {
	uint32_t bytes;
	uint32_t seed;
};

struct reply {
	uint32_t samples;
	uint32_t local;
	uint32_t sum;
};

static int listener, cpus;

__attribute__((noreturn)) static void die(const char *what)
{
	fprintf(stderr, "flows: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int must(int result, const char *what)
{
	if (result < 0)
		die(what);
	return result;
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	must(sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity");
}

/* Of the order, too. */
static uint32_t sum_of(const uint8_t *bytes, size_t len)
{
	uint32_t sum = 2166136261;

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ bytes[i]) * 16777619;
	return sum;
}

static void fill(uint8_t *bytes, size_t len, uint32_t seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		bytes[i] = seed >> 24;
	}
}

static void set_timeout(int fd)
{
	const char *slow = getenv("LANES_SLOW");
	struct timeval tv = {
		.tv_sec = TIMEOUT_S * (slow ? atoi(slow) : 1),
	};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
}

/* The client sends nothing before it has the reply: no more than a message. */
static bool answer(int fd, int cpu, uint8_t *buffer)
{
	const size_t head = sizeof(struct request);
	struct request *request = (void *)buffer;
	struct reply reply = {};
	size_t got = 0;

	do {
		ssize_t len = recv(fd, buffer + got, head + BYTES_MAX - got, 0);
		socklen_t size = sizeof(int);
		int incoming = -1;

		if (len <= 0)
			return false;
		got += len;
		getsockopt(fd, SOL_SOCKET, SO_INCOMING_CPU, &incoming, &size);
		reply.samples++;
		reply.local += incoming == cpu;
	} while (got < head || got < head + request->bytes);
	reply.sum = sum_of(buffer + head, got - head);
	return send(fd, &reply, sizeof(reply), MSG_NOSIGNAL) == sizeof(reply);
}

static void greet(int epfd)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct reply greeting = {};
	int one = 1;

	event.data.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (event.data.fd < 0)
		return;
	set_timeout(event.data.fd);
	setsockopt(event.data.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	send(event.data.fd, &greeting, sizeof(greeting), MSG_NOSIGNAL);
	must(epoll_ctl(epfd, EPOLL_CTL_ADD, event.data.fd, &event), "epoll_ctl");
}

static void *work(void *arg)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = listener };
	uint8_t *buffer = malloc(sizeof(struct request) + BYTES_MAX);
	int epfd = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
	int cpu = (intptr_t)arg;

	if (!buffer)
		die("malloc");
	pin(cpu);
	must(epoll_ctl(epfd, EPOLL_CTL_ADD, listener, &event), "epoll_ctl");
	for (;;) {
		if (epoll_wait(epfd, &event, 1, -1) < 1)
			continue;
		if (event.data.fd == listener)
			greet(epfd);
		else if (!answer(event.data.fd, cpu, buffer))
			close(event.data.fd);
	}
	return NULL;
}

static void serve(int family, int port)
{
	struct sockaddr_in6 any6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in any4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	int one = 1;
	pthread_t thread;

	listener = must(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
			"socket");
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (family == AF_INET6) {
		setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
		must(bind(listener, (void *)&any6, sizeof(any6)), "bind");
	} else {
		must(bind(listener, (void *)&any4, sizeof(any4)), "bind");
	}
	must(listen(listener, 128), "listen");
	printf("ready\n");
	fflush(stdout);
	for (intptr_t cpu = 0; cpu < cpus; cpu++)
		must(-pthread_create(&thread, NULL, work, (void *)cpu), "thread");
	for (;;)
		pause();
}

static int dial(const char *address, int port)
{
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in to4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	bool v6 = inet_pton(AF_INET6, address, &to6.sin6_addr) == 1;
	int one = 1, fd;

	if (!v6 && inet_pton(AF_INET, address, &to4.sin_addr) != 1)
		die(address);
	fd = must(socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
		  "socket");
	set_timeout(fd);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (v6)
		must(connect(fd, (void *)&to6, sizeof(to6)), "connect");
	else
		must(connect(fd, (void *)&to4, sizeof(to4)), "connect");
	return fd;
}

static void read_reply(int fd, struct reply *reply)
{
	errno = 0;
	if (recv(fd, reply, sizeof(*reply), MSG_WAITALL) != sizeof(*reply))
		die("no reply");
}

static void send_all(int fd, const uint8_t *bytes, size_t len)
{
	while (len) {
		ssize_t sent = must(send(fd, bytes, len, MSG_NOSIGNAL), "send");

		bytes += sent;
		len -= sent;
	}
}

static void scatter(const char *irq)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/irq/%s/smp_affinity_list", irq);
	f = fopen(path, "we");
	if (!f || fprintf(f, "%ld\n", random() % cpus) < 0 || fclose(f))
		die(path);
}

static void send_messages(int *fds, int nr, int messages, size_t bytes,
			  char **irqs)
{
	unsigned long samples = 0, local = 0, corrupt = 0;
	uint8_t *buffer = malloc(sizeof(struct request) + bytes);
	struct request *request = (void *)buffer;
	struct reply reply;

	if (!buffer)
		die("malloc");
	srandom(getpid());
	for (int i = 0; i < messages * nr; i++) {
		*request = (struct request){ .bytes = bytes, .seed = random() };
		fill((uint8_t *)(request + 1), bytes, request->seed);
		for (char **irq = irqs; *irq; irq++)
			scatter(*irq);
		pin(random() % cpus);
		send_all(fds[i % nr], buffer, sizeof(*request) + bytes);
		read_reply(fds[i % nr], &reply);
		samples += reply.samples;
		local += reply.local;
		corrupt += reply.sum != sum_of((uint8_t *)(request + 1), bytes);
	}
	printf("samples %lu local %lu corrupt %lu\n", samples, local, corrupt);
}

int main(int argc, char **argv)
{
	struct reply greeting;
	int nr, *fds;

	cpus = sysconf(_SC_NPROCESSORS_ONLN);
	if (argc == 4 && !strcmp(argv[1], "serve"))
		serve(atoi(argv[2]) == 6 ? AF_INET6 : AF_INET, atoi(argv[3]));
	if (argc < 7 || strcmp(argv[1], "send") || atoi(argv[6]) > BYTES_MAX) {
		fprintf(stderr, "usage: flows serve 4|6 PORT | flows send ADDRESS PORT CONNECTIONS MESSAGES BYTES [IRQ...]\n");
		return 2;
	}
	nr = atoi(argv[4]);
	fds = calloc(nr, sizeof(*fds));
	if (!fds)
		die("calloc");
	/* After the greeting the connection has its worker. */
	for (int i = 0; i < nr; i++) {
		pin(i % cpus);
		fds[i] = dial(argv[2], atoi(argv[3]));
		read_reply(fds[i], &greeting);
	}
	send_messages(fds, nr, atoi(argv[5]), atoi(argv[6]), argv + 7);
	return 0;
}
