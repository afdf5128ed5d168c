// SPDX-License-Identifier: GPL-2.0-only
/* What every engine promises: to send. */
#include <array>

#include <cerrno>

#include <sys/socket.h>

#include "engine/engine_fixture.h"

using namespace lanes;

TEST_P(EngineTest, gathers_the_parts_of_a_send_in_order)
{
	Rig rig(GetParam());
	auto [client, slot] = connected(rig);
	std::vector<std::string> texts;
	std::vector<iovec> parts;
	std::string all, read;

	for (unsigned n = 0; n < Engine::parts_max; n++)
		texts.push_back(pattern(n * 13 + 1, n));
	for (std::string &text : texts) {
		parts.push_back(part_of(text));
		all += text;
	}
	EXPECT_EQ(rig.send_all(slot, parts), static_cast<ssize_t>(all.size()));
	EXPECT_TRUE(rig.until([&] { return (read += get(client)).size() >= all.size(); }));
	EXPECT_TRUE(read == all);
	rig.finish();
}

/* The vector of parts may go when send() returns. */
TEST_P(EngineTest, keeps_the_parts_of_many_sends_apart)
{
	Rig rig(GetParam());
	std::vector<std::pair<Fd, uint32_t>> all;
	std::vector<std::string> texts;

	for (unsigned n = 0; n < 600; n++) {
		texts.push_back(pattern(20, n));
		texts.push_back(pattern(30, n + 1));
	}
	for (unsigned n = 0; n < 600; n++)
		all.push_back(connected(rig));
	for (unsigned n = 0; n < 600; n++) {
		std::array<iovec, 2> parts = {part_of(texts[2 * n]), part_of(texts[2 * n + 1])};

		if (rig.engine->send(all[n].second, parts) != Engine::pending)
			rig.of(all[n].second).sent.push_back(50);
		parts = {};
	}
	for (unsigned n = 0; n < 600; n++) {
		std::string read;

		EXPECT_TRUE(rig.until([&] { return !rig.of(all[n].second).sent.empty(); }));
		EXPECT_EQ(rig.of(all[n].second).sent, std::vector<ssize_t>{50});
		EXPECT_TRUE(rig.until([&] { return (read += get(all[n].first)).size() >= 50; }));
		EXPECT_TRUE(read == texts[2 * n] + texts[2 * n + 1]);
	}
	rig.finish();
}

TEST_P(EngineTest, sends_all_to_a_slow_reader)
{
	Rig rig(GetParam());
	auto [client, slot] = connected(rig);
	std::string head = pattern(100), body = pattern(9'000'000, 1), read;
	unsigned turns = 0;

	narrow(client);

	const ssize_t sent = rig.send_all(slot, {part_of(head), part_of(body)}, [&] {
		char part[65536];
		const ssize_t n = recv(client.get(), part, sizeof(part), MSG_DONTWAIT);

		if (n > 0)
			read.append(part, static_cast<size_t>(n));
		turns++;
	});

	EXPECT_EQ(sent, static_cast<ssize_t>(head.size() + body.size()));
	EXPECT_TRUE(rig.until([&] {
		read += get(client);
		return read.size() >= head.size() + body.size();
	}));
	EXPECT_TRUE(read == head + body);
	EXPECT_GT(turns, 1U);
	rig.finish();
}

TEST_P(EngineTest, send_to_a_reset_connection_fails)
{
	Rig rig(GetParam());
	auto [client, slot] = connected(rig);
	const linger at_once = {1, 0};
	std::string text = "too late";

	setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	client.reset();
	rig.settle();
	EXPECT_LT(rig.send_all(slot, {part_of(text)}), 0);
	/* And without SIGPIPE, which would end the test. */
	EXPECT_EQ(rig.send_all(slot, {part_of(text)}), -EPIPE);
	rig.finish();
}
