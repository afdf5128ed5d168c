// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_HTTP_TEST_PEER_H
#define LANES_HTTP_TEST_PEER_H

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "http/exchange.h"
#include "http/test_sink.h"

namespace lanes::http {

/** A connection of tests to an exchange, that does what a shard would. */
class TestPeer {
public:
	explicit TestPeer(Exchange &exchange, size_t high = ~size_t{0})
		: exchange_(exchange), sink(high)
	{
		exchange_.opened(request);
	}
	TestPeer(const TestPeer &) = delete;
	TestPeer &operator=(const TestPeer &) = delete;
	~TestPeer() { exchange_.closed(request); }

	/** Without reading. What is not done with waits. */
	void send(std::string_view bytes)
	{
		waiting_ += bytes;
		hand_over();
	}

	/** Reads all that there is at once. */
	std::string read()
	{
		std::string text = sink.take();

		exchange_.writable(request, sink);
		hand_over();
		return text;
	}

	/** Sends, and reads until nothing comes any more. */
	std::string ask(std::string_view bytes)
	{
		std::string text;

		send(bytes);
		while (sink.queued())
			text += read();
		return text;
	}

	size_t waiting() const { return waiting_.size(); }

private:
	void hand_over()
	{
		while (!waiting_.empty() && !sink.finished()) {
			/* Of exactly this size, for sanitizers. */
			const std::vector<char> input(waiting_.begin(), waiting_.end());
			const size_t done =
				exchange_.received(request, sink, std::as_bytes(std::span(input)));

			waiting_.erase(0, done);
			if (done == input.size())
				continue;
			if (!sink.full() && !sink.finished())
				throw std::logic_error("input is left for no reason");
			break;
		}
	}

	Exchange &exchange_;
	std::string waiting_;

public:
	Request request{};
	TestSink sink;
};

} // namespace lanes::http

#endif
