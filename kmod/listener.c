// SPDX-License-Identifier: GPL-2.0-only
/*
 * A listener and its lanes: attach, detach, close.
 *
 * Every way out of the attached state is the same detach: the option, a
 * shutdown, an abort, the close. On a live listener it loses nothing: new
 * SYNs go to the top half at once, the bottom halves stay for the handshakes
 * that they have begun and hand over what comes of them.
 */
#include <linux/module.h>
#include <linux/net.h>
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "lanes.h"

/* Longer than the last SYN-ACK of a default handshake is waited for. */
#define LANES_REAP_TIMEOUT	(130 * HZ)
#define LANES_REAP_INTERVAL	(HZ / 50 ?: 1)

static struct workqueue_struct *lanes_wq;

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

/**
 * lanes_backlog() - pass the top half's backlog on to its lanes
 * @l: listener
 *
 * A lane's own limit decides about SYN cookies; admission to the accept
 * queues is decided by the sum, see lanes_full().
 */
void lanes_backlog(struct lanes_listener *l)
{
	u32 backlog = READ_ONCE(l->top->sk_max_ack_backlog);
	int cpu;

	/* One more, for lanes_length(). */
	for_each_possible_cpu(cpu)
		WRITE_ONCE(l->lane[cpu]->sk->sk_max_ack_backlog, backlog + 1);
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
	lanes_ops_lane(sk);
	__module_get(THIS_MODULE);
	inet_csk(sk)->icsk_ulp_ops = &lanes_lane_ulp;
	rcu_assign_pointer(inet_csk(sk)->icsk_ulp_data, lane);
	release_sock(sk);
	return err;
}

static void lanes_lane_release(struct lanes_lane *lane)
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
	err = lanes_options_copy(lane);
	return err ?: lanes_listen(lane);
}

/* Nothing uses the listener any more but references to its bottom halves. */
static void lanes_free(struct lanes_listener *l)
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

static bool lanes_half_open(const struct lanes_listener *l)
{
	int cpu;

	for_each_possible_cpu(cpu)
		if (l->lane[cpu]->sock &&
		    reqsk_queue_len(lanes_queue(l->lane[cpu]->sk)))
			return true;
	return false;
}

static bool lanes_polled(const struct lanes_listener *l)
{
	int cpu;

	for_each_possible_cpu(cpu)
		if (waitqueue_active(&l->lane[cpu]->wq))
			return true;
	return false;
}

/*
 * Make epoll forget a lane's wait queue: it keeps the top half's. Only epoll's
 * entries have no private pointer; io_uring would cancel the request.
 */
static void lanes_free_epoll(struct lanes_lane *lane)
{
	struct wait_queue_entry *entry, *next;
	unsigned long flags;

	spin_lock_irqsave(&lane->wq.lock, flags);
	list_for_each_entry_safe(entry, next, &lane->wq.head, entry)
		if (!entry->private)
			entry->func(entry, TASK_NORMAL, 0,
				    poll_to_key(EPOLLHUP | POLLFREE));
	spin_unlock_irqrestore(&lane->wq.lock, flags);
}

static void lanes_reap(struct work_struct *work)
{
	struct lanes_listener *l = container_of(to_delayed_work(work),
						struct lanes_listener, reap);
	bool listens = inet_sk_state_load(l->top) == TCP_LISTEN;
	int cpu, refs = l->module_refs;

	if (listens && lanes_half_open(l) &&
	    time_before(jiffies, l->reap_ends)) {
		queue_delayed_work(lanes_wq, &l->reap, LANES_REAP_INTERVAL);
		return;
	}
	if (listens)
		lanes_spill_all(l);
	for_each_possible_cpu(cpu)
		lanes_lane_release(l->lane[cpu]);
	if (lanes_polled(l)) {
		queue_delayed_work(lanes_wq, &l->reap, LANES_REAP_INTERVAL);
		return;
	}
	cancel_work_sync(&l->lost);
	/* See "Module text" in lanes.h; at a close nobody is left. */
	if (refs > 1)
		synchronize_rcu_tasks();
	lanes_free(l);
	while (refs--)
		module_put(THIS_MODULE);
}

static struct lanes_listener *lanes_attached(const struct sock *sk)
{
	const struct inet_connection_sock *icsk = inet_csk(sk);

	sock_owned_by_me(sk);
	if (icsk->icsk_ulp_ops != &lanes_ulp)
		return NULL;
	return rcu_dereference_protected(icsk->icsk_ulp_data,
					 lockdep_sock_is_held(sk));
}

