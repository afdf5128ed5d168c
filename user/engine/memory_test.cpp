// SPDX-License-Identifier: GPL-2.0-only
#include "engine/memory.h"

#include <algorithm>
#include <array>
#include <random>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

using namespace lanes;

namespace {

constexpr MemorySizes small = {
	.buffers = 4, .buffer_size = 64, .blocks = 3, .block_size = 16, .segments = 8};

std::span<const std::byte> bytes_of(std::string_view text)
{
	return std::as_bytes(std::span(text));
}

std::string content(Memory &memory, const SegmentQueue &queue)
{
	std::string text;

	for (uint32_t at = queue.head; at != Segment::none; at = memory[at].next)
		text.append(reinterpret_cast<const char *>(memory[at].data), memory[at].length);
	return text;
}

Segment constant(std::string_view text)
{
	Segment segment;

	segment.data = bytes_of(text).data();
	segment.length = static_cast<uint32_t>(text.size());
	return segment;
}

struct CountingLoan final : Loan {
	void give_back() override { given_back++; }

	int given_back = 0;
};

Segment lent(std::string_view text, Loan &loan)
{
	Segment segment = constant(text);

	segment.owner = Segment::Owner::loan;
	segment.loan = &loan;
	return segment;
}

} // namespace

TEST(buffer_pool, each_buffer_is_given_once)
{
	BufferPool pool(3, 64);

	for (int i = 0; i < 3; i++)
		std::ranges::fill_n(pool.data(pool.take()), 64, std::byte(i));
	EXPECT_EQ(pool.take(), BufferPool::none);
	EXPECT_EQ(pool.available(), 0U);
	for (uint32_t id = 0; id < 3; id++)
		for (int at = 0; at < 64; at++)
			EXPECT_EQ(pool.data(id)[at], std::byte(id));
}

TEST(buffer_pool, free_when_the_last_reference_goes)
{
	BufferPool pool(1, 64);
	const uint32_t id = pool.take();

	pool.hold(id);
	pool.release(id);
	EXPECT_EQ(pool.take(), BufferPool::none);
	pool.release(id);
	EXPECT_EQ(pool.take(), id);
}

TEST(buffer_pool, last_returned_is_taken_first)
{
	BufferPool pool(4, 64);
	const uint32_t first = pool.take(), second = pool.take();

	pool.release(second);
	pool.release(first);
	EXPECT_EQ(pool.take(), first);
	EXPECT_EQ(pool.take(), second);
}

TEST(memory, queue_keeps_order_over_all_kinds)
{
	Memory memory(small);
	SegmentQueue queue;
	CountingLoan loan;

	EXPECT_TRUE(memory.push(queue, constant("abc")));
	EXPECT_TRUE(memory.write(queue, bytes_of("0123456789")));
	EXPECT_TRUE(memory.push(queue, lent("xyz", loan)));
	EXPECT_TRUE(memory.write(queue, bytes_of("!")));
	EXPECT_EQ(content(memory, queue), "abc0123456789xyz!");
	EXPECT_EQ(queue.bytes, 17U);
	memory.consume(queue, 5);
	EXPECT_EQ(content(memory, queue), "23456789xyz!");
	memory.clear(queue);
	EXPECT_TRUE(queue.empty());
	EXPECT_EQ(memory.segments_available(), memory.segments());
	EXPECT_EQ(memory.blocks.available(), memory.blocks.count());
}

TEST(memory, write_fills_the_last_block_first)
{
	Memory memory(small);
	SegmentQueue queue;

	for (int i = 0; i < 16; i++)
		EXPECT_TRUE(memory.write(queue, bytes_of("a")));
	EXPECT_EQ(memory.blocks.available(), 2U);
	EXPECT_TRUE(memory.write(queue, bytes_of("a")));
	EXPECT_EQ(memory.blocks.available(), 1U);
	memory.clear(queue);
}

/* Bytes at the block's begin may be on their way to the socket still. */
TEST(memory, write_after_a_part_was_sent_goes_behind_it)
{
	Memory memory(small);
	SegmentQueue queue;

	EXPECT_TRUE(memory.write(queue, bytes_of("0123456789")));

	const std::byte *begin = memory[queue.head].data;

	memory.consume(queue, 4);
	EXPECT_TRUE(memory.write(queue, bytes_of("abcdefgh")));
	EXPECT_EQ(std::string_view(reinterpret_cast<const char *>(begin), 16), "0123456789abcdef");
	EXPECT_EQ(content(memory, queue), "456789abcdefgh");
	memory.clear(queue);
}

