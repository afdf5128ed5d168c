// SPDX-License-Identifier: GPL-2.0-only
#include "common/samples.h"

#include <algorithm>

#include <cmath>

namespace lanes {

void Samples::merge(const Samples &other)
{
	values_.insert(values_.end(), other.values_.begin(), other.values_.end());
}

Samples::Duration Samples::percentile(double percent) const
{
	if (values_.empty())
		return Duration::zero();

	std::vector<Duration> sorted = values_;
	const double rank = std::ceil(std::clamp(percent, 0.0, 100.0) / 100.0 *
				      static_cast<double>(sorted.size()));
	const size_t index = rank < 1 ? 0 : static_cast<size_t>(rank) - 1;

	std::nth_element(sorted.begin(), sorted.begin() + static_cast<ptrdiff_t>(index),
			 sorted.end());
	return sorted[index];
}

} // namespace lanes
