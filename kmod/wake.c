// SPDX-License-Identifier: GPL-2.0-only
/*
 * Wake-ups: whom to tell that a connection waits.
 */
#include "lanes.h"

/**
 * lanes_wake() - wake one exclusive sleeper and all others, if there are any
 * @wq: a lane's wait queue
 *
 * Context: any but hard interrupt; after the queue was filled.
 */
void lanes_wake(wait_queue_head_t *wq)
{
	/* Pairs with set_current_state() and poll_wait() of a sleeper. */
	if (!wq_has_sleeper(wq))
		return;
	wake_up_interruptible_sync_poll(wq, LANES_READY | EPOLLPRI |
					EPOLLRDBAND);
}

/**
 * lanes_wake_global() - somebody should take from the global accept queue
 * @l: listener
 *
 * Wakes one acceptor that will come: an idle one of a lane, else one of the
 * top half's wait queue if such a one was seen, else a busy one of a lane.
 * If none of the lanes' acceptors will come as far as we know, all of them
 * are told, since we may know too little.
 *
 * Context: any but hard interrupt; no queue's lock is held.
 */
void lanes_wake_global(struct lanes_listener *l)
{
	unsigned int start = READ_ONCE(l->rotor);
	struct lanes_lane *lane, *busy = NULL;
	bool others = false;
	int cpu;

	/* Pairs with set_current_state() and poll_wait() of a sleeper. */
	smp_mb();
	for_each_cpu_wrap(cpu, cpu_possible_mask, start) {
		lane = l->lane[cpu];
		/* The barrier is above. */
		if (!waitqueue_active(&lane->wq))
			continue;
		if (lanes_idle(lane)) {
			WRITE_ONCE(l->rotor, (cpu + 1) % nr_cpu_ids);
			lanes_wake(&lane->wq);
			return;
		}
		if (lanes_claimed(lane))
			busy = busy ?: lane;
		else
			others = true;
	}
	if (busy && !READ_ONCE(l->unbound)) {
		lanes_wake(&busy->wq);
		return;
	}
	lanes_ops_stock_ready(l->top);
	if (!others)
		return;
	for_each_possible_cpu(cpu)
		lanes_wake(&l->lane[cpu]->wq);
}

/**
 * lanes_wake_all() - wake every acceptor, exclusive or not
 * @l: listener
 * @key: what has happened, EPOLL*
 *
 * Context: any but hard interrupt.
 */
void lanes_wake_all(struct lanes_listener *l, __poll_t key)
{
	int cpu;

	for_each_possible_cpu(cpu)
		__wake_up(&l->lane[cpu]->wq, TASK_NORMAL, 0, poll_to_key(key));
	rcu_read_lock();
	if (skwq_has_sleeper(rcu_dereference(l->top->sk_wq)))
		__wake_up(&rcu_dereference(l->top->sk_wq)->wait, TASK_NORMAL, 0,
			  poll_to_key(key));
	rcu_read_unlock();
}
