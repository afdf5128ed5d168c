// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which listener gets a connection is the kernel's rule, attached or not.
 *
 *	            +-- 127.0.0.2:p -- specific
 *	 client ----+-- on "lo"   --  bound device
 *	            +-- 0.0.0.0:p --  wildcard
 *	            +-- [::]:p    --  v6, v6 only
 */
#define _GNU_SOURCE
#include "serve.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Which of two listeners is attached: all four ways must agree. Two listeners
 * on one port need SO_REUSEPORT, as Linux has it.
 */
enum { NONE, FIRST, SECOND, BOTH, NR_WAYS };

static struct endpoint at(const char *ip, int port)
{
	struct endpoint to = { .len = sizeof(struct sockaddr_in) };
	struct sockaddr_in *in = (void *)&to.addr;
	struct sockaddr_in6 *in6 = (void *)&to.addr;

	if (inet_pton(AF_INET, ip, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		return to;
	}
	to.len = sizeof(*in6);
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	ASSERT_EQ(inet_pton(AF_INET6, ip, &in6->sin6_addr), 1);
	return to;
}

struct how {
	const char *ip;
	int port;
	const char *device;
	bool v6only;
	bool reuseport;
};

static int listen_how(struct how how)
{
	struct endpoint to = at(how.ip, how.port);
	int one = 1, v6only = how.v6only, fd;

	fd = MUST(socket(to.addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
	MUST(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)));
	if (how.reuseport)
		MUST(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)));
	if (how.device)
		MUST(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, how.device,
				strlen(how.device) + 1));
	if (to.addr.ss_family == AF_INET6)
		MUST(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only,
				sizeof(v6only)));
	MUST(bind(fd, (struct sockaddr *)&to.addr, to.len));
	MUST(listen(fd, 64));
	return fd;
}

/* From every CPU to @ip: each connection must come to @wanted. */
static void goes_to(const char *ip, int port, int wanted, int other)
{
	for (int cpu = 0; cpu < nr_cpus(); cpu++) {
		struct endpoint to = at(ip, port);
		int client = dial_on(cpu, &to), child;

		child = accept_within(wanted, 1000);
		if (!CHECK(child >= 0))
			harness_diag("a connection to %s from CPU %d", ip, cpu);
		else
			CHECK(same_socket(client, child));
		if (other >= 0)
			CHECK_ERRNO(accept_nowait(other), EAGAIN);
		hang_up(client);
		close(child);
	}
}

static void attach_way(int way, int first, int second)
{
	if (way & FIRST)
		MUST(lanes_attach(first));
	if (way & SECOND)
		MUST(lanes_attach(second));
}

TEST(precedence__specific_over_wildcard)
{
	fresh_netns();
	for (int way = NONE; way < NR_WAYS; way++) {
		/* In both orders of arrival. */
		for (int order = 0; order < 2; order++) {
			struct how s = { .ip = "127.0.0.2", .port = 7000,
					 .reuseport = true };
			struct how w = { .ip = "0.0.0.0", .port = 7000,
					 .reuseport = true };
			int specific = -1, wildcard;

			if (order)
				specific = listen_how(s);
			wildcard = listen_how(w);
			if (!order)
				specific = listen_how(s);
			attach_way(way, specific, wildcard);
			goes_to("127.0.0.2", 7000, specific, wildcard);
			goes_to("127.0.0.1", 7000, wildcard, specific);
			close(specific);
			goes_to("127.0.0.2", 7000, wildcard, -1);
			close(wildcard);
		}
	}
}

/* A listener that comes after the attach takes what is its own. */
TEST(precedence__specific_comes_later)
{
	struct how s = { .ip = "127.0.0.2", .port = 7000,
			 .reuseport = true };
	struct how w = { .ip = "0.0.0.0", .port = 7000,
			 .reuseport = true };
	int specific, wildcard;

	fresh_netns();
	wildcard = listen_how(w);
	MUST(lanes_attach(wildcard));
	goes_to("127.0.0.2", 7000, wildcard, -1);
	for (int i = 0; i < 3; i++) {
		specific = listen_how(s);
		goes_to("127.0.0.2", 7000, specific, wildcard);
		goes_to("127.0.0.1", 7000, wildcard, specific);
		close(specific);
		goes_to("127.0.0.2", 7000, wildcard, -1);
	}
}

