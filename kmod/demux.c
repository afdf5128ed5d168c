// SPDX-License-Identifier: GPL-2.0-only
/*
 * SYN to lane: which bottom half a packet is for.
 *
 * A hook at the end of LOCAL_IN looks the port up in its CPU's own table.
 * Only where an attached listener has the port are the kernel's look-ups done
 * here, in the kernel's order, and what they find attached to the packet, so
 * that they replace the stock ones. If the kernel's choice among listeners
 * (address, device, reuseport group, BPF) is a top half, the packet gets the
 * bottom half of this CPU instead.
 */
#include <net/netns/hash.h>

#include "packet.h"
#include "trace.h"

#define LANES_TABLE_SIZE BIT(LANES_TABLE_BITS)

struct lanes_table {
	struct hlist_head slot[LANES_TABLE_SIZE];
};

/* Attached listeners' lanes, each in the table of its CPU. Written under
 * lanes_mutex, read under RCU.
 */
static DEFINE_PER_CPU(struct lanes_table *, lanes_tables);

static unsigned int lanes_slot(const struct net *net, u16 port)
{
	return (port ^ net_hash_mix(net)) & (LANES_TABLE_SIZE - 1);
}

/**
 * lanes_lookup() - find this CPU's lane for a port
 * @net: network namespace
 * @port: host order
 * @top: the top half, or NULL for any one with that port
 *
 * Context: RCU read-side section. All CPUs have the same ports: who asks only
 * whether there is one need not stay on its CPU.
 * Return: the lane or NULL.
 */
struct lanes_lane *lanes_lookup(const struct net *net, u16 port,
				const struct sock *top)
{
	struct lanes_table *table = raw_cpu_read(lanes_tables);
	struct lanes_lane *lane;

	hlist_for_each_entry_rcu(lane, &table->slot[lanes_slot(net, port)],
				 node)
		if (lane->port == port && lane->net == net &&
		    (!top || lane->top == top))
			return lane;
	return NULL;
}

static struct sock *lanes_established(const struct lanes_packet *p)
{
	struct sk_buff *skb = p->skb;

#if IS_ENABLED(CONFIG_IPV6)
	if (p->ipv6)
		return lanes_call_lookup(__inet6_lookup_established, p->net,
					 &ipv6_hdr(skb)->saddr, p->th->source,
					 &ipv6_hdr(skb)->daddr, p->port,
					 inet6_iif(skb), inet6_sdif(skb));
#endif
	return lanes_call_lookup(__inet_lookup_established, p->net,
				 ip_hdr(skb)->saddr, p->th->source,
				 ip_hdr(skb)->daddr, p->port, inet_iif(skb),
				 inet_sdif(skb));
}

/* The kernel's choice, with all its rules. BPF programs of a reuseport group
 * expect the data to begin at the transport header.
 */
static struct sock *lanes_listening(const struct lanes_packet *p)
{
	int doff = __tcp_hdrlen(p->th);
	struct sk_buff *skb = p->skb;
	struct sock *sk;

	__skb_pull(skb, p->offset);
#if IS_ENABLED(CONFIG_IPV6)
	if (p->ipv6)
		sk = lanes_call_lookup(inet6_lookup_listener, p->net, skb, doff,
				       &ipv6_hdr(skb)->saddr, p->th->source,
				       &ipv6_hdr(skb)->daddr, p->port,
				       inet6_iif(skb), inet6_sdif(skb));
	else
#endif
		sk = lanes_call_lookup(__inet_lookup_listener, p->net, skb,
				       doff, ip_hdr(skb)->saddr, p->th->source,
				       ip_hdr(skb)->daddr, p->port,
				       inet_iif(skb), inet_sdif(skb));
	__skb_push(skb, p->offset);
	return sk;
}

/* RFC 7413's option, or its experimental form of RFC 6994. */
static bool lanes_fast_open(const struct lanes_packet *p)
{
	int length = __tcp_hdrlen(p->th) - sizeof(struct tcphdr), kind, size;
	u8 buffer[MAX_TCP_OPTION_SPACE];
	const u8 *option;

	if (length <= 0)
		return false;
	option = skb_header_pointer(p->skb, p->offset + sizeof(struct tcphdr),
				    length, buffer);
	while (option && length > 1) {
		kind = option[0];
		if (kind == TCPOPT_EOL)
			break;
		size = kind == TCPOPT_NOP ? 1 : option[1];
		if (!size || size > length)
			break;
		if (kind == TCPOPT_FASTOPEN)
			return true;
		if (kind == TCPOPT_EXP && size >= TCPOLEN_EXP_FASTOPEN_BASE &&
		    get_unaligned_be16(option + 2) == TCPOPT_FASTOPEN_MAGIC)
			return true;
		option += size;
		length -= size;
	}
	return false;
}

