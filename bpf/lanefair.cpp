// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>
#include <thread>
#include <vector>

#include <cerrno>
#include <cstring>

#include <bpf/bpf.h>

#include "common/fd.h"
#include "fair_record.h"
#include "lanefair.h"
#include "lanefair.skel.h"
#include "shared/kernel.h"
#include "shared/tool.h"

namespace {

using namespace lanes;
using namespace std::chrono_literals;

constexpr const char *description =
	R"(Does every connection get its share? Counts what each reads and sends, with
Jain's index, and lists those that starve: bytes wait, and nobody reads.)";

/* Between two looks at all sockets; longer if a look takes more than a tenth. */
constexpr auto period_min = 100ms;

class Fairness {
public:
	Fairness(const ToolOptions &options, std::chrono::milliseconds patience)
		: options_(options), record_(patience), skeleton_(open_skeleton<lanefair_bpf>())
	{
		skeleton_->rodata->only_port = options.port;
		start_skeleton(skeleton_);
		sample();
		announce("lanefair", options);
	}

	void run()
	{
		const End end(options_.seconds);

		auto next = FairRecord::Clock::now() + period_min;

		while (!end.reached()) {
			std::this_thread::sleep_for(end.left(period_min));
			if (FairRecord::Clock::now() >= next)
				next = FairRecord::Clock::now() + sample();
		}
		sample();
		if (options_.json)
			print_json(record_.json());
		else
			std::fputs(record_.text().c_str(), stdout);
	}

private:
	/** Returns for how long to leave it at that. */
	FairRecord::Clock::duration sample()
	{
		const auto since = FairRecord::Clock::now();
		const Fd fd(bpf_iter_create(bpf_link__fd(skeleton_->links.list)));
		std::vector<fair_socket> sockets;
		/* The kernel's own buffer is no larger. */
		std::vector<char> buffer(64 * 1024);
		size_t have = 0;

		if (!fd)
			throw_errno(errno, "reading the list of sockets");
		for (;;) {
			const ssize_t size =
				read(fd.get(), buffer.data() + have, buffer.size() - have);

			if (size < 0 && (errno == EINTR || errno == EAGAIN))
				continue;
			if (size < 0)
				throw_errno(errno, "reading the list of sockets");
			if (!size)
				break;
			have += static_cast<size_t>(size);

			const size_t nr = have / sizeof(fair_socket);
			const size_t before = sockets.size();

			sockets.resize(before + nr);
			std::memcpy(sockets.data() + before, buffer.data(),
				    nr * sizeof(fair_socket));
			have -= nr * sizeof(fair_socket);
			std::memmove(buffer.data(), buffer.data() + nr * sizeof(fair_socket), have);
		}
		record_.sample(sockets, since);
		return std::max<FairRecord::Clock::duration>(
			period_min, 10 * (FairRecord::Clock::now() - since));
	}

	ToolOptions options_;
	FairRecord record_;
	Skeleton<lanefair_bpf> skeleton_;
};

} // namespace

int main(int argc, char **argv)
{
	unsigned patience_ms = 1000;
	ToolOptions options;
	CLI::App app(description, "lanefair");

	add_tool_options(app, options);
	app.add_option("-s,--starve-ms", patience_ms,
		       "A connection starves when bytes have waited so long")
		->check(CLI::Range(1U, 3'600'000U))
		->capture_default_str();

	return run_tool(app, argc, argv,
			[&] { Fairness(options, std::chrono::milliseconds(patience_ms)).run(); });
}
