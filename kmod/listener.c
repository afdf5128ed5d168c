// SPDX-License-Identifier: GPL-2.0-only
/*
 * A listener and its lanes: their making, the attach, their end.
 */
#include <linux/module.h>
#include <linux/slab.h>

#include "lanes.h"
#include "trace.h"

/* tcp_prot and tcpv6_prot without a way into the listening hash. */
static struct proto lanes_unhashed[2] __ro_after_init;

static int lanes_hash_nothing(struct sock *sk)
{
	return 0;
}

/**
 * lanes_get() - use the listener of an attached socket
 * @sk: a socket with our operations, detached or not
 *
 * Return: the listener, to be given back by lanes_put(), or NULL if the socket
 * is detached.
 */
struct lanes_listener *lanes_get(const struct sock *sk)
{
	const struct inet_connection_sock *icsk = inet_csk(sk);
	struct lanes_listener *l = NULL;

	rcu_read_lock();
	/* Pairs with the order of writes in lanes_detach_begin(). */
	if (READ_ONCE(icsk->icsk_ulp_ops) == &lanes_ulp)
		l = rcu_dereference(icsk->icsk_ulp_data);
	if (l && !percpu_ref_tryget_live(&l->users))
		l = NULL;
	rcu_read_unlock();
	return l;
}

/**
 * lanes_put() - end what lanes_get() began
 * @l: listener
 */
void lanes_put(struct lanes_listener *l)
{
	percpu_ref_put(&l->users);
}

static void lanes_unused(struct percpu_ref *ref)
{
	complete(&container_of(ref, struct lanes_listener, users)->idle);
}

static void lanes_copy_address(struct sock *to, const struct sock *from)
{
	struct inet_sock *inet = inet_sk(to);

	inet->inet_num = inet_sk(from)->inet_num;
	inet->inet_sport = inet_sk(from)->inet_sport;
	inet->inet_saddr = inet_sk(from)->inet_saddr;
	inet->inet_rcv_saddr = inet_sk(from)->inet_rcv_saddr;
#if IS_ENABLED(CONFIG_IPV6)
	to->sk_v6_rcv_saddr = from->sk_v6_rcv_saddr;
	to->sk_ipv6only = from->sk_ipv6only;
	if (to->sk_family == AF_INET6)
		inet6_sk(to)->saddr = inet6_sk(from)->saddr;
#endif
	to->sk_bound_dev_if = from->sk_bound_dev_if;
	to->sk_userlocks = from->sk_userlocks;
}

/* What lanes_length() takes off again. */
static void lanes_count_one(struct sock *sk, bool more)
{
	spin_lock_bh(&lanes_queue(sk)->rskq_lock);
	if (more)
		sk_acceptq_added(sk);
	else
		sk_acceptq_removed(sk);
	spin_unlock_bh(&lanes_queue(sk)->rskq_lock);
}

/*
 * Listen without bind(2): its permission and BPF hooks have had their say on
 * the top half. get_port, which the listen calls, joins the port's bucket.
 */
static int lanes_listen(struct lanes_lane *lane)
{
	const struct sock *top = lane->top;
	struct sock *sk = lane->sk;
	int err;

	lock_sock(sk);
	lanes_copy_address(sk, top);
	sk->sk_reuse = SK_FORCE_REUSE;
	sk->sk_reuseport = top->sk_reuseport;
	WRITE_ONCE(sk->sk_uid, top->sk_uid);
	security_sk_clone(top, sk);
	WRITE_ONCE(sk->sk_prot, &lanes_unhashed[sk->sk_family == AF_INET6]);
	release_sock(sk);

	err = kernel_listen(lane->sock, top->sk_max_ack_backlog);

	lock_sock(sk);
	WRITE_ONCE(sk->sk_prot, sk->sk_prot_creator);
	sk->sk_reuse = top->sk_reuse;
	sk->sk_max_ack_backlog = top->sk_max_ack_backlog + 1;
	lanes_count_one(sk, true);
	/* Fast open is served by the top half. */
	lanes_queue(sk)->fastopenq.max_qlen = 0;
	/* From here on a user's socket to its children: they hold the netns
	 * and have the lock classes of any other.
	 */
	lanes_sk_net_refcnt_upgrade(sk);
	sk->sk_kern_sock = 0;
	sock_set_flag(sk, SOCK_RCU_FREE);
	sk->sk_data_ready = lanes_lane_ready;
	__module_get(THIS_MODULE);
	inet_csk(sk)->icsk_ulp_ops = &lanes_lane_ulp;
	rcu_assign_pointer(inet_csk(sk)->icsk_ulp_data, lane);
	release_sock(sk);
	return err;
}

/**
 * lanes_lane_release() - release a bottom half; what it has queued is reset
 * @lane: a lane that nobody finds any more; may be released already
 *
 * Context: process context.
 */
void lanes_lane_release(struct lanes_lane *lane)
{
	if (!lane->sock)
		return;
	if (lane->sk->sk_state == TCP_LISTEN)
		lanes_count_one(lane->sk, false);
	lane->sk->sk_kern_sock = 1;
	lanes_ops_child(lane->sk);
	sock_release(lane->sock);
	lane->sock = NULL;
}

