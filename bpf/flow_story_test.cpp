// SPDX-License-Identifier: GPL-2.0-only
#include "flow_story.h"

#include <algorithm>

#include <cstring>

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include "kmod/reason.h"

using namespace lanes;
using namespace std::chrono_literals;

namespace {

/** So long after the first, of a connection from that port. */
flow_event event(flow_what what, int cpu, uint64_t us = 0, uint16_t port = 41810)
{
	flow_event event{};

	event.ns = 1'000'000 + us * 1000;
	event.key = {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1}, htons(80)},
		     {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 2}, htons(port)}};
	event.what = what;
	event.cpu = cpu;
	return event;
}

flow_event in_lane(flow_what what, int cpu, int lane, int code, uint64_t waited_us = 0)
{
	flow_event e = event(what, cpu);

	e.lane = lane;
	e.code = code;
	e.waited_us = waited_us;
	return e;
}

flow_event by(flow_event event, const char *comm, uint32_t pid)
{
	std::memcpy(event.comm, comm, std::min(std::strlen(comm), sizeof(event.comm)));
	event.pid = pid;
	return event;
}

/** All lines that were told. */
class flow_stories : public testing::Test {
protected:
	void add(const flow_event &event) { stories_.add(event, now_); }

	std::vector<std::string> lines_;
	FlowStories::Clock::time_point now_{};
	/* That of an event. */
	FlowStories::Clock::time_point since_{1ms};
	FlowStories stories_{since_,
			     [this](const FlowStory &story) { lines_.push_back(story.text()); }};
};

/** What is told behind the connection's ends. */
std::string told(const std::vector<flow_event> &events)
{
	const std::string ends = "10.0.0.2:41810 > 10.0.0.1:80: ";
	FlowStory story;

	for (const flow_event &event : events)
		story.add(event, {});

	const std::string text = story.text();

	return text.starts_with(ends) ? text.substr(ends.size()) : text;
}

nlohmann::ordered_json events_json(const std::vector<flow_event> &events)
{
	FlowStory story;

	for (const flow_event &event : events)
		story.add(event, {});
	return story.json()["events"];
}

} // namespace

TEST(flow_story, stock_listener)
{
	EXPECT_EQ(told({event(FLOW_SYN, 1), event(FLOW_QUEUED, 1, 10),
			by(event(FLOW_ACCEPT, 2, 35), "nginx", 7), event(FLOW_DATA, 3, 50)}),
		  "SYN on CPU 1; queued on CPU 1; accepted on CPU 2 by nginx[7] after 25 us; "
		  "data on CPU 3\n");
}

TEST(flow_story, the_modules_own_events_replace_the_kernels)
{
	EXPECT_EQ(told({event(FLOW_SYN, 1), event(FLOW_QUEUED, 1),
			in_lane(FLOW_ENQUEUE, 1, 1, LANES_WHY_CLAIMED), event(FLOW_ACCEPT, 1),
			by(in_lane(FLOW_LANES_ACCEPT, 1, 1, LANES_FROM_LOCAL, 102), "w", 9)}),
		  "SYN on CPU 1; put into lane 1 (claimed); "
		  "accepted from lane 1 (local) on CPU 1 by w[9] after 102 us\n");
}

TEST(flow_story, spilled)
{
	EXPECT_EQ(told({in_lane(FLOW_SPILL, 1, 1, LANES_WHY_LATE, 84113),
			by(in_lane(FLOW_LANES_ACCEPT, 2, -1, LANES_FROM_GLOBAL, 84702), "w", 3)}),
		  "spilled from lane 1 (late) after 84.1 ms; "
		  "accepted from the global queue (global) on CPU 2 by w[3] after 84.7 ms\n");
}

TEST(flow_story, steered)
{
	EXPECT_EQ(told({in_lane(FLOW_STEER, 2, 1, LANES_STEERED_HANDED_OVER)}),
		  "steered from CPU 2 to CPU 1 (handed_over)\n");
}

TEST(flow_story, left_to_the_kernel)
{
	EXPECT_EQ(told({in_lane(FLOW_FALLBACK, 1, 0, LANES_FALLBACK_TIME_WAIT)}),
		  "left to the kernel (time_wait) on CPU 1\n");
}

TEST(flow_story, refused)
{
	EXPECT_EQ(told({in_lane(FLOW_OVERFLOW, 2, 2, 128)}),
		  "refused at lane 2 on CPU 2: backlog of 128 is full\n");
}

TEST(flow_story, the_close_is_told_only_if_something_is_missing)
{
	const flow_event syn = event(FLOW_SYN, 1), accept = by(event(FLOW_ACCEPT, 1), "w", 3);
	const flow_event data = event(FLOW_DATA, 1), close = event(FLOW_CLOSE, 1);
	const std::string accepted = "SYN on CPU 1; accepted on CPU 1 by w[3] after 0 us";

	EXPECT_EQ(told({syn, close}), "SYN on CPU 1; closed\n");
	EXPECT_EQ(told({syn, accept, close}), accepted + "; closed without data\n");
	EXPECT_EQ(told({syn, accept, data, close}), accepted + "; data on CPU 1\n");
}

TEST(flow_story, a_name_need_not_end_with_a_zero)
{
	EXPECT_EQ(told({by(event(FLOW_ACCEPT, 0), "sixteen_letters_", 3)}),
		  "accepted on CPU 0 by sixteen_letters_[3] after 0 us\n");
}

