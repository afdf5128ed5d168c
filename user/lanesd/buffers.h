// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANESD_BUFFERS_H
#define LANES_LANESD_BUFFERS_H

#include <vector>

#include <cstddef>
#include <cstdint>

#include <liburing.h>

namespace lanes {

/** Anonymous memory, page aligned as the kernel wants a buffer ring. */
class Pages {
public:
	explicit Pages(size_t size);
	Pages(const Pages &) = delete;
	Pages &operator=(const Pages &) = delete;
	~Pages();

	std::byte *data() const { return data_; }

private:
	std::byte *data_;
	size_t size_;
};

/**
 * The receive buffers of a shard. The kernel takes them from a ring; a shard
 * holds a filled one until it is echoed and then gives it back.
 */
class Buffers {
public:
	static constexpr uint16_t group = 0;
	static constexpr uint32_t size = 2048;

	/** @count: a power of two. */
	Buffers(io_uring *ring, uint32_t count);
	Buffers(const Buffers &) = delete;
	Buffers &operator=(const Buffers &) = delete;
	~Buffers();

	const std::byte *data(uint16_t id) const { return memory_.data() + size_t{id} * size; }
	/** How many the kernel may still fill. */
	uint32_t available() const { return available_; }
	/** A completion handed @id to the shard. */
	void taken(uint16_t) { available_--; }
	void give_back(uint16_t id);

private:
	void publish(uint16_t id);

	io_uring *ring_;
	uint32_t count_;
	uint32_t available_;
	Pages ring_memory_;
	Pages memory_;
	io_uring_buf_ring *buffer_ring_;
};

/** Filled buffers of all connections of a shard, as one list for each: the
 *  links lie beside the buffers, so queueing needs no memory.
 */
class BufferLinks {
public:
	static constexpr uint32_t none = ~0U;

	struct Link {
		uint32_t next = none;
		uint32_t length = 0;
	};

	explicit BufferLinks(uint32_t count) : links_(count) {}
	Link &operator[](uint32_t id) { return links_[id]; }

private:
	std::vector<Link> links_;
};

} // namespace lanes

#endif
