// SPDX-License-Identifier: GPL-2.0-only
#include "lanectl/options.h"

#include <gtest/gtest.h>

#include "common/error.h"

using namespace lanes;
using namespace lanes::ctl;

namespace {

std::variant<Options, Help> parse(std::vector<const char *> words)
{
	words.insert(words.begin(), "lanectl");
	return parse_options(static_cast<int>(words.size()), words.data());
}

template <typename Kind> Kind action(const std::vector<const char *> &words)
{
	return std::get<Kind>(std::get<Options>(parse(words)).action);
}

Style style(const std::vector<const char *> &words)
{
	return std::get<Options>(parse(words)).style;
}

} // namespace

TEST(options, listener_lists_by_default)
{
	action<ListListeners>({"listener"});
	action<ListListeners>({"listener", "list"});
	EXPECT_EQ(action<ShowListener>({"listener", "show", "[::1]:80"}).which, "[::1]:80");
}

TEST(options, port_of_attach_may_be_left_out)
{
	const auto attach = action<ChangeListeners>({"attach", "--pid", "12"});
	const auto detach = action<ChangeListeners>({"detach", "--port", "80", "--pid", "13"});

	EXPECT_TRUE(attach.attach);
	EXPECT_EQ(attach.pid, 12);
	EXPECT_FALSE(attach.port);
	EXPECT_FALSE(detach.attach);
	EXPECT_EQ(detach.pid, 13);
	EXPECT_EQ(detach.port, 80);
}

TEST(options, stats_flags)
{
	EXPECT_FALSE(action<ShowStats>({"stats"}).absolute);
	EXPECT_FALSE(action<ShowStats>({"stats"}).zeros);
	EXPECT_TRUE(action<ShowStats>({"stats", "-a"}).absolute);
	EXPECT_TRUE(action<ShowStats>({"stats", "-az"}).zeros);
}

TEST(options, what_is_behind_the_dashes_is_the_programs)
{
	const std::vector<std::string> command = {"sh", "-c", "--", "[a,b]", "-j", "stats", ""};

	EXPECT_EQ(action<RunProgram>({"run", "--", "sh", "-c", "--", "[a,b]", "-j", "stats", ""})
			  .command,
		  command);
	EXPECT_EQ(style({"run", "--", "sh", "-j"}), Style::text);
}

TEST(options, output_goes_to_a_file_if_one_is_named)
{
	EXPECT_EQ(action<ShowMetrics>({"metrics"}).textfile, "");
	EXPECT_EQ(action<ShowMetrics>({"metrics", "--textfile", "x.prom"}).textfile, "x.prom");
	action<CheckKernel>({"check"});
	EXPECT_EQ(action<WriteDebug>({"debug"}).output, "");
	EXPECT_EQ(action<WriteDebug>({"debug", "--output", "x.tar"}).output, "x.tar");
}

TEST(options, style_may_stand_before_and_behind_the_object)
{
	EXPECT_EQ(style({"stats"}), Style::text);
	EXPECT_EQ(style({"-j", "stats"}), Style::json);
	EXPECT_EQ(style({"listener", "show", "80", "-j"}), Style::json);
	EXPECT_EQ(style({"-p", "stats"}), Style::pretty);
	EXPECT_EQ(style({"-jp", "listener"}), Style::pretty);
}

TEST(options, nonsense_is_refused)
{
	const std::vector<std::vector<const char *>> bad = {
		{},
		{"-j"},
		{"nothing"},
		{"listener", "nothing"},
		{"listener", "show"},
		{"listener", "show", "1", "2"},
		{"listener", "list", "show", "80"},
		{"attach"},
		{"attach", "--port", "80"},
		{"attach", "--pid", "0"},
		{"attach", "--pid", "-1"},
		{"attach", "--pid", "x"},
		{"attach", "--pid", "1", "--port", "0"},
		{"attach", "--pid", "1", "--port", "65536"},
		{"stats", "-x"},
		{"stats", "detach", "--pid", "1"},
		{"run"},
		{"run", "--"},
		{"run", "sh"},
		{"run", "sh", "--", "sh"},
		{"stats", "--"},
		{"metrics", "--textfile"},
		{"check", "now"},
		{"debug", "x.tar"},
		{"debug", "--output"},
	};

	for (const auto &words : bad)
		EXPECT_THROW(parse(words), UsageError) << testing::PrintToString(
			std::vector<std::string>(words.begin(), words.end()));
}

TEST(options, help_and_version_are_no_action)
{
	for (const auto &words :
	     std::vector<std::vector<const char *>>{{"-h"},
						    {"listener", "-h"},
						    {"listener", "show", "--help"},
						    {"attach", "-h"}}) {
		const auto parsed = parse(words);

		ASSERT_TRUE(std::holds_alternative<Help>(parsed));
		EXPECT_NE(std::get<Help>(parsed).text.find("--help"), std::string::npos);
	}
	EXPECT_TRUE(std::get<Help>(parse({"-V"})).text.starts_with("lanectl "));
}
