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

constexpr uint64_t accept_retry_ms = 100;
/* Messages and the like of other shards in a tick. */
constexpr unsigned turn_budget = 256;

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
	  connections_(slots(config.connections_max)), line_(connections_)
{
	read_clock();
	for (const ShardListener &listener : config.listeners) {
		Fd fd(fcntl(listener.fd, F_DUPFD_CLOEXEC, 0));

		if (!fd)
			throw_errno(errno, "duplicating a listening socket",
				    "raise the limit of open files");
		serve(*listener.service);
		open(listener.fd, std::move(fd), *listener.service);
	}
	for (auto *list : {&ready_, &turns_, &dirty_, &thirsty_})
		list->reserve(connections_.capacity());
	engine_ = make_engine(config_.engine, connections_, memory_, *this, counters);
}

Shard::~Shard() = default;

void Shard::serve(Service &service)
{
	if (std::ranges::find(served_, &service, &Served::service) != served_.end())
		return;

	Served served{&service, service.handler(*this), 0, nullptr};

	served.state_size = (served.handler->state_size() + 15) / 16 * 16;
	if (served.state_size)
		served.states = std::make_unique<Pages>(served.state_size * connections_.capacity(),
							"use fewer with --connections");
	served_.push_back(std::move(served));
}

uint8_t Shard::number(const Service &service) const
{
	return static_cast<uint8_t>(std::ranges::find(served_, &service, &Served::service) -
				    served_.begin());
}

void *Shard::state_of(uint32_t slot) const
{
	const Served &served = served_[connections_[slot].service];

	return served.states ? served.states->data() + size_t{slot} * served.state_size : nullptr;
}

void Shard::start()
{
	accept_or_stop();
	engine_->poll(0ns);
}

bool Shard::working() const
{
	return connections_.active() ||
	       std::ranges::any_of(accepts_, [](const Accept &a) { return bool(a.fd); });
}

/* Other shards' requests may be for what is kept here. */
bool Shard::all_quiet()
{
	quiet_.store(!working(), std::memory_order_relaxed);
	return std::ranges::all_of(shards_, [](const Shard *shard) {
		return shard->quiet_.load(std::memory_order_relaxed);
	});
}

void Shard::run()
{
	while (!draining_ || (now_ms_ < drain_until_ms_ && !all_quiet()))
		step();
	ending_ = true;
	for (uint32_t slot = 0; slot < connections_.touched(); slot++)
		if (connections_[slot].open())
			abort(slot);
	/* Whatever is in flight ends at once now: its socket is shut down. */
	drain_until_ms_ = now_ms_ + 1000;
	while (working() && now_ms_ < drain_until_ms_)
		step();
	quiet_.store(true, std::memory_order_relaxed);
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
	run_tasks();
	accept_or_stop();
}

bool Shard::work_left()
{
	return tasks_waiting_.load() || look_.load() ||
	       std::ranges::any_of(served_, [](const Served &s) { return s.handler->pending(); });
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
	for (const Accept &accept : accepts_) {
		if (!accept.fd)
			continue;
		if (accept.closing && accept.close_at_ms > now_ms_)
			consider(accept.close_at_ms);
		if (!accept.armed && connections_.active() < limits_.connections_max)
			consider(accept.at_ms);
	}
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
	for (const Served &served : served_)
		more_turns_ |= served.handler->turn(turn_budget);
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
	const bool room = connections_.active() < limits_.connections_max;
	const bool look = look_.load(std::memory_order_relaxed) && look_.exchange(false);

	for (uint32_t index = 0; index < accepts_.size(); index++) {
		Accept &accept = accepts_[index];

		if (!accept.fd)
			continue;

		const bool no_more = over(accept, room);

		if (no_more && !accept.armed) {
			accept = {};
		} else if (room && !no_more && !accept.armed && now_ms_ >= accept.at_ms) {
			accept.armed = true;
			engine_->accept(index, accept.fd.get());
		} else if ((!room || no_more || look) && accept.armed && !accept.stopping) {
			accept.stopping = true;
			engine_->stop_accept(index);
		}
	}
}

/* This shard has no room for a connection that only its accept, now cancelled, was
 * woken for. An accept that is armed anew takes what waits.
 */
void Shard::tell_others_to_look()
{
	for (Shard *other : shards_) {
		if (other == this)
			continue;
		other->look_.store(true);
		wake(other->config_.index);
	}
}

void Shard::accepted(uint32_t listener, int fd)
{
	const uint32_t slot = connections_.take(fd);

	look_at_clock();
	counters_.accepted.add();
	if (slot == Connection::none) {
		engine_->refuse(fd);
		return;
	}

	Connection &c = connections_[slot];

	c.service = accepts_[listener].service;
	c.received_ms = c.sent_ms = static_cast<uint32_t>(now_ms_);
	counters_.connections.set(connections_.active());
	engine_->ask_cpu(slot);
	if (void *state = state_of(slot))
		std::memset(state, 0, served_[c.service].state_size);
	handler(c).opened(Stream(*this, slot));
	if (!c.closing)
		handler(c).writable(Stream(*this, slot));
	settle(slot);
}

void Shard::cpu_known(uint32_t, int cpu)
{
	if (cpu >= 0)
		(cpu == config_.cpu ? counters_.local : counters_.remote).add();
}

void Shard::accept_ended(uint32_t listener, int error)
{
	Accept &accept = accepts_[listener];

	accept.armed = false;
	accept.stopping = false;
	switch (error) {
	case ECANCELED:
		if (connections_.active() >= limits_.connections_max && connection_waits(accept))
			tell_others_to_look();
		return;
	case 0:
	case ECONNABORTED:
	case EINTR:
		return;
	case EBADF:
	case EINVAL:
	case ENOTSOCK:
		if (accept.closing) {
			accept = {};
			return;
		}
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
