// SPDX-License-Identifier: GPL-2.0-only
#include "http/test_exchange.h"

using namespace lanes::http;

namespace {

class http_content : public ExchangeTest {};

} // namespace

TEST_F(http_content, a_file)
{
	const std::string reply = ask(request("GET /a%20b.txt?q"));

	EXPECT_EQ(status(reply), 200U);
	EXPECT_EQ(content(reply), "0123456789");
	EXPECT_EQ(field(reply, "Content-Length"), "10");
	EXPECT_EQ(field(reply, "Content-Type"), "text/plain; charset=utf-8");
	EXPECT_EQ(field(reply, "Accept-Ranges"), "bytes");
	EXPECT_EQ(field(reply, "Server"), "lanesd");
	EXPECT_NE(field(reply, "Last-Modified"), "none");
	EXPECT_NE(field(reply, "ETag"), "none");
}

TEST_F(http_content, head_is_get_without_content)
{
	for (const std::string target : {"/plaintext", "/big", "/empty", "/", "/none", "/d"}) {
		const std::string get = ask(request("GET " + target));
		const std::string head = ask(request("HEAD " + target));

		EXPECT_EQ(head, get.substr(0, get.find("\r\n\r\n") + 4)) << target;
	}
}

TEST_F(http_content, directories)
{
	EXPECT_EQ(content(ask(request("GET /"))), "<p>top");
	EXPECT_EQ(content(ask(request("GET /d/"))), "below");

	const std::string reply = ask(request("GET /d"));

	EXPECT_EQ(status(reply), 301U);
	EXPECT_EQ(field(reply, "Location"), "/d/");
	EXPECT_EQ(field(reply, "Content-Length"), "0");
}

TEST_F(http_content, absolute_form)
{
	EXPECT_EQ(content(ask(request("GET http://a.example:80/d/?q"))), "below");
	EXPECT_EQ(content(ask(request("GET http://a.example"))), "<p>top");
}

TEST_F(http_content, paths_do_not_escape)
{
	for (const char *target :
	     {"/../outside", "/d/../../outside", "/%2e%2e/outside", "/..%2foutside",
	      "/d/%2e%2e%2findex.html", "/./index.html", "//index.html", "/..", "/%2e", "*"})
		EXPECT_EQ(stays(request("GET " + std::string(target))), 404U) << target;
	for (const char *target : {"/%", "/%2", "/%zz", "/%00", "/index.html%00", "/%2%30"})
		EXPECT_EQ(stays(request("GET " + std::string(target))), 400U) << target;
}

TEST_F(http_content, conditions)
{
	const std::string whole = ask(request("GET /big"));
	const std::string etag = field(whole, "ETag");
	const std::string modified = field(whole, "Last-Modified");
	const std::string reply = ask(request("GET /big", "If-None-Match: " + etag + "\r\n"));

	EXPECT_EQ(status(reply), 304U);
	EXPECT_EQ(content(reply), "");
	EXPECT_EQ(field(reply, "ETag"), etag);
	EXPECT_EQ(field(reply, "Content-Length"), "none");
	EXPECT_EQ(stays(request("GET /big", "If-None-Match: \"x\", W/" + etag + "\r\n")), 304U);
	EXPECT_EQ(stays(request("GET /big", "If-None-Match: *\r\n")), 304U);
	EXPECT_EQ(stays(request("GET /big", "If-None-Match: \"x\"\r\n")), 200U);
	EXPECT_EQ(stays(request("GET /big", "If-Modified-Since: " + modified + "\r\n")), 304U);
	EXPECT_EQ(stays(request("HEAD /big", "If-Modified-Since: " + modified + "\r\n")), 304U);
	EXPECT_EQ(stays(request("GET /big", "If-Modified-Since: Sun Nov  6 08:49:37 1994\r\n")),
		  200U);
	EXPECT_EQ(stays(request("GET /big", "If-Modified-Since: today\r\n")), 200U);
	/* The other is not looked at. */
	EXPECT_EQ(stays(request("GET /big",
				"If-None-Match: \"x\"\r\nIf-Modified-Since: " + modified + "\r\n")),
		  200U);
}

TEST_F(http_content, conditions_are_of_one_request)
{
	TestPeer peer(*exchange_);

	EXPECT_EQ(status(peer.ask(request("GET /big", "If-None-Match: *\r\n"))), 304U);
	EXPECT_EQ(status(peer.ask(request("GET /big", "Range: bytes=0-1\r\n"))), 206U);
	EXPECT_EQ(status(peer.ask(request("GET /none"))), 404U);

	const std::string whole = peer.ask(request("GET /big"));
	const std::string since = "If-Modified-Since: " + field(whole, "Last-Modified") + "\r\n";

	EXPECT_EQ(status(whole), 200U);
	EXPECT_EQ(status(peer.ask(request("GET /big", since))), 304U);
	EXPECT_EQ(status(peer.ask(request("GET /big"))), 200U);
}

