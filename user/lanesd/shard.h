// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANESD_SHARD_H
#define LANES_LANESD_SHARD_H

#include <chrono>
#include <optional>

#include <cstdint>

#include "lanesd/buffers.h"
#include "lanesd/connection.h"
#include "lanesd/counters.h"
#include "lanesd/ring.h"

namespace lanes {

struct ShardConfig {
	int cpu;
	int listen_fd;
	/** Readable when the shard shall stop. */
	int stop_fd;
	uint32_t connections_max;
	uint32_t buffers;
};

/**
 * One CPU's part of the server: its ring, its connections, its buffers. Made
 * and run by one thread that is bound to the CPU.
 */
class Shard {
public:
	Shard(const ShardConfig &config, Counters &counters);

	/** Arms accept. */
	void start();
	/** Serves until stop_fd is readable. */
	void run();

private:
	using Clock = std::chrono::steady_clock;

	void step();
	void dispatch(const io_uring_cqe &cqe);
	std::optional<std::chrono::nanoseconds> timeout() const;

	void accept();
	void accept_or_pause();
	void on_accept(const io_uring_cqe &cqe);
	void admit(int fd);

	void receive(uint32_t slot);
	void on_receive(uint32_t slot, const io_uring_cqe &cqe);
	void receive_or_park(uint32_t slot);
	void pause(uint32_t slot);
	void serve_line();

	void send(uint32_t slot);
	void on_send(uint32_t slot, int result);
	void drop_head(Connection &connection);

	void close(uint32_t slot);
	void close_if_idle(uint32_t slot);
	void on_close(uint32_t slot);
	void close_stalled();
	void stop();

	void cancel(Token aim);
	void on_cancel(Token token, int result);

	const ShardConfig config_;
	Counters &counters_;
	Ring ring_;
	Buffers buffers_;
	BufferLinks links_;
	Connections connections_;
	BufferLine line_;

	Clock::time_point now_ = Clock::now();
	Clock::time_point accept_at_{};
	Clock::time_point stall_check_at_{};
	bool accepting_ = false;
	bool accept_pausing_ = false;
	bool stopping_ = false;
};

} // namespace lanes

#endif
