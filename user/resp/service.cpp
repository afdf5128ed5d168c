// SPDX-License-Identifier: GPL-2.0-only
#include "resp/service.h"

#include <optional>

namespace lanes {
namespace {

class StreamLink final : public Link {
public:
	explicit StreamLink(Stream stream) : stream_(stream) {}

	bool full() const override { return stream_.full(); }
	void write(std::span<const std::byte> bytes) override { stream_.write(bytes); }
	void lend(std::span<const std::byte> bytes, Loan &loan) override
	{
		stream_.lend(bytes, loan);
	}
	void finish() override { stream_.finish(); }
	void abort() override { stream_.abort(); }
	void pause() override { stream_.pause(); }
	bool draining() const override { return stream_.draining(); }
	RespState &state() override { return stream_.state<RespState>(); }

private:
	Stream stream_;
};

class RespHandler final : public Handler, private Outside {
public:
	RespHandler(Session &session, Host &host) : session_(session), host_(host)
	{
		session_.attach(this);
	}
	~RespHandler() override { session_.attach(nullptr); }

	/* Handler */
	size_t state_size() const override { return sizeof(RespState); }
	void opened(Stream stream) override
	{
		session_.opened(stream.state<RespState>(), stream.ticket());
	}
	size_t received(Stream stream, std::span<const std::byte> input) override
	{
		StreamLink link(stream);

		return session_.received(link.state(), link, input);
	}
	void input_ended(Stream stream) override
	{
		StreamLink link(stream);

		session_.input_ended(link.state(), link);
	}
	void writable(Stream stream) override
	{
		StreamLink link(stream);

		session_.writable(link.state(), link);
	}
	std::span<std::byte> destination(Stream stream) override
	{
		return session_.destination(stream.state<RespState>());
	}
	void filled(Stream stream, size_t length) override
	{
		session_.filled(stream.state<RespState>(), length);
	}
	bool in_request(Stream stream) override
	{
		return session_.in_request(stream.state<RespState>());
	}
	void closed(Stream stream) override { session_.closed(stream.state<RespState>()); }
	bool turn(unsigned budget) override { return session_.turn(budget); }
	bool pending() const override { return session_.pending(); }

private:
	/* Outside */
	uint64_t now_ms() const override { return host_.now_ms(); }
	Link *find(Ticket ticket) override
	{
		const auto stream = host_.find(ticket);

		if (!stream)
			return nullptr;
		return &found_.emplace(*stream);
	}
	void resume(Ticket ticket) override { host_.resume(ticket); }
	void wake(unsigned shard) override { host_.wake(shard); }

	Session &session_;
	Host &host_;
	std::optional<StreamLink> found_;
};

} // namespace

RespService::RespService(unsigned shards, size_t memory_max)
	: shared_(shards, memory_max), sessions_(shards)
{
}

std::unique_ptr<Handler> RespService::handler(Host &host)
{
	auto &session = sessions_[host.shard()];

	session = std::make_unique<Session>(shared_, host.shard());
	return std::make_unique<RespHandler>(*session, host);
}

} // namespace lanes
