// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_COMMON_HISTOGRAM_H
#define LANES_COMMON_HISTOGRAM_H

#include <array>
#include <atomic>
#include <bit>

#include <cstddef>
#include <cstdint>

namespace lanes {

/** Buckets of a histogram: 16 for each power of two. Bucket bounds are
 *  inclusive at the top, as Prometheus wants them; 0 is counted as 1.
 */
struct HistogramBuckets {
	static constexpr unsigned sub_bits = 4;
	static constexpr unsigned sub_buckets = 1U << sub_bits;
	/** Values above 2^42 (73 minutes in nanoseconds) share the last bucket. */
	static constexpr unsigned top_bits = 42;
	static constexpr size_t count = (top_bits - sub_bits + 1) * sub_buckets;

	static constexpr size_t index(uint64_t value)
	{
		const uint64_t below = value ? value - 1 : 0;

		if (below < sub_buckets)
			return below;

		const unsigned shift = static_cast<unsigned>(std::bit_width(below)) - 1 - sub_bits;
		const size_t at =
			(size_t{shift} + 1) * sub_buckets + ((below >> shift) & (sub_buckets - 1));

		return at < count ? at : count - 1;
	}
	/** The first bucket of values above 2^@power. */
	static constexpr size_t first_above(unsigned power)
	{
		return index((uint64_t{1} << power) + 1);
	}
	/** The value in the middle: no value of the bucket is further off than
	 *  a thirty-second of itself.
	 */
	static uint64_t middle(size_t bucket);
};

class Histogram;

/** A histogram at rest, and the sum of several. */
class HistogramSnapshot {
public:
	void merge(const Histogram &other);
	void merge(const HistogramSnapshot &other);

	uint64_t count() const { return count_; }
	uint64_t sum() const { return sum_; }
	uint64_t max() const { return max_; }
	/** Nearest rank, within 1/32 of the exact value (up to 2^42); 0 if
	 *  there is no value. @fraction from 0 to 1.
	 */
	uint64_t quantile(double fraction) const;
	/** How many values are at most 2^@power, below top_bits. */
	uint64_t up_to(unsigned power) const;

private:
	std::array<uint64_t, HistogramBuckets::count> counts_{};
	uint64_t count_ = 0;
	uint64_t sum_ = 0;
	uint64_t max_ = 0;
};

/**
 * Values of any unit, 5 KiB whatever their number. Written by one thread without
 * a locked instruction, read by any.
 */
class Histogram {
public:
	void add(uint64_t value)
	{
		bump(counts_[HistogramBuckets::index(value)], 1);
		bump(sum_, value);
		if (value > max_.load(std::memory_order_relaxed))
			max_.store(value, std::memory_order_relaxed);
	}

	HistogramSnapshot snapshot() const
	{
		HistogramSnapshot result;

		result.merge(*this);
		return result;
	}
	uint64_t count() const { return snapshot().count(); }
	uint64_t sum() const { return sum_.load(std::memory_order_relaxed); }
	uint64_t max() const { return max_.load(std::memory_order_relaxed); }
	uint64_t quantile(double fraction) const { return snapshot().quantile(fraction); }

private:
	friend class HistogramSnapshot;

	static void bump(std::atomic<uint64_t> &counter, uint64_t by)
	{
		counter.store(counter.load(std::memory_order_relaxed) + by,
			      std::memory_order_relaxed);
	}

	std::array<std::atomic<uint64_t>, HistogramBuckets::count> counts_{};
	std::atomic<uint64_t> sum_{0};
	std::atomic<uint64_t> max_{0};
};

} // namespace lanes

#endif
