// SPDX-License-Identifier: GPL-2.0-only
#include "http/service.h"

#include <exception>

#include <ctime>

#include "http/exchange.h"

namespace lanes {

namespace {

time_t wall_seconds()
{
	timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	return now.tv_sec;
}

class StreamSink final : public http::Sink {
public:
	explicit StreamSink(const Stream &stream) : stream_(stream) {}

	bool full() const override { return stream_.full(); }
	void write(std::string_view text) override { stream_.write(text); }
	void lend(std::span<const std::byte> bytes, Loan &loan) override
	{
		stream_.lend(bytes, loan);
	}
	void finish() override { stream_.finish(); }
	bool draining() const override { return stream_.draining(); }

private:
	Stream stream_;
};

std::shared_ptr<const http::Files> load(const std::string &root, size_t bytes_max)
{
	if (root.empty())
		return std::make_shared<const http::Files>();
	return std::make_shared<const http::Files>(root, bytes_max);
}

} // namespace

class HttpService::ShardHandler final : public Handler {
public:
	ShardHandler(HttpService &service, Host &host, Version version)
		: service_(service), host_(host), shard_(host.shard()), number_(version.number),
		  exchange_(std::move(version.files), http::RequestLimits{}, wall_seconds())
	{
	}
	~ShardHandler() override { service_.unregister_host(shard_); }

	size_t state_size() const override { return sizeof(http::Request); }
	void opened(Stream stream) override { exchange_.opened(request(stream)); }
	size_t received(Stream stream, std::span<const std::byte> input) override
	{
		StreamSink sink(stream);

		update();
		return exchange_.received(request(stream), sink, input);
	}
	void input_ended(Stream stream) override
	{
		StreamSink sink(stream);

		exchange_.input_ended(request(stream), sink);
	}
	void writable(Stream stream) override
	{
		StreamSink sink(stream);

		exchange_.writable(request(stream), sink);
	}
	bool in_request(Stream stream) override { return request(stream).begun; }
	void closed(Stream stream) override { exchange_.closed(request(stream)); }

	bool turn(unsigned) override
	{
		update();
		return false;
	}
	bool pending() const override { return outdated(); }

private:
	static http::Request &request(const Stream &stream)
	{
		return stream.state<http::Request>();
	}

	bool outdated() const
	{
		return service_.number_.load(std::memory_order_acquire) != number_;
	}

	void update()
	{
		if (const uint64_t now = host_.now_ms(); now != now_ms_) {
			now_ms_ = now;
			exchange_.set_time(wall_seconds());
		}
		if (outdated()) {
			Version version = service_.version();

			number_ = version.number;
			exchange_.use(std::move(version.files));
		}
	}

	HttpService &service_;
	Host &host_;
	const unsigned shard_;
	uint64_t number_;
	uint64_t now_ms_ = 0;
	http::Exchange exchange_;
};

static_assert(sizeof(http::Request) <= 320);

HttpService::HttpService(unsigned shards, std::string root, size_t bytes_max)
	: root_(std::move(root)), bytes_max_(bytes_max), files_(load(root_, bytes_max)),
	  hosts_(shards)
{
}

HttpService::~HttpService() = default;

std::unique_ptr<Handler> HttpService::handler(Host &host)
{
	return std::make_unique<ShardHandler>(*this, host, register_host(host));
}

HttpService::Version HttpService::register_host(Host &host)
{
	const std::lock_guard lock(mutex_);

	hosts_[host.shard()] = &host;
	return {number_.load(std::memory_order_relaxed), files_};
}

void HttpService::unregister_host(unsigned shard)
{
	const std::lock_guard lock(mutex_);

	hosts_[shard] = nullptr;
}

HttpService::Version HttpService::version()
{
	const std::lock_guard lock(mutex_);

	return {number_.load(std::memory_order_relaxed), files_};
}

std::string HttpService::reload()
{
	std::shared_ptr<const http::Files> files;

	try {
		files = load(root_, bytes_max_);
	} catch (const std::exception &error) {
		return error.what();
	}

	/* The former ones go when the lock is gone, if no shard has them. */
	const std::lock_guard lock(mutex_);

	files_.swap(files);
	number_.store(number_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
	/* A shard that sleeps would keep its old ones. */
	for (Host *host : hosts_)
		if (host)
			host->wake(host->shard());
	return {};
}

} // namespace lanes
