// SPDX-License-Identifier: GPL-2.0-only
/*
 * Socket options: a child inherits those of the listener that bore it, so the
 * bottom halves follow the top half.
 *
 * Options set before the attach are copied to each bottom half, and again
 * after each setsockopt(2) of another level than SOL_SOCKET. Those of
 * SOL_SOCKET do not pass struct proto_ops: they are copied when a SYN comes and
 * when a child is born.
 */
#include <linux/ipv6.h>
#include <net/ipv6.h>

#include "lanes.h"

/* The flags that are options. */
#define LANES_FLAGS (BIT(SOCK_LINGER) | BIT(SOCK_KEEPOPEN) |		\
		     BIT(SOCK_BROADCAST) | BIT(SOCK_URGINLINE) |	\
		     BIT(SOCK_DBG) | BIT(SOCK_LOCALROUTE) |		\
		     BIT(SOCK_RXQ_OVFL) | BIT(SOCK_ZEROCOPY) |		\
		     BIT(SOCK_WIFI_STATUS) | BIT(SOCK_NOFCS) |		\
		     BIT(SOCK_RCVTSTAMP) | BIT(SOCK_RCVTSTAMPNS) |	\
		     BIT(SOCK_TSTAMP_NEW) | SK_FLAGS_TIMESTAMP)

#define LANES_COPY(to, from, field...) \
	WRITE_ONCE((to)->field, READ_ONCE((from)->field))

/**
 * lanes_plain() - is there nothing on the socket that lanes do not do?
 * @sk: a TCP listener
 *
 * A socket filter or a policy sees the SYN through the listener; MD5 and AO
 * keys are kept in it. A SYN for a top half that has got one after the attach
 * is left to it.
 *
 * Context: any; lockless, since the keys' owner may add them at any time.
 */
bool lanes_plain(const struct sock *sk)
{
	if (rcu_access_pointer(sk->sk_filter) || lanes_has_ao(sk))
		return false;
#ifdef CONFIG_TCP_MD5SIG
	if (rcu_access_pointer(tcp_sk(sk)->md5sig_info))
		return false;
#endif
#ifdef CONFIG_XFRM
	if (rcu_access_pointer(sk->sk_policy[0]) ||
	    rcu_access_pointer(sk->sk_policy[1]))
		return false;
#endif
	return true;
}

/**
 * lanes_options_socket() - copy the SOL_SOCKET options
 * @from: the top half
 * @to: a bottom half, locked or not yet known; or a child that nobody knows
 *
 * Context: any; reads @from locklessly, as sk_clone_lock() does.
 */
void lanes_options_socket(const struct sock *from, struct sock *to)
{
	const u8 locks = SOCK_SNDBUF_LOCK | SOCK_RCVBUF_LOCK;
	unsigned long flags = (to->sk_flags & ~LANES_FLAGS) |
			      (READ_ONCE(from->sk_flags) & LANES_FLAGS);
	u8 locked = from->sk_userlocks & locks;

	/* sk_destruct() gives the static key back. */
	if ((flags & SK_FLAGS_TIMESTAMP) && !(to->sk_flags & SK_FLAGS_TIMESTAMP))
		net_enable_timestamp();
	if (!(flags & SK_FLAGS_TIMESTAMP) && (to->sk_flags & SK_FLAGS_TIMESTAMP))
		net_disable_timestamp();
	to->sk_flags = flags;
	to->sk_reuse = from->sk_reuse;
	to->sk_reuseport = from->sk_reuseport;
	to->sk_userlocks = (to->sk_userlocks & ~locks) | locked;
	if (locked & SOCK_SNDBUF_LOCK)
		LANES_COPY(to, from, sk_sndbuf);
	if (locked & SOCK_RCVBUF_LOCK)
		LANES_COPY(to, from, sk_rcvbuf);
	LANES_COPY(to, from, sk_lingertime);
	LANES_COPY(to, from, sk_tsflags);
	LANES_COPY(to, from, sk_rcvlowat);
	LANES_COPY(to, from, sk_rcvtimeo);
	LANES_COPY(to, from, sk_sndtimeo);
	LANES_COPY(to, from, sk_max_pacing_rate);
	LANES_COPY(to, from, sk_pacing_rate);
	LANES_COPY(to, from, sk_pacing_status);
	LANES_COPY(to, from, sk_txrehash);
#ifdef CONFIG_NET_RX_BUSY_POLL
	LANES_COPY(to, from, sk_ll_usec);
	LANES_COPY(to, from, sk_prefer_busy_poll);
	LANES_COPY(to, from, sk_busy_poll_budget);
#endif
}

/**
 * lanes_options_syn() - copy the SOL_SOCKET options that shape a SYN-ACK
 * @lane: its bottom half is about to get a SYN
 *
 * They are not copied to the child, which has them from its request.
 *
 * Context: any; the bottom half is written as locklessly as a setsockopt(2)
 * on a stock listener is seen by its clones.
 */
void lanes_options_syn(struct lanes_lane *lane)
{
	const struct sock *from = lane->top;
	struct sock *to = lane->sk;

	if (READ_ONCE(to->sk_rcvbuf) != READ_ONCE(from->sk_rcvbuf)) {
		LANES_COPY(to, from, sk_rcvbuf);
		to->sk_userlocks = from->sk_userlocks;
	}
	if (READ_ONCE(to->sk_mark) != READ_ONCE(from->sk_mark))
		LANES_COPY(to, from, sk_mark);
	if (READ_ONCE(to->sk_priority) != READ_ONCE(from->sk_priority))
		LANES_COPY(to, from, sk_priority);
}

