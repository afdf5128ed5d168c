// SPDX-License-Identifier: GPL-2.0-only
/*
 * The netfilter hooks of a network namespace that has attached listeners.
 *
 *	PRE_ROUTING, first	steer.c: to the flow's owner
 *	PRE_ROUTING, last	ecache.c: the established socket; by the first one
 *				at once if there is nothing between them
 *	LOCAL_IN, last		demux.c: SYN to lane
 *	LOCAL_OUT, last		consumer.c: who uses a connection, and where
 *
 * A packet that is not for an attached port is looked up once in each, in its
 * CPU's small table of ports. Where nothing is attached there are no hooks.
 */
#include "packet.h"

/* Where the TCP header is; negative if there is none, or not all of it. */
static int lanes_hook_offset_ipv6(const struct sk_buff *skb)
{
#if IS_ENABLED(CONFIG_IPV6)
	int offset = sizeof(struct ipv6hdr);
	u8 next = ipv6_hdr(skb)->nexthdr;
	__be16 fragment = 0;

	if (next == IPPROTO_TCP)
		return offset;
	offset = ipv6_skip_exthdr(skb, offset, &next, &fragment);
	if (next == IPPROTO_TCP && !fragment)
		return offset;
#endif
	return -1;
}

static int lanes_hook_offset_ipv4(const struct sk_buff *skb)
{
	const struct iphdr *ip = ip_hdr(skb);

	return ip->protocol == IPPROTO_TCP && !ip_is_fragment(ip) ?
	       ip->ihl * 4 : -1;
}

static int lanes_hook_offset(const struct sk_buff *skb,
			     const struct nf_hook_state *state)
{
	return state->pf == NFPROTO_IPV6 ? lanes_hook_offset_ipv6(skb) :
					   lanes_hook_offset_ipv4(skb);
}

/* Of a TCP packet to an attached port, whole and for this host, its CPU's lane.
 * All that is done for other packets, so it has no locals that are big: the
 * compiler clears them.
 */
static const struct lanes_lane *
lanes_hook_lane(const struct sk_buff *skb, const struct nf_hook_state *state)
{
	const __be16 *port;
	__be16 buffer;
	int offset;

	if (skb->pkt_type != PACKET_HOST)
		return NULL;
	offset = lanes_hook_offset(skb, state);
	if (offset < 0)
		return NULL;
	port = skb_header_pointer(skb, offset + offsetof(struct tcphdr, dest),
				  sizeof(buffer), &buffer);
	return port ? lanes_lookup(state->net, ntohs(*port), NULL) : NULL;
}

static bool lanes_hook_parse(struct lanes_packet *p, struct tcphdr *buffer,
			     const struct lanes_lane *lane, struct sk_buff *skb,
			     const struct nf_hook_state *state)
{
	p->skb = skb;
	p->net = state->net;
	p->ln = lane->ln;
	p->offset = lanes_hook_offset(skb, state);
	p->port = lane->port;
	p->ipv6 = state->pf == NFPROTO_IPV6;
	p->th = skb_header_pointer(skb, p->offset, sizeof(*buffer), buffer);
	return p->th && p->th->doff >= sizeof(*buffer) / 4;
}

static unsigned int lanes_hook_cache(void *priv, struct sk_buff *skb,
				     const struct nf_hook_state *state);

/**
 * lanes_hooks_alone() - is PRE_ROUTING only ours?
 * @state: of a hook of PRE_ROUTING
 *
 * Then nothing changes a packet, or its way, between our hooks, and the first
 * asks the cache, too. Where that has just changed, the answer may be of now or
 * of before.
 *
 * Context: RCU read-side section.
 */
bool lanes_hooks_alone(const struct nf_hook_state *state)
{
	const struct nf_hook_entries *entries;

	if (state->pf == NFPROTO_IPV6)
		entries = rcu_dereference(state->net->nf.hooks_ipv6[NF_INET_PRE_ROUTING]);
	else
		entries = rcu_dereference(state->net->nf.hooks_ipv4[NF_INET_PRE_ROUTING]);
	return entries && entries->num_hook_entries == 2 &&
	       entries->hooks[1].hook == lanes_hook_cache;
}