TEST(precedence__other_address_refused)
{
	struct how s = { .ip = "127.0.0.2", .port = 7000,
			 .reuseport = true };
	struct endpoint other;
	int specific;

	fresh_netns();
	specific = listen_how(s);
	MUST(lanes_attach(specific));
	other = at("127.0.0.3", 7000);
	CHECK_ERRNO(dial(&other), ECONNREFUSED);
	other = at("127.0.0.2", 7001);
	CHECK_ERRNO(dial(&other), ECONNREFUSED);
	goes_to("127.0.0.2", 7000, specific, -1);
}

TEST(precedence__bound_device)
{
	fresh_netns();
	for (int way = NONE; way < NR_WAYS; way++) {
		struct how d = { .ip = "0.0.0.0", .port = 7000, .device = "lo",
				 .reuseport = true };
		struct how a = { .ip = "0.0.0.0", .port = 7000,
				 .reuseport = true };
		int any = listen_how(a), device = listen_how(d);

		attach_way(way, device, any);
		goes_to("127.0.0.1", 7000, device, any);
		close(device);
		goes_to("127.0.0.1", 7000, any, -1);
		close(any);
	}
}

/* Bound to a device through which nothing comes. */
TEST(precedence__other_device)
{
	struct how d = { .ip = "0.0.0.0", .port = 7000, .device = "lanes0" };
	struct endpoint to;

	fresh_netns();
	if (system("ip link add lanes0 type dummy && ip link set lanes0 up"))
		SKIP("ip link add type dummy: not possible");
	MUST(lanes_attach(listen_how(d)));
	to = at("127.0.0.1", 7000);
	CHECK_ERRNO(dial(&to), ECONNREFUSED);
}

TEST(precedence__v4_and_v6)
{
	fresh_netns();
	for (int way = NONE; way < NR_WAYS; way++) {
		for (int v6only = 0; v6only < 2; v6only++) {
			struct how f = { .ip = "0.0.0.0", .port = 7000,
					 .reuseport = !v6only };
			struct how s = { .ip = "::", .port = 7000,
					 .v6only = v6only,
					 .reuseport = !v6only };
			int six = listen_how(s), four = listen_how(f);

			attach_way(way, six, four);
			goes_to("127.0.0.1", 7000, four, six);
			goes_to("::1", 7000, six, four);
			close(four);
			if (v6only) {
				struct endpoint to = at("127.0.0.1", 7000);

				CHECK_ERRNO(dial(&to), ECONNREFUSED);
			} else {
				goes_to("127.0.0.1", 7000, six, -1);
			}
			close(six);
		}
	}
}

/* Another network namespace has the same address and port. */
TEST(precedence__netns)
{
	struct how how = { .ip = "127.0.0.1", .port = 7000 };
	struct endpoint to = at("127.0.0.1", 7000);
	int inner;

	fresh_netns();
	MUST(lanes_attach(listen_how(how)));
	fresh_netns();
	CHECK_ERRNO(dial(&to), ECONNREFUSED);
	inner = listen_how(how);
	MUST(lanes_attach(inner));
	goes_to("127.0.0.1", 7000, inner, -1);
}

/* A group: the kernel chooses the member, its lanes serve. */
static void reuseport_counts(int nr_attached, int counts[4])
{
	struct how how = { .ip = "127.0.0.1", .port = 7000, .reuseport = true };
	struct endpoint to = at("127.0.0.1", 7000);
	int fds[4], nr = 64;

	for (int i = 0; i < 4; i++)
		fds[i] = listen_how(how);
	for (int i = 0; i < nr_attached; i++)
		MUST(lanes_attach(fds[i]));
	for (int i = 0; i < nr; i++) {
		int client = dial_on(i % nr_cpus(), &to), found = -1, child = -1;

		ASSERT(WITHIN(1000, ({
			for (int m = 0; m < 4 && child < 0; m++) {
				child = accept_nowait(fds[m]);
				found = m;
			}
			child >= 0;
		})));
		counts[found]++;
		hang_up(client);
		close(child);
	}
	for (int i = 0; i < 4; i++)
		close(fds[i]);
}

