// SPDX-License-Identifier: GPL-2.0-only
#include "http/service.h"

#include <gtest/gtest.h>

#include "http/test_tree.h"

using namespace lanes;

namespace {

constexpr size_t plenty = 1 << 20;

class FakeHost final : public Host {
public:
	unsigned shard() const override { return 0; }
	unsigned shards() const override { return 1; }
	uint64_t now_ms() const override { return 0; }
	std::optional<Stream> find(Ticket) override { return {}; }
	void resume(Ticket) override {}
	void wake(unsigned) override { wakes++; }

	int wakes = 0;
};

} // namespace

TEST(http_service, needs_its_directory)
{
	EXPECT_THROW(HttpService(1, "/nonexistent/lanes", plenty), std::runtime_error);
	EXPECT_NO_THROW(HttpService(1, "", plenty));
}

TEST(http_service, a_reload_reaches_a_shard_that_sleeps)
{
	const http::TestTree tree;
	HttpService service(1, tree.root(), plenty);
	FakeHost host;
	const auto handler = service.handler(host);

	EXPECT_FALSE(handler->pending());
	EXPECT_EQ(service.reload(), "");
	EXPECT_EQ(host.wakes, 1);
	EXPECT_TRUE(handler->pending());
	EXPECT_FALSE(handler->turn(1));
	EXPECT_FALSE(handler->pending());
}

TEST(http_service, a_reload_that_fails_says_why_and_changes_nothing)
{
	const http::TestTree tree;
	HttpService service(1, tree.root(), 10'000);
	FakeHost host;
	const auto handler = service.handler(host);

	tree.put("large", std::string(20'000, 'l'));
	EXPECT_NE(service.reload().find("/large: "), std::string::npos);
	EXPECT_FALSE(handler->pending());
	EXPECT_EQ(host.wakes, 0);
}

TEST(http_service, a_shard_that_has_ended_is_not_woken)
{
	HttpService service(1, "", plenty);
	FakeHost host;

	service.handler(host).reset();
	EXPECT_EQ(service.reload(), "");
	EXPECT_EQ(host.wakes, 0);
}
