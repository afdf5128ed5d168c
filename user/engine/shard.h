// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_ENGINE_SHARD_H
#define LANES_ENGINE_SHARD_H

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <cstdint>

#include <sys/socket.h>

#include "common/fd.h"
#include "engine/connection.h"
#include "engine/counters.h"
#include "engine/engine.h"
#include "engine/factory.h"
#include "service/service.h"

namespace lanes {

/** What may change while the server runs. Times in milliseconds, 0: no limit. */
struct Limits {
	/** Without a byte in either direction, between requests. */
	uint32_t idle_timeout_ms = 0;
	/** From the first byte of a request to its last. */
	uint32_t request_timeout_ms = 30'000;
	/** Output is queued and the peer takes none. */
	uint32_t slow_timeout_ms = 60'000;
	/** The same, while others wait for memory. */
	uint32_t stall_timeout_ms = 10'000;
	uint32_t connections_max = 4096;
};

struct ShardListener {
	/** Duplicated; also what Shard::close() calls it. */
	int fd;
	Service *service;
};

struct ShardConfig {
	unsigned index = 0;
	int cpu = 0;
	EngineConfig engine;
	std::vector<ShardListener> listeners;
	Limits limits;
	/** Slots: Limits::connections_max can never be more. */
	uint32_t connections_max = 4096;
	uint32_t buffers = 1024;
	/** Bytes of a connection's input that a tick hands to its service. */
	uint32_t budget = 65536;
	/** Queued output at which a connection's service must stop, and from
	 *  which it may go on.
	 */
	uint32_t output_high = 262144;
	uint32_t output_low = 65536;
};

/** For whoever asks which connection does what. */
struct ConnectionReport {
	uint32_t slot;
	uint32_t generation;
	std::string peer;
	std::string service;
	uint64_t bytes_in;
	uint64_t bytes_out;
	uint64_t queued;
	uint32_t idle_ms;
	bool parked;
};

/**
 * One CPU's part of the server: its engine, its connections, its memory. Made
 * and run by one thread that is bound to the CPU; only what says so may be
 * called by others.
 */
class Shard final : public Host, private EngineEvents {
public:
	using Clock = std::chrono::steady_clock;

	/** @shards: all of them, complete before the first run(). */
	Shard(const ShardConfig &config, const std::vector<Shard *> &shards, Counters &counters);
	~Shard();

	/** As many as a shard for @connections has, since accept can overshoot. */
	static constexpr uint32_t slots(uint32_t connections) { return connections + 4096; }

	/** Arms accept. */
	void start();
	/** Serves until all shards have drained, or the drain's time is up. */
	void run();

	/** From any thread: @task runs on the shard's thread in its next tick,
	 *  unless run() returns before.
	 */
	void post(std::function<void(Shard &)> task);

	/* For tasks. */
	/** Makes a handler of @service, if there is none. Throws. */
	void serve(Service &service);
	/** Accepts from @fd, too, for a service of serve(); @name is for close(). */
	void open(int name, Fd fd, Service &service);
	/** Accepts what comes until @until, and what is in the queue then. */
	void close(int name, Clock::time_point until);
	/** close() of all, or without @accept_until leaves the queues to others
	 *  that have the sockets, but for what only this one was woken for; run()
	 *  returns when all connections have ended, or cuts them off at @deadline.
	 */
	void drain(Clock::time_point deadline, std::optional<Clock::time_point> accept_until);
	void set_limits(const Limits &limits) { limits_ = limits; }
	/** @done gets them, in this tick or a later one. */
	void report(std::function<void(std::vector<ConnectionReport>)> done);
	const Memory &memory() const { return memory_; }

	/* Host */
	unsigned shard() const override { return config_.index; }
	unsigned shards() const override { return static_cast<unsigned>(shards_.size()); }
	uint64_t now_ms() const override { return now_ms_; }
	std::optional<Stream> find(Ticket ticket) override;
	void resume(Ticket ticket) override;
	/** From any thread. */
	void wake(unsigned shard) override;

private:
	friend class Stream;

	/* EngineEvents */
	void accepted(uint32_t listener, int fd) override;
	void accept_ended(uint32_t listener, int error) override;
	void received(uint32_t slot, const Segment &segment) override;
	void filled(uint32_t slot, size_t length) override;
	void receive_ended(uint32_t slot, int error) override;
	void input_over(uint32_t slot) override;
	void sent(uint32_t slot, ssize_t result) override;
	void closed(uint32_t slot) override;
	void cpu_known(uint32_t slot, int cpu) override;
	void input_known(uint32_t slot, bool waits) override;
	void peer_known(uint32_t slot) override;

