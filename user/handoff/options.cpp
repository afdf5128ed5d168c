// SPDX-License-Identifier: GPL-2.0-only
#include "handoff/options.h"

#include <CLI/CLI.hpp>

#include "common/error.h"

namespace lanes::handoff {

std::variant<Options, std::string> parse_options(int argc, const char *const *argv,
						 const std::vector<int> &allowed)
{
	Options options;
	std::string listen = "127.0.0.1:7100";

	options.cpus = allowed;
	options.workers = 0;

	CLI::App app("Echo server to compare with: a thread polls and reads, others answer.",
		     "lanes-handoff");
	app.add_option("--listen", listen, "ADDR:PORT or [ADDR6]:PORT")->capture_default_str();
	app.add_option("--workers", options.workers, "Threads that answer; default: one per CPU")
		->check(CLI::Range(1U, 256U));
	app.add_option("--cpus", options.cpus, "CPUs to run on, as 0,1; default: the affinity mask")
		->delimiter(',')
		->check(CLI::IsMember(allowed));

	try {
		app.parse(argc, argv);
	} catch (const CLI::CallForHelp &) {
		return app.help() + "\n";
	} catch (const CLI::ParseError &error) {
		throw UsageError(error.what());
	}
	options.listen = Endpoint::parse(listen);
	if (!options.workers)
		options.workers = static_cast<unsigned>(options.cpus.size());
	return options;
}

} // namespace lanes::handoff
