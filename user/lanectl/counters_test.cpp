// SPDX-License-Identifier: GPL-2.0-only
#include "lanectl/counters.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <cstdlib>

#include <gtest/gtest.h>

#include "lanectl/file.h"

using namespace lanes;
using namespace lanes::ctl;

namespace {

namespace fs = std::filesystem;

class Folder {
public:
	Folder() { EXPECT_TRUE(mkdtemp(name_.data())); }
	~Folder() { fs::remove_all(name_); }
	const std::string &name() const { return name_; }

private:
	std::string name_ = fs::temp_directory_path() / "lanectl.XXXXXX";
};

std::string content(const std::string &path)
{
	std::ifstream file(path);

	return {std::istreambuf_iterator<char>(file), {}};
}

} // namespace

TEST(counters, lines_that_make_no_sense_are_left_out)
{
	std::istringstream text("LanesAttached                   \t3\n\nx\nx y\nx 1 2\nLanesB 0\n");

	EXPECT_EQ(read_counters(text), (Counters{{"LanesAttached", 3}, {"LanesB", 0}}));
}

TEST(counters, difference_is_by_name)
{
	const Counters before = {{"Gone", 9}, {"B", 2}, {"A", 1}};
	const Counters now = {{"A", 5}, {"B", 2}, {"New", 7}};

	EXPECT_EQ(since(before, now), (Counters{{"A", 4}, {"B", 0}, {"New", 7}}));
	EXPECT_EQ(since({}, now), now);
}

TEST(counters, module_that_was_loaded_anew_counts_from_zero)
{
	const Counters now = {{"A", 5}, {"B", 1}};

	EXPECT_EQ(since({{"A", 3}, {"B", 2}}, now), now);
}

TEST(counters, zeros_are_there_if_asked_for)
{
	const Counters counters = {{"LanesA", 12}, {"LanesB", 0}};

	EXPECT_EQ(format_counters(counters, false, Style::text),
		  "LanesA                          12\n");
	EXPECT_EQ(format_counters(counters, true, Style::text),
		  "LanesA                          12\nLanesB                          0\n");
	EXPECT_EQ(format_counters(counters, false, Style::json), "{\"LanesA\":12}\n");
	EXPECT_EQ(format_counters(counters, true, Style::pretty),
		  "{\n    \"LanesA\": 12,\n    \"LanesB\": 0\n}\n");
	EXPECT_EQ(format_counters({}, true, Style::json), "{}\n");
}

TEST(counters, history_is_of_this_namespace)
{
	struct stat netns{};

	ASSERT_EQ(stat("/proc/self/ns/net", &netns), 0);

	const std::string name = "/lanectl.stats." + std::to_string(netns.st_ino);

	setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
	EXPECT_EQ(history_path(), "/run/user/7" + name);
	unsetenv("XDG_RUNTIME_DIR");
	EXPECT_EQ(history_path(), "/run" + name);
}

TEST(file, is_replaced_and_nothing_is_left_beside)
{
	const Folder folder;
	const std::string path = folder.name() + "/metrics";

	write_file(path, "old", "");
	write_file(path, "new", "");
	EXPECT_EQ(content(path), "new");
	EXPECT_EQ(std::distance(fs::directory_iterator(folder.name()), {}), 1);
}

TEST(file, that_cannot_be_written_is_an_error_and_nothing_is_left)
{
	const Folder folder;
	const std::string path = folder.name() + "/folder";

	fs::create_directory(path);
	EXPECT_THROW(write_file(path, "text", ""), std::runtime_error);
	EXPECT_THROW(write_file(folder.name() + "/none/x", "text", ""), std::runtime_error);
	EXPECT_EQ(std::distance(fs::directory_iterator(folder.name()), {}), 1);
}
