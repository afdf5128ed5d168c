// SPDX-License-Identifier: GPL-2.0-only
#include "lanesd/options.h"

#include <fstream>

#include <unistd.h>

#include <gtest/gtest.h>

#include "common/error.h"

using namespace lanes;

namespace {

const std::vector<int> allowed = {2, 5, 7};

std::variant<Options, Help> parse(std::vector<const char *> arguments)
{
	arguments.insert(arguments.begin(), "lanesd");
	return parse_options(static_cast<int>(arguments.size()), arguments.data(), allowed);
}

Options options(std::vector<const char *> arguments)
{
	return std::get<Options>(parse(std::move(arguments)));
}

/* A file that is gone with it. */
class TomlFile {
public:
	explicit TomlFile(const std::string &text)
	{
		const int fd = mkstemp(path_.data());

		EXPECT_GE(fd, 0);
		close(fd);
		std::ofstream(path_) << text;
	}
	~TomlFile() { unlink(path_.c_str()); }
	const char *path() const { return path_.c_str(); }

private:
	std::string path_ = "/tmp/lanesd-options.XXXXXX";
};

Options from_file(const std::string &text, std::vector<const char *> flags = {})
{
	const TomlFile file(text);

	flags.push_back("--config");
	flags.push_back(file.path());
	return options(std::move(flags));
}

std::string refusal(const std::vector<const char *> &arguments)
{
	try {
		parse(arguments);
	} catch (const UsageError &error) {
		return error.what();
	}
	return {};
}

} // namespace

TEST(options, defaults)
{
	const Options o = options({});

	EXPECT_TRUE(o.listen.empty());
	EXPECT_EQ(o.service, "echo");
	EXPECT_FALSE(o.engine);
	EXPECT_EQ(o.cpus, allowed);
	EXPECT_TRUE(o.lanes);
	EXPECT_EQ(o.connections_max, 4096U);
	EXPECT_EQ(o.buffers, 1024U);
	EXPECT_EQ(o.limits.request_timeout_ms, 30000U);
	EXPECT_EQ(o.limits.stall_timeout_ms, 10000U);
	EXPECT_EQ(o.drain_timeout_ms, 10000U);
	EXPECT_FALSE(o.admin);
	EXPECT_FALSE(o.check_config);
}

TEST(options, all)
{
	const Options o = options({"--listen",
				   "[::1]:9",
				   "--listen=http=systemd:web",
				   "--listen=resp=127.0.0.1:6379",
				   "--service=discard",
				   "--shards",
				   "2",
				   "--no-lanes",
				   "--connections",
				   "7",
				   "--buffers",
				   "100",
				   "--engine=uring-hybrid",
				   "--disable=bundle,zero-copy",
				   "--disable=min-wait",
				   "--send-threads=4",
				   "--poll-idle-us=50",
				   "--zero-copy-min=16k",
				   "--budget=1m",
				   "--idle-timeout=2min",
				   "--request-timeout=500ms",
				   "--slow-timeout=1.5",
				   "--stall-timeout=3s",
				   "--drain-timeout=0",
				   "--http-root=/",
				   "--http-memory=2mb",
				   "--resp-memory=1g",
				   "--admin=unix:/run/a",
				   "--takeover=/run/t",
				   "--check-config"});

	ASSERT_EQ(o.listen.size(), 3U);
	EXPECT_EQ(o.listen[0].service, "discard");
	EXPECT_EQ(to_string(o.listen[0].target), "[::1]:9");
	EXPECT_EQ(o.listen[1].service, "http");
	EXPECT_EQ(std::get<SystemdSocket>(o.listen[1].target).name, "web");
	EXPECT_EQ(o.listen[2].service, "resp");
	EXPECT_EQ(o.cpus, (std::vector<int>{2, 5}));
	EXPECT_FALSE(o.lanes);
	EXPECT_EQ(o.connections_max, 7U);
	EXPECT_EQ(o.limits.connections_max, 7U);
	EXPECT_EQ(o.buffers, 100U);
	EXPECT_EQ(o.engine, EngineKind::uring_hybrid);
	EXPECT_EQ(o.disabled,
		  (std::vector{Feature::bundle, Feature::zero_copy, Feature::min_wait}));
	EXPECT_EQ(o.send_threads, 4U);
	EXPECT_EQ(o.poll_idle_us, 50U);
	EXPECT_EQ(o.zero_copy_min, 16384U);
	EXPECT_EQ(o.budget, 1U << 20);
	EXPECT_EQ(o.limits.idle_timeout_ms, 120000U);
	EXPECT_EQ(o.limits.request_timeout_ms, 500U);
	EXPECT_EQ(o.limits.slow_timeout_ms, 1500U);
	EXPECT_EQ(o.limits.stall_timeout_ms, 3000U);
	EXPECT_EQ(o.drain_timeout_ms, 0U);
	EXPECT_EQ(o.http_root, "/");
	EXPECT_EQ(o.http_memory, 2U << 20);
	EXPECT_EQ(o.resp_memory, 1U << 30);
	EXPECT_EQ(std::get<UnixPath>(*o.admin).path, "/run/a");
	EXPECT_EQ(o.takeover, "/run/t");
	EXPECT_TRUE(o.check_config);
}