static int lanes_lane_create(struct lanes_listener *l, int cpu)
{
	struct lanes_lane *lane;
	int err;

	lane = kzalloc_node(sizeof(*lane), GFP_KERNEL, cpu_to_node(cpu));
	if (!lane)
		return -ENOMEM;
	l->lane[cpu] = lane;
	lane->listener = l;
	lane->net = sock_net(l->top);
	lane->ln = l->ln;
	lane->top = l->top;
	lane->cpu = cpu;
	lane->port = inet_sk(l->top)->inet_num;
	init_waitqueue_head(&lane->wq);
	spin_lock_init(&lane->lock);
	timer_setup(&lane->timer, lanes_lane_tick, TIMER_PINNED);

	err = sock_create_kern(sock_net(l->top), l->top->sk_family, SOCK_STREAM,
			       IPPROTO_TCP, &lane->sock);
	if (err)
		return err;
	lane->sk = lane->sock->sk;
	/* For the readers and timers that outlive the release. */
	sock_hold(lane->sk);
	err = lanes_listen(lane);
	/* After the listen, which resets some. */
	return err ?: lanes_options_copy(lane);
}

/**
 * lanes_free() - release what is left of a listener and free it
 * @l: nothing uses it any more but references to its bottom halves
 *
 * Context: process context.
 */
void lanes_free(struct lanes_listener *l)
{
	struct lanes_lane *lane;
	int cpu;

	for_each_possible_cpu(cpu)
		if (l->lane[cpu])
			lanes_lane_release(l->lane[cpu]);
	/* lanes_lane_ready(), .clone and the epoll entries that were told to
	 * let go read the lanes under RCU.
	 */
	synchronize_net();
	for_each_possible_cpu(cpu) {
		lane = l->lane[cpu];
		if (!lane)
			continue;
		timer_delete_sync(&lane->timer);
		lanes_forget(lane);
		if (lane->sk)
			sock_put(lane->sk);
		kfree(lane);
	}
	timer_delete_sync(&l->timer);
	percpu_ref_exit(&l->users);
	free_percpu(l->stats);
	sock_put(l->top);
	kfree(l->lane);
	kfree(l);
}

static struct lanes_listener *lanes_create(struct sock *sk)
{
	struct lanes_listener *l;
	int cpu, err = -ENOMEM;

	l = kzalloc(struct_size(l, late, BITS_TO_LONGS(nr_cpu_ids)),
		    GFP_KERNEL);
	if (!l)
		return ERR_PTR(-ENOMEM);
	l->top = sk;
	l->ln = lanes_net(sock_net(sk));
	l->spill_ms = READ_ONCE(l->ln->spill_ms);
	init_completion(&l->idle);
	timer_setup(&l->timer, lanes_global_tick, 0);
	INIT_WORK(&l->lost, lanes_lost);
	INIT_DELAYED_WORK(&l->reap, lanes_reap);
	l->lane = kcalloc(nr_cpu_ids, sizeof(*l->lane), GFP_KERNEL);
	l->stats = alloc_percpu(struct lanes_stats);
	if (!l->lane || !l->stats)
		goto err_memory;
	err = percpu_ref_init(&l->users, lanes_unused, 0, GFP_KERNEL);
	if (err)
		goto err_memory;

	sock_hold(sk);
	for_each_possible_cpu(cpu) {
		err = lanes_lane_create(l, cpu);
		if (err) {
			lanes_free(l);
			return ERR_PTR(err);
		}
	}
	return l;

err_memory:
	free_percpu(l->stats);
	kfree(l->lane);
	kfree(l);
	return ERR_PTR(err);
}

/**
 * lanes_attach() - give a listening socket its lanes
 * @sk: the future top half; its lock is held
 *
 * Context: process context, as tcp_ulp_ops.init.
 * Return: 0, -ENOTCONN if it does not listen, -EOPNOTSUPP if it is more than
 * a plain TCP listener, or what the making of the bottom halves says.
 */
int lanes_attach(struct sock *sk)
{
	struct inet_connection_sock *icsk = inet_csk(sk);
	struct lanes_listener *l;
	int err;

	sock_owned_by_me(sk);
	if (sk->sk_state != TCP_LISTEN)
		return -ENOTCONN;
	if (!lanes_ops_supported(sk) || !lanes_plain(sk))
		return -EOPNOTSUPP;

	l = lanes_create(sk);
	if (IS_ERR(l))
		return PTR_ERR(l);
	err = lanes_net_attach(sock_net(sk));
	if (err) {
		lanes_free(l);
		return err;
	}

	rcu_assign_pointer(icsk->icsk_ulp_data, l);
	WRITE_ONCE(icsk->icsk_ulp_ops, &lanes_ulp);
	/* No child with our callbacks may be born without our .clone. */
	synchronize_net();
	lanes_ops_top(sk);
	__module_get(THIS_MODULE);
	WRITE_ONCE(sk->sk_socket->ops, lanes_ops_ours(sk));
	/* Some kernels clear it for any ULP. */
	set_bit(SOCK_SUPPORT_ZC, &sk->sk_socket->flags);
	lanes_net_show(l);
	lanes_count(l->ln, ATTACHED);
	trace_lanes_attach(sk);
	return 0;
}

/**
 * lanes_listener_init() - make what all listeners share
 */
void __init lanes_listener_init(void)
{
	lanes_unhashed[0] = tcp_prot;
	lanes_unhashed[0].hash = lanes_hash_nothing;
#if IS_ENABLED(CONFIG_IPV6)
	lanes_unhashed[1] = tcpv6_prot;
	lanes_unhashed[1].hash = lanes_hash_nothing;
#endif
}
