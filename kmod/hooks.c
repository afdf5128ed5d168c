// SPDX-License-Identifier: GPL-2.0-only
/*
 * The netfilter hooks of a network namespace that has attached listeners.
 *
 *	PRE_ROUTING, first	steer.c: to the flow's owner
 *	PRE_ROUTING, last	ecache.c: the established socket
 *	LOCAL_IN, last		demux.c: SYN to lane
 *	LOCAL_OUT, last		consumer.c: who uses a connection, and where
 *
 * A packet that is not for an attached port is looked up once in each, in its
 * CPU's small table of ports. Where nothing is attached there are no hooks.
 */
#include "packet.h"

static bool lanes_hook_tcp_ipv6(struct lanes_packet *p)
{
#if IS_ENABLED(CONFIG_IPV6)
	int offset = sizeof(struct ipv6hdr);
	u8 next = ipv6_hdr(p->skb)->nexthdr;
	__be16 fragment = 0;

	if (next != IPPROTO_TCP)
		offset = ipv6_skip_exthdr(p->skb, offset, &next, &fragment);
	p->offset = offset;
	return offset >= 0 && next == IPPROTO_TCP && !fragment;
#else
	return false;
#endif
}

static bool lanes_hook_tcp_ipv4(struct lanes_packet *p)
{
	const struct iphdr *ip = ip_hdr(p->skb);

	p->offset = ip->ihl * 4;
	return ip->protocol == IPPROTO_TCP && !ip_is_fragment(ip);
}

/* Is it a TCP packet to an attached port, whole and for this host? */
static bool lanes_hook_parse(struct lanes_packet *p, struct tcphdr *buffer)
{
	if (p->skb->pkt_type != PACKET_HOST ||
	    !(p->ipv6 ? lanes_hook_tcp_ipv6(p) : lanes_hook_tcp_ipv4(p)))
		return false;
	p->th = skb_header_pointer(p->skb, p->offset, sizeof(*buffer), buffer);
	if (!p->th || p->th->doff < sizeof(*buffer) / 4)
		return false;
	p->port = ntohs(p->th->dest);
	p->ln = lanes_net(p->net);
	return lanes_lookup(p->net, p->port, NULL);
}

static struct lanes_packet lanes_packet(struct sk_buff *skb,
					const struct nf_hook_state *state)
{
	return (struct lanes_packet){
		.skb = skb,
		.net = state->net,
		.ipv6 = state->pf == NFPROTO_IPV6,
	};
}

/**
 * lanes_hook_steer() - the first of PRE_ROUTING
 * @priv: unused
 * @skb: packet
 * @state: of the hook
 *
 * Not static so that steer.c finds it among the hooks.
 *
 * Return: a netfilter verdict.
 */
unsigned int lanes_hook_steer(void *priv, struct sk_buff *skb,
			      const struct nf_hook_state *state)
{
	struct lanes_packet p = lanes_packet(skb, state);
	struct tcphdr buffer;

	if (!lanes_hook_parse(&p, &buffer) ||
	    READ_ONCE(p.ln->steer) == LANES_STEER_OFF)
		return NF_ACCEPT;
	p.hash = lanes_packet_hash(&p);
	return lanes_steer(&p, state);
}

static unsigned int lanes_hook_cache(void *priv, struct sk_buff *skb,
				     const struct nf_hook_state *state)
{
	struct lanes_packet p = lanes_packet(skb, state);
	struct tcphdr buffer;

	if (!skb->sk && lanes_hook_parse(&p, &buffer) &&
	    rcu_access_pointer(p.ln->cache)) {
		p.hash = lanes_packet_hash(&p);
		lanes_cache_serve(&p);
	}
	return NF_ACCEPT;
}

static unsigned int lanes_hook_demux(void *priv, struct sk_buff *skb,
				     const struct nf_hook_state *state)
{
	struct lanes_packet p = lanes_packet(skb, state);
	struct tcphdr buffer;

	/* Found by early demux or the cache: only a handshake's is for us. */
	if (skb->sk && !lanes_demux_wants(skb->sk))
		return NF_ACCEPT;
	if (!lanes_hook_parse(&p, &buffer))
		return NF_ACCEPT;
	return lanes_demux(&p);
}

static unsigned int lanes_hook_consumer(void *priv, struct sk_buff *skb,
					const struct nf_hook_state *state)
{
	struct sock *sk = skb->sk;

	/* A task that may run elsewhere says nothing about where it will be. */
	if (in_task() && current->nr_cpus_allowed == 1 && sk &&
	    sk_fullsock(sk) && sk->sk_protocol == IPPROTO_TCP &&
	    lanes_lookup(state->net, ntohs(inet_sk(sk)->inet_sport), NULL))
		lanes_consumer(sk, false);
	return NF_ACCEPT;
}

#define LANES_HOOK(pf_, hook_, hooknum_, priority_) {			\
	.hook		= lanes_hook_##hook_,				\
	.pf		= NFPROTO_##pf_,				\
	.hooknum	= NF_INET_##hooknum_,				\
	.priority	= (priority_),					\
}

static const struct nf_hook_ops lanes_hooks[] = {
	LANES_HOOK(IPV4, steer, PRE_ROUTING, INT_MIN),
	LANES_HOOK(IPV4, cache, PRE_ROUTING, INT_MAX),
	LANES_HOOK(IPV4, demux, LOCAL_IN, INT_MAX),
	LANES_HOOK(IPV4, consumer, LOCAL_OUT, INT_MAX),
#if IS_ENABLED(CONFIG_IPV6)
	LANES_HOOK(IPV6, steer, PRE_ROUTING, INT_MIN),
	LANES_HOOK(IPV6, cache, PRE_ROUTING, INT_MAX),
	LANES_HOOK(IPV6, demux, LOCAL_IN, INT_MAX),
	LANES_HOOK(IPV6, consumer, LOCAL_OUT, INT_MAX),
#endif
};

/**
 * lanes_hooks_register() - hook a network namespace
 * @net: network namespace
 *
 * Context: process context.
 * Return: 0 or a negative errno.
 */
int lanes_hooks_register(struct net *net)
{
	return nf_register_net_hooks(net, lanes_hooks, ARRAY_SIZE(lanes_hooks));
}

/**
 * lanes_hooks_unregister() - undo lanes_hooks_register()
 * @net: network namespace
 *
 * Context: process context. A packet may be in a hook until the next grace
 * period.
 */
void lanes_hooks_unregister(struct net *net)
{
	nf_unregister_net_hooks(net, lanes_hooks, ARRAY_SIZE(lanes_hooks));
}
