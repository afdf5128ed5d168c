// SPDX-License-Identifier: GPL-2.0-only
#include "resp/command.h"

#include <algorithm>
#include <array>
#include <format>

#include "resp/words.h"

namespace lanes {
namespace {

using Id = Command::Id;

constexpr std::array table{
	Command{Id::ping, "ping", -1, "fast", 0, 0, 0},
	Command{Id::echo, "echo", 2, "fast", 0, 0, 0},
	Command{Id::get, "get", 2, "readonly fast", 1, 1, 1},
	Command{Id::set, "set", -3, "write denyoom", 1, 1, 1},
	Command{Id::del, "del", -2, "write", 1, -1, 1},
	Command{Id::unlink, "unlink", -2, "write fast", 1, -1, 1},
	Command{Id::exists, "exists", -2, "readonly fast", 1, -1, 1},
	Command{Id::incr, "incr", 2, "write denyoom fast", 1, 1, 1},
	Command{Id::decr, "decr", 2, "write denyoom fast", 1, 1, 1},
	Command{Id::incrby, "incrby", 3, "write denyoom fast", 1, 1, 1},
	Command{Id::decrby, "decrby", 3, "write denyoom fast", 1, 1, 1},
	Command{Id::mget, "mget", -2, "readonly fast", 1, -1, 1},
	Command{Id::mset, "mset", -3, "write denyoom", 1, -1, 2},
	Command{Id::ttl, "ttl", 2, "readonly fast", 1, 1, 1},
	Command{Id::pttl, "pttl", 2, "readonly fast", 1, 1, 1},
	Command{Id::dbsize, "dbsize", 1, "readonly fast", 0, 0, 0},
	Command{Id::flushall, "flushall", -1, "write", 0, 0, 0},
	Command{Id::flushdb, "flushdb", -1, "write", 0, 0, 0},
	Command{Id::info, "info", -1, "loading stale", 0, 0, 0},
	Command{Id::command, "command", -1, "loading stale", 0, 0, 0},
	Command{Id::config, "config", -2, "admin loading stale", 0, 0, 0},
	Command{Id::client, "client", -2, "loading stale", 0, 0, 0},
	Command{Id::select, "select", 2, "loading stale fast", 0, 0, 0},
	Command{Id::hello, "hello", -1, "loading stale fast", 0, 0, 0},
	Command{Id::quit, "quit", -1, "loading stale fast", 0, 0, 0},
};

/* Names to places without collisions: the factor is found when compiled. */
struct Lookup {
	static constexpr unsigned bits = 7;

	uint64_t factor = 0x9e3779b97f4a7c15ULL;
	std::array<uint64_t, 1 << bits> names{};
	std::array<uint8_t, 1 << bits> places{};

	constexpr size_t slot(uint64_t name) const { return name * factor >> (64 - bits); }

	constexpr bool fill()
	{
		names = {};
		for (size_t i = 0; i < table.size(); i++) {
			const uint64_t name = pack_word(table[i].name);
			const size_t at = slot(name);

			if (names[at])
				return false;
			names[at] = name;
			places[at] = static_cast<uint8_t>(i);
		}
		return true;
	}

	constexpr Lookup()
	{
		while (!fill())
			factor = factor * 6364136223846793005ULL + 2;
	}
};

constexpr Lookup lookup;

constexpr std::string_view syntax_error = "-ERR syntax error\r\n";

} // namespace

std::span<const Command> commands()
{
	return table;
}

const Command *find_command(std::string_view name)
{
	const uint64_t packed = pack_word(name);
	const size_t slot = lookup.slot(packed);

	return packed && lookup.names[slot] == packed ? &table[lookup.places[slot]] : nullptr;
}

std::string_view parse_set_options(std::span<const Argument> options, KeyOperation &operation)
{
	for (size_t i = 0; i < options.size(); i++) {
		int64_t unit = 1;
		int64_t number;

		switch (pack_word(options[i].text())) {
		case pack_word("NX"):
			operation.flags |= KeyOperation::if_absent;
			continue;
		case pack_word("XX"):
			operation.flags |= KeyOperation::if_present;
			continue;
		case pack_word("GET"):
			operation.flags |= KeyOperation::give_old;
			continue;
		case pack_word("KEEPTTL"):
			operation.flags |= KeyOperation::keep_time;
			continue;
		case pack_word("EX"):
			unit = 1000;
			break;
		case pack_word("PX"):
			break;
		default:
			return syntax_error;
		}
		if (i + 1 == options.size() || operation.flags & KeyOperation::has_time)
			return syntax_error;
		if (!parse_integer(options[++i].text(), number))
			return "-ERR value is not an integer or out of range\r\n";
		/* Far from where sums of times overflow. */
		if (number <= 0 || number > (INT64_MAX / 4) / unit)
			return "-ERR invalid expire time in 'set' command\r\n";
		operation.number = number * unit;
		operation.flags |= KeyOperation::has_time;
	}

	constexpr auto both = [](uint8_t flags, uint8_t mask) { return (flags & mask) == mask; };

	if (both(operation.flags, KeyOperation::if_absent | KeyOperation::if_present) ||
	    both(operation.flags, KeyOperation::keep_time | KeyOperation::has_time))
		return syntax_error;
	return {};
}

std::string describe_command(const Command &command)
{
	const auto flags = 1 + std::ranges::count(command.flags, ' ');
	std::string text = std::format("*6\r\n${}\r\n{}\r\n:{}\r\n*{}\r\n", command.name.size(),
				       command.name, command.arity, flags);

	for (size_t at = 0; at < command.flags.size();) {
		const size_t end = std::min(command.flags.find(' ', at), command.flags.size());

		text += std::format("+{}\r\n", command.flags.substr(at, end - at));
		at = end + 1;
	}
	return text + std::format(":{}\r\n:{}\r\n:{}\r\n", command.first_key, command.last_key,
				  command.key_step);
}

const std::string &describe_commands()
{
	static const std::string text = [] {
		std::string all = std::format("*{}\r\n", table.size());

		for (const Command &command : table)
			all += describe_command(command);
		return all;
	}();

	return text;
}

} // namespace lanes
