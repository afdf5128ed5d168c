// SPDX-License-Identifier: GPL-2.0-only
/*
 * Options of the listener, set before or after the attach, reach what it
 * accepts exactly as on a stock socket.
 */
#define _GNU_SOURCE
#include "serve.h"

#include <linux/in6.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#ifndef TCP_TX_DELAY
#define TCP_TX_DELAY 37
#endif

enum when { BEFORE_LISTEN, BEFORE_ATTACH, AFTER_ATTACH, NR_WHENS };
static const char *const when_name[] = {
	"before listen", "before attach", "after attach",
};

union value {
	int number;
	struct linger linger;
	struct timeval time;
	__u64 wide;
	char bytes[16];
};

struct option {
	const char *name;
	int level;
	int option;
	union value value;
	socklen_t len;
};

#define NUMBER(level_, option_, number_)				\
	{ #option_, level_, option_, { .number = (number_) }, sizeof(int) }
#define TIME(option_)							\
	{ #option_, SOL_SOCKET, option_, { .time = { 3, 0 } },		\
	  sizeof(struct timeval) }

static const struct option socket_options[] = {
	NUMBER(SOL_SOCKET, SO_RCVBUF, 50000),
	NUMBER(SOL_SOCKET, SO_SNDBUF, 60000),
	NUMBER(SOL_SOCKET, SO_RCVBUFFORCE, 70000),
	NUMBER(SOL_SOCKET, SO_KEEPALIVE, 1),
	NUMBER(SOL_SOCKET, SO_OOBINLINE, 1),
	NUMBER(SOL_SOCKET, SO_PRIORITY, 5),
	NUMBER(SOL_SOCKET, SO_MARK, 42),
	NUMBER(SOL_SOCKET, SO_RCVLOWAT, 7),
	NUMBER(SOL_SOCKET, SO_DONTROUTE, 1),
	NUMBER(SOL_SOCKET, SO_TIMESTAMP, 1),
	NUMBER(SOL_SOCKET, SO_ZEROCOPY, 1),
	NUMBER(SOL_SOCKET, SO_BUSY_POLL, 30),
	NUMBER(SOL_SOCKET, SO_REUSEADDR, 0),
	NUMBER(SOL_SOCKET, SO_MAX_PACING_RATE, 12345678),
	NUMBER(SOL_SOCKET, SO_TXREHASH, 0),
	TIME(SO_RCVTIMEO),
	TIME(SO_SNDTIMEO),
	{ "SO_LINGER", SOL_SOCKET, SO_LINGER, { .linger = { 1, 9 } },
	  sizeof(struct linger) },
};

static const struct option tcp_options[] = {
	NUMBER(IPPROTO_TCP, TCP_NODELAY, 1),
	NUMBER(IPPROTO_TCP, TCP_CORK, 1),
	NUMBER(IPPROTO_TCP, TCP_MAXSEG, 1000),
	NUMBER(IPPROTO_TCP, TCP_KEEPIDLE, 31),
	NUMBER(IPPROTO_TCP, TCP_KEEPINTVL, 32),
	NUMBER(IPPROTO_TCP, TCP_KEEPCNT, 33),
	NUMBER(IPPROTO_TCP, TCP_SYNCNT, 4),
	NUMBER(IPPROTO_TCP, TCP_LINGER2, 17),
	NUMBER(IPPROTO_TCP, TCP_WINDOW_CLAMP, 40000),
	NUMBER(IPPROTO_TCP, TCP_QUICKACK, 0),
	NUMBER(IPPROTO_TCP, TCP_USER_TIMEOUT, 7000),
	NUMBER(IPPROTO_TCP, TCP_NOTSENT_LOWAT, 4096),
	NUMBER(IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, 1),
	NUMBER(IPPROTO_TCP, TCP_INQ, 1),
	{ "TCP_CONGESTION", IPPROTO_TCP, TCP_CONGESTION, { .bytes = "reno" }, 4 },
};

static const struct option ip_options[] = {
	NUMBER(IPPROTO_IP, IP_TOS, 0x10),
	NUMBER(IPPROTO_IP, IP_TTL, 33),
	NUMBER(IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT),
	NUMBER(IPPROTO_IP, IP_RECVTOS, 1),
	NUMBER(IPPROTO_IP, IP_PKTINFO, 1),
	NUMBER(IPPROTO_IP, IP_FREEBIND, 1),
	NUMBER(IPPROTO_IP, IP_TRANSPARENT, 1),
	NUMBER(IPPROTO_IP, IP_MINTTL, 3),
	NUMBER(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1),
};

static const struct option ipv6_options[] = {
	NUMBER(IPPROTO_IPV6, IPV6_TCLASS, 0x20),
	NUMBER(IPPROTO_IPV6, IPV6_UNICAST_HOPS, 44),
	NUMBER(IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT),
	NUMBER(IPPROTO_IPV6, IPV6_RECVPKTINFO, 1),
	NUMBER(IPPROTO_IPV6, IPV6_RECVTCLASS, 1),
	NUMBER(IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1),
	NUMBER(IPPROTO_IPV6, IPV6_FREEBIND, 1),
	NUMBER(IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, 0),
};

/**
 * struct seen - what an option came to
 * @set_errno: of the setsockopt, 0 if it worked
 * @listener: its value there
 * @child: its value on the accepted socket
 * @info: parts of TCP_INFO that options decide
 */
struct seen {
	int set_errno;
	union value listener;
	union value child;
	__u32 info[4];
};

static union value value_of(int fd, const struct option *o)
{
	union value value = {};
	socklen_t len = sizeof(value);

	getsockopt(fd, o->level, o->option, &value, &len);
	return value;
}

static void set(int fd, const struct option *o, struct seen *seen)
{
	if (setsockopt(fd, o->level, o->option, &o->value, o->len))
		seen->set_errno = errno;
}

static struct seen see(const struct option *o, enum when when, bool lanes,
		       enum family family)
{
	struct tcp_info info = {};
	socklen_t len = sizeof(info);
	struct seen seen = {};
	struct endpoint to;
	int fd, client, child;

	fd = bound_socket(family, &to);
	if (when == BEFORE_LISTEN)
		set(fd, o, &seen);
	MUST(listen(fd, 8));
	if (when == BEFORE_ATTACH)
		set(fd, o, &seen);
	if (lanes)
		MUST(lanes_attach(fd));
	if (when == AFTER_ATTACH)
		set(fd, o, &seen);
	client = dial_on(nr_cpus() - 1, &to);
	child = MUST(accept_within(fd, 1000));
	seen.listener = value_of(fd, o);
	seen.child = value_of(child, o);
	MUST(getsockopt(child, IPPROTO_TCP, TCP_INFO, &info, &len));
	seen.info[0] = info.tcpi_options;
	seen.info[1] = info.tcpi_rcv_wscale;
	seen.info[2] = info.tcpi_advmss;
	seen.info[3] = info.tcpi_snd_mss;
	hang_up(client);
	hang_up(child);
	close(fd);
	return seen;
}

static void hex(char *text, const void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sprintf(text + 2 * i, "%02x", ((const unsigned char *)bytes)[i]);
}

static void differ(const struct option *o, enum when when, const char *what,
		   const void *stock, const void *lanes, size_t len)
{
	char a[65], b[65];

	if (!memcmp(stock, lanes, len))
		return;
	hex(a, stock, len);
	hex(b, lanes, len);
	harness_failed(__FILE__, __LINE__, "%s %s: %s: stock %s, lanes %s",
		       o->name, when_name[when], what, a, b);
}

static void compare(const struct option *options, int nr, enum family family)
{
	for (const struct option *o = options; o < options + nr; o++) {
		for (enum when when = 0; when < NR_WHENS; when++) {
			struct seen stock = see(o, when, false, family);
			struct seen lanes = see(o, when, true, family);

			differ(o, when, "errno", &stock.set_errno,
			       &lanes.set_errno, sizeof(int));
			differ(o, when, "listener", &stock.listener,
			       &lanes.listener, sizeof(union value));
			differ(o, when, "child", &stock.child, &lanes.child,
			       sizeof(union value));
			differ(o, when, "tcp_info", stock.info, lanes.info,
			       sizeof(stock.info));
		}
	}
}

#define COMPARE(options, family) \
	compare(options, sizeof(options) / sizeof(*(options)), family)

TEST_TIMEOUT(options__socket, 60)
{
	COMPARE(socket_options, V4);
}

TEST_TIMEOUT(options__tcp, 60)
{
	COMPARE(tcp_options, V4);
}

TEST_TIMEOUT(options__ip, 60)
{
	COMPARE(ip_options, V4);
}

TEST_TIMEOUT(options__ipv6, 60)
{
	COMPARE(ipv6_options, V6);
}

TEST_TIMEOUT(options__dual, 60)
{
	COMPARE(tcp_options, DUAL);
	COMPARE(ip_options, DUAL);
}

/* The connection comes to accept with its first data, not before. */
TEST(options__defer_accept)
{
	for (enum when when = 0; when < NR_WHENS; when++) {
		const struct option defer = NUMBER(IPPROTO_TCP,
						   TCP_DEFER_ACCEPT, 20);
		struct seen seen = {};
		struct endpoint to;
		int fd = bound_socket(V4, &to), client, child;
		char byte;

		if (when == BEFORE_LISTEN)
			set(fd, &defer, &seen);
		MUST(listen(fd, 8));
		if (when == BEFORE_ATTACH)
			set(fd, &defer, &seen);
		MUST(lanes_attach(fd));
		if (when == AFTER_ATTACH)
			set(fd, &defer, &seen);
		CHECK_EQ(seen.set_errno, 0);
		client = dial_on(nr_cpus() - 1, &to);
		CHECK_EQ(poll_within(fd, POLLIN, 50), 0);
		MUST(send(client, "x", 1, 0));
		child = MUST(accept_within(fd, 1000));
		CHECK_EQ(recv(child, &byte, 1, MSG_DONTWAIT), 1);
		hang_up(client);
		close(child);
		close(fd);
	}
}

/* The SYN that TCP_SAVE_SYN keeps is the child's. */
TEST(options__save_syn)
{
	for (enum when when = 0; when < NR_WHENS; when++) {
		const struct option save = NUMBER(IPPROTO_TCP, TCP_SAVE_SYN, 1);
		unsigned char stock[200] = {}, lanes[200] = {};
		socklen_t stock_len = sizeof(stock), lanes_len = sizeof(lanes);

		for (int attached = 0; attached < 2; attached++) {
			struct seen seen = {};
			struct endpoint to;
			int fd = bound_socket(V4, &to), client, child;

			if (when == BEFORE_LISTEN)
				set(fd, &save, &seen);
			MUST(listen(fd, 8));
			if (when == BEFORE_ATTACH)
				set(fd, &save, &seen);
			if (attached)
				MUST(lanes_attach(fd));
			if (when == AFTER_ATTACH)
				set(fd, &save, &seen);
			client = MUST(dial(&to));
			child = MUST(accept_within(fd, 1000));
			MUST(getsockopt(child, IPPROTO_TCP, TCP_SAVED_SYN,
					attached ? lanes : stock,
					attached ? &lanes_len : &stock_len));
			hang_up(client);
			close(child);
			close(fd);
		}
		CHECK_OP(stock_len, >, 0);
		CHECK_EQ(lanes_len, stock_len);
	}
}
