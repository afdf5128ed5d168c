// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANECTL_OPTIONS_H
#define LANES_LANECTL_OPTIONS_H

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <cstdint>

namespace lanes::ctl {

enum class Style {
	text,
	json,
	/** JSON for people. */
	pretty,
};

struct ListListeners {};

struct ShowListener {
	/** A port, an address and port, or an inode: see selects(). */
	std::string which;
};

struct ChangeListeners {
	bool attach = true;
	int pid = 0;
	/** All of the process, if there is none. */
	std::optional<uint16_t> port;
};

struct ShowStats {
	/** Since the module was loaded, not since the last run. */
	bool absolute = false;
	/** Counters that are 0 too. */
	bool zeros = false;
};

struct RunProgram {
	/** What exec() gets, not empty. */
	std::vector<std::string> command;
};

/** What Prometheus reads. */
struct ShowMetrics {
	/** Standard output, if empty. */
	std::string textfile;
};

/** What this kernel has of what is needed. */
struct CheckKernel {};

/** The archive for a bug report. */
struct WriteDebug {
	/** A name with the time, if empty. */
	std::string output;
};

using Action = std::variant<ListListeners, ShowListener, ChangeListeners, ShowStats, RunProgram,
			    ShowMetrics, CheckKernel, WriteDebug>;

struct Options {
	Style style = Style::text;
	Action action;
};

/** What was asked for instead of an action. */
struct Help {
	std::string text;
};

/** Throws UsageError. */
std::variant<Options, Help> parse_options(int argc, const char *const *argv);

} // namespace lanes::ctl

#endif
