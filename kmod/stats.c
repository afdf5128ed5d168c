// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counters: /proc/net/lanes_stat.
 */
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

#include "lanes.h"

static const char * const lanes_mib_name[] = {
	[LANES_MIB_ENQUEUED_LOCAL]	= "LanesEnqueuedLocal",
	[LANES_MIB_ENQUEUED_GLOBAL]	= "LanesEnqueuedGlobal",
	[LANES_MIB_ACCEPTED_LOCAL]	= "LanesAcceptedLocal",
	[LANES_MIB_ACCEPTED_GLOBAL]	= "LanesAcceptedGlobal",
	[LANES_MIB_ACCEPTED_STOLEN]	= "LanesAcceptedStolen",
	[LANES_MIB_SPILLED]		= "LanesSpilled",
	[LANES_MIB_PULLED_DOWN]		= "LanesPulledDown",
	[LANES_MIB_OVERFLOW]		= "LanesOverflow",
	[LANES_MIB_ATTACHED]		= "LanesAttached",
	[LANES_MIB_DETACHED]		= "LanesDetached",
	[LANES_MIB_FALLBACK_OTHER]	= "LanesFallbackOther",
	[LANES_MIB_FALLBACK_GUARDED]	= "LanesFallbackGuarded",
	[LANES_MIB_FALLBACK_FAST_OPEN]	= "LanesFallbackFastOpen",
	[LANES_MIB_FALLBACK_TIME_WAIT]	= "LanesFallbackTimeWait",
	[LANES_MIB_FALLBACK_ASSIGNED]	= "LanesFallbackAssigned",
	[LANES_MIB_COOKIE_ACCEPTED]	= "LanesCookieAccepted",
	[LANES_MIB_STEER_LOCAL]		= "LanesSteerLocal",
	[LANES_MIB_STEER_BEHIND]	= "LanesSteerBehind",
	[LANES_MIB_STEER_HANDED_OVER]	= "LanesSteerHandedOver",
	[LANES_MIB_STEER_DRAINED]	= "LanesSteerDrained",
	[LANES_MIB_STEER_DROPPED]	= "LanesSteerDropped",
	[LANES_MIB_STEER_OFFLINE]	= "LanesSteerOffline",
	[LANES_MIB_STEER_UNKNOWN]	= "LanesSteerUnknown",
	[LANES_MIB_STEER_LEFT]		= "LanesSteerLeft",
	[LANES_MIB_FLOW_RECORDED]	= "LanesFlowRecorded",
	[LANES_MIB_FLOW_MOVED]		= "LanesFlowMoved",
	[LANES_MIB_FLOW_AGED]		= "LanesFlowAged",
	[LANES_MIB_FLOW_REPLACED]	= "LanesFlowReplaced",
	[LANES_MIB_FLOW_FULL]		= "LanesFlowFull",
	[LANES_MIB_CACHE_HIT]		= "LanesCacheHit",
	[LANES_MIB_CACHE_MISS]		= "LanesCacheMiss",
	[LANES_MIB_CACHE_INSERTED]	= "LanesCacheInserted",
	[LANES_MIB_CACHE_COLLIDED]	= "LanesCacheCollided",
	[LANES_MIB_CACHE_FINISHED]	= "LanesCacheFinished",
	[LANES_MIB_CACHE_SWEPT]		= "LanesCacheSwept",
	[LANES_MIB_CACHE_FLUSHED]	= "LanesCacheFlushed",
};

static unsigned long lanes_stats_sum(const struct lanes_net *ln, int i)
{
	unsigned long sum = 0;
	int cpu;

	/* Lockless: each CPU adds to its own by this_cpu_add(). */
	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(ln->mib, cpu)->mibs[i]);
	return sum;
}

static int lanes_stats_show(struct seq_file *seq, void *v)
{
	struct lanes_net *ln = lanes_net(seq->private);
	int i;

	for (i = 0; i < LANES_MIB_MAX; i++)
		seq_printf(seq, "%-32s\t%lu\n", lanes_mib_name[i],
			   lanes_stats_sum(ln, i));
	return 0;
}

/**
 * lanes_stats_total() - the sum of a listener's counter over the CPUs
 * @l: listener
 * @mib: LANES_MIB_*, below LANES_MIB_OF_LISTENER
 *
 * Context: any. Lockless: each CPU adds to its own by this_cpu_add().
 */
u64 lanes_stats_total(const struct lanes_listener *l, int mib)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(l->stats, cpu)->mibs[mib]);
	return sum;
}

/**
 * lanes_stats_enter() - make a namespace's counters and their file
 * @net: network namespace
 *
 * Context: process context.
 * Return: 0 or -ENOMEM.
 */
int lanes_stats_enter(struct net *net)
{
	struct lanes_net *ln = lanes_net(net);

	BUILD_BUG_ON(ARRAY_SIZE(lanes_mib_name) != LANES_MIB_MAX);
	ln->mib = alloc_percpu(struct lanes_mib);
	if (!ln->mib)
		return -ENOMEM;
	if (!proc_create_net_single("lanes_stat", 0444, net->proc_net,
				    lanes_stats_show, NULL)) {
		free_percpu(ln->mib);
		return -ENOMEM;
	}
	return 0;
}

/**
 * lanes_stats_leave() - undo lanes_stats_enter()
 * @net: network namespace
 *
 * Context: process context; nobody counts any more.
 */
void lanes_stats_leave(struct net *net)
{
	remove_proc_entry("lanes_stat", net->proc_net);
	free_percpu(lanes_net(net)->mib);
}