TEST(options, one_shard_is_on_the_first_allowed_cpu)
{
	const Options o = options({"--listen=fd:3", "--shards=1"});

	EXPECT_EQ(std::get<InheritedSocket>(o.listen.at(0).target).fd, 3);
	EXPECT_EQ(o.cpus, std::vector<int>{2});
}

TEST(options, a_limit_that_is_not_zero_does_not_become_none)
{
	EXPECT_EQ(options({"--idle-timeout=0.0001"}).limits.idle_timeout_ms, 1U);
}

TEST(options, help)
{
	const std::string text = std::get<Help>(parse({"--help"})).text;

	for (const char *option : {"--listen", "--shards", "--no-lanes", "--config", "--help"})
		EXPECT_NE(text.find(option), std::string::npos) << option;
}

TEST(options_file, has_the_same_names)
{
	const Options o = from_file("listen = ['http=[::1]:80', 'fd:4']\n"
				    "engine = 'epoll'\n"
				    "disable = ['bundle', 'min-wait']\n"
				    "shards = 1\n"
				    "no-lanes = true\n"
				    "idle-timeout = '250ms'\n"
				    "slow-timeout = 0.5\n"
				    "stall-timeout = '2s'\n"
				    "http-memory = '1m'\n"
				    "admin = '127.0.0.1:9100'\n");

	ASSERT_EQ(o.listen.size(), 2U);
	EXPECT_EQ(o.listen[0].service, "http");
	EXPECT_EQ(o.engine, EngineKind::epoll);
	EXPECT_EQ(o.disabled, (std::vector{Feature::bundle, Feature::min_wait}));
	EXPECT_EQ(o.cpus.size(), 1U);
	EXPECT_FALSE(o.lanes);
	EXPECT_EQ(o.limits.idle_timeout_ms, 250U);
	EXPECT_EQ(o.limits.slow_timeout_ms, 500U);
	EXPECT_EQ(o.limits.stall_timeout_ms, 2000U);
	EXPECT_EQ(o.http_memory, 1U << 20);
	EXPECT_EQ(std::get<Endpoint>(*o.admin).port(), 9100);
}

TEST(options_file, a_false_flag_is_not_set)
{
	EXPECT_TRUE(from_file("no-lanes = false\n").lanes);
}

TEST(options_file, flags_win)
{
	const Options o = from_file("listen = ['fd:4', 'fd:5']\nshards = 1\nbuffers = 8\n",
				    {"--listen", "fd:9", "--shards", "2"});

	ASSERT_EQ(o.listen.size(), 1U);
	EXPECT_EQ(to_string(o.listen[0].target), "fd:9");
	EXPECT_EQ(o.cpus.size(), 2U);
	EXPECT_EQ(o.buffers, 8U);
}

TEST(options_file, what_needs_a_restart_is_told_from_what_does_not)
{
	const Options before = from_file("shards = 1\nidle-timeout = 3\nbuffers = 8\n");
	const Options after =
		from_file("shards = 2\nidle-timeout = 4\nbuffers = 8\nadmin = '[::]:1'\n");

	EXPECT_EQ(needs_restart(before, after), (std::vector<std::string>{"admin", "shards"}));
	EXPECT_TRUE(needs_restart(before, before).empty());
}

