/* SPDX-License-Identifier: GPL-2.0-only */
/* Which connection is it? Included after vmlinux.h, once in a BPF object. */
#ifndef LANES_BPF_FLOW_BPF_H
#define LANES_BPF_FLOW_BPF_H

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "shared/flow.h"
#include "shared/record.h"

#define AF_INET6 10

/* The local port to watch; 0 for all. */
const volatile __u16 only_port;

static __always_inline bool flow_watched(__be16 local_port)
{
	return !only_port || local_port == bpf_htons(only_port);
}

/* @address is the kernel's. */
static __always_inline void flow_end_set(struct flow_end *end, bool ipv6, const void *address,
					 __be16 port)
{
	__builtin_memset(end, 0, sizeof(*end));
	end->port = port;
	if (ipv6) {
		bpf_probe_read_kernel(end->address, 16, address);
		return;
	}
	end->address[10] = 0xff;
	end->address[11] = 0xff;
	bpf_probe_read_kernel(end->address + 12, 4, address);
}

/* A socket's own end: of a listener, what it is bound to. The port outlives
 * inet_put_port().
 */
static __always_inline void flow_end_of_sock(struct flow_end *end, const struct sock *sk)
{
	const bool ipv6 = BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET6;
	const void *address = ipv6 ? (const void *)&sk->__sk_common.skc_v6_rcv_saddr
				   : (const void *)&sk->__sk_common.skc_rcv_saddr;

	flow_end_set(end, ipv6, address, BPF_CORE_READ((const struct inet_sock *)sk, inet_sport));
}

/* Of a full TCP socket; false if nobody watches it. */
static __always_inline bool flow_of_sock(struct flow_key *key, const struct sock *sk)
{
	const bool ipv6 = BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET6;
	const void *address = ipv6 ? (const void *)&sk->__sk_common.skc_v6_daddr
				   : (const void *)&sk->__sk_common.skc_daddr;

	if (!flow_watched(BPF_CORE_READ((const struct inet_sock *)sk, inet_sport)))
		return false;
	flow_end_of_sock(&key->local, sk);
	flow_end_set(&key->peer, ipv6, address, BPF_CORE_READ(sk, __sk_common.skc_dport));
	return true;
}

static __always_inline const void *flow_tcp_header(const struct sk_buff *skb)
{
	return BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, transport_header);
}

/* Of a packet that TCP has received. */
static __always_inline bool flow_of_skb(struct flow_key *key, const struct sk_buff *skb)
{
	const void *ip = BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, network_header);
	__be16 ports[2];
	__u8 version;

	bpf_probe_read_kernel(ports, sizeof(ports), flow_tcp_header(skb));
	if (!flow_watched(ports[1]))
		return false;
	bpf_probe_read_kernel(&version, 1, ip);
	version >>= 4;
	flow_end_set(&key->peer, version == 6, ip + (version == 6 ? 8 : 12), ports[0]);
	flow_end_set(&key->local, version == 6, ip + (version == 6 ? 24 : 16), ports[1]);
	return true;
}

/* @address: a struct sockaddr_in or sockaddr_in6 of a record. */
static __always_inline void flow_end_of_record(struct flow_end *end, const __u8 *address)
{
	__u16 family_port[2];

	bpf_probe_read_kernel(family_port, sizeof(family_port), address);
	flow_end_set(end, family_port[0] == AF_INET6,
		     address + (family_port[0] == AF_INET6 ? 8 : 4), family_port[1]);
}

static __always_inline bool flow_of_record(struct flow_key *key, const struct record_ends *ends)
{
	flow_end_of_record(&key->local, ends->local);
	if (!flow_watched(key->local.port))
		return false;
	flow_end_of_record(&key->peer, ends->peer);
	return true;
}

#endif
