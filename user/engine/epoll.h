// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_ENGINE_EPOLL_H
#define LANES_ENGINE_EPOLL_H

#include <array>
#include <vector>

#include "common/fd.h"
#include "engine/counters.h"
#include "engine/engine.h"
#include "engine/factory.h"

namespace lanes {

/** Readiness in place of completions: what every kernel can do. Sets O_NONBLOCK
 *  on listening sockets, also of other processes that share them.
 */
class EpollEngine final : public Engine {
public:
	EpollEngine(const EngineConfig &config, Connections &connections, Memory &memory,
		    EngineEvents &events, Counters &counters);

	void accept(uint32_t listener, int fd) override;
	void stop_accept(uint32_t listener) override;
	void refuse(int fd) override;
	void receive(uint32_t slot) override;
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

private:
	/* What one connection may read with one system call beyond a buffer. */
	static constexpr size_t spares_max = 8;

	void watch(uint32_t slot, uint8_t interest);
	void on_accept(uint32_t listener);
	void on_event(uint32_t slot, uint32_t events);
	void read_buffers(uint32_t slot);
	void read_into(uint32_t slot);
	bool fill_spares();
	void report_ends();

	const uint32_t budget_;
	Connections &connections_;
	Memory &memory_;
	EngineEvents &events_;
	Counters &counters_;
	Fd epoll_;
	Fd wake_;
	std::vector<int> listeners_;
	/* Of each slot, for receive_into(). */
	Pages targets_memory_;
	std::span<std::byte> *targets_;

	std::array<uint32_t, spares_max> spares_;
	size_t spare_count_ = 0;
	size_t spares_wanted_;

	/* Reported by the next poll(). */
	struct End {
		uint32_t slot;
		int error;
	};
	std::vector<uint32_t> stopped_accepts_;
	std::vector<End> ended_;
	std::vector<uint32_t> closed_;
};

} // namespace lanes

#endif
