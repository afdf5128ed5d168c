// SPDX-License-Identifier: GPL-2.0-only
/* For tests: an engine without a shard, on loopback sockets. */
#ifndef LANES_ENGINE_ENGINE_FIXTURE_H
#define LANES_ENGINE_ENGINE_FIXTURE_H

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <cstdint>

#include <sys/types.h>
#include <sys/uio.h>

#include <gtest/gtest.h>

#include "common/fd.h"
#include "engine/factory.h"

namespace lanes {

using namespace std::chrono_literals;

const Features &features();

std::string pattern(size_t length, unsigned seed = 0);

/** Notes down what an engine tells. */
struct Recorder : EngineEvents {
	struct Of {
		std::string input;
		size_t pieces = 0;
		std::vector<size_t> filled;
		std::vector<int> ends;
		std::vector<ssize_t> sent;
		unsigned closed = 0;
		std::optional<int> cpu;
		std::optional<bool> input_waits;
		unsigned peers = 0;
	};

	Recorder(Connections &all, Memory &of_all) : connections(all), memory(of_all) {}

	void accepted(uint32_t listener, int fd) override;
	void accept_ended(uint32_t listener, int error) override
	{
		accept_ends.emplace_back(listener, error);
	}
	void received(uint32_t slot, const Segment &segment) override;
	void filled(uint32_t slot, size_t length) override { of[slot].filled.push_back(length); }
	void receive_ended(uint32_t slot, int error) override { of[slot].ends.push_back(error); }
	void sent(uint32_t slot, ssize_t result) override { of[slot].sent.push_back(result); }
	void closed(uint32_t slot) override;
	void cpu_known(uint32_t slot, int cpu) override { of[slot].cpu = cpu; }
	void input_known(uint32_t slot, bool waits) override { of[slot].input_waits = waits; }
	void peer_known(uint32_t slot) override { of[slot].peers++; }

	Connections &connections;
	Memory &memory;
	std::vector<uint32_t> listeners;
	std::vector<uint32_t> slots;
	std::vector<std::pair<uint32_t, int>> accept_ends;
	std::map<uint32_t, Of> of;
	bool hold = false;
	std::vector<uint32_t> held;
	std::function<void(uint32_t)> on_received;
};

Fd listening_socket(int flags = 0, int family = AF_INET);
Fd connect_to(const Fd &listener);

void put(const Fd &fd, std::string_view text);
/** What the client can read now. */
std::string get(const Fd &fd);
/** Takes little that nobody reads. */
void narrow(const Fd &fd);
bool at_end(const Fd &fd);

iovec part_of(std::string &text);

/** An engine and what it needs. */
class Rig {
public:
	static constexpr auto patience = 20s;

	explicit Rig(EngineKind kind, uint32_t buffers = 256, uint32_t zero_copy_min = 0,
		     const Features &with = features(), uint32_t poll_idle_us = 1000);

	/** Until @done, or until it takes too long. */
	template <typename Done> bool until(Done &&done)
	{
		const auto give_up = std::chrono::steady_clock::now() + patience;

		while (!done()) {
			if (std::chrono::steady_clock::now() > give_up)
				return false;
			engine->poll(20ms);
		}
		return true;
	}
	void settle(std::chrono::milliseconds time = 30ms)
	{
		const auto end = std::chrono::steady_clock::now() + time;

		while (std::chrono::steady_clock::now() < end)
			engine->poll(5ms);
	}

	Connection &at(uint32_t slot) { return connections[slot]; }
	Recorder::Of &of(uint32_t slot) { return events->of[slot]; }

	/** As a shard does: until all of @parts is sent, or it fails. */
	ssize_t send_all(uint32_t slot, std::vector<iovec> parts,
			 const std::function<void()> &meanwhile = {});
	/** Sends until the peer takes no more: a send is in flight, and nothing
	 *  else. The bytes stay.
	 */
	void clog(uint32_t slot);
	bool has_input(uint32_t slot);
	/** Receives again whenever a receive is over. */
	bool receive_all(uint32_t slot, size_t length);
	/** Ends all, and then no buffer may be missing. */
	void finish();

	EngineConfig config;
	Connections connections;
	Counters counters;
	std::optional<Memory> memory;
	std::optional<Recorder> events;
	std::unique_ptr<SendThreads, void (*)(SendThreads *)> threads;
	std::unique_ptr<Engine> engine;
};

/** Of each engine: engine_fixture_test.cpp lists them. */
class EngineTest : public testing::TestWithParam<EngineKind> {
protected:
	/** A connection: the client's end, and its slot. */
	std::pair<Fd, uint32_t> connected(Rig &rig);

	Fd listener_;
};

} // namespace lanes

#endif
