// SPDX-License-Identifier: GPL-2.0-only
#include "common/lane_metrics.h"

#include <utility>

namespace lanes {

using prometheus::ClientMetric;
using prometheus::MetricFamily;

MetricFamily make_family(const char *name, const char *help, prometheus::MetricType type)
{
	MetricFamily family;

	family.name = name;
	family.help = help;
	family.type = type;
	return family;
}

ClientMetric::Histogram waits_in_seconds(const LaneFigures &figures)
{
	ClientMetric::Histogram histogram;

	histogram.sample_sum = static_cast<double>(figures.wait_sum_us) * 1e-6;
	for (size_t slot = 0; slot < figures.wait_us.size(); slot++) {
		histogram.sample_count += figures.wait_us[slot];
		if (slot + 1 < figures.wait_us.size())
			histogram.bucket.push_back(
				{histogram.sample_count, static_cast<double>(1ULL << slot) * 1e-6});
	}
	return histogram;
}

void add_accepts(MetricFamily &family, const std::vector<ClientMetric::Label> &labels,
		 const LaneFigures &figures)
{
	for (const auto &[queue, count] :
	     {std::pair("local", figures.local), std::pair("global", figures.global),
	      std::pair("stolen", figures.stolen)}) {
		ClientMetric metric;

		metric.label = labels;
		metric.label.push_back({"queue", queue});
		metric.counter.value = static_cast<double>(count);
		family.metric.push_back(std::move(metric));
	}
}

} // namespace lanes
