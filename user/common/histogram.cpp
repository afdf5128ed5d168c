// SPDX-License-Identifier: GPL-2.0-only
#include "common/histogram.h"

#include <algorithm>

#include <cmath>

namespace lanes {

uint64_t HistogramBuckets::middle(size_t bucket)
{
	if (bucket < sub_buckets)
		return bucket + 1;

	const size_t shift = bucket / sub_buckets - 1;
	const uint64_t first = (sub_buckets + bucket % sub_buckets) << shift;

	return first + ((uint64_t{1} << shift) + 1) / 2;
}

void HistogramSnapshot::merge(const Histogram &other)
{
	for (size_t i = 0; i < counts_.size(); i++) {
		const uint64_t n = other.counts_[i].load(std::memory_order_relaxed);

		counts_[i] += n;
		count_ += n;
	}
	sum_ += other.sum();
	max_ = std::max(max_, other.max());
}

void HistogramSnapshot::merge(const HistogramSnapshot &other)
{
	for (size_t i = 0; i < counts_.size(); i++)
		counts_[i] += other.counts_[i];
	count_ += other.count_;
	sum_ += other.sum_;
	max_ = std::max(max_, other.max_);
}

uint64_t HistogramSnapshot::quantile(double fraction) const
{
	const double exact =
		std::ceil(std::clamp(fraction, 0.0, 1.0) * static_cast<double>(count_));
	const uint64_t rank = std::max<uint64_t>(1, static_cast<uint64_t>(exact));
	uint64_t seen = 0;

	for (size_t i = 0; i < counts_.size(); i++) {
		seen += counts_[i];
		if (seen >= rank)
			return i + 1 < counts_.size() ? std::min(HistogramBuckets::middle(i), max_)
						      : max_;
	}
	return 0;
}

uint64_t HistogramSnapshot::up_to(unsigned power) const
{
	const size_t end = HistogramBuckets::first_above(power);
	uint64_t seen = 0;

	for (size_t i = 0; i < end; i++)
		seen += counts_[i];
	return seen;
}

} // namespace lanes
