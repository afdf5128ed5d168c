// SPDX-License-Identifier: GPL-2.0-only
#include "engine/connection.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

using namespace lanes;

TEST(connections, take_until_none)
{
	Connections connections(3);
	std::set<uint32_t> slots;

	for (int fd = 10; fd < 13; fd++)
		slots.insert(connections.take(fd));
	EXPECT_EQ(slots, (std::set<uint32_t>{0, 1, 2}));
	EXPECT_EQ(connections.active(), 3U);
	EXPECT_EQ(connections.take(13), Connection::none);
	connections.release(1);
	EXPECT_EQ(connections.take(14), 1U);
	EXPECT_EQ(connections[1].fd, 14);
}

TEST(connections, former_token_is_not_current)
{
	Connections connections(1);
	const uint32_t slot = connections.take(10);
	const Token former = connections.token(Operation::receive, slot);

	EXPECT_TRUE(connections.current(former));
	connections.release(slot);
	EXPECT_FALSE(connections.current(former));
	connections.take(10);
	EXPECT_FALSE(connections.current(former));
	EXPECT_TRUE(connections.current(connections.token(Operation::send, slot)));
	EXPECT_FALSE(connections.current({Operation::receive, 1, 0}));
}

TEST(connections, generation_wraps)
{
	Connections connections(1);

	connections.release(connections.take(10));
	connections[0].generation = Token::generation_mask;
	connections.release(connections.take(11));
	EXPECT_EQ(connections[0].generation, 0U);
}

TEST(connections, taken_slot_has_no_past)
{
	Connections connections(1);
	uint32_t slot = connections.take(10);

	connections[slot].closing = true;
	connections[slot].spent = 3;
	connections[slot].input.bytes = 5;
	connections.release(slot);
	slot = connections.take(11);
	EXPECT_FALSE(connections[slot].closing);
	EXPECT_EQ(connections[slot].spent, 0U);
	EXPECT_EQ(connections[slot].input.bytes, 0U);
}

TEST(buffer_line, first_come_first_served)
{
	Connections connections(4);
	BufferLine line(connections);

	for (int fd = 10; fd < 14; fd++)
		line.push(connections.take(fd));
	for (uint32_t slot = 0; slot < 4; slot++) {
		EXPECT_TRUE(connections[slot].parked);
		EXPECT_EQ(line.pop(), slot);
		EXPECT_FALSE(connections[slot].parked);
	}
	EXPECT_TRUE(line.empty());
}

TEST(buffer_line, remove_anywhere)
{
	for (uint32_t gone = 0; gone < 3; gone++) {
		Connections connections(3);
		BufferLine line(connections);
		std::vector<uint32_t> left;

		for (int fd = 10; fd < 13; fd++)
			line.push(connections.take(fd));
		line.remove(gone);
		line.remove(gone);
		while (!line.empty())
			left.push_back(line.pop());
		EXPECT_EQ(left.size(), 2U);
		EXPECT_LT(left[0], left[1]);
		EXPECT_NE(left[0], gone);
		EXPECT_NE(left[1], gone);
	}
}

TEST(buffer_line, goes_on_after_it_was_empty)
{
	Connections connections(2);
	BufferLine line(connections);
	const uint32_t a = connections.take(10), b = connections.take(11);

	line.push(a);
	line.remove(a);
	EXPECT_TRUE(line.empty());
	line.push(b);
	line.push(a);
	EXPECT_EQ(line.pop(), b);
	EXPECT_EQ(line.pop(), a);
	EXPECT_TRUE(line.empty());
}

TEST(buffer_line, who_comes_back_empty_handed_keeps_its_place)
{
	Connections connections(4);
	BufferLine line(connections);

	for (int fd = 10; fd < 14; fd++)
		connections.take(fd);
	for (uint32_t slot = 0; slot < 4; slot++)
		line.push(slot);
	EXPECT_EQ(line.pop(), 0U);
	EXPECT_EQ(line.pop(), 1U);
	/* 1 was told first that there is no buffer; 0 got one, and waits anew. */
	line.push(1);
	connections[0].place = 0;
	line.push(0);
	for (const uint32_t slot : {1U, 2U, 3U, 0U})
		EXPECT_EQ(line.pop(), slot);
	EXPECT_TRUE(line.empty());
}
