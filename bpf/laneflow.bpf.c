// SPDX-License-Identifier: GPL-2.0-only
/*
 * Follows connections from their SYN to their first data. Counts them by the
 * CPUs of both and of the accept, or tells each event.
 */
#include "vmlinux.h"

#include "laneflow.h"
#include "shared/flow.bpf.h"
#include "shared/queued.bpf.h"

#define TOTALS FLOW_TOTALS
#include "shared/total.bpf.h"

#define FLOWS_MAX 65536
#define CELLS_MAX 16384

/* Tell events rather than count. */
const volatile bool tell;

/* A connection before its first data; -1 for what has not happened. */
struct flow {
	__s32 syn_cpu;
	__s32 accept_cpu;
	__s32 data_cpu;
	__u32 counted;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FLOWS_MAX);
	__type(key, struct flow_key);
	__type(value, struct flow);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, CELLS_MAX);
	__type(key, struct flow_cell);
	__type(value, __u64);
} cells SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

static void count(const struct flow *flow, __s32 data_cpu)
{
	const struct flow_cell cell = {flow->syn_cpu, flow->accept_cpu, data_cpu};
	__u64 *count = bpf_map_lookup_elem(&cells, &cell);
	const __u64 zero = 0;

	if (!count) {
		bpf_map_update_elem(&cells, &cell, &zero, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&cells, &cell);
	}
	if (count)
		__sync_fetch_and_add(count, 1);
	else
		total(FLOW_TOTAL_LOST);
}

static struct flow_event *event_new(const struct flow_key *key, enum flow_what what)
{
	struct flow_event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e) {
		total(FLOW_TOTAL_LOST);
		return NULL;
	}
	__builtin_memset(e, 0, sizeof(*e));
	e->ns = bpf_ktime_get_ns();
	e->key = *key;
	e->what = what;
	e->cpu = bpf_get_smp_processor_id();
	return e;
}

static void event(const struct flow_key *key, enum flow_what what, __s32 lane, __s32 code,
		  __u64 waited_us)
{
	struct flow_event *e = event_new(key, what);

	if (!e)
		return;
	e->lane = lane;
	e->code = code;
	e->waited_us = waited_us;
	bpf_ringbuf_submit(e, 0);
}

/* By the current task. */
static void event_accept(const struct flow_key *key, enum flow_what what, __s32 lane, __s32 from,
			 __u64 waited_us)
{
	struct flow_event *e = event_new(key, what);

	if (!e)
		return;
	e->lane = lane;
	e->code = from;
	e->waited_us = waited_us;
	e->pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	bpf_ringbuf_submit(e, 0);
}

/* Accepted and with data, whichever came last: nothing more is asked. */
static void finish(const struct flow_key *key, struct flow *flow)
{
	if (flow->accept_cpu < 0 || flow->data_cpu < 0)
		return;
	if (__sync_lock_test_and_set(&flow->counted, 1))
		return;
	if (!tell)
		count(flow, flow->data_cpu);
	bpf_map_delete_elem(&flows, key);
}

static void data(const struct flow_key *key, struct flow *flow, __s32 cpu)
{
	struct flow_event *e;

	if (flow->data_cpu >= 0)
		return;
	flow->data_cpu = cpu;
	if (!tell)
		return;
	e = event_new(key, FLOW_DATA);
	if (!e)
		return;
	e->cpu = cpu;
	bpf_ringbuf_submit(e, 0);
}

SEC("fentry/tcp_conn_request")
int BPF_PROG(on_syn, void *rsk_ops, void *af_ops, struct sock *sk, struct sk_buff *skb)
{
	struct flow flow = {
		.syn_cpu = bpf_get_smp_processor_id(),
		.accept_cpu = -1,
		.data_cpu = -1,
	};
	struct flow_key key;

	if (!flow_of_skb(&key, skb))
		return 0;
	if (bpf_map_update_elem(&flows, &key, &flow, BPF_ANY))
		total(FLOW_TOTAL_LOST);
	if (tell)
		event(&key, FLOW_SYN, 0, 0, 0);
	return 0;
}

static void queued(const struct sock *listener, const struct sock *child)
{
	struct flow_key key;

	if (flow_of_sock(&key, child) && bpf_map_lookup_elem(&flows, &key))
		event(&key, FLOW_QUEUED, 0, 0, 0);
}

