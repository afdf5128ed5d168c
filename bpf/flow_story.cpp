// SPDX-License-Identifier: GPL-2.0-only
#include "flow_story.h"

#include <algorithm>
#include <format>

#include <cstring>

#include "shared/events.h"
#include "shared/tool.h"

namespace lanes {
namespace {

using namespace std::chrono_literals;

/* Retransmitted SYNs that find no room come after 1, 3, 7 s: with longer silence
 * those would be told together, but the first of them too late.
 */
constexpr auto quiet_after = 2s;
/* More is a client that repeats itself. */
constexpr size_t events_max = 32;
constexpr size_t stories_max = 16384;

std::string queue_text(int lane)
{
	return lane < 0 ? "the global queue" : std::format("lane {}", lane);
}

bool begins(const flow_event &event)
{
	return event.what == FLOW_SYN || event.what == FLOW_FALLBACK || event.what == FLOW_OVERFLOW;
}

std::string acceptor_text(const flow_event &event)
{
	return std::format("CPU {} by {}[{}]", event.cpu,
			   std::string(event.comm, strnlen(event.comm, sizeof(event.comm))),
			   event.pid);
}

} // namespace

bool FlowStory::has(flow_what what) const
{
	return std::ranges::any_of(events_, [&](const flow_event &e) { return e.what == what; });
}

void FlowStory::add(const flow_event &event, Clock::time_point now)
{
	last_ = now;
	if (events_.size() < events_max)
		events_.push_back(event);
}

bool FlowStory::ended_by(const flow_event &event) const
{
	return begins(event) && (has(FLOW_QUEUED) || has(FLOW_ACCEPT) || has(FLOW_CLOSE)) &&
	       event.what != FLOW_OVERFLOW;
}

bool FlowStory::complete() const
{
	if (has(FLOW_CLOSE))
		return true;
	return has(FLOW_DATA) &&
	       (has(FLOW_LANES_ACCEPT) || (has(FLOW_ACCEPT) && !has(FLOW_ENQUEUE)));
}

bool FlowStory::quiet(Clock::time_point now) const
{
	return (has(FLOW_ACCEPT) || !has(FLOW_QUEUED)) && now - last_ >= quiet_after;
}

bool FlowStory::covered(const flow_event &event) const
{
	return (event.what == FLOW_QUEUED && has(FLOW_ENQUEUE)) ||
	       (event.what == FLOW_ACCEPT && has(FLOW_LANES_ACCEPT)) ||
	       (event.what == FLOW_CLOSE && has(FLOW_DATA) && has(FLOW_ACCEPT));
}

uint64_t FlowStory::waited_us(const flow_event &accept) const
{
	if (accept.what != FLOW_ACCEPT)
		return accept.waited_us;
	for (const flow_event &event : events_)
		if (event.what == FLOW_QUEUED && event.ns < accept.ns)
			return (accept.ns - event.ns) / 1000;
	return 0;
}

std::string FlowStory::clause(const flow_event &e) const
{
	const std::string waited = duration_text(static_cast<double>(waited_us(e)));

	switch (e.what) {
	case FLOW_SYN:
		return std::format("SYN on CPU {}", e.cpu);
	case FLOW_QUEUED:
		return std::format("queued on CPU {}", e.cpu);
	case FLOW_ACCEPT:
		return std::format("accepted on {} after {}", acceptor_text(e), waited);
	case FLOW_DATA:
		return std::format("data on CPU {}", e.cpu);
	case FLOW_CLOSE:
		return has(FLOW_ACCEPT) ? "closed without data" : "closed";
	case FLOW_FALLBACK:
		return std::format("left to the kernel ({}) on CPU {}", fallback_name(e.code),
				   e.cpu);
	case FLOW_OVERFLOW:
		return std::format("refused at {} on CPU {}: backlog of {} is full",
				   queue_text(e.lane), e.cpu, e.code);
	case FLOW_STEER:
		return std::format("steered from CPU {} to CPU {} ({})", e.cpu, e.lane,
				   steered_name(e.code));
	case FLOW_ENQUEUE:
		return std::format("put into {} ({})", queue_text(e.lane), why_name(e.code));
	case FLOW_SPILL:
		return std::format("spilled from {} ({}) after {}", queue_text(e.lane),
				   why_name(e.code), waited);
	case FLOW_LANES_ACCEPT:
		return std::format("accepted from {} ({}) on {} after {}", queue_text(e.lane),
				   from_name(e.code), acceptor_text(e), waited);
	}
	return "?";
}

std::string FlowStory::text() const
{
	const flow_key &key = events_.front().key;
	std::string text = std::format("{} > {}:", end_text(key.peer), end_text(key.local));
	const char *separator = " ";

	for (const flow_event &event : events_) {
		if (covered(event))
			continue;
		text += separator + clause(event);
		separator = "; ";
	}
	return text + "\n";
}

nlohmann::ordered_json FlowStory::json() const
{
	const flow_event &first = events_.front();
	nlohmann::ordered_json json = {{"peer", end_text(first.key.peer)},
				       {"local", end_text(first.key.local)},
				       {"events", nlohmann::ordered_json::array()}};

	for (const flow_event &e : events_) {
		if (covered(e))
			continue;

		nlohmann::ordered_json event = {
			{"us", e.ns > first.ns ? (e.ns - first.ns) / 1000 : 0}};

		switch (e.what) {
		case FLOW_SYN:
			event["event"] = "syn";
			break;
		case FLOW_QUEUED:
			event["event"] = "queued";
			break;
		case FLOW_DATA:
			event["event"] = "data";
			break;
		case FLOW_CLOSE:
			event["event"] = "close";
			break;
		case FLOW_FALLBACK:
			event["event"] = "fallback";
			event["why"] = fallback_name(e.code);
			break;
		case FLOW_OVERFLOW:
			event["event"] = "overflow";
			event["lane"] = e.lane;
			event["backlog"] = e.code;
			break;
		case FLOW_STEER:
			event["event"] = "steer";
			event["to"] = e.lane;
			event["what"] = steered_name(e.code);
			break;
		case FLOW_ENQUEUE:
		case FLOW_SPILL:
			event["event"] = e.what == FLOW_SPILL ? "spill" : "enqueue";
			event["lane"] = e.lane;
			event["why"] = why_name(e.code);
			event["waited_us"] = e.waited_us;
			break;
		case FLOW_LANES_ACCEPT:
		case FLOW_ACCEPT:
			event["event"] = "accept";
			if (e.what == FLOW_LANES_ACCEPT) {
				event["from"] = from_name(e.code);
				event["lane"] = e.lane;
			}
			event["pid"] = e.pid;
			event["comm"] = std::string(e.comm, strnlen(e.comm, sizeof(e.comm)));
			event["waited_us"] = waited_us(e);
			break;
		}
		event["cpu"] = e.cpu;
		json["events"].push_back(event);
	}
	return json;
}

bool FlowKeyLess::operator()(const flow_key &a, const flow_key &b) const
{
	return std::memcmp(&a, &b, sizeof(a)) < 0;
}

FlowStories::Stories::iterator FlowStories::tell(Stories::iterator story)
{
	tell_(story->second);
	return stories_.erase(story);
}

void FlowStories::add(const flow_event &event, Clock::time_point now)
{
	auto story = stories_.find(event.key);

	if (story != stories_.end() && story->second.ended_by(event)) {
		tell(story);
		story = stories_.end();
	}
	if (story == stories_.end()) {
		if (!begins(event) ||
		    Clock::time_point(std::chrono::nanoseconds(event.ns)) < since_)
			return;
		if (stories_.size() >= stories_max)
			tell(stories_.begin());
		story = stories_.emplace(event.key, FlowStory()).first;
	}
	story->second.add(event, now);
	if (story->second.complete())
		tell(story);
}

void FlowStories::tell_quiet(Clock::time_point now)
{
	for (auto story = stories_.begin(); story != stories_.end();)
		story = story->second.quiet(now) ? tell(story) : std::next(story);
}

void FlowStories::tell_all()
{
	for (auto story = stories_.begin(); story != stories_.end();)
		story = tell(story);
}

} // namespace lanes
