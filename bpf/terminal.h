// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_BPF_TERMINAL_H
#define LANES_BPF_TERMINAL_H

#include <chrono>
#include <optional>
#include <string>

#include <termios.h>

namespace lanes {

/** The user's terminal as a screen to repaint and keys to read, until it is
 *  destroyed; what was there before is there again then.
 */
class Terminal {
public:
	/** Are standard input and output one? */
	static bool present();

	Terminal();
	~Terminal();
	Terminal(const Terminal &) = delete;
	Terminal &operator=(const Terminal &) = delete;

	/** Lines, as many and as long as there is room for. The first is
	 *  highlighted.
	 */
	void paint(const std::string &text) const;
	/** Waits for a key. */
	std::optional<char> key(std::chrono::milliseconds timeout) const;

private:
	termios before_{};
};

} // namespace lanes

#endif
