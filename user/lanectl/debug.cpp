// SPDX-License-Identifier: GPL-2.0-only
#include "lanectl/debug.h"

#include <array>
#include <chrono>
#include <format>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <sstream>

#include <cerrno>
#include <cstdint>
#include <cstdio>

#include <sys/utsname.h>
#include <sys/wait.h>

#include "common/error.h"
#include "lanectl/check.h"
#include "lanectl/file.h"
#include "lanectl/kernel_log.h"
#include "lanectl/listeners.h"
#include "lanectl/settings.h"
#include "lanectl/version.h"

namespace lanes::ctl {
namespace {

/* Of a member. */
constexpr size_t size_max = 4 << 20;

/* One by one: not all that is in these folders may be told, tcp_fastopen_key
 * for one.
 */
constexpr const char *sysctls[] = {
	"kernel/io_uring_disabled",	   "kernel/tainted",
	"kernel/yama/ptrace_scope",	   "net/core/netdev_max_backlog",
	"net/core/rps_sock_flow_entries",  "net/core/somaxconn",
	"net/ipv4/ip_early_demux",	   "net/ipv4/tcp_abort_on_overflow",
	"net/ipv4/tcp_congestion_control", "net/ipv4/tcp_early_demux",
	"net/ipv4/tcp_fastopen",	   "net/ipv4/tcp_max_syn_backlog",
	"net/ipv4/tcp_migrate_req",	   "net/ipv4/tcp_synack_retries",
	"net/ipv4/tcp_syncookies",	   "net/ipv4/tcp_tw_reuse",
};

std::string lines(const std::vector<std::string> &all)
{
	std::string text;

	for (const std::string &line : all)
		text += line + '\n';
	return text;
}

std::string content_of(const char *path)
{
	std::ifstream file(path);

	if (!file)
		throw_errno(errno, path, "load lanes.ko, which makes it");
	return {std::istreambuf_iterator<char>(file), {}};
}

/* What @command says, on standard error too. */
std::string output_of(const char *command)
{
	const std::string line = std::format("timeout 10 {} 2>&1", command);
	std::unique_ptr<FILE, int (*)(FILE *)> pipe(popen(line.c_str(), "re"), pclose);
	std::array<char, 4096> buffer;
	std::string text;

	if (!pipe)
		throw_errno(errno, command);
	while (const size_t got = fread(buffer.data(), 1, buffer.size(), pipe.get()))
		if (text.size() <= size_max)
			text.append(buffer.data(), got);

	const int status = pclose(pipe.release());

	if (status)
		text += std::format("[{}: exit status {}]\n", command, WEXITSTATUS(status));
	return text;
}

/* Without the name of the machine. */
std::string versions()
{
	utsname kernel{};

	uname(&kernel);
	return lines({"lanectl " LANES_VERSION,
		      std::format("{} {} {} {}", kernel.sysname, kernel.release, kernel.version,
				  kernel.machine),
		      first_line("/etc/os-release"),
		      "CPUs possible " + first_line("/sys/devices/system/cpu/possible"),
		      "CPUs online " + first_line("/sys/devices/system/cpu/online")});
}

/* As `readelf -n lanes.ko` has it; empty if the module is not loaded. */
std::string build_id()
{
	std::ifstream file("/sys/module/lanes/notes/.note.gnu.build-id");
	const std::string note{std::istreambuf_iterator<char>(file), {}};
	/* Two lengths, a type and "GNU". */
	constexpr size_t header = 16;
	std::string text = "build-id=";

	for (size_t i = header; i < note.size(); i++)
		text += std::format("{:02x}", static_cast<uint8_t>(note[i]));
	return text + '\n';
}

std::string module()
{
	return output_of("modinfo lanes") + build_id() + lines(settings_in("/sys/module/lanes")) +
	       lines(settings_in("/sys/module/lanes/parameters"));
}

std::string settings()
{
	std::string text;

	for (const std::string &setting : settings_in("/proc/sys/net/lanes"))
		text += "net/lanes/" + setting + '\n';
	for (const std::string name : sysctls)
		text += std::format("{}={}\n", name, first_line("/proc/sys/" + name));
	return text;
}

std::string log_of_lanes()
{
	std::istringstream log(kernel_log());

	return about_lanes(log);
}

Member member(const char *name, const std::function<std::string()> &content)
try {
	Member all{name, content()};

	if (all.content.size() > size_max) {
		all.content.resize(size_max);
		all.content += "\n[the rest is left out]\n";
	}
	return all;
} catch (const std::exception &error) {
	return {name, std::string(error.what()) + '\n'};
}

} // namespace

std::vector<Member> collect_debug()
{
	return {
		/* First, as it may load the module. */
		member("check", [] { return format_findings(check_kernel(), Style::text); }),
		member("versions", versions),
		member("module", module),
		member("sysctls", settings),
		member("lanes", [] { return content_of("/proc/net/lanes"); }),
		member("lanes_stat", [] { return content_of("/proc/net/lanes_stat"); }),
		member("listeners", [] { return format_list(read_listeners(), Style::text); }),
		member("ss", [] { return output_of("ss -tlni"); }),
		/* -s: its history is the user's. */
		member("nstat", [] { return output_of("nstat -asz"); }),
		member("dmesg", log_of_lanes),
	};
}

std::string write_debug(const WriteDebug &debug)
{
	const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
	const std::string path = debug.output.empty()
					 ? std::format("lanes-debug-{:%Y%m%d-%H%M%S}.tar", now)
					 : debug.output;
	const std::vector<Member> members = collect_debug();

	write_file(path, make_archive("lanes-debug", members), "choose another --output", 0600);
	return std::format("{}: {} files; read them before you send them on\n", path,
			   members.size());
}

} // namespace lanes::ctl
