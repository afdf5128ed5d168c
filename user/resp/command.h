// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_RESP_COMMAND_H
#define LANES_RESP_COMMAND_H

#include <span>
#include <string>
#include <string_view>

#include <cstdint>

#include "resp/operation.h"
#include "resp/parser.h"

namespace lanes {

/** A command that there is. */
struct Command {
	enum class Id : uint8_t {
		ping,
		echo,
		get,
		set,
		del,
		unlink,
		exists,
		incr,
		decr,
		incrby,
		decrby,
		mget,
		mset,
		ttl,
		pttl,
		dbsize,
		flushall,
		flushdb,
		info,
		command,
		config,
		client,
		select,
		hello,
		quit,
	};

	Id id;
	/** Lower case. */
	std::string_view name;
	/** Words with the name; if negative, at least as many. */
	int arity;
	/** Blank between them, as COMMAND says. */
	std::string_view flags;
	/** Which words are keys, as COMMAND says. */
	int first_key;
	int last_key;
	int key_step;

	bool takes(size_t words) const
	{
		return arity < 0 ? words >= static_cast<size_t>(-arity)
				 : words == static_cast<size_t>(arity);
	}
};

std::span<const Command> commands();
/** nullptr if there is none. @name in any case. */
const Command *find_command(std::string_view name);

/** Sets what SET's words after key and value ask for; else returns the error to
 *  reply.
 */
std::string_view parse_set_options(std::span<const Argument> options, KeyOperation &operation);

/** The replies of COMMAND, and COMMAND INFO for one of them. */
const std::string &describe_commands();
std::string describe_command(const Command &command);

} // namespace lanes

#endif