TEST_F(http_content, ranges)
{
	const std::string reply = ask(request("GET /a%20b.txt", "Range: bytes=2-4\r\n"));

	EXPECT_EQ(status(reply), 206U);
	EXPECT_EQ(content(reply), "234");
	EXPECT_EQ(field(reply, "Content-Range"), "bytes 2-4/10");
	EXPECT_EQ(field(reply, "Content-Length"), "3");
	EXPECT_EQ(field(reply, "Content-Type"), "text/plain; charset=utf-8");
	EXPECT_EQ(content(ask(request("GET /a%20b.txt", "Range: bytes=-2\r\n"))), "89");
	EXPECT_EQ(content(ask(request("GET /big", "Range: bytes=100-90000\r\n"))),
		  big_.substr(100, 89901));

	const std::string none = ask(request("GET /a%20b.txt", "Range: bytes=10-\r\n"));

	EXPECT_EQ(status(none), 416U);
	EXPECT_EQ(field(none, "Content-Range"), "bytes */10");
	EXPECT_EQ(content(none), "");
	for (const char *fields : {"Range: bytes=0-1,4-5\r\n", "Range: lines=1-2\r\n",
				   "Range: bytes=0-1\r\nRange: bytes=2-3\r\n"})
		EXPECT_EQ(stays(request("GET /a%20b.txt", fields)), 200U) << fields;
	EXPECT_EQ(stays(request("HEAD /a%20b.txt", "Range: bytes=2-4\r\n")), 200U);
}

TEST_F(http_content, a_range_of_what_has_changed_is_the_whole)
{
	const std::string whole = ask(request("GET /a%20b.txt"));
	const std::string range = "Range: bytes=2-4\r\nIf-Range: ";

	for (const std::string &same : {field(whole, "ETag"), field(whole, "Last-Modified")})
		EXPECT_EQ(stays(request("GET /a%20b.txt", range + same + "\r\n")), 206U);
	for (const std::string &other : {std::string("\"x\""), "W/" + field(whole, "ETag"),
					 std::string("Sun, 06 Nov 1994 08:49:37 GMT")})
		EXPECT_EQ(stays(request("GET /a%20b.txt", range + other + "\r\n")), 200U);
}

TEST_F(http_content, large_content_waits_for_a_slow_reader)
{
	TestPeer peer(*exchange_, 20'000);
	std::string reply;

	peer.send(request("GET /big") + std::string(plaintext));
	while (peer.sink.queued()) {
		EXPECT_LT(peer.sink.queued(), 20'000U + 16'384U);
		reply += peer.read();
	}
	EXPECT_EQ(content(reply), big_ + std::string(plaintext_reply));
	EXPECT_FALSE(peer.sink.finished());
}

TEST_F(http_content, a_peer_that_ends_its_input_still_gets_all)
{
	TestPeer peer(*exchange_, 20'000);
	std::string reply;

	peer.send(request("GET /big"));
	exchange_->input_ended(peer.request, peer.sink);
	EXPECT_FALSE(peer.sink.finished());
	while (peer.sink.queued())
		reply += peer.read();
	EXPECT_EQ(content(reply), big_);
	EXPECT_TRUE(peer.sink.finished());
}

TEST_F(http_content, new_files_are_for_new_requests)
{
	TestPeer slow(*exchange_, 20'000);
	TestPeer partial(*exchange_);
	TestPeer fast(*exchange_);
	const std::weak_ptr<const Files> former = files_;
	std::string reply;

	slow.send(request("GET /big"));
	partial.send("GET /d/ HTTP/1.1\r\n");
	tree_.put("big", "changed");
	tree_.put("d/index.html", "changed");
	use();
	EXPECT_EQ(content(fast.ask(request("GET /big"))), "changed");
	EXPECT_EQ(content(partial.ask("Host: x\r\n\r\n")), "below");
	EXPECT_EQ(content(partial.ask(request("GET /d/"))), "changed");
	while (slow.sink.queued()) {
		EXPECT_FALSE(former.expired());
		reply += slow.read();
	}
	EXPECT_EQ(content(reply), big_);
	EXPECT_TRUE(former.expired());
}

TEST_F(http_content, a_peer_that_is_gone_holds_no_files)
{
	const std::weak_ptr<const Files> former = files_;
	{
		TestPeer slow(*exchange_, 20'000);
		TestPeer partial(*exchange_);

		slow.send(request("GET /big"));
		partial.send("GET /d/ HTTP/1.1\r\n");
		use();
		EXPECT_FALSE(former.expired());
	}
	EXPECT_TRUE(former.expired());
}
