// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BPF_FLOW_STORY_H
#define LANES_BPF_FLOW_STORY_H

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "laneflow.h"

namespace lanes {

/** A connection's events, as a line. */
class FlowStory {
public:
	using Clock = std::chrono::steady_clock;

	void add(const flow_event &event, Clock::time_point now);
	/** Would @event begin another connection with the same addresses? */
	bool ended_by(const flow_event &event) const;
	/** Nothing more will be told. */
	bool complete() const;
	/** In no accept queue, and silent for a while. */
	bool quiet(Clock::time_point now) const;

	std::string text() const;
	nlohmann::ordered_json json() const;

private:
	bool has(flow_what what) const;
	uint64_t waited_us(const flow_event &accept) const;
	std::string clause(const flow_event &event) const;
	/** Told in more detail by the module's own event? */
	bool covered(const flow_event &event) const;

	std::vector<flow_event> events_;
	Clock::time_point last_;
};

struct FlowKeyLess {
	bool operator()(const flow_key &a, const flow_key &b) const;
};

/** Of all connections under way; each is told once. */
class FlowStories {
public:
	using Clock = FlowStory::Clock;
	using Tell = std::function<void(const FlowStory &)>;

	/** What begins before @since, while programs are being attached, is not told:
	 *  it would lack what happened to it until then.
	 */
	FlowStories(Clock::time_point since, Tell tell) : since_(since), tell_(std::move(tell)) {}

	void add(const flow_event &event, Clock::time_point now);
	void tell_quiet(Clock::time_point now);
	void tell_all();

private:
	using Stories = std::map<flow_key, FlowStory, FlowKeyLess>;

	Stories::iterator tell(Stories::iterator story);

	Stories stories_;
	/* CLOCK_MONOTONIC, as that of events. */
	Clock::time_point since_;
	Tell tell_;
};

} // namespace lanes

#endif
