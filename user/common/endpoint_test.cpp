// SPDX-License-Identifier: GPL-2.0-only
#include "common/endpoint.h"

#include <gtest/gtest.h>

#include "common/error.h"

using namespace lanes;

TEST(endpoint, parses_ipv4)
{
	const Endpoint endpoint = Endpoint::parse("127.0.0.1:80");

	EXPECT_EQ(endpoint.family(), AF_INET);
	EXPECT_EQ(endpoint.port(), 80);
	EXPECT_EQ(endpoint.length(), sizeof(sockaddr_in));
	EXPECT_EQ(endpoint.to_string(), "127.0.0.1:80");
}

TEST(endpoint, parses_ipv6)
{
	const Endpoint endpoint = Endpoint::parse("[2001:db8::1]:65535");

	EXPECT_EQ(endpoint.family(), AF_INET6);
	EXPECT_EQ(endpoint.length(), sizeof(sockaddr_in6));
	EXPECT_EQ(endpoint.to_string(), "[2001:db8::1]:65535");
	EXPECT_EQ(Endpoint::parse("[::]:0").to_string(), "[::]:0");
}

TEST(endpoint, parses_scope)
{
	const Endpoint endpoint = Endpoint::parse("[fe80::1%lo]:1");
	const auto *address = reinterpret_cast<const sockaddr_in6 *>(endpoint.address());

	EXPECT_NE(address->sin6_scope_id, 0U);
	EXPECT_THROW(Endpoint::parse("[fe80::1%nosuchlink]:1"), UsageError);
}

class endpoint_bad : public testing::TestWithParam<const char *> {};

TEST_P(endpoint_bad, is_refused)
{
	EXPECT_THROW(Endpoint::parse(GetParam()), UsageError) << GetParam();
}

INSTANTIATE_TEST_SUITE_P(texts, endpoint_bad,
			 testing::Values("", "80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
					 "127.0.0.1:-1", "127.0.0.1:80x", "127.0.0.1: 80",
					 "127.0.0:80", ":80", "::1:80", "[::1]", "[::1]80",
					 "[::g]:80", "[]:80", "[127.0.0.1]:80", "localhost:80"));

TEST(endpoint, of_socket_is_where_it_is_bound)
{
	const int fd = socket(AF_INET, SOCK_STREAM, 0);
	const Endpoint any = Endpoint::parse("127.0.0.1:0");

	ASSERT_EQ(bind(fd, any.address(), any.length()), 0);

	const Endpoint bound = Endpoint::of_socket(fd);

	EXPECT_NE(bound.port(), 0);
	EXPECT_EQ(bound.to_string(), "127.0.0.1:" + std::to_string(bound.port()));
	close(fd);
}

TEST(endpoint, of_socket_wants_an_ip_socket)
{
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	EXPECT_THROW(Endpoint::of_socket(fd), UsageError);
	close(fd);
	EXPECT_THROW(Endpoint::of_socket(-1), std::runtime_error);
}
