// SPDX-License-Identifier: GPL-2.0-only
/** What all tools have: options, an end, and how they name things. */
#ifndef LANES_BPF_TOOL_H
#define LANES_BPF_TOOL_H

#include <chrono>
#include <functional>
#include <string>

#include <cstdint>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "shared/flow.h"

namespace lanes {

struct ToolOptions {
	bool json = false;
	/** Zero: until it is interrupted. */
	double seconds = 0;
	/** Zero: all. */
	uint16_t port = 0;
};

/** -j, -d and, if @port, --port. */
void add_tool_options(CLI::App &app, ToolOptions &options, bool port = true);

/** Runs @tool, which may throw, and turns what it throws into a message and an
 *  exit status; parses the options before. @check may throw UsageError.
 */
int run_tool(CLI::App &app, int argc, char **argv, const std::function<void()> &tool);

/** The end: SIGINT, SIGTERM, or the time of -d from now on. */
class End {
public:
	explicit End(double seconds);

	bool reached() const;
	/** Until then, but no longer than @limit. */
	std::chrono::milliseconds left(std::chrono::milliseconds limit) const;

private:
	std::chrono::steady_clock::time_point at_;
};

/** To standard error: what is watched, now that it is. */
void announce(const char *tool, const ToolOptions &options);
/** Likewise: what cannot be told. */
void announce_no_lanes(const char *tool);

void print_json(const nlohmann::ordered_json &json);

/** "10.0.0.1:80", "[fd00::1]:80" */
std::string end_text(const flow_end &end);
/** "84.7 ms" */
std::string duration_text(double us);
std::string share_text(uint64_t part, uint64_t whole);

} // namespace lanes

#endif
