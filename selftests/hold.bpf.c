// SPDX-License-Identifier: GPL-2.0-only
/* Keeps a task at the begin of release_sock(): the socket's lock is its own. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define NSEC_MAX 10000000000ULL
/* One loop alone may not have enough turns for that. */
#define TURNS (1 << 20)
#define LOOPS (1 << 10)

/* The task, once; 0 for none. */
volatile int wanted;
volatile int held;
volatile int let_go;

static long turn(__u64 index, const __u64 *until)
{
	return let_go || bpf_ktime_get_ns() > *until;
}

static long turns(__u64 index, __u64 *until)
{
	bpf_loop(TURNS, turn, until, 0);
	return turn(index, until);
}

SEC("kprobe/release_sock")
int on_release(void *ctx)
{
	__u64 until;

	if ((int)bpf_get_current_pid_tgid() != wanted)
		return 0;
	wanted = 0;
	held = 1;
	until = bpf_ktime_get_ns() + NSEC_MAX;
	bpf_loop(LOOPS, turns, &until, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
