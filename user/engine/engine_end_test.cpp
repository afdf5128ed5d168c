// SPDX-License-Identifier: GPL-2.0-only
/* What every engine promises: the end of a connection. */
#include <sys/socket.h>

#include "engine/engine_fixture.h"

using namespace lanes;

TEST_P(EngineTest, shutdown_ends_what_is_in_flight)
{
	Rig rig(GetParam());
	auto [client, slot] = connected(rig);

	narrow(client);
	rig.engine->receive(slot);
	rig.clog(slot);
	EXPECT_TRUE(rig.at(slot).receiving);
	rig.engine->shutdown(slot, SHUT_RDWR);
	EXPECT_TRUE(rig.until([&] { return !rig.at(slot).receiving && !rig.at(slot).sending; }));
	rig.finish();
}

TEST_P(EngineTest, shutdown_of_one_side_ends_the_output)
{
	Rig rig(GetParam());
	auto [client, slot] = connected(rig);
	std::string text = "done";

	EXPECT_EQ(rig.send_all(slot, {part_of(text)}), 4);
	rig.engine->shutdown(slot, SHUT_WR);
	EXPECT_TRUE(rig.until([&] { return get(client) == "done"; }));
	EXPECT_TRUE(rig.until([&] { return at_end(client); }));
	put(client, "still heard");
	EXPECT_TRUE(rig.receive_all(slot, 11));
	rig.finish();
}

TEST_P(EngineTest, close_is_told_and_seen)
{
	Rig rig(GetParam());
	auto [client, slot] = connected(rig);

	rig.engine->close(slot);
	EXPECT_TRUE(rig.until([&, at = slot] { return rig.of(at).closed == 1; }));
	EXPECT_TRUE(rig.until([&, &end = client] { return at_end(end); }));
	rig.finish();
}
