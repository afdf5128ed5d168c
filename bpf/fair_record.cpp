// SPDX-License-Identifier: GPL-2.0-only
#include "fair_record.h"

#include <algorithm>
#include <format>
#include <set>

#include "shared/tool.h"

namespace lanes {
namespace {

constexpr int all_cpus = -1;
/* In the text; JSON has all. */
constexpr size_t lines_max = 20;

uint64_t read_of(const fair_socket &socket)
{
	return socket.received - std::min<uint64_t>(socket.unread, socket.received);
}

/* The kernel is not stopped while it is asked: a sum of two fields may be off. */
uint64_t grown(uint64_t from, uint64_t to)
{
	return to > from ? to - from : 0;
}

} // namespace

double jain_index(const std::vector<uint64_t> &shares)
{
	double sum = 0, squares = 0;

	for (uint64_t share : shares) {
		sum += static_cast<double>(share);
		squares += static_cast<double>(share) * static_cast<double>(share);
	}
	return squares > 0 ? sum * sum / (static_cast<double>(shares.size()) * squares) : 1;
}

uint64_t FairRecord::Connection::read() const
{
	return grown(read_of(first), read_of(last));
}

uint64_t FairRecord::Connection::acked() const
{
	return grown(first.acked, last.acked);
}

void FairRecord::sample(const std::vector<fair_socket> &sockets, Clock::time_point now)
{
	std::set<uint16_t> served;

	for (const fair_socket &socket : sockets)
		if (socket.listens)
			served.insert(socket.key.local.port);
	for (const fair_socket &socket : sockets) {
		if (socket.listens || !served.contains(socket.key.local.port))
			continue;

		/* One that is new since the first sample begins with nothing. */
		auto [at, is_new] = connections_.try_emplace(
			socket.cookie,
			Connection{samples_ ? fair_socket{} : socket, socket, now, {}});
		Connection &c = at->second;

		if (!socket.unread || read_of(socket) > read_of(c.last) || !c.last.unread)
			c.stalled_since = now;
		c.stalled =
			std::max(c.stalled, std::chrono::duration_cast<std::chrono::milliseconds>(
						    now - c.stalled_since));
		c.last = socket;
	}
	samples_++;
}

FairRecord::Share FairRecord::share_of(int cpu) const
{
	Share share;

	for (const auto &[cookie, c] : connections_) {
		if (cpu != all_cpus && c.last.cpu != cpu)
			continue;
		share.connections++;
		share.bytes += c.bytes();
		if (c.active())
			share.active.push_back(c.bytes());
	}
	return share;
}

/* The poorest first. */
std::vector<const FairRecord::Connection *> FairRecord::sorted() const
{
	std::vector<const Connection *> all;

	for (const auto &[cookie, c] : connections_)
		all.push_back(&c);
	std::ranges::sort(all, [](const Connection *a, const Connection *b) {
		return std::pair(a->bytes(), a->last.cookie) <
		       std::pair(b->bytes(), b->last.cookie);
	});
	return all;
}

std::vector<const FairRecord::Connection *> FairRecord::starving() const
{
	std::vector<const Connection *> list;

	for (const Connection *c : sorted())
		if (c->stalled >= patience_)
			list.push_back(c);
	std::ranges::stable_sort(list, [](const Connection *a, const Connection *b) {
		return a->stalled > b->stalled;
	});
	return list;
}

std::string FairRecord::text() const
{
	const auto line = [](const std::string &name, const Share &share) {
		return std::format("{:<8}{:>12}{:>10}{:>16}{:>8.3f}\n", name, share.connections,
				   share.active.size(), share.bytes, jain_index(share.active));
	};
	std::string text = std::format("{:<8}{:>12}{:>10}{:>16}{:>8}\n", "CPU", "connections",
				       "active", "bytes", "Jain");
	std::set<int> cpus;

	for (const auto &[cookie, c] : connections_)
		cpus.insert(c.last.cpu);
	for (int cpu : cpus)
		text += line(std::format("{}", cpu), share_of(cpu));
	text += line("all", share_of(all_cpus));

	const auto connection = [](const Connection &c) {
		return std::format("{:<44}{:>5}{:>14}{:>14}{:>10}{:>12}\n",
				   std::format("{} > {}", end_text(c.last.key.peer),
					       end_text(c.last.key.local)),
				   c.last.cpu, c.read(), c.acked(), c.last.unread,
				   duration_text(static_cast<double>(c.stalled.count()) * 1000));
	};
	const auto list = [&](const char *title, const std::vector<const Connection *> &which) {
		text += std::format("\n{:<44}{:>5}{:>14}{:>14}{:>10}{:>12}\n", title, "CPU", "read",
				    "acked", "unread", "stalled");
		for (size_t i = 0; i < std::min(which.size(), lines_max); i++)
			text += connection(*which[i]);
		if (which.size() > lines_max)
			text += std::format("and {} more\n", which.size() - lines_max);
	};
	std::vector<const Connection *> active = sorted();

	std::erase_if(active, [](const Connection *c) { return !c->active(); });
	list("active connections, the poorest first", active);
	list("starving connections", starving());
	return text;
}

nlohmann::ordered_json FairRecord::json() const
{
	const Share all = share_of(all_cpus);
	const std::vector<const Connection *> starve = starving();
	nlohmann::ordered_json json = {
		{"connections", all.connections},
		{"active", all.active.size()},
		{"bytes", all.bytes},
		{"jain", jain_index(all.active)},
		{"starving", starve.size()},
		{"list", nlohmann::ordered_json::array()},
	};

	for (const Connection *c : sorted())
		json["list"].push_back({{"peer", end_text(c->last.key.peer)},
					{"local", end_text(c->last.key.local)},
					{"cpu", c->last.cpu},
					{"read", c->read()},
					{"acked", c->acked()},
					{"unread", c->last.unread},
					{"stalled_ms", c->stalled.count()},
					{"starving", c->stalled >= patience_}});
	return json;
}

} // namespace lanes
