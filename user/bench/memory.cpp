// SPDX-License-Identifier: GPL-2.0-only
#include "bench/memory.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <format>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include <cmath>

#include <unistd.h>

#include "common/error.h"

namespace lanes {
namespace {

using namespace std::chrono_literals;

std::string text_of(const std::string &path)
{
	std::ifstream file(path);
	std::ostringstream text;

	text << file.rdbuf();
	if (!file)
		throw std::runtime_error(path + ": cannot be read; be root");
	return text.str();
}

void write_sysctl(const std::string &name, uint32_t value)
{
	const std::string path = "/proc/sys/net/lanes/" + name;
	std::ofstream file(path);

	if (!(file << value << std::endl))
		throw std::runtime_error(
			std::format("{} of {}: refused; load lanes.ko and be root", value, path));
}

/* What is freed by work after a grace period is gone then, and no cache has pages
 * without objects.
 */
Bytes settled()
{
	std::this_thread::sleep_for(15s);
	for (const auto &cache : std::filesystem::directory_iterator("/sys/kernel/slab"))
		if (!(std::ofstream(cache.path() / "shrink") << 1 << std::flush))
			throw std::runtime_error(cache.path().string() +
						 "/shrink: refused; be root");
	/* After a grace period the pages have gone, too. */
	std::this_thread::sleep_for(1s);
	/* CPUs keep small changes of the sums to themselves. */
	if (!(std::ofstream("/proc/sys/vm/stat_refresh") << 1 << std::flush))
		throw std::runtime_error("/proc/sys/vm/stat_refresh: refused; be root");
	return kernel_bytes();
}

} // namespace

Bytes slab_bytes(const std::string &slabinfo, uint64_t page_size)
{
	std::istringstream lines(slabinfo);
	Bytes bytes;

	for (std::string line; std::getline(lines, line);) {
		std::istringstream words(line);
		std::string name, colon, slabdata;
		uint64_t active, objects, size, per_slab, pages, slabs;

		words >> name >> active >> objects >> size >> per_slab >> pages >> colon;
		/* : tunables LIMIT BATCH SHARED : slabdata ACTIVE ALL SHARED */
		for (int i = 0; i < 5; i++)
			words >> slabdata;
		if (!(words >> slabdata >> active >> slabs))
			continue;
		bytes["slab." + name] = static_cast<int64_t>(slabs * pages * page_size);
	}
	return bytes;
}

int64_t meminfo_bytes(const std::string &meminfo, const std::string &name)
{
	std::istringstream lines(meminfo);

	for (std::string line; std::getline(lines, line);)
		if (line.starts_with(name + ":"))
			return 1024 * std::stoll(line.substr(name.size() + 1));
	throw std::runtime_error(std::format("no {} in /proc/meminfo", name));
}

Bytes kernel_bytes()
{
	const std::string meminfo = text_of("/proc/meminfo");
	Bytes bytes =
		slab_bytes(text_of("/proc/slabinfo"), static_cast<uint64_t>(sysconf(_SC_PAGESIZE)));

	int64_t in_caches = 0;

	for (const auto &[name, of_cache] : bytes)
		in_caches += of_cache;
	/* What is too large for any cache. */
	bytes["slab"] = meminfo_bytes(meminfo, "Slab") - in_caches;
	bytes["percpu"] = meminfo_bytes(meminfo, "Percpu");
	bytes["vmalloc"] = meminfo_bytes(meminfo, "VmallocUsed");
	return bytes;
}

Figures bytes_each(const Bytes &before, const Bytes &after, uint32_t count)
{
	Figures parts;
	double all = 0;

	for (const auto &[name, bytes] : after) {
		const auto was = before.find(name);
		const int64_t more = bytes - (was == before.end() ? 0 : was->second);
		const double each = static_cast<double>(more) / count;

		all += each;
		if (std::abs(each) >= 0.5)
			parts.emplace_back(name, each);
	}
	std::ranges::sort(parts, [](const auto &a, const auto &b) { return a.second > b.second; });
	parts.emplace(parts.begin(), "bytes", all);
	return parts;
}

Figures crowd_memory(const Setup &setup, const CrowdPlan &crowd, const std::vector<int> &cpus)
{
	const Listeners listeners(setup, "127.0.0.1", cpus);
	Crowd process(crowd, listeners, cpus);
	const Bytes before = settled();

	process.arrive();
	return bytes_each(before, settled(), std::max(crowd.connections, crowd.listeners));
}

Figures table_memory(const std::string &sysctl, uint32_t from, uint32_t to)
{
	/* The tables are there while a listener is. */
	const Listeners listeners({.sharing = Sharing::lanes}, "127.0.0.1", {0});

	if (to <= from)
		throw UsageError("a table's growth begins with the smaller number");
	write_sysctl(sysctl, from);

	const Bytes before = settled();

	write_sysctl(sysctl, to);
	return bytes_each(before, settled(), to - from);
}

} // namespace lanes
