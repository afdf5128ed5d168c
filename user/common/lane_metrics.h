// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_COMMON_LANE_METRICS_H
#define LANES_COMMON_LANE_METRICS_H

#include <vector>

#include <prometheus/metric_family.h>

#include "common/lane_figures.h"

namespace lanes {

prometheus::MetricFamily make_family(const char *name, const char *help,
				     prometheus::MetricType type);

/** The waits as Prometheus has a histogram: in seconds, each bucket with all
 *  that is below it.
 */
prometheus::ClientMetric::Histogram waits_in_seconds(const LaneFigures &figures);

/** One metric for each accept queue, told apart by the label queue. */
void add_accepts(prometheus::MetricFamily &family,
		 const std::vector<prometheus::ClientMetric::Label> &labels,
		 const LaneFigures &figures);

} // namespace lanes

#endif
