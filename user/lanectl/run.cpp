// SPDX-License-Identifier: GPL-2.0-only
#include "lanectl/run.h"

#include <chrono>
#include <optional>

#include <cerrno>
#include <csignal>
#include <cstdio>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/error.h"
#include "lanectl/follower.h"

namespace lanes::ctl {
namespace {

/* Between looks for listeners. What comes before the look is served, too, by a
 * stock listener.
 */
constexpr std::chrono::milliseconds interval(50);
constexpr timespec interval_timespec = {.tv_sec = 0, .tv_nsec = interval.count() * 1'000'000};

/* Those that a process may be sent to end or to do something. The others are
 * of faults, or stop it together with its program.
 */
sigset_t signals_to_pass()
{
	sigset_t set;

	sigfillset(&set);
	for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, SIGTSTP,
				 SIGTTIN, SIGTTOU, SIGCONT})
		sigdelset(&set, signal);
	return set;
}

[[noreturn]] void become(const std::vector<std::string> &command, const sigset_t &mask)
{
	std::vector<char *> words;

	for (const std::string &word : command)
		words.push_back(const_cast<char *>(word.c_str()));
	words.push_back(nullptr);
	sigprocmask(SIG_SETMASK, &mask, nullptr);
	execvp(words.front(), words.data());

	const int error = errno;

	std::fprintf(stderr, "lanectl: %s\n", describe_errno(error, command.front()).c_str());
	_exit(error == ENOENT ? 127 : 126);
}

/* Also of orphans that have become ours. */
std::optional<int> reap(pid_t program)
{
	std::optional<int> result;
	int status = 0;

	for (pid_t pid = 0; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
		if (pid == program)
			result = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	return result;
}

/* Looks, but not more often than is said above, nor less often because signals
 * keep coming.
 */
class Pace {
public:
	void look_if_due()
	try {
		const auto now = std::chrono::steady_clock::now();

		if (now - last_ < interval)
			return;
		last_ = now;
		follower_.look();
	} catch (const std::exception &error) {
		/* The program comes first. */
		std::fprintf(stderr, "lanectl: %s\n", error.what());
	}

private:
	Follower follower_;
	std::chrono::steady_clock::time_point last_{};
};

} // namespace

int run_program(const RunProgram &run)
{
	const sigset_t passed = signals_to_pass();
	sigset_t before;
	Pace pace;

	/* A daemon whose parent has ended stays a descendant. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	sigprocmask(SIG_BLOCK, &passed, &before);

	const pid_t program = fork();

	if (program < 0)
		throw_errno(errno, "fork", "see ulimit -u and pids.max");
	if (!program)
		become(run.command, before);
	for (;;) {
		siginfo_t info{};
		const int signal = sigtimedwait(&passed, &info, &interval_timespec);

		/* Our own is a SIGPIPE. */
		if (signal > 0 && signal != SIGCHLD && info.si_code != SI_KERNEL &&
		    info.si_pid != getpid())
			kill(program, signal);
		if (const auto status = reap(program))
			return *status;
		pace.look_if_due();
	}
}

} // namespace lanes::ctl