/* Make the top half stock again. Its lock is held. */
static void lanes_detach_begin(struct lanes_listener *l)
{
	struct sock *sk = l->top;
	int cpu;

	sock_owned_by_me(sk);
	WRITE_ONCE(l->draining, true);
	lanes_demux_del(l);
	WRITE_ONCE(sk->sk_socket->ops, lanes_ops_stock(sk));
	RCU_INIT_POINTER(inet_csk(sk)->icsk_ulp_data, NULL);
	write_lock_bh(&sk->sk_callback_lock);
	lanes_ops_child(sk);
	write_unlock_bh(&sk->sk_callback_lock);
	/* No child with our callbacks may be born without our .clone. */
	synchronize_net();
	WRITE_ONCE(inet_csk(sk)->icsk_ulp_ops, NULL);

	/* The top half answers for the cookies that the lanes have sent. */
	for_each_possible_cpu(cpu) {
		rcu_read_lock();
		if (!tcp_synq_no_recent_overflow(l->lane[cpu]->sk))
			tcp_synq_overflow(sk);
		rcu_read_unlock();
	}
}

/* Wait for the operations under way and leave the rest to the reaper. The
 * top half's lock is not held: accept takes it.
 */
static void lanes_detach_end(struct lanes_listener *l, bool drain,
			     int module_refs)
{
	int cpu;

	percpu_ref_kill(&l->users);
	lanes_wake_all(l, LANES_READY);
	wait_for_completion(&l->idle);

	for_each_possible_cpu(cpu)
		lanes_free_epoll(l->lane[cpu]);
	if (drain)
		lanes_spill_all(l);
	if (!drain || !lanes_half_open(l))
		for_each_possible_cpu(cpu)
			lanes_lane_release(l->lane[cpu]);
	l->module_refs = module_refs;
	l->reap_ends = jiffies + LANES_REAP_TIMEOUT;
	queue_delayed_work(lanes_wq, &l->reap, 0);
}

/**
 * lanes_detach() - make an attached socket a stock one
 * @sock: the top half's
 *
 * Context: process context, no lock held. Returns once the socket is stock
 * and every queued connection is in its queue.
 * Return: 0, or -ENOPROTOOPT if it is not attached.
 */
int lanes_detach(struct socket *sock)
{
	struct sock *sk = sock->sk;
	struct lanes_listener *l;

	lock_sock(sk);
	l = lanes_attached(sk);
	if (l)
		lanes_detach_begin(l);
	release_sock(sk);
	if (!l)
		return -ENOPROTOOPT;
	lanes_detach_end(l, inet_sk_state_load(sk) == TCP_LISTEN, 2);
	return 0;
}

/**
 * lanes_close() - detach because the socket is being released
 * @sock: the top half's
 *
 * __sock_release() has read our ops, so it drops their module reference when
 * we return. If a detach came in between, that one drops it too: take one
 * more. Until then it cannot be the last, the detach waits for us.
 */
void lanes_close(struct socket *sock)
{
	struct sock *sk = sock->sk;
	struct lanes_listener *l, *user;

	user = lanes_get(sk);
	if (!user) {
		__module_get(THIS_MODULE);
		return;
	}
	lock_sock(sk);
	l = lanes_attached(sk);
	if (l)
		lanes_detach_begin(l);
	else
		__module_get(THIS_MODULE);
	release_sock(sk);
	lanes_put(user);
	if (l)
		lanes_detach_end(l, false, 1);
}

static void lanes_lost(struct work_struct *work)
{
	struct lanes_listener *l = container_of(work, struct lanes_listener,
						lost);
	struct sock *sk = l->top;
	bool ours;

	lock_sock(sk);
	ours = lanes_attached(sk) == l && sk->sk_socket;
	if (ours)
		lanes_detach_begin(l);
	release_sock(sk);
	if (ours)
		lanes_detach_end(l, false, 2);
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
	l->spill_ms = READ_ONCE(lanes_net(sock_net(sk))->spill_ms);
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
	err = lanes_hooks_register(sock_net(sk));
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
	lanes_demux_add(l);
	return 0;
}

/**
 * lanes_listener_init() - make what all listeners share
 *
 * Return: 0 or -ENOMEM.
 */
int __init lanes_listener_init(void)
{
	lanes_unhashed[0] = tcp_prot;
	lanes_unhashed[0].hash = lanes_hash_nothing;
#if IS_ENABLED(CONFIG_IPV6)
	lanes_unhashed[1] = tcpv6_prot;
	lanes_unhashed[1].hash = lanes_hash_nothing;
#endif
	lanes_wq = alloc_workqueue("lanes", WQ_UNBOUND, 0);
	return lanes_wq ? 0 : -ENOMEM;
}

/**
 * lanes_listener_exit() - undo lanes_listener_init()
 */
void lanes_listener_exit(void)
{
	destroy_workqueue(lanes_wq);
}

/**
 * lanes_lose() - detach a top half that has left LISTEN, later
 * @l: listener
 *
 * Context: any; the caller is in a read-side section that keeps @l.
 */
void lanes_lose(struct lanes_listener *l)
{
	queue_work(lanes_wq, &l->lost);
}