namespace {

struct BadFile {
	const char *text;
	int line;
};

class options_bad : public testing::TestWithParam<std::vector<const char *>> {};
class options_bad_file : public testing::TestWithParam<BadFile> {};

} // namespace

TEST_P(options_bad, is_refused_in_one_line)
{
	const std::string error = refusal(GetParam());

	EXPECT_FALSE(error.empty());
	EXPECT_EQ(error.find('\n'), std::string::npos) << error;
}

INSTANTIATE_TEST_SUITE_P(
	arguments, options_bad,
	testing::Values(std::vector<const char *>{"--nonsense"}, std::vector<const char *>{"extra"},
			std::vector<const char *>{"--listen"},
			std::vector<const char *>{"--listen", "80"},
			std::vector<const char *>{"--listen", "fd:"},
			std::vector<const char *>{"--listen", "fd:-1"},
			std::vector<const char *>{"--listen", "fd:3x"},
			std::vector<const char *>{"--listen", "systemd:"},
			std::vector<const char *>{"--listen", "gopher=[::]:70"},
			std::vector<const char *>{"--listen", "http="},
			std::vector<const char *>{"--listen=fd:3", "--listen=fd:3"},
			std::vector<const char *>{"--listen", "fd:3", "fd:4"},
			std::vector<const char *>{"--service", "gopher"},
			std::vector<const char *>{"--engine", "kqueue"},
			std::vector<const char *>{"--disable", "bundle,nonsense"},
			std::vector<const char *>{"--send-threads", "3"},
			std::vector<const char *>{"--shards", "0"},
			std::vector<const char *>{"--shards", "4"},
			std::vector<const char *>{"--shards", "x"},
			std::vector<const char *>{"--connections", "0"},
			std::vector<const char *>{"--buffers", "0"},
			std::vector<const char *>{"--buffers", "65536"},
			std::vector<const char *>{"--budget", "1"},
			std::vector<const char *>{"--budget", "1q"},
			std::vector<const char *>{"--idle-timeout", "3fortnights"},
			std::vector<const char *>{"--idle-timeout", "nan"},
			std::vector<const char *>{"--idle-timeout=-1"},
			std::vector<const char *>{"--http-root", "/no/such"},
			std::vector<const char *>{"--admin", "9100"},
			std::vector<const char *>{"--admin", "unix:"},
			std::vector<const char *>{"--config", "/no/such.toml"},
			std::vector<const char *>{"--config", "/"}));

TEST_P(options_bad_file, is_refused_with_its_line)
{
	const TomlFile file(GetParam().text);
	const std::string error = refusal({"--config", file.path()});

	EXPECT_TRUE(error.starts_with(std::format("{}:{}: ", file.path(), GetParam().line)))
		<< error;
	EXPECT_EQ(error.find('\n'), std::string::npos) << error;
}

INSTANTIATE_TEST_SUITE_P(
	texts, options_bad_file,
	testing::Values(BadFile{"shards = 1\nnonsense = 1\n", 2}, BadFile{"shards = \n", 1},
			BadFile{"\nshards = 1\nshards = 1\n", 3},
			BadFile{"\n[server]\nshards = 1\n", 2}, BadFile{"a.b = 1\n", 1},
			BadFile{"[[listen]]\ntarget = 'fd:3'\n", 1},
			BadFile{"no-lanes = 'yes'\n", 1}, BadFile{"no-lanes = 1\n", 1},
			BadFile{"\nshards = true\n", 2}, BadFile{"shards = 'many'\n", 1},
			BadFile{"shards = 99\n", 1}, BadFile{"shards = 1.5\n", 1},
			BadFile{"shards = [1]\n", 1}, BadFile{"shards = 2026-01-01\n", 1},
			BadFile{"engine = 'kqueue'\n", 1},
			BadFile{"\n\nlisten = ['fd:3', 'nowhere']\n", 3},
			BadFile{"listen = ['fd:3',\n'nowhere']\n", 2},
			BadFile{"listen = [['fd:3']]\n", 1}, BadFile{"listen = ['fd:3', 4.5]\n", 1},
			BadFile{"idle-timeout = -1\n", 1}, BadFile{"idle-timeout = nan\n", 1},
			BadFile{"idle-timeout = inf\n", 1}, BadFile{"config = 'other.toml'\n", 1},
			BadFile{"help = true\n", 1}, BadFile{"check-config = true\n", 1}));
