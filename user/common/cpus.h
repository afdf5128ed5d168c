// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_COMMON_CPUS_H
#define LANES_COMMON_CPUS_H

#include <vector>

namespace lanes {

/** The CPUs that the calling thread may run on, ascending. */
std::vector<int> allowed_cpus();

/** Binds the calling thread to exactly one CPU: that is what makes an
 *  acceptor the owner of the CPU's lane.
 */
void pin_to_cpu(int cpu);

/** Lets the calling thread run on @cpus, and threads that it makes. */
void run_on_cpus(const std::vector<int> &cpus);

} // namespace lanes

#endif
