// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BENCH_TRAFFIC_H
#define LANES_BENCH_TRAFFIC_H

#include <vector>

#include "bench/figures.h"
#include "bench/plan.h"

namespace lanes {

/** Carries out the plan; one result a window. */
std::vector<Figures> run_traffic(const Plan &plan);

} // namespace lanes

#endif
