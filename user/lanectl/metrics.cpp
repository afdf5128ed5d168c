// SPDX-License-Identifier: GPL-2.0-only
#include "lanectl/metrics.h"

#include <cctype>

#include <prometheus/text_serializer.h>

#include "common/lane_metrics.h"
#include "lanectl/file.h"
#include "lanectl/listeners.h"

namespace lanes::ctl {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

/* One number of a lane. */
struct LaneMetric {
	const char *name;
	const char *help;
	MetricType type;
	uint64_t (*value)(const Lane &lane);
};

constexpr LaneMetric lane_metrics[] = {
	{"lanes_listener_queued", "Connections in the CPU's accept queue.", MetricType::Gauge,
	 [](const Lane &lane) { return lane.figures.queued; }},
	{"lanes_listener_claimed", "1: an acceptor that is bound to the CPU will come.",
	 MetricType::Gauge, [](const Lane &lane) { return uint64_t{lane.claimed}; }},
	{"lanes_listener_spilled_total",
	 "Connections moved from the CPU's accept queue to the global one, late.",
	 MetricType::Counter, [](const Lane &lane) { return lane.figures.spilled; }},
	{"lanes_listener_pulled_down_total",
	 "Connections moved from the global accept queue to the CPU's, at birth.",
	 MetricType::Counter, [](const Lane &lane) { return lane.figures.pulled_down; }},
	{"lanes_listener_overflow_total", "Packets refused because the backlog was full.",
	 MetricType::Counter, [](const Lane &lane) { return lane.figures.overflow; }},
};

std::vector<ClientMetric::Label> labels(const Lane &lane)
{
	return {{"listener", lane.address},
		{"inode", std::to_string(lane.inode)},
		{"cpu", std::to_string(lane.cpu)}};
}

MetricFamily lane_family(const std::vector<Lane> &lanes, const LaneMetric &what)
{
	MetricFamily family = make_family(what.name, what.help, what.type);

	for (const Lane &lane : lanes) {
		const auto value = static_cast<double>(what.value(lane));
		ClientMetric metric;

		metric.label = labels(lane);
		(what.type == MetricType::Gauge ? metric.gauge.value : metric.counter.value) =
			value;
		family.metric.push_back(std::move(metric));
	}
	return family;
}

MetricFamily accept_family(const std::vector<Lane> &lanes)
{
	MetricFamily family = make_family("lanes_listener_accepts_total",
					  "Accepts on the CPU, by the accept queue they took from.",
					  MetricType::Counter);

	for (const Lane &lane : lanes)
		add_accepts(family, labels(lane), lane.figures);
	return family;
}

MetricFamily wait_family(const std::vector<Lane> &lanes)
{
	MetricFamily family = make_family("lanes_listener_wait_seconds",
					  "How long connections had waited for their accept.",
					  MetricType::Histogram);

	for (const Lane &lane : lanes) {
		ClientMetric metric;

		metric.label = labels(lane);
		metric.histogram = waits_in_seconds(lane.figures);
		family.metric.push_back(std::move(metric));
	}
	return family;
}

MetricFamily counter_family(const std::string &name, uint64_t value)
{
	const std::string help = name + " of /proc/net/lanes_stat.";
	MetricFamily family =
		make_family(metric_name(name).c_str(), help.c_str(), MetricType::Counter);
	ClientMetric metric;

	metric.counter.value = static_cast<double>(value);
	family.metric.push_back(std::move(metric));
	return family;
}

} // namespace

std::string metric_name(std::string_view counter)
{
	std::string name;

	for (const char letter : counter) {
		if (std::isupper(static_cast<unsigned char>(letter)) && !name.empty())
			name += '_';
		name += static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
	}
	return name + "_total";
}

std::string format_metrics(const std::vector<Lane> &lanes, const Counters &counters)
{
	std::vector<MetricFamily> families;

	/* A family without metrics would be a heading only. */
	if (!lanes.empty()) {
		for (const LaneMetric &what : lane_metrics)
			families.push_back(lane_family(lanes, what));
		families.push_back(accept_family(lanes));
		families.push_back(wait_family(lanes));
	}
	for (const auto &[name, value] : counters)
		families.push_back(counter_family(name, value));
	return prometheus::TextSerializer().Serialize(families);
}

std::string show_metrics(const ShowMetrics &show)
{
	std::string text = format_metrics(current_lanes(), read_counters());

	if (show.textfile.empty())
		return text;
	write_file(show.textfile, text, "choose a folder that can be written");
	return {};
}

} // namespace lanes::ctl