static bool lanes_hook_caches(const struct lanes_lane *lane,
			      const struct sk_buff *skb)
{
	return !skb->sk && rcu_access_pointer(lane->ln->cache);
}

static noinline unsigned int
lanes_hook_demux_do(const struct lanes_lane *lane, struct sk_buff *skb,
		    const struct nf_hook_state *state)
{
	struct tcphdr buffer;
	struct lanes_packet p;

	return lanes_hook_parse(&p, &buffer, lane, skb, state) ?
	       lanes_demux(&p) : NF_ACCEPT;
}

static noinline unsigned int
lanes_hook_early(const struct lanes_lane *lane, struct sk_buff *skb,
		 const struct nf_hook_state *state, bool steers, bool caches)
{
	unsigned int verdict = NF_ACCEPT;
	struct tcphdr buffer;
	struct lanes_packet p;

	if (!lanes_hook_parse(&p, &buffer, lane, skb, state))
		return NF_ACCEPT;
	p.hash = lanes_packet_hash(&p);
	if (steers)
		verdict = lanes_steer(&p, state);
	if (caches && verdict == NF_ACCEPT)
		lanes_cache_serve(&p);
	return verdict;
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
	const struct lanes_lane *lane = lanes_hook_lane(skb, state);
	bool steers, caches;

	if (!lane)
		return NF_ACCEPT;
	steers = READ_ONCE(lane->ln->steer) != LANES_STEER_OFF;
	caches = lanes_hook_caches(lane, skb) && lanes_hooks_alone(state);
	return steers || caches ?
	       lanes_hook_early(lane, skb, state, steers, caches) : NF_ACCEPT;
}

/**
 * lanes_hook_serve() - ask this CPU's established cache
 * @skb: packet
 * @state: of a hook of PRE_ROUTING
 *
 * Context: BHs off, RCU read-side section.
 */
void lanes_hook_serve(struct sk_buff *skb, const struct nf_hook_state *state)
{
	const struct lanes_lane *lane = lanes_hook_lane(skb, state);

	if (lane && lanes_hook_caches(lane, skb))
		lanes_hook_early(lane, skb, state, false, true);
}

static unsigned int lanes_hook_cache(void *priv, struct sk_buff *skb,
				     const struct nf_hook_state *state)
{
	if (!skb->sk && !lanes_hooks_alone(state))
		lanes_hook_serve(skb, state);
	return NF_ACCEPT;
}

static unsigned int lanes_hook_demux(void *priv, struct sk_buff *skb,
				     const struct nf_hook_state *state)
{
	const struct lanes_lane *lane;

	/* Found by early demux or the cache: only a handshake's is for us. */
	if (skb->sk && !lanes_demux_wants(skb->sk))
		return NF_ACCEPT;
	lane = lanes_hook_lane(skb, state);
	return lane ? lanes_hook_demux_do(lane, skb, state) : NF_ACCEPT;
}

static unsigned int lanes_hook_consumer(void *priv, struct sk_buff *skb,
					const struct nf_hook_state *state)
{
	const struct lanes_lane *lane;
	struct sock *sk = skb->sk;

	/* A task that may run elsewhere says nothing about where it will be;
	 * with BHs off, or in a kernel thread, it answers a packet.
	 */
	if (!in_task() || in_softirq() || current->flags & PF_KTHREAD ||
	    current->nr_cpus_allowed != 1 || !sk || !sk_fullsock(sk) ||
	    sk->sk_protocol != IPPROTO_TCP)
		return NF_ACCEPT;
	lane = lanes_lookup(state->net, ntohs(inet_sk(sk)->inet_sport), NULL);
	if (lane)
		lanes_consumer(lane->ln, sk, false);
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
