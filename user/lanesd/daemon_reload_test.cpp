// SPDX-License-Identifier: GPL-2.0-only
/* Listeners that come and go while lanesd runs, under load. */
#include <thread>

#include "engine/shard_fixture.h"
#include "lanesd/daemon_fixture.h"

using namespace lanes;

namespace {

/* Short connections of a few threads, until they are refused or it is stopped. */
class ShortConnections {
public:
	explicit ShortConnections(const Endpoint &to) : to_(to)
	{
		for (int i = 0; i < 3; i++)
			threads_.emplace_back([this] { run(); });
	}
	~ShortConnections() { stop(); }

	void stop()
	{
		stop_ = true;
		join();
	}
	void join()
	{
		for (std::thread &thread : threads_)
			thread.join();
		threads_.clear();
	}
	/* Answered; connected, but not answered. */
	std::atomic<unsigned> good = 0, lost = 0;

private:
	void run()
	{
		while (!stop_) {
			const Fd fd = daemon_process::dial(to_);

			if (!fd)
				return;
			(daemon_process::answers(fd) ? good : lost)++;
		}
	}

	const Endpoint to_;
	std::atomic<bool> stop_ = false;
	std::vector<std::thread> threads_;
};

class daemon_listeners : public daemon_process, public testing::WithParamInterface<EngineKind> {
protected:
	void SetUp() override
	{
		const EngineChoice choice = choose_engine(GetParam(), host_features());

		if (choice.kind != GetParam())
			GTEST_SKIP() << choice.reason;
	}

	void listen_on(const std::string &targets) const
	{
		write("engine = '" + std::string(engine_names[static_cast<size_t>(GetParam())]) +
		      "'\nlisten = [" + targets + "]\n");
	}
	static std::string quoted(const Endpoint &where) { return "'" + where.to_string() + "',"; }
	/* Until it is refused. */
	static bool closes(const Endpoint &where)
	{
		for (int ms = 0; ms < 5000; ms++) {
			if (!dial(where) && errno == ECONNREFUSED)
				return true;
			std::this_thread::sleep_for(1ms);
		}
		return false;
	}

	Fd reserved_too_{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	Endpoint other_ = reserve(reserved_too_);
};

LANES_FOR_EACH_ENGINE(daemon_listeners);

} // namespace

TEST_P(daemon_listeners, sighup_opens_what_is_new)
{
	listen_on(quoted(where_));

	Child lanesd = start();

	ASSERT_TRUE(lanesd.says("ready"));
	EXPECT_FALSE(dial(other_));
	listen_on(quoted(where_) + quoted(other_));
	lanesd.signal(SIGHUP);
	EXPECT_TRUE(lanesd.says(other_.to_string() + ": serving echo\n"));
	EXPECT_TRUE(lanesd.says("lanesd: reloaded\n"));
	for (int i = 0; i < 50; i++) {
		EXPECT_TRUE(answers(dial(other_)));
		EXPECT_TRUE(answers(dial(where_)));
	}
	lanesd.signal(SIGTERM);
	EXPECT_EQ(lanesd.end(), 0);
}

TEST_P(daemon_listeners, sighup_closes_what_is_gone_and_resets_nobody)
{
	listen_on(quoted(where_) + quoted(other_));

	Child lanesd = start();

	ASSERT_TRUE(lanesd.says("ready"));
	for (int times = 0; times < 2; times++) {
		const Fd stays = dial(other_);

		ASSERT_TRUE(answers(stays));

		ShortConnections load(other_);

		EXPECT_TRUE(eventually([&] { return load.good > 100; }));
		listen_on(quoted(where_));
		lanesd.signal(SIGHUP);
		EXPECT_TRUE(lanesd.says(other_.to_string() + " is not served any more\n"));
		EXPECT_FALSE(dial(other_));
		load.join();
		EXPECT_EQ(load.lost, 0U);
		EXPECT_TRUE(closes(other_));
		EXPECT_TRUE(answers(stays));
		EXPECT_TRUE(answers(dial(where_)));
		listen_on(quoted(where_) + quoted(other_));
		lanesd.signal(SIGHUP);
		EXPECT_TRUE(lanesd.says(other_.to_string() + ": serving echo\n"));
	}
	EXPECT_TRUE(answers(dial(other_)));
}

TEST_P(daemon_listeners, sighup_goes_on_without_what_cannot_be_opened)
{
	listen_on(quoted(where_));

	Child lanesd = start();

	ASSERT_TRUE(lanesd.says("ready"));
	ASSERT_EQ(listen(reserved_too_.get(), 1), 0);
	listen_on(quoted(other_) + "'fd:0'," + quoted(where_));
	lanesd.signal(SIGHUP);
	EXPECT_TRUE(lanesd.says("reload: bind to " + other_.to_string() + ": EADDRINUSE"));
	EXPECT_TRUE(lanesd.says("; going on without it\n"));
	EXPECT_TRUE(lanesd.says("reload: fd:0: can only be passed at the start"));
	EXPECT_TRUE(lanesd.says("reloaded\n"));
	EXPECT_TRUE(answers(dial(where_)));
	/* The child has it, too. */
	shutdown(reserved_too_.get(), SHUT_RDWR);
	lanesd.signal(SIGHUP);
	EXPECT_TRUE(lanesd.says(other_.to_string() + ": serving echo\n"));
	EXPECT_TRUE(answers(dial(other_)));
}

TEST_P(daemon_listeners, sighup_gives_a_listener_another_service)
{
	listen_on(quoted(where_));

	Child lanesd = start();

	ASSERT_TRUE(lanesd.says("ready"));

	const Fd old = dial();

	ASSERT_TRUE(answers(old));
	listen_on("'resp=" + where_.to_string() + "'");
	lanesd.signal(SIGHUP);
	EXPECT_TRUE(lanesd.says("serving resp\n"));
	EXPECT_TRUE(eventually([this] {
		const Fd fd = dial();
		char got[7];

		return send(fd.get(), "PING\r\n", 6, MSG_NOSIGNAL) == 6 &&
		       recv(fd.get(), got, sizeof(got), MSG_WAITALL) >= 6 && got[0] == '+';
	}));
	EXPECT_TRUE(answers(old));
}

TEST_P(daemon_listeners, sigterm_resets_nobody_who_was_let_in)
{
	listen_on(quoted(where_));

	Child lanesd = start();

	ASSERT_TRUE(lanesd.says("ready"));

	ShortConnections load(where_);

	EXPECT_TRUE(eventually([&] { return load.good > 100; }));
	lanesd.signal(SIGTERM);
	EXPECT_TRUE(lanesd.says("draining"));
	EXPECT_FALSE(dial());
	EXPECT_EQ(lanesd.end(), 0);
	load.join();
	EXPECT_EQ(load.lost, 0U);
}
