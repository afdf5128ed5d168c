// SPDX-License-Identifier: GPL-2.0-only
#include "fair_record.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

using namespace lanes;
using namespace std::chrono_literals;

namespace {

constexpr uint16_t port = 80;
constexpr auto patience = 1000ms;

flow_end end_of(uint16_t number)
{
	return {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1}, htons(number)};
}

fair_socket listener()
{
	fair_socket socket{};

	socket.cookie = 1;
	socket.key.local = end_of(port);
	socket.listens = 1;
	return socket;
}

/** A connection of its own for each @number, which has read so much. */
fair_socket connection(uint64_t number, uint64_t read, uint32_t unread = 0, int cpu = 0)
{
	fair_socket socket{};

	socket.cookie = 1000 + number;
	socket.received = read + unread;
	socket.unread = unread;
	socket.key = {end_of(port), end_of(static_cast<uint16_t>(10000 + number))};
	socket.cpu = cpu;
	return socket;
}

class fair_record : public testing::Test {
protected:
	using Sockets = std::vector<fair_socket>;

	/** Now these connections are open. */
	void look(Sockets sockets = {}, std::chrono::milliseconds later = 100ms)
	{
		sockets.push_back(listener());
		now_ += later;
		record_.sample(sockets, now_);
	}

	/** After this, what is no longer there is taken for closed. */
	void look_again(const Sockets &sockets = {})
	{
		look(sockets);
		look(sockets);
	}

	FairRecord record_{patience};
	FairRecord::Clock::time_point now_{};
};

} // namespace

TEST_F(fair_record, jain_is_1_if_all_are_equal)
{
	look({connection(1, 0), connection(2, 0)});
	look({connection(1, 500), connection(2, 500)});
	EXPECT_DOUBLE_EQ(record_.json()["jain"], 1);
}

TEST_F(fair_record, jain_is_one_nth_if_one_has_everything)
{
	look();
	look({connection(1, 500), connection(2, 0, 1), connection(3, 0, 1), connection(4, 0, 1)});
	EXPECT_DOUBLE_EQ(record_.json()["jain"], 0.25);
}

TEST_F(fair_record, jain_of_nothing_is_1)
{
	look();
	EXPECT_DOUBLE_EQ(record_.json()["jain"], 1);
}

TEST_F(fair_record, idle_connections_are_not_active)
{
	look({connection(1, 0), connection(2, 0)});
	look({connection(1, 500), connection(2, 0)});
	EXPECT_EQ(record_.json()["connections"], 2);
	EXPECT_EQ(record_.json()["active"], 1);
	EXPECT_DOUBLE_EQ(record_.json()["jain"], 1);
}

TEST_F(fair_record, what_came_before_the_first_look_does_not_count)
{
	look({connection(1, 5000)});
	look({connection(1, 5700)});
	EXPECT_EQ(record_.json()["bytes"], 700);
}

TEST_F(fair_record, a_connection_that_begins_later_counts_from_its_beginning)
{
	look();
	look({connection(1, 700)});
	EXPECT_EQ(record_.json()["bytes"], 700);
}

TEST_F(fair_record, sent_bytes_count_when_they_are_acknowledged)
{
	fair_socket socket = connection(1, 0);

	look({socket});
	socket.acked = 300;
	look({socket});
	EXPECT_EQ(record_.json()["bytes"], 300);
	EXPECT_EQ(record_.json()["list"][0]["acked"], 300);
}

TEST_F(fair_record, ports_without_a_listener_do_not_count)
{
	fair_socket client = connection(1, 0);

	std::swap(client.key.local, client.key.peer);
	look();
	look({client});
	EXPECT_EQ(record_.json()["connections"], 0);
}

TEST_F(fair_record, a_connection_counts_on_after_its_listener_was_closed)
{
	look({connection(1, 0)});
	for (int i = 1; i <= 3; i++)
		record_.sample({connection(1, 100)}, now_ + i * 100ms);
	EXPECT_EQ(record_.json()["bytes"], 100);
	EXPECT_EQ(record_.json()["left_out"], 0);
}

TEST_F(fair_record, unread_bytes_starve_after_the_patience)
{
	look({connection(1, 0, 4)});
	look({connection(1, 0, 4)}, patience - 1ms);
	EXPECT_EQ(record_.json()["starving"], 0);
	look({connection(1, 0, 4)}, 1ms);
	EXPECT_EQ(record_.json()["starving"], 1);
	EXPECT_EQ(record_.json()["list"][0]["stalled_ms"], patience.count());
}

TEST_F(fair_record, a_byte_that_is_read_ends_the_stall)
{
	look({connection(1, 0, 40)});
	look({connection(1, 1, 39)}, 999ms);
	look({connection(1, 2, 38)}, 999ms);
	EXPECT_EQ(record_.json()["starving"], 0);
}

TEST_F(fair_record, the_stall_begins_with_the_bytes)
{
	look({connection(1, 0)});
	look({connection(1, 0, 4)}, 5000ms);
	look({connection(1, 0, 4)}, 999ms);
	EXPECT_EQ(record_.json()["starving"], 0);
}

