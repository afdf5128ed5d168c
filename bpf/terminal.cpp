// SPDX-License-Identifier: GPL-2.0-only
#include "terminal.h"

#include <algorithm>
#include <sstream>

#include <cerrno>
#include <cstdio>

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/error.h"

namespace lanes {
namespace {

/* ECMA-48, and the alternate screen that every emulator has. */
constexpr const char *enter = "\033[?1049h\033[?25l";
constexpr const char *leave = "\033[?25h\033[?1049l";
constexpr const char *home = "\033[H";
constexpr const char *reverse = "\033[7m";
constexpr const char *normal = "\033[0m";
constexpr const char *end_of_line = "\033[K\r\n";
constexpr const char *clear_below = "\033[J";

void put(const std::string &text)
{
	std::fputs(text.c_str(), stdout);
	std::fflush(stdout);
}

winsize size()
{
	winsize size{};

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row || !size.ws_col)
		return {.ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
	return size;
}

} // namespace

bool Terminal::present()
{
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

Terminal::Terminal()
{
	if (tcgetattr(STDIN_FILENO, &before_))
		throw_errno(errno, "the terminal");

	termios raw = before_;

	/* Ctrl-C still interrupts. */
	raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw))
		throw_errno(errno, "the terminal");
	put(enter);
}

Terminal::~Terminal()
{
	put(leave);
	tcsetattr(STDIN_FILENO, TCSANOW, &before_);
}

void Terminal::paint(const std::string &text) const
{
	const winsize room = size();
	std::istringstream lines(text);
	std::string line, all = home;

	for (int row = 0; row + 1 < room.ws_row && std::getline(lines, line); row++) {
		line.resize(std::min<size_t>(line.size(), room.ws_col));
		all += row ? line : reverse + line + normal;
		all += end_of_line;
	}
	put(all + clear_below);
}

std::optional<char> Terminal::key(std::chrono::milliseconds timeout) const
{
	pollfd input = {.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
	char key;

	if (poll(&input, 1, static_cast<int>(timeout.count())) <= 0)
		return {};
	if (read(STDIN_FILENO, &key, 1) != 1)
		return 'q';
	return key;
}

} // namespace lanes
