// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANESD_OPTIONS_H
#define LANES_LANESD_OPTIONS_H

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <cstdint>

#include "common/endpoint.h"
#include "engine/features.h"
#include "engine/shard.h"

namespace lanes {

/** A listening socket that lanesd was started with. */
struct InheritedSocket {
	int fd;
};

/** One, or several of the same name, that systemd passed. */
struct SystemdSocket {
	std::string name;
};

using ListenTarget = std::variant<Endpoint, InheritedSocket, SystemdSocket>;

/** As the user would write it; what a successor finds its socket by. */
std::string to_string(const ListenTarget &target);

struct ListenOption {
	std::string service;
	ListenTarget target;
};

struct UnixPath {
	std::string path;
};

using AdminTarget = std::variant<Endpoint, UnixPath>;

/** As above. */
std::string to_string(const AdminTarget &target);

struct Options {
	/** Empty: what systemd passed or a predecessor hands over, or else
	 *  listen_default.
	 */
	std::vector<ListenOption> listen;
	/** Of listeners that name none. */
	std::string service = "echo";
	bool lanes = true;

	/** None: the best. */
	std::optional<EngineKind> engine;
	std::vector<Feature> disabled;
	/** One shard each; a prefix of the affinity mask. */
	std::vector<int> cpus;
	/** Slots of a shard, too: at first, limits.connections_max. */
	uint32_t connections_max = 4096;
	uint32_t buffers = 1024;
	unsigned send_threads = 0;
	uint32_t poll_idle_us = 1000;
	uint32_t zero_copy_min = 0;
	uint32_t budget = 65536;

	Limits limits;
	uint32_t drain_timeout_ms = 10'000;

	std::string http_root;
	size_t http_memory = 0;
	size_t resp_memory = 0;

	std::optional<AdminTarget> admin;
	/** Empty: none. */
	std::string takeover;
	bool check_config = false;

	/** Each option as it was given, by name: what a reload compares. */
	std::map<std::string, std::string> given;
};

constexpr const char *listen_default = "[::]:7000";
/** All their sockets fit in one message of a takeover. */
constexpr size_t listeners_max = 200;

/** "[SERVICE=]TARGET"; throws UsageError. */
ListenOption parse_listen(const std::string &text, const std::string &service);
AdminTarget parse_admin(const std::string &text);

struct Help {
	std::string text;
};

/** Flags, and the file of --config for what they leave open. Throws UsageError,
 *  of one line. @allowed is the affinity mask.
 */
std::variant<Options, Help> parse_options(int argc, const char *const *argv,
					  const std::vector<int> &allowed);

/** What differs and can only take effect in a new process. */
std::vector<std::string> needs_restart(const Options &before, const Options &after);

} // namespace lanes

#endif
