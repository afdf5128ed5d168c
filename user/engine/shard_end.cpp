// SPDX-License-Identifier: GPL-2.0-only
/* How connections end: as the service wants, in time, and when the server
 * drains.
 */
#include <algorithm>

#include <poll.h>
#include <sys/socket.h>

#include "engine/shard.h"

namespace lanes {
namespace {

/* Of all slots a quarter each time, or all if they are few. */
constexpr uint64_t sweep_ms = 250;
constexpr uint32_t sweep_parts = 4;
constexpr uint32_t sweep_min = 256;
/* How long the peer has to end its side after we ended ours. */
constexpr uint32_t linger_ms = 2000;
/* How long a new connection has for its first byte when the server drains. */
constexpr uint32_t first_request_ms = 1000;
/* A request may take longer if it comes at this rate: bytes in a millisecond. */
constexpr uint64_t request_rate_min = 16;

} // namespace

void Shard::finish(uint32_t slot)
{
	Connection &c = connections_[slot];

	if (c.finished || c.closing)
		return;
	c.finished = true;
	c.paused = false;
	line_.remove(slot);
	/* The rest is settle()'s; outside a call of received() nobody else
	 * would ask it to.
	 */
	make_ready(slot);
}

/* A close with input unread would reset the connection, and the peer may lose
 * what it has not read yet: so end this side, and read on until it ends its own.
 */
void Shard::linger(uint32_t slot)
{
	Connection &c = connections_[slot];

	if (c.end_of_input) {
		abort(slot);
		return;
	}
	c.lingering = true;
	c.sent_ms = static_cast<uint32_t>(now_ms_);
	engine_->shutdown(slot, SHUT_WR);
	memory_.clear(c.input);
	if (!c.receiving)
		receive(slot);
}

/* The descriptor is closed when no operation uses it any more: shutdown ends
 * them all, while a cancel can miss one.
 */
void Shard::abort(uint32_t slot)
{
	Connection &c = connections_[slot];

	if (c.closing)
		return;
	c.closing = true;
	line_.remove(slot);
	/* Fails if the peer has reset the connection, which ends them too. */
	if (c.receiving || c.sending)
		engine_->shutdown(slot, SHUT_RDWR);
	/* Not from inside a call that still uses what would be freed. */
	make_ready(slot);
}

void Shard::close_if_quiet(uint32_t slot)
{
	Connection &c = connections_[slot];

	if (c.receiving || c.sending || c.closed)
		return;
	c.closed = true;
	c.dirty = false;
	memory_.clear(c.input);
	memory_.clear(c.output);
	engine_->close(slot);
}

void Shard::sweep()
{
	const uint32_t touched = connections_.touched();

	if (now_ms_ < sweep_at_ms_)
		return;
	sweep_at_ms_ = now_ms_ + sweep_ms;

	const uint32_t count = std::max((touched + sweep_parts - 1) / sweep_parts, sweep_min);
	const uint32_t begin = sweep_slot_ < touched ? sweep_slot_ : 0;
	const uint32_t end = std::min(begin + count, touched);

	for (uint32_t slot = begin; slot < end; slot++)
		if (connections_[slot].open() && !connections_[slot].closing)
			check(slot);
	sweep_slot_ = end;
}

void Shard::check(uint32_t slot)
{
	Connection &c = connections_[slot];

	if (Counter *reason = overdue(slot, c)) {
		reason->add();
		abort(slot);
	} else if (c.lingering && static_cast<uint32_t>(now_ms_) - c.sent_ms > linger_ms) {
		abort(slot);
	} else if (draining_) {
		end_if_idle(slot);
	}
}

Counter *Shard::overdue(uint32_t slot, const Connection &c)
{
	const auto now = static_cast<uint32_t>(now_ms_);
	const auto passed = [now](uint32_t since, uint64_t limit) {
		return limit && now - since > limit;
	};

	if (!c.output.empty() && !c.lingering) {
		if (passed(c.sent_ms, limits_.slow_timeout_ms))
			return &counters_.closed_slow;
		if ((!line_.empty() || !thirsty_.empty()) &&
		    passed(c.sent_ms, limits_.stall_timeout_ms))
			return &counters_.closed_stalled;
		return nullptr;
	}
	/* It may have been completed by another shard's message. */
	if (c.request_ms && handler(c).in_request(Stream(*this, slot))) {
		const uint64_t more = (c.bytes_in - c.request_bytes) / request_rate_min;

		if (limits_.request_timeout_ms &&
		    passed(c.request_ms, limits_.request_timeout_ms + more))
			return &counters_.closed_request;
		return nullptr;
	}
	if (!c.paused && passed(c.received_ms, limits_.idle_timeout_ms) &&
	    passed(c.sent_ms, limits_.idle_timeout_ms))
		return &counters_.closed_idle;
	return nullptr;
}

void Shard::open(int name, Fd fd, Service &service)
{
	const auto free =
		std::ranges::find_if(accepts_, [](const Accept &accept) { return !accept.fd; });
	Accept &accept = free == accepts_.end() ? accepts_.emplace_back() : *free;

	accept.fd = std::move(fd);
	accept.name = name;
	accept.service = number(service);
}

void Shard::close(int name, Clock::time_point until)
{
	for (Accept &accept : accepts_) {
		if (!accept.fd || accept.closing || accept.name != name)
			continue;
		accept.closing = true;
		accept.close_at_ms = to_ms(until);
	}
}

bool Shard::connection_waits(const Accept &accept) const
{
	pollfd queue = {accept.fd.get(), POLLIN, 0};

	return ::poll(&queue, 1, 0) > 0;
}

/* A close resets what is in the queue: so that has to be empty, before accept is
 * stopped and again after, right before the close. Who has no room for it waits.
 *
 * A queue that is left to others is looked at after accept has stopped, too: each
 * connection wakes one waiter only, and if that was the accept just cancelled,
 * nobody else comes for it.
 */
bool Shard::over(const Accept &accept, bool room) const
{
	if (ending_ || (accept.left_to_others && (accept.armed || !room)))
		return true;
	return accept.closing && now_ms_ >= accept.close_at_ms && !connection_waits(accept);
}

uint64_t Shard::to_ms(Clock::time_point time)
{
	const auto left = std::chrono::ceil<std::chrono::milliseconds>(time - Clock::now());

	read_clock();
	return now_ms_ + static_cast<uint64_t>(std::max<int64_t>(left.count(), 0));
}

void Shard::drain(Clock::time_point deadline, std::optional<Clock::time_point> accept_until)
{
	draining_ = true;
	drain_until_ms_ = to_ms(deadline);
	for (Accept &accept : accepts_) {
		accept.closing = true;
		accept.left_to_others = !accept_until;
		accept.close_at_ms = to_ms(accept_until.value_or(Clock::now()));
	}
	for (uint32_t slot = 0; slot < connections_.touched(); slot++)
		if (connections_[slot].open())
			end_if_idle(slot);
}

/* Idle: nothing of a request is here, not even in the socket. */
void Shard::end_if_idle(uint32_t slot)
{
	if (idle(slot))
		engine_->ask_input(slot);
}

bool Shard::idle(uint32_t slot)
{
	Connection &c = connections_[slot];

	if (c.closing || c.finished || c.paused || c.parked || c.ready || !c.input.empty() ||
	    !c.output.empty() || handler(c).in_request(Stream(*this, slot)))
		return false;
	/* Who has just come has not had the time to ask for anything. */
	return c.bytes_in || static_cast<uint32_t>(now_ms_) - c.received_ms >= first_request_ms;
}

void Shard::input_known(uint32_t slot, bool waits)
{
	if (!waits && idle(slot))
		finish(slot);
}

} // namespace lanes
