// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANECTL_COUNTERS_H
#define LANES_LANECTL_COUNTERS_H

#include <istream>
#include <string>
#include <utility>
#include <vector>

#include <cstdint>

#include "lanectl/options.h"

namespace lanes::ctl {

/** Names and values, in the kernel's order. */
using Counters = std::vector<std::pair<std::string, uint64_t>>;

/** "NAME VALUE" lines; others are left out. */
Counters read_counters(std::istream &text);
/** Of /proc/net/lanes_stat. Throws if the module is not there. */
Counters read_counters();

/** What @now has more than @before. If a counter went down, the module was
 *  loaded anew: then @before counts for nothing.
 */
Counters since(const Counters &before, const Counters &now);

std::string format_counters(const Counters &counters, bool zeros, Style style);

/** Where `lanectl stats` keeps what it saw last in this network namespace. */
std::string history_path();

/** Of @show, from and to history_path(). */
std::string show_counters(const ShowStats &show, Style style);

} // namespace lanes::ctl

#endif
