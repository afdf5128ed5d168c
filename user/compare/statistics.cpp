// SPDX-License-Identifier: GPL-2.0-only
#include "compare/statistics.h"

#include <algorithm>
#include <random>

#include <cmath>

namespace lanes::compare {
namespace {

constexpr double far_from = 100;
constexpr double foreign_max = 0.1;
constexpr unsigned resamples = 1000;

double median_of(std::vector<double> &values)
{
	const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);

	std::nth_element(values.begin(), middle, values.end());
	if (values.size() % 2)
		return *middle;
	return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

std::optional<double> over(double value, double by)
{
	return by > 0 ? std::optional(value / by) : std::nullopt;
}

constexpr std::array<Metric, 9> all_metrics = {{
	{"rate", "requests per second", 0, false, true,
	 [](const Slice &slice) { return over(slice.requests, slice.elapsed); }},
	{"per_cpu", "requests per server CPU-second", 0, false, true,
	 [](const Slice &slice) { return over(slice.requests, slice.server_cpu); }},
	{"p50", "P50, µs", 0, false, true,
	 [](const Slice &slice) { return over(slice.p50, 1e-6); }},
	{"p99", "P99, µs", 0, false, true,
	 [](const Slice &slice) { return over(slice.p99, 1e-6); }},
	{"p9999", "P99.99, µs", 0, false, true,
	 [](const Slice &slice) { return over(slice.p9999, 1e-6); }},
	{"cpu", "server CPU, %", 0, false, false,
	 [](const Slice &slice) { return over(100 * slice.server_cpu, slice.elapsed); }},
	{"client", "client CPU, µs per request", 2, false, false,
	 [](const Slice &slice) { return over(1e6 * slice.client_cpu, slice.requests); }},
	{"outside", "server CPU outside its slices, %", 2, false, false,
	 [](const Slice &slice) { return std::optional(100 * slice.outside); }},
	{"syscalls", "system calls per request", 4, true, false,
	 [](const Slice &slice) {
		 return slice.syscalls ? over(*slice.syscalls, slice.requests) : std::nullopt;
	 }},
}};

} // namespace

int64_t nearest_rank(std::span<int64_t> values, double fraction)
{
	const double rank = std::ceil(fraction * static_cast<double>(values.size()));
	const auto nth = values.begin() + static_cast<ptrdiff_t>(std::max(rank, 1.0)) - 1;

	std::nth_element(values.begin(), nth, values.end());
	return *nth;
}

std::string_view name_of(Regime regime)
{
	constexpr std::string_view names[] = {"near", "far", "changed", "disturbed"};

	return names[static_cast<size_t>(regime)];
}

Regime Rotation::regime() const
{
	const auto is_far = [](double probe) { return probe >= far_from; };

	if (foreign > foreign_max)
		return Regime::disturbed;
	if (std::ranges::all_of(probes, is_far))
		return Regime::far;
	return std::ranges::none_of(probes, is_far) ? Regime::near : Regime::changed;
}

std::span<const Metric> metrics()
{
	return all_metrics;
}

const Metric *find_metric(std::string_view name)
{
	const auto found = std::ranges::find(all_metrics, name, &Metric::name);

	return found == all_metrics.end() ? nullptr : &*found;
}

Spread spread_of(std::vector<double> values)
{
	Spread spread{.count = values.size()};

	if (values.empty())
		return spread;

	/* The same figures have the same interval. */
	std::mt19937 random(1);
	std::uniform_int_distribution<size_t> pick(0, values.size() - 1);
	std::vector<double> medians;
	std::vector<double> sample(values.size());

	for (unsigned i = 0; i < resamples; i++) {
		for (double &value : sample)
			value = values[pick(random)];
		medians.push_back(median_of(sample));
	}
	std::ranges::sort(medians);
	spread.low = medians[resamples * 25 / 1000];
	spread.high = medians[resamples * 975 / 1000 - 1];
	spread.median = median_of(values);
	return spread;
}

size_t Results::count(unsigned connections, Regime regime, bool counted) const
{
	return static_cast<size_t>(std::ranges::count_if(rotations_, [&](const Rotation &rotation) {
		return rotation.connections == connections && rotation.regime() == regime &&
		       rotation.counted == counted;
	}));
}

template <typename Figure>
Spread Results::collect(const Metric &metric, unsigned connections, Regime regime,
			Figure figure) const
{
	std::vector<double> values;

	for (const Rotation &rotation : rotations_)
		if (rotation.connections == connections && rotation.regime() == regime &&
		    rotation.counted == metric.counted)
			if (const std::optional<double> value = figure(rotation.slices))
				values.push_back(*value);
	return spread_of(std::move(values));
}

Spread Results::value(const Metric &metric, unsigned connections, Regime regime,
		      size_t server) const
{
	return collect(metric, connections, regime,
		       [&](const std::vector<Slice> &slices) { return metric.of(slices[server]); });
}

Spread Results::ratio(const Metric &metric, unsigned connections, Regime regime, size_t server,
		      size_t base) const
{
	return collect(metric, connections, regime, [&](const std::vector<Slice> &slices) {
		const std::optional<double> value = metric.of(slices[server]);
		const std::optional<double> with = metric.of(slices[base]);

		return value && with ? over(*value, *with) : std::nullopt;
	});
}

} // namespace lanes::compare
