// SPDX-License-Identifier: GPL-2.0-only
/*
 * The accept queues: one per lane, and the top half's own as the global one.
 *
 * A connection is born in its lane's queue (the stock code puts it there).
 * If no acceptor will come for it, it goes to the global queue at once; if
 * none has come after spill_ms, then. An acceptor takes from its own lane,
 * then from the global queue, then from lanes whose acceptors will not come.
 */
#include "lanes.h"
#include "trace.h"

#define LANES_PULL_SEARCH	16

/* The last child that .clone has seen. In .sk_data_ready, which the same run of
 * the softirq calls next, it is the one that was queued, and locked.
 */
static DEFINE_PER_CPU(const struct sock *, lanes_born);

/*
 * Note when a connection was queued.
 *
 * last_oow_ack_time limits answers to invalid ACKs while the request is in
 * the established hash; from the birth of the child on nobody reads it.
 */
static void lanes_queue_stamp(struct request_sock *req, u32 clock,
			      bool reserved)
{
	u32 stamp = (clock & ~LANES_RESERVED) | (reserved ? LANES_RESERVED : 0);

	WRITE_ONCE(tcp_rsk(req)->last_oow_ack_time, stamp);
}

/**
 * lanes_queue_birth() - a connection is about to be queued
 * @req: its request; const to .clone, but ours alone until it is queued
 * @child: its socket
 * @clock: jiffies, as the queue counts them
 * @reserved: it is about to be pulled into its CPU's lane
 *
 * Context: softirq, of .clone.
 */
void lanes_queue_birth(const struct request_sock *req, const struct sock *child,
		       u32 clock, bool reserved)
{
	this_cpu_write(lanes_born, child);
	lanes_queue_stamp((struct request_sock *)req, clock, reserved);
}

/* A fast open child is the top half's until its handshake ends. */
static bool lanes_born_on(const struct request_sock *req, int cpu)
{
	return !tcp_rsk(req)->tfo_listener &&
	       READ_ONCE(req->sk->sk_incoming_cpu) == cpu;
}

static void lanes_link(struct sock *sk, struct request_sock *req)
{
	struct request_sock_queue *queue = lanes_queue(sk);

	lockdep_assert_held(&queue->rskq_lock);
	req->dl_next = NULL;
	if (queue->rskq_accept_head)
		queue->rskq_accept_tail->dl_next = req;
	else
		WRITE_ONCE(queue->rskq_accept_head, req);
	queue->rskq_accept_tail = req;
	sk_acceptq_added(sk);
}

/* Append @req to the queue of @sk, if it listens. */
static bool lanes_push(struct sock *sk, struct request_sock *req)
{
	struct request_sock_queue *queue = lanes_queue(sk);
	bool listens;

	spin_lock(&queue->rskq_lock);
	listens = sk->sk_state == TCP_LISTEN;
	if (listens)
		lanes_link(sk, req);
	spin_unlock(&queue->rskq_lock);
	return listens;
}

/* Unlink, of the first @search requests of @sk, the first that is @age old at
 * @clock and, if @cpu is not negative, was born on that CPU.
 */
static struct request_sock *lanes_remove(struct sock *sk, int search, int cpu,
					 u32 clock, u32 age)
{
	struct request_sock_queue *queue = lanes_queue(sk);
	struct request_sock *req, *prev = NULL;

	spin_lock(&queue->rskq_lock);
	for (req = queue->rskq_accept_head; req; req = req->dl_next) {
		if (lanes_age(req, clock) >= age &&
		    (cpu < 0 || lanes_born_on(req, cpu)))
			break;
		prev = req;
		if (!--search) {
			req = NULL;
			break;
		}
	}
	if (req) {
		sk_acceptq_removed(sk);
		if (prev)
			prev->dl_next = req->dl_next;
		else
			WRITE_ONCE(queue->rskq_accept_head, req->dl_next);
		if (queue->rskq_accept_tail == req)
			queue->rskq_accept_tail = prev;
	}
	spin_unlock(&queue->rskq_lock);
	return req;
}

