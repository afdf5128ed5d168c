// SPDX-License-Identifier: GPL-2.0-only
#include "lanectl/check.h"

#include <algorithm>
#include <filesystem>
#include <format>
#include <fstream>

#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/io_uring.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "common/endpoint.h"
#include "common/error.h"
#include "common/fd.h"
#include "lanectl/attach.h"
#include "lanectl/listening.h"
#include "lanectl/settings.h"
#include "lanectl/table.h"

namespace lanes::ctl {
namespace {

namespace fs = std::filesystem;

Finding kernel()
{
	utsname name{};
	int major = 0, minor = 0;

	uname(&name);
	if (sscanf(name.release, "%d.%d", &major, &minor) == 2 &&
	    std::pair(major, minor) >= std::pair(6, 1))
		return {"kernel", Verdict::ok, name.release};
	return {"kernel", Verdict::missing,
		std::format("{}; lanes.ko is made for 6.1 and later", name.release)};
}

Finding module()
{
	utsname name{};

	if (fs::exists("/sys/module/lanes"))
		return {"module", Verdict::ok, "loaded"};
	uname(&name);

	std::ifstream dependencies(std::format("/lib/modules/{}/modules.dep", name.release));

	for (std::string line; std::getline(dependencies, line);)
		if (line.substr(0, line.find(':')).find("/lanes.ko") != std::string::npos)
			return {"module", Verdict::limited,
				"installed, not loaded; modprobe lanes"};
	return {"module", Verdict::missing,
		std::format("neither loaded nor installed for {}; make, then insmod lanes.ko",
			    name.release)};
}

Finding listener(const char *thing, const char *address)
{
	const Endpoint any = Endpoint::parse(address);
	const Fd fd(socket(any.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));

	if (!fd && errno == EAFNOSUPPORT)
		return {thing, Verdict::limited, "the kernel has no such protocol"};
	if (!fd || bind(fd.get(), any.address(), any.length()) || listen(fd.get(), 1))
		return {thing, Verdict::limited,
			describe_errno(errno, std::format("listen on {}", address),
				       "ip link set lo up")};
	try {
		attach(fd.get(), "a listener");
		detach(fd.get(), "a listener");
	} catch (const std::exception &error) {
		return {thing, Verdict::missing, error.what()};
	}
	return {thing, Verdict::ok, "a listener was attached and detached"};
}

Finding namespace_files()
{
	for (const char *path : {"/proc/net/lanes", "/proc/net/lanes_stat"})
		if (access(path, R_OK))
			return {"figures", Verdict::limited,
				describe_errno(errno, path,
					       "listener, stats and metrics need it: load a newer "
					       "lanes.ko")};
	return {"figures", Verdict::ok, "/proc/net/lanes and lanes_stat"};
}

Finding sysctls()
{
	const fs::path folder = "/proc/sys/net/lanes";
	const std::vector<std::string> all = settings_in(folder);
	std::string text;

	if (all.empty())
		return {"sysctls", Verdict::limited,
			std::format("{} is not there; load lanes.ko", folder.string())};
	for (const std::string &one : all)
		text += (text.empty() ? "" : " ") + one;
	return {"sysctls", Verdict::ok, text};
}

Finding descriptors()
{
	const Fd own(open("/dev/null", O_RDONLY | O_CLOEXEC));
	const Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
	const Fd copy(static_cast<int>(syscall(SYS_pidfd_getfd, pidfd.get(), own.get(), 0)));

	if (!copy)
		return {"pidfd_getfd", Verdict::limited,
			describe_errno(errno, "pidfd_getfd",
				       "attach --pid and run need it; a seccomp filter may forbid "
				       "it")};
	return {"pidfd_getfd", Verdict::ok, "sockets of other processes can be lent"};
}

bool may_trace()
{
	std::ifstream status("/proc/self/status");
	constexpr std::string_view name = "CapEff:";

	for (std::string line; std::getline(status, line);)
		if (line.starts_with(name))
			return std::stoull(line.substr(name.size()), nullptr, 16) >>
				       CAP_SYS_PTRACE &
			       1;
	return false;
}

Finding privileges()
{
	const std::string scope = first_line("/proc/sys/kernel/yama/ptrace_scope");

	if (scope == "3")
		return {"privileges", Verdict::limited,
			"kernel.yama.ptrace_scope is 3: nobody may attach by PID until a reboot"};
	if (may_trace())
		return {"privileges", Verdict::ok, "CAP_SYS_PTRACE: attach --pid of any process"};
	if (scope.empty() || scope == "0")
		return {"privileges", Verdict::limited,
			"attach --pid of own processes only; be root for others"};
	return {"privileges", Verdict::limited,
		std::format("kernel.yama.ptrace_scope is {}: attach --pid of no process; be root, "
			    "or use lanectl run",
			    scope)};
}

Finding diag()
{
	try {
		ListeningSockets().inodes();
	} catch (const std::exception &error) {
		return {"sock_diag", Verdict::limited,
			std::format("lanectl run finds no listener: {}", error.what())};
	}
	return {"sock_diag", Verdict::ok, "lanectl run finds listeners"};
}

Finding io_uring()
{
	io_uring_params params{};
	const Fd ring(static_cast<int>(syscall(SYS_io_uring_setup, 1, &params)));

	if (ring)
		return {"io_uring", Verdict::ok, "a ring was made"};
	return {"io_uring", Verdict::limited,
		describe_errno(errno, "io_uring_setup",
			       "lanesd takes epoll; set kernel.io_uring_disabled to 0")};
}

Finding types()
{
	if (fs::exists("/sys/kernel/btf/vmlinux"))
		return {"BTF", Verdict::ok, "/sys/kernel/btf/vmlinux"};
	return {"BTF", Verdict::limited,
		"no /sys/kernel/btf/vmlinux: BPF tools do not work; CONFIG_DEBUG_INFO_BTF"};
}

const char *name_of(Verdict verdict)
{
	constexpr const char *names[] = {"ok", "limited", "missing"};

	return names[static_cast<size_t>(verdict)];
}

} // namespace

std::vector<Finding> check_kernel()
{
	return {kernel(), listener("IPv4", "127.0.0.1:0"), listener("IPv6", "[::1]:0"),
		/* After the attach, which may load it. */
		module(), namespace_files(), sysctls(), descriptors(), privileges(), diag(),
		io_uring(), types()};
}

bool nothing_missing(const std::vector<Finding> &findings)
{
	return std::ranges::count(findings, Verdict::missing, &Finding::verdict) == 0;
}

std::string format_findings(const std::vector<Finding> &findings, Style style)
{
	auto json = nlohmann::ordered_json::array();
	std::string text;

	for (const Finding &finding : findings) {
		text += std::format("{:<12}{:<9}{}\n", finding.thing, name_of(finding.verdict),
				    finding.text);
		json.push_back({{"thing", finding.thing},
				{"verdict", name_of(finding.verdict)},
				{"text", finding.text}});
	}
	return style == Style::text ? text : format_json(json, style);
}

} // namespace lanes::ctl
