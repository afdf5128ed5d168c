// SPDX-License-Identifier: GPL-2.0-only
#include "common/cpus.h"

#include <memory>

#include <cerrno>

#include <sched.h>

#include "common/error.h"

namespace lanes {
namespace {

/* The kernel refuses a mask shorter than its own; nobody knows its size. */
constexpr int max_cpus = 8192;

struct FreeCpuSet {
	void operator()(cpu_set_t *set) const { CPU_FREE(set); }
};

using CpuSet = std::unique_ptr<cpu_set_t, FreeCpuSet>;

CpuSet make_cpu_set()
{
	CpuSet set(CPU_ALLOC(max_cpus));

	if (!set)
		throw std::bad_alloc();
	CPU_ZERO_S(CPU_ALLOC_SIZE(max_cpus), set.get());
	return set;
}

} // namespace

std::vector<int> allowed_cpus()
{
	const size_t size = CPU_ALLOC_SIZE(max_cpus);
	CpuSet set = make_cpu_set();
	std::vector<int> cpus;

	if (sched_getaffinity(0, size, set.get()))
		throw_errno(errno, "sched_getaffinity");
	for (int cpu = 0; cpu < max_cpus; cpu++)
		if (CPU_ISSET_S(static_cast<size_t>(cpu), size, set.get()))
			cpus.push_back(cpu);
	return cpus;
}

void run_on_cpus(const std::vector<int> &cpus)
{
	const size_t size = CPU_ALLOC_SIZE(max_cpus);
	CpuSet set = make_cpu_set();

	for (const int cpu : cpus)
		CPU_SET_S(static_cast<size_t>(cpu), size, set.get());
	if (sched_setaffinity(0, size, set.get()))
		throw_errno(errno,
			    std::format("sched_setaffinity to {} CPUs, the first {}", cpus.size(),
					cpus.empty() ? -1 : cpus.front()),
			    "choose CPUs that are online and in the cpuset");
}

void pin_to_cpu(int cpu)
{
	run_on_cpus({cpu});
}

} // namespace lanes
