// SPDX-License-Identifier: GPL-2.0-only
#include "shared/events.h"

#include <array>
#include <filesystem>
#include <format>
#include <fstream>
#include <string>

#include <cerrno>
#include <cstddef>

#include "common/error.h"
#include "kmod/reason.h"
#include "shared/record.h"

namespace lanes {
namespace {

struct Field {
	const char *event;
	const char *name;
	size_t offset;
	size_t size;
};

#define FIELD(event, record, member)                                                               \
	Field                                                                                      \
	{                                                                                          \
		event, #member, offsetof(record, member), sizeof(record::member)                   \
	}
#define ENDS(event) FIELD(event, record_ends, local), FIELD(event, record_ends, peer)
#define QUEUED(event)                                                                              \
	ENDS(event), FIELD(event, record_queued, lane), FIELD(event, record_queued, why),          \
		FIELD(event, record_queued, waited_us)
const Field fields[] = {
	QUEUED("lanes_enqueue"),
	QUEUED("lanes_spill"),
	ENDS("lanes_accept"),
	FIELD("lanes_accept", record_accept, from),
	FIELD("lanes_accept", record_accept, lane),
	FIELD("lanes_accept", record_accept, cpu),
	FIELD("lanes_accept", record_accept, rx_cpu),
	FIELD("lanes_accept", record_accept, waited_us),
	ENDS("lanes_steer"),
	FIELD("lanes_steer", record_steer, what),
	FIELD("lanes_steer", record_steer, from),
	FIELD("lanes_steer", record_steer, to),
	ENDS("lanes_fallback"),
	FIELD("lanes_fallback", record_fallback, why),
	ENDS("lanes_overflow"),
	FIELD("lanes_overflow", record_overflow, lane),
	FIELD("lanes_overflow", record_overflow, backlog),
};
#undef QUEUED
#undef ENDS
#undef FIELD

/* "\tfield:int why;\toffset:68;\tsize:4;\tsigned:1;" */
bool has(const std::string &format, const Field &field)
{
	const std::string place = std::format(";\toffset:{};\tsize:{};", field.offset, field.size);

	return format.find(std::format(" {}{}", field.name, place)) != std::string::npos ||
	       format.find(std::format(" {}[{}]{}", field.name, field.size, place)) !=
		       std::string::npos;
}

std::filesystem::path tracefs()
{
	for (const char *path : {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"})
		if (std::filesystem::exists(std::filesystem::path(path) / "events"))
			return path;
	throw_errno(ENOENT, "/sys/kernel/tracing/events",
		    "mount it: mount -t tracefs tracefs /sys/kernel/tracing");
}

void check(const std::filesystem::path &events)
{
	for (const Field &field : fields) {
		const auto path = events / field.event / "format";
		std::ifstream file(path);
		const std::string format{std::istreambuf_iterator<char>(file), {}};

		if (!has(format, field))
			throw std::runtime_error(
				std::format("{}: '{}' is not where this program knows it; use the "
					    "program that came with the module",
					    path.string(), field.name));
	}
}

template <size_t N> const char *name(const std::array<const char *, N> &names, int code)
{
	return code >= 0 && static_cast<size_t>(code) < N ? names[static_cast<size_t>(code)] : "?";
}

} // namespace

bool lanes_events()
{
	const auto events = tracefs() / "events" / "lanes";

	if (!std::filesystem::exists(events))
		return false;
	check(events);
	return true;
}

const char *why_name(int why)
{
	static_assert(LANES_WHY_LEFT == 8);
	return name<9>({"claimed", "pulled", "busy", "unclaimed", "stalled", "missed", "detach",
			"late", "left"},
		       why);
}

const char *from_name(int from)
{
	static_assert(LANES_FROM_STOLEN == 2);
	return name<3>({"local", "global", "stolen"}, from);
}

const char *fallback_name(int why)
{
	static_assert(LANES_FALLBACK_ASSIGNED == 4);
	return name<5>({"other", "guarded", "fast_open", "time_wait", "assigned"}, why);
}

const char *steered_name(int what)
{
	static_assert(LANES_STEERED_OFFLINE == 4);
	return name<5>({"behind", "handed_over", "drained", "dropped", "offline"}, what);
}

} // namespace lanes
