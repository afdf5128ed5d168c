// SPDX-License-Identifier: GPL-2.0-only
#include <format>

#include <prometheus/text_serializer.h>

#include "common/lane_metrics.h"
#include "lanesd/figures.h"

namespace lanes {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

/* Of the histogram's buckets, in nanoseconds: from 1 us to 69 s. */
constexpr unsigned first_power = 10, last_power = 36;

std::vector<ClientMetric::Label> labels(const ServerFigures &figures, size_t shard)
{
	return {{"shard", std::to_string(shard)},
		{"cpu", std::to_string(figures.shards[shard].cpu)}};
}

MetricFamily counter_family(const ServerFigures &figures, size_t which)
{
	const CounterInfo &info = counter_infos[which];
	const std::string name = std::format("lanesd_{}{}", info.name, info.level ? "" : "_total");
	MetricFamily family = make_family(name.c_str(), info.help,
					  info.level ? MetricType::Gauge : MetricType::Counter);

	for (size_t shard = 0; shard < figures.shards.size(); shard++) {
		const auto value = static_cast<double>(figures.shards[shard].values[which]);
		ClientMetric metric;

		metric.label = labels(figures, shard);
		(info.level ? metric.gauge.value : metric.counter.value) = value;
		family.metric.push_back(std::move(metric));
	}
	return family;
}

ClientMetric::Histogram in_seconds(const HistogramSnapshot &nanoseconds)
{
	ClientMetric::Histogram histogram;

	histogram.sample_count = nanoseconds.count();
	histogram.sample_sum = static_cast<double>(nanoseconds.sum()) * 1e-9;
	for (unsigned power = first_power; power <= last_power; power++)
		histogram.bucket.push_back(
			{nanoseconds.up_to(power), static_cast<double>(1ULL << power) * 1e-9});
	return histogram;
}

MetricFamily park_family(const ServerFigures &figures)
{
	MetricFamily family =
		make_family("lanesd_park_seconds", "How long receives waited for a buffer.",
			    MetricType::Histogram);

	for (size_t shard = 0; shard < figures.shards.size(); shard++) {
		ClientMetric metric;

		metric.label = labels(figures, shard);
		metric.histogram = in_seconds(figures.shards[shard].park_ns);
		family.metric.push_back(std::move(metric));
	}
	return family;
}

/* Of the kernel: nothing, if no listener has lanes. */
void add_lane_families(const ServerFigures &figures, std::vector<MetricFamily> &families)
{
	MetricFamily queued = make_family(
		"lanesd_lane_queued", "Connections in the local accept queue of the shard's CPU.",
		MetricType::Gauge);
	MetricFamily accepts =
		make_family("lanesd_lane_accepts_total",
			    "Accepts on the shard's CPU, by the accept queue they took from.",
			    MetricType::Counter);
	MetricFamily waits = make_family("lanesd_lane_wait_seconds",
					 "How long connections had waited in accept queues.",
					 MetricType::Histogram);

	for (size_t shard = 0; shard < figures.shards.size(); shard++) {
		const auto &lane = figures.shards[shard].lane;
		ClientMetric metric;

		if (!lane)
			continue;
		metric.label = labels(figures, shard);
		metric.gauge.value = static_cast<double>(lane->queued);
		metric.histogram = waits_in_seconds(*lane);
		queued.metric.push_back(metric);
		waits.metric.push_back(metric);
		add_accepts(accepts, metric.label, *lane);
	}
	for (MetricFamily *family : {&queued, &accepts, &waits})
		if (!family->metric.empty())
			families.push_back(std::move(*family));
}

MetricFamily single(const char *name, const char *help, MetricType type, double value)
{
	MetricFamily family = make_family(name, help, type);
	ClientMetric metric;

	(type == MetricType::Gauge ? metric.gauge.value : metric.counter.value) = value;
	family.metric.push_back(std::move(metric));
	return family;
}

MetricFamily info_family(const ServerFigures &figures)
{
	MetricFamily family =
		single("lanesd_info", "The engine that is in use.", MetricType::Gauge, 1);

	family.metric[0].label = {{"engine", figures.engine}};
	return family;
}

} // namespace

std::string format_metrics(const ServerFigures &figures)
{
	const ProcessFigures &process = figures.process;
	std::vector<MetricFamily> families;

	for (size_t which = 0; which < counter_infos.size(); which++)
		families.push_back(counter_family(figures, which));
	families.push_back(park_family(figures));
	add_lane_families(figures, families);
	families.push_back(info_family(figures));
	families.push_back(single("process_resident_memory_bytes", "Resident memory.",
				  MetricType::Gauge, static_cast<double>(process.resident_bytes)));
	families.push_back(single("process_cpu_seconds_total", "User and system time.",
				  MetricType::Counter, process.cpu_seconds));
	families.push_back(single("process_open_fds", "Open descriptors.", MetricType::Gauge,
				  static_cast<double>(process.descriptors)));
	return prometheus::TextSerializer().Serialize(families);
}

} // namespace lanes
