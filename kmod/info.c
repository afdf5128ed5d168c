// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a listener tells of itself: by getsockopt(2) and by sock_diag(7).
 */
#include <net/netlink.h>

#include "lanes.h"

/* The attributes that are LANES_MIB_*. */
static const struct {
	int attribute;
	int mib;
} lanes_info_counter[] = {
	{ LANES_INFO_LOCAL,		LANES_MIB_ACCEPTED_LOCAL },
	{ LANES_INFO_GLOBAL,		LANES_MIB_ACCEPTED_GLOBAL },
	{ LANES_INFO_STOLEN,		LANES_MIB_ACCEPTED_STOLEN },
	{ LANES_INFO_SPILLED,		LANES_MIB_SPILLED },
	{ LANES_INFO_PULLED_DOWN,	LANES_MIB_PULLED_DOWN },
	{ LANES_INFO_OVERFLOW,		LANES_MIB_OVERFLOW },
};

static void lanes_info_fill(struct lanes_listener *l, struct lanes_info *info)
{
	int cpu;

	info->nr_lanes = num_possible_cpus();
	info->spill_ms = READ_ONCE(l->spill_ms);
	info->backlog = READ_ONCE(l->top->sk_max_ack_backlog);
	info->global_queued = READ_ONCE(l->top->sk_ack_backlog);
	info->queued = info->global_queued;
	for_each_possible_cpu(cpu)
		info->queued += lanes_length(l->lane[cpu]);
	info->accepted_local = lanes_stats_total(l, LANES_MIB_ACCEPTED_LOCAL);
	info->accepted_global = lanes_stats_total(l, LANES_MIB_ACCEPTED_GLOBAL);
	info->accepted_stolen = lanes_stats_total(l, LANES_MIB_ACCEPTED_STOLEN);
	info->spilled = lanes_stats_total(l, LANES_MIB_SPILLED);
}

static int lanes_lane_fill(struct lanes_listener *l,
			   struct lanes_lane_info *info)
{
	const struct lanes_stats *stats;
	struct lanes_lane *lane;

	if (info->cpu >= nr_cpu_ids || !l->lane[info->cpu])
		return -EINVAL;
	lane = l->lane[info->cpu];
	stats = per_cpu_ptr(l->stats, info->cpu);
	info->queued = lanes_length(lane);
	info->flags = (lanes_claimed(lane) ? LANES_LANE_CLAIMED : 0) |
		      (READ_ONCE(lane->stalled) ? LANES_LANE_STALLED : 0);
	info->enqueued_local =
		READ_ONCE(stats->mibs[LANES_MIB_ENQUEUED_LOCAL]);
	info->enqueued_global =
		READ_ONCE(stats->mibs[LANES_MIB_ENQUEUED_GLOBAL]);
	return 0;
}

/* Copy out what fits, and zeroes behind what we know. */
static int lanes_put_user(char __user *val, int __user *lenp, int len,
			  const void *from, int size)
{
	if (copy_to_user(val, from, min(len, size)))
		return -EFAULT;
	if (len > size && clear_user(val + size, len - size))
		return -EFAULT;
	return put_user(len, lenp);
}

/**
 * lanes_info_option() - get an option of level SOL_LANES
 * @l: listener; the caller is a user of it
 * @name: LANES_*
 * @val: where to
 * @lenp: its length, gets the value's
 *
 * Context: process context.
 * Return: 0 or a negative errno, see Documentation/uapi.rst.
 */
int lanes_info_option(struct lanes_listener *l, int name, char __user *val,
		      int __user *lenp)
{
	struct lanes_lane_info lane = {};
	struct lanes_info info = {};
	int len, err;

	if (get_user(len, lenp))
		return -EFAULT;
	if (len < (int)sizeof(u32) || len > PAGE_SIZE)
		return -EINVAL;

	switch (name) {
	case LANES_SPILL_MS:
		return lanes_put_user(val, lenp, sizeof(u32), &l->spill_ms,
				      sizeof(u32));
	case LANES_INFO:
		lanes_info_fill(l, &info);
		return lanes_put_user(val, lenp, len, &info, sizeof(info));
	case LANES_LANE_INFO:
		if (get_user(lane.cpu, (u32 __user *)val))
			return -EFAULT;
		err = lanes_lane_fill(l, &lane);
		return err ?: lanes_put_user(val, lenp, len, &lane,
					     sizeof(lane));
	default:
		return -ENOPROTOOPT;
	}
}

static int lanes_info_put(struct sk_buff *skb, struct lanes_listener *l)
{
	struct lanes_info info = {};
	u64 sum;
	int i;

	lanes_info_fill(l, &info);
	if (nla_put_u32(skb, LANES_INFO_LANES, info.nr_lanes) ||
	    nla_put_u32(skb, LANES_INFO_SPILL_MS, info.spill_ms) ||
	    nla_put_u32(skb, LANES_INFO_QUEUED, info.queued))
		return -EMSGSIZE;
	for (i = 0; i < ARRAY_SIZE(lanes_info_counter); i++) {
		sum = lanes_stats_total(l, lanes_info_counter[i].mib);
		if (nla_put_u64_64bit(skb, lanes_info_counter[i].attribute,
				      sum, LANES_INFO_PAD))
			return -EMSGSIZE;
	}
	return 0;
}

/**
 * lanes_info_diag() - tell sock_diag(7)
 * @sk: a socket with our ULP, or which had it a moment ago
 * @skb: gets a nest of LANES_INFO_*
 *
 * Context: any but hard interrupt, @sk is not locked. An exit of the module
 * waits for it, see lanes_exit().
 * Return: 0 or -EMSGSIZE.
 */
int lanes_info_diag(struct sock *sk, struct sk_buff *skb)
{
	const struct inet_connection_sock *icsk = inet_csk(sk);
	struct lanes_listener *l = NULL;
	struct nlattr *nest;
	int err = 0;

	rcu_read_lock();
	/* Pairs with the order of writes in lanes_detach_begin(). */
	if (READ_ONCE(icsk->icsk_ulp_ops) == &lanes_ulp)
		l = rcu_dereference(icsk->icsk_ulp_data);
	if (!l)
		goto out;
	err = -EMSGSIZE;
	nest = nla_nest_start_noflag(skb, LANES_ULP_INFO);
	if (!nest)
		goto out;
	err = lanes_info_put(skb, l);
	if (err)
		nla_nest_cancel(skb, nest);
	else
		nla_nest_end(skb, nest);
out:
	rcu_read_unlock();
	return err;
}

/**
 * lanes_info_diag_size() - the most that lanes_info_diag() puts
 */
size_t lanes_info_diag_size(void)
{
	return nla_total_size(0) + 3 * nla_total_size(sizeof(u32)) +
	       ARRAY_SIZE(lanes_info_counter) *
	       nla_total_size_64bit(sizeof(u64));
}
