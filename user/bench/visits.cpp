// SPDX-License-Identifier: GPL-2.0-only
#include "bench/visits.h"

#include <chrono>
#include <format>
#include <stdexcept>
#include <thread>

#include <cerrno>

#include <sys/time.h>

#include "bench/acceptor.h"
#include "bench/process.h"
#include "bench/shared_memory.h"
#include "common/cpus.h"
#include "common/error.h"
#include "common/fd.h"

namespace lanes {
namespace {

using namespace std::chrono_literals;

constexpr size_t clients_max = 64;
/* Nobody pauses that long within an answer. */
constexpr timeval quiet{.tv_sec = 0, .tv_usec = 300000};
constexpr int patience = 1000;

struct Shared {
	explicit Shared(size_t processes) : clients(processes) {}

	Meeting clients;
	AcceptedSum before, after;
	Accepted answered[clients_max];
};

Fd reach(const Endpoint &server)
{
	for (int tries = 0;; tries++) {
		Fd fd(socket(server.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));

		if (fd && !connect(fd.get(), server.address(), server.length()))
			return fd;
		if (!fd || errno != ECONNREFUSED || tries == patience)
			throw_errno(errno, "connect to " + server.to_string());
		std::this_thread::sleep_for(10ms);
	}
}

void ask(const Fd &fd, const std::string &request)
{
	if (send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) !=
	    static_cast<ssize_t>(request.size()))
		throw_errno(errno, "a request");
}

/* One answer is read until nothing more comes; all others are as long. */
size_t learn_length(const Endpoint &server, const Protocol &protocol)
{
	const Fd fd = reach(server);
	std::string answer;
	char buffer[4096];
	ssize_t got;

	if (setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &quiet, sizeof(quiet)))
		throw_errno(errno, "SO_RCVTIMEO");
	ask(fd, protocol.request);
	while ((got = recv(fd.get(), buffer, sizeof(buffer), 0)) > 0)
		answer.append(buffer, static_cast<size_t>(got));
	if (!answer.starts_with(protocol.answer))
		throw std::runtime_error(std::format("{}: '{}...' instead of '{}...' as an answer",
						     server.to_string(), answer.substr(0, 40),
						     protocol.answer));
	return answer.size();
}

class Client {
public:
	Client(const VisitPlan &plan, size_t index, size_t answer_length, Shared &shared)
		: plan_(plan), cpu_(plan.client_cpus[index]),
		  protocol_(protocol_of(plan.protocol, index)), shared_(shared),
		  answered_(shared.answered[index]), answer_(answer_length, ' ')
	{
		pin_to_cpu(cpu_);
	}

	void run(bool first)
	{
		take_part(
			shared_.clients, first, plan_.turns, [&] { visit(); },
			[&] { shared_.before = sum_of(shared_.answered); },
			[&] { shared_.after = sum_of(shared_.answered); });
	}

private:
	void visit()
	{
		const Fd fd = reach(plan_.server);

		for (uint32_t i = 0; i < plan_.requests; i++) {
			ask(fd, protocol_.request);
			if (recv(fd.get(), answer_.data(), answer_.size(), MSG_WAITALL) !=
			    static_cast<ssize_t>(answer_.size()))
				throw std::runtime_error("an answer ended too early");
		}
		if (!answer_.starts_with(protocol_.answer))
			throw std::runtime_error("an answer is not like the first one");
		answered_.add(incoming_cpu(fd.get()) == cpu_);
	}

	const VisitPlan &plan_;
	const int cpu_;
	const Protocol protocol_;
	Shared &shared_;
	Accepted &answered_;
	std::string answer_;
};

} // namespace

Protocol protocol_of(const std::string &name, size_t client)
{
	if (name == "http")
		return {"GET /plaintext HTTP/1.1\r\nHost: lanes\r\n\r\n", "HTTP/1.1 200 "};
	if (name == "resp") {
		const std::string key = std::format("client:{}", client);

		return {std::format("*3\r\n$3\r\nSET\r\n${}\r\n{}\r\n$64\r\n{:064}\r\n", key.size(),
				    key, client),
			"+OK\r\n"};
	}
	throw UsageError("no protocol '" + name + "': http or resp");
}

AcceptedSum run_visits(const VisitPlan &plan)
{
	SharedMemory<Shared> memory(plan.client_cpus.size());
	Shared &shared = memory.get();
	std::vector<Process> clients;

	if (plan.client_cpus.size() > clients_max)
		throw UsageError(std::format("more than {} clients", clients_max));

	const size_t answer_length = learn_length(plan.server, protocol_of(plan.protocol, 0));

	for (size_t i = 0; i < plan.client_cpus.size(); i++)
		clients.emplace_back(
			"client", [&, i] { Client(plan, i, answer_length, shared).run(i == 0); });
	finish(clients);
	return shared.after - shared.before;
}

} // namespace lanes
