// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_RESP_INFO_H
#define LANES_RESP_INFO_H

#include <chrono>
#include <span>
#include <string>
#include <string_view>

#include <cstddef>
#include <cstdint>

#include "engine/counters.h"

namespace lanes {

/** What a shard lets the others know, as of its last tick. */
struct alignas(64) RespStats {
	Counter keys;
	Counter expiring;
	Counter used;
	Counter connections;
	Counter connections_ever;
	Counter commands;
	Counter hits;
	Counter misses;
	Counter expired;
};

/** What INFO says of @section, all of them if that is empty, "all" or the like. */
std::string describe_server(std::string_view section, std::span<const RespStats> shards,
			    size_t memory_max, std::chrono::seconds uptime);

/** The reply of CONFIG GET for @pattern, as it goes over the wire. */
std::string describe_config(std::string_view pattern, size_t memory_max);

/** The reply of HELLO. */
std::string describe_hello(uint32_t connection);

} // namespace lanes

#endif
