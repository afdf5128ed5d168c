// SPDX-License-Identifier: GPL-2.0-only
#include "bench/setup.h"

#include <array>

#include <cerrno>

#include <linux/filter.h>
#include <netinet/tcp.h>

#include "common/error.h"
#include "kmod/include/uapi/linux/lanes.h"

namespace lanes {
namespace {

void set_option(const Fd &fd, int option, int value, const char *name)
{
	if (setsockopt(fd.get(), SOL_SOCKET, option, &value, sizeof(value)))
		throw_errno(errno, name);
}

/* The socket of the group is the one whose number is that of the CPU. */
void choose_by_cpu(const Fd &fd)
{
	std::array<sock_filter, 2> code = {{
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_CPU)),
		BPF_STMT(BPF_RET | BPF_A, 0),
	}};
	const sock_fprog program = {.len = code.size(), .filter = code.data()};

	if (setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program)))
		throw_errno(errno, "SO_ATTACH_REUSEPORT_CBPF");
}

Fd open_listener(const Endpoint &endpoint, Setup setup, int cpu)
{
	Fd fd(socket(endpoint.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));

	if (!fd)
		throw_errno(errno, "socket");
	if (setup.sharing != Sharing::shared && setup.sharing != Sharing::lanes)
		set_option(fd, SO_REUSEPORT, 1, "SO_REUSEPORT");
	if (setup.sharing == Sharing::incoming_cpu)
		set_option(fd, SO_INCOMING_CPU, cpu, "SO_INCOMING_CPU");
	if (bind(fd.get(), endpoint.address(), endpoint.length()) || listen(fd.get(), 1024))
		throw_errno(errno, "listen at " + endpoint.to_string());
	return fd;
}

} // namespace

const std::map<std::string, Setup> &setups()
{
	static const std::map<std::string, Setup> all = {
		{"shared-block", {Sharing::shared, Accept::block}},
		{"shared-epoll", {Sharing::shared, Accept::epoll}},
		{"shared-exclusive", {Sharing::shared, Accept::exclusive}},
		{"shared-uring", {Sharing::shared, Accept::uring}},
		{"reuseport-hash", {Sharing::reuseport_hash, Accept::epoll}},
		{"reuseport-cbpf", {Sharing::reuseport_cbpf, Accept::epoll}},
		{"incoming-cpu", {Sharing::incoming_cpu, Accept::epoll}},
		{"lanes-block", {Sharing::lanes, Accept::block}},
		{"lanes-epoll", {Sharing::lanes, Accept::epoll}},
		{"lanes-uring", {Sharing::lanes, Accept::uring}},
		{"lanes-uring-direct", {Sharing::lanes, Accept::uring_direct}},
	};

	return all;
}

Listeners::Listeners(Setup setup, const std::string &address, const std::vector<int> &cpus)
{
	fds_.push_back(open_listener(Endpoint::parse(address + ":0"), setup, cpus.front()));
	if (setup.sharing == Sharing::lanes &&
	    setsockopt(fds_.front().get(), IPPROTO_TCP, TCP_ULP, LANES_ULP_NAME,
		       sizeof(LANES_ULP_NAME) - 1))
		throw_errno(errno, "attach", "load lanes.ko");
	if (setup.sharing == Sharing::shared || setup.sharing == Sharing::lanes)
		return;
	for (size_t worker = 1; worker < cpus.size(); worker++)
		fds_.push_back(open_listener(where(), setup, cpus[worker]));
	if (setup.sharing == Sharing::reuseport_cbpf)
		choose_by_cpu(fds_.front());
}

void Listeners::keep_only(size_t worker)
{
	for (Fd &fd : fds_)
		if (fd.get() != of_worker(worker))
			fd.reset();
}

} // namespace lanes
