// SPDX-License-Identifier: GPL-2.0-only
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

void describe(const Conditions &c)
{
	const double seconds = std::chrono::duration<double>(c.connections * c.interval).count();

	print(std::format("Linux {}, {} CPUs, a lanesd worker and a client bound to each.\n"
			  "Each column's run: {} connections in {:.1f} s over loopback, each waits\n"
			  "for one echoed byte; no echo after {:.1f} s counts as stuck. Accept wait:\n"
			  "from the return of connect() to the echo, of those served. Trouble comes\n"
			  "after a third of the load. plain: io_uring wakes the first waiter only.\n\n",
			  kernel_release(), c.cpus.size(), c.connections * c.cpus.size(), seconds,
			  std::chrono::duration<double>(c.timeout).count()));
}

/* Connections that the clients could not try say nothing about the server. */
void refuse_failed(const LoadResult &load)
{
	if (load.failed)
		throw_errno(load.error, std::format("{} connections could not be tried",
						    load.failed));
}

void run(const Conditions &conditions, const std::vector<Setup> &setups)
{
	describe(conditions);
	print(table_header(setups));
	for (Trouble trouble :
	     {Trouble::none, Trouble::stopped, Trouble::killed, Trouble::hung}) {
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
	uint32_t interval_us = 8000;
	uint32_t timeout_ms = 2000;

	conditions.connections = 150;

	CLI::App app("Serves one load in three ways, with healthy and with broken workers.",
		     "lanes-demo");
	app.add_option("--setup", setups, "plain, SO_REUSEPORT or lanes; default: all three")
		->transform(CLI::CheckedTransformer(
			std::map<std::string, Setup>{{"plain", Setup::plain},
						     {"SO_REUSEPORT", Setup::reuseport},
						     {"lanes", Setup::lanes}}));
	app.add_option("--lanesd", conditions.lanesd, "The server; default: beside this program");
	app.add_option("--connections", conditions.connections, "Connections of each client")
		->check(CLI::Range(3U, 1'000'000U))
		->capture_default_str();
	app.add_option("--interval-us", interval_us,
		       "Microseconds between two of a client's starts")
		->check(CLI::Range(1U, 10'000'000U))
		->capture_default_str();
	app.add_option("--timeout-ms", timeout_ms, "A connection without its echo by then is stuck")
		->check(CLI::Range(1U, 600'000U))
		->capture_default_str();
	try {
		app.parse(argc, argv);
	} catch (const CLI::CallForHelp &) {
		print(app.help());
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
		conditions.interval = std::chrono::microseconds(interval_us);
		conditions.timeout = std::chrono::milliseconds(timeout_ms);
		run(conditions, setups);
		return 0;
	} catch (const std::exception &error) {
		std::fprintf(stderr, "lanes-demo: %s\n", error.what());
		return 1;
	}
}
