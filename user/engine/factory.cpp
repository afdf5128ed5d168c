// SPDX-License-Identifier: GPL-2.0-only
#include "engine/factory.h"

#include "common/cpus.h"
#include "engine/epoll.h"
#include "engine/hybrid.h"
#include "engine/send_threads.h"
#include "engine/sqpoll.h"
#include "engine/uring.h"

namespace lanes {

namespace {

/* A kernel thread may run where the thread may that makes its ring. */
std::unique_ptr<Engine> make_sqpoll(const EngineConfig &config, Connections &connections,
				    Memory &memory, EngineEvents &events, Counters &counters)
{
	const std::vector<int> here = allowed_cpus();

	if (!config.thread_cpus.empty())
		run_on_cpus(config.thread_cpus);

	auto engine = std::make_unique<SqpollEngine>(config, connections, memory, events, counters);

	run_on_cpus(here);
	return engine;
}

} // namespace

std::unique_ptr<SendThreads, void (*)(SendThreads *)> make_send_threads(unsigned count)
{
	return {new SendThreads(count), [](SendThreads *threads) { delete threads; }};
}

MemorySizes engine_memory(const EngineConfig &, uint32_t buffers)
{
	return {.buffers = buffers};
}

std::unique_ptr<Engine> make_engine(const EngineConfig &config, Connections &connections,
				    Memory &memory, EngineEvents &events, Counters &counters)
{
	switch (config.kind) {
	case EngineKind::uring:
		return std::make_unique<UringEngine>(config, connections, memory, events, counters);
	case EngineKind::uring_sqpoll:
		return make_sqpoll(config, connections, memory, events, counters);
	case EngineKind::uring_hybrid:
		return std::make_unique<HybridEngine>(config, connections, memory, events,
						      counters);
	case EngineKind::epoll:
		break;
	}
	return std::make_unique<EpollEngine>(config, connections, memory, events, counters);
}

} // namespace lanes
