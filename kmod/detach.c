// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of a listener. Every way out of the attached state is the same
 * detach: the option, a shutdown, an abort, the close.
 *
 * On a live listener it loses nothing: new SYNs go to the top half at once,
 * the bottom halves stay for the handshakes that they have begun, and what
 * comes of them moves to the top half's queue.
 */
#include <linux/module.h>

#include "lanes.h"
#include "trace.h"

/* Longer than the last SYN-ACK of a default handshake is waited for. */
#define LANES_REAP_TIMEOUT	(130 * HZ)
#define LANES_REAP_INTERVAL	(HZ / 50 ?: 1)

static struct workqueue_struct *lanes_wq;

static bool lanes_half_open(const struct lanes_listener *l)
{
	int cpu;

	for_each_possible_cpu(cpu)
		if (l->lane[cpu]->sock &&
		    reqsk_queue_len(lanes_queue(l->lane[cpu]->sk)))
			return true;
	return false;
}

/*
 * Release the bottom halves, unless they have handshakes under way: then false.
 * The last child may be between its request and the queue, in softirq.
 */
static bool lanes_drain(struct lanes_listener *l)
{
	bool listens = inet_sk_state_load(l->top) == TCP_LISTEN;
	int cpu;

	if (listens && lanes_half_open(l) &&
	    time_before(jiffies, l->reap_ends))
		return false;
	if (listens) {
		synchronize_net();
		lanes_spill_all(l);
	}
	for_each_possible_cpu(cpu)
		lanes_lane_release(l->lane[cpu]);
	return true;
}

static bool lanes_polled(const struct lanes_listener *l)
{
	int cpu;

	for_each_possible_cpu(cpu)
		/* Nobody enters any more; who leaves may be seen late. */
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

/**
 * lanes_reap() - free a detached listener once nothing refers to it
 * @work: lanes_listener.reap
 */
void lanes_reap(struct work_struct *work)
{
	struct lanes_listener *l = container_of(to_delayed_work(work),
						struct lanes_listener, reap);
	int refs = l->module_refs;

	if (!lanes_drain(l) || lanes_polled(l)) {
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
static void lanes_detach_begin(struct lanes_listener *l, bool closing)
{
	struct sock *sk = l->top;
	enum lanes_end why;
	int cpu;

	sock_owned_by_me(sk);
	why = closing ? LANES_END_CLOSE :
	      sk->sk_state == TCP_LISTEN ? LANES_END_OPTION : LANES_END_STATE;
	/* The top half may have lost its port with its state. */
	trace_lanes_detach(l->lane[cpumask_first(cpu_possible_mask)]->sk, why);
	WRITE_ONCE(l->draining, true);
	lanes_net_detach(l);
	lanes_count(l->ln, DETACHED);
	WRITE_ONCE(sk->sk_socket->ops, lanes_ops_stock(sk));
	smp_wmb(); /* pairs with smp_rmb() in lanes_close() */
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
static void lanes_detach_end(struct lanes_listener *l, bool closing)
{
	int cpu;

	percpu_ref_kill(&l->users);
	lanes_wake_all(l, LANES_READY);
	wait_for_completion(&l->idle);

	for_each_possible_cpu(cpu)
		lanes_free_epoll(l->lane[cpu]);
	/* At a close what is queued and half open is reset. */
	l->reap_ends = jiffies + (closing ? 0 : LANES_REAP_TIMEOUT);
	if (!closing)
		lanes_spill_all(l);
	lanes_drain(l);
	/* __sock_release() drops the ops' reference itself. */
	l->module_refs = closing ? 1 : 2;
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
		lanes_detach_begin(l, false);
	release_sock(sk);
	if (!l)
		return -ENOPROTOOPT;
	lanes_detach_end(l, false);
	return 0;
}

/**
 * lanes_close() - detach because the socket is being released
 * @sock: the top half's
 *
 * __sock_release() has read our ops, so it drops their module reference when
 * we return. If a detach came in between, that one drops it too: take one
 * more. Until then it cannot be the last, the detach waits for us.
 *
 * A child has our ops, and a reference for them, if an old kernel's do_accept()
 * read sock->ops before a detach and again after it: nothing to do.
 */
void lanes_close(struct socket *sock)
{
	struct sock *sk = sock->sk;
	struct lanes_listener *l, *user;

	user = lanes_get(sk);
	if (!user) {
		/* Pairs with smp_wmb() in lanes_detach_begin(). */
		smp_rmb();
		if (READ_ONCE(sock->ops) == lanes_ops_stock(sk))
			__module_get(THIS_MODULE);
		return;
	}
	lock_sock(sk);
	l = lanes_attached(sk);
	if (l)
		lanes_detach_begin(l, true);
	else
		__module_get(THIS_MODULE);
	release_sock(sk);
	lanes_put(user);
	if (l)
		lanes_detach_end(l, true);
}

/**
 * lanes_lost() - detach a top half that has left LISTEN behind our back
 * @work: lanes_listener.lost
 */
void lanes_lost(struct work_struct *work)
{
	struct lanes_listener *l = container_of(work, struct lanes_listener,
						lost);
	struct sock *sk = l->top;
	bool ours;

	lock_sock(sk);
	ours = lanes_attached(sk) == l && sk->sk_socket;
	if (ours)
		lanes_detach_begin(l, false);
	release_sock(sk);
	if (ours)
		lanes_detach_end(l, false);
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

/**
 * lanes_detach_init() - make what runs the late part of detaches
 *
 * Return: 0 or -ENOMEM.
 */
int __init lanes_detach_init(void)
{
	lanes_wq = alloc_workqueue("lanes", WQ_UNBOUND, 0);
	return lanes_wq ? 0 : -ENOMEM;
}

/**
 * lanes_detach_exit() - undo lanes_detach_init()
 */
void lanes_detach_exit(void)
{
	destroy_workqueue(lanes_wq);
}
