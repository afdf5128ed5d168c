// SPDX-License-Identifier: GPL-2.0-only
#include "lanectl/options.h"

#include <algorithm>
#include <limits>
#include <string_view>

#include <CLI/CLI.hpp>

#include "common/error.h"
#include "lanectl/version.h"

namespace lanes::ctl {
namespace {

constexpr int pid_max = std::numeric_limits<int>::max();

/* What is there only after the parse. */
struct Raw {
	bool json = false;
	bool pretty = false;
	ShowListener show;
	ChangeListeners change;
	uint16_t port = 0;
	ShowStats stats;
	ShowMetrics metrics;
	WriteDebug debug;
};

void add_listener(CLI::App &app, Raw &raw, Action &action)
{
	CLI::App *object = app.add_subcommand("listener", "Attached listeners of this namespace");
	CLI::App *show = object->add_subcommand("show", "One listener, CPU by CPU");

	object->require_subcommand(0, 1);
	/* Before the callback of the command, which thus has the last word. */
	object->preparse_callback([&action](size_t) { action = ListListeners{}; });
	object->add_subcommand("list", "A line for each (default)");
	show->add_option("WHICH", raw.show.which, "Port, ADDR:PORT, [ADDR6]:PORT or inode")
		->required();
	show->callback([&] { action = raw.show; });
}

void add_change(CLI::App &app, Raw &raw, Action &action, const char *name, bool attach)
{
	CLI::App *object = app.add_subcommand(
		name, attach ? "Give lanes to a running process's listeners"
			     : "Make a running process's listeners stock sockets again");
	CLI::Option *port = nullptr;

	object->add_option("--pid", raw.change.pid, "The process")
		->required()
		->check(CLI::Range(1, pid_max));
	port = object->add_option("--port", raw.port, "Only listeners on this port")
		       ->check(CLI::Range(1, 65535));
	object->callback([&raw, &action, port, attach] {
		raw.change.attach = attach;
		if (port->count())
			raw.change.port = raw.port;
		action = raw.change;
	});
}

void add_stats(CLI::App &app, Raw &raw, Action &action)
{
	CLI::App *object =
		app.add_subcommand("stats", "Counters of this namespace, since the last run");

	object->add_flag("-a,--absolute", raw.stats.absolute,
			 "Since the module was loaded; leaves the history alone");
	object->add_flag("-z,--zeros", raw.stats.zeros, "Those that are 0 too");
	object->callback([&] { action = raw.stats; });
}

void add_rest(CLI::App &app, Raw &raw, Action &action)
{
	CLI::App *run = app.add_subcommand(
		"run", "run -- PROGRAM [ARG]...: run it, attach what it listens on");
	CLI::App *metrics = app.add_subcommand("metrics", "All figures, for Prometheus");
	CLI::App *check = app.add_subcommand("check", "What this kernel has of what is needed");
	CLI::App *debug = app.add_subcommand("debug", "Write an archive for a bug report");

	run->callback([&] { action = RunProgram{}; });
	metrics->add_option("--textfile", raw.metrics.textfile,
			    "Replace this file, for node_exporter; its name ends in .prom");
	metrics->callback([&] { action = raw.metrics; });
	check->callback([&] { action = CheckKernel{}; });
	debug->add_option("--output", raw.debug.output, "Its name; lanes-debug-TIME.tar");
	debug->callback([&] { action = raw.debug; });
}

/* The options' parser would look into a program's arguments. */
void set_command(Action &action, const char *const *begin, const char *const *end)
{
	auto *run = std::get_if<RunProgram>(&action);

	if (begin != end && !run)
		throw UsageError("-- is for run -- PROGRAM [ARG]... only");
	if (run && end - begin < 2)
		throw UsageError("run: no program; want run -- PROGRAM [ARG]...");
	if (run)
		run->command.assign(begin + 1, end);
}

void define(CLI::App &app, Raw &raw, Action &action)
{
	app.set_version_flag("-V,--version", "lanectl " LANES_VERSION);
	app.add_flag("-j,--json", raw.json, "JSON");
	app.add_flag("-p,--pretty", raw.pretty, "JSON for people");
	app.require_subcommand(1);
	/* So that -j may stand behind the object too. */
	app.fallthrough();
	add_listener(app, raw, action);
	add_change(app, raw, action, "attach", true);
	add_change(app, raw, action, "detach", false);
	add_stats(app, raw, action);
	add_rest(app, raw, action);
}

} // namespace

std::variant<Options, Help> parse_options(int argc, const char *const *argv)
{
	CLI::App app("Looks at listeners that have lanes, gives lanes to them, takes them away.",
		     "lanectl");
	const char *const *end = argv + argc;
	const char *const *dashes = std::find(argv, end, std::string_view("--"));
	Options options;
	Raw raw;

	define(app, raw, options.action);
	try {
		app.parse(static_cast<int>(dashes - argv), argv);
	} catch (const CLI::CallForHelp &) {
		return Help{app.help()};
	} catch (const CLI::CallForVersion &version) {
		return Help{std::string(version.what()) + "\n"};
	} catch (const CLI::ParseError &error) {
		throw UsageError(error.what());
	}
	set_command(options.action, dashes, end);
	if (raw.pretty)
		options.style = Style::pretty;
	else if (raw.json)
		options.style = Style::json;
	return options;
}

} // namespace lanes::ctl
