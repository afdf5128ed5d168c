// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>
#include <exception>
#include <format>

#include <cstdio>

#include "common/error.h"
#include "lanectl/attach.h"
#include "lanectl/counters.h"
#include "lanectl/listeners.h"
#include "lanectl/options.h"

namespace {

using namespace lanes;
using namespace lanes::ctl;

/* Each action is a function that returns what is to be printed. */
class Actions {
public:
	explicit Actions(Style style) : style_(style) {}

	std::string operator()(const ListListeners &) const
	{
		return format_list(read_listeners(), style_);
	}
	std::string operator()(const ShowListener &show) const
	{
		std::vector<ListenerView> all = read_listeners();

		std::erase_if(all,
			      [&](const ListenerView &one) { return !selects(show.which, one); });
		if (all.empty())
			throw std::runtime_error(
				std::format("no attached listener '{}' in this network namespace; "
					    "see lanectl listener",
					    show.which));
		return format_show(all, style_);
	}
	std::string operator()(const ChangeListeners &change) const
	{
		return change_listeners(change, style_);
	}
	std::string operator()(const ShowStats &show) const { return show_counters(show, style_); }

private:
	Style style_;
};

std::string run(int argc, char **argv)
{
	const auto parsed = parse_options(argc, argv);

	if (const auto *help = std::get_if<Help>(&parsed))
		return help->text;

	const auto &options = std::get<Options>(parsed);

	return std::visit(Actions(options.style), options.action);
}

} // namespace

int main(int argc, char **argv)
{
	try {
		std::fputs(run(argc, argv).c_str(), stdout);
		return std::fflush(stdout) ? 1 : 0;
	} catch (const UsageError &error) {
		std::fprintf(stderr, "lanectl: %s\n", error.what());
		return 2;
	} catch (const std::exception &error) {
		std::fprintf(stderr, "lanectl: %s\n", error.what());
		return 1;
	}
}
