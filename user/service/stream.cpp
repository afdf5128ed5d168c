// SPDX-License-Identifier: GPL-2.0-only
#include "engine/shard.h"

namespace lanes {

Ticket Stream::ticket() const
{
	return {slot_, shard_->connections_[slot_].generation};
}

void *Stream::raw_state() const
{
	return shard_->state_of(slot_);
}

bool Stream::full() const
{
	Connection &c = shard_->connections_[slot_];

	if (!shard_->full(c))
		return false;
	c.blocked = true;
	/* Otherwise the end of a send will tell that there is room again. */
	if (c.output.empty())
		shard_->wait_for_memory(slot_);
	return true;
}

void Stream::write(std::span<const std::byte> bytes)
{
	if (!shard_->memory_.write(shard_->connections_[slot_].output, bytes))
		shard_->overrun(slot_);
	shard_->queued(slot_);
}

void Stream::write_constant(std::string_view bytes)
{
	Segment segment;

	segment.data = std::as_bytes(std::span(bytes)).data();
	segment.length = static_cast<uint32_t>(bytes.size());
	if (!shard_->memory_.push(shard_->connections_[slot_].output, segment))
		shard_->overrun(slot_);
	shard_->queued(slot_);
}

void Stream::lend(std::span<const std::byte> bytes, Loan &loan)
{
	Segment segment;

	segment.data = bytes.data();
	segment.length = static_cast<uint32_t>(bytes.size());
	segment.loan = &loan;
	segment.owner = Segment::Owner::loan;
	if (!shard_->memory_.push(shard_->connections_[slot_].output, segment))
		shard_->overrun(slot_);
	shard_->queued(slot_);
}

void Stream::forward(size_t length)
{
	Connection &c = shard_->connections_[slot_];
	Segment segment = shard_->memory_[c.input.head];

	segment.length = static_cast<uint32_t>(length);
	shard_->memory_.buffers.hold(segment.id);
	if (!shard_->memory_.push(c.output, segment))
		shard_->overrun(slot_);
	shard_->queued(slot_);
}

void Stream::finish()
{
	shard_->finish(slot_);
}

void Stream::abort()
{
	shard_->abort(slot_);
}

void Stream::pause()
{
	shard_->connections_[slot_].paused = true;
}

bool Stream::draining() const
{
	return shard_->draining_;
}

} // namespace lanes
