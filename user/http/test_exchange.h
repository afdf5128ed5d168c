// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_HTTP_TEST_EXCHANGE_H
#define LANES_HTTP_TEST_EXCHANGE_H

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "http/exchange.h"
#include "http/test_peer.h"
#include "http/test_tree.h"

namespace lanes::http {

/** As Date says it. */
constexpr time_t now = 784111777;
constexpr std::string_view plaintext = "GET /plaintext HTTP/1.1\r\nHost: x\r\n\r\n";
constexpr std::string_view plaintext_reply = "HTTP/1.1 200 OK\r\n"
					     "Server: lanesd\r\n"
					     "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
					     "Content-Type: text/plain\r\n"
					     "Content-Length: 13\r\n"
					     "\r\n"
					     "Hello, World!";

inline std::string request(std::string_view line, std::string_view fields = {})
{
	return std::string(line) + " HTTP/1.1\r\nHost: x\r\n" + std::string(fields) + "\r\n";
}

/** Of the first reply. */
inline unsigned status(const std::string &reply)
{
	if (!reply.starts_with("HTTP/1.1 ") || reply.size() < 12)
		return 0;
	return static_cast<unsigned>(std::stoul(reply.substr(9, 3)));
}

inline std::string field(const std::string &reply, const std::string &name)
{
	const size_t end = reply.find("\r\n\r\n");
	const size_t at = reply.find("\r\n" + name + ": ");

	if (at >= end)
		return "none";

	const size_t value = at + 4 + name.size();

	return reply.substr(value, reply.find("\r\n", value) - value);
}

inline std::string content(const std::string &reply)
{
	return reply.substr(reply.find("\r\n\r\n") + 4);
}

/** An exchange of a small tree, and what to ask it with. */
class ExchangeTest : public testing::Test {
protected:
	ExchangeTest()
	{
		tree_.put("index.html", "<p>top");
		tree_.put("a b.txt", "0123456789");
		tree_.put("d/index.html", "below");
		tree_.put("empty", "");
		for (int i = 0; i < 100'000; i++)
			big_ += static_cast<char>('a' + i * 7 % 26);
		tree_.put("big", big_);
		use();
	}

	void use()
	{
		auto files = std::make_shared<const Files>(tree_.root(), size_t{1} << 20);

		files_ = files;
		if (exchange_)
			exchange_->use(std::move(files));
		else
			exchange_.emplace(std::move(files), RequestLimits{}, now);
	}

	/** On a connection of its own. */
	std::string ask(std::string_view text) { return TestPeer(*exchange_).ask(text); }

	/** The status of a reply after which the connection is over, or not. */
	unsigned closes(std::string_view text) { return status_if(text, true); }
	unsigned stays(std::string_view text) { return status_if(text, false); }

	TestTree tree_;
	std::string big_;
	std::weak_ptr<const Files> files_;
	std::optional<Exchange> exchange_;

private:
	unsigned status_if(std::string_view text, bool finished)
	{
		TestPeer peer(*exchange_);
		const std::string reply = peer.ask(text);

		EXPECT_EQ(peer.sink.finished(), finished) << text << reply;
		EXPECT_EQ(field(reply, "Connection"), finished ? "close" : "none") << reply;
		return status(reply);
	}
};

} // namespace lanes::http

#endif
