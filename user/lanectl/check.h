// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANECTL_CHECK_H
#define LANES_LANECTL_CHECK_H

#include <string>
#include <vector>

#include "lanectl/options.h"

namespace lanes::ctl {

enum class Verdict {
	ok,
	/** A part of Lanes, or a tool, does not work. */
	limited,
	/** Lanes does not work. */
	missing,
};

struct Finding {
	std::string thing;
	Verdict verdict = Verdict::ok;
	/** What was found and, unless it is ok, the remedy. */
	std::string text;
};

/** Tries things out; changes nothing, but may make the kernel load the module. */
std::vector<Finding> check_kernel();

bool nothing_missing(const std::vector<Finding> &findings);
std::string format_findings(const std::vector<Finding> &findings, Style style);

} // namespace lanes::ctl

#endif
