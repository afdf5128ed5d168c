/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The only place that knows that kernels differ. Each LANES_HAVE_* comes
 * from a probe in Kbuild; what follows gives older kernels the newest form.
 */
#ifndef _LANES_COMPAT_H
#define _LANES_COMPAT_H

#include <linux/ipv6.h>
#include <linux/net.h>
#include <linux/netdevice.h>
#include <linux/netfilter_bridge.h>
#include <linux/slab.h>
#include <linux/sysctl.h>
#include <linux/tcp.h>
#include <linux/timer.h>
#include <net/inet_common.h>
#include <net/inet_hashtables.h>
#include <net/inet_sock.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#ifndef LANES_HAVE_PROTO_ACCEPT_ARG
struct proto_accept_arg {
	int flags;
	int err;
	int is_empty;
	bool kern;
};
#endif

static inline int lanes_inet_accept(struct socket *sock, struct socket *newsock,
				    struct proto_accept_arg *arg)
{
#ifdef LANES_HAVE_PROTO_ACCEPT_ARG
	return inet_accept(sock, newsock, arg);
#else
	return inet_accept(sock, newsock, arg->flags, arg->kern);
#endif
}

static inline int lanes_ops_accept(const struct proto_ops *ops,
				   struct socket *sock, struct socket *newsock,
				   struct proto_accept_arg *arg)
{
#ifdef LANES_HAVE_PROTO_ACCEPT_ARG
	return ops->accept(sock, newsock, arg);
#else
	return ops->accept(sock, newsock, arg->flags, arg->kern);
#endif
}

/* Defined in ops.c; lanes_op_accept() is what proto_ops points to. */
int lanes_accept(struct socket *sock, struct socket *newsock,
		 struct proto_accept_arg *arg);

#ifdef LANES_HAVE_PROTO_ACCEPT_ARG
#define lanes_op_accept lanes_accept
#else
static inline int lanes_op_accept(struct socket *sock, struct socket *newsock,
				  int flags, bool kern)
{
	struct proto_accept_arg arg = { .flags = flags, .kern = kern };

	return lanes_accept(sock, newsock, &arg);
}
#endif

/* Defined in info.c; lanes_ulp_info() and its size are what tcp_ulp_ops points
 * to. Who may see the ports may see the counters.
 */
int lanes_info_diag(struct sock *sk, struct sk_buff *skb);
size_t lanes_info_diag_size(void);

#ifdef LANES_HAVE_ULP_NET_ADMIN
static inline int lanes_ulp_info(struct sock *sk, struct sk_buff *skb,
				 bool net_admin)
{
	return lanes_info_diag(sk, skb);
}

static inline size_t lanes_ulp_info_size(const struct sock *sk, bool net_admin)
{
	return lanes_info_diag_size();
}
#else
static inline int lanes_ulp_info(struct sock *sk, struct sk_buff *skb)
{
	return lanes_info_diag(sk, skb);
}

static inline size_t lanes_ulp_info_size(const struct sock *sk)
{
	return lanes_info_diag_size();
}
#endif

#ifdef LANES_HAVE_LOOKUP_HASHINFO
#define lanes_call_lookup(lookup, netns, args...) ({			\
	struct net *_net = (netns);					\
									\
	lookup(_net, _net->ipv4.tcp_death_row.hashinfo, args);		\
})
#else
#define lanes_call_lookup(lookup, netns, args...) \
	lookup(netns, args)
#endif

#ifndef LANES_HAVE_SOCKADDR_UNSIZED
#define sockaddr_unsized sockaddr
#endif

#ifndef LANES_HAVE_TIMER_DELETE_SYNC
#define timer_delete_sync(timer) del_timer_sync(timer)
#endif

/* A table of @nr entries, with an empty one behind for kernels that want it. */
static inline struct ctl_table_header *
lanes_register_net_sysctl(struct net *net, const char *path,
			  struct ctl_table *table, size_t nr)
{
#ifdef LANES_HAVE_NET_SYSCTL_SZ
	return register_net_sysctl_sz(net, path, table, nr);
#else
	return register_net_sysctl(net, path, table);
#endif
}

/* What a handler gets. */
#ifdef LANES_HAVE_CONST_CTL_TABLE
#define lanes_ctl_table const struct ctl_table
#else
#define lanes_ctl_table struct ctl_table
#endif

/* Is the packet on its way through a bridge's netfilter? */
static inline bool lanes_nf_bridge(const struct sk_buff *skb)
{
#if IS_ENABLED(CONFIG_BRIDGE_NETFILTER)
	return nf_bridge_info_exists(skb);
#else
	return false;
#endif
}

/* A device for NAPI alone. */
static inline struct net_device *lanes_alloc_netdev_dummy(void)
{
#ifdef LANES_HAVE_ALLOC_NETDEV_DUMMY
	return alloc_netdev_dummy(0);
#else
	struct net_device *dev = kzalloc(sizeof(*dev), GFP_KERNEL);

	if (dev)
		init_dummy_netdev(dev);
	return dev;
#endif
}

static inline void lanes_free_netdev_dummy(struct net_device *dev)
{
#ifdef LANES_HAVE_ALLOC_NETDEV_DUMMY
	free_netdev(dev);
#else
	kfree(dev);
#endif
}

/*
 * Make a kernel socket hold its netns as a user's does, so that the children
 * it clones hold it too.
 */
static inline void lanes_sk_net_refcnt_upgrade(struct sock *sk)
{
#ifdef LANES_HAVE_SK_NET_REFCNT_UPGRADE
	sk_net_refcnt_upgrade(sk);
#else
	sk->sk_net_refcnt = 1;
	get_net_track(sock_net(sk), &sk->ns_tracker, GFP_KERNEL);
	sock_inuse_add(sock_net(sk), 1);
#endif
}

/* Copy the IP-level on/off options. */
static inline void lanes_copy_inet_flags(struct sock *to, const struct sock *from)
{
#ifdef LANES_HAVE_INET_FLAGS
	WRITE_ONCE(inet_sk(to)->inet_flags, READ_ONCE(inet_sk(from)->inet_flags));
#else
	inet_sk(to)->cmsg_flags = inet_sk(from)->cmsg_flags;
	inet_sk(to)->recverr = inet_sk(from)->recverr;
	inet_sk(to)->freebind = inet_sk(from)->freebind;
	inet_sk(to)->hdrincl = inet_sk(from)->hdrincl;
	inet_sk(to)->mc_loop = inet_sk(from)->mc_loop;
	inet_sk(to)->transparent = inet_sk(from)->transparent;
	inet_sk(to)->mc_all = inet_sk(from)->mc_all;
	inet_sk(to)->nodefrag = inet_sk(from)->nodefrag;
	inet_sk(to)->bind_address_no_port = inet_sk(from)->bind_address_no_port;
	inet_sk(to)->recverr_rfc4884 = inet_sk(from)->recverr_rfc4884;
#endif
}

/* Flow label leases are the listener's own. */
static inline void lanes_clear_flow_labels(struct ipv6_pinfo *np)
{
#ifdef LANES_HAVE_NP_FL_LIST
	RCU_INIT_POINTER(np->ipv6_fl_list, NULL);
#endif
}

/* Does a TCP-AO key lie on the socket? */
static inline bool lanes_has_ao(const struct sock *sk)
{
#if defined(LANES_HAVE_TCP_AO) && defined(CONFIG_TCP_AO)
	return rcu_access_pointer(tcp_sk(sk)->ao_info);
#else
	return false;
#endif
}

#endif /* _LANES_COMPAT_H */
