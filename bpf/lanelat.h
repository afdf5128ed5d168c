/* SPDX-License-Identifier: GPL-2.0-only */
/* What lanelat's BPF programs tell it. */
#ifndef LANES_BPF_LANELAT_H
#define LANES_BPF_LANELAT_H

#include "shared/flow.h"

/* As /proc/net/lanes: slot 0 is below 1 us, slot n from 2^(n-1) to below 2^n us. */
#define LATENCY_SLOTS 24

enum latency_by {
	LATENCY_BY_LANE,
	LATENCY_BY_LISTENER,
	LATENCY_BY_PROCESS,
};

enum latency_what {
	LATENCY_ACCEPT,
	LATENCY_FIRST_BYTE,
	LATENCIES,
};

/**
 * struct latency_group - whose latency; what does not count is zero
 * @cpu: where the handshake ended: that CPU's lane
 * @pid: of the acceptor
 * @listener: what it is bound to
 * @comm: of the acceptor
 */
struct latency_group {
	__s32 cpu;
	__u32 pid;
	struct flow_end listener;
	char comm[FLOW_COMM];
	__u16 unused;
};

struct latency_histogram {
	__u64 slots[LATENCIES][LATENCY_SLOTS];
	__u64 sum_us[LATENCIES];
};

enum latency_total {
	LATENCY_TOTAL_UNSEEN, /* accepted, but its handshake is unknown */
	LATENCY_TOTAL_LOST,   /* no room in a map */
	LATENCY_TOTALS,
};

#endif
