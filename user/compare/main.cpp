// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>
#include <exception>
#include <format>
#include <fstream>
#include <numeric>
#include <random>

#include <cstdio>

#include <sys/resource.h>

#include "common/cpus.h"
#include "common/error.h"
#include "compare/client.h"
#include "compare/options.h"
#include "compare/probe.h"
#include "compare/report.h"

namespace {

using namespace lanes;
using namespace lanes::compare;

constexpr int64_t ms = 1'000'000;
constexpr int64_t skip = 20 * ms;

/* When and with how much CPU time a server's last slice ended. */
struct Rest {
	int64_t since = 0;
	int64_t cpu = 0;
};

/** Takes one client round all servers. */
class Runner {
public:
	explicit Runner(const Options &options)
		: options_(options), probe_(options.server_cpu),
		  client_(options.servers, options.protocol, options.size,
			  std::ranges::max(options.connections), options.depth),
		  random_(options.seed), order_(options.servers.size()),
		  rests_(options.servers.size())
	{
		std::iota(order_.begin(), order_.end(), 0);
	}

	Results run();

private:
	Rotation rotate(unsigned connections, bool count);
	Slice slice(size_t server, const Load &load);
	int64_t cpu_of_all() const;

	const Options &options_;
	Probe probe_;
	Client client_;
	std::mt19937 random_;
	std::vector<size_t> order_;
	std::vector<Rest> rests_;
};

/* The numbers of connections take turns within a rotation, so that all of them
 * meet the same changes of the machine.
 */
Results Runner::run()
{
	Results results;

	for (unsigned i = 0; i < options_.rotations; i++)
		for (unsigned connections : options_.connections)
			results.add(rotate(connections,
					   i % options_.count_every == options_.count_every / 2));
	return results;
}

int64_t Runner::cpu_of_all() const
{
	rusage own{};
	int64_t sum = 0;

	getrusage(RUSAGE_SELF, &own);
	for (const timeval &time : {own.ru_utime, own.ru_stime})
		sum += time.tv_sec * 1000 * ms + time.tv_usec * 1000;
	for (const Target &server : options_.servers)
		sum += CpuMeter(server.pids).read();
	return sum;
}

Rotation Runner::rotate(unsigned connections, bool count)
{
	const Load load = {.connections = connections,
			   .depth = options_.depth,
			   .rate = options_.rate,
			   .length = options_.slice_ms * ms,
			   .skip = skip,
			   .count = count};
	Rotation rotation{.connections = connections,
			  .counted = count,
			  .probes = {},
			  .slices = std::vector<Slice>(options_.servers.size())};
	const int64_t begin = now_ns();
	const int64_t foreign = machine_busy_ns() - cpu_of_all();

	std::ranges::shuffle(order_, random_);
	for (size_t server : order_) {
		rotation.probes.push_back(probe_.measure());
		rotation.slices[server] = slice(server, load);
	}
	rotation.probes.push_back(probe_.measure());
	rotation.foreign = static_cast<double>(machine_busy_ns() - cpu_of_all() - foreign) /
			   static_cast<double>(2 * (now_ns() - begin));
	return rotation;
}

Slice Runner::slice(size_t server, const Load &load)
{
	const CpuMeter meter(options_.servers[server].pids);
	Rest &rest = rests_[server];
	const double idle = static_cast<double>(now_ns() - rest.since);
	const double used = static_cast<double>(meter.read() - rest.cpu);
	Slice slice = client_.run(server, load);

	slice.outside = rest.since ? used / idle : 0;
	rest = {now_ns(), meter.read()};
	return slice;
}

void write_file(const std::string &name, const std::string &text)
{
	std::ofstream file(name);

	file << text;
	if (!file.flush())
		throw std::runtime_error(std::format("{}: cannot be written", name));
}

void compare_servers(const Options &options)
{
	rlimit limit{};

	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	pin_to_cpu(options.client_cpu);

	const Results results = Runner(options).run();

	std::fputs(format_report(options, results).c_str(), stdout);
	if (!options.json.empty())
		write_file(options.json, format_json(options, results));
}

} // namespace

int main(int argc, char **argv)
{
	try {
		const auto parsed = parse_options(argc, argv);

		if (const auto *help = std::get_if<std::string>(&parsed))
			std::fputs(help->c_str(), stdout);
		else
			compare_servers(std::get<Options>(parsed));
		return 0;
	} catch (const UsageError &error) {
		std::fprintf(stderr, "lanes-compare: %s\n", error.what());
		return 2;
	} catch (const std::exception &error) {
		std::fprintf(stderr, "lanes-compare: %s\n", error.what());
		return 1;
	}
}
