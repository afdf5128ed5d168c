// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_COMMON_SAMPLES_H
#define LANES_COMMON_SAMPLES_H

#include <chrono>
#include <vector>

#include <cstddef>

namespace lanes {

/** Measured durations, kept whole: the percentiles are exact. */
class Samples {
public:
	using Duration = std::chrono::nanoseconds;

	/** Room for @count samples, so that add() does not allocate. */
	void reserve(size_t count) { values_.reserve(count); }
	void add(Duration value) { values_.push_back(value); }
	void merge(const Samples &other);
	size_t size() const { return values_.size(); }

	/** Nearest rank: the smallest sample that @percent of all do not
	 *  exceed. Zero if there is no sample.
	 */
	Duration percentile(double percent) const;

private:
	std::vector<Duration> values_;
};

} // namespace lanes

#endif
