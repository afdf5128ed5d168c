// SPDX-License-Identifier: GPL-2.0-only
/* Attach and detach: who may, what is refused, and what the options answer. */
#define _GNU_SOURCE
#include "serve.h"

#include <linux/filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

static void serves_one(int fd, const struct endpoint *to)
{
	int client = MUST(dial(to)), child = MUST(accept_within(fd, 1000));

	CHECK(same_socket(client, child));
	hang_up(client);
	close(child);
}

static void ulp_name(int fd, char name[16])
{
	socklen_t len = 16;

	memset(name, 0, 16);
	MUST(getsockopt(fd, IPPROTO_TCP, TCP_ULP, name, &len));
}

TEST(attach__serves)
{
	for (enum family family = V4; family <= DUAL; family++) {
		struct endpoint to;
		int fd = listen_lanes(family, 8, &to);

		serves_one(fd, &to);
		close(fd);
	}
}

TEST(attach__name)
{
	struct endpoint to;
	char name[16];
	int fd;

	need_lanes();
	fd = listen_lanes(V4, 8, &to);
	ulp_name(fd, name);
	CHECK_EQ(strcmp(name, "lanes"), 0);
}

TEST(attach__twice)
{
	struct endpoint to;
	int fd;

	need_lanes();
	fd = listen_lanes(V4, 8, &to);
	CHECK_ERRNO(lanes_attach(fd), EEXIST);
	serves_one(fd, &to);
}

TEST(attach__not_listening)
{
	struct endpoint to;
	int fd, client;

	need_lanes();
	fd = bound_socket(V4, &to);
	CHECK_ERRNO(lanes_attach(fd), ENOTCONN);
	MUST(listen(fd, 8));
	MUST(lanes_attach(fd));
	serves_one(fd, &to);

	client = MUST(dial(&to));
	CHECK_ERRNO(lanes_attach(client), ENOTCONN);
	hang_up(client);
}

TEST(attach__mptcp)
{
	struct endpoint to;
	int fd;

	need_lanes();
	bound_socket(V4, &to);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);
	if (fd < 0)
		SKIP("MPTCP: %s", strerror(errno));
	((struct sockaddr_in *)&to.addr)->sin_port = 0;
	MUST(bind(fd, (struct sockaddr *)&to.addr, to.len));
	MUST(listen(fd, 8));
	/* MPTCP takes only the options that it knows. */
	CHECK_ERRNO(lanes_attach(fd), ENOPROTOOPT);
}

TEST(attach__udp)
{
	int fd;

	need_lanes();
	fd = MUST(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	CHECK(lanes_attach(fd) < 0);
}

TEST(attach__socket_filter)
{
	struct sock_filter accept_all = BPF_STMT(BPF_RET | BPF_K, 0xffffffff);
	struct sock_fprog prog = { .len = 1, .filter = &accept_all };
	struct endpoint to;
	int fd, none = 0;

	need_lanes();
	fd = listen_stock(V4, 8, &to);
	MUST(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)));
	CHECK_ERRNO(lanes_attach(fd), EOPNOTSUPP);
	serves_one(fd, &to);
	MUST(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof(none)));
	MUST(lanes_attach(fd));
	serves_one(fd, &to);
}

TEST(attach__md5)
{
	struct tcp_md5sig key = { .tcpm_keylen = 4, .tcpm_key = "lane" };
	struct sockaddr_in *peer = (void *)&key.tcpm_addr;
	struct endpoint to;
	int fd;

	need_lanes();
	fd = listen_stock(V4, 8, &to);
	peer->sin_family = AF_INET;
	peer->sin_addr.s_addr = htonl(0x7f000009);
	if (setsockopt(fd, IPPROTO_TCP, TCP_MD5SIG, &key, sizeof(key)))
		SKIP("TCP_MD5SIG: %s", strerror(errno));
	CHECK_ERRNO(lanes_attach(fd), EOPNOTSUPP);
	serves_one(fd, &to);
}

