// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>
#include <exception>
#include <format>

#include <cerrno>
#include <cstdio>

#include "common/error.h"
#include "lanectl/attach.h"
#include "lanectl/check.h"
#include "lanectl/counters.h"
#include "lanectl/debug.h"
#include "lanectl/listeners.h"
#include "lanectl/metrics.h"
#include "lanectl/options.h"
#include "lanectl/run.h"

namespace {

using namespace lanes;
using namespace lanes::ctl;

void print(const std::string &text)
{
	if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout))
		throw_errno(errno, "standard output");
}

/* Each action is a function that returns the exit status. */
class Actions {
public:
	explicit Actions(Style style) : style_(style) {}

	int operator()(const ListListeners &) const
	{
		print(format_list(read_listeners(), style_));
		return 0;
	}
	int operator()(const ShowListener &show) const
	{
		std::vector<ListenerView> all = read_listeners();

		std::erase_if(all,
			      [&](const ListenerView &one) { return !selects(show.which, one); });
		if (all.empty())
			throw std::runtime_error(
				std::format("no attached listener '{}' in this network namespace; "
					    "see lanectl listener",
					    show.which));
		print(format_show(all, style_));
		return 0;
	}
	int operator()(const ChangeListeners &change) const
	{
		print(change_listeners(change, style_));
		return 0;
	}
	int operator()(const ShowStats &show) const
	{
		print(show_counters(show, style_));
		return 0;
	}
	int operator()(const RunProgram &run) const { return run_program(run); }
	int operator()(const ShowMetrics &show) const
	{
		print(show_metrics(show));
		return 0;
	}
	int operator()(const CheckKernel &) const
	{
		const std::vector<Finding> findings = check_kernel();

		print(format_findings(findings, style_));
		return nothing_missing(findings) ? 0 : 1;
	}
	int operator()(const WriteDebug &debug) const
	{
		print(write_debug(debug));
		return 0;
	}

private:
	Style style_;
};

int run(int argc, char **argv)
{
	const auto parsed = parse_options(argc, argv);

	if (const auto *help = std::get_if<Help>(&parsed)) {
		print(help->text);
		return 0;
	}

	const auto &options = std::get<Options>(parsed);

	return std::visit(Actions(options.style), options.action);
}

} // namespace

int main(int argc, char **argv)
{
	try {
		return run(argc, argv);
	} catch (const UsageError &error) {
		std::fprintf(stderr, "lanectl: %s\n", error.what());
		return 2;
	} catch (const std::exception &error) {
		std::fprintf(stderr, "lanectl: %s\n", error.what());
		return 1;
	}
}
