// SPDX-License-Identifier: GPL-2.0-only
#include "lanesd/services.h"

#include "common/error.h"
#include "http/service.h"
#include "lanesd/options.h"
#include "resp/service.h"
#include "service/basic.h"

namespace lanes {

Services::Services(const Options &options)
	: shards_(static_cast<unsigned>(options.cpus.size())), http_root_(options.http_root),
	  http_memory_(options.http_memory), resp_memory_(options.resp_memory)
{
}

std::unique_ptr<Service> Services::make(const std::string &name) const
{
	if (name == "discard")
		return make_discard();
	if (name == "chargen")
		return make_chargen();
	if (name == "http")
		return std::make_unique<HttpService>(shards_, http_root_, http_memory_);
	if (name == "resp")
		return std::make_unique<RespService>(shards_, resp_memory_);
	return make_echo();
}

Service &Services::named(const std::string &name)
{
	auto &service = made_[name];

	if (!service)
		service = make(name);
	return *service;
}

std::vector<std::string> Services::reload()
{
	std::vector<std::string> failures;

	for (auto &[name, service] : made_)
		if (std::string failure = service->reload(); !failure.empty())
			failures.push_back(name + ": " + failure);
	return failures;
}

} // namespace lanes
