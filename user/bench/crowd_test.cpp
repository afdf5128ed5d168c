// SPDX-License-Identifier: GPL-2.0-only
#include "bench/crowd.h"

#include <set>

#include <gtest/gtest.h>

#include "common/error.h"

using namespace lanes;

namespace {

/* The kernel's default of net.ipv4.ip_local_port_range begins there. */
constexpr uint16_t first_chosen_port = 32768;

} // namespace

TEST(crowd, each_member_has_an_address_of_its_own)
{
	std::set<std::string> all;

	for (uint32_t i = 0; i < 100000; i++)
		all.insert(crowd_client(i).to_string());
	for (uint32_t i = 0; i < 1000; i++)
		all.insert(crowd_listener(i).to_string());
	EXPECT_EQ(all.size(), 101000U);
}

TEST(crowd, no_member_has_a_port_that_the_kernel_chooses)
{
	for (uint32_t i = 0; i < 100000; i++)
		ASSERT_LT(crowd_client(i).port(), first_chosen_port);
	for (uint32_t i = 0; i < 1000; i++)
		ASSERT_LT(crowd_listener(i).port(), first_chosen_port);
}

TEST(crowd, no_client_has_a_listeners_port)
{
	std::set<uint16_t> listeners;

	for (uint32_t i = 0; i < 1000; i++)
		listeners.insert(crowd_listener(i).port());
	for (uint32_t i = 0; i < 100000; i++)
		ASSERT_FALSE(listeners.contains(crowd_client(i).port()));
}

TEST(crowd, more_than_there_are_addresses_is_refused)
{
	EXPECT_THROW(crowd_client(5000000), UsageError);
	EXPECT_THROW(crowd_listener(2000), UsageError);
}
