// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANECTL_DEBUG_H
#define LANES_LANECTL_DEBUG_H

#include <string>
#include <vector>

#include "lanectl/archive.h"
#include "lanectl/options.h"

namespace lanes::ctl {

/** What a bug report wants: Documentation/man/lanectl-debug.rst has the list. What
 *  cannot be had says why instead.
 */
std::vector<Member> collect_debug();

/** Writes the archive, readable for its owner only; returns what to tell the user. */
std::string write_debug(const WriteDebug &debug);

} // namespace lanes::ctl

#endif
