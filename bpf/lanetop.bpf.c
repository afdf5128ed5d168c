// SPDX-License-Identifier: GPL-2.0-only
/* Counts what arrives at each listener, and what is accepted, on each CPU. */
#include "vmlinux.h"

#include "lanetop.h"
#include "shared/flow.bpf.h"
#include "shared/queued.bpf.h"

#define LISTENERS_MAX 1024

struct {
	__uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);
	__uint(max_entries, LISTENERS_MAX);
	__type(key, struct flow_end);
	__type(value, struct top_counts);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, LISTENERS_MAX);
	__type(key, struct flow_end);
	__type(value, struct top_listener);
} listeners SEC(".maps");

/* @queued connections are in the listener's queue now. */
static struct top_counts *counts_of(const struct sock *sk, __u32 queued)
{
	struct top_listener listener = {
		.queued = queued,
		.backlog = BPF_CORE_READ(sk, sk_max_ack_backlog),
	};
	const struct top_counts none = {};
	struct top_counts *c;
	struct flow_end end;

	flow_end_of_sock(&end, sk);
	if (!flow_watched(end.port))
		return NULL;
	bpf_map_update_elem(&listeners, &end, &listener, BPF_ANY);
	c = bpf_map_lookup_elem(&counts, &end);
	if (c)
		return c;
	bpf_map_update_elem(&counts, &end, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&counts, &end);
}

static void queued(const struct sock *listener, const struct sock *child)
{
	struct top_counts *c = counts_of(listener, BPF_CORE_READ(listener, sk_ack_backlog) + 1);

	if (c)
		__sync_fetch_and_add(&c->arrived, 1);
}

FLOW_QUEUED_PROGRAMS(queued)

/* Kernels differ in the arguments but the first, not in the result. */
SEC("fexit/inet_csk_accept")
int on_accept(__u64 *ctx)
{
	const struct sock *sk = (const struct sock *)ctx[0];
	const __u64 now_us = bpf_ktime_get_ns() / 1000;
	struct top_counts *c;
	__u64 ret = 0, since;

	bpf_get_func_ret(ctx, &ret);
	if (!ret)
		return 0;
	c = counts_of(sk, BPF_CORE_READ(sk, sk_ack_backlog));
	if (!c)
		return 0;
	__sync_fetch_and_add(&c->accepted, 1);
	/* Set at the end of the handshake, and again by reads only. */
	since = BPF_CORE_READ((const struct tcp_sock *)ret, rcvq_space.time);
	if (since && since < now_us)
		__sync_fetch_and_add(&c->wait_us, now_us - since);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
