// SPDX-License-Identifier: GPL-2.0-only
#include <exception>
#include <format>

#include <cerrno>
#include <csignal>
#include <cstdio>

#include <sched.h>
#include <sys/resource.h>

#include "common/cpus.h"
#include "common/error.h"
#include "handoff/options.h"
#include "handoff/server.h"

namespace {

using namespace lanes;

void use_cpus(const std::vector<int> &cpus)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int cpu : cpus)
		CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		throw_errno(errno, "sched_setaffinity", "choose CPUs that are online");
}

void serve(const handoff::Options &options)
{
	sigset_t signals;
	rlimit limit{};
	int signal;

	sigemptyset(&signals);
	for (int end : {SIGTERM, SIGINT})
		sigaddset(&signals, end);
	pthread_sigmask(SIG_BLOCK, &signals, nullptr);
	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	use_cpus(options.cpus);

	const handoff::Server server(options.listen, options.workers);

	std::printf("lanes-handoff: ready, 1 poller and %u worker%s on %s\n", options.workers,
		    options.workers == 1 ? "" : "s", server.where().to_string().c_str());
	std::fflush(stdout);
	sigwait(&signals, &signal);
}

} // namespace

int main(int argc, char **argv)
{
	try {
		const auto parsed = handoff::parse_options(argc, argv, allowed_cpus());

		if (const auto *help = std::get_if<std::string>(&parsed))
			std::fputs(help->c_str(), stdout);
		else
			serve(std::get<handoff::Options>(parsed));
		return 0;
	} catch (const UsageError &error) {
		std::fprintf(stderr, "lanes-handoff: %s\n", error.what());
		return 2;
	} catch (const std::exception &error) {
		std::fprintf(stderr, "lanes-handoff: %s\n", error.what());
		return 1;
	}
}
