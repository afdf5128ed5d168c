// SPDX-License-Identifier: GPL-2.0-only
#include "lanesd/takeover.h"

#include <filesystem>
#include <future>

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <gtest/gtest.h>

#include "common/error.h"

using namespace lanes;
using namespace std::chrono_literals;

namespace {

constexpr TakeoverTimes quick{200ms, 200ms, 200ms, 200ms};

struct Ends {
	Fd predecessor;
	Fd successor;
};

Ends pair()
{
	int ends[2] = {-1, -1};

	EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	return {Fd(ends[0]), Fd(ends[1])};
}

ino_t inode(int fd)
{
	struct stat file{};

	EXPECT_EQ(fstat(fd, &file), 0);
	return file.st_ino;
}

Fd some_socket()
{
	return Fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

/* The message of what @call throws, or "". */
template <typename Call> std::string thrown_by(Call call)
{
	try {
		call();
	} catch (const std::exception &error) {
		return error.what();
	}
	return {};
}

class takeover : public testing::Test {
protected:
	Successor give() { return give(std::move(ends_.predecessor)); }
	Successor give(Fd connection)
	{
		return Successor(
			std::move(connection), path_.get(),
			{{web_.get(), "http", "[::]:80"}, {db_.get(), "resp", "systemd:db"}},
			{admin_.get(), "", "127.0.0.1:9200"}, quick);
	}
	Predecessor take() { return Predecessor(std::move(ends_.successor), quick); }

	Ends ends_ = pair();
	Fd path_ = some_socket(), web_ = some_socket(), db_ = some_socket();
	Fd admin_ = some_socket();
};

class takeover_path : public testing::Test {
protected:
	takeover_path() { std::filesystem::create_directory(directory_); }
	~takeover_path() override { std::filesystem::remove_all(directory_); }

	std::string directory_ = "/tmp/lanesd-takeover." + std::to_string(getpid());
	std::string path_ = directory_ + "/socket";
};

} // namespace

TEST_F(takeover, hands_over_the_same_sockets_with_their_names)
{
	const Successor successor = give();
	Predecessor predecessor = take();
	auto &sockets = predecessor.sockets();

	ASSERT_EQ(sockets.size(), 2U);
	EXPECT_EQ(inode(sockets[0].fd.get()), inode(web_.get()));
	EXPECT_EQ(sockets[0].service, "http");
	EXPECT_EQ(sockets[0].target, "[::]:80");
	EXPECT_EQ(inode(sockets[1].fd.get()), inode(db_.get()));
	EXPECT_EQ(sockets[1].target, "systemd:db");
	EXPECT_EQ(inode(predecessor.take_path_socket().get()), inode(path_.get()));
	EXPECT_EQ(predecessor.pid(), getpid());
	EXPECT_TRUE(fcntl(sockets[0].fd.get(), F_GETFD) & FD_CLOEXEC);
}

TEST_F(takeover, hands_over_the_admin_listener_to_who_wants_the_same)
{
	const Successor successor = give();
	Predecessor predecessor = take();

	EXPECT_FALSE(predecessor.take_admin("127.0.0.1:9201"));
	EXPECT_EQ(inode(predecessor.take_admin("127.0.0.1:9200").get()), inode(admin_.get()));
}

TEST_F(takeover, takes_as_many_sockets_as_there_may_be)
{
	std::vector<Successor::Offer> offers(200, {web_.get(), "http", std::string(60, 'x')});
	const Successor successor(std::move(ends_.predecessor), path_.get(), offers, {-1, "", ""},
				  quick);

	EXPECT_EQ(take().sockets().size(), 200U);
}

TEST_F(takeover, drains_only_when_the_successor_is_ready)
{
	Successor successor = give();
	Predecessor predecessor = take();

	EXPECT_FALSE(successor.look());

	auto done = std::async(std::launch::async, [&predecessor] { predecessor.ready(); });
	pollfd waiting = {successor.fd(), POLLIN, 0};

	ASSERT_EQ(poll(&waiting, 1, 2000), 1);
	EXPECT_TRUE(successor.look());
	EXPECT_TRUE(successor.draining());
	EXPECT_NO_THROW(done.get());
}

TEST_F(takeover, a_successor_that_dies_before_it_is_ready_changes_nothing)
{
	Successor successor = give();

	{
		const Predecessor predecessor = take();
	}
	EXPECT_NE(thrown_by([&] { successor.look(); }).find("gone"), std::string::npos);
	EXPECT_FALSE(successor.draining());
	EXPECT_GT(inode(web_.get()), 0U);
}

TEST_F(takeover, a_successor_that_is_never_ready_is_given_up)
{
	Successor successor = give();
	const Predecessor predecessor = take();

	std::this_thread::sleep_until(successor.deadline());
	EXPECT_NE(thrown_by([&] { successor.look(); }).find("not ready in time"),
		  std::string::npos);
}

TEST_F(takeover, a_predecessor_that_is_not_heard_to_drain_stops_the_successor)
{
	const Successor successor = give();
	Predecessor predecessor = take();

	EXPECT_NE(thrown_by([&] { predecessor.ready(); }).find("draining"), std::string::npos);
}

TEST_F(takeover, a_predecessor_that_has_given_up_stops_the_successor)
{
	std::optional<Successor> successor(give());
	Predecessor predecessor = take();

	successor.reset();
	EXPECT_NE(thrown_by([&] { predecessor.ready(); }), "");
}

TEST_F(takeover, waits_for_the_sockets_only_so_long)
{
	EXPECT_NE(thrown_by([&] { take(); }).find("no 'sockets' within 200 ms"), std::string::npos);
}

TEST_F(takeover, refuses_what_it_does_not_understand)
{
	for (const char *text :
	     {"", "hello", "{}", "[]", R"({"lanesd-takeover":2,"state":"sockets"})",
	      R"({"lanesd-takeover":1,"state":"ready"})", R"({"lanesd-takeover":1,"state":7})",
	      R"({"lanesd-takeover":1,"state":"sockets","sockets":[{}]})",
	      R"({"lanesd-takeover":1,"state":"sockets","sockets":7})",
	      R"({"lanesd-takeover":1,"state":"sockets","sockets":[],"admin":7})"}) {
		Ends ends = pair();

		ASSERT_GE(send(ends.predecessor.get(), text, strlen(text), 0), 0);
		EXPECT_NE(thrown_by([&] { Predecessor(std::move(ends.successor), quick); }), "")
			<< text;
	}
}

TEST_F(takeover, refuses_another_version)
{
	constexpr std::string_view text = R"({"lanesd-takeover":2,"state":"sockets","sockets":[]})";

	ASSERT_GE(send(ends_.predecessor.get(), text.data(), text.size(), 0), 0);
	EXPECT_NE(thrown_by([&] { take(); }).find("speaks no version 1"), std::string::npos);
}

TEST(takeover_peer, is_of_the_same_user_or_root)
{
	EXPECT_EQ(refuse_peer({1, 1000, 1000}, 1000), "");
	EXPECT_EQ(refuse_peer({1, 0, 0}, 1000), "");
	EXPECT_EQ(refuse_peer({77, 1001, 1000}, 1000),
		  "process 77 is of user 1001, not 1000 or root; refused");
	EXPECT_NE(refuse_peer({77, 1000, 0}, 0), "");
}

/* With a process of another user, where the test may make one. */
TEST_F(takeover_path, is_not_for_others)
{
	if (geteuid())
		GTEST_SKIP() << "not root";

	TakeoverPath first = claim_takeover_path(path_, quick);
	const pid_t pid = fork();

	chmod(directory_.c_str(), 0777);
	chmod(path_.c_str(), 0777);
	if (!pid) {
		sockaddr_un address{AF_UNIX, {}};
		const int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

		path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
		if (setuid(65534))
			_exit(1);
		usleep(50'000);
		_exit(connect(fd, reinterpret_cast<sockaddr *>(&address), sizeof(address)) != 0);
	}

	pollfd waiting = {first.listening.get(), POLLIN, 0};

	ASSERT_EQ(poll(&waiting, 1, 5000), 1);

	Fd connection(accept(first.listening.get(), nullptr, nullptr));
	const std::string error = thrown_by([&] {
		Successor(std::move(connection), first.listening.get(), {}, {-1, "", ""}, quick);
	});

	EXPECT_NE(error.find("is of user 65534"), std::string::npos) << error;
	waitpid(pid, nullptr, 0);
}

TEST_F(takeover_path, belongs_to_the_first_and_leads_the_second_to_it)
{
	TakeoverPath first = claim_takeover_path(path_, quick);
	TakeoverPath second = claim_takeover_path(path_, quick);
	const Fd socket = some_socket();

	EXPECT_TRUE(first.listening);
	EXPECT_FALSE(first.predecessor);
	EXPECT_FALSE(second.listening);
	ASSERT_TRUE(second.predecessor);

	Fd connection(accept(first.listening.get(), nullptr, nullptr));
	const Successor successor(std::move(connection), first.listening.get(),
				  {{socket.get(), "echo", "fd:3"}}, {-1, "", ""}, quick);
	Predecessor predecessor(std::move(second.predecessor), quick);
	const Fd path = predecessor.take_path_socket();

	/* Whoever lives has the path. */
	first.listening.reset();
	EXPECT_TRUE(claim_takeover_path(path_, quick).predecessor);
}

TEST_F(takeover_path, is_free_again_when_its_process_is_dead)
{
	claim_takeover_path(path_, quick);
	EXPECT_TRUE(std::filesystem::exists(path_));
	EXPECT_TRUE(claim_takeover_path(path_, quick).listening);
}

TEST_F(takeover_path, goes_to_one_of_many)
{
	std::vector<std::future<TakeoverPath>> all;
	int first = 0;

	for (int i = 0; i < 6; i++)
		all.push_back(std::async(std::launch::async,
					 [this] { return claim_takeover_path(path_); }));

	std::vector<TakeoverPath> claimed;

	for (auto &one : all)
		claimed.push_back(one.get());
	for (const TakeoverPath &one : claimed) {
		first += one.listening ? 1 : 0;
		EXPECT_NE(bool(one.listening), bool(one.predecessor));
	}
	EXPECT_EQ(first, 1);
}

TEST_F(takeover_path, is_looked_at_by_one_at_a_time)
{
	const Fd lock(open((path_ + ".lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));

	ASSERT_EQ(flock(lock.get(), LOCK_EX), 0);
	EXPECT_NE(thrown_by([this] { claim_takeover_path(path_, quick); }).find("stays locked"),
		  std::string::npos);
	EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(takeover_path, is_no_file_of_others)
{
	close(open(path_.c_str(), O_CREAT | O_WRONLY, 0600));
	EXPECT_THROW(claim_takeover_path(path_, quick), std::runtime_error);
	EXPECT_TRUE(std::filesystem::is_regular_file(path_));
	EXPECT_THROW(claim_takeover_path("/no/such/directory/socket", quick), std::runtime_error);
	EXPECT_THROW(claim_takeover_path(directory_ + "/" + std::string(200, 'x'), quick),
		     std::runtime_error);
}

TEST_F(takeover_path, is_only_the_user_s)
{
	const TakeoverPath first = claim_takeover_path(path_, quick);
	struct stat file{};

	ASSERT_EQ(stat(path_.c_str(), &file), 0);
	EXPECT_EQ(file.st_mode & 0077, 0U);
}
