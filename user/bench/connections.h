// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BENCH_CONNECTIONS_H
#define LANES_BENCH_CONNECTIONS_H

#include "bench/figures.h"
#include "bench/plan.h"

namespace lanes {

/** Makes connections, one after the other at the plan's pace: a client on each of
 *  its CPUs in turn connects, sends a byte, gets it back and closes; an acceptor
 *  waits on each. Two windows of the same length: in the first nobody connects.
 */
Figures run_connections(const Plan &plan);

} // namespace lanes

#endif
