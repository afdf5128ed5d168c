// SPDX-License-Identifier: GPL-2.0-only
#include <cstdio>
#include <exception>

#include "common/cpus.h"
#include "common/error.h"
#include "lanesd/daemon.h"
#include "lanesd/options.h"

namespace {

using namespace lanes;

void run(int argc, char **argv)
{
	const std::vector<int> cpus = allowed_cpus();
	const auto parsed = parse_options(argc, argv, cpus);

	if (const auto *help = std::get_if<Help>(&parsed)) {
		std::fputs(help->text.c_str(), stdout);
		return;
	}

	const auto &options = std::get<Options>(parsed);

	if (options.check_config) {
		std::puts("lanesd: config ok");
		return;
	}
	Daemon(options, [=] { return std::get<Options>(parse_options(argc, argv, cpus)); }).run();
}

} // namespace

int main(int argc, char **argv)
{
	try {
		run(argc, argv);
		return 0;
	} catch (const UsageError &error) {
		std::fprintf(stderr, "lanesd: %s\n", error.what());
		return 2;
	} catch (const std::exception &error) {
		std::fprintf(stderr, "lanesd: %s\n", error.what());
		return 1;
	}
}
