// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BENCH_FIGURES_H
#define LANES_BENCH_FIGURES_H

#include <string>
#include <utility>
#include <vector>

namespace lanes {

/** What one window showed, by name; most are per round. */
using Figures = std::vector<std::pair<std::string, double>>;

} // namespace lanes

#endif
