// SPDX-License-Identifier: GPL-2.0-only
/* What goes through connections: input to the service, its turn, output. */
#include <algorithm>
#include <array>

#include <cerrno>

#include "engine/shard.h"

namespace lanes {
namespace {

/* Of one connection, in a tick's send. */
constexpr uint64_t send_max = 262'144;
/* Received, not handed to the service, and no more is asked for. */
constexpr uint64_t input_high = 32'768;
/* An input costs its bytes, but at least as many as these. */
constexpr uint32_t input_cost_min = 256;
/* What a receive that is armed for many may take before it can be stopped. */
constexpr uint32_t burst_max = 128;
/* Buffers in a tick, of a connection, for which one receive is better. */
constexpr uint32_t much = 4;
/* Receives without a rest after which a stream is none any more. */
constexpr uint8_t calm_after = 32;

} // namespace

void Shard::received(uint32_t slot, const Segment &segment)
{
	Connection &c = connections_[slot];

	look_at_clock();
	counters_.bytes_in.add(segment.length);
	c.bytes_in += segment.length;
	c.received_ms = static_cast<uint32_t>(now_ms_);
	if (c.place) {
		counters_.park_ns.add(now_ns_ - c.parked_ns);
		c.place = 0;
	}
	if (!memory_.push(c.input, segment)) {
		overrun(slot);
		return;
	}
	if (c.closing || c.finished) {
		memory_.clear(c.input);
		settle(slot);
		return;
	}
	/* Who has input left already has its turn coming. */
	if (!c.ready)
		run(slot);
	else
		settle(slot);
}

void Shard::filled(uint32_t slot, size_t length)
{
	Connection &c = connections_[slot];

	look_at_clock();
	counters_.bytes_in.add(length);
	c.bytes_in += length;
	c.received_ms = static_cast<uint32_t>(now_ms_);
	if (!c.closing && !c.finished) {
		const uint64_t output = c.output.bytes;

		handler(c).filled(Stream(*this, slot), length);
		note_request(slot, c, c.output.bytes > output);
	}
	run(slot);
}

void Shard::receive_ended(uint32_t slot, int error)
{
	Connection &c = connections_[slot];

	look_at_clock();
	switch (error) {
	case 0:
		c.end_of_input = true;
		break;
	case ENOBUFS:
		if (!c.closing && !c.parked)
			park(slot);
		break;
	case ECANCELED:
	case EINTR:
	case EAGAIN:
		break;
	default:
		abort(slot);
	}
	run(slot);
}

/* Whether the service must wait. Who sends on what it received leaves the last
 * quarter of the buffers to the others.
 */
bool Shard::full(const Connection &c) const
{
	const uint32_t few = std::max(memory_.buffers.count() / 4, 3U);

	if (c.output.bytes >= config_.output_high || memory_.scarce())
		return true;
	/* Each may hold a buffer, however short it is. */
	return c.output.segments >= 2 && buffers_left() < few;
}

void Shard::run(uint32_t slot)
{
	Connection &c = connections_[slot];

	if (c.tick != tick_) {
		c.tick = tick_;
		c.spent = 0;
	}
	if (!c.input.empty())
		give_input(slot, c);
	if (c.end_of_input && c.input.empty() && !c.end_told && !c.closing && !c.finished &&
	    !c.paused) {
		c.end_told = true;
		handler(c).input_ended(Stream(*this, slot));
	}
	settle(slot);
}

void Shard::give_input(uint32_t slot, Connection &c)
{
	const uint64_t output = c.output.bytes;
	Handler &service = handler(c);

	while (!c.input.empty() && !c.paused && !c.blocked) {
		if (c.closing || c.finished) {
			memory_.clear(c.input);
			return;
		}
		if (c.spent >= config_.budget) {
			counters_.over_budget.add();
			c.streaming = true;
			make_ready(slot);
			break;
		}

		const Segment &head = memory_[c.input.head];
		const uint32_t length = head.length;
		const size_t done = service.received(Stream(*this, slot), {head.data, length});

		counters_.inputs.add();
		c.spent += std::max(static_cast<uint32_t>(done), input_cost_min);
		memory_.consume(c.input, done);
		if (done < length)
			break;
	}
	note_request(slot, c, c.output.bytes > output);
}

/* When the incomplete request began: a reply says that the one before is over. */
void Shard::note_request(uint32_t slot, Connection &c, bool replied)
{
	if (c.closing || !handler(c).in_request(Stream(*this, slot))) {
		c.request_ms = 0;
	} else if (!c.request_ms || replied) {
		/* Odd, so never 0, and not in the future. */
		c.request_ms = static_cast<uint32_t>(now_ms_ - 1) | 1;
		c.request_bytes = c.bytes_in;
	}
}

void Shard::make_ready(uint32_t slot)
{
	Connection &c = connections_[slot];

	if (c.ready)
		return;
	c.ready = true;
	ready_.push_back(slot);
}

void Shard::wait_for_memory(uint32_t slot)
{
	Connection &c = connections_[slot];

	if (c.thirsty)
		return;
	c.thirsty = true;
	thirsty_.push_back(slot);
}

void Shard::serve_thirsty()
{
	if (thirsty_.empty() || memory_.scarce())
		return;
	for (const uint32_t slot : thirsty_) {
		Connection &c = connections_[slot];

		if (!c.open() || !c.thirsty)
			continue;
		c.thirsty = false;
		make_ready(slot);
	}
	thirsty_.clear();
}

/* Those of the tick before: who is served now waits for the next one. */
void Shard::serve_ready()
{
	turns_.swap(ready_);
	for (const uint32_t slot : turns_) {
		Connection &c = connections_[slot];

		if (!c.open() || !c.ready)
			continue;
		c.ready = false;
		if (c.blocked && !full(c)) {
			c.blocked = false;
			if (!c.closing && !c.finished)
				handler(c).writable(Stream(*this, slot));
		}
		run(slot);
	}
	turns_.clear();
}

/* What the connection needs next. */
void Shard::settle(uint32_t slot)
{
	Connection &c = connections_[slot];

	if (c.closing) {
		close_if_quiet(slot);
		return;
	}
	if (c.blocked && c.output.bytes <= config_.output_low && !c.ready) {
		/* Memory is short, not this connection's output long. */
		if (memory_.scarce())
			wait_for_memory(slot);
		else if (!full(c))
			make_ready(slot);
	}
	if (c.finished && c.output.empty() && !c.lingering) {
		linger(slot);
		return;
	}
	if (c.end_of_input) {
		if (c.lingering)
			abort(slot);
		return;
	}
	if (c.receiving)
		hold_back(slot);
	else if (c.finished || (c.input.bytes < input_max() && !c.blocked && !c.paused))
		receive(slot);
}

uint32_t Shard::buffers_left() const
{
	return memory_.buffers.available() + static_cast<uint32_t>(counters_.buffers_offered.get());
}

uint64_t Shard::input_max() const
{
	const uint64_t size = memory_.buffers.size();

	return std::clamp(buffers_left() * size / 4, size, std::max(input_high, size));
}

/* One receive of several buffers costs less than a receive for each. */
bool Shard::sends_much(const Connection &c) const
{
	return engine_->gathers() && c.spent >= much * memory_.buffers.size();
}

/* A receive that is armed for many goes on whatever the connection holds. */
void Shard::hold_back(uint32_t slot)
{
	Connection &c = connections_[slot];

	if (c.single || c.stopping)
		return;
	if (c.input.bytes < input_max() && !c.blocked && !c.paused && !sends_much(c)) {
		/* Large input is received where it belongs. */
		if (c.finished || !c.input.empty() || c.spent < memory_.buffers.size() ||
		    handler(c).destination(Stream(*this, slot)).empty())
			return;
	}
	c.streaming = true;
	c.calm = 0;
	engine_->stop_receive(slot);
}

void Shard::receive(uint32_t slot)
{
	Connection &c = connections_[slot];

	if (c.parked)
		return;
	if (c.streaming) {
		c.calm = c.ready || !c.input.empty() || sends_much(c) ? 0 : c.calm + 1;
		c.streaming = c.calm < calm_after;
	}
	if (buffers_left() < burst_max)
		c.streaming = true;
	if (!c.finished) {
		const auto memory = handler(c).destination(Stream(*this, slot));

		if (!memory.empty()) {
			c.calm = 0;
			/* What was received before goes there first, in its turn. */
			if (!c.input.empty())
				return;
			engine_->receive_into(slot, memory.first(std::min<size_t>(memory.size(),
										  config_.budget)));
			return;
		}
	}
	/* Nobody overtakes those who wait for buffers already. */
	if (line_.empty())
		engine_->receive(slot);
	else
		park(slot);
}

void Shard::park(uint32_t slot)
{
	Connection &c = connections_[slot];

	if (!c.place) {
		counters_.parked.add();
		c.parked_ns = now_ns_;
	}
	line_.push(slot);
}

/* As many receives as there are buffers, in the order of waiting. */
void Shard::serve_line()
{
	for (uint32_t n = buffers_left(); n && !line_.empty(); n--) {
		const uint32_t slot = line_.pop();
		const Connection &c = connections_[slot];

		if (!c.receiving && !c.closing)
			engine_->receive(slot);
	}
}

/* @slot has output, perhaps. */
void Shard::queued(uint32_t slot)
{
	Connection &c = connections_[slot];

	if (c.dirty || c.sending || c.output.empty())
		return;
	c.dirty = true;
	c.sent_ms = static_cast<uint32_t>(now_ms_);
	dirty_.push_back(slot);
}

void Shard::input_over(uint32_t slot)
{
	Connection &c = connections_[slot];

	if (!c.dirty)
		return;
	c.dirty = false;
	send(slot);
	settle(slot);
}

/* Once for each that had output when it began: who has more after a send that
 * was done at once waits for the next tick.
 */
void Shard::flush()
{
	turns_.swap(dirty_);
	for (const uint32_t slot : turns_) {
		if (!connections_[slot].dirty)
			continue;
		connections_[slot].dirty = false;
		send(slot);
		settle(slot);
	}
	turns_.clear();
}

void Shard::send(uint32_t slot)
{
	Connection &c = connections_[slot];
	std::array<iovec, Engine::parts_max> parts;
	uint64_t left = send_max;
	size_t count = 0;

	if (!c.open() || c.closing || c.sending || c.output.empty())
		return;
	for (uint32_t at = c.output.head; at != Segment::none && count < parts.size() && left;) {
		const Segment &segment = memory_[at];
		const uint64_t length = std::min<uint64_t>(segment.length, left);

		parts[count++] = {const_cast<std::byte *>(segment.data), length};
		left -= length;
		at = segment.next;
	}

	const ssize_t result = engine_->send(slot, {parts.data(), count});

	if (result != Engine::pending)
		took(slot, result);
}

void Shard::sent(uint32_t slot, ssize_t result)
{
	look_at_clock();
	took(slot, result);
	settle(slot);
}

void Shard::took(uint32_t slot, ssize_t result)
{
	Connection &c = connections_[slot];

	counters_.sends.add();
	if (result > 0) {
		counters_.bytes_out.add(static_cast<uint64_t>(result));
		c.bytes_out += static_cast<uint64_t>(result);
		c.sent_ms = static_cast<uint32_t>(now_ms_);
		memory_.consume(c.output, static_cast<uint64_t>(result));
	} else if (result < 0 && result != -EINTR && result != -EAGAIN) {
		abort(slot);
		return;
	}
	if (!c.closing && !c.output.empty()) {
		const uint32_t since = c.sent_ms;

		queued(slot);
		c.sent_ms = since;
	}
}

/* More than it may: a service that did not ask whether the stream is full. */
void Shard::overrun(uint32_t slot)
{
	if (connections_[slot].closing)
		return;
	counters_.closed_overrun.add();
	abort(slot);
}

} // namespace lanes
