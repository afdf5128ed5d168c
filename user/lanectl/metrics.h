// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANECTL_METRICS_H
#define LANES_LANECTL_METRICS_H

#include <string>
#include <string_view>
#include <vector>

#include "common/lane_figures.h"
#include "lanectl/counters.h"

namespace lanes::ctl {

/** "LanesSteerLocal" is "lanes_steer_local_total". */
std::string metric_name(std::string_view counter);

/** The text that Prometheus reads. */
std::string format_metrics(const std::vector<Lane> &lanes, const Counters &counters);

/** Of the kernel. Empty if it went to a file. */
std::string show_metrics(const ShowMetrics &show);

} // namespace lanes::ctl

#endif
