// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_HTTP_SERVICE_H
#define LANES_HTTP_SERVICE_H

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <cstddef>
#include <cstdint>

#include "http/files.h"
#include "service/service.h"

namespace lanes {

/** HTTP/1.1: "/plaintext", and the files of a directory. */
class HttpService final : public Service {
public:
	/** Reads the files below @root, none if it is empty, which may take
	 *  @bytes_max bytes of memory, twice that while they are read again.
	 *  Throws if that does not work.
	 */
	HttpService(unsigned shards, std::string root, size_t bytes_max);
	~HttpService() override;

	std::string_view name() const override { return "http"; }
	std::unique_ptr<Handler> handler(Host &host) override;
	/** Reads the files again. If that fails, the former ones stay. */
	std::string reload() override;

private:
	class ShardHandler;

	struct Version {
		uint64_t number;
		std::shared_ptr<const http::Files> files;
	};

	Version register_host(Host &host);
	void unregister_host(unsigned shard);
	Version version();

	const std::string root_;
	const size_t bytes_max_;

	/** Of files_, for shards to see that there are new ones. */
	std::atomic<uint64_t> number_{0};

	/** The rest; held by shards only when they start, end or change files. */
	std::mutex mutex_;
	std::shared_ptr<const http::Files> files_;
	std::vector<Host *> hosts_;
};

} // namespace lanes

#endif