FLOW_QUEUED_PROGRAMS(queued)

/* Kernels differ in the arguments, not in the result. */
SEC("fexit/inet_csk_accept")
int on_accept(__u64 *ctx)
{
	const struct sock *child;
	struct flow_key key;
	struct flow *flow;
	__u64 ret = 0;

	bpf_get_func_ret(ctx, &ret);
	child = (const struct sock *)ret;
	if (!child || !flow_of_sock(&key, child))
		return 0;
	flow = bpf_map_lookup_elem(&flows, &key);
	if (!flow) {
		total(FLOW_TOTAL_UNSEEN);
		return 0;
	}
	flow->accept_cpu = bpf_get_smp_processor_id();
	if (tell)
		event_accept(&key, FLOW_ACCEPT, 0, 0, 0);
	else
		count(flow, -1);
	/* Data that came with the handshake passes on_data() by. */
	if (BPF_CORE_READ((const struct tcp_sock *)child, bytes_received))
		data(&key, flow, BPF_CORE_READ(child, __sk_common.skc_incoming_cpu));
	finish(&key, flow);
	return 0;
}

/* Each packet of an established connection. */
SEC("tp_btf/tcp_probe")
int BPF_PROG(on_data, struct sock *sk, struct sk_buff *skb)
{
	struct flow_key key;
	struct flow *flow;
	__u8 words;

	if (!flow_of_sock(&key, sk))
		return 0;
	flow = bpf_map_lookup_elem(&flows, &key);
	if (!flow)
		return 0;
	bpf_probe_read_kernel(&words, 1, flow_tcp_header(skb) + 12);
	if (skb->len <= (words >> 4) * 4U)
		return 0;
	data(&key, flow, bpf_get_smp_processor_id());
	finish(&key, flow);
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, struct sock *sk, int oldstate, int newstate)
{
	struct flow_key key;

	if (newstate != TCP_CLOSE || !flow_of_sock(&key, sk))
		return 0;
	if (bpf_map_delete_elem(&flows, &key))
		return 0;
	event(&key, FLOW_CLOSE, 0, 0, 0);
	return 0;
}

SEC("tp/lanes/lanes_fallback")
int on_lanes_fallback(struct record_fallback *r)
{
	struct flow_key key;

	if (flow_of_record(&key, &r->ends))
		event(&key, FLOW_FALLBACK, 0, r->why, 0);
	return 0;
}

SEC("tp/lanes/lanes_overflow")
int on_lanes_overflow(struct record_overflow *r)
{
	struct flow_key key;

	if (flow_of_record(&key, &r->ends))
		event(&key, FLOW_OVERFLOW, r->lane, r->backlog, 0);
	return 0;
}

/* Of connections that wait for their first data: not each packet later. */
SEC("tp/lanes/lanes_steer")
int on_lanes_steer(struct record_steer *r)
{
	struct flow_event *e;
	struct flow_key key;

	if (!flow_of_record(&key, &r->ends) || !bpf_map_lookup_elem(&flows, &key))
		return 0;
	e = event_new(&key, FLOW_STEER);
	if (!e)
		return 0;
	e->cpu = r->from;
	e->lane = r->to;
	e->code = r->what;
	bpf_ringbuf_submit(e, 0);
	return 0;
}

static void moved(struct record_queued *r, enum flow_what what)
{
	struct flow_key key;

	if (flow_of_record(&key, &r->ends))
		event(&key, what, r->lane, r->why, r->waited_us);
}

SEC("tp/lanes/lanes_enqueue")
int on_lanes_enqueue(struct record_queued *r)
{
	moved(r, FLOW_ENQUEUE);
	return 0;
}

SEC("tp/lanes/lanes_spill")
int on_lanes_spill(struct record_queued *r)
{
	moved(r, FLOW_SPILL);
	return 0;
}

SEC("tp/lanes/lanes_accept")
int on_lanes_accept(struct record_accept *r)
{
	struct flow_key key;

	if (!flow_of_record(&key, &r->ends))
		return 0;
	if (tell)
		event_accept(&key, FLOW_LANES_ACCEPT, r->lane, r->from, r->waited_us);
	else
		total(FLOW_TOTAL_LOCAL + r->from);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
