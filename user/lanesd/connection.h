// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANESD_CONNECTION_H
#define LANES_LANESD_CONNECTION_H

#include <chrono>
#include <vector>

#include <cstdint>

#include "lanesd/buffers.h"
#include "lanesd/token.h"

namespace lanes {

/**
 * A connection of a shard. At most one receive (multishot), one send and one
 * close are in flight; the slot is free again when none is.
 */
struct Connection {
	static constexpr uint32_t none = ~0U;

	int fd = -1;
	uint32_t generation = 0;

	/* Received and not yet echoed, in order. */
	uint32_t head = BufferLinks::none;
	uint32_t tail = BufferLinks::none;
	uint32_t held = 0;
	/* Of the head, already sent. */
	uint32_t sent = 0;

	/* In the free list, or in the line for buffers. */
	uint32_t next = none;
	uint32_t previous = none;

	bool receiving = false;
	bool sending = false;
	/* The receive is being cancelled: the peer does not read. */
	bool pausing = false;
	bool parked = false;
	/* The peer sends no more; what is queued is still echoed. */
	bool end_of_input = false;
	bool closing = false;

	/* When the send in flight began. */
	std::chrono::steady_clock::time_point send_since{};

	bool open() const { return fd >= 0; }
};

/** Preallocated slots. */
class Connections {
public:
	explicit Connections(uint32_t count);

	/** none if all are taken. */
	uint32_t take(int fd);
	/** Ends the slot's generation. */
	void release(uint32_t slot);

	Connection &operator[](uint32_t slot) { return slots_[slot]; }
	uint32_t capacity() const { return static_cast<uint32_t>(slots_.size()); }
	uint32_t active() const { return active_; }

	Token token(Operation operation, uint32_t slot) const
	{
		return {operation, slot, slots_[slot].generation};
	}
	/** Whether @token is of the slot's present connection. */
	bool current(const Token &token) const
	{
		return token.slot < slots_.size() && slots_[token.slot].open() &&
		       slots_[token.slot].generation == token.generation;
	}

private:
	std::vector<Connection> slots_;
	uint32_t free_ = Connection::none;
	uint32_t active_ = 0;
};

/** Connections that wait for receive buffers, first come, first served. */
class BufferLine {
public:
	explicit BufferLine(Connections &connections) : connections_(connections) {}

	bool empty() const { return first_ == Connection::none; }
	void push(uint32_t slot);
	void remove(uint32_t slot);
	/** Only if not empty. */
	uint32_t pop();

private:
	Connections &connections_;
	uint32_t first_ = Connection::none;
	uint32_t last_ = Connection::none;
};

} // namespace lanes

#endif
