// SPDX-License-Identifier: GPL-2.0-only
#include <exception>
#include <format>
#include <string>

#include <csignal>
#include <cstdio>

#include <sys/resource.h>

#include "common/cpus.h"
#include "common/error.h"
#include "lanesd/listener.h"
#include "lanesd/options.h"
#include "lanesd/server.h"

namespace {

using namespace lanes;

/* Unbuffered, so that a reader on a pipe sees a line when it is true. */
void print(FILE *stream, const std::string &text)
{
	std::fputs(text.c_str(), stream);
	std::fflush(stream);
}

/* In every thread to come: only main takes them, by sigwaitinfo. */
sigset_t block_signals()
{
	sigset_t signals;

	sigemptyset(&signals);
	for (int signal : {SIGTERM, SIGINT, SIGUSR1})
		sigaddset(&signals, signal);
	pthread_sigmask(SIG_BLOCK, &signals, nullptr);
	std::signal(SIGPIPE, SIG_IGN);
	return signals;
}

/* A descriptor for each connection: the hard limit is what the administrator
 * allows, the soft one is for programs that use select.
 */
void raise_descriptor_limit()
{
	rlimit limit{};

	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

void serve(const Options &options)
{
	const sigset_t signals = block_signals();

	raise_descriptor_limit();

	Listener listener(options.listen);

	if (options.lanes)
		print(stderr, std::format("lanesd: {}\n", listener.attach()));

	Server server(options, listener.fd());

	print(stdout,
	      std::format("lanesd: ready, {} shard{} on {}\n", options.cpus.size(),
			  options.cpus.size() == 1 ? "" : "s", listener.where().to_string()));
	for (int signal = SIGUSR1; signal != SIGTERM && signal != SIGINT;) {
		signal = sigwaitinfo(&signals, nullptr);
		if (signal == SIGUSR1)
			print(stdout, server.report());
	}
	server.stop();
	print(stdout, server.report());
}

} // namespace

int main(int argc, char **argv)
{
	try {
		const auto parsed = parse_options(argc, argv, allowed_cpus());

		if (const auto *help = std::get_if<Help>(&parsed))
			print(stdout, help->text);
		else
			serve(std::get<Options>(parsed));
		return 0;
	} catch (const UsageError &error) {
		print(stderr, std::format("lanesd: {}\n", error.what()));
		return 2;
	} catch (const std::exception &error) {
		print(stderr, std::format("lanesd: {}\n", error.what()));
		return 1;
	}
}
