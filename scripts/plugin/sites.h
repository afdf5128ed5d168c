/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where lines moved: a table, by the code's address, what led there, the line, the
 * vCPU and its task.
 */
#ifndef LANES_PLUGIN_SITES_H
#define LANES_PLUGIN_SITES_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "window.h"

#define TASKS_MAX	64

struct site {
	uint64_t pc;
	/* + 1, so that 0 is an empty slot. */
	uint64_t line;
	uint32_t call;
	uint8_t vcpu;
	uint8_t task;
	uint32_t dirty;
	uint32_t upgrades;
};

static struct site *sites;
static size_t nr_slots, nr_sites;

/* The one of the same key, or an empty one. */
static inline struct site *slot_of(const struct site *key)
{
	uint64_t hash = (key->pc * 31 + key->line) * 31 + key->call;
	struct site *site;

	hash = (hash * TASKS_MAX + key->task) * MAX_VCPUS + key->vcpu;
	hash *= 0x9e3779b97f4a7c15ULL;
	for (size_t i = hash >> 32;; i++) {
		site = &sites[i & (nr_slots - 1)];
		if (!site->line ||
		    (site->pc == key->pc && site->line == key->line && site->call == key->call &&
		     site->task == key->task && site->vcpu == key->vcpu))
			return site;
	}
}

static inline void allocate_sites(size_t slots)
{
	nr_slots = slots;
	nr_sites = 0;
	sites = calloc(nr_slots, sizeof(*sites));
	if (!sites) {
		perror("lines: sites");
		exit(1);
	}
}

static inline void grow_sites(void)
{
	struct site *old = sites;
	size_t nr = nr_slots;

	allocate_sites(2 * nr);
	for (size_t i = 0; i < nr; i++) {
		if (!old[i].line)
			continue;
		*slot_of(&old[i]) = old[i];
		nr_sites++;
	}
	free(old);
}

/* The one of the same key, which has counts of 0 if it is new. */
static inline struct site *site_of(const struct site *key)
{
	struct site *site = slot_of(key);

	if (site->line)
		return site;
	*site = *key;
	if (++nr_sites <= nr_slots / 2)
		return site;
	grow_sites();
	return slot_of(key);
}

static inline void forget_sites(void)
{
	free(sites);
	allocate_sites(1 << 16);
}

#endif
