// SPDX-License-Identifier: GPL-2.0-only
/*
 * A QEMU TCG plugin: guest instructions of each vCPU between two marks.
 *
 * For each window a line "TOTAL VCPU0 VCPU1 ..." goes to the file out=PATH.
 */
#define _GNU_SOURCE
#include "window.h"

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

static struct qemu_plugin_scoreboard *board;
static qemu_plugin_u64 insns;
static uint64_t begun[MAX_VCPUS];
static int vcpus;
static FILE *out;

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
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		watch_marks(insn, begin, end);
		/* By block would be faster, but counts what a fault cuts off. */
		qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn,
			QEMU_PLUGIN_INLINE_ADD_U64, insns, 1);
	}
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info,
					   int argc, char **argv)
{
	if (argc != 1 || strncmp(argv[0], "out=", 4) || !is_this_guest(info)) {
		fprintf(stderr, "insns: want out=PATH, x86_64, at most %d CPUs\n", MAX_VCPUS);
		return -1;
	}
	out = fopen(argv[0] + 4, "w");
	if (!out) {
		perror(argv[0] + 4);
		return -1;
	}
	if (!find_parallel())
		return -1;
	vcpus = info->system.max_vcpus;
	board = qemu_plugin_scoreboard_new(sizeof(uint64_t));
	insns = qemu_plugin_scoreboard_u64(board);
	qemu_plugin_register_vcpu_init_cb(id, make_parallel);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	return 0;
}