TEST(attach__queue_intact)
{
	struct endpoint to;
	int clients[5], fd;

	fd = listen_stock(V4, 16, &to);
	for (int i = 0; i < 5; i++)
		clients[i] = MUST(dial(&to));
	MUST(lanes_attach(fd));
	for (int i = 0; i < 5; i++) {
		int child = MUST(accept_within(fd, 1000));

		CHECK(same_socket(clients[i], child));
		close(child);
		hang_up(clients[i]);
	}
	CHECK_ERRNO(accept_nowait(fd), EAGAIN);
}

TEST(attach__unprivileged)
{
	struct endpoint to;
	int fd = listen_stock(V4, 8, &to);

	if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
		SKIP("another user: %s", strerror(errno));
	MUST(lanes_attach(fd));
	serves_one(fd, &to);
	MUST(lanes_detach(fd));
}

TEST(attach__privileged_port)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_port = htons(81),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct endpoint to = { .len = sizeof(at) };
	int fd;

	fresh_netns();
	memcpy(&to.addr, &at, sizeof(at));
	fd = MUST(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	MUST(bind(fd, (struct sockaddr *)&at, sizeof(at)));
	MUST(listen(fd, 8));
	MUST(setresuid(65534, 65534, 65534));
	MUST(lanes_attach(fd));
	serves_one(fd, &to);
}

TEST(detach__stock_again)
{
	struct endpoint to;
	char name[16];
	int fd;

	fd = listen_lanes(V4, 8, &to);
	serves_one(fd, &to);
	MUST(lanes_detach(fd));
	ulp_name(fd, name);
	CHECK_EQ(name[0], 0);
	serves_one(fd, &to);
	if (!plain())
		CHECK(lanes_detach(fd) < 0);
	MUST(lanes_attach(fd));
	serves_one(fd, &to);
}

TEST(detach__errors)
{
	struct endpoint to;
	int fd;

	need_lanes();
	fd = listen_stock(V4, 8, &to);
	CHECK_ERRNO(lanes_detach(fd), ENOPROTOOPT);
	MUST(lanes_attach(fd));
	CHECK_ERRNO(setsockopt(fd, SOL_LANES, 4711, NULL, 0), ENOPROTOOPT);
	MUST(lanes_detach(fd));
}

TEST(spill_ms__set_get)
{
	__u32 bad[] = { 0, LANES_SPILL_MS_MAX + 1, ~0U }, value = 0;
	__u32 good[] = { 1, 250, LANES_SPILL_MS_MAX };
	socklen_t len = sizeof(value);
	struct endpoint to;
	int fd;

	need_lanes();
	fd = listen_lanes(V4, 8, &to);
	MUST(getsockopt(fd, SOL_LANES, LANES_SPILL_MS, &value, &len));
	CHECK_EQ(value, SPILL_MS);
	CHECK_EQ(len, sizeof(value));
	for (int i = 0; i < 3; i++)
		CHECK_ERRNO(setsockopt(fd, SOL_LANES, LANES_SPILL_MS, &bad[i],
				       sizeof(__u32)), EINVAL);
	CHECK_ERRNO(setsockopt(fd, SOL_LANES, LANES_SPILL_MS, good, 2), EINVAL);
	CHECK_ERRNO(setsockopt(fd, SOL_LANES, LANES_SPILL_MS, (void *)8, 4),
		    EFAULT);
	for (int i = 0; i < 3; i++) {
		MUST(setsockopt(fd, SOL_LANES, LANES_SPILL_MS, &good[i],
				sizeof(__u32)));
		MUST(getsockopt(fd, SOL_LANES, LANES_SPILL_MS, &value, &len));
		CHECK_EQ(value, good[i]);
		CHECK_EQ(lanes_info(fd).spill_ms, good[i]);
	}
}

