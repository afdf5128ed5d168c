// SPDX-License-Identifier: GPL-2.0-only
#include "compare/options.h"

#include <algorithm>
#include <map>
#include <regex>
#include <sstream>

#include <CLI/CLI.hpp>

#include "common/error.h"

namespace lanes::compare {
namespace {

const std::map<std::string, Protocol> protocols = {
	{"echo", Protocol::echo},	    {"http", Protocol::http},
	{"resp-set", Protocol::resp_set},   {"resp-get", Protocol::resp_get},
	{"resp-ping", Protocol::resp_ping},
};

size_t index_of(const std::string &name, const std::vector<std::string> &names)
{
	const auto found = std::ranges::find(names, name);

	if (found == names.end())
		throw UsageError(std::format("--baseline: no server '{}'", name));
	return static_cast<size_t>(found - names.begin());
}

} // namespace

Target parse_target(const std::string &text)
{
	static const std::regex form("([^=/:]+)=(.+)@([0-9,]+)");
	std::smatch part;

	if (!std::regex_match(text, part, form))
		throw UsageError(
			std::format("--server '{}': want NAME=ADDR:PORT@PID[,PID]...", text));

	Target target{.name = part[1], .where = Endpoint::parse(part[2].str()), .pids = {}};
	std::istringstream pids(part[3]);

	for (std::string pid; std::getline(pids, pid, ',');)
		target.pids.push_back(std::stoi(pid));
	return target;
}

std::variant<Options, std::string> parse_options(int argc, const char *const *argv)
{
	Options options;
	std::vector<std::string> servers, baselines, goals, names;

	options.connections = {10, 50, 100, 200, 300, 400, 500, 1000};

	CLI::App app("Compares servers that all run: one client goes round them in short slices.",
		     "lanes-compare");
	app.add_option("--title", options.title, "Heading of the tables");
	app.add_option("--server", servers, "NAME=ADDR:PORT@PID[,PID]..., once for each")
		->required();
	app.add_option("--baseline", baselines, "Servers to compare with; default: the first")
		->delimiter(',');
	app.add_option("--protocol", options.protocol, "What is asked")
		->transform(CLI::CheckedTransformer(protocols));
	app.add_option("--size", options.size, "Bytes of an echo or a value")
		->check(CLI::Range(1U, 1U << 24))
		->capture_default_str();
	app.add_option("--connections", options.connections, "Numbers of connections")
		->delimiter(',')
		->check(CLI::Range(1U, 100'000U))
		->capture_default_str();
	app.add_option("--pipeline", options.depth, "Requests in flight on a connection")
		->check(CLI::Range(1U, 1024U))
		->capture_default_str();
	app.add_option("--rotations", options.rotations, "Slices of each server and number")
		->check(CLI::Range(1U, 100'000U))
		->capture_default_str();
	app.add_option("--count-every", options.count_every,
		       "Rotations of which one counts system calls instead")
		->check(CLI::Range(2U, 100'000U))
		->capture_default_str();
	app.add_option("--slice-ms", options.slice_ms, "Length of a slice")
		->check(CLI::Range(50U, 10'000U))
		->capture_default_str();
	app.add_option("--rate", options.rate,
		       "Requests per second of all connections, by a timetable; 0: a reply "
		       "brings the next request")
		->check(CLI::NonNegativeNumber)
		->capture_default_str();
	app.add_option("--seed", options.seed, "Of the order in a rotation")->capture_default_str();
	app.add_option("--client-cpu", options.client_cpu, "Where the client runs")
		->capture_default_str();
	app.add_option("--server-cpu", options.server_cpu, "Where the servers run")
		->capture_default_str();
	app.add_option("--json", options.json, "File for all figures");
	app.add_option("--goal", goals, "SERVER[/BASE]:METRIC>=VALUE[@REGIME][,FROM]");

	try {
		app.parse(argc, argv);
	} catch (const CLI::CallForHelp &) {
		return app.help() + "\n";
	} catch (const CLI::ParseError &error) {
		throw UsageError(error.what());
	}
	for (const std::string &server : servers)
		names.push_back(options.servers.emplace_back(parse_target(server)).name);
	for (const std::string &name : baselines)
		options.baselines.push_back(index_of(name, names));
	if (baselines.empty())
		options.baselines.push_back(0);
	for (const std::string &goal : goals)
		options.goals.push_back(Goal::parse(goal, names));
	if (options.client_cpu == options.server_cpu)
		throw UsageError("--client-cpu and --server-cpu must differ");
	return options;
}

} // namespace lanes::compare
