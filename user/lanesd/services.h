// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANESD_SERVICES_H
#define LANES_LANESD_SERVICES_H

#include <array>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "service/service.h"

namespace lanes {

struct Options;

/** As in --listen and --service. */
constexpr std::array<std::string_view, 5> service_names = {"echo", "discard", "chargen", "http",
							   "resp"};

/** Those that a listener has asked for. */
class Services {
public:
	explicit Services(const Options &options);

	/** Makes it, the first time. */
	Service &named(const std::string &name);
	/** What went wrong. */
	std::vector<std::string> reload();

private:
	std::unique_ptr<Service> make(const std::string &name) const;

	unsigned shards_;
	std::string http_root_;
	size_t http_memory_;
	size_t resp_memory_;
	std::map<std::string, std::unique_ptr<Service>> made_;
};

} // namespace lanes

#endif
