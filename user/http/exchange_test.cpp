// SPDX-License-Identifier: GPL-2.0-only
#include "http/test_exchange.h"

using namespace lanes::http;

namespace {

class http_exchange : public ExchangeTest {};

} // namespace

TEST_F(http_exchange, plaintext_is_one_write)
{
	TestPeer peer(*exchange_);

	EXPECT_EQ(peer.ask(plaintext), plaintext_reply);
	EXPECT_EQ(peer.sink.writes(), 1U);
	EXPECT_EQ(peer.ask("GET /plaintext?x=1 HTTP/1.1\r\nHost: x\r\n\r\n"), plaintext_reply);
	EXPECT_FALSE(peer.sink.finished());
}

TEST_F(http_exchange, date_follows_the_time)
{
	exchange_->set_time(now + 1);
	EXPECT_EQ(field(ask(plaintext), "Date"), "Sun, 06 Nov 1994 08:49:38 GMT");
	EXPECT_EQ(field(ask(request("GET /empty")), "Date"), "Sun, 06 Nov 1994 08:49:38 GMT");
}

TEST_F(http_exchange, methods)
{
	for (const char *method : {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"}) {
		EXPECT_EQ(stays(request(std::string(method) + " /plaintext")), 405U) << method;
		EXPECT_EQ(field(ask(request(std::string(method) + " /plaintext")), "Allow"),
			  "GET, HEAD");
	}
	EXPECT_EQ(stays(request("OPTIONS *")), 405U);
	EXPECT_EQ(closes(request("CONNECT a:1")), 405U);
	EXPECT_EQ(closes(request("BREW /pot")), 501U);
	EXPECT_EQ(closes(request("get /plaintext")), 501U);
}

TEST_F(http_exchange, versions)
{
	EXPECT_EQ(closes("GET /plaintext HTTP/2.0\r\nHost: x\r\n\r\n"), 505U);
	EXPECT_EQ(closes("GET /plaintext HTTP/1.2\r\nHost: x\r\n\r\n"), 505U);
	EXPECT_EQ(closes("GET /plaintext HTTP/3.7\r\nHost: x\r\n\r\n"), 505U);
	EXPECT_EQ(closes("GET /plaintext HTTP/0.9\r\nHost: x\r\n\r\n"), 505U);
	EXPECT_EQ(closes("GET /plaintext\r\n\r\n"), 505U);
	EXPECT_EQ(closes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505U);
	EXPECT_EQ(closes("GET /plaintext HTTP/1.1x\r\n\r\n"), 400U);
	EXPECT_EQ(closes("GET /plaintext RTSP/1.0\r\n\r\n"), 400U);
	EXPECT_EQ(closes("SOURCE /plaintext ICE/1.0\r\n\r\n"), 400U);
}

TEST_F(http_exchange, refuses_what_is_malformed)
{
	for (const std::string_view text :
	     {"GET /plaintext HTTP/1.1\nHost: x\n\n", "GET /plaintext HTTP/1.1\r\nHost : x\r\n\r\n",
	      "GET /plaintext HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
	      "GET plaintext HTTP/1.1\r\n\r\n",
	      "GET /plaintext HTTP/1.1\r\nHost: x\r\nA: \x01\r\n\r\n", "\x16\x03\x01\x02",
	      "GET\x01", "GET /plaintext HTTP/1.1\r\n\r\n",
	      "GET /plaintext HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n"})
		EXPECT_EQ(closes(text), 400U) << text;
}

TEST_F(http_exchange, refuses_what_peers_may_frame_differently)
{
	for (const char *fields :
	     {"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
	      "Content-Length: 1\r\nContent-Length: 1\r\n", "Content-Length: 1, 1\r\n",
	      "Content-Length: +1\r\n", "Content-Length: 0x1\r\n", "Transfer-Encoding: gzip\r\n",
	      "Transfer-Encoding: chunked, gzip\r\n",
	      "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked, x\r\n"})
		EXPECT_EQ(closes(request("GET /plaintext", fields) + "0\r\n\r\n"), 400U) << fields;
	EXPECT_EQ(closes("GET /plaintext HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
		  400U);
	for (const char *body : {"x\r\n", "1 \r\na\r\n0\r\n\r\n", "1\na\r\n0\r\n\r\n",
				 "1\r\nab\r\n0\r\n\r\n", "-1\r\n", "10000000000000000\r\n"})
		EXPECT_EQ(
			closes(request("GET /plaintext", "Transfer-Encoding: chunked\r\n") + body),
			400U)
			<< body;
}

TEST_F(http_exchange, no_reply_follows_a_refusal)
{
	TestPeer peer(*exchange_);
	const std::string reply = peer.ask("BREW / HTTP/1.1\r\n\r\n" + std::string(plaintext));

	EXPECT_EQ(reply.find("HTTP/1.1", 1), reply.npos);
	EXPECT_TRUE(peer.sink.finished());
}

TEST_F(http_exchange, limits_the_head)
{
	const size_t fixed = request("GET /plaintext", "A: \r\n").size() - 4;

	EXPECT_EQ(stays(request("GET /plaintext", "A: " + std::string(8192 - fixed, 'a') + "\r\n")),
		  200U);
	EXPECT_EQ(
		closes(request("GET /plaintext", "A: " + std::string(8193 - fixed, 'a') + "\r\n")),
		431U);
	EXPECT_EQ(closes(request("GET /plaintext", std::string(8192, 'a') + ": b\r\n")), 431U);
	EXPECT_EQ(closes("GET /plaintext HTTP/1.1\r\nA:" + std::string(9000, ' ')), 431U);
	EXPECT_EQ(closes("GET " + std::string(9000, ' ')), 431U);
	EXPECT_EQ(stays(request("GET /" + std::string(4095, 'a'))), 404U);
	EXPECT_EQ(closes(request("GET /" + std::string(4096, 'a'))), 414U);
}

TEST_F(http_exchange, limits_many_small_fields)
{
	std::string fields;

	while (fields.size() < 8192)
		fields += "A: b\r\n";
	EXPECT_EQ(closes(request("GET /plaintext", fields)), 431U);
}

TEST_F(http_exchange, the_limit_is_of_each_request)
{
	TestPeer peer(*exchange_);
	const std::string text = request("GET /empty", "A: " + std::string(5000, 'a') + "\r\n");

	const std::string chunked = request("GET /empty", "Transfer-Encoding: chunked\r\n") + "0;" +
				    std::string(5000, 'a') + "\r\n\r\n";

	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(status(peer.ask(text)), 200U);
		EXPECT_EQ(status(peer.ask(chunked)), 200U);
	}
	EXPECT_FALSE(peer.sink.finished());
}

TEST_F(http_exchange, bodies_are_dropped)
{
	TestPeer peer(*exchange_);
	const std::string body(100'000, 'b');

	EXPECT_EQ(status(peer.ask(request("POST /plaintext", "Content-Length: 100000\r\n") + body)),
		  405U);
	EXPECT_EQ(status(peer.ask(request("GET /plaintext", "Content-Length: 5\r\n") + "hello")),
		  200U);
	EXPECT_EQ(peer.ask(request("GET /plaintext", "Transfer-Encoding: chunked\r\n") +
			   "5;a=b\r\nhello\r\n0\r\n\r\n"),
		  plaintext_reply);
	EXPECT_EQ(peer.ask(plaintext), plaintext_reply);
}

TEST_F(http_exchange, trailers_say_nothing)
{
	EXPECT_EQ(stays(request("GET /a%20b.txt", "Transfer-Encoding: chunked\r\n") +
			"0\r\nHost: y\r\nRange: bytes=0-0\r\n\r\n"),
		  200U);
}

TEST_F(http_exchange, limits_the_body)
{
	const std::string half(524'289, 'b');
	const std::string chunk = "80001\r\n" + half + "\r\n";
	const std::string small = "7ffff\r\n" + half.substr(2) + "\r\n";

	EXPECT_EQ(closes(request("POST /", "Content-Length: 1048577\r\n")), 413U);
	EXPECT_EQ(closes(request("POST /", "Transfer-Encoding: chunked\r\n") + chunk + chunk),
		  413U);
	EXPECT_EQ(stays(request("POST /", "Transfer-Encoding: chunked\r\n") + chunk + small +
			"0\r\n\r\n"),
		  405U);
}

TEST_F(http_exchange, limits_what_chunks_add)
{
	const std::string head = request("GET /plaintext", "Transfer-Encoding: chunked\r\n");

	EXPECT_EQ(closes(head + "1;a=" + std::string(8200, 'e')), 431U);
	EXPECT_EQ(closes(head + "0\r\nA: " + std::string(8200, 't')), 431U);

	TestPeer peer(*exchange_);
	const std::string zeros(65536, '0');

	peer.send(head);
	for (int i = 0; i < 200 && !peer.sink.finished(); i++)
		peer.send(zeros);
	EXPECT_EQ(status(peer.read()), 413U);
}

TEST_F(http_exchange, continues_when_asked)
{
	TestPeer peer(*exchange_);
	const std::string head =
		request("GET /plaintext", "Expect: 100-Continue\r\nContent-Length: 5\r\n");

	EXPECT_EQ(peer.ask(head), "HTTP/1.1 100 Continue\r\n\r\n");
	EXPECT_EQ(peer.ask("hello"), plaintext_reply);
	EXPECT_EQ(stays(request("GET /plaintext", "Expect: 100-continue\r\n")), 200U);
	EXPECT_EQ(stays(request("GET /plaintext", "Expect: tea\r\n")), 417U);
}

TEST_F(http_exchange, no_body_is_asked_for_in_vain)
{
	const char *fields = "Expect: 100-continue\r\nContent-Length: 5\r\n";

	EXPECT_EQ(closes(request("POST /plaintext", fields)), 405U);
	EXPECT_EQ(closes(request("GET /none", fields)), 404U);
	EXPECT_EQ(closes(request("POST /", "Expect: 100-continue\r\nContent-Length: 9999999\r\n")),
		  413U);
}

TEST_F(http_exchange, keeps_the_connection_as_the_version_says)
{
	EXPECT_EQ(closes(request("GET /plaintext", "Connection: close\r\n")), 200U);
	EXPECT_EQ(closes(request("GET /big", "Connection: close\r\n")), 200U);
	EXPECT_EQ(closes("GET /plaintext HTTP/1.0\r\n\r\n"), 200U);

	TestPeer peer(*exchange_);
	const std::string reply =
		peer.ask("GET /plaintext HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");

	EXPECT_EQ(field(reply, "Connection"), "keep-alive");
	EXPECT_EQ(content(reply), "Hello, World!");
	EXPECT_FALSE(peer.sink.finished());
}

TEST_F(http_exchange, nothing_is_upgraded)
{
	TestPeer peer(*exchange_);
	const std::string text =
		request("GET /plaintext", "Connection: Upgrade\r\nUpgrade: h2c\r\n");

	EXPECT_EQ(peer.ask(text + std::string(plaintext)),
		  std::string(plaintext_reply) + std::string(plaintext_reply));
}

TEST_F(http_exchange, draining_ends_after_a_request)
{
	TestPeer peer(*exchange_);

	peer.sink.drains = true;

	const std::string reply = peer.ask(std::string(plaintext) + std::string(plaintext));

	EXPECT_EQ(field(reply, "Connection"), "close");
	EXPECT_EQ(content(reply), "Hello, World!");
	EXPECT_TRUE(peer.sink.finished());
}

TEST_F(http_exchange, every_split_has_the_same_reply)
{
	const std::string etag = field(ask(request("GET /big")), "ETag");
	const std::string texts[] = {
		std::string(plaintext),
		request("HEAD /a%20b.txt",
			"Range:  bytes=1-2 \r\nX-Long-Name-That-Is-Not-Known: v\r\n"),
		request("GET /big", "range: bytes=5-20000\r\nif-range: " + etag + "\r\n"),
		request("GET /big",
			"If-None-Match: \"" + std::string(200, 'x') + "\", " + etag + "\r\n"),
		request("GET /big", "IF-MODIFIED-SINCE: Sunday, 06-Nov-94 08:49:37 GMT\r\n"),
		request("GET /" + std::string(300, 'n')),
		request("POST /d", "Transfer-Encoding: chunked\r\n") +
			"3;x=\"y\"\r\nabc\r\n00a\r\n0123456789\r\n0\r\nT: u\r\n\r\n",
		request("GET /d/", "Expect: 100-continue\r\nContent-Length: 3\r\n") + "abc",
		"\r\nGET http://h/%61%20b.txt?q HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
		request("GET /d", "Connection: upgrade\r\nUpgrade: x\r\n"),
		"GET /plaintext HTTP/1.1\r\nHost : x\r\n\r\n",
		"GET /plaintext HTTP/1.7\r\nHost: x\r\n\r\n",
		"GET /plaintext HTTP/1.1x\r\nHost: x\r\n\r\n",
		"GET /plaintext RTSP/1.0\r\n\r\n",
		"BREW / HTTP/1.1\r\n\r\n",
		"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
		request("GET /" + std::string(4100, 'n')),
		request("GET /", "A: " + std::string(8190, 'a') + "\r\n"),
	};

	for (const std::string &text : texts) {
		/* That the next one is understood is part of it. */
		const std::string both = text + std::string(plaintext);
		const std::string reply = ask(both);

		for (size_t at = 1; at < both.size(); at++) {
			TestPeer peer(*exchange_);
			std::string split = peer.ask(both.substr(0, at));

			split += peer.ask(both.substr(at));
			ASSERT_EQ(split, reply) << text << " at " << at;
		}

		TestPeer peer(*exchange_);
		std::string split;

		for (const char c : both)
			split += peer.ask({&c, 1});
		ASSERT_EQ(split, reply) << text << " in bytes";
	}
}

TEST_F(http_exchange, long_tokens_of_many_peers_are_bounded)
{
	Exchange exchange(files_.lock(), {.buffers = 1}, now);
	TestPeer first(exchange);
	const std::string start = "GET /" + std::string(100, 'n');
	const std::string end = " HTTP/1.1\r\nHost: x\r\n\r\n";

	first.send(start);
	{
		TestPeer second(exchange);

		EXPECT_EQ(status(second.ask(start)), 503U);
		EXPECT_TRUE(second.sink.finished());
	}
	EXPECT_EQ(status(first.ask(end)), 404U);
	{
		TestPeer gone(exchange);

		gone.send(start);
	}

	TestPeer third(exchange);

	third.send(start);
	EXPECT_EQ(status(third.ask(end)), 404U);
}

TEST_F(http_exchange, pipelines_are_replied_to_in_order)
{
	std::string text;
	std::string replies;

	for (const std::string &one :
	     {request("GET /big"), std::string(plaintext), request("HEAD /big"),
	      request("GET /none"), request("GET /d/")}) {
		text += one;
		replies += ask(one);
	}
	EXPECT_EQ(ask(text), replies);
	EXPECT_EQ(TestPeer(*exchange_, 20'000).ask(text), replies);
}

TEST_F(http_exchange, a_full_stream_stops_a_pipeline)
{
	TestPeer peer(*exchange_, 1000);
	std::string text;

	for (int i = 0; i < 100; i++)
		text += plaintext;
	peer.send(text);
	EXPECT_GE(peer.sink.queued(), 1000U);
	EXPECT_LT(peer.sink.queued(), 1000 + plaintext_reply.size());
	EXPECT_GT(peer.waiting(), 0U);

	std::string replies;

	while (peer.sink.queued())
		replies += peer.read();
	EXPECT_EQ(replies.size(), 100 * plaintext_reply.size());
}

TEST_F(http_exchange, is_in_a_request_from_its_first_byte_to_its_last)
{
	TestPeer peer(*exchange_);
	const std::string text = request("GET /d/", "Content-Length: 3\r\n") + "abc";

	EXPECT_FALSE(peer.request.begun);
	for (size_t at = 0; at + 1 < text.size(); at++) {
		peer.send(text.substr(at, 1));
		EXPECT_TRUE(peer.request.begun) << at;
	}
	peer.send(text.substr(text.size() - 1));
	EXPECT_FALSE(peer.request.begun);
}
