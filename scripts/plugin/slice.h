/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Short turns: one thread runs all vCPUs, each for about SLICE instructions, of
 * random length from a seed. By itself QEMU would let each one run until it
 * sleeps or a timer is due.
 */
#ifndef LANES_PLUGIN_SLICE_H
#define LANES_PLUGIN_SLICE_H

#include "window.h"

#define SLICE		2000
/* The turn is over at this count, which begins below it. */
#define SLICE_END	(1ULL << 32)

static qemu_plugin_u64 slice;
static uint64_t random_state;
static void (*exit_cpu)(void *cpu);

static inline uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static inline void begin_slice(unsigned int vcpu)
{
	qemu_plugin_u64_set(slice, vcpu, SLICE_END - SLICE / 2 - next_random() % SLICE);
}

static void end_slice(unsigned int vcpu, void *unused)
{
	exit_cpu(get_cpu(vcpu));
	begin_slice(vcpu);
}

/* In the callback of a translated block of @size instructions, before all else. */
static inline void count_slice(struct qemu_plugin_tb *tb, size_t size)
{
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64, slice,
		size);
	qemu_plugin_register_vcpu_tb_exec_cond_cb(tb, end_slice, QEMU_PLUGIN_CB_NO_REGS,
		QEMU_PLUGIN_COND_GE, slice, SLICE_END, NULL);
}

/* A callback for each vCPU that begins. */
static void make_turns(qemu_plugin_id_t id, unsigned int vcpu)
{
	make_parallel(id, vcpu);
	begin_slice(vcpu);
}

/* Before all else here; false, with words, if this QEMU is not the one. */
static inline bool find_slices(uint64_t seed)
{
	exit_cpu = (void (*)(void *))qemu_function("cpu_exit");
	if (!exit_cpu || !find_parallel())
		return false;
	slice = qemu_plugin_scoreboard_u64(qemu_plugin_scoreboard_new(sizeof(uint64_t)));
	random_state = seed;
	/* The first numbers of a small seed are small. */
	for (int i = 0; i < 64; i++)
		next_random();
	return true;
}

#endif
