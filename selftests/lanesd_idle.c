// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an idle connection costs the server in memory of its own, after it has
 * had a request and its reply. LANES_IDLE_CONNECTIONS sets how many.
 */
#define _GNU_SOURCE
#include "lanesd_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#define BYTES_MAX 1024
/* Of one source address: the fewer of its ports are taken, the fewer the kernel
 * tries before it finds one.
 */
#define PER_ADDRESS 4000

struct talk {
	const char *engine, *service, *request;
	int reply;
};

static long rss_kb(pid_t pid)
{
	char path[32], line[128];
	long kb = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	ASSERT(f);
	while (kb < 0 && fgets(line, sizeof(line), f))
		sscanf(line, "VmRSS: %ld", &kb);
	fclose(f);
	return kb;
}

/* From 127.1.0.N, so that ports last. */
static int dial_from(const struct endpoint *to, int nr)
{
	struct sockaddr_in from = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(0x7f010001 + nr / PER_ADDRESS),
	};
	int fd = MUST(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), one = 1;

	MUST(setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one,
			sizeof(one)));
	MUST(bind(fd, (struct sockaddr *)&from, sizeof(from)));
	MUST(connect(fd, (const struct sockaddr *)&to->addr, to->len));
	return fd;
}

static void exchange(int fd, const struct talk *t)
{
	int length = strlen(t->request), got = 0;
	char reply[512];

	ASSERT_EQ(send(fd, t->request, length, MSG_NOSIGNAL), length);
	while (got < t->reply) {
		int more = MUST(recv(fd, reply + got, sizeof(reply) - got, 0));

		ASSERT_OP(more, >, 0);
		got += more;
	}
}

static void lanesd_idle__after_a_request(const void *arg)
{
	const struct talk *t = arg;
	int nr = harness_env("LANES_IDLE_CONNECTIONS", scaled(4000));
	int warm = nr / 10, descriptors = 2 * nr + 1000;
	struct rlimit limit = { descriptors, descriptors };
	char most[16];
	struct server s;
	double bytes;
	long before;

	MUST(setrlimit(RLIMIT_NOFILE, &limit));
	snprintf(most, sizeof(most), "%d", nr + 16);
	serve(&s, V4, descriptors,
	      OPTIONS("--shards", "1", "--service", t->service, "--engine",
		      t->engine, "--connections", most));
	/* The first ones touch what all share. */
	for (int i = 0; i < warm; i++)
		exchange(dial_from(&s.to, i), t);
	before = rss_kb(s.pid);
	for (int i = warm; i < nr; i++)
		exchange(dial_from(&s.to, i), t);
	sleep_ms(slow_ms(500));
	bytes = (rss_kb(s.pid) - before) * 1024.0 / (nr - warm);
	harness_diag("%s, %s: %d idle connections, %.0f bytes each", t->service,
		     t->engine, nr, bytes);
	CHECK_OP(bytes, <=, BYTES_MAX);
	MUST(kill(s.pid, SIGKILL));
	MUST(waitpid(s.pid, NULL, 0));
}

#define IDLE(engine_, name_, service_, request_, reply_)		\
	static const struct talk service_##_##engine_ = {		\
		.engine = (name_),					\
		.service = #service_,					\
		.request = (request_),					\
		.reply = (reply_),					\
	};								\
	TEST_CASE(lanesd_idle__after_a_request, service_##_##engine_,	\
		  &service_##_##engine_, 300)

IDLE(uring, "uring", echo, "x", 1)
IDLE(uring, "uring", resp, "SET key value\r\n", 5)
IDLE(uring, "uring", http,
     "GET /plaintext HTTP/1.1\r\nHost: idle\r\n\r\n", 100)
IDLE(epoll, "epoll", resp, "SET key value\r\n", 5)
