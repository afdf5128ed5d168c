// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANECTL_LISTENERS_H
#define LANES_LANECTL_LISTENERS_H

#include <map>
#include <string>
#include <vector>

#include "common/lane_figures.h"
#include "lanectl/options.h"
#include "lanectl/processes.h"

namespace lanes::ctl {

/** An attached listener. */
struct ListenerView {
	std::string address;
	ino_t inode = 0;
	std::vector<Process> owners;
	/** By CPU. */
	std::vector<Lane> lanes;

	LaneFigures total() const;
	size_t claimed() const;
};

/** /proc/net/lanes. Throws if the module is not there. */
std::vector<Lane> current_lanes();

/** Those of /proc/net/lanes, with their owners as far as the caller may see
 *  them: a look at each descriptor of each process.
 */
std::vector<ListenerView> read_listeners();

/** Lines of one socket made one listener, in the order in which they appear. */
std::vector<ListenerView> group(const std::vector<Lane> &lanes,
				const std::map<ino_t, std::vector<Process>> &owners);

/** Whether @which, a port, an inode or an address with port, means @listener.
 *  A number that is both a port and an inode means both.
 */
bool selects(const std::string &which, const ListenerView &listener);

/** A line for each. */
std::string format_list(const std::vector<ListenerView> &listeners, Style style);
/** A table for each: a line for each CPU. */
std::string format_show(const std::vector<ListenerView> &listeners, Style style);

} // namespace lanes::ctl

#endif
