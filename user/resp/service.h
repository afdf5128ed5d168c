// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_RESP_SERVICE_H
#define LANES_RESP_SERVICE_H

#include <memory>
#include <vector>

#include <cstddef>

#include "resp/session.h"
#include "service/service.h"

namespace lanes {

/**
 * Keys and values in memory, by the protocol of Redis (RESP2). Each shard owns
 * the keys whose hash is its own; a connection's commands on others go there
 * and back as messages.
 */
class RespService final : public Service {
public:
	/** @memory_max: bytes, of all shards together; each gets its part. */
	RespService(unsigned shards, size_t memory_max);

	std::string_view name() const override { return "resp"; }
	std::unique_ptr<Handler> handler(Host &host) override;

private:
	RespShared shared_;
	/** Each made by its shard's thread. */
	std::vector<std::unique_ptr<Session>> sessions_;
};

} // namespace lanes

#endif
