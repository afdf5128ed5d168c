// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_ENGINE_CONNECTION_H
#define LANES_ENGINE_CONNECTION_H

#include <cstdint>

#include "engine/memory.h"
#include "engine/token.h"

namespace lanes {

/**
 * A connection of a shard. Of its slot the engine writes the first group, the
 * shard the rest. At most one receive, one send and one close are in flight;
 * the slot is free again when none is.
 */
struct Connection {
	static constexpr uint32_t none = ~0U;

	/* What accept gave, which only the engine can use. */
	int fd = -1;
	/* What the socket says of itself comes here. */
	int32_t answer = -1;
	uint32_t generation = 0;
	/** A receive is armed: it will complete, or end with receive_ended(). */
	bool receiving = false;
	/** The armed receive is being ended by stop_receive(). */
	bool stopping = false;
	/** The armed receive ends with its first completion. */
	bool single = false;
	/** sent() is due. */
	bool sending = false;
	/** Questions and shutdowns in flight. */
	uint8_t asking = 0;
	/** Engine's own, 0 at first. */
	uint8_t interest = 0;

	/** Receives of this connection must be single: it sends more than its
	 *  share, and an armed multishot would go on.
	 */
	bool streaming = false;
	/* In the line for buffers; in the list of those with input left, of
	 * those with output to send, and of those that wait for memory.
	 */
	bool parked = false;
	bool ready = false;
	bool dirty = false;
	bool thirsty = false;
	/** The service waits, for messages of other shards. */
	bool paused = false;
	/** The service was told that the stream is full: writable() is due. */
	bool blocked = false;
	/** The peer sends no more. */
	bool end_of_input = false;
	/** And the service knows. */
	bool end_told = false;
	/** The service wants no more input: to be closed when all is sent. */
	bool finished = false;
	/** Output is all sent and shut down: waiting for the peer's end. */
	bool lingering = false;
	/** shutdown() is done, waiting for operations to end. */
	bool closing = false;
	/** close() is asked for. */
	bool closed = false;
	/** The shard's number of it. */
	uint8_t service = 0;
	/** Receives in a row that left nothing behind, while streaming. */
	uint8_t calm = 0;

	/* In the free list, or in the line for buffers. */
	uint32_t next = none;
	uint32_t previous = none;

	SegmentQueue input;
	SegmentQueue output;

	/* Of the shard's tick @tick, already used. */
	uint32_t tick = 0;
	uint32_t spent = 0;

	/* Clock of the shard, in milliseconds: when a byte was last received;
	 * when one was last sent, or the first of the output queued; when the
	 * request that is incomplete began (0: none is).
	 */
	uint32_t received_ms = 0;
	uint32_t sent_ms = 0;
	uint32_t request_ms = 0;
	/* Parked, or armed again since and without a buffer yet: its place
	 * among all who ever were (0: it is not), and since when, in
	 * nanoseconds.
	 */
	uint64_t place = 0;
	uint64_t parked_ns = 0;

	uint64_t bytes_in = 0;
	uint64_t bytes_out = 0;
	/** bytes_in when the incomplete request began. */
	uint64_t request_bytes = 0;

	bool open() const { return fd >= 0; }
};

/** Slots for @count connections. Memory is touched when a slot is first taken. */
class Connections {
public:
	explicit Connections(uint32_t count);

	/** none if all are taken. */
	uint32_t take(int fd);
	/** Ends the slot's generation. */
	void release(uint32_t slot);

	Connection &operator[](uint32_t slot) { return slots_[slot]; }
	const Connection &operator[](uint32_t slot) const { return slots_[slot]; }
	uint32_t capacity() const { return count_; }
	/** No slot from here on was ever taken. */
	uint32_t touched() const { return touched_; }
	uint32_t active() const { return active_; }

	Token token(Operation operation, uint32_t slot) const
	{
		return {operation, slot, slots_[slot].generation};
	}
	/** Whether @token is of the slot's present connection. */
	bool current(const Token &token) const
	{
		return token.slot < touched_ && slots_[token.slot].open() &&
		       slots_[token.slot].generation == token.generation;
	}

private:
	Pages memory_;
	Connection *slots_;
	uint32_t count_;
	uint32_t touched_ = 0;
	uint32_t free_ = Connection::none;
	uint32_t active_ = 0;
};

/** Connections that wait for receive buffers, first come, first served: whoever
 *  came back without a buffer stands where it stood.
 */
class BufferLine {
public:
	explicit BufferLine(Connections &connections) : connections_(connections) {}

	bool empty() const { return first_ == Connection::none; }
	/** At its place, or the next free one. */
	void push(uint32_t slot);
	/** Gives up its place. */
	void remove(uint32_t slot);
	/** Only if not empty. The place stays its own until place is set to 0. */
	uint32_t pop();

private:
	Connections &connections_;
	uint32_t first_ = Connection::none;
	uint32_t last_ = Connection::none;
	uint64_t last_place_ = 0;
};

} // namespace lanes

#endif
