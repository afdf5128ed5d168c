// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_RESP_ARENA_H
#define LANES_RESP_ARENA_H

#include <array>
#include <bit>

#include <cstddef>
#include <cstdint>

namespace lanes {

/** Of the sizes that memory is rounded up to. @size: at least a byte. */
constexpr unsigned size_class(size_t size)
{
	const size_t last = size - 1;

	if (size <= 128)
		return static_cast<unsigned>(last / 16);

	const auto shift = static_cast<unsigned>(std::bit_width(last)) - 3;

	return 8 + (shift - 5) * 4 + static_cast<unsigned>((last >> shift) - 4);
}

constexpr size_t rounded_size(size_t size)
{
	const size_t last = size - 1;

	if (size <= 128)
		return (last / 16 + 1) * 16;

	const auto shift = static_cast<unsigned>(std::bit_width(last)) - 3;

	return ((last >> shift) + 1) << shift;
}

/**
 * A shard's memory for what it stores and for requests on their way. Sizes are
 * rounded up to one of four in each power of two; small ones share a span, and
 * an empty span serves any size again. Of one thread.
 */
class Arena {
public:
	/** Larger ones are mapped each by itself. */
	static constexpr size_t small_max = 16384;

	/** @limit: of used(), in bytes; kept by those who ask allows(). */
	explicit Arena(size_t limit, unsigned shard = 0);
	Arena(const Arena &) = delete;
	Arena &operator=(const Arena &) = delete;
	/** Takes back all, whoever has it. */
	~Arena();

	/** Aligned to 16 bytes; nullptr if the system has none. */
	void *take(size_t size);
	/** @size: as it was taken, or another of the same class. */
	void give(void *memory, size_t size);

	/** Hands memory of more than small_max over to another arena. */
	void disown(void *memory, size_t size);
	void adopt(void *memory, size_t size);

	bool allows(size_t size) const { return used_ + rounded_size(size) <= limit_; }
	/** For memory that is not the arena's and counts as used. */
	void account(ptrdiff_t bytes) { used_ += static_cast<size_t>(bytes); }
	size_t used() const { return used_; }
	size_t limit() const { return limit_; }
	/** Whose it is. */
	unsigned shard() const { return shard_; }

private:
	static constexpr size_t span_size = size_t{256} << 10;
	static constexpr size_t spans_at_once = 16;
	/** Empty spans that keep their pages. */
	static constexpr size_t spans_warm = 16;
	static constexpr unsigned small_classes = size_class(small_max) + 1;
	static constexpr unsigned classes = 104;
	/** Large memory that is kept for the next who asks. */
	static constexpr size_t cache_max = size_t{32} << 20;

	struct Free {
		Free *next;
	};
	struct alignas(64) Span {
		Span *next;
		Span *previous;
		Free *free;
		uint32_t used;
		/* Bytes from the span's begin that were ever taken. */
		uint32_t touched;
		uint32_t item;
		uint32_t index;
	};
	struct alignas(64) Large {
		Large *next;
		Large *previous;
		size_t mapped;
	};
	struct Chunk {
		Chunk *next;
	};

	void *take_small(unsigned index);
	void give_small(void *memory);
	void *take_large(unsigned index, size_t size);
	void give_large(void *memory, unsigned index);
	Span *new_span(unsigned index);
	bool more_spans();
	void link(Span *span);
	void unlink(Span *span);
	void link(Large *large);
	void unlink(Large *large);

	const size_t limit_;
	const unsigned shard_;
	size_t used_ = 0;
	/** Those with room, of each class. */
	std::array<Span *, small_classes> spans_{};
	Span *empty_ = nullptr;
	size_t empty_count_ = 0;
	Chunk *chunks_ = nullptr;
	Large *large_ = nullptr;
	std::array<Large *, classes> cache_{};
	size_t cached_ = 0;
};

} // namespace lanes

#endif
