// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_COMPARE_SLICE_H
#define LANES_COMPARE_SLICE_H

#include <optional>

namespace lanes::compare {

/** What one server did in one slice. Times in seconds. */
struct Slice {
	double requests = 0;
	double elapsed = 0;
	double server_cpu = 0;
	double client_cpu = 0;
	double p50 = 0;
	double p99 = 0;
	double p9999 = 0;
	/** CPU time since its slice before, as a part of that time. */
	double outside = 0;
	std::optional<double> syscalls;
};

} // namespace lanes::compare

#endif
