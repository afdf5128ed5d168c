// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPU hotplug. A listener has a lane for each possible CPU, a steered packet
 * finds its way without its owner (see lanes_steer_kick()), so that only what
 * a CPU keeps for itself is given up.
 */
#include <linux/cpuhotplug.h>

#include "lanes.h"

static enum cpuhp_state lanes_cpuhp __ro_after_init;

static int lanes_cpu_dead(unsigned int cpu)
{
	lanes_cache_cpu_dead(cpu);
	return 0;
}

/**
 * lanes_hotplug_init() - be told of CPUs that go offline
 *
 * Return: 0 or a negative errno.
 */
int __init lanes_hotplug_init(void)
{
	int state = cpuhp_setup_state_nocalls(CPUHP_BP_PREPARE_DYN,
					      "net/lanes:dead", NULL,
					      lanes_cpu_dead);

	if (state < 0)
		return state;
	lanes_cpuhp = state;
	return 0;
}

/**
 * lanes_hotplug_exit() - undo lanes_hotplug_init()
 */
void lanes_hotplug_exit(void)
{
	cpuhp_remove_state_nocalls(lanes_cpuhp);
}