/* The lane whose overflow lets the kernel accept a cookie: the one that sent
 * it, if it is this CPU's, else any; a cookie is valid for all.
 */
static struct lanes_lane *lanes_cookie(struct lanes_lane *own)
{
	struct lanes_lane *lane;
	int cpu;

	if (!tcp_synq_no_recent_overflow(own->sk))
		return own;
	for_each_possible_cpu(cpu) {
		lane = own->listener->lane[cpu];
		if (!tcp_synq_no_recent_overflow(lane->sk))
			return lane;
	}
	return NULL;
}

/* The packet goes the stock way; of SYNs that is told. */
static unsigned int lanes_fall_back(const struct lanes_packet *p,
				    enum lanes_fallback why)
{
	if (p->th->syn && !p->th->ack) {
		this_cpu_inc(p->ln->mib->mibs[LANES_MIB_FALLBACK_OTHER + why]);
		trace_lanes_fallback(p, why);
	}
	return NF_ACCEPT;
}

/* There is no room for it, or for what it would become. */
static void lanes_overflowed(const struct lanes_packet *p,
			     struct lanes_listener *l, int lane)
{
	lanes_count_listener(l, LANES_MIB_OVERFLOW, 1);
	trace_lanes_overflow(p, lane, READ_ONCE(l->top->sk_max_ack_backlog));
}

static unsigned int lanes_overflow(const struct lanes_packet *p,
				   const struct sock *sk)
{
	__NET_INC_STATS(p->net, LINUX_MIB_LISTENOVERFLOWS);
	tcp_listendrop(sk);
	return NF_DROP;
}

/*
 * The last ACK of a handshake makes a child, for which the backlog must have
 * room. A bottom half is told whether it has, and the stock code does what it
 * does then; a top half cannot be told, so the ACK is dropped here.
 */
static bool lanes_refuses(const struct lanes_packet *p,
			  struct request_sock *req)
{
	const struct inet_connection_sock *icsk = inet_csk(req->rsk_listener);
	struct lanes_listener *l;
	struct lanes_lane *lane;

	if (READ_ONCE(icsk->icsk_ulp_ops) == &lanes_lane_ulp) {
		lane = rcu_dereference(icsk->icsk_ulp_data);
		if (!lanes_admits(lane))
			lanes_overflowed(p, lane->listener, lane->cpu);
		return false;
	}
	if (READ_ONCE(icsk->icsk_ulp_ops) != &lanes_ulp)
		return false;
	l = rcu_dereference(icsk->icsk_ulp_data);
	if (!l || !lanes_full(l, NULL))
		return false;
	lanes_overflowed(p, l, -1);
	/* As the stock code: the peer has acknowledged, ask it again. */
	inet_rsk(req)->acked = 1;
	return true;
}

/* This CPU is the owner of the flow that a SYN begins. */
static void lanes_demux_own(const struct lanes_packet *p)
{
	if (READ_ONCE(p->ln->steer) != LANES_STEER_OFF)
		lanes_flow_record(p->ln, lanes_packet_hash(p),
				  LANES_FLOW_HANDSHAKE);
}

/**
 * lanes_demux_wants() - may a packet with this socket be lanes_demux()'s?
 * @sk: a socket of any kind and state, maybe no full one
 */
bool lanes_demux_wants(const struct sock *sk)
{
	return BIT(READ_ONCE(sk->sk_state)) &
	       (TCPF_NEW_SYN_RECV | TCPF_TIME_WAIT | TCPF_LISTEN);
}

/* A packet of a connection: established, half-open or in TIME_WAIT; or one to
 * which a rule or a program has assigned a listener.
 */