TEST(memory, write_without_blocks_fails_and_leaks_nothing)
{
	Memory memory(small);
	SegmentQueue queue;

	EXPECT_FALSE(memory.write(queue, bytes_of(std::string(49, 'a'))));
	EXPECT_LE(queue.bytes, 48U);
	memory.clear(queue);
	EXPECT_EQ(memory.blocks.available(), 3U);
	EXPECT_EQ(memory.segments_available(), 8U);
}

TEST(memory, push_without_a_node_releases_what_it_was_given)
{
	Memory memory(small);
	SegmentQueue queue;
	CountingLoan loan;
	Segment buffer;

	for (int i = 0; i < 8; i++)
		EXPECT_TRUE(memory.push(queue, constant("a")));
	EXPECT_FALSE(memory.push(queue, lent("b", loan)));
	EXPECT_EQ(loan.given_back, 1);
	buffer.id = memory.buffers.take();
	buffer.length = 1;
	buffer.owner = Segment::Owner::buffer;
	EXPECT_FALSE(memory.push(queue, buffer));
	EXPECT_EQ(memory.buffers.available(), 4U);
	EXPECT_FALSE(memory.write(queue, bytes_of("c")));
	EXPECT_EQ(memory.blocks.available(), 3U);
	EXPECT_EQ(content(memory, queue), "aaaaaaaa");
}

TEST(memory, loan_ends_with_its_last_byte)
{
	Memory memory(small);
	SegmentQueue queue;
	CountingLoan loan;

	EXPECT_TRUE(memory.push(queue, lent("abc", loan)));
	memory.consume(queue, 2);
	EXPECT_EQ(loan.given_back, 0);
	memory.consume(queue, 1);
	EXPECT_EQ(loan.given_back, 1);
}

/* Or a send of nothing would be tried again for ever. */
TEST(memory, empty_segment_is_over_at_once)
{
	Memory memory(small);
	SegmentQueue queue;
	CountingLoan loan;

	EXPECT_TRUE(memory.push(queue, lent("", loan)));
	EXPECT_EQ(loan.given_back, 1);
	EXPECT_TRUE(queue.empty());
}

TEST(memory, scarce_before_the_reserve_is_touched)
{
	Memory memory({.buffers = 1,
		       .buffer_size = 64,
		       .blocks = Memory::blocks_reserved + 1,
		       .block_size = 16,
		       .segments = Memory::segments_reserved + 2});
	SegmentQueue queue;

	EXPECT_FALSE(memory.scarce());
	EXPECT_TRUE(memory.write(queue, bytes_of("a")));
	EXPECT_FALSE(memory.scarce());
	EXPECT_TRUE(memory.write(queue, bytes_of(std::string(16, 'a'))));
	EXPECT_TRUE(memory.scarce());
	memory.clear(queue);
	for (int i = 0; i < 3; i++)
		EXPECT_TRUE(memory.push(queue, constant("a")));
	EXPECT_TRUE(memory.scarce());
}

TEST(memory, queues_do_not_mix)
{
	Memory memory(
		{.buffers = 1, .buffer_size = 64, .blocks = 64, .block_size = 16, .segments = 128});
	std::array<SegmentQueue, 5> queues;
	std::array<std::string, 5> expected;
	std::mt19937 random(1);

	for (int step = 0; step < 5000; step++) {
		const size_t which = random() % queues.size();
		std::string &text = expected[which];
		const size_t length = random() % 40;

		if (random() % 2 && text.size() < 100) {
			const std::string piece(length, static_cast<char>('a' + random() % 26));

			ASSERT_TRUE(memory.write(queues[which], bytes_of(piece)));
			text += piece;
		} else {
			const size_t gone = std::min(length, text.size());

			memory.consume(queues[which], gone);
			text.erase(0, gone);
		}
		ASSERT_EQ(content(memory, queues[which]), text);
		ASSERT_EQ(queues[which].bytes, text.size());
	}
}
