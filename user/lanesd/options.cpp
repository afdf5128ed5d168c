// SPDX-License-Identifier: GPL-2.0-only
#include "lanesd/options.h"

#include <bit>
#include <charconv>

#include <CLI/CLI.hpp>

#include "common/error.h"

namespace lanes {

ListenTarget parse_listen_target(const std::string &text)
{
	constexpr std::string_view prefix = "fd:";

	if (!text.starts_with(prefix))
		return Endpoint::parse(text);

	const char *begin = text.data() + prefix.size();
	const char *end = text.data() + text.size();
	int fd = -1;
	auto [stop, error] = std::from_chars(begin, end, fd);

	if (error != std::errc() || stop != end || fd < 0)
		throw UsageError(std::format("'{}': want fd:NUMBER", text));
	return InheritedSocket{fd};
}

std::variant<Options, Help> parse_options(int argc, const char *const *argv,
					  const std::vector<int> &allowed)
{
	std::string listen = "[::]:7000";
	unsigned shards = static_cast<unsigned>(allowed.size());
	uint32_t connections_max = 4096;
	uint32_t buffers = 1024;
	bool no_lanes = false;

	CLI::App app("Echo server: one thread and one io_uring on each CPU, one listening socket.",
		     "lanesd");
	app.add_option("--listen", listen,
		       "ADDR:PORT, [ADDR6]:PORT, or fd:N for an inherited listening socket")
		->capture_default_str();
	app.add_option("--shards", shards,
		       "Number of shards; default: every CPU of the affinity mask")
		->check(CLI::Range(1U, static_cast<unsigned>(allowed.size())));
	app.add_option("--connections", connections_max, "Most connections of a shard")
		->check(CLI::Range(1U, 1U << 20))
		->capture_default_str();
	app.add_option("--buffers", buffers,
		       "Receive buffers of a shard, 2 KiB each, a power of two")
		->check(CLI::Range(1U, 1U << 15))
		->capture_default_str();
	app.add_flag("--no-lanes", no_lanes, "Share the socket, do not attach it to lanes");

	try {
		app.parse(argc, argv);
	} catch (const CLI::CallForHelp &) {
		return Help{app.help() + "\n"};
	} catch (const CLI::ParseError &error) {
		throw UsageError(error.what());
	}
	if (!std::has_single_bit(buffers))
		throw UsageError(std::format("--buffers: {} is no power of two", buffers));

	return Options{
		.listen = parse_listen_target(listen),
		.cpus = {allowed.begin(), allowed.begin() + shards},
		.lanes = !no_lanes,
		.connections_max = connections_max,
		.buffers = buffers,
	};
}

} // namespace lanes
