// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_HANDOFF_OPTIONS_H
#define LANES_HANDOFF_OPTIONS_H

#include <string>
#include <variant>
#include <vector>

#include "common/endpoint.h"

namespace lanes::handoff {

struct Options {
	Endpoint listen = Endpoint::parse("127.0.0.1:7100");
	unsigned workers = 1;
	/** Of the poller and all workers; the kernel chooses among them. */
	std::vector<int> cpus;
};

/** The options or the help text; throws UsageError. @allowed: the affinity mask. */
std::variant<Options, std::string> parse_options(int argc, const char *const *argv,
						 const std::vector<int> &allowed);

} // namespace lanes::handoff

#endif
