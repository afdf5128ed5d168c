// SPDX-License-Identifier: GPL-2.0-only
#include "engine/token.h"

#include <gtest/gtest.h>

using namespace lanes;

TEST(token, survives_the_ring)
{
	for (Operation operation :
	     {Operation::accept, Operation::receive, Operation::send, Operation::watch})
		for (uint32_t slot : {0U, 1U, 4095U, 0xffffffffU})
			for (uint32_t generation : {0U, 1U, Token::generation_mask}) {
				const Token token = {operation, slot, generation};

				EXPECT_EQ(Token::decode(token.encode()), token);
			}
}

TEST(token, generation_does_not_spill_into_the_operation)
{
	const Token token = {Operation::receive, 5, Token::generation_mask + 1};
	const Token back = Token::decode(token.encode());

	EXPECT_EQ(back.operation, Operation::receive);
	EXPECT_EQ(back.slot, 5U);
	EXPECT_EQ(back.generation, 0U);
}
