// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_COMMON_LANE_FIGURES_H
#define LANES_COMMON_LANE_FIGURES_H

#include <istream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <cstdint>

#include <sys/types.h>

namespace lanes {

/** What the kernel counts of the accepts on one CPU, from one listener or from
 *  several. Documentation/observing.rst explains each.
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
	/** Moved from the CPU's accept queue to the global one, late. */
	uint64_t spilled = 0;
	/** Moved from the global accept queue to the CPU's, at birth. */
	uint64_t pulled_down = 0;
	/** Packets refused because the backlog was full. */
	uint64_t overflow = 0;
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

/** A line of /proc/net/lanes: what a listener has on one CPU. */
struct Lane {
	std::string address;
	ino_t inode = 0;
	int cpu = 0;
	/** An acceptor that is bound to the CPU will come. */
	bool claimed = false;
	LaneFigures figures;
};

/** The lines of @text, /proc/net/lanes. Columns are found by their names, one
 *  that is not there is 0. Lines that make no sense are left out.
 */
std::vector<Lane> read_lanes(std::istream &text);

/** Of each CPU with a line in @text for a socket of @inodes, their sum. */
std::map<int, LaneFigures> read_lane_figures(std::istream &text, const std::set<ino_t> &inodes);

} // namespace lanes

#endif
