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
	void close(uint32_t slot) override;
	void ask_cpu(uint32_t slot) override;
	void ask_input(uint32_t slot) override;
	void ask_peer(uint32_t slot, sockaddr_storage &address) override;
	void poll(std::optional<std::chrono::nanoseconds> timeout) override;
	void wake() override;

protected:
	/** @setup: of the ring for all but what a derived engine sends. */
	UringEngine(const EngineConfig &config, const RingSetup &setup, Connections &connections,
		    Memory &memory, EngineEvents &events, Counters &counters);

	/** Queues the send to @ring, which must be ring_ if direct_. */
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
	bool take_files(uint32_t count);
	template <typename Prepare>
	void queue(Ring &ring, Operation operation, uint32_t slot, Prepare &&prepare)
	{
		ring.queue(connections_.token(operation, slot), [&](io_uring_sqe *sqe) {
			prepare(sqe);
			if (direct_)
				sqe->flags |= IOSQE_FIXED_FILE;
		});
	}
	template <typename Prepare>
	void queue(Operation operation, uint32_t slot, Prepare &&prepare)
	{
		queue(ring_, operation, slot, prepare);
	}
	template <typename Prepare> void ask(Operation operation, uint32_t slot, Prepare &&prepare)
	{
		connections_[slot].asking++;
		queue(operation, slot, prepare);
	}
	void ask_peer_of(uint32_t slot, Operation operation, int length);
	void on_answer(const Completion &completion);
	void on_peer(uint32_t slot, int result);
	void answered(uint32_t slot);
	void queue_close(uint32_t slot);
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
	/* Connections have no descriptors, but places in a table of the ring. */
	const bool direct_;
	std::vector<Listener> listeners_;
	/* Where answers to ask_peer() go, if it was ever asked. */
	std::vector<sockaddr_storage *> peers_;
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
