/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counters per network namespace: /proc/net/lanes_stat.
 *
 * Monotonic, and kept per CPU, so that counting writes no shared line. A name
 * in stats.c goes with each.
 */
#ifndef _LANES_STATS_H
#define _LANES_STATS_H

#include <linux/percpu.h>

enum {
	/* A packet of a recorded flow: */
	LANES_MIB_STEER_LOCAL,		/* processed where it arrived, its owner */
	LANES_MIB_STEER_BEHIND,		/* arrived at its owner, behind earlier ones */
	LANES_MIB_STEER_HANDED_OVER,	/* arrived elsewhere, handed to its owner */
	LANES_MIB_STEER_DRAINED,	/* handed to the previous owner, see steer.c */
	LANES_MIB_STEER_DROPPED,	/* the owner's queue was full */
	LANES_MIB_STEER_OFFLINE,	/* owner offline: processed where it arrived */
	/* A packet to an attached port: */
	LANES_MIB_STEER_UNKNOWN,	/* of no recorded flow */
	LANES_MIB_STEER_LEFT,		/* left alone, see lanes_steer_may() */
	/* A flow: */
	LANES_MIB_FLOW_RECORDED,	/* has an owner now */
	LANES_MIB_FLOW_MOVED,		/* its owner follows the consumer */
	LANES_MIB_FLOW_AGED,		/* lost its entry, was not seen for long */
	LANES_MIB_FLOW_REPLACED,	/* lost its entry before its handshake ended */
	LANES_MIB_FLOW_FULL,		/* got none: all are in use */
	/* The established cache, a packet to an attached port: */
	LANES_MIB_CACHE_HIT,
	LANES_MIB_CACHE_MISS,
	/* The established cache, a socket: */
	LANES_MIB_CACHE_INSERTED,
	LANES_MIB_CACHE_COLLIDED,	/* evicted for another one */
	LANES_MIB_CACHE_FINISHED,	/* evicted by its FIN or RST */
	LANES_MIB_CACHE_SWEPT,		/* evicted because it was found closed */
	LANES_MIB_CACHE_FLUSHED,	/* evicted: resize, CPU offline, last detach */
	LANES_MIB_MAX
};

/**
 * struct lanes_mib - the counters of one CPU
 * @mibs: indexed by LANES_MIB_*
 */
struct lanes_mib {
	unsigned long mibs[LANES_MIB_MAX];
};

#define lanes_count_add(ln, name, nr) \
	this_cpu_add((ln)->mib->mibs[LANES_MIB_##name], nr)
#define lanes_count(ln, name) lanes_count_add(ln, name, 1)

struct net;

int lanes_stats_enter(struct net *net);
void lanes_stats_leave(struct net *net);

#endif /* _LANES_STATS_H */
