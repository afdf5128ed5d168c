// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>
#include <format>
#include <fstream>
#include <iterator>
#include <thread>
#include <utility>

#include "lanetop.h"
#include "lanetop.skel.h"
#include "shared/kernel.h"
#include "shared/tool.h"
#include "terminal.h"
#include "top_table.h"

namespace {

using namespace lanes;
using namespace std::chrono_literals;

constexpr const char *description =
	R"(Shows each listener and CPU, live: what arrives, what is accepted, after what
wait. Keys: s sorts by the next column, p or blank pauses, q ends.)";

class Top {
	using Clock = std::chrono::steady_clock;

public:
	Top(const ToolOptions &options, double interval)
		: options_(options), interval_(std::chrono::duration_cast<Clock::duration>(
					     std::chrono::duration<double>(interval))),
		  skeleton_(open_skeleton<lanetop_bpf>())
	{
		skeleton_->rodata->only_port = options.port;
		start_skeleton(skeleton_);
	}

	/** A table each interval, for a file or a program. */
	void print() const
	{
		const End end(options_.seconds);
		TopSample before = sample();

		if (lane_lines().empty())
			announce_no_lanes("lanetop");
		announce("lanetop", options_);
		do {
			const auto since = Clock::now();

			while (Clock::now() - since < interval_ && !end.reached())
				std::this_thread::sleep_for(end.left(50ms));

			TopSample now = sample();
			const TopTable table(before, now, seconds(Clock::now() - since),
					     TopSort::listener);

			if (options_.json)
				print_json(table.json());
			else
				std::fputs((table.text() + "\n").c_str(), stdout);
			std::fflush(stdout);
			before = std::move(now);
		} while (!end.reached());
	}

	void show() const
	{
		const End end(options_.seconds);
		const Terminal terminal;
		TopSort sort = TopSort::accepted;
		TopSample before = sample(), now = before;
		auto taken = Clock::now();
		double apart = seconds(interval_);
		bool paused = false;

		while (!end.reached()) {
			terminal.paint(head(sort, paused) +
				       TopTable(before, now, apart, sort).text());

			const auto key = terminal.key(end.left(until(taken + interval_)));

			if (key == 'q')
				break;
			if (key == 'p' || key == ' ')
				paused = !paused;
			if (key == 's')
				sort = static_cast<TopSort>((static_cast<int>(sort) + 1) %
							    top_sorts);
			if (Clock::now() < taken + interval_)
				continue;
			apart = seconds(Clock::now() - taken);
			taken = Clock::now();
			if (paused)
				continue;
			before = std::exchange(now, sample());
		}
	}

private:
	static double seconds(Clock::duration duration)
	{
		return std::chrono::duration<double>(duration).count();
	}

	static std::chrono::milliseconds until(Clock::time_point at)
	{
		return std::max(0ms,
				std::chrono::ceil<std::chrono::milliseconds>(at - Clock::now()));
	}

	std::string head(TopSort sort, bool paused) const
	{
		return std::format(
			"lanetop  {}  every {} s, by {}{}  [s]ort [p]ause [q]uit\n",
			options_.port ? std::format("port {}", options_.port) : "all ports",
			seconds(interval_), top_sort_name(sort), paused ? ", paused" : "");
	}

	/** Of this network namespace; empty without the module. */
	static std::string lane_lines()
	{
		std::ifstream file("/proc/net/lanes");

		return {std::istreambuf_iterator<char>(file), {}};
	}

	TopSample sample() const
	{
		const bpf_map *counts = skeleton_->maps.counts;
		TopSample sample;

		for_each_key<flow_end>(counts, [&](const flow_end &end) {
			const std::string name = end_text(end);
			const auto values = per_cpu_values<top_counts>(counts, end);
			top_listener listener{};

			for (size_t cpu = 0; cpu < values.size(); cpu++) {
				const top_counts &c = values[cpu];

				if (!c.arrived && !c.accepted)
					continue;

				TopCounters &to = sample[{name, static_cast<int>(cpu)}];

				to.arrived = c.arrived;
				to.accepted = c.accepted;
				to.wait_us = c.wait_us;
			}
			if (!bpf_map__lookup_elem(skeleton_->maps.listeners, &end, sizeof(end),
						  &listener, sizeof(listener), 0))
				sample[{name, top_all}].queued = listener.queued;
		});
		add_lanes(sample, lane_lines(), options_.port);
		add_sums(sample);
		return sample;
	}

	ToolOptions options_;
	Clock::duration interval_;
	Skeleton<lanetop_bpf> skeleton_;
};

} // namespace

int main(int argc, char **argv)
{
	double interval = 1;
	ToolOptions options;
	CLI::App app(description, "lanetop");

	add_tool_options(app, options);
	app.add_option("-i,--interval", interval, "Seconds between two tables")
		->check(CLI::Range(0.1, 3600.0))
		->capture_default_str();

	return run_tool(app, argc, argv, [&] {
		const Top top(options, interval);

		if (Terminal::present() && !options.json)
			top.show();
		else
			top.print();
	});
}
