// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANESD_SERVER_H
#define LANES_LANESD_SERVER_H

#include <atomic>
#include <exception>
#include <future>
#include <latch>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/fd.h"
#include "engine/counters.h"
#include "engine/shard.h"
#include "lanesd/figures.h"
#include "lanesd/rates.h"

namespace lanes {

/** The shards, each on a thread of its own that is bound to its CPU. */
class Server {
public:
	using Clock = Shard::Clock;

	/** A shard for each of @cpus, all like @config but for index and cpu.
	 *  Returns when every one has armed accept. What @config refers to
	 *  outlives this, but for the listening sockets.
	 */
	Server(const ShardConfig &config, const std::vector<int> &cpus);
	Server(const Server &) = delete;
	Server &operator=(const Server &) = delete;
	/** Cuts off all connections, and waits for the threads. */
	~Server();

	/** Readable when another shard has ended. */
	int ended_fd() const { return ended_fd_.get(); }
	/** Whether all have. */
	bool ended() const;
	/** Makes ended_fd() unreadable. */
	void note_ended();
	/** Whether one has, by a failure; rethrow() throws it. */
	bool failed() const { return failed_; }
	void rethrow() const;

	/* Of all shards, and from any thread while this lives. */
	/** As those of Shard. */
	void drain(Clock::time_point deadline,
		   std::optional<Clock::time_point> accept_until = std::nullopt);
	void close(int name, Clock::time_point until);
	/** Accepts from @fd, too, which is its name for close(), and may be
	 *  closed. Throws if a shard cannot; then nothing has changed.
	 */
	void open(int fd, Service &service);
	void set_limits(const Limits &limits);
	std::vector<ShardFigures> figures() const;
	/** Throws if a shard does not answer. */
	ConnectionsSnapshot connections() const;

	/** Whether every shard has ticked since the last call, or has ended. Of
	 *  one thread, at intervals in which a tick must fit.
	 */
	bool ticking();

private:
	struct Worker {
		int cpu = -1;
		Counters counters;
		std::promise<void> constructed;
		std::promise<void> started;
		std::exception_ptr failure;
		std::atomic<bool> ticked{true};
		std::atomic<bool> ended{false};
		std::thread thread;
	};

	/** What each shard answers to @question(shard, done), by done(answer);
	 *  throws if one does not answer.
	 */
	template <typename Answer, typename Question>
	std::vector<Answer> ask(const Question &question) const;
	void serve(size_t index, ShardConfig config);
	void run(Worker &worker, Shard &shard);
	void start(const ShardConfig &config);
	void give_up();
	void join();

	Fd ended_fd_;
	std::vector<Worker> workers_;
	std::vector<Shard *> shards_;
	/** Opened when shards_ is complete, or never will be. */
	std::latch go_{1};
	/** Opened when no shard runs: another one's wake() may come till then. */
	std::latch end_{1};
	std::atomic<bool> failed_{false};
	std::atomic<bool> abandoned_{false};
};

} // namespace lanes

#endif