/**
 * struct lanes_move - what lanes_move() moves, and where
 * @from: socket
 * @to: socket
 * @search: see lanes_remove()
 * @cpu: likewise
 * @clock: likewise
 * @age: likewise
 * @stamp: the time, as @to counts it
 * @lane: the lane that it leaves, if @spills, else the one that it is put into,
 *	-1 for the global queue; to be traced
 * @why: likewise
 * @spills: it has waited in a lane
 */
struct lanes_move {
	struct sock		*from;
	struct sock		*to;
	int			search;
	int			cpu;
	u32			clock;
	u32			age;
	u32			stamp;
	int			lane;
	enum lanes_why		why;
	bool			spills;
};

/* While the connection is in no queue, so that nobody else has it. */
static void lanes_move_trace(const struct lanes_move *m, const struct sock *child)
{
	if (m->spills)
		trace_lanes_spill(child, m->lane, m->why);
	else
		trace_lanes_enqueue(child, m->lane, m->why);
}

/*
 * Move a connection.
 *
 * inet_csk_accept() looks whether the queue is empty, then removes, and relies
 * on the socket's lock to keep others from removing in between. So do we: while
 * somebody accepts from @from, nothing can be taken away from it. The lock also
 * keeps @from from leaving LISTEN before what @to refused is back.
 */
static bool lanes_move(const struct lanes_move *m)
{
	struct request_sock_queue *queue = lanes_queue(m->from);
	struct request_sock *req = NULL;
	bool moved = false;

	local_bh_disable();
	/* Nested in the lock of the child that is being born. */
	bh_lock_sock_nested(m->from);
	if (!sock_owned_by_user(m->from))
		req = lanes_remove(m->from, m->search, m->cpu, m->clock, m->age);
	if (req) {
		lanes_queue_stamp(req, m->stamp, false);
		lanes_move_trace(m, req->sk);
		moved = lanes_push(m->to, req);
		if (!moved) {
			spin_lock(&queue->rskq_lock);
			lanes_link(m->from, req);
			spin_unlock(&queue->rskq_lock);
		}
	}
	bh_unlock_sock(m->from);
	local_bh_enable();
	return moved;
}

static unsigned long lanes_spill_jiffies(const struct lanes_listener *l)
{
	return max(msecs_to_jiffies(READ_ONCE(l->spill_ms)), 1UL);
}

/* Often enough to see a dead acceptor early. */
static unsigned long lanes_period(const struct lanes_listener *l)
{
	return clamp(lanes_spill_jiffies(l) / 4, 1UL, (unsigned long)HZ / 20);
}

/* Move what is at least @age old from @lane to the global accept queue; at its
 * birth, or else it has waited.
 */
static unsigned int lanes_spill(struct lanes_lane *lane, u32 age,
				enum lanes_why why, bool birth)
{
	struct lanes_listener *l = lane->listener;
	struct lanes_move m = {
		.from = lane->sk, .to = l->top, .search = 1, .cpu = -1,
		.clock = lanes_clock(lane), .age = age,
		.stamp = tcp_jiffies32, .lane = birth ? -1 : lane->cpu,
		.why = why, .spills = !birth,
	};
	unsigned int moved = 0, left;

	while (lanes_move(&m))
		moved++;
	if (!moved)
		return 0;

	lanes_backlog_note(l);
	if (!timer_pending(&l->timer) && !READ_ONCE(l->draining))
		mod_timer(&l->timer, jiffies + lanes_period(l));
	for (left = moved; left; left--)
		lanes_wake_global(l);
	return moved;
}

/**
 * lanes_spill_all() - move every lane's connections to the global queue
 * @l: listener, draining
 *
 * Context: any but hard interrupt.
 */
void lanes_spill_all(struct lanes_listener *l)
{
	int cpu;

	for_each_possible_cpu(cpu)
		lanes_spill(l->lane[cpu], 0, LANES_WHY_DETACH, false);
}

static void lanes_look_after(struct lanes_lane *lane, unsigned long delay)
{
	if (timer_pending(&lane->timer))
		return;
	WRITE_ONCE(lane->last_tick, jiffies);
	mod_timer(&lane->timer, jiffies + delay);
}

static void lanes_enqueued(struct lanes_lane *lane)
{
	struct lanes_listener *l = lane->listener;

	lanes_count_listener(l, LANES_MIB_ENQUEUED_LOCAL, 1);
	lanes_look_after(lane, lanes_period(l));
	lanes_wake(&lane->wq);
	if (sock_flag(l->top, SOCK_FASYNC))
		lanes_ops_stock_ready(l->top);
}

