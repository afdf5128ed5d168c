// SPDX-License-Identifier: GPL-2.0-only
// The module's decisions about the records of flows: pure, so tested here.
#include <cstdint>
#include <gtest/gtest.h>

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using s64 = std::int64_t;
#include "../../kmod/flow.h"

namespace {

lanes_flow_key key(lanes_flow_state state, u32 hash)
{
	lanes_flow_key k{};
	k.hash = hash;
	k.state = state;
	return k;
}

TEST(FlowKey, IsOneWord)
{
	static_assert(sizeof(lanes_flow_key) == sizeof(s64));
	lanes_flow_key k{};
	k.hash = 0xffffffff;
	k.cpu = (1 << LANES_FLOW_CPU_BITS) - 1;
	k.state = LANES_FLOW_ENDING;
	lanes_flow_key copy{};
	copy.word = k.word;
	EXPECT_EQ(copy.cpu, 16383u);
	EXPECT_EQ(copy.next, 0u);
	EXPECT_EQ(copy.state, LANES_FLOW_ENDING);
	EXPECT_EQ(copy.moving, 0u);
}

TEST(FlowCost, NeverAnEstablishedFlowInUse)
{
	EXPECT_EQ(lanes_flow_cost(key(LANES_FLOW_ESTABLISHED, 1), 2, 0), LANES_FLOW_REFUSE);
	EXPECT_EQ(lanes_flow_cost(key(LANES_FLOW_ESTABLISHED, 1), 2, LANES_FLOW_AGE - 1),
		  LANES_FLOW_REFUSE);
	EXPECT_EQ(lanes_flow_cost(key(LANES_FLOW_ESTABLISHED, 1), 2, LANES_FLOW_AGE),
		  LANES_FLOW_EXPIRE);
}

TEST(FlowCost, ItsOwnRecordInAnyState)
{
	for (auto state : {LANES_FLOW_HANDSHAKE, LANES_FLOW_ESTABLISHED, LANES_FLOW_ENDING})
		EXPECT_EQ(lanes_flow_cost(key(state, 7), 7, 0), LANES_FLOW_TAKE);
}

TEST(FlowCost, EndedBeforeAgedBeforeHandshake)
{
	EXPECT_EQ(lanes_flow_cost(key(LANES_FLOW_EMPTY, 1), 2, 0), LANES_FLOW_TAKE);
	EXPECT_EQ(lanes_flow_cost(key(LANES_FLOW_ENDING, 1), 2, 0), LANES_FLOW_REUSE);
	EXPECT_EQ(lanes_flow_cost(key(LANES_FLOW_HANDSHAKE, 1), 2, 0), LANES_FLOW_DISPLACE);
	EXPECT_EQ(lanes_flow_cost(key(LANES_FLOW_HANDSHAKE, 1), 2, LANES_FLOW_AGE),
		  LANES_FLOW_EXPIRE);
	EXPECT_LT(LANES_FLOW_REUSE, LANES_FLOW_EXPIRE);
	EXPECT_LT(LANES_FLOW_EXPIRE, LANES_FLOW_DISPLACE);
}

// The old owner has queued 10 packets; the flow's last was the 7th.
TEST(FlowDrained, OnceItsLastPacketIsProcessed)
{
	EXPECT_FALSE(lanes_flow_drained(7, 0, 10));
	EXPECT_FALSE(lanes_flow_drained(7, 6, 10));
	EXPECT_TRUE(lanes_flow_drained(7, 7, 10));
	EXPECT_TRUE(lanes_flow_drained(7, 10, 10));
}

TEST(FlowDrained, AcrossTheWrap)
{
	EXPECT_FALSE(lanes_flow_drained(2, 0xfffffffe, 3));
	EXPECT_TRUE(lanes_flow_drained(2, 2, 3));
	EXPECT_FALSE(lanes_flow_drained(0, 0xffffffff, 3));
	EXPECT_TRUE(lanes_flow_drained(0xffffffff, 0xffffffff, 3));
}

TEST(FlowDrained, ATailOfAnotherQueueHoldsNobodyBack)
{
	EXPECT_TRUE(lanes_flow_drained(11, 5, 10));
	EXPECT_TRUE(lanes_flow_drained(0x80000000, 5, 10));
	EXPECT_TRUE(lanes_flow_drained(4, 5, 10));
	EXPECT_TRUE(lanes_flow_drained(10, 10, 10));
}

} // namespace
