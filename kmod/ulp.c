// SPDX-License-Identifier: GPL-2.0-only
/*
 * The upper-layer protocols: the registered one of a top half, by whose name
 * a program attaches, and one of the bottom halves, for its .clone only.
 *
 * .clone runs while a child is a copy of its listener that nobody knows yet:
 * whatever of the listener's is ours is taken off the child there.
 */
#include <linux/module.h>

#include "packet.h"

static void lanes_strip(struct sock *child)
{
	struct inet_connection_sock *icsk = inet_csk(child);

	icsk->icsk_ulp_ops = NULL;
	RCU_INIT_POINTER(icsk->icsk_ulp_data, NULL);
	lanes_ops_child(child);
}

/* The handshake has ended: no SYN may take the flow's record any more. */
static void lanes_confirm(const struct request_sock *req, struct sock *child)
{
	struct lanes_net *ln = lanes_net(sock_net(child));

	/* Made from a cookie just now, not from a SYN on a listener. */
	if (!req->rsk_listener)
		lanes_count(ln, COOKIE_ACCEPTED);
	if (READ_ONCE(ln->steer) != LANES_STEER_OFF)
		lanes_flow_record(ln, lanes_request_hash(req),
				  LANES_FLOW_ESTABLISHED);
}

static void lanes_top_clone(const struct request_sock *req, struct sock *child,
			    const gfp_t priority)
{
	lanes_strip(child);
	lanes_queue_birth(req, child, tcp_jiffies32, true);
	rcu_read_lock();
	lanes_confirm(req, child);
	rcu_read_unlock();
}

static void lanes_lane_clone(const struct request_sock *req, struct sock *child,
			     const gfp_t priority)
{
	struct lanes_lane *lane;

	rcu_read_lock();
	lane = rcu_dereference(inet_csk(child)->icsk_ulp_data);
	lanes_strip(child);
	lanes_queue_birth(req, child, lanes_clock(lane), false);
	lanes_options_socket(lane->top, child);
	lanes_confirm(req, child);
	rcu_read_unlock();
}

struct tcp_ulp_ops lanes_ulp __read_mostly = {
	.name		= LANES_ULP_NAME,
	.owner		= THIS_MODULE,
	.init		= lanes_attach,
	.clone		= lanes_top_clone,
	.get_info	= lanes_ulp_info,
	.get_info_size	= lanes_ulp_info_size,
};

struct tcp_ulp_ops lanes_lane_ulp __read_mostly = {
	.name	= "lanes-lane",
	.owner	= THIS_MODULE,
	.clone	= lanes_lane_clone,
};
