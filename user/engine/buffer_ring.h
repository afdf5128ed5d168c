// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_ENGINE_BUFFER_RING_H
#define LANES_ENGINE_BUFFER_RING_H

#include <algorithm>
#include <vector>

#include <cstdint>

#include <liburing.h>

#include "engine/counters.h"
#include "engine/memory.h"

namespace lanes {

/**
 * Hands buffers of a pool to the kernel for it to fill: as few as the load needs,
 * for those are the ones that stay in the cache. To the kernel a buffer is known
 * by its position in the ring, so that the buffers of a bundle, which it takes in
 * the ring's order, follow from the first.
 */
class BufferRing {
public:
	static constexpr uint16_t group = 0;

	/** Both outlive it. Throws if the kernel refuses. */
	BufferRing(io_uring *ring, BufferPool &pool, Counters &counters);
	BufferRing(const BufferRing &) = delete;
	BufferRing &operator=(const BufferRing &) = delete;
	~BufferRing();

	/** Offers the kernel as many as it ought to have. */
	void offer();
	/** A receive found none. */
	void ran_out();

	/** A completion brought @length bytes, from the buffer at @position on:
	 *  calls @handle(segment, whether more follow) for each buffer.
	 */
	template <typename Handle> void take(uint16_t position, uint32_t length, Handle &&handle)
	{
		while (length) {
			Segment segment;

			segment.id = ids_[position];
			segment.data = pool_.data(segment.id);
			segment.length = std::min(length, pool_.size());
			segment.owner = Segment::Owner::buffer;
			length -= segment.length;
			gone(position);
			handle(segment, length > 0);
			position = static_cast<uint16_t>((position + 1) & mask_);
		}
	}
	/** A completion used up the buffer at @position but brought nothing. */
	void take_empty(uint16_t position);

private:
	static constexpr uint32_t target_min = 64;
	static constexpr uint32_t window = 4096;

	bool publish();
	void gone(uint16_t position)
	{
		ids_[position] = BufferPool::none;
		counters_.buffers_offered.set(--offered_);
	}

	io_uring *ring_;
	BufferPool &pool_;
	Counters &counters_;
	uint32_t entries_;
	uint32_t mask_;
	uint32_t offered_ = 0;
	uint32_t target_;
	/* Whether the target has grown since offer(); the fewest buffers that
	 * were left in this window, and its calls of offer().
	 */
	bool grown_ = true;
	uint32_t left_ = 0;
	uint32_t calls_ = 0;
	uint16_t tail_ = 0;
	Pages memory_;
	io_uring_buf_ring *shared_;
	/* By position. */
	std::vector<uint32_t> ids_;
};

} // namespace lanes

#endif
