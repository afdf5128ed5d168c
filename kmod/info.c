// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a listener tells of itself: by getsockopt(2).
 */
#include "lanes.h"

static void lanes_info_fill(struct lanes_listener *l, struct lanes_info *info)
{
	const struct lanes_stats *stats;
	int cpu;

	info->nr_lanes = num_possible_cpus();
	info->spill_ms = READ_ONCE(l->spill_ms);
	info->backlog = READ_ONCE(l->top->sk_max_ack_backlog);
	info->global_queued = READ_ONCE(l->top->sk_ack_backlog);
	info->queued = info->global_queued;
	for_each_possible_cpu(cpu) {
		stats = per_cpu_ptr(l->stats, cpu);
		info->queued += lanes_length(l->lane[cpu]);
		info->accepted_local += stats->accepted_local;
		info->accepted_global += stats->accepted_global;
		info->accepted_stolen += stats->accepted_stolen;
		info->spilled += stats->spilled;
	}
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
	info->enqueued_local = stats->enqueued_local;
	info->enqueued_global = stats->enqueued_global;
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
