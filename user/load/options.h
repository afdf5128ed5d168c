// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LOAD_OPTIONS_H
#define LANES_LOAD_OPTIONS_H

#include <string>
#include <variant>
#include <vector>

#include "load/client.h"

namespace lanes {

/** A plan, or the help text. Throws UsageError. */
std::variant<LoadPlan, std::string> parse_load_options(int argc, const char *const *argv,
						       const std::vector<int> &allowed);

} // namespace lanes

#endif
