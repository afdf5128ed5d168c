// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BENCH_THREAD_H
#define LANES_BENCH_THREAD_H

#include <exception>
#include <thread>
#include <vector>

#include <cstdio>
#include <cstdlib>

namespace lanes {

/** A thread that fails ends them all: nobody would wake the others. */
template <typename Body> void start(std::vector<std::jthread> &threads, Body body)
{
	threads.emplace_back([body] {
		try {
			body();
		} catch (const std::exception &error) {
			std::fprintf(stderr, "lanes-bench: %s\n", error.what());
			std::_Exit(1);
		}
	});
}

} // namespace lanes

#endif
