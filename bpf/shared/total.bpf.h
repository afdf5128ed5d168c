/* SPDX-License-Identifier: GPL-2.0-only */
/* A tool's counters, TOTALS of them. */
#ifndef LANES_BPF_TOTAL_BPF_H
#define LANES_BPF_TOTAL_BPF_H

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TOTALS);
	__type(key, __u32);
	__type(value, __u64);
} totals SEC(".maps");

/* Counters are of this CPU, but a task's may be interrupted by a softirq's. */
static void total(__u32 which)
{
	__u64 *count = bpf_map_lookup_elem(&totals, &which);

	if (count)
		__sync_fetch_and_add(count, 1);
}

#endif
