// SPDX-License-Identifier: GPL-2.0-only
#include <exception>
#include <format>

#include <cstdio>

#include "common/cpus.h"
#include "common/error.h"
#include "load/client.h"
#include "load/options.h"

namespace {

using namespace lanes;

int64_t us(Samples::Duration duration)
{
	return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

/* One line of key=value: for programs and people alike. */
void print(const LoadResult &result)
{
	const std::string text = std::format(
		"served={} reset={} stuck={} failed={} connect_p50_us={} connect_p99_us={} "
		"accept_wait_p50_us={} accept_wait_p99_us={}\n",
		result.served, result.reset, result.stuck, result.failed,
		us(result.connect.percentile(50)), us(result.connect.percentile(99)),
		us(result.accept_wait.percentile(50)), us(result.accept_wait.percentile(99)));

	std::fputs(text.c_str(), stdout);
	if (result.failed)
		std::fprintf(
			stderr, "lanesload: %s\n",
			describe_errno(result.error, "a connection could not be tried").c_str());
}

} // namespace

int main(int argc, char **argv)
{
	try {
		const auto parsed = parse_load_options(argc, argv, allowed_cpus());

		if (const auto *help = std::get_if<std::string>(&parsed)) {
			std::fputs(help->c_str(), stdout);
			return 0;
		}

		const LoadResult result = run_load(std::get<LoadPlan>(parsed));

		print(result);
		return result.reset || result.stuck || result.failed ? 1 : 0;
	} catch (const UsageError &error) {
		std::fprintf(stderr, "lanesload: %s\n", error.what());
		return 2;
	} catch (const std::exception &error) {
		std::fprintf(stderr, "lanesload: %s\n", error.what());
		return 1;
	}
}
