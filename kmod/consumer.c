// SPDX-License-Identifier: GPL-2.0-only
/*
 * The consumer of a connection: the task that reads and writes it.
 *
 * Accepted sockets are stock sockets, so nothing of ours runs when one is
 * read. What shows a consumer is what it sends, in its own context: data, or
 * the acknowledgment of what it has read. If it is bound to a CPU, the flow
 * and the CPU's established cache follow it there.
 */
#include "lanes.h"

/**
 * lanes_consumer() - a task bound to this CPU uses a connection
 * @ln: network namespace
 * @sk: the connection's socket, or what is left of it
 * @accepted: it has just been accepted
 *
 * Context: process context, RCU read-side section.
 */
void lanes_consumer(struct lanes_net *ln, struct sock *sk, bool accepted)
{
	int state = inet_sk_state_load(sk);

	local_bh_disable();
	if (state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT) {
		if (READ_ONCE(ln->steer) != LANES_STEER_DATA ||
		    lanes_steer_follow(ln, sk->sk_hash, accepted))
			lanes_cache_insert(ln, sk);
	} else {
		lanes_cache_drop(ln, sk);
		/* By RST, so the peer will send none. */
		if (state == TCP_CLOSE)
			lanes_flow_end(ln, sk->sk_hash);
	}
	local_bh_enable();
}
