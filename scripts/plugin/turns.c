// SPDX-License-Identifier: GPL-2.0-only
/*
 * A QEMU TCG plugin: only short turns, see slice.h; seed=N. Under -icount the
 * clock is that of all vCPUs together, so no vCPU stands still for long.
 */
#define _GNU_SOURCE
#include <stdlib.h>

#include "slice.h"

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	count_slice(tb, qemu_plugin_tb_n_insns(tb));
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info,
					   int argc, char **argv)
{
	uint64_t seed = 0;

	if (argc == 1 && !strncmp(argv[0], "seed=", 5))
		seed = strtoull(argv[0] + 5, NULL, 0);
	if (!seed || !is_this_guest(info)) {
		fprintf(stderr, "turns: want seed=N, x86_64, at most %d CPUs\n", MAX_VCPUS);
		return -1;
	}
	if (!find_slices(seed))
		return -1;
	qemu_plugin_register_vcpu_init_cb(id, make_turns);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	return 0;
}
