/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Lanes: per-CPU bottom halves for a listening TCP socket.
 *
 * Attach:  setsockopt(fd, IPPROTO_TCP, TCP_ULP, LANES_ULP_NAME, 5)
 * Detach:  setsockopt(fd, SOL_LANES, LANES_DETACH, NULL, 0)
 *
 * Documentation/uapi.rst has the table of errors. Structs only ever grow at
 * the end: a shorter optlen gets the first optlen bytes, a longer one gets
 * zeroes behind what the module knows.
 */
#ifndef _UAPI_LINUX_LANES_H
#define _UAPI_LINUX_LANES_H

#include <linux/types.h>

#define LANES_ULP_NAME	"lanes"

/* setsockopt(2) level, on an attached listener only. */
#define SOL_LANES	19534

enum {
	/* set: no value. The socket becomes a stock one, its queue intact. */
	LANES_DETACH	= 1,
	/* set, get: __u32, milliseconds that a connection may wait behind an
	 * acceptor that does not come: 1 to LANES_SPILL_MS_MAX.
	 */
	LANES_SPILL_MS	= 2,
	/* get: struct lanes_info. */
	LANES_INFO	= 3,
	/* get: struct lanes_lane_info; the caller sets .cpu. */
	LANES_LANE_INFO	= 4,
};

#define LANES_SPILL_MS_MAX	60000

/**
 * struct lanes_info - a listener
 * @nr_lanes: possible CPUs, one lane each; lane numbers are CPU numbers
 * @spill_ms: see LANES_SPILL_MS
 * @backlog: what listen(2) asked for, after the sysctl's cap
 * @queued: connections waiting in all queues
 * @global_queued: of these, in the global accept queue
 * @reserved: zero
 * @accepted_local: accepted by an acceptor bound to the lane's CPU from it
 * @accepted_global: accepted from the global accept queue
 * @accepted_stolen: accepted from a lane by an acceptor that is not its own
 * @spilled: moved from a lane to the global accept queue after a wait of
 *	@spill_ms, or because the lane's acceptor died, stopped or left.
 *	What went to the global queue without waiting does not count
 *
 * The counters are monotonic from the attach on; each is the sum of per-CPU
 * values that are not read at one instant.
 */
struct lanes_info {
	__u32	nr_lanes;
	__u32	spill_ms;
	__u32	backlog;
	__u32	queued;
	__u32	global_queued;
	__u32	reserved;
	__u64	accepted_local;
	__u64	accepted_global;
	__u64	accepted_stolen;
	__u64	spilled;
};

/* struct lanes_lane_info.flags */
#define LANES_LANE_CLAIMED	(1U << 0) /* an acceptor will come */
#define LANES_LANE_STALLED	(1U << 1) /* its acceptor has not come in time */

/**
 * struct lanes_lane_info - one CPU's lane
 * @cpu: set by the caller: which lane
 * @queued: connections in the local accept queue
 * @flags: LANES_LANE_*
 * @reserved: zero
 * @enqueued_local: connections that this CPU left in a local accept queue
 * @enqueued_global: connections that this CPU gave to the global one
 */
struct lanes_lane_info {
	__u32	cpu;
	__u32	queued;
	__u32	flags;
	__u32	reserved;
	__u64	enqueued_local;
	__u64	enqueued_global;
};

/*
 * sock_diag(7): INET_DIAG_ULP_INFO of an attached listener has, besides the
 * name, a nest of this type, far from what the kernel defines.
 */
#define LANES_ULP_INFO	200

/* In it. Counters are those of struct lanes_info; more may follow. */
enum {
	LANES_INFO_UNSPEC,
	LANES_INFO_PAD,
	LANES_INFO_LANES,	/* u32: possible CPUs, one lane each */
	LANES_INFO_SPILL_MS,	/* u32: see LANES_SPILL_MS */
	LANES_INFO_QUEUED,	/* u32: connections waiting in all queues */
	LANES_INFO_LOCAL,	/* u64: accepted from the acceptor's own lane */
	LANES_INFO_GLOBAL,	/* u64: accepted from the global queue */
	LANES_INFO_STOLEN,	/* u64: accepted from another CPU's lane */
	LANES_INFO_SPILLED,	/* u64: from a lane to the global queue, late */
	LANES_INFO_PULLED_DOWN,	/* u64: from the top half to a lane */
	LANES_INFO_OVERFLOW,	/* u64: packets refused, the backlog was full */
	__LANES_INFO_MAX
};

#define LANES_INFO_MAX	(__LANES_INFO_MAX - 1)

#ifdef __cplusplus
static_assert(sizeof(struct lanes_info) == 56, "lanes_info is uapi");
static_assert(sizeof(struct lanes_lane_info) == 32, "lanes_lane_info is uapi");
#else
_Static_assert(sizeof(struct lanes_info) == 56, "lanes_info is uapi");
_Static_assert(sizeof(struct lanes_lane_info) == 32, "lanes_lane_info is uapi");
#endif

#endif /* _UAPI_LINUX_LANES_H */
