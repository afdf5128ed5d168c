// SPDX-License-Identifier: GPL-2.0-only
#include "compare/protocol.h"

#include <gtest/gtest.h>

using namespace lanes::compare;

TEST(compare_protocol, cuts_replies_wherever_the_stream_is_split)
{
	for (Protocol protocol :
	     {Protocol::echo, Protocol::resp_set, Protocol::resp_get, Protocol::resp_ping}) {
		const Exchange exchange = make_exchange(protocol, 300, 3);
		const std::string stream = exchange.reply + exchange.reply + exchange.reply;

		for (size_t at = 0; at <= stream.size(); at++) {
			ReplyStream replies(exchange);
			const int before = replies.feed({stream.data(), at});

			EXPECT_EQ(before, static_cast<int>(at / exchange.reply_length));
			EXPECT_EQ(before + replies.feed({stream.data() + at, stream.size() - at}),
				  3);
			EXPECT_TRUE(replies.between());
		}
	}
}

TEST(compare_protocol, finds_a_wrong_byte_at_the_ends_of_any_piece)
{
	const Exchange exchange = make_exchange(Protocol::echo, 1024, 1);

	for (size_t at : {0, 63, 500, 960, 1023}) {
		std::string reply = exchange.reply;
		ReplyStream replies(exchange);

		reply[at] ^= 1;
		/* The first piece is compared in full. */
		EXPECT_EQ(replies.feed(reply), ReplyStream::wrong) << at;
	}

	ReplyStream replies(exchange);
	std::string late = exchange.reply;

	late[1000] ^= 1;
	EXPECT_EQ(replies.feed(exchange.reply), 1);
	EXPECT_EQ(replies.feed(late), ReplyStream::wrong);
}

TEST(compare_protocol, a_reply_to_another_payload_is_wrong)
{
	const Exchange mine = make_exchange(Protocol::echo, 1024, 1);
	const Exchange other = make_exchange(Protocol::echo, 1024, 2);
	ReplyStream stream(mine);

	EXPECT_EQ(stream.feed(other.reply), ReplyStream::wrong);
}

TEST(compare_protocol, learns_the_length_of_an_http_reply_at_any_split)
{
	const std::string head = "HTTP/1.1 200 OK\r\nServer: x\r\ncontent-LENGTH: 13\r\n\r\n";
	const std::string reply = head + "Hello, World!";

	for (size_t at = 0; at <= reply.size(); at++)
		EXPECT_EQ(http_reply_length(reply.substr(0, at)),
			  at < head.size() ? 0 : reply.size());
	EXPECT_THROW(http_reply_length("HTTP/1.1 200 OK\r\n\r\n"), std::runtime_error);
}

TEST(compare_protocol, an_http_reply_is_checked_for_its_status)
{
	Exchange exchange = make_exchange(Protocol::http, 0, 0);
	const std::string good = "HTTP/1.1 200 OK\r\nDate: 1\r\n\r\n";
	const std::string bad = "HTTP/1.1 500 No\r\nDate: 1\r\n\r\n";

	exchange.reply_length = good.size();

	ReplyStream replies(exchange);

	EXPECT_EQ(replies.feed(good + good), 2);
	EXPECT_EQ(replies.feed(bad), ReplyStream::wrong);
}
