// SPDX-License-Identifier: GPL-2.0-only
#include "shared/histogram_text.h"

#include <algorithm>
#include <format>
#include <numeric>

namespace lanes {
namespace {

constexpr size_t bar_max = 40;

uint64_t lower_us(size_t slot)
{
	return slot ? uint64_t{1} << (slot - 1) : 0;
}

} // namespace

uint64_t histogram_count(std::span<const __u64> slots)
{
	return std::accumulate(slots.begin(), slots.end(), uint64_t{0});
}

uint64_t histogram_below(std::span<const __u64> slots, double share)
{
	const double wanted = share * static_cast<double>(histogram_count(slots));
	uint64_t sum = 0;

	if (wanted <= 0)
		return 0;
	for (size_t slot = 0; slot + 1 < slots.size(); slot++) {
		sum += slots[slot];
		if (static_cast<double>(sum) >= wanted)
			return lower_us(slot + 1);
	}
	return lower_us(slots.size() - 1);
}

std::string histogram_text(std::span<const __u64> slots)
{
	size_t first = 0, end = slots.size();

	while (end > 0 && !slots[end - 1])
		end--;
	while (first < end && !slots[first])
		first++;
	if (first == end)
		return {};

	const __u64 most = *std::ranges::max_element(slots);
	std::string text = std::format("{:>10}    {:<10}{:>10}\n", "from us", "below", "count");

	for (size_t slot = first; slot < end; slot++) {
		const std::string below =
			slot + 1 < slots.size() ? std::format("{}", lower_us(slot + 1)) : "-";
		const auto bar = static_cast<size_t>(static_cast<double>(slots[slot]) * bar_max /
						     static_cast<double>(most));

		text += std::format("{:>10} .. {:<10}{:>10}", lower_us(slot), below, slots[slot]);
		text += bar ? "  " + std::string(bar, '#') + "\n" : "\n";
	}
	return text;
}

} // namespace lanes
