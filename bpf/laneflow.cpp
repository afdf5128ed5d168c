// SPDX-License-Identifier: GPL-2.0-only
#include <thread>

#include <cerrno>

#include "flow_matrix.h"
#include "flow_story.h"
#include "laneflow.h"
#include "laneflow.skel.h"
#include "shared/events.h"
#include "shared/kernel.h"
#include "shared/tool.h"

namespace {

using namespace lanes;
using namespace std::chrono_literals;

constexpr const char *description =
	R"(On which CPU does a connection's SYN arrive, where is it accepted, and where
does its first data arrive? Counts connections by these three; with --why, tells
each connection's way.)";

class Flow {
public:
	Flow(const ToolOptions &options, bool tell)
		: options_(options), tell_(tell), lanes_(lanes_events()),
		  skeleton_(open_skeleton<laneflow_bpf>())
	{
		auto &programs = skeleton_->progs;

		skeleton_->rodata->only_port = options.port;
		skeleton_->rodata->tell = tell;
		for (bpf_program *program : {programs.on_hashdance, programs.on_hashdance_end,
					     programs.on_queue_add, programs.on_state})
			use_program(program, tell);
		for (bpf_program *program :
		     {programs.on_lanes_fallback, programs.on_lanes_overflow,
		      programs.on_lanes_steer, programs.on_lanes_enqueue, programs.on_lanes_spill})
			use_program(program, tell && lanes_);
		use_program(programs.on_lanes_accept, lanes_);
		start_skeleton(skeleton_);
		since_ = FlowStories::Clock::now();
		if (!lanes_)
			announce_no_lanes("laneflow");
		announce("laneflow", options);
	}

	void run()
	{
		const End end(options_.seconds);

		if (tell_) {
			tell_stories(end);
		} else {
			while (!end.reached())
				std::this_thread::sleep_for(end.left(100ms));
			count();
		}
	}

private:
	uint64_t total(uint32_t which) const { return per_cpu_sum(skeleton_->maps.totals, which); }

	void count() const
	{
		FlowMatrix matrix;

		for_each_key<flow_cell>(skeleton_->maps.cells, [&](const flow_cell &cell) {
			matrix.add(cell, per_cpu_sum(skeleton_->maps.cells, cell));
		});
		for (uint32_t i = 0; i < FLOW_TOTALS; i++)
			matrix.totals[i] = total(i);
		if (options_.json)
			print_json(matrix.json());
		else
			std::fputs(matrix.text(lanes_).c_str(), stdout);
	}

	void tell_story(const FlowStory &story) const
	{
		if (options_.json) {
			print_json(story.json());
			return;
		}
		std::fputs(story.text().c_str(), stdout);
		std::fflush(stdout);
	}

	void tell_stories(const End &end) const
	{
		FlowStories stories(since_, [this](const FlowStory &story) { tell_story(story); });
		ring_buffer *ring = ring_buffer__new(
			bpf_map__fd(skeleton_->maps.events),
			[](void *to, void *data, size_t) {
				static_cast<FlowStories *>(to)->add(
					*static_cast<const flow_event *>(data),
					FlowStories::Clock::now());
				return 0;
			},
			&stories, nullptr);

		if (!ring)
			throw_errno(errno, "ring buffer");
		while (!end.reached()) {
			const int err =
				ring_buffer__poll(ring, static_cast<int>(end.left(100ms).count()));

			if (err < 0 && err != -EINTR)
				throw_errno(-err, "ring buffer");
			stories.tell_quiet(FlowStories::Clock::now());
		}
		ring_buffer__consume(ring);
		ring_buffer__free(ring);
		stories.tell_all();
		if (const uint64_t lost = total(FLOW_TOTAL_LOST))
			std::fprintf(stderr, "laneflow: %lu events lost\n", lost);
	}

	ToolOptions options_;
	bool tell_;
	bool lanes_;
	Skeleton<laneflow_bpf> skeleton_;
	FlowStories::Clock::time_point since_;
};

} // namespace

int main(int argc, char **argv)
{
	ToolOptions options;
	CLI::App app(description, "laneflow");

	add_tool_options(app, options);

	const CLI::Option *why =
		app.add_option("--why", options.port, "Tell each connection to PORT")
			->check(CLI::Range(1, 65535))
			->type_name("PORT")
			->excludes("--port");

	return run_tool(app, argc, argv, [&] { Flow(options, why->count() > 0).run(); });
}
