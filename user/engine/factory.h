// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_ENGINE_FACTORY_H
#define LANES_ENGINE_FACTORY_H

#include <memory>
#include <vector>

#include "engine/counters.h"
#include "engine/engine.h"
#include "engine/features.h"

namespace lanes {

/** The kernel threads that the send rings of all shards share. */
class SendThreads;

struct EngineConfig {
	EngineKind kind = EngineKind::epoll;
	const Features *features = nullptr;
	/** Most connections of the shard. */
	uint32_t connections_max = 4096;
	/** Bytes that one connection may receive in a poll(). */
	uint32_t budget = 65536;
	/** uring-sqpoll: shared by all shards, and how long a polling thread,
	 *  the kernel's or ours, runs before it sleeps; 0: ours never polls.
	 */
	SendThreads *send_threads = nullptr;
	uint32_t poll_idle_us = 1000;
	/** Where the kernel's receiving thread may run; empty: where its shard does. */
	std::vector<int> thread_cpus;
	/** Sends of at least as many bytes are zero-copy, where that works;
	 *  0: none.
	 */
	uint32_t zero_copy_min = 0;
};

/** For uring-sqpoll: @count kernel threads; 0: the one that receives sends too. */
std::unique_ptr<SendThreads, void (*)(SendThreads *)> make_send_threads(unsigned count);

/** What suits the engine: size and number of its receive buffers. @buffers: as
 *  many as the user wants, of 2 KiB.
 */
MemorySizes engine_memory(const EngineConfig &config, uint32_t buffers);

/** Throws if it cannot work after all. All references outlive the engine. */
std::unique_ptr<Engine> make_engine(const EngineConfig &config, Connections &connections,
				    Memory &memory, EngineEvents &events, Counters &counters);

} // namespace lanes

#endif
