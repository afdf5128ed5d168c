// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_ENGINE_URING_H
#define LANES_ENGINE_URING_H

#include <vector>

#include "common/fd.h"
#include "engine/buffer_ring.h"
#include "engine/factory.h"
#include "engine/ring.h"

namespace lanes {

/** Completions: one ring for all a shard does, and one system call for each
 *  batch of it.
 */
class UringEngine : public Engine {
public:
	UringEngine(const EngineConfig &config, Connections &connections, Memory &memory,
		    EngineEvents &events, Counters &counters);

	void accept(uint32_t listener, int fd) override;
	void stop_accept(uint32_t listener) override;
	void refuse(int fd) override;
	void receive(uint32_t slot) override;
	bool gathers() const override { return bundle_; }
	void receive_into(uint32_t slot, std::span<std::byte> memory) override;
	void stop_receive(uint32_t slot) override;
	ssize_t send(uint32_t slot, std::span<const iovec> parts) override;
	void shutdown(uint32_t slot, int how) override;
	bool has_input(uint32_t slot) override;
	void close(uint32_t slot) override;
	std::optional<bool> came_by(uint32_t slot, int cpu) override;
	void poll(std::optional<std::chrono::nanoseconds> timeout) override;
	void wake() override;

protected:
	/** @setup: of the ring for all but what a derived engine sends. */
	UringEngine(const EngineConfig &config, const RingSetup &setup, Connections &connections,
		    Memory &memory, EngineEvents &events, Counters &counters);

	/** Queues the send to @ring. */
	void send_by(Ring &ring, uint32_t slot, std::span<const iovec> parts);
	void dispatch(const Completion &completion);
	/** What only a derived engine queues. */
	virtual void on_other(const Completion &) {}

	Connections &connections_;
	EngineEvents &events_;
	Counters &counters_;
	Ring ring_;
	BufferRing buffers_;

private:
	struct Listener {
		int fd = -1;
		bool armed = false;
		bool stopping = false;
	};

	bool has(Feature feature) const { return config_.features->has(feature); }
	void arm_accept(uint32_t index);
	void cancel_accept(uint32_t index);
	void arm_wake();
	void on_accept(const Completion &completion);
	void on_accept_cancel(uint32_t index, int result);
	void on_receive(const Completion &completion);
	void on_fill(uint32_t slot, int result);
	void end_receive(uint32_t slot, int error);
	void on_send(const Completion &completion);

	const EngineConfig config_;
	const bool bundle_;
	std::vector<Listener> listeners_;
	/* Of zero-copy sends whose memory the kernel still reads. */
	std::vector<int32_t> results_;
	/* The last poll() found so many completions that more are sure to
	 * follow at once.
	 */
	bool crowded_ = false;
	Fd wake_;
	uint64_t wake_value_ = 0;
};

} // namespace lanes

#endif
