/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counters per network namespace: /proc/net/lanes_stat.
 *
 * Monotonic, and kept per CPU, so that counting writes no shared line. A name
 * in stats.c goes with each.
 */
#ifndef _LANES_STATS_H
#define _LANES_STATS_H

#include <linux/bitops.h>
#include <linux/minmax.h>
#include <linux/percpu.h>

enum {
	/* Also kept for each listener. A connection: */
	LANES_MIB_ENQUEUED_LOCAL,	/* left in its lane, for its acceptor */
	LANES_MIB_ENQUEUED_GLOBAL,	/* given to the global queue at birth */
	LANES_MIB_ACCEPTED_LOCAL,	/* from the acceptor's own lane */
	LANES_MIB_ACCEPTED_GLOBAL,	/* from the global accept queue */
	LANES_MIB_ACCEPTED_STOLEN,	/* from the lane of another CPU */
	LANES_MIB_SPILLED,		/* from its lane to the global queue, late */
	LANES_MIB_PULLED_DOWN,		/* from the top half, where it was born */
	/* Likewise, a packet: */
	LANES_MIB_OVERFLOW,		/* refused: the backlog is full */
	LANES_MIB_OF_LISTENER,		/* none, but how many these are */
	/* A listener: */
	LANES_MIB_ATTACHED = LANES_MIB_OF_LISTENER,
	LANES_MIB_DETACHED,		/* in whatever way it ended */
	/* A SYN to an attached port, left alone as it meets: */
	LANES_MIB_FALLBACK_OTHER,	/* another listener, or none */
	LANES_MIB_FALLBACK_GUARDED,	/* a filter, a key or an IPsec policy */
	LANES_MIB_FALLBACK_FAST_OPEN,	/* fast open, which the top half serves */
	LANES_MIB_FALLBACK_TIME_WAIT,	/* the connection's predecessor */
	LANES_MIB_FALLBACK_ASSIGNED,	/* a listener that a rule has assigned */
	/* A handshake: */
	LANES_MIB_COOKIE_ACCEPTED,	/* ended by the ACK of a SYN cookie */
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

/* Slots of a histogram: below 1 us, below 2, below 4, ..., from 4.2 s on. */
#define LANES_WAIT_SLOTS 24

/**
 * struct lanes_stats - the counters of a listener on one CPU
 * @mibs: indexed by LANES_MIB_*, those below LANES_MIB_OF_LISTENER. An accept
 *	counts where the acceptor ran, the rest where the packet was processed
 * @wait: accepts by how long the connection had waited, see lanes_wait_slot()
 * @wait_sum_us: the sum of these times
 */
struct lanes_stats {
	u64	mibs[LANES_MIB_OF_LISTENER];
	u64	wait[LANES_WAIT_SLOTS];
	u64	wait_sum_us;
};

/**
 * lanes_wait_slot() - the slot of a histogram
 * @us: microseconds
 */
static inline unsigned int lanes_wait_slot(u64 us)
{
	return min_t(unsigned int, fls64(us), LANES_WAIT_SLOTS - 1);
}

#define lanes_count_add(ln, name, nr) \
	this_cpu_add((ln)->mib->mibs[LANES_MIB_##name], nr)
#define lanes_count(ln, name) lanes_count_add(ln, name, 1)

struct lanes_listener;
struct net;

u64 lanes_stats_total(const struct lanes_listener *l, int mib);

int lanes_stats_enter(struct net *net);
void lanes_stats_leave(struct net *net);

#endif /* _LANES_STATS_H */
