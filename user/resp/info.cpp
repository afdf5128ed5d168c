// SPDX-License-Identifier: GPL-2.0-only
#include "resp/info.h"

#include <array>
#include <format>
#include <utility>

#include <cstdio>

#include <fnmatch.h>
#include <unistd.h>

namespace lanes {
namespace {

/* Redis' own, since clients judge by it what they can use. */
constexpr std::string_view version = "7.0.0";

uint64_t sum(std::span<const RespStats> shards, Counter RespStats::*counter)
{
	uint64_t total = 0;

	for (const RespStats &shard : shards)
		total += (shard.*counter).get();
	return total;
}

/* 0 if it cannot be read. */
uint64_t resident_bytes()
{
	std::FILE *file = std::fopen("/proc/self/statm", "re");
	unsigned long pages = 0;

	if (!file)
		return 0;
	if (std::fscanf(file, "%*u %lu", &pages) != 1)
		pages = 0;
	std::fclose(file);
	return uint64_t{pages} * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

std::string human(uint64_t bytes)
{
	constexpr std::array units = {"B", "K", "M", "G", "T"};
	auto amount = static_cast<double>(bytes);
	size_t unit = 0;

	for (; amount >= 1024 && unit + 1 < units.size(); unit++)
		amount /= 1024;
	return unit ? std::format("{:.2f}{}", amount, units[unit]) : std::format("{}B", bytes);
}

std::string bulk(std::string_view text)
{
	return std::format("${}\r\n{}\r\n", text.size(), text);
}

} // namespace

std::string describe_server(std::string_view section, std::span<const RespStats> shards,
			    size_t memory_max, std::chrono::seconds uptime)
{
	const bool all = section.empty() || section == "all" || section == "everything" ||
			 section == "default";
	const auto total = [shards](Counter RespStats::*counter) { return sum(shards, counter); };
	std::string text;
	const auto wanted = [&](std::string_view name) {
		if (!all && section != name)
			return false;
		if (!text.empty())
			text += "\r\n";
		return true;
	};

	if (wanted("server"))
		text += std::format("# Server\r\nredis_version:{}\r\nredis_mode:standalone\r\n"
				    "server_name:lanesd\r\nprocess_id:{}\r\nshards:{}\r\n"
				    "uptime_in_seconds:{}\r\n",
				    version, getpid(), shards.size(), uptime.count());
	if (wanted("clients"))
		text += std::format("# Clients\r\nconnected_clients:{}\r\n",
				    total(&RespStats::connections));
	if (wanted("memory")) {
		const uint64_t used = total(&RespStats::used);

		text += std::format("# Memory\r\nused_memory:{}\r\nused_memory_human:{}\r\n"
				    "used_memory_rss:{}\r\nmaxmemory:{}\r\nmaxmemory_human:{}\r\n"
				    "maxmemory_policy:noeviction\r\n",
				    used, human(used), resident_bytes(), memory_max,
				    human(memory_max));
	}
	if (wanted("stats"))
		text += std::format("# Stats\r\ntotal_connections_received:{}\r\n"
				    "total_commands_processed:{}\r\nexpired_keys:{}\r\n"
				    "evicted_keys:0\r\nkeyspace_hits:{}\r\nkeyspace_misses:{}\r\n",
				    total(&RespStats::connections_ever),
				    total(&RespStats::commands), total(&RespStats::expired),
				    total(&RespStats::hits), total(&RespStats::misses));
	if (wanted("keyspace")) {
		const uint64_t keys = total(&RespStats::keys);

		text += "# Keyspace\r\n";
		if (keys)
			text += std::format("db0:keys={},expires={},avg_ttl=0\r\n", keys,
					    total(&RespStats::expiring));
	}
	return text;
}

std::string describe_config(std::string_view pattern, size_t memory_max)
{
	const std::string glob(pattern);
	const std::array<std::pair<const char *, std::string>, 6> settings = {{
		{"save", ""},
		{"appendonly", "no"},
		{"databases", "1"},
		{"maxmemory", std::format("{}", memory_max)},
		{"maxmemory-policy", "noeviction"},
		{"proto-max-bulk-len", "536870912"},
	}};
	std::string pairs;
	size_t count = 0;

	for (const auto &[name, value] : settings) {
		if (fnmatch(glob.c_str(), name, FNM_CASEFOLD))
			continue;
		pairs += bulk(name) + bulk(value);
		count += 2;
	}
	return std::format("*{}\r\n{}", count, pairs);
}

std::string describe_hello(uint32_t connection)
{
	return std::format("*14\r\n{}{}{}{}{}:2\r\n{}:{}\r\n{}{}{}{}{}*0\r\n", bulk("server"),
			   bulk("redis"), bulk("version"), bulk(version), bulk("proto"), bulk("id"),
			   connection, bulk("mode"), bulk("standalone"), bulk("role"),
			   bulk("master"), bulk("modules"));
}

} // namespace lanes
