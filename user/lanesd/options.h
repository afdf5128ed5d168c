// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANESD_OPTIONS_H
#define LANES_LANESD_OPTIONS_H

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <cstdint>

#include "common/endpoint.h"

namespace lanes {

/** A listening socket that lanesd was started with. */
struct InheritedSocket {
	int fd;
};

using ListenTarget = std::variant<Endpoint, InheritedSocket>;

struct Options {
	ListenTarget listen;
	/** One shard each; a prefix of the affinity mask. */
	std::vector<int> cpus;
	bool lanes = true;
	uint32_t connections_max = 4096;
	uint32_t buffers = 1024;
};

ListenTarget parse_listen_target(const std::string &text);

struct Help {
	std::string text;
};

/** Throws UsageError. @allowed is the affinity mask. */
std::variant<Options, Help> parse_options(int argc, const char *const *argv,
					  const std::vector<int> &allowed);

} // namespace lanes

#endif
