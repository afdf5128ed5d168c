/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the plugins share: windows between two marks of the guest, and vCPUs
 * that one thread runs. The marks are no-ops with a displacement that no
 * compiler emits, so any guest code may execute them, in user mode too, with or
 * without a plugin.
 */
#ifndef LANES_PLUGIN_WINDOW_H
#define LANES_PLUGIN_WINDOW_H

#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "glib.h"
#include "qemu-plugin.h"

#include "marks.h"

#define MAX_VCPUS 64

/* QEMU's own, not of the plugin interface. */
static void *(*get_cpu)(int index);
static void (*init_cflags)(void *cpu, bool parallel);

/* A function of QEMU's own; NULL, with words, if it has none of that name. */
static inline void *qemu_function(const char *name)
{
	void *function = dlsym(RTLD_DEFAULT, name);

	if (!function)
		fprintf(stderr, "plugin: this QEMU is not the one of Debian trixie: %s\n",
			dlerror());
	return function;
}

/*
 * Where one thread runs all vCPUs, as under -icount, QEMU 10 believes that
 * there is one only: their counters would be one another's, or no memory at
 * all. Code that is made for parallel vCPUs asks which one it is.
 */
static inline void make_parallel(qemu_plugin_id_t id, unsigned int vcpu)
{
	init_cflags(get_cpu(vcpu), true);
}

/* Before make_parallel() can be called. */
static inline bool find_parallel(void)
{
	get_cpu = (void *(*)(int))qemu_function("qemu_get_cpu");
	init_cflags = (void (*)(void *, bool))qemu_function("tcg_cpu_init_cflags");
	return get_cpu && init_cflags;
}

static inline bool is_this_guest(const qemu_info_t *info)
{
	return info->system_emulation && !strcmp(info->target_name, "x86_64") &&
	       info->system.max_vcpus <= MAX_VCPUS;
}

/* At a mark, calls the function that is meant. */
static inline void watch_marks(struct qemu_plugin_insn *insn, qemu_plugin_vcpu_udata_cb_t begin,
			       qemu_plugin_vcpu_udata_cb_t end)
{
	static const uint8_t begin_mark[] = { MARK_BYTES, MARK_BEGIN };
	static const uint8_t end_mark[] = { MARK_BYTES, MARK_END };
	uint8_t code[sizeof(begin_mark)];

	if (qemu_plugin_insn_size(insn) != sizeof(code))
		return;
	qemu_plugin_insn_data(insn, code, sizeof(code));
	if (!memcmp(code, begin_mark, sizeof(code)))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, begin, QEMU_PLUGIN_CB_NO_REGS, NULL);
	else if (!memcmp(code, end_mark, sizeof(code)))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, end, QEMU_PLUGIN_CB_NO_REGS, NULL);
}

#endif
