// SPDX-License-Identifier: GPL-2.0-only
#include "engine/features.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

using namespace lanes;

namespace {

Features all()
{
	Features features;

	features.findings.fill({true, {}});
	return features;
}

const std::string &why(const Features &features, Feature feature)
{
	return features.findings[static_cast<size_t>(feature)].why;
}

bool contains(std::string_view text, std::string_view part)
{
	return text.find(part) != std::string_view::npos;
}

/* From here on io_uring_setup fails with @error. */
void forbid_io_uring(unsigned error)
{
	sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const sock_fprog program = {std::size(code), code};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(2);
}

} // namespace

TEST(features, each_works_or_says_why_not)
{
	const Features found = Features::probe(1);

	for (const auto &finding : found.findings)
		EXPECT_EQ(finding.works, finding.why.empty()) << finding.why;
}

TEST(features, probe_names_what_forbids_io_uring)
{
	GTEST_FLAG_SET(death_test_style, "threadsafe");
	EXPECT_EXIT(
		{
			forbid_io_uring(EPERM);

			const Features found = Features::probe(1);
			const EngineChoice choice = choose_engine({}, found);

			fputs(choice.reason.c_str(), stderr);
			_exit(choice.kind == EngineKind::epoll && !found.has(Feature::min_wait)
				      ? 0
				      : 1);
		},
		testing::ExitedWithCode(0), "EPERM.*kernel.io_uring_disabled.*seccomp");
}

TEST(features, disabling_one_disables_what_needs_it)
{
	Features features = all();

	features.disable(Feature::multishot_receive);
	EXPECT_FALSE(features.has(Feature::multishot_receive));
	EXPECT_FALSE(features.has(Feature::bounded_multishot));
	EXPECT_TRUE(contains(why(features, Feature::bounded_multishot), "--disable"));
	EXPECT_TRUE(features.has(Feature::bundle));

	features.disable(Feature::uring);
	for (const auto &finding : features.findings)
		EXPECT_FALSE(finding.works);
}

TEST(features, best_engine_is_uring_and_else_epoll)
{
	Features features = all();

	EXPECT_EQ(choose_engine({}, features).kind, EngineKind::uring);
	features.disable(Feature::sqpoll);
	EXPECT_EQ(choose_engine({}, features).kind, EngineKind::uring);
	features.disable(Feature::uring);
	EXPECT_EQ(choose_engine({}, features).kind, EngineKind::epoll);
}

TEST(features, wanted_engine_is_chosen_if_it_works)
{
	for (EngineKind kind : {EngineKind::uring, EngineKind::uring_sqpoll,
				EngineKind::uring_hybrid, EngineKind::epoll}) {
		const EngineChoice choice = choose_engine(kind, all());

		EXPECT_EQ(choice.kind, kind);
		EXPECT_TRUE(choice.reason.starts_with(engine_names[static_cast<size_t>(kind)]));
	}

	Features none;

	EXPECT_EQ(choose_engine(EngineKind::epoll, none).kind, EngineKind::epoll);
}

TEST(features, fallback_names_what_blocked_the_wanted_engine)
{
	Features features = all();

	features.findings[static_cast<size_t>(Feature::sqpoll)] = {false, "no thread"};

	EngineChoice choice = choose_engine(EngineKind::uring_sqpoll, features);

	EXPECT_EQ(choice.kind, EngineKind::uring);
	EXPECT_TRUE(contains(choice.reason, "uring-sqpoll"));
	EXPECT_TRUE(contains(choice.reason, "no thread"));

	features.findings[static_cast<size_t>(Feature::uring)] = {false, "no ring"};
	choice = choose_engine(EngineKind::uring_hybrid, features);
	EXPECT_EQ(choice.kind, EngineKind::epoll);
	EXPECT_TRUE(contains(choice.reason, "uring-hybrid"));
	EXPECT_TRUE(contains(choice.reason, "no ring"));
}

TEST(features, description_has_a_line_for_each)
{
	Features features = all();

	features.findings[static_cast<size_t>(Feature::bundle)] = {false, "too old"};

	const std::string text = describe_features(features);

	EXPECT_EQ(std::ranges::count(text, '\n'), static_cast<ssize_t>(feature_names.size()));
	EXPECT_TRUE(contains(text, "\nbundle             no: too old\n"));
	EXPECT_TRUE(contains(text, "\nmultishot-receive  yes\n"));
}
