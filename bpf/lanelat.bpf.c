// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long connections wait for their accept, and how long their clients wait
 * from the SYN to the first byte that they are sent.
 */
#include "vmlinux.h"

#include "lanelat.h"
#include "shared/flow.bpf.h"
#include "shared/queued.bpf.h"

#define TOTALS LATENCY_TOTALS
#include "shared/total.bpf.h"

#define FLOWS_MAX  65536
#define GROUPS_MAX 4096
/* An unanswered SYN is repeated for that long; later it is another connection's. */
#define SYN_NS_MAX (130ULL * 1000 * 1000 * 1000)

const volatile __u32 by;

/* A connection before its first byte; 0 for what has not happened. */
struct flow {
	__u64 syn_ns;
	__u64 queued_ns;
	__s32 queued_cpu;
	__u32 accepted;
	struct latency_group group;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FLOWS_MAX);
	__type(key, struct flow_key);
	__type(value, struct flow);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, GROUPS_MAX);
	__type(key, struct latency_group);
	__type(value, struct latency_histogram);
} histograms SEC(".maps");

/* What a new group begins with: too large for the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct latency_histogram);
} empty SEC(".maps");

static __u32 slot_of(__u64 us)
{
	__u32 slot = 0;

	/* A loop that the verifier sees the end of. */
	for (__u32 i = 0; i < LATENCY_SLOTS - 1; i++) {
		if (!us)
			break;
		us >>= 1;
		slot++;
	}
	return slot;
}

static void record(const struct latency_group *group, enum latency_what what, __u64 ns)
{
	struct latency_histogram *h = bpf_map_lookup_elem(&histograms, group), *zero;
	const __u64 us = ns / 1000;
	__u32 slot = slot_of(us), key = 0;

	if (!h) {
		zero = bpf_map_lookup_elem(&empty, &key);
		if (!zero)
			return;
		bpf_map_update_elem(&histograms, group, zero, BPF_NOEXIST);
		h = bpf_map_lookup_elem(&histograms, group);
	}
	if (!h || slot >= LATENCY_SLOTS) {
		total(LATENCY_TOTAL_LOST);
		return;
	}
	__sync_fetch_and_add(&h->slots[what][slot], 1);
	__sync_fetch_and_add(&h->sum_us[what], us);
}

SEC("fentry/tcp_conn_request")
int BPF_PROG(on_syn, void *rsk_ops, void *af_ops, struct sock *sk, struct sk_buff *skb)
{
	struct flow flow = {.syn_ns = bpf_ktime_get_ns()};
	struct flow_key key;
	struct flow *old;

	if (!flow_of_skb(&key, skb))
		return 0;
	/* The client waits since the first one. */
	old = bpf_map_lookup_elem(&flows, &key);
	if (old && !old->queued_ns && flow.syn_ns - old->syn_ns < SYN_NS_MAX)
		return 0;
	if (bpf_map_update_elem(&flows, &key, &flow, BPF_ANY))
		total(LATENCY_TOTAL_LOST);
	return 0;
}

static void queued(const struct sock *listener, const struct sock *child)
{
	struct flow_key key;
	struct flow *flow;

	if (!flow_of_sock(&key, child))
		return;
	flow = bpf_map_lookup_elem(&flows, &key);
	if (!flow)
		return;
	flow->queued_cpu = bpf_get_smp_processor_id();
	flow->queued_ns = bpf_ktime_get_ns();
}

FLOW_QUEUED_PROGRAMS(queued)

static void group_set(struct latency_group *group, const struct flow *flow,
		      const struct sock *listener)
{
	switch (by) {
	case LATENCY_BY_LANE:
		group->cpu = flow->queued_cpu;
		break;
	case LATENCY_BY_LISTENER:
		flow_end_of_sock(&group->listener, listener);
		break;
	case LATENCY_BY_PROCESS:
		group->pid = bpf_get_current_pid_tgid() >> 32;
		bpf_get_current_comm(group->comm, sizeof(group->comm));
		break;
	}
}

/* Kernels differ in the arguments but the first, not in the result. */
SEC("fexit/inet_csk_accept")
int on_accept(__u64 *ctx)
{
	const struct sock *listener = (const struct sock *)ctx[0], *child;
	struct flow_key key;
	struct flow *flow;
	__u64 ret = 0;

	bpf_get_func_ret(ctx, &ret);
	child = (const struct sock *)ret;
	if (!child || !flow_of_sock(&key, child))
		return 0;
	flow = bpf_map_lookup_elem(&flows, &key);
	if (!flow || !flow->queued_ns) {
		total(LATENCY_TOTAL_UNSEEN);
		return 0;
	}
	group_set(&flow->group, flow, listener);
	flow->accepted = 1;
	record(&flow->group, LATENCY_ACCEPT, bpf_ktime_get_ns() - flow->queued_ns);
	return 0;
}

static void sent(const struct sock *sk)
{
	struct flow_key key;
	struct flow *flow;

	if (!flow_of_sock(&key, sk))
		return;
	flow = bpf_map_lookup_elem(&flows, &key);
	if (!flow || !flow->accepted)
		return;
	record(&flow->group, LATENCY_FIRST_BYTE, bpf_ktime_get_ns() - flow->syn_ns);
	bpf_map_delete_elem(&flows, &key);
}

SEC("fentry/tcp_sendmsg_locked")
int BPF_PROG(on_send, struct sock *sk)
{
	sent(sk);
	return 0;
}

/* sendfile(2) and splice(2), before they became sendmsg(2) with pages. */
SEC("fentry/tcp_sendpage")
int BPF_PROG(on_sendpage, struct sock *sk)
{
	sent(sk);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