	/** A report on its way: @unknown peers are still to be found. */
	struct Report {
		std::function<void(std::vector<ConnectionReport>)> done;
		std::vector<ConnectionReport> connections;
		std::vector<sockaddr_storage> peers;
		size_t unknown = 0;
	};

	struct Served {
		Service *service;
		std::unique_ptr<Handler> handler;
		size_t state_size;
		std::unique_ptr<Pages> states;
	};
	struct Accept {
		/** None: the place is free. */
		Fd fd;
		int name = -1;
		uint8_t service = 0;
		bool armed = false;
		bool stopping = false;
		/** To be closed: then, and when nothing is in the queue, or at
		 *  once.
		 */
		bool closing = false;
		bool left_to_others = false;
		uint64_t close_at_ms = 0;
		/** Not before. */
		uint64_t at_ms = 0;
	};

	bool working() const;
	bool all_quiet();
	void step();
	std::optional<std::chrono::nanoseconds> timeout();
	bool work_left();
	void read_clock();
	void look_at_clock()
	{
		if (!clock_read_)
			read_clock();
	}
	void run_tasks();
	void turn();

	void accept_or_stop();
	bool connection_waits(const Accept &accept) const;
	void tell_others_to_look();
	bool over(const Accept &accept, bool room) const;
	uint64_t to_ms(Clock::time_point time);
	uint8_t number(const Service &service) const;

	Handler &handler(const Connection &c) { return *served_[c.service].handler; }
	void *state_of(uint32_t slot) const;
	void run(uint32_t slot);
	void give_input(uint32_t slot, Connection &c);
	void note_request(uint32_t slot, Connection &c, bool replied);
	void settle(uint32_t slot);
	void serve_ready();
	void make_ready(uint32_t slot);
	void wait_for_memory(uint32_t slot);
	void serve_thirsty();

	void receive(uint32_t slot);
	bool sends_much(const Connection &c) const;
	void hold_back(uint32_t slot);
	uint32_t buffers_left() const;
	uint64_t input_max() const;
	void park(uint32_t slot);
	void serve_line();

	bool full(const Connection &c) const;
	void queued(uint32_t slot);
	void overrun(uint32_t slot);
	void flush();
	void send(uint32_t slot);
	void took(uint32_t slot, ssize_t result);

	void finish(uint32_t slot);
	void linger(uint32_t slot);
	void abort(uint32_t slot);
	void close_if_quiet(uint32_t slot);

	void sweep();
	void check(uint32_t slot);
	void end_if_idle(uint32_t slot);
	bool idle(uint32_t slot);
	void begin_report();
	void end_report();
	Counter *overdue(uint32_t slot, const Connection &c);

	const ShardConfig config_;
	const std::vector<Shard *> &shards_;
	Counters &counters_;
	Limits limits_;
	Memory memory_;
	Connections connections_;
	BufferLine line_;
	std::vector<Served> served_;
	std::vector<Accept> accepts_;
	std::unique_ptr<Engine> engine_;

	/* Slots with input that a tick's budget left, with output to send, and
	 * with a service that waits for memory.
	 */
	std::vector<uint32_t> ready_;
	std::vector<uint32_t> turns_;
	std::vector<uint32_t> dirty_;
	std::vector<uint32_t> thirsty_;

	uint64_t now_ns_ = 0;
	uint64_t now_ms_ = 0;
	bool clock_read_ = false;
	uint32_t tick_ = 1;
	bool more_turns_ = false;
	uint64_t sweep_at_ms_ = 0;
	uint32_t sweep_slot_ = 0;

	bool draining_ = false;
	/* Cuts off what is left. */
	bool ending_ = false;
	uint64_t drain_until_ms_ = 0;
	/* Drains and has no connection; of any thread to read. */
	std::atomic<bool> quiet_{false};

	/* The first is under way. */
	std::deque<Report> reports_;

	std::atomic<bool> sleeping_{false};
	/* Accept must be armed anew; of any thread to set. */
	std::atomic<bool> look_{false};
	std::atomic<bool> tasks_waiting_{false};
	/* Protects tasks_. */
	std::mutex tasks_lock_;
	std::vector<std::function<void(Shard &)>> tasks_;
};

} // namespace lanes

#endif
