// SPDX-License-Identifier: GPL-2.0-only
/*
 * The acceptor's side of the accept queues: what it may take, and from where.
 */
#include "lanes.h"
#include "trace.h"

#define LANES_PULL_JIFFIES	(HZ / 20 ?: 1)

/* The lane, other than @own, with the oldest connection that nobody will
 * come for. Only lanes that were late at a tick are looked at: l->late is a
 * line that nobody writes while all keep up.
 */
static struct lanes_lane *lanes_oldest(struct lanes_listener *l,
				       const struct lanes_lane *own)
{
	struct lanes_lane *lane, *oldest = NULL;
	struct request_sock_queue *queue;
	u32 age, most = 0;
	int cpu;

	for_each_set_bit(cpu, l->late, nr_cpu_ids) {
		lane = l->lane[cpu];
		if (lane == own || lanes_queue_empty(lane->sk) ||
		    lanes_claimed(lane))
			continue;
		queue = lanes_queue(lane->sk);
		spin_lock_bh(&queue->rskq_lock);
		age = queue->rskq_accept_head ?
		      lanes_age(queue->rskq_accept_head, lanes_clock(lane)) : 0;
		spin_unlock_bh(&queue->rskq_lock);
		if (!oldest || age > most) {
			oldest = lane;
			most = age;
		}
	}
	return oldest;
}

/*
 * Is the global queue's first connection for the caller? One that the stock
 * code has just put there is about to be pulled into its own CPU's lane by
 * lanes_top_ready(), if that lane is claimed: pass it by until then.
 */
static bool lanes_global_ready(struct lanes_listener *l,
			       const struct lanes_lane *own)
{
	struct request_sock_queue *queue = lanes_queue(l->top);
	struct request_sock *req;
	bool reserved = false;
	int cpu = 0;

	if (lanes_queue_empty(l->top))
		return false;
	spin_lock_bh(&queue->rskq_lock);
	req = queue->rskq_accept_head;
	if (req && !tcp_rsk(req)->tfo_listener) {
		reserved = lanes_reserved(req) &&
			   lanes_age(req, tcp_jiffies32) < LANES_PULL_JIFFIES;
		cpu = READ_ONCE(req->sk->sk_incoming_cpu);
	}
	spin_unlock_bh(&queue->rskq_lock);
	return !reserved || l->lane[cpu] == own || !lanes_claimed(l->lane[cpu]);
}

/**
 * lanes_available() - would lanes_take() find a connection?
 * @l: listener; the caller is a user of it
 * @own: the caller's lane or NULL
 *
 * Context: process context.
 */
bool lanes_available(struct lanes_listener *l, const struct lanes_lane *own)
{
	return (own && !lanes_queue_empty(own->sk)) ||
	       lanes_global_ready(l, own) || lanes_oldest(l, own);
}

static void lanes_taken(struct lanes_listener *l, const struct sock *child,
			enum lanes_from from, int lane)
{
	u64 us = lanes_waited_us(child);

	lanes_count_listener(l, LANES_MIB_ACCEPTED_LOCAL + from, 1);
	this_cpu_inc(l->stats->wait[lanes_wait_slot(us)]);
	this_cpu_add(l->stats->wait_sum_us, us);
	trace_lanes_accept(child, from, lane, us);
}

/**
 * lanes_take() - accept a connection without waiting
 * @l: listener; the caller is a user of it
 * @own: the caller's lane or NULL
 * @newsock: the socket to be connected
 * @arg: as of proto_ops.accept; flags contain O_NONBLOCK
 *
 * Context: process context; takes lock_sock() of the socket it takes from.
 * Return: 0, -EAGAIN if there is nothing to take, or what inet_accept() says.
 */
int lanes_take(struct lanes_listener *l, struct lanes_lane *own,
	       struct socket *newsock, struct proto_accept_arg *arg)
{
	struct lanes_lane *lane;
	int err;

	if (own && !lanes_queue_empty(own->sk)) {
		err = lanes_inet_accept(own->sock, newsock, arg);
		if (!err)
			lanes_taken(l, newsock->sk, LANES_FROM_LOCAL, own->cpu);
		if (err != -EAGAIN)
			return err;
	}
	if (lanes_global_ready(l, own)) {
		err = lanes_inet_accept(l->top->sk_socket, newsock, arg);
		if (!err)
			lanes_taken(l, newsock->sk, LANES_FROM_GLOBAL, -1);
		if (err != -EAGAIN)
			return err;
	}
	lane = lanes_oldest(l, own);
	if (!lane)
		return -EAGAIN;
	err = lanes_inet_accept(lane->sock, newsock, arg);
	if (!err)
		lanes_taken(l, newsock->sk, LANES_FROM_STOLEN, lane->cpu);
	return err;
}
