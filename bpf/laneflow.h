/* SPDX-License-Identifier: GPL-2.0-only */
/* What laneflow's BPF programs tell it. */
#ifndef LANES_BPF_LANEFLOW_H
#define LANES_BPF_LANEFLOW_H

#include "shared/flow.h"

/* What happened to a connection. */
enum flow_what {
	FLOW_SYN,
	FLOW_QUEUED, /* into an accept queue: told on every listener */
	FLOW_ACCEPT, /* likewise */
	FLOW_DATA,   /* the first */
	FLOW_CLOSE,
	/* The module's tracepoints. */
	FLOW_FALLBACK,
	FLOW_OVERFLOW,
	FLOW_STEER,
	FLOW_ENQUEUE,
	FLOW_SPILL,
	FLOW_LANES_ACCEPT,
};

/**
 * struct flow_event - one of these
 * @ns: when, of CLOCK_MONOTONIC
 * @waited_us: since the end of the handshake, as the module tells it
 * @key: to which connection
 * @what: enum flow_what
 * @cpu: where
 * @lane: which one, -1 for the global queue; of FLOW_STEER, to which CPU
 * @code: of kmod/reason.h; of FLOW_OVERFLOW, the backlog
 * @pid: of the acceptor
 * @comm: likewise
 */
struct flow_event {
	__u64 ns;
	__u64 waited_us;
	struct flow_key key;
	__u32 what;
	__s32 cpu;
	__s32 lane;
	__s32 code;
	__u32 pid;
	char comm[FLOW_COMM];
	__u32 unused;
};

/* CPUs; @data is -1 in the count of all that were accepted. */
struct flow_cell {
	__s32 syn;
	__s32 accept;
	__s32 data;
};

enum flow_total {
	FLOW_TOTAL_LOCAL, /* as enum lanes_from */
	FLOW_TOTAL_GLOBAL,
	FLOW_TOTAL_STOLEN,
	FLOW_TOTAL_UNSEEN, /* accepted, but the SYN is unknown */
	FLOW_TOTAL_LOST,   /* no room in a map or in the ring */
	FLOW_TOTALS,
};

#endif
