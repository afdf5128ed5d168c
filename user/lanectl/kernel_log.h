// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANECTL_KERNEL_LOG_H
#define LANES_LANECTL_KERNEL_LOG_H

#include <istream>
#include <string>

namespace lanes::ctl {

/** Lines that name lanes, and as a whole each report of a bug, from "cut here" or
 *  "BUG:" to its end, that does so elsewhere than in its list of modules.
 */
std::string about_lanes(std::istream &log);

/** The kernel's. Throws if the caller may not read it. */
std::string kernel_log();

} // namespace lanes::ctl

#endif
