/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The records of the module's tracepoints, as Documentation/observing.rst
 * promises them; in C and C++. A tool checks them against tracefs before it
 * relies on them: events.cpp.
 */
#ifndef LANES_BPF_RECORD_H
#define LANES_BPF_RECORD_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#define RECORD_ADDRESS 28

struct record_ends {
	__u64 common;
	__u8 local[RECORD_ADDRESS];
	__u8 peer[RECORD_ADDRESS];
};

/* lanes_enqueue and lanes_spill */
struct record_queued {
	struct record_ends ends;
	__s32 lane;
	__s32 why;
	__u64 waited_us;
};

struct record_accept {
	struct record_ends ends;
	__s32 from;
	__s32 lane;
	__s32 cpu;
	__s32 rx_cpu;
	__u64 waited_us;
};

struct record_steer {
	struct record_ends ends;
	__s32 what;
	__s32 from;
	__s32 to;
};

struct record_fallback {
	struct record_ends ends;
	__s32 why;
};

struct record_overflow {
	struct record_ends ends;
	__s32 lane;
	__u32 backlog;
};

#endif
