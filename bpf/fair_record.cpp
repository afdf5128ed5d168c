// SPDX-License-Identifier: GPL-2.0-only
#include "fair_record.h"

#include <algorithm>
#include <format>
#include <set>

#include "shared/tool.h"

namespace lanes {
namespace {

/* In the text; JSON has more. */
constexpr size_t lines_max = 20;
/* The kernel's list can skip a socket while its neighbours come and go. One that is
 * missing is taken for closed after so many samples.
 */
constexpr uint64_t missing_max = 2;

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
		/* A listener may be closed before its connections. */
		if (socket.listens ||
		    (!served.contains(socket.key.local.port) && !open_.contains(socket.cookie)))
			continue;

		/* One that is new since the first sample begins with nothing. */
		auto [at, is_new] = open_.try_emplace(
			socket.cookie,
			Connection{samples_ ? fair_socket{} : socket, socket, now, {}, 0});
		Connection &c = at->second;

		if (read_of(socket) > read_of(c.last) || !c.last.unread)
			c.stalled_since = now;
		c.stalled =
			std::max(c.stalled, std::chrono::duration_cast<std::chrono::milliseconds>(
						    now - c.stalled_since));
		c.last = socket;
		c.seen = samples_;
	}
	fold_closed();
	samples_++;
}

bool FairRecord::poorer(const Connection &a, const Connection &b)
{
	return std::pair(a.bytes(), a.last.cookie) < std::pair(b.bytes(), b.last.cookie);
}

bool FairRecord::longer_stalled(const Connection &a, const Connection &b)
{
	return a.stalled > b.stalled;
}

void FairRecord::fold_closed()
{
	for (auto at = open_.begin(); at != open_.end();) {
		const Connection &c = at->second;

		if (samples_ - c.seen < missing_max) {
			++at;
			continue;
		}
		add(closed_shares_[c.last.cpu], c);
		if (c.active())
			closed_.push_back(c);
		at = open_.erase(at);
	}
	if (closed_.size() <= 2 * closed_max)
		return;

	const auto poorest = closed_.begin() + closed_max;
	const auto rest = poorest + closed_max;

	std::ranges::nth_element(closed_, poorest, longer_stalled);
	std::ranges::nth_element(poorest, rest, closed_.end(), poorer);
	closed_.erase(rest, closed_.end());
}

double FairRecord::Share::jain() const
{
	const auto sum = static_cast<double>(bytes);

	return squares > 0 ? sum * sum / (static_cast<double>(active) * squares) : 1;
}

FairRecord::Share &FairRecord::Share::operator+=(const Share &more)
{
	connections += more.connections;
	active += more.active;
	starving += more.starving;
	bytes += more.bytes;
	squares += more.squares;
	return *this;
}

void FairRecord::add(Share &share, const Connection &c) const
{
	const auto bytes = static_cast<double>(c.bytes());

	share += {1, c.active(), starving(c), c.bytes(), bytes * bytes};
}

std::map<int, FairRecord::Share> FairRecord::shares() const
{
	std::map<int, Share> shares = closed_shares_;

	for (const auto &[cookie, c] : open_)
		add(shares[c.last.cpu], c);
	return shares;
}

FairRecord::Pointers FairRecord::poorest() const
{
	Pointers all;

	for (const auto &[cookie, c] : open_)
		all.push_back(&c);
	for (const Connection &c : closed_)
		all.push_back(&c);
	std::ranges::sort(all,
			  [](const Connection *a, const Connection *b) { return poorer(*a, *b); });
	return all;
}

FairRecord::Pointers FairRecord::longest_stalled() const
{
	Pointers list = poorest();

	std::erase_if(list, [this](const Connection *c) { return !starving(*c); });
	std::ranges::stable_sort(list, [](const Connection *a, const Connection *b) {
		return longer_stalled(*a, *b);
	});
	return list;
}

std::string FairRecord::text() const
{
	const auto line = [](const std::string &name, const Share &share) {
		return std::format("{:<8}{:>12}{:>10}{:>16}{:>8.3f}\n", name, share.connections,
				   share.active, share.bytes, share.jain());
	};
	std::string text = std::format("{:<8}{:>12}{:>10}{:>16}{:>8}\n", "CPU", "connections",
				       "active", "bytes", "Jain");
	Share all;

	for (const auto &[cpu, share] : shares()) {
		text += line(std::format("{}", cpu), share);
		all += share;
	}
	text += line("all", all);

	const auto connection = [](const Connection &c) {
		return std::format("{:<44}{:>5}{:>14}{:>14}{:>10}{:>12}\n",
				   std::format("{} > {}", end_text(c.last.key.peer),
					       end_text(c.last.key.local)),
				   c.last.cpu, c.read(), c.acked(), c.last.unread,
				   duration_text(static_cast<double>(c.stalled.count()) * 1000));
	};
	/* Of more there are only sums. */
	const auto list = [&](const char *title, const Pointers &worst, size_t count) {
		const size_t lines = std::min(worst.size(), lines_max);

		text += std::format("\n{:<44}{:>5}{:>14}{:>14}{:>10}{:>12}\n", title, "CPU", "read",
				    "acked", "unread", "stalled");
		for (size_t i = 0; i < lines; i++)
			text += connection(*worst[i]);
		if (count > lines)
			text += std::format("and {} more\n", count - lines);
	};
	Pointers active = poorest();

	std::erase_if(active, [](const Connection *c) { return !c->active(); });
	list("active connections, the poorest first", active, all.active);
	list("starving connections", longest_stalled(), all.starving);
	return text;
}

nlohmann::ordered_json FairRecord::json() const
{
	const Pointers list = poorest();
	Share all;

	for (const auto &[cpu, share] : shares())
		all += share;

	nlohmann::ordered_json json = {
		{"connections", all.connections},
		{"active", all.active},
		{"bytes", all.bytes},
		{"jain", all.jain()},
		{"starving", all.starving},
		{"left_out", all.connections - list.size()},
		{"list", nlohmann::ordered_json::array()},
	};

	for (const Connection *c : list)
		json["list"].push_back({{"peer", end_text(c->last.key.peer)},
					{"local", end_text(c->last.key.local)},
					{"cpu", c->last.cpu},
					{"read", c->read()},
					{"acked", c->acked()},
					{"unread", c->last.unread},
					{"stalled_ms", c->stalled.count()},
					{"starving", starving(*c)}});
	return json;
}

} // namespace lanes
