// SPDX-License-Identifier: GPL-2.0-only
#include "shared/kernel.h"

#include <utility>

#include <cerrno>
#include <cstdarg>
#include <cstdio>

#include <bpf/btf.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace lanes {
namespace {

constexpr size_t complaints_max = 4000;
std::string complaints;

int keep(libbpf_print_level level, const char *format, va_list args)
{
	char text[1000];

	if (level != LIBBPF_WARN || complaints.size() > complaints_max)
		return 0;
	std::vsnprintf(text, sizeof(text), format, args);
	complaints += text;
	return 0;
}

bool capable(const __user_cap_data_struct (&data)[2], unsigned capability)
{
	return data[capability / 32].effective & (1U << capability % 32);
}

} // namespace

void need_bpf()
{
	__user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
	__user_cap_data_struct data[2] = {};

	if (syscall(SYS_capget, &header, data))
		throw_errno(errno, "capget");
	if (!capable(data, CAP_SYS_ADMIN) &&
	    !(capable(data, CAP_BPF) && capable(data, CAP_PERFMON)))
		throw_errno(EPERM, "BPF programs",
			    "run it as root, or with CAP_BPF, CAP_PERFMON and CAP_DAC_READ_SEARCH");
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		throw_errno(errno, "/sys/kernel/btf/vmlinux",
			    "this needs a kernel with CONFIG_DEBUG_INFO_BTF, and sysfs mounted");
}

std::string libbpf_complaints()
{
	return std::exchange(complaints, {});
}

void silence_libbpf()
{
	libbpf_set_print(keep);
}

bool kernel_has_function(const char *name)
{
	static btf *const kernel = btf__load_vmlinux_btf();

	return kernel && btf__find_by_name_kind(kernel, name, BTF_KIND_FUNC) > 0;
}

void use_program(bpf_program *program, bool use)
{
	bpf_program__set_autoload(program, use);
}

} // namespace lanes