static void lanes_options_ip(const struct sock *from, struct sock *to)
{
	const struct inet_sock *src = inet_sk(from);
	struct inet_sock *dst = inet_sk(to);

	lanes_copy_inet_flags(to, from);
	LANES_COPY(dst, src, uc_ttl);
	LANES_COPY(dst, src, tos);
	LANES_COPY(dst, src, min_ttl);
	LANES_COPY(dst, src, mc_ttl);
	LANES_COPY(dst, src, pmtudisc);
	LANES_COPY(dst, src, uc_index);
}

static void lanes_options_ipv6(const struct sock *from, struct sock *to)
{
#if IS_ENABLED(CONFIG_IPV6)
	struct ipv6_pinfo *dst = inet6_sk(to);

	if (to->sk_family != AF_INET6)
		return;
	/* What a child is given of it, as in tcp_v6_syn_recv_sock(): the
	 * whole but for what it points to.
	 */
	*dst = *inet6_sk(from);
	RCU_INIT_POINTER(dst->ipv6_mc_list, NULL);
	lanes_clear_flow_labels(dst);
	RCU_INIT_POINTER(dst->opt, NULL);
	dst->ipv6_ac_list = NULL;
	dst->pktoptions = NULL;
	dst->rxpmtu = NULL;
#endif
}

static void lanes_options_tcp(const struct sock *from, struct sock *to)
{
	const struct inet_connection_sock *src = inet_csk(from);
	struct inet_connection_sock *dst = inet_csk(to);
	const struct tcp_sock *tsrc = tcp_sk(from);
	struct tcp_sock *tdst = tcp_sk(to);

	LANES_COPY(dst, src, icsk_user_timeout);
	LANES_COPY(dst, src, icsk_syn_retries);
	LANES_COPY(dst, src, icsk_ack.pingpong);
	LANES_COPY(dst, src, icsk_accept_queue.rskq_defer_accept);
	LANES_COPY(tdst, tsrc, keepalive_time);
	LANES_COPY(tdst, tsrc, keepalive_intvl);
	LANES_COPY(tdst, tsrc, keepalive_probes);
	LANES_COPY(tdst, tsrc, linger2);
	LANES_COPY(tdst, tsrc, notsent_lowat);
	LANES_COPY(tdst, tsrc, window_clamp);
	LANES_COPY(tdst, tsrc, rx_opt.user_mss);
	LANES_COPY(tdst, tsrc, tcp_tx_delay);
	tdst->nonagle = tsrc->nonagle;
	tdst->save_syn = tsrc->save_syn;
	tdst->thin_lto = tsrc->thin_lto;
	tdst->recvmsg_inq = tsrc->recvmsg_inq;
#ifdef CONFIG_BPF
	tdst->bpf_sock_ops_cb_flags = tsrc->bpf_sock_ops_cb_flags;
#endif
}

static int lanes_options_congestion(const struct sock *from,
				    struct socket *to)
{
	char name[TCP_CA_NAME_MAX];

	if (!inet_csk(from)->icsk_ca_setsockopt ||
	    inet_csk(from)->icsk_ca_ops == inet_csk(to->sk)->icsk_ca_ops)
		return 0;
	strscpy(name, inet_csk(from)->icsk_ca_ops->name, sizeof(name));
	return lanes_ops_stock(to->sk)->setsockopt(to, SOL_TCP, TCP_CONGESTION,
						   KERNEL_SOCKPTR(name),
						   strlen(name));
}

/* IP options (RFC 791) and IPv6 extension headers are what they point to. */
static bool lanes_options_headers(const struct sock *sk)
{
	if (rcu_access_pointer(inet_sk(sk)->inet_opt))
		return true;
#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6 &&
	    rcu_access_pointer(inet6_sk(sk)->opt))
		return true;
#endif
	return false;
}

/**
 * lanes_options_copy() - copy all options to a bottom half
 * @lane: its lane
 *
 * Context: process context, under lock_sock() of the top half; takes that of
 * the bottom half.
 * Return: 0, -EOPNOTSUPP for IP options or extension headers, or what setting
 * the congestion control says.
 */
int lanes_options_copy(struct lanes_lane *lane)
{
	const struct sock *top = lane->top;
	struct sock *sk = lane->sk;

	sock_owned_by_me(top);
	if (lanes_options_headers(top))
		return -EOPNOTSUPP;
	lock_sock(sk);
	lanes_options_socket(top, sk);
	lanes_options_ip(top, sk);
	lanes_options_ipv6(top, sk);
	lanes_options_tcp(top, sk);
	release_sock(sk);
	return lanes_options_congestion(top, lane->sock);
}

/**
 * lanes_options_changed() - copy all options to all bottom halves again
 * @l: listener; the caller is a user of it
 *
 * Context: process context; takes lock_sock() of the top half.
 * Return: 0 or what lanes_options_copy() says.
 */
int lanes_options_changed(struct lanes_listener *l)
{
	int cpu, err = 0;

	lock_sock(l->top);
	if (!READ_ONCE(l->draining))
		for_each_possible_cpu(cpu)
			err = lanes_options_copy(l->lane[cpu]) ?: err;
	release_sock(l->top);
	return err;
}