/* Why a lane is not claimed; for a trace, so it may be wrong by now. */
static enum lanes_why lanes_why_not(const struct lanes_lane *lane)
{
	if (READ_ONCE(lane->listener->draining))
		return LANES_WHY_DETACH;
	return READ_ONCE(lane->stalled) ? LANES_WHY_STALLED :
					  LANES_WHY_UNCLAIMED;
}

/**
 * lanes_lane_ready() - sk_data_ready of a bottom half: a child was queued
 * @sk: the bottom half
 *
 * Context: softirq, under the child's bh lock.
 */
void lanes_lane_ready(struct sock *sk)
{
	struct lanes_lane *lane;
	unsigned int moved;
	enum lanes_why why;

	rcu_read_lock();
	lane = rcu_dereference(inet_csk(sk)->icsk_ulp_data);
	if (!lane)
		goto out;
	if (lanes_claimed(lane)) {
		trace_lanes_enqueue(this_cpu_read(lanes_born), lane->cpu,
				    LANES_WHY_CLAIMED);
		lanes_enqueued(lane);
		goto out;
	}
	why = lanes_why_not(lane);
	moved = lanes_spill(lane, 0, why, true);
	if (!moved)
		trace_lanes_enqueue(this_cpu_read(lanes_born), lane->cpu,
				    LANES_WHY_BUSY);
	lanes_count_listener(lane->listener, LANES_MIB_ENQUEUED_GLOBAL, moved);
	/* Its acceptor did not come in time, but it may now, and then the lane
	 * is its own again.
	 */
	if (READ_ONCE(lane->stalled))
		lanes_wake(&lane->wq);
	/* Somebody accepts from it just now, and may leave the rest. */
	if (!lanes_queue_empty(lane->sk))
		lanes_look_after(lane, 1);
out:
	rcu_read_unlock();
}

/* This CPU's connections, which it could not pull, are for everybody. */
static void lanes_unreserve(struct sock *top, int cpu)
{
	struct request_sock_queue *queue = lanes_queue(top);
	int search = LANES_PULL_SEARCH;
	struct request_sock *req;

	spin_lock(&queue->rskq_lock);
	for (req = queue->rskq_accept_head; req && search--; req = req->dl_next)
		if (lanes_reserved(req) && lanes_born_on(req, cpu))
			lanes_queue_stamp(req, tcp_jiffies32, false);
	spin_unlock(&queue->rskq_lock);
}

/* Move the child that this CPU's softirq has just queued to the top half. */
static bool lanes_pull(struct lanes_lane *lane)
{
	/* Of those that came in one moment, ours is near the head. */
	struct lanes_move m = {
		.from = lane->top, .to = lane->sk,
		.search = LANES_PULL_SEARCH, .cpu = lane->cpu,
		.stamp = lanes_clock(lane), .lane = lane->cpu,
		.why = LANES_WHY_PULLED,
	};

	return lanes_move(&m);
}

/**
 * lanes_top_ready() - sk_data_ready of a top half: a child was queued
 * @sk: the top half
 *
 * The stock code found the top half by itself: the reuse of a TIME_WAIT
 * port, fast open, a handshake older than the attach. If this CPU's lane has
 * an acceptor, the child moves there.
 *
 * Context: softirq, under the child's bh lock.
 */
void lanes_top_ready(struct sock *sk)
{
	struct lanes_listener *l;
	struct lanes_lane *lane;
	bool claimed;

	rcu_read_lock();
	l = rcu_dereference(inet_csk(sk)->icsk_ulp_data);
	if (!l || READ_ONCE(l->draining)) {
		lanes_ops_stock_ready(sk);
		goto out;
	}

	lane = l->lane[raw_smp_processor_id()];
	claimed = lanes_claimed(lane);
	if (claimed && lanes_pull(lane)) {
		lanes_count_listener(l, LANES_MIB_PULLED_DOWN, 1);
		lanes_enqueued(lane);
		/* Who passed by this one may sleep now. */
		if (!lanes_queue_empty(sk))
			lanes_wake_global(l);
		goto out;
	}
	trace_lanes_enqueue(this_cpu_read(lanes_born), -1,
			    claimed ? LANES_WHY_MISSED : lanes_why_not(lane));
	lanes_count_listener(l, LANES_MIB_ENQUEUED_GLOBAL, 1);
	lanes_backlog_note(l);
	if (!timer_pending(&l->timer))
		mod_timer(&l->timer, jiffies + lanes_period(l));
	lanes_unreserve(sk, lane->cpu);
	lanes_wake_global(l);
out:
	rcu_read_unlock();
}

