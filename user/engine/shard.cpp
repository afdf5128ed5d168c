// SPDX-License-Identifier: GPL-2.0-only
#include "engine/shard.h"

#include <algorithm>
#include <array>
#include <format>

#include <cerrno>
#include <cstring>
#include <ctime>

#include <fcntl.h>

#include "common/error.h"

namespace lanes {
namespace {

using namespace std::chrono_literals;

/* Connections that one pass of accept can bring beyond the most. */
constexpr uint32_t accept_overshoot = 4096;
constexpr uint64_t accept_retry_ms = 100;
/* Of one connection, in a tick's send. */
constexpr uint64_t send_max = 262'144;
/* Received, not handed to the service, and no more is asked for. */
constexpr uint64_t input_high = 32'768;
/* Messages and the like of other shards in a tick. */
constexpr unsigned turn_budget = 256;
/* An input costs its bytes, but at least as many as these. */
constexpr uint32_t input_cost_min = 256;
/* What a receive that is armed for many may take before it can be stopped. */
constexpr uint32_t burst_max = 128;
/* Buffers in a tick, of a connection, for which one receive is better. */
constexpr uint32_t much = 4;
/* Receives without a rest after which a stream is none any more. */
constexpr uint8_t calm_after = 32;

/* One receive must leave buffers to the others: see full(). */
ShardConfig with_budget_for(ShardConfig config)
{
	const MemorySizes sizes = engine_memory(config.engine, config.buffers);
	const uint64_t share = uint64_t{sizes.buffers / 8} * sizes.buffer_size;
	const uint64_t most = std::max<uint64_t>(share, sizes.buffer_size);

	config.engine.budget =
		static_cast<uint32_t>(std::min<uint64_t>(config.engine.budget, most));
	return config;
}

} // namespace

Shard::Shard(const ShardConfig &config, const std::vector<Shard *> &shards, Counters &counters)
	: config_(with_budget_for(config)), shards_(shards), counters_(counters),
	  limits_(config.limits), memory_(engine_memory(config.engine, config.buffers)),
	  connections_(config.connections_max + accept_overshoot), line_(connections_)
{
	std::vector<Service *> services;

	read_clock();
	for (const ShardListener &listener : config.listeners) {
		const auto at = std::ranges::find(services, listener.service);
		const auto index = static_cast<size_t>(at - services.begin());
		Accept accept;

		if (at == services.end()) {
			services.push_back(listener.service);
			handlers_.push_back(listener.service->handler(*this));
			state_size_ = std::max(state_size_, handlers_.back()->state_size());
		}
		accept.fd.reset(fcntl(listener.fd, F_DUPFD_CLOEXEC, 0));
		if (!accept.fd)
			throw_errno(errno, "duplicating a listening socket",
				    "raise the limit of open files");
		accept.handler = handlers_[index].get();
		accept.name = listener.service->name();
		accepts_.push_back(std::move(accept));
	}
	state_size_ = (state_size_ + 15) / 16 * 16;
	states_.emplace(std::max(state_size_ * connections_.capacity(), size_t{1}),
			"use fewer with --connections");
	for (auto *list : {&ready_, &turns_, &dirty_, &thirsty_})
		list->reserve(connections_.capacity());
	engine_ = make_engine(config_.engine, connections_, memory_, *this, counters);
}

Shard::~Shard() = default;

void Shard::start()
{
	accept_or_stop();
	engine_->poll(0ns);
}

void Shard::run()
{
	const auto working = [this] {
		return connections_.active() ||
		       std::ranges::any_of(accepts_, [](const Accept &a) { return a.armed; });
	};

	while (!draining_ || (working() && now_ms_ < drain_until_ms_))
		step();
	for (uint32_t slot = 0; slot < connections_.touched(); slot++)
		if (connections_[slot].open())
			abort(slot);
	/* Whatever is in flight ends at once now: its socket is shut down. */
	drain_until_ms_ = now_ms_ + 1000;
	while (working() && now_ms_ < drain_until_ms_)
		step();
}

void Shard::read_clock()
{
	timespec now{};

	clock_gettime(CLOCK_MONOTONIC, &now);
	now_ns_ = static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 +
		  static_cast<uint64_t>(now.tv_nsec);
	now_ms_ = now_ns_ / 1'000'000;
	clock_read_ = true;
}

void Shard::step()
{
	tick_++;
	clock_read_ = false;
	accepted_any_ = false;

	const auto limit = timeout();

	if (limit && *limit == 0ns) {
		engine_->poll(limit);
	} else {
		sleeping_.store(true, std::memory_order_relaxed);
		/* Pairs with wake(): either it sees that we sleep, or we its message. */
		std::atomic_thread_fence(std::memory_order_seq_cst);
		engine_->poll(work_left() ? std::optional(0ns) : limit);
		sleeping_.store(false, std::memory_order_relaxed);
	}
	look_at_clock();
	turn();
	serve_thirsty();
	serve_ready();
	serve_line();
	flush();
	sweep();
	accept_or_stop();
	run_tasks();
}

bool Shard::work_left()
{
	return tasks_waiting_.load() ||
	       std::ranges::any_of(handlers_, [](const auto &h) { return h->pending(); });
}

std::optional<std::chrono::nanoseconds> Shard::timeout()
{
	std::optional<uint64_t> at;
	const auto consider = [&](uint64_t ms) { at = std::min(at.value_or(ms), ms); };

	if (!ready_.empty() || !dirty_.empty() || more_turns_)
		return 0ns;
	/* The last thing that the tick did may have been to free some memory. */
	if ((!line_.empty() && buffers_left()) || (!thirsty_.empty() && !memory_.scarce()))
		return 0ns;
	if (connections_.active())
		consider(sweep_at_ms_);
	if (draining_)
		consider(std::min(drain_until_ms_, now_ms_ + accept_retry_ms));
	for (const Accept &accept : accepts_)
		if (!accept.armed && !draining_ && connections_.active() < limits_.connections_max)
			consider(accept.at_ms);
	if (!at)
		return std::nullopt;
	return std::chrono::milliseconds(*at > now_ms_ ? *at - now_ms_ : 0);
}

void Shard::post(std::function<void(Shard &)> task)
{
	{
		const std::lock_guard guard(tasks_lock_);

		tasks_.push_back(std::move(task));
		tasks_waiting_.store(true);
	}
	engine_->wake();
}

void Shard::run_tasks()
{
	std::vector<std::function<void(Shard &)>> tasks;

	if (!tasks_waiting_.load(std::memory_order_relaxed))
		return;
	{
		const std::lock_guard guard(tasks_lock_);

		tasks.swap(tasks_);
		tasks_waiting_.store(false);
	}
	for (const auto &task : tasks)
		task(*this);
}

void Shard::wake(unsigned shard)
{
	Shard &other = *shards_[shard];

	/* Pairs with step(): the message was stored before. */
	std::atomic_thread_fence(std::memory_order_seq_cst);
	if (other.sleeping_.load(std::memory_order_relaxed))
		other.engine_->wake();
}

void Shard::turn()
{
	more_turns_ = false;
	for (const auto &handler : handlers_)
		more_turns_ |= handler->turn(turn_budget);
}

std::optional<Stream> Shard::find(Ticket ticket)
{
	if (ticket.slot >= connections_.touched())
		return std::nullopt;

	const Connection &c = connections_[ticket.slot];

	if (!c.open() || c.closing || c.generation != ticket.generation)
		return std::nullopt;
	return Stream(*this, ticket.slot);
}

void Shard::resume(Ticket ticket)
{
	if (!find(ticket))
		return;
	connections_[ticket.slot].paused = false;
	make_ready(ticket.slot);
}

void Shard::accept_or_stop()
{
	const bool wanted = !draining_ && connections_.active() < limits_.connections_max;

	for (uint32_t index = 0; index < accepts_.size(); index++) {
		Accept &accept = accepts_[index];

		if (wanted && !accept.armed && now_ms_ >= accept.at_ms) {
			accept.armed = true;
			engine_->accept(index, accept.fd.get());
		} else if (!wanted && accept.armed && !accept.stopping &&
			   !(draining_ && accepted_any_)) {
			/* Who drains first takes what is in the queue already. */
			accept.stopping = true;
			engine_->stop_accept(index);
		} else if (draining_ && !accept.armed) {
			accept.fd.reset();
		}
	}
}

void Shard::accepted(uint32_t listener, int fd)
{
	const uint32_t slot = connections_.take(fd);

	look_at_clock();
	accepted_any_ = true;
	counters_.accepted.add();
	if (slot == Connection::none) {
		engine_->refuse(fd);
		return;
	}

	Connection &c = connections_[slot];

	c.listener = static_cast<uint8_t>(listener);
	c.received_ms = c.sent_ms = static_cast<uint32_t>(now_ms_);
	counters_.connections.set(connections_.active());
	if (const auto here = engine_->came_by(slot, config_.cpu))
		(*here ? counters_.local : counters_.remote).add();
	if (state_size_)
		std::memset(states_->data() + size_t{slot} * state_size_, 0, state_size_);
	handler(c).opened(Stream(*this, slot));
	if (!c.closing)
		handler(c).writable(Stream(*this, slot));
	settle(slot);
}

void Shard::accept_ended(uint32_t listener, int error)
{
	Accept &accept = accepts_[listener];

	accept.armed = false;
	accept.stopping = false;
	switch (error) {
	case 0:
	case ECANCELED:
	case ECONNABORTED:
	case EINTR:
		return;
	case EBADF:
	case EINVAL:
	case ENOTSOCK:
		throw_errno(error, "accept", "the listening socket no longer listens");
	default:
		/* EMFILE, ENFILE, ENOMEM and the network errors that accept(2)
		 * passes on: trying again at once would spin.
		 */
		look_at_clock();
		counters_.accept_failed.add();
		accept.at_ms = now_ms_ + accept_retry_ms;
	}
}

void Shard::received(uint32_t slot, const Segment &segment)
{
	Connection &c = connections_[slot];

	look_at_clock();
	counters_.bytes_in.add(segment.length);
	c.bytes_in += segment.length;
	c.received_ms = static_cast<uint32_t>(now_ms_);
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
	counters_.parked.add();
	connections_[slot].parked_ns = now_ns_;
	line_.push(slot);
}

/* As many receives as there are buffers, in the order of waiting. */
void Shard::serve_line()
{
	for (uint32_t n = buffers_left(); n && !line_.empty(); n--) {
		const uint32_t slot = line_.pop();
		const Connection &c = connections_[slot];

		counters_.park_ns.add(now_ns_ - c.parked_ns);
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

void Shard::closed(uint32_t slot)
{
	Connection &c = connections_[slot];

	look_at_clock();
	handler(c).closed(Stream(*this, slot));
	if (c.thirsty)
		std::erase(thirsty_, slot);
	connections_.release(slot);
	counters_.connections.set(connections_.active());
	/* A descriptor is free again: accept need not wait for its retry. */
	for (Accept &accept : accepts_)
		accept.at_ms = now_ms_;
}

} // namespace lanes