static unsigned int lanes_known(const struct lanes_packet *p, struct sock *sk)
{
	if (sk->sk_state == TCP_LISTEN)
		return lanes_fall_back(p, LANES_FALLBACK_ASSIGNED);
	if (sk->sk_state == TCP_TIME_WAIT && p->th->syn && !p->th->ack) {
		lanes_demux_own(p);
		return lanes_fall_back(p, LANES_FALLBACK_TIME_WAIT);
	}
	if (sk->sk_state == TCP_NEW_SYN_RECV && p->th->ack && !p->th->rst &&
	    lanes_refuses(p, inet_reqsk(sk)))
		return lanes_overflow(p, inet_reqsk(sk)->rsk_listener);
	return NF_ACCEPT;
}

/**
 * lanes_demux() - give a packet its socket
 * @p: a packet to an attached port, without a socket or with one that
 *	lanes_demux_wants()
 *
 * Context: BHs off, RCU read-side section, of LOCAL_IN.
 * Return: a netfilter verdict.
 */
unsigned int lanes_demux(const struct lanes_packet *p)
{
	struct lanes_lane *lane;
	struct sock *sk;

	if (p->skb->sk)
		return lanes_known(p, p->skb->sk);
	sk = lanes_established(p);
	if (sk) {
		p->skb->sk = sk;
		p->skb->destructor = sock_edemux;
		return lanes_known(p, sk);
	}
	if (p->th->rst || !(p->th->syn ^ p->th->ack))
		return NF_ACCEPT;
	/* Without cookies a stray ACK is none of ours. */
	if (p->th->ack && !READ_ONCE(p->net->ipv4.sysctl_tcp_syncookies))
		return NF_ACCEPT;

	sk = lanes_listening(p);
	lane = sk ? lanes_lookup(p->net, p->port, sk) : NULL;
	if (!lane)
		return lanes_fall_back(p, LANES_FALLBACK_OTHER);
	if (!lanes_plain(sk))
		return lanes_fall_back(p, LANES_FALLBACK_GUARDED);
	if (p->th->ack) {
		lane = lanes_cookie(lane);
		if (!lane)
			return NF_ACCEPT;
	} else if (READ_ONCE(lanes_queue(sk)->fastopenq.max_qlen) &&
		   lanes_fast_open(p)) {
		return lanes_fall_back(p, LANES_FALLBACK_FAST_OPEN);
	}
	if (!lanes_admits(lane)) {
		lanes_overflowed(p, lane->listener, lane->cpu);
		return lanes_overflow(p, sk);
	}
	if (p->th->syn)
		lanes_demux_own(p);
	lanes_options_syn(lane);
	p->skb->sk = lane->sk;
	p->skb->destructor = sock_pfree;
	return NF_ACCEPT;
}

/**
 * lanes_demux_add() - let every CPU find its lane
 * @l: listener in a hooked netns
 *
 * Context: process context, lanes_mutex is held.
 */
void lanes_demux_add(struct lanes_listener *l)
{
	struct lanes_lane *lane;
	unsigned int slot;
	int cpu;

	lockdep_assert_held(&lanes_mutex);
	for_each_possible_cpu(cpu) {
		lane = l->lane[cpu];
		slot = lanes_slot(lane->net, lane->port);
		hlist_add_head_rcu(&lane->node,
				   &per_cpu(lanes_tables, cpu)->slot[slot]);
	}
}

/**
 * lanes_demux_del() - undo lanes_demux_add()
 * @l: listener
 *
 * Context: process context, lanes_mutex is held. A packet may be on its way to
 * a lane until the next grace period.
 */
void lanes_demux_del(struct lanes_listener *l)
{
	int cpu;

	lockdep_assert_held(&lanes_mutex);
	for_each_possible_cpu(cpu)
		hlist_del_rcu(&l->lane[cpu]->node);
}

/**
 * lanes_demux_init() - allocate the tables
 *
 * Return: 0 or -ENOMEM.
 */
int __init lanes_demux_init(void)
{
	struct lanes_table *table;
	int cpu;

	for_each_possible_cpu(cpu) {
		table = kzalloc_node(sizeof(*table), GFP_KERNEL,
				     cpu_to_node(cpu));
		if (!table) {
			lanes_demux_exit();
			return -ENOMEM;
		}
		per_cpu(lanes_tables, cpu) = table;
	}
	return 0;
}

/**
 * lanes_demux_exit() - undo lanes_demux_init()
 */
void lanes_demux_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		kfree(per_cpu(lanes_tables, cpu));
}