TEST(flow_story, json_counts_from_the_first_event)
{
	EXPECT_EQ(events_json({event(FLOW_SYN, 1), event(FLOW_DATA, 2, 150)})[1].dump(),
		  R"({"us":150,"event":"data","cpu":2})");
}

TEST(flow_story, json_has_codes_as_names)
{
	const auto json =
		events_json({in_lane(FLOW_SPILL, 1, 1, LANES_WHY_LEFT, 7),
			     by(in_lane(FLOW_LANES_ACCEPT, 2, -1, LANES_FROM_STOLEN, 8), "w", 3)});

	EXPECT_EQ(json[0].dump(),
		  R"({"us":0,"event":"spill","lane":1,"why":"left","waited_us":7,"cpu":1})");
	EXPECT_EQ(json[1].dump(),
		  R"({"us":0,"event":"accept","from":"stolen","lane":-1,"pid":3,"comm":"w",)"
		  R"("waited_us":8,"cpu":2})");
}

TEST(flow_story, a_client_that_repeats_itself_is_cut_off)
{
	FlowStory story;

	for (int i = 0; i < 1000; i++)
		story.add(event(FLOW_SYN, 1), {});
	EXPECT_LT(story.json()["events"].size(), 100U);
}

TEST_F(flow_stories, one_is_told_when_it_has_an_accept_and_data)
{
	add(event(FLOW_SYN, 1));
	add(event(FLOW_DATA, 1));
	EXPECT_TRUE(lines_.empty());
	add(event(FLOW_ACCEPT, 1));
	EXPECT_EQ(lines_.size(), 1U);
}

/* The module's accept comes after the kernel's. */
TEST_F(flow_stories, one_of_a_lane_waits_for_the_modules_accept)
{
	add(event(FLOW_SYN, 1));
	add(in_lane(FLOW_ENQUEUE, 1, 1, LANES_WHY_CLAIMED));
	add(event(FLOW_DATA, 1));
	add(event(FLOW_ACCEPT, 1));
	EXPECT_TRUE(lines_.empty());
	add(in_lane(FLOW_LANES_ACCEPT, 1, 1, LANES_FROM_LOCAL));
	EXPECT_EQ(lines_.size(), 1U);
}

TEST_F(flow_stories, one_is_told_when_it_is_closed)
{
	add(event(FLOW_SYN, 1));
	add(event(FLOW_CLOSE, 1));
	EXPECT_EQ(lines_.size(), 1U);
}

TEST_F(flow_stories, connections_are_told_apart)
{
	add(event(FLOW_SYN, 1, 0, 1001));
	add(event(FLOW_SYN, 2, 0, 1002));
	add(event(FLOW_CLOSE, 1, 0, 1001));
	ASSERT_EQ(lines_.size(), 1U);
	EXPECT_EQ(lines_[0], "10.0.0.2:1001 > 10.0.0.1:80: SYN on CPU 1; closed\n");
}

TEST_F(flow_stories, one_that_began_too_early_is_not_told)
{
	flow_event early = event(FLOW_SYN, 1);

	early.ns--;
	add(early);
	add(event(FLOW_QUEUED, 1));
	stories_.tell_all();
	EXPECT_TRUE(lines_.empty());
}

TEST_F(flow_stories, one_that_began_before_is_not_told)
{
	add(event(FLOW_ACCEPT, 1));
	add(event(FLOW_DATA, 1));
	stories_.tell_all();
	EXPECT_TRUE(lines_.empty());
}

TEST_F(flow_stories, a_syn_after_the_accept_begins_another)
{
	add(event(FLOW_SYN, 1));
	add(event(FLOW_ACCEPT, 1));
	add(event(FLOW_SYN, 2));
	ASSERT_EQ(lines_.size(), 1U);
	EXPECT_EQ(lines_[0].find("CPU 2"), std::string::npos);
}

TEST_F(flow_stories, a_repeated_syn_does_not)
{
	add(event(FLOW_SYN, 1));
	add(event(FLOW_SYN, 1));
	EXPECT_TRUE(lines_.empty());
}

TEST_F(flow_stories, one_without_data_is_told_when_it_has_been_quiet)
{
	add(event(FLOW_SYN, 1));
	add(event(FLOW_QUEUED, 1));
	add(event(FLOW_ACCEPT, 1));
	now_ += 1999ms;
	stories_.tell_quiet(now_);
	EXPECT_TRUE(lines_.empty());
	now_ += 1ms;
	stories_.tell_quiet(now_);
	EXPECT_EQ(lines_.size(), 1U);
	stories_.tell_all();
	EXPECT_EQ(lines_.size(), 1U);
}

TEST_F(flow_stories, one_that_waits_for_its_accept_is_not_quiet)
{
	add(event(FLOW_SYN, 1));
	add(event(FLOW_QUEUED, 1));
	stories_.tell_quiet(now_ + 1h);
	EXPECT_TRUE(lines_.empty());
	stories_.tell_all();
	EXPECT_EQ(lines_.size(), 1U);
}

TEST_F(flow_stories, of_too_many_one_is_told_early)
{
	for (uint32_t i = 0; i < 20000; i++)
		add(event(FLOW_SYN, 1, 0, static_cast<uint16_t>(i)));

	const size_t early = lines_.size();

	EXPECT_GT(early, 0U);
	stories_.tell_all();
	EXPECT_EQ(lines_.size(), 20000U);
}
