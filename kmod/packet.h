/* SPDX-License-Identifier: GPL-2.0-only */
/* A TCP packet to an attached port, as the hooks see it. */
#ifndef _LANES_PACKET_H
#define _LANES_PACKET_H

#include <linux/netfilter.h>
#include <net/inet6_hashtables.h>
#include <net/ip.h>
#include <net/ipv6.h>

#include "lanes.h"

/**
 * struct lanes_packet - what a hook knows of a packet
 * @skb: the packet, its data beginning at the network header
 * @th: its TCP header, perhaps a copy
 * @net: network namespace
 * @ln: what we know of that
 * @offset: of the TCP header from the data
 * @hash: lanes_packet_hash(), set by who needs it
 * @port: destination, host order
 * @ipv6: family
 */
struct lanes_packet {
	struct sk_buff		*skb;
	const struct tcphdr	*th;
	struct net		*net;
	struct lanes_net	*ln;
	unsigned int		offset;
	u32			hash;
	u16			port;
	bool			ipv6;
};

/* The hash that the socket of this packet has, or will have, as sk_hash. */
static inline u32 lanes_packet_hash(const struct lanes_packet *p)
{
#if IS_ENABLED(CONFIG_IPV6)
	if (p->ipv6)
		return inet6_ehashfn(p->net, &ipv6_hdr(p->skb)->daddr, p->port,
				     &ipv6_hdr(p->skb)->saddr, p->th->source);
#endif
	return inet_ehashfn(p->net, ip_hdr(p->skb)->daddr, p->port,
			    ip_hdr(p->skb)->saddr, p->th->source);
}

/* The same of a handshake's request. */
static inline u32 lanes_request_hash(const struct request_sock *req)
{
	const struct inet_request_sock *ireq = inet_rsk(req);
	struct net *net = read_pnet(&ireq->ireq_net);

#if IS_ENABLED(CONFIG_IPV6)
	if (ireq->ireq_family == AF_INET6 &&
	    !ipv6_addr_v4mapped(&ireq->ir_v6_rmt_addr))
		return inet6_ehashfn(net, &ireq->ir_v6_loc_addr, ireq->ir_num,
				     &ireq->ir_v6_rmt_addr, ireq->ir_rmt_port);
#endif
	return inet_ehashfn(net, ireq->ir_loc_addr, ireq->ir_num,
			    ireq->ir_rmt_addr, ireq->ir_rmt_port);
}

unsigned int lanes_hook_steer(void *priv, struct sk_buff *skb,
			      const struct nf_hook_state *state);
bool lanes_hooks_alone(const struct nf_hook_state *state);
void lanes_hook_serve(struct sk_buff *skb, const struct nf_hook_state *state);
unsigned int lanes_steer(const struct lanes_packet *p,
			 const struct nf_hook_state *state);
void lanes_cache_serve(const struct lanes_packet *p);
unsigned int lanes_demux(const struct lanes_packet *p);

#endif /* _LANES_PACKET_H */
