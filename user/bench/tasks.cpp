// SPDX-License-Identifier: GPL-2.0-only
#include "bench/tasks.h"

#include <format>
#include <fstream>
#include <stdexcept>
#include <string>

#include <unistd.h>

namespace lanes {
namespace {

uint64_t migrations_of(pid_t tid)
{
	std::ifstream file(std::format("/proc/self/task/{}/sched", tid));
	std::string line;

	while (std::getline(file, line))
		if (line.starts_with("se.nr_migrations"))
			return std::stoull(line.substr(line.find(':') + 1));
	throw std::runtime_error(
		"no se.nr_migrations in /proc/self/task/TID/sched: a kernel without SCHED_DEBUG");
}

} // namespace

void Tasks::add_caller()
{
	const std::lock_guard lock(mutex_);

	tids_.push_back(gettid());
}

uint64_t Tasks::migrations() const
{
	const std::lock_guard lock(mutex_);
	uint64_t sum = 0;

	for (pid_t tid : tids_)
		sum += migrations_of(tid);
	return sum;
}

} // namespace lanes
