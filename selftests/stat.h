/* SPDX-License-Identifier: GPL-2.0-only */
/* The counters and the sysctls of Lanes in this network namespace. */
#ifndef LANES_SELFTESTS_STAT_H
#define LANES_SELFTESTS_STAT_H

#include "lib.h"

enum counter {
	ENQUEUED_LOCAL,
	ENQUEUED_GLOBAL,
	ACCEPTED_LOCAL,
	ACCEPTED_GLOBAL,
	ACCEPTED_STOLEN,
	SPILLED,
	PULLED_DOWN,
	OVERFLOW,
	ATTACHED,
	DETACHED,
	FALLBACK_OTHER,
	FALLBACK_GUARDED,
	FALLBACK_FAST_OPEN,
	FALLBACK_TIME_WAIT,
	FALLBACK_ASSIGNED,
	COOKIE_ACCEPTED,
	STEER_LOCAL,
	STEER_BEHIND,
	STEER_HANDED_OVER,
	STEER_DRAINED,
	STEER_DROPPED,
	STEER_OFFLINE,
	STEER_UNKNOWN,
	STEER_LEFT,
	FLOW_RECORDED,
	FLOW_MOVED,
	FLOW_AGED,
	FLOW_REPLACED,
	FLOW_FULL,
	CACHE_HIT,
	CACHE_MISS,
	CACHE_INSERTED,
	CACHE_COLLIDED,
	CACHE_FINISHED,
	CACHE_SWEPT,
	CACHE_FLUSHED,
	NR_STATS
};

struct stats {
	long of[NR_STATS];
};

/* All zero with LANES_TEST_PLAIN. */
struct stats stats_read(void);
/* What each has grown by. */
struct stats stats_since(const struct stats *before);
/* What one has grown by; to be polled. */
long stat_grown(const struct stats *before, enum counter which);
/* Packets that were processed where their flow belongs. */
long stats_on_owner(const struct stats *s);
/* The sum of all: zero if none moved. */
long stats_total(const struct stats *s);
/* One line with those that are not zero. */
void stats_diag(const char *what, const struct stats *s);

/* net.lanes.NAME; does nothing with LANES_TEST_PLAIN. */
void lanes_sysctl(const char *name, long value);

#endif
