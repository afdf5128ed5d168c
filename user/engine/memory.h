// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_ENGINE_MEMORY_H
#define LANES_ENGINE_MEMORY_H

#include <span>
#include <vector>

#include <cstddef>
#include <cstdint>

namespace lanes {

/** Anonymous memory, page aligned. What is never touched costs nothing. */
class Pages {
public:
	/** Throws, with @remedy, if there is no room. */
	Pages(size_t size, const char *remedy);
	Pages(const Pages &) = delete;
	Pages &operator=(const Pages &) = delete;
	~Pages();

	std::byte *data() const { return data_; }
	size_t size() const { return size_; }

private:
	std::byte *data_;
	size_t size_;
};

/**
 * Buffers of one size, counted by reference, last returned first taken: so the
 * ones in use are those in the cache. Of one thread.
 */
class BufferPool {
public:
	static constexpr uint32_t none = ~0U;

	/** @size: bytes of each. */
	BufferPool(uint32_t count, uint32_t size);

	/** A buffer with one reference, or none. */
	uint32_t take()
	{
		if (free_.empty())
			return none;

		const uint32_t id = free_.back();

		free_.pop_back();
		references_[id] = 1;
		return id;
	}
	void hold(uint32_t id) { references_[id]++; }
	void release(uint32_t id)
	{
		if (!--references_[id])
			free_.push_back(id);
	}

	std::byte *data(uint32_t id) const { return memory_.data() + size_t{id} * size_; }
	uint32_t size() const { return size_; }
	uint32_t count() const { return static_cast<uint32_t>(references_.size()); }
	uint32_t available() const { return static_cast<uint32_t>(free_.size()); }

private:
	uint32_t size_;
	Pages memory_;
	std::vector<uint32_t> references_;
	std::vector<uint32_t> free_;
};

/**
 * Memory that somebody else owns and that a connection sends from: it stays as
 * it is until give_back(), which the connection's shard calls when the bytes
 * are sent or never will be.
 */
class Loan {
public:
	virtual void give_back() = 0;

protected:
	~Loan() = default;
};

/** A run of bytes in a queue, and who keeps them there. */
struct Segment {
	static constexpr uint32_t none = ~0U;

	enum class Owner : uint8_t {
		/** Lives as long as the program. */
		nobody,
		/** A reference to one of Memory::buffers. */
		buffer,
		/** The only reference to one of Memory::blocks. */
		block,
		/** One give_back() is due. */
		loan,
	};

	const std::byte *data = nullptr;
	union {
		uint32_t id;
		Loan *loan = nullptr;
	};
	uint32_t length = 0;
	uint32_t next = none;
	Owner owner = Owner::nobody;
};

/** First in, first out; the nodes are those of a Memory. */
struct SegmentQueue {
	uint32_t head = Segment::none;
	uint32_t tail = Segment::none;
	/** Of all its segments. */
	uint64_t bytes = 0;
	uint32_t segments = 0;

	bool empty() const { return head == Segment::none; }
};

struct MemorySizes {
	/** Filled by the kernel. */
	uint32_t buffers = 1024;
	uint32_t buffer_size = 2048;
	/** Filled by services. */
	uint32_t blocks = 1024;
	uint32_t block_size = 2048;
	/** Runs of bytes that all queues together can hold. */
	uint32_t segments = 8192;
};

/** All that a shard's connections keep bytes in. Of one thread. */
class Memory {
public:
	explicit Memory(const MemorySizes &sizes);

	/** Whether a segment and a few blocks are left for whoever asks first. */
	bool scarce() const
	{
		return free_count_ < segments_reserved || blocks.available() < blocks_reserved;
	}
	Segment &operator[](uint32_t index) { return segments_[index]; }
	uint32_t segments_available() const { return free_count_; }
	uint32_t segments() const { return static_cast<uint32_t>(segments_.size()); }

	/** Takes over what @segment owns. False, and the segment released, if
	 *  there is no node for it. An empty one is released at once.
	 */
	bool push(SegmentQueue &queue, const Segment &segment);
	/** Copies into the queue's last block and new ones; false if there are
	 *  not enough, and then the queue lacks the rest.
	 */
	bool write(SegmentQueue &queue, std::span<const std::byte> bytes);
	/** Drops the first @bytes of @queue, which has as many. */
	void consume(SegmentQueue &queue, uint64_t bytes);
	void clear(SegmentQueue &queue) { consume(queue, queue.bytes); }

	BufferPool buffers;
	BufferPool blocks;

	/** What a service may still add when a queue was not full before. */
	static constexpr uint32_t blocks_reserved = 16;
	static constexpr uint32_t segments_reserved = 64;

private:
	void release(const Segment &segment);

	std::vector<Segment> segments_;
	uint32_t free_ = Segment::none;
	uint32_t free_count_ = 0;
};

} // namespace lanes

#endif