TEST_F(fair_record, a_stall_is_not_forgotten)
{
	look({connection(1, 0, 4)});
	look({connection(1, 0, 4)}, patience);
	look({connection(1, 4)});
	EXPECT_EQ(record_.json()["starving"], 1);
}

TEST_F(fair_record, closed_connections_stay_in_all_sums)
{
	look({connection(1, 0), connection(2, 0, 4), connection(3, 0)});
	look({connection(1, 3000), connection(2, 1000, 4), connection(3, 0)});
	look({connection(1, 3000), connection(2, 1000, 4), connection(3, 0)}, patience);

	const auto before = record_.json();

	look_again();

	auto after = record_.json();

	EXPECT_EQ(before["left_out"], 0);
	/* The idle one. */
	EXPECT_EQ(after["left_out"], 1);
	for (const char *name : {"connections", "active", "bytes", "jain", "starving"})
		EXPECT_EQ(before[name], after[name]) << name;
}

TEST_F(fair_record, closed_connections_stay_with_their_cpu)
{
	look();
	look({connection(1, 3000, 0, 7)});
	look_again({connection(2, 1000, 0, 7), connection(3, 500, 0, 8)});
	EXPECT_NE(record_.text().find("\n7                  2         2            4000   0.800\n"),
		  std::string::npos)
		<< record_.text();
}

/* The kernel's list may skip one. */
TEST_F(fair_record, a_connection_that_one_look_missed_is_not_counted_twice)
{
	look({connection(1, 0)});
	look({connection(1, 100)});
	look();
	look({connection(1, 200)});
	EXPECT_EQ(record_.json()["connections"], 1);
	EXPECT_EQ(record_.json()["bytes"], 200);
}

TEST_F(fair_record, of_closed_connections_it_keeps_so_many)
{
	constexpr uint64_t many = 3 * FairRecord::closed_max;

	look();
	for (uint64_t i = 0; i < many; i++)
		look({connection(i, 1)});
	look_again();
	EXPECT_EQ(record_.json()["connections"], many);
	EXPECT_EQ(record_.json()["list"].size(), 2 * FairRecord::closed_max);
	EXPECT_EQ(record_.json()["left_out"], many - 2 * FairRecord::closed_max);
}

TEST_F(fair_record, of_closed_connections_it_keeps_the_poorest)
{
	constexpr uint64_t rich = 3 * FairRecord::closed_max;
	Sockets sockets;

	for (uint64_t i = 0; i < rich; i++)
		sockets.push_back(connection(i, 1000 + i));
	sockets.insert(sockets.begin() + 1500, connection(rich, 7));
	look();
	look(sockets);
	look_again();
	look_again();
	EXPECT_EQ(record_.json()["list"][0]["read"], 7);
	EXPECT_EQ(record_.json()["list"][1]["read"], 1000);
	EXPECT_EQ(record_.json()["list"][FairRecord::closed_max - 1]["read"],
		  1000 + FairRecord::closed_max - 2);
}

TEST_F(fair_record, of_closed_connections_it_keeps_the_longest_stalled)
{
	Sockets sockets;

	for (uint64_t i = 0; i < 3 * FairRecord::closed_max; i++)
		sockets.push_back(connection(i, 10));
	/* Richer than all, and anywhere. */
	for (size_t i : {0, 1500, 2999})
		sockets[i] = connection(i, 1'000'000, 3);
	look();
	look(sockets);
	look(sockets, patience);
	look_again();
	look_again();

	const std::string text = record_.text();
	const size_t title = text.find("starving connections");

	ASSERT_NE(title, std::string::npos);
	for (const char *peer : {"10.0.0.1:10000", "10.0.0.1:11500", "10.0.0.1:12999"})
		EXPECT_NE(text.find(peer, title), std::string::npos) << text;
}

TEST_F(fair_record, the_text_lists_20_and_counts_the_rest)
{
	Sockets sockets;

	for (uint64_t i = 0; i < 3 * FairRecord::closed_max; i++)
		sockets.push_back(connection(i, 1 + i));
	look();
	look(sockets);
	look_again();
	EXPECT_NE(record_.text().find("10.0.0.1:10019 > 10.0.0.1:80"), std::string::npos);
	EXPECT_EQ(record_.text().find("10.0.0.1:10020 > 10.0.0.1:80"), std::string::npos);
	EXPECT_NE(record_.text().find("\nand 2980 more\n"), std::string::npos) << record_.text();
}

TEST_F(fair_record, the_poorest_are_listed_first)
{
	look();
	look({connection(1, 30), connection(2, 10), connection(3, 20)});

	const auto list = record_.json()["list"];

	EXPECT_EQ(list[0]["peer"], "10.0.0.1:10002");
	EXPECT_EQ(list[1]["peer"], "10.0.0.1:10003");
	EXPECT_EQ(list[2]["peer"], "10.0.0.1:10001");
}
