// SPDX-License-Identifier: GPL-2.0-only
#include "compare/probe.h"

#include <algorithm>
#include <array>

#include "common/cpus.h"
#include "compare/gauge.h"

namespace lanes::compare {
namespace {

constexpr unsigned burst = 200;
constexpr size_t bursts = 9;
constexpr unsigned stop = ~0U;

void await(const std::atomic<unsigned> &ball, unsigned value)
{
	while (ball.load(std::memory_order_acquire) != value)
		;
}

} // namespace

Probe::Probe(int cpu) : other_([this, cpu] { answer(cpu); }) {}

Probe::~Probe()
{
	rounds_.store(stop);
	rounds_.notify_one();
	other_.join();
}

void Probe::answer(int cpu)
{
	unsigned seen = 0;

	pin_to_cpu(cpu);
	for (;;) {
		rounds_.wait(seen);
		seen = rounds_.load();
		if (seen == stop)
			return;
		/* One for being awake, then those that are measured. */
		for (unsigned i = 0; i <= burst * bursts; i++) {
			await(ball_, 2 * i + 1);
			ball_.store(2 * i + 2, std::memory_order_release);
		}
	}
}

double Probe::measure()
{
	std::array<double, bursts> ways;
	unsigned ball = 0;
	const auto round = [&] {
		ball_.store(ball + 1, std::memory_order_release);
		await(ball_, ball += 2);
	};

	ball_.store(0);
	rounds_.fetch_add(1);
	rounds_.notify_one();
	round();
	for (double &way : ways) {
		const int64_t start = now_ns();

		for (unsigned i = 0; i < burst; i++)
			round();
		way = static_cast<double>(now_ns() - start) / (2.0 * burst);
	}
	std::ranges::nth_element(ways, ways.begin() + bursts / 2);
	return ways[bursts / 2];
}

} // namespace lanes::compare
