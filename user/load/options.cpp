// SPDX-License-Identifier: GPL-2.0-only
#include "load/options.h"

#include <CLI/CLI.hpp>

#include "common/error.h"

namespace lanes {

std::variant<LoadPlan, std::string> parse_load_options(int argc, const char *const *argv,
						       const std::vector<int> &allowed)
{
	std::string target;
	unsigned clients = static_cast<unsigned>(allowed.size());
	uint32_t connections = 200;
	uint32_t interval_us = 5000;
	uint32_t timeout_ms = 2000;

	CLI::App app("Opens connections to an echo server at a fixed rate from every CPU.",
		     "lanesload");
	app.add_option("target", target, "ADDR:PORT or [ADDR6]:PORT")->required();
	app.add_option("--clients", clients,
		       "Number of clients; default: every CPU of the affinity mask")
		->check(CLI::Range(1U, static_cast<unsigned>(allowed.size())));
	app.add_option("--connections", connections, "Connections of each client")
		->check(CLI::Range(1U, 10'000'000U))
		->capture_default_str();
	app.add_option("--interval-us", interval_us,
		       "Microseconds between two of a client's starts")
		->capture_default_str();
	app.add_option("--timeout-ms", timeout_ms, "A connection without its echo by then is stuck")
		->check(CLI::Range(1U, 3'600'000U))
		->capture_default_str();

	try {
		app.parse(argc, argv);
	} catch (const CLI::CallForHelp &) {
		return app.help() + "\n";
	} catch (const CLI::ParseError &error) {
		throw UsageError(error.what());
	}
	return LoadPlan{
		.target = Endpoint::parse(target),
		.cpus = {allowed.begin(), allowed.begin() + clients},
		.connections = connections,
		.interval = std::chrono::microseconds(interval_us),
		.timeout = std::chrono::milliseconds(timeout_ms),
	};
}

} // namespace lanes
