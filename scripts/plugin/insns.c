// SPDX-License-Identifier: GPL-2.0-only
/*
 * A QEMU TCG plugin: guest instructions of each vCPU between two marks.
 *
 * The marks are no-ops with a displacement that no compiler emits, so any
 * guest code may execute them, in user mode too, with or without the plugin.
 * For each window a line "TOTAL VCPU0 VCPU1 ..." goes to the file out=PATH.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "glib.h"
#include "qemu-plugin.h"

#include "marks.h"

#define MAX_VCPUS 64

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

static struct qemu_plugin_scoreboard *board;
static qemu_plugin_u64 insns;
static uint64_t begun[MAX_VCPUS];
static int vcpus;
static FILE *out;

/* QEMU's own, not of the plugin interface. */
static void *(*get_cpu)(int index);
static void (*init_cflags)(void *cpu, bool parallel);

/*
 * Where one thread runs all vCPUs, as under -icount, QEMU 10 believes that
 * there is one only: their counters would be one another's, or no memory at
 * all. Code that is made for parallel vCPUs asks which one it is.
 */
static void make_parallel(qemu_plugin_id_t id, unsigned int vcpu)
{
	init_cflags(get_cpu(vcpu), true);
}

static void begin(unsigned int vcpu, void *unused)
{
	for (int i = 0; i < vcpus; i++)
		begun[i] = qemu_plugin_u64_get(insns, i);
}

static void end(unsigned int vcpu, void *unused)
{
	uint64_t count[MAX_VCPUS], total = 0;

	for (int i = 0; i < vcpus; i++) {
		count[i] = qemu_plugin_u64_get(insns, i) - begun[i];
		total += count[i];
	}
	fprintf(out, "%llu", (unsigned long long)total);
	for (int i = 0; i < vcpus; i++)
		fprintf(out, " %llu", (unsigned long long)count[i]);
	fputc('\n', out);
	fflush(out);
}

static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	static const uint8_t begin_mark[] = { MARK_BYTES, MARK_BEGIN };
	static const uint8_t end_mark[] = { MARK_BYTES, MARK_END };
	uint8_t code[sizeof(begin_mark)];

	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		if (qemu_plugin_insn_size(insn) == sizeof(code)) {
			qemu_plugin_insn_data(insn, code, sizeof(code));
			if (!memcmp(code, begin_mark, sizeof(code)))
				qemu_plugin_register_vcpu_insn_exec_cb(insn, begin,
					QEMU_PLUGIN_CB_NO_REGS, NULL);
			else if (!memcmp(code, end_mark, sizeof(code)))
				qemu_plugin_register_vcpu_insn_exec_cb(insn, end,
					QEMU_PLUGIN_CB_NO_REGS, NULL);
		}
		/* By block would be faster, but counts what a fault cuts off. */
		qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn,
			QEMU_PLUGIN_INLINE_ADD_U64, insns, 1);
	}
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info,
					   int argc, char **argv)
{
	if (argc != 1 || strncmp(argv[0], "out=", 4) || !info->system_emulation ||
	    strcmp(info->target_name, "x86_64") || info->system.max_vcpus > MAX_VCPUS) {
		fprintf(stderr, "insns: want out=PATH, x86_64, at most %d CPUs\n", MAX_VCPUS);
		return -1;
	}
	out = fopen(argv[0] + 4, "w");
	if (!out) {
		perror(argv[0] + 4);
		return -1;
	}
	get_cpu = (void *(*)(int))dlsym(RTLD_DEFAULT, "qemu_get_cpu");
	init_cflags = (void (*)(void *, bool))dlsym(RTLD_DEFAULT, "tcg_cpu_init_cflags");
	if (!get_cpu || !init_cflags) {
		fprintf(stderr, "insns: this QEMU is not the one of Debian trixie: %s\n",
			dlerror());
		return -1;
	}
	vcpus = info->system.max_vcpus;
	board = qemu_plugin_scoreboard_new(sizeof(uint64_t));
	insns = qemu_plugin_scoreboard_u64(board);
	qemu_plugin_register_vcpu_init_cb(id, make_parallel);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	return 0;
}
