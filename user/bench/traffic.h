// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BENCH_TRAFFIC_H
#define LANES_BENCH_TRAFFIC_H

#include <map>
#include <string>
#include <vector>

#include "bench/plan.h"

namespace lanes {

/** What one window showed, by name; most are per round trip. */
using Figures = std::vector<std::pair<std::string, double>>;

/** Carries out the plan; one result a window. */
std::vector<Figures> run_traffic(const Plan &plan);

} // namespace lanes

#endif
