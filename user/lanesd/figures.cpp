// SPDX-License-Identifier: GPL-2.0-only
#include "lanesd/figures.h"

#include <filesystem>
#include <fstream>
#include <system_error>

#include <sys/resource.h>
#include <unistd.h>

namespace lanes {
namespace {

double seconds(const timeval &time)
{
	return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

uint64_t resident_bytes()
{
	std::ifstream statm("/proc/self/statm");
	uint64_t all = 0, resident = 0;

	statm >> all >> resident;
	return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

uint64_t open_descriptors()
{
	std::error_code error;
	std::filesystem::directory_iterator fds("/proc/self/fd", error);

	return error ? 0 : static_cast<uint64_t>(std::distance(begin(fds), end(fds)));
}

} // namespace

uint64_t ShardFigures::get(Counter Counters::*counter) const
{
	for (size_t i = 0; i < values.size(); i++)
		if (counter_infos[i].counter == counter)
			return values[i];
	return 0;
}

void ShardFigures::add(const ShardFigures &other)
{
	for (size_t i = 0; i < values.size(); i++)
		values[i] += other.values[i];
	park_ns.merge(other.park_ns);
	if (!other.lane)
		return;
	if (!lane)
		lane.emplace();
	lane->add(*other.lane);
}

ShardFigures take_figures(int cpu, const Counters &counters)
{
	ShardFigures figures;

	figures.cpu = cpu;
	for (size_t i = 0; i < counter_infos.size(); i++)
		figures.values[i] = (counters.*counter_infos[i].counter).get();
	figures.park_ns.merge(counters.park_ns);
	return figures;
}

ShardFigures ServerFigures::total() const
{
	ShardFigures sum;

	for (const ShardFigures &shard : shards)
		sum.add(shard);
	return sum;
}

ProcessFigures take_process_figures()
{
	rusage usage{};

	getrusage(RUSAGE_SELF, &usage);
	return {
		.resident_bytes = resident_bytes(),
		.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime),
		.descriptors = open_descriptors(),
	};
}

} // namespace lanes
