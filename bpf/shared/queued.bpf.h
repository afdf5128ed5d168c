/* SPDX-License-Identifier: GPL-2.0-only */
/* When is a connection put into an accept queue? Included after flow.bpf.h. */
#ifndef LANES_BPF_QUEUED_BPF_H
#define LANES_BPF_QUEUED_BPF_H

#include "shared/flow.bpf.h"

/*
 * A connection is put into an accept queue by inet_csk_reqsk_queue_add(), which most
 * kernels inline into inet_csk_complete_hashdance(): the end of a usual handshake.
 * SYN cookies and fast open call it directly. So both are watched, and the inner one
 * is silent inside the outer, which runs with BHs off.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} hashdance SEC(".maps");

static __always_inline bool flow_hashdance(void)
{
	const __u32 key = 0;
	const __u32 *inside = bpf_map_lookup_elem(&hashdance, &key);

	return inside && *inside;
}

static __always_inline void flow_hashdance_set(__u32 inside)
{
	const __u32 key = 0;

	bpf_map_update_elem(&hashdance, &key, &inside, BPF_ANY);
}

/* Programs that call queued_(listener, child) for each, before an acceptor can see
 * it.
 */
#define FLOW_QUEUED_PROGRAMS(queued_)                                                              \
	SEC("fentry/inet_csk_complete_hashdance")                                                  \
	int BPF_PROG(on_hashdance, struct sock *sk, struct sock *child, struct request_sock *req,  \
		     bool own_req)                                                                 \
	{                                                                                          \
		if (!own_req)                                                                      \
			return 0;                                                                  \
		flow_hashdance_set(1);                                                             \
		queued_(sk, child);                                                                \
		return 0;                                                                          \
	}                                                                                          \
	SEC("fexit/inet_csk_complete_hashdance")                                                   \
	int BPF_PROG(on_hashdance_end)                                                             \
	{                                                                                          \
		flow_hashdance_set(0);                                                             \
		return 0;                                                                          \
	}                                                                                          \
	SEC("fentry/inet_csk_reqsk_queue_add")                                                     \
	int BPF_PROG(on_queue_add, struct sock *sk, struct request_sock *req, struct sock *child)  \
	{                                                                                          \
		if (!flow_hashdance())                                                             \
			queued_(sk, child);                                                        \
		return 0;                                                                          \
	}

#endif
