/* SPDX-License-Identifier: GPL-2.0-only */
/* What lanetop's BPF programs tell it. */
#ifndef LANES_BPF_LANETOP_H
#define LANES_BPF_LANETOP_H

#include "shared/flow.h"

/* What a CPU has seen of a listener. */
struct top_counts {
	__u64 arrived;	/* connections queued by this CPU's softirq */
	__u64 accepted; /* by acceptors here */
	__u64 wait_us;	/* of these, in sum, since the end of the handshake */
};

/* What is the same for all CPUs. */
struct top_listener {
	__u32 queued; /* at the last event */
	__u32 backlog;
};

#endif
