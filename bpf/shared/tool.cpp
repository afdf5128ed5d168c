// SPDX-License-Identifier: GPL-2.0-only
#include "shared/tool.h"

#include <algorithm>
#include <format>

#include <csignal>
#include <cstdio>
#include <cstring>

#include <arpa/inet.h>

#include "common/endpoint.h"
#include "common/error.h"
#include "shared/kernel.h"

namespace lanes {
namespace {

volatile std::sig_atomic_t interrupted;

void interrupt(int)
{
	interrupted = 1;
}

/* Without SA_RESTART: a wait for events ends at once. */
void catch_signals()
{
	struct sigaction action = {};

	action.sa_handler = interrupt;
	sigaction(SIGINT, &action, nullptr);
	sigaction(SIGTERM, &action, nullptr);
}

} // namespace

void add_tool_options(CLI::App &app, ToolOptions &options, bool port)
{
	app.add_flag("-j,--json", options.json, "Print JSON");
	app.add_option("-d,--duration", options.seconds,
		       "Seconds; without it until SIGINT or SIGTERM")
		->check(CLI::Range(0.1, 1e6));
	if (port)
		app.add_option("-p,--port", options.port,
			       "Only listeners on this port; without it the whole machine's")
			->check(CLI::Range(1, 65535));
}

int run_tool(CLI::App &app, int argc, char **argv, const std::function<void()> &tool)
{
	try {
		app.parse(argc, argv);
	} catch (const CLI::CallForHelp &) {
		std::fputs((app.help() + "\n").c_str(), stdout);
		return 0;
	} catch (const CLI::ParseError &error) {
		std::fprintf(stderr, "%s: %s\n", app.get_name().c_str(), error.what());
		return 2;
	}

	try {
		catch_signals();
		need_bpf();
		tool();
		return 0;
	} catch (const UsageError &error) {
		std::fprintf(stderr, "%s: %s\n", app.get_name().c_str(), error.what());
		return 2;
	} catch (const std::exception &error) {
		std::fprintf(stderr, "%s: %s\n", app.get_name().c_str(), error.what());
		return 1;
	}
}

End::End(double seconds)
	: at_(seconds > 0 ? std::chrono::steady_clock::now() +
				    std::chrono::duration_cast<std::chrono::steady_clock::duration>(
					    std::chrono::duration<double>(seconds))
			  : std::chrono::steady_clock::time_point::max())
{
}

bool End::reached() const
{
	return interrupted || std::chrono::steady_clock::now() >= at_;
}

std::chrono::milliseconds End::left(std::chrono::milliseconds limit) const
{
	using std::chrono::milliseconds;
	const auto left = at_ - std::chrono::steady_clock::now();

	return std::clamp(std::chrono::ceil<milliseconds>(left), milliseconds(0), limit);
}

void announce_no_lanes(const char *tool)
{
	std::fprintf(stderr, "%s: lanes.ko is not loaded: only what every kernel tells\n", tool);
}

void print_json(const nlohmann::ordered_json &json)
{
	/* A task's name need not be UTF-8. */
	const std::string text =
		json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);

	std::puts(text.c_str());
	std::fflush(stdout);
}

void announce(const char *tool, const ToolOptions &options)
{
	std::fprintf(stderr, "%s: watching %s%s\n", tool,
		     options.port ? std::format("port {}", options.port).c_str() : "all ports",
		     options.seconds > 0 ? std::format(" for {} s", options.seconds).c_str()
					 : "; Ctrl-C ends it");
}

std::string end_text(const flow_end &end)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	sockaddr_storage storage{};

	if (!std::memcmp(end.address, mapped, sizeof(mapped))) {
		auto &v4 = reinterpret_cast<sockaddr_in &>(storage);

		v4.sin_family = AF_INET;
		v4.sin_port = end.port;
		std::memcpy(&v4.sin_addr, end.address + 12, 4);
	} else {
		auto &v6 = reinterpret_cast<sockaddr_in6 &>(storage);

		v6.sin6_family = AF_INET6;
		v6.sin6_port = end.port;
		std::memcpy(&v6.sin6_addr, end.address, 16);
	}
	return Endpoint::of_address(storage).to_string();
}

std::string duration_text(double us)
{
	if (us < 1000)
		return std::format("{:.0f} us", us);
	if (us < 1e6)
		return std::format("{:.1f} ms", us / 1e3);
	return std::format("{:.1f} s", us / 1e6);
}

std::string share_text(uint64_t part, uint64_t whole)
{
	if (!whole)
		return "-";
	return std::format("{:.1f} %",
			   100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

} // namespace lanes