TEST(spill_ms__sysctl)
{
	const char *knob = "net.lanes.spill_ms";
	struct endpoint to;
	int fd;

	need_lanes();
	fresh_netns();
	ASSERT(sysctl_exists(knob));
	write_sysctl(knob, "321");
	fd = listen_lanes(V4, 8, &to);
	CHECK_EQ(lanes_info(fd).spill_ms, 321);
	close(fd);
	/* Another network namespace has the default. */
	fresh_netns();
	fd = listen_lanes(V4, 8, &to);
	CHECK_EQ(lanes_info(fd).spill_ms, SPILL_MS);
}

TEST(info__fields)
{
	struct endpoint to;
	struct lanes_info info;
	int fd, clients[3];

	need_lanes();
	fd = listen_lanes(V4, 7, &to);
	info = lanes_info(fd);
	CHECK_OP(info.nr_lanes, >=, nr_cpus());
	CHECK_EQ(info.backlog, 7);
	CHECK_EQ(info.spill_ms, SPILL_MS);
	CHECK_EQ(info.reserved, 0);
	CHECK_EQ(info.accepted_local + info.accepted_global +
		 info.accepted_stolen, 0);
	for (int i = 0; i < 3; i++)
		clients[i] = MUST(dial(&to));
	CHECK_EQ(queued_within(fd, 3, 1000), 3);
	/* Nobody is bound: they wait for everybody. */
	CHECK_EQ(lanes_info(fd).global_queued, 3);
	for (int i = 0; i < 3; i++) {
		close(MUST(accept_within(fd, 1000)));
		hang_up(clients[i]);
	}
	info = lanes_info(fd);
	CHECK_EQ(info.queued, 0);
	CHECK_EQ(info.accepted_global, 3);
}

/* Shorter and longer buffers than the struct: the rule of the uapi header. */
TEST(info__lengths)
{
	char longer[sizeof(struct lanes_info) + 16];
	struct lanes_info full;
	struct endpoint to;
	socklen_t len;
	int fd;

	need_lanes();
	fd = listen_lanes(V4, 7, &to);
	full = lanes_info(fd);

	memset(longer, 0xff, sizeof(longer));
	len = 8;
	MUST(getsockopt(fd, SOL_LANES, LANES_INFO, longer, &len));
	CHECK_EQ(len, 8);
	CHECK(!memcmp(longer, &full, 8));
	CHECK_EQ((unsigned char)longer[8], 0xff);

	memset(longer, 0xff, sizeof(longer));
	len = sizeof(longer);
	MUST(getsockopt(fd, SOL_LANES, LANES_INFO, longer, &len));
	CHECK(!memcmp(longer, &full, sizeof(full)));
	for (size_t i = sizeof(full); i < sizeof(longer); i++)
		CHECK_EQ(longer[i], 0);
	CHECK_ERRNO(getsockopt(fd, SOL_LANES, 4711, longer, &len), ENOPROTOOPT);
}

TEST(lane_info__cpu)
{
	struct lanes_lane_info info = { .cpu = 1U << 20 };
	socklen_t len = sizeof(info);
	struct worker *workers;
	struct endpoint to;
	struct client sum;
	int fd, queued = 0;

	need_lanes();
	fd = listen_lanes(V4, 16, &to);
	CHECK_ERRNO(getsockopt(fd, SOL_LANES, LANES_LANE_INFO, &info, &len),
		    EINVAL);
	workers = workers_per_cpu(fd, SERVE_BLOCKING);
	for (int cpu = 0; cpu < nr_cpus(); cpu++)
		CHECK_EQ(lane_info(fd, cpu).flags & LANES_LANE_CLAIMED, 0);
	workers_start(workers, nr_cpus(), false);
	workers_settle(workers, nr_cpus());
	sum = clients_per_cpu(&to, 40, 1, 0);
	CHECK_EQ(sum.served, sum.count);
	for (int cpu = 0; cpu < nr_cpus(); cpu++) {
		info = lane_info(fd, cpu);
		CHECK_EQ(info.cpu, cpu);
		CHECK_OP(info.enqueued_local, >, 0);
		queued += info.enqueued_local + info.enqueued_global;
	}
	CHECK_EQ(queued, sum.served);
}
