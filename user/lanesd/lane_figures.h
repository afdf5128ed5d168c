// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANESD_LANE_FIGURES_H
#define LANES_LANESD_LANE_FIGURES_H

#include <istream>
#include <map>
#include <set>
#include <vector>

#include <cstdint>

#include <sys/types.h>

namespace lanes {

/** What the kernel counts of the accepts on one CPU, from all of the listeners
 *  that were asked for. Documentation/observing.rst explains each.
 */
struct LaneFigures {
	/** Connections that wait in the CPU's local accept queue now. */
	uint64_t queued = 0;
	/** Accepted from the own local accept queue, the global one, another
	 *  CPU's.
	 */
	uint64_t local = 0;
	uint64_t global = 0;
	uint64_t stolen = 0;
	/** How many had waited for less than 1 microsecond, less than 2, than 4,
	 *  ..., and the rest; all waits in sum.
	 */
	std::vector<uint64_t> wait_us;
	uint64_t wait_sum_us = 0;

	void add(const LaneFigures &other);
	/** The least power of two that no less than @fraction of the waits are
	 *  below, in microseconds; 0: there were none.
	 */
	uint64_t wait_quantile_us(double fraction) const;
};

/** Of each CPU with a line in @text, /proc/net/lanes, for a socket of @inodes.
 *  Columns are found by their names. Lines that make no sense are left out.
 */
std::map<int, LaneFigures> read_lane_figures(std::istream &text, const std::set<ino_t> &inodes);

} // namespace lanes

#endif