/* Put the lane's clock back; who came while the CPU stood still is new. */
static void lanes_put_back(struct lanes_lane *lane, u32 by)
{
	struct request_sock_queue *queue = lanes_queue(lane->sk);
	struct request_sock *req;
	u32 clock;

	WRITE_ONCE(lane->skew, lane->skew + by);
	clock = lanes_clock(lane);
	spin_lock(&queue->rskq_lock);
	for (req = queue->rskq_accept_head; req; req = req->dl_next)
		if (!lanes_age(req, clock))
			lanes_queue_stamp(req, clock, false);
	spin_unlock(&queue->rskq_lock);
}

/* Its first connection has been there since the last tick. */
static bool lanes_late(struct lanes_lane *lane, unsigned long period)
{
	struct request_sock_queue *queue = lanes_queue(lane->sk);
	bool late;

	spin_lock(&queue->rskq_lock);
	late = queue->rskq_accept_head &&
	       lanes_age(queue->rskq_accept_head, lanes_clock(lane)) >= period;
	spin_unlock(&queue->rskq_lock);
	return late;
}

/**
 * lanes_lane_tick() - look after a local accept queue that is not empty
 * @timer: the lane's
 *
 * Hands over what waits for an acceptor that died or was stopped, and what
 * has waited spill_ms. Time in which this very CPU did not run does not
 * count: nobody could have come.
 *
 * Context: timer softirq.
 */
void lanes_lane_tick(struct timer_list *timer)
{
	struct lanes_lane *lane = container_of(timer, struct lanes_lane, timer);
	struct lanes_listener *l = lane->listener;
	unsigned long period = lanes_period(l), gone;
	unsigned int moved;
	bool late;

	gone = jiffies - READ_ONCE(lane->last_tick);
	if (gone > period + 1)
		lanes_put_back(lane, gone - period);
	WRITE_ONCE(lane->last_tick, jiffies);

	if (lanes_claimed(lane)) {
		moved = lanes_spill(lane, lanes_spill_jiffies(l),
				    LANES_WHY_LATE, false);
		/* A runnable acceptor is late, one asleep is elsewhere. */
		if (moved && lanes_idle(lane))
			WRITE_ONCE(lane->stalled, true);
	} else {
		moved = lanes_spill(lane, 0, READ_ONCE(l->draining) ?
				    LANES_WHY_DETACH : LANES_WHY_LEFT, false);
	}
	if (moved)
		lanes_count_listener(l, LANES_MIB_SPILLED, moved);

	late = lanes_late(lane, period);
	if (test_bit(lane->cpu, l->late) != late)
		assign_bit(lane->cpu, l->late, late);
	if (!lanes_queue_empty(lane->sk))
		mod_timer(timer, jiffies + period);
}

/**
 * lanes_global_tick() - look after a global accept queue that is not empty
 * @timer: the listener's
 *
 * One wake-up goes to one acceptor, which may be one that does not come. What
 * still waits after spill_ms wakes everybody.
 *
 * Context: timer softirq.
 */
void lanes_global_tick(struct timer_list *timer)
{
	struct lanes_listener *l = container_of(timer, struct lanes_listener,
						timer);
	struct request_sock_queue *queue = lanes_queue(l->top);
	bool due;

	spin_lock_bh(&queue->rskq_lock);
	due = queue->rskq_accept_head &&
	      lanes_age(queue->rskq_accept_head, tcp_jiffies32) >=
	      lanes_spill_jiffies(l);
	spin_unlock_bh(&queue->rskq_lock);
	if (due)
		lanes_wake_all(l, LANES_READY);
	if (!lanes_queue_empty(l->top) && !READ_ONCE(l->draining))
		mod_timer(timer, jiffies + lanes_period(l));
}
