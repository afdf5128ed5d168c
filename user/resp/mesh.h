// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_RESP_MESH_H
#define LANES_RESP_MESH_H

#include <atomic>

#include <cstddef>
#include <cstdint>

#include "engine/memory.h"

namespace lanes {

/** Words from one thread to another, in order. Zero is an empty one. */
class MessageRing {
public:
	static constexpr uint32_t capacity = 1024;

	/** By the sender; false if it is full. */
	bool push(uintptr_t message)
	{
		const uint32_t tail = tail_.load(std::memory_order_relaxed);

		if (tail - head_seen_ == capacity) {
			head_seen_ = head_.load(std::memory_order_acquire);
			if (tail - head_seen_ == capacity)
				return false;
		}
		messages_[tail % capacity] = message;
		tail_.store(tail + 1, std::memory_order_release);
		return true;
	}
	/** By the sender. */
	bool has_room() const
	{
		return tail_.load(std::memory_order_relaxed) -
			       head_.load(std::memory_order_acquire) <
		       capacity;
	}
	/** By the sender that found it full: asks to be woken when there is room.
	 *  push() may succeed after it.
	 */
	void ask_for_room()
	{
		wanting_.store(true, std::memory_order_relaxed);
		std::atomic_thread_fence(std::memory_order_seq_cst);
	}
	/** By the receiver, with a full fence since its last pop(): whether the
	 *  sender asked.
	 */
	bool asked_for_room()
	{
		if (!wanting_.load(std::memory_order_relaxed))
			return false;
		wanting_.store(false, std::memory_order_relaxed);
		return true;
	}
	/** By the receiver; 0 if it is empty. */
	uintptr_t pop()
	{
		const uint32_t head = head_.load(std::memory_order_relaxed);

		if (head == tail_seen_) {
			tail_seen_ = tail_.load(std::memory_order_acquire);
			if (head == tail_seen_)
				return 0;
		}

		const uintptr_t message = messages_[head % capacity];

		head_.store(head + 1, std::memory_order_release);
		return message;
	}
	/** By the receiver. */
	bool empty() const
	{
		return head_.load(std::memory_order_relaxed) ==
		       tail_.load(std::memory_order_acquire);
	}

private:
	/* The sender's line, then the receiver's. */
	alignas(64) std::atomic<uint32_t> tail_;
	std::atomic<bool> wanting_;
	uint32_t head_seen_;
	alignas(64) std::atomic<uint32_t> head_;
	uint32_t tail_seen_;
	alignas(64) uintptr_t messages_[capacity];
};

/** A ring for each ordered pair of shards. Rings never used take no memory. */
class Mesh {
public:
	explicit Mesh(unsigned shards)
		: shards_(shards), memory_(size_t{shards} * shards * sizeof(MessageRing),
					   "use fewer shards with --cpus"),
		  rings_(reinterpret_cast<MessageRing *>(memory_.data()))
	{
	}

	unsigned shards() const { return shards_; }
	MessageRing &ring(unsigned from, unsigned to)
	{
		return rings_[size_t{from} * shards_ + to];
	}

private:
	unsigned shards_;
	Pages memory_;
	MessageRing *rings_;
};

} // namespace lanes

#endif
