// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_COMPARE_STATISTICS_H
#define LANES_COMPARE_STATISTICS_H

#include <array>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <cstddef>
#include <cstdint>

#include "compare/slice.h"

namespace lanes::compare {

/** The smallest of @values, which are reordered, that @fraction of them do not
 *  exceed. There is one at least.
 */
int64_t nearest_rank(std::span<int64_t> values, double fraction);

/** Where the two CPUs of the machine are for a rotation: cache lines take less
 *  than 100 ns, or more. Not comparable: it changed, or other programs used the
 *  CPUs.
 */
enum class Regime : uint8_t { near, far, changed, disturbed };
std::string_view name_of(Regime regime);

/** One slice of each server, in whatever order, with the same load. */
struct Rotation {
	unsigned connections = 0;
	/** System calls were counted, so the times are not comparable. */
	bool counted = false;
	/** Before each slice and after the last one; nanoseconds. */
	std::vector<double> probes;
	/** CPU time that neither the servers nor the client used, as a part of
	 *  that of two CPUs.
	 */
	double foreign = 0;
	/** By server. */
	std::vector<Slice> slices;

	Regime regime() const;
};

/** A figure of a slice; @of has nothing where it was not measured. */
struct Metric {
	std::string_view name;
	std::string_view title;
	int decimals;
	/** From rotations that count. */
	bool counted;
	/** Whether a ratio says something. */
	bool compared;
	std::optional<double> (*of)(const Slice &slice);
};
std::span<const Metric> metrics();
/** Null if there is none of that name. */
const Metric *find_metric(std::string_view name);

/** The median and its 95 % confidence interval, by bootstrap. */
struct Spread {
	size_t count = 0;
	double median = 0;
	double low = 0;
	double high = 0;
};
Spread spread_of(std::vector<double> values);

/** All rotations of a comparison. */
class Results {
public:
	void add(Rotation rotation) { rotations_.push_back(std::move(rotation)); }

	size_t count(unsigned connections, Regime regime, bool counted) const;
	Spread value(const Metric &metric, unsigned connections, Regime regime,
		     size_t server) const;
	/** Of the ratios to @base in the same rotation. */
	Spread ratio(const Metric &metric, unsigned connections, Regime regime, size_t server,
		     size_t base) const;

private:
	template <typename Figure>
	Spread collect(const Metric &metric, unsigned connections, Regime regime,
		       Figure figure) const;

	std::vector<Rotation> rotations_;
};

} // namespace lanes::compare

#endif
