// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>
#include <format>
#include <map>
#include <thread>
#include <vector>

#include <cstring>

#include <nlohmann/json.hpp>

#include "lanelat.h"
#include "lanelat.skel.h"
#include "shared/histogram_text.h"
#include "shared/kernel.h"
#include "shared/tool.h"

namespace {

using namespace lanes;
using namespace std::chrono_literals;

constexpr const char *description =
	R"(How long do connections wait for their accept, and clients from their SYN to
the first byte that they are sent? Histograms by lane, listener or process.)";

const std::map<std::string, latency_by> by_names = {
	{"lane", LATENCY_BY_LANE},
	{"listener", LATENCY_BY_LISTENER},
	{"process", LATENCY_BY_PROCESS},
};

struct Group {
	latency_group key;
	latency_histogram sum;
};

class Latency {
public:
	Latency(const ToolOptions &options, latency_by by)
		: options_(options), by_(by), skeleton_(open_skeleton<lanelat_bpf>())
	{
		skeleton_->rodata->only_port = options.port;
		skeleton_->rodata->by = by;
		use_program(skeleton_->progs.on_sendpage, kernel_has_function("tcp_sendpage"));
		start_skeleton(skeleton_);
		announce("lanelat", options);
	}

	void run() const
	{
		const End end(options_.seconds);

		while (!end.reached())
			std::this_thread::sleep_for(end.left(100ms));
		print(groups());
	}

private:
	std::vector<Group> groups() const
	{
		const bpf_map *map = skeleton_->maps.histograms;
		std::vector<Group> groups;

		for_each_key<latency_group>(map, [&](const latency_group &key) {
			Group group{key, {}};

			for (const auto &one : per_cpu_values<latency_histogram>(map, key))
				add(group.sum, one);
			groups.push_back(group);
		});
		std::ranges::sort(groups, [](const Group &a, const Group &b) {
			return std::tuple(a.key.cpu, a.key.pid, end_text(a.key.listener)) <
			       std::tuple(b.key.cpu, b.key.pid, end_text(b.key.listener));
		});
		return groups;
	}

	static void add(latency_histogram &sum, const latency_histogram &one)
	{
		for (size_t what = 0; what < LATENCIES; what++) {
			for (size_t slot = 0; slot < LATENCY_SLOTS; slot++)
				sum.slots[what][slot] += one.slots[what][slot];
			sum.sum_us[what] += one.sum_us[what];
		}
	}

	uint64_t total(uint32_t which) const { return per_cpu_sum(skeleton_->maps.totals, which); }

	static std::string comm(const latency_group &key)
	{
		return {key.comm, strnlen(key.comm, sizeof(key.comm))};
	}

	std::string name(const latency_group &key) const
	{
		switch (by_) {
		case LATENCY_BY_LANE:
			return std::format("lane {}", key.cpu);
		case LATENCY_BY_LISTENER:
			return end_text(key.listener);
		case LATENCY_BY_PROCESS:
			return std::format("{}[{}]", comm(key), key.pid);
		}
		return "?";
	}

	std::string text(const Group &group, latency_what what, const char *title) const
	{
		const std::span<const __u64> slots(group.sum.slots[what]);
		const uint64_t count = histogram_count(slots);

		if (!count)
			return {};
		return std::format("{}: {}: count {}, mean {}, 99 % below {}\n{}\n",
				   name(group.key), title, count,
				   duration_text(static_cast<double>(group.sum.sum_us[what]) /
						 static_cast<double>(count)),
				   duration_text(static_cast<double>(histogram_below(slots, 0.99))),
				   histogram_text(slots));
	}

	nlohmann::ordered_json json(const Group &group) const
	{
		const auto histogram = [&](latency_what what) {
			const std::span<const __u64> slots(group.sum.slots[what]);
			nlohmann::ordered_json json;

			json["count"] = histogram_count(slots);
			json["sum_us"] = group.sum.sum_us[what];
			json["slots"] = std::vector<uint64_t>(slots.begin(), slots.end());
			return json;
		};
		nlohmann::ordered_json one;

		if (by_ == LATENCY_BY_LANE)
			one["lane"] = group.key.cpu;
		else if (by_ == LATENCY_BY_LISTENER)
			one["listener"] = end_text(group.key.listener);
		else
			one = {{"pid", group.key.pid}, {"comm", comm(group.key)}};
		one["accept_wait"] = histogram(LATENCY_ACCEPT);
		one["first_byte"] = histogram(LATENCY_FIRST_BYTE);
		return one;
	}

	void print(const std::vector<Group> &groups) const
	{
		if (!options_.json) {
			for (const Group &group : groups)
				std::fputs((text(group, LATENCY_ACCEPT, "accept wait") +
					    text(group, LATENCY_FIRST_BYTE, "SYN to first byte"))
						   .c_str(),
					   stdout);
			std::fputs(std::format("handshake not seen  {}\nlost                {}\n",
					       total(LATENCY_TOTAL_UNSEEN),
					       total(LATENCY_TOTAL_LOST))
					   .c_str(),
				   stdout);
			return;
		}

		nlohmann::ordered_json all = {
			{"groups", nlohmann::ordered_json::array()},
			{"handshake_not_seen", total(LATENCY_TOTAL_UNSEEN)},
			{"lost", total(LATENCY_TOTAL_LOST)},
		};

		for (const Group &group : groups)
			all["groups"].push_back(json(group));
		print_json(all);
	}

	ToolOptions options_;
	latency_by by_;
	Skeleton<lanelat_bpf> skeleton_;
};

} // namespace

int main(int argc, char **argv)
{
	latency_by by = LATENCY_BY_LANE;
	ToolOptions options;
	CLI::App app(description, "lanelat");

	add_tool_options(app, options);
	app.add_option("-b,--by", by, "lane, listener or process; default: lane")
		->transform(CLI::CheckedTransformer(by_names));

	return run_tool(app, argc, argv, [&] { Latency(options, by).run(); });
}
