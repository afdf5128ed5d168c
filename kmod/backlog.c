// SPDX-License-Identifier: GPL-2.0-only
/*
 * The backlog: all queues of a listener together admit what listen(2) said.
 *
 * The sum over the queues is compared as the stock code compares its one, but
 * it is only formed while some queue holds more than its share: else every
 * CPU stays with its own count, and @crowded is on a line that nobody writes.
 */
#include "lanes.h"

/* A queue that holds no more than this cannot fill the backlog with others. */
static u32 lanes_share(u32 backlog)
{
	return backlog / (num_online_cpus() + 1);
}

/**
 * lanes_backlog_note() - the global accept queue has grown
 * @l: listener
 *
 * Context: any; lockless.
 */
void lanes_backlog_note(struct lanes_listener *l)
{
	u32 share = lanes_share(READ_ONCE(l->top->sk_max_ack_backlog));

	if (READ_ONCE(l->top->sk_ack_backlog) >= share &&
	    !READ_ONCE(l->crowded))
		WRITE_ONCE(l->crowded, true);
}

/**
 * lanes_full() - is the backlog that listen(2) was given used up?
 * @l: listener
 * @lane: where the connection would go, NULL for the global accept queue
 *
 * Context: softirq.
 */
bool lanes_full(struct lanes_listener *l, const struct lanes_lane *lane)
{
	u32 backlog = READ_ONCE(l->top->sk_max_ack_backlog);
	u32 share = lanes_share(backlog), length, longest, total;
	bool crowded;
	int cpu;

	length = lane ? lanes_length(lane) : READ_ONCE(l->top->sk_ack_backlog);
	if (length < share && !READ_ONCE(l->crowded))
		return false;

	total = READ_ONCE(l->top->sk_ack_backlog);
	longest = total;
	for_each_possible_cpu(cpu) {
		length = lanes_length(l->lane[cpu]);
		longest = max(longest, length);
		total += length;
	}
	/* A queue that grows past its share now sets it again when it is
	 * asked next: meanwhile each CPU may admit one too many.
	 */
	crowded = longest >= share;
	if (READ_ONCE(l->crowded) != crowded)
		WRITE_ONCE(l->crowded, crowded);
	return total > backlog;
}

/**
 * lanes_admits() - has the backlog room for a connection of this lane?
 * @lane: any CPU's lane
 *
 * Tells the bottom half too, by its limit: it is asked again by the stock
 * code, see lanes_length().
 *
 * Context: softirq.
 */
bool lanes_admits(struct lanes_lane *lane)
{
	struct lanes_listener *l = lane->listener;
	bool full = lanes_full(l, lane);
	u32 limit = full ? 0 : READ_ONCE(l->top->sk_max_ack_backlog) + 1;

	if (READ_ONCE(lane->sk->sk_max_ack_backlog) != limit)
		WRITE_ONCE(lane->sk->sk_max_ack_backlog, limit);
	return !full;
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
