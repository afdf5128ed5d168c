// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BENCH_MEMORY_H
#define LANES_BENCH_MEMORY_H

#include <map>
#include <string>
#include <vector>

#include <cstdint>

#include "bench/crowd.h"
#include "bench/figures.h"
#include "bench/setup.h"

namespace lanes {

/** Bytes by what they are for, as "slab.TCP". */
using Bytes = std::map<std::string, int64_t>;

/** Of /proc/slabinfo's text: what each cache has of pages, as "slab.NAME". */
Bytes slab_bytes(const std::string &slabinfo, uint64_t page_size);

/** Of /proc/meminfo's text; throws if there is no such line. */
int64_t meminfo_bytes(const std::string &meminfo, const std::string &name);

/** What the kernel has in use: slab caches, "slab" beyond these, "percpu" and
 *  "vmalloc". */
Bytes kernel_bytes();

/** What one of @count took, as figures: "bytes" in all, then what it is made of
 *  if it is half a byte or more, the largest first.
 */
Figures bytes_each(const Bytes &before, const Bytes &after, uint32_t count);

/** Of each member of the crowd that a listener of @setup has. */
Figures crowd_memory(const Setup &setup, const CrowdPlan &crowd, const std::vector<int> &cpus);

/** Of each entry of a table that net.lanes.@sysctl sizes, by its growth from @from
 *  to @to entries.
 */
Figures table_memory(const std::string &sysctl, uint32_t from, uint32_t to);

} // namespace lanes

#endif
