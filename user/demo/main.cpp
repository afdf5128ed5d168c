// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>
#include <chrono>
#include <exception>
#include <filesystem>
#include <format>
#include <map>
#include <string>
#include <vector>

#include <cerrno>
#include <cstdio>

#include <sys/utsname.h>

#include <CLI/CLI.hpp>

#include "common/cpus.h"
#include "common/error.h"
#include "demo/experiment.h"
#include "demo/table.h"

namespace {

using namespace lanes;

/* Of each client: fewer say nothing about shares and percentiles. */
constexpr uint32_t connections_min = 60;

std::string default_lanesd()
{
	return std::filesystem::read_symlink("/proc/self/exe").replace_filename("lanesd");
}

std::string kernel_release()
{
	utsname name{};

	if (uname(&name))
		throw_errno(errno, "uname");
	return name.release;
}

void print(const std::string &text)
{
	std::fputs(text.c_str(), stdout);
	std::fflush(stdout);
}

/* Connections that the clients could not try say nothing about the server. */
void refuse_failed(const LoadResult &load)
{
	if (load.failed)
		throw_errno(load.error,
			    std::format("{} connections could not be tried", load.failed));
}

/* A third of what plain workers serve of a burst: the figures shall be those
 * of a machine with time to spare, however slow it is.
 */
std::chrono::microseconds calibrate(Conditions conditions)
{
	using namespace std::chrono;

	conditions.connections = 100;
	conditions.interval = 0us;
	conditions.timeout = 20s;

	const LoadResult burst = experiment(conditions, Setup::plain, Trouble::none).load;
	const auto each = burst.elapsed / conditions.connections;

	refuse_failed(burst);
	return duration_cast<microseconds>(std::clamp<nanoseconds>(3 * each, 2ms, 40ms));
}

void describe(const Conditions &c)
{
	using Seconds = std::chrono::duration<double>;

	print(std::format(R"(Linux {}, {} CPUs, a lanesd worker and a client bound to each.
In each column and row {} connections start within {:.1f} s, over loopback: a
third of the rate at which this machine serves a burst, yet at least one every
40 ms from each client. Each connection waits for one echoed byte. Accept wait:
from the return of connect() to the echo, of those served. No echo after {:.1f} s:
stuck. Trouble comes after a third of the load; what a worker has accepted by
then is lost with it in every column. plain: of several waiting rings, Linux
wakes the one that came first.

)",
			  kernel_release(), c.cpus.size(), c.connections * c.cpus.size(),
			  Seconds(c.connections * c.interval).count(), Seconds(c.timeout).count()));
}

void run(const Conditions &conditions, const std::vector<Setup> &setups)
{
	describe(conditions);
	print(table_header(setups));
	for (Trouble trouble : {Trouble::none, Trouble::stopped, Trouble::killed, Trouble::hung}) {
		std::vector<Outcome> outcomes;

		for (Setup setup : setups) {
			outcomes.push_back(experiment(conditions, setup, trouble));
			refuse_failed(outcomes.back().load);
		}
		print(table_rows(trouble, outcomes));
	}
}

} // namespace

int main(int argc, char **argv)
{
	std::vector<Setup> setups;
	Conditions conditions{};
	uint32_t interval_us = 0;
	uint32_t duration_ms = 1200;
	uint32_t timeout_ms = 5000;

	CLI::App app("Serves one load in three ways, with healthy and with broken workers.",
		     "lanes-demo");
	app.add_option("--setup", setups, "plain, SO_REUSEPORT or lanes; default: all three")
		->transform(CLI::CheckedTransformer(
			std::map<std::string, Setup>{{"plain", Setup::plain},
						     {"SO_REUSEPORT", Setup::reuseport},
						     {"lanes", Setup::lanes}}));
	app.add_option("--lanesd", conditions.lanesd, "The server; default: beside this program");
	app.add_option("--duration-ms", duration_ms,
		       "During which connections start, 60 of each client at least")
		->check(CLI::Range(100U, 600'000U))
		->capture_default_str();
	app.add_option("--interval-us", interval_us,
		       "Microseconds between two of a client's starts; default: measured")
		->check(CLI::Range(1U, 10'000'000U));
	app.add_option("--timeout-ms", timeout_ms, "A connection without its echo by then is stuck")
		->check(CLI::Range(1U, 600'000U))
		->capture_default_str();
	try {
		app.parse(argc, argv);
	} catch (const CLI::CallForHelp &) {
		print(app.help() + "\n");
		return 0;
	} catch (const CLI::ParseError &error) {
		std::fprintf(stderr, "lanes-demo: %s\n", error.what());
		return 2;
	}

	try {
		if (setups.empty())
			setups = {Setup::plain, Setup::reuseport, Setup::lanes};
		if (conditions.lanesd.empty())
			conditions.lanesd = default_lanesd();
		conditions.cpus = allowed_cpus();
		conditions.timeout = std::chrono::milliseconds(timeout_ms);
		conditions.interval = interval_us ? std::chrono::microseconds(interval_us)
						  : calibrate(conditions);
		conditions.connections =
			std::max(connections_min,
				 static_cast<uint32_t>(std::chrono::milliseconds(duration_ms) /
						       conditions.interval));
		run(conditions, setups);
		return 0;
	} catch (const std::exception &error) {
		std::fprintf(stderr, "lanes-demo: %s\n", error.what());
		return 1;
	}
}