TEST(precedence__reuseport_group)
{
	fresh_netns();
	for (int nr_attached = 0; nr_attached <= 4; nr_attached++) {
		int counts[4] = {};

		reuseport_counts(nr_attached, counts);
		harness_diag("%d of 4 attached: %d %d %d %d", nr_attached,
			     counts[0], counts[1], counts[2], counts[3]);
		/* 64 connections by hash: none is left out, none has most. */
		for (int i = 0; i < 4; i++) {
			CHECK_OP(counts[i], >, 2);
			CHECK_OP(counts[i], <, 40);
		}
	}
}

static long bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static int socket_map(void)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_SOCKMAP,
				.key_size = 4, .value_size = 4,
				.max_entries = 1 };
	int map = bpf(BPF_MAP_CREATE, &attr);

	if (map < 0)
		SKIP("a BPF sockmap: %s", strerror(errno));
	return map;
}

static long put(int map, int target)
{
	__u32 key = 0, value = target;
	union bpf_attr attr = { .map_fd = map, .key = (__u64)&key,
				.value = (__u64)&value };

	return bpf(BPF_MAP_UPDATE_ELEM, &attr);
}

/* An sk_lookup program that gives everything for @port to the map's socket. */
static void redirect(int port, int map)
{
	union bpf_attr attr;
	char log[4096] = "";
	int prog, netns;

	struct bpf_insn code[] = {
		/* r6 = ctx; if (ctx->local_port != port) return SK_PASS */
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 6, .src_reg = 1 },
		{ .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 2, .src_reg = 6,
		  .off = offsetof(struct bpf_sk_lookup, local_port) },
		{ .code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = 2, .off = 14,
		  .imm = port },
		/* r0 = map_lookup_elem(map, &0) */
		{ .code = BPF_ST | BPF_MEM | BPF_W, .dst_reg = 10, .off = -4 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 2, .src_reg = 10 },
		{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 2, .imm = -4 },
		{ .code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = 1,
		  .src_reg = BPF_PSEUDO_MAP_FD, .imm = map },
		{},
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_map_lookup_elem },
		{ .code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = 0, .off = 7 },
		/* sk_assign(ctx, sk, 0); sk_release(sk) */
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 7, .src_reg = 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 1, .src_reg = 6 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 2, .src_reg = 7 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_sk_assign },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 1, .src_reg = 7 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_sk_release },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0,
		  .imm = SK_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	attr = (union bpf_attr){ .prog_type = BPF_PROG_TYPE_SK_LOOKUP,
				 .expected_attach_type = BPF_SK_LOOKUP,
				 .insns = (__u64)code,
				 .insn_cnt = sizeof(code) / sizeof(*code),
				 .license = (__u64)"GPL",
				 .log_buf = (__u64)log, .log_size = sizeof(log),
				 .log_level = 1 };
	prog = bpf(BPF_PROG_LOAD, &attr);
	if (prog < 0)
		harness_diag("%s", log);
	ASSERT(prog >= 0);
	netns = MUST(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
	attr = (union bpf_attr){};
	attr.link_create.prog_fd = prog;
	attr.link_create.target_fd = netns;
	attr.link_create.attach_type = BPF_SK_LOOKUP;
	MUST(bpf(BPF_LINK_CREATE, &attr));
}

TEST(precedence__bpf_sk_lookup)
{
	struct how a = { .ip = "127.0.0.1", .port = 7000 };
	struct how b = { .ip = "127.0.0.1", .port = 7001 };
	int attached, target, map = socket_map();

	fresh_netns();
	attached = listen_how(a);
	MUST(lanes_attach(attached));
	target = listen_how(b);
	goes_to("127.0.0.1", 7000, attached, target);
	MUST(put(map, target));
	redirect(7000, map);
	goes_to("127.0.0.1", 7000, target, attached);
	goes_to("127.0.0.1", 7001, target, attached);
}

/* The kernel keeps ULP and sockmap apart: each refuses the other's socket. */
TEST(precedence__bpf_sk_lookup_target)
{
	struct how b = { .ip = "127.0.0.1", .port = 7001 };
	int target, map = socket_map();

	need_lanes();
	fresh_netns();
	target = listen_how(b);
	MUST(lanes_attach(target));
	CHECK_ERRNO(put(map, target), EINVAL);
	MUST(lanes_detach(target));
	MUST(put(map, target));
	CHECK_ERRNO(lanes_attach(target), EOPNOTSUPP);
	redirect(7000, map);
	goes_to("127.0.0.1", 7000, target, -1);
	goes_to("127.0.0.1", 7001, target, -1);
}
