// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_COMPARE_OPTIONS_H
#define LANES_COMPARE_OPTIONS_H

#include <string>
#include <variant>
#include <vector>

#include "compare/client.h"
#include "compare/goal.h"

namespace lanes::compare {

struct Options {
	std::string title;
	std::vector<Target> servers;
	/** Indices of those that all are compared with; one at least. */
	std::vector<size_t> baselines;
	Protocol protocol = Protocol::echo;
	size_t size = 1024;
	std::vector<unsigned> connections;
	unsigned depth = 1;
	unsigned rotations = 30;
	/** Each of so many rotations counts system calls. */
	unsigned count_every = 8;
	unsigned slice_ms = 200;
	/** Requests per second by a timetable; 0: closed loop. */
	double rate = 0;
	unsigned seed = 1;
	int client_cpu = 1;
	int server_cpu = 0;
	std::string json;
	std::vector<Goal> goals;
};

/** "NAME=ADDR:PORT@PID[,PID]..."; throws UsageError. */
Target parse_target(const std::string &text);

/** The options or the help text; throws UsageError. */
std::variant<Options, std::string> parse_options(int argc, const char *const *argv);

} // namespace lanes::compare

#endif
