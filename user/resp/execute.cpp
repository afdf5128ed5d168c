// SPDX-License-Identifier: GPL-2.0-only
/* What commands do. */
#include <algorithm>
#include <format>
#include <utility>

#include <cstring>

#include "resp/command.h"
#include "resp/session.h"
#include "resp/words.h"

namespace lanes {
namespace {

/* Of what the peer sent, in an error. */
constexpr size_t quoted_max = 128;

std::string lower(std::string_view text)
{
	std::string result(text);

	for (char &byte : result) {
		if (byte >= 'A' && byte <= 'Z')
			byte += 'a' - 'A';
	}
	return result;
}

void append_quoted(std::string &text, std::string_view word)
{
	text += std::format("'{}' ", word.substr(0, quoted_max));
}

bool is(const Argument &word, std::string_view name)
{
	return pack_word(word.text()) == pack_word(name);
}

std::string wrong_number(std::string_view name)
{
	return std::format("ERR wrong number of arguments for '{}' command", name);
}

std::string unknown_command(std::span<const Argument> words)
{
	std::string text = std::format("ERR unknown command '{}', with args beginning with: ",
				       words[0].text().substr(0, quoted_max));

	for (const Argument &word : words.subspan(1)) {
		if (text.size() > 2 * quoted_max)
			break;
		append_quoted(text, word.text());
	}
	return text;
}

std::string unknown_subcommand(std::string_view name, std::span<const Argument> words)
{
	return std::format("ERR unknown subcommand '{}'. Try {} HELP.",
			   words[1].text().substr(0, quoted_max), name);
}

} // namespace

void Session::reply_error(RespState &state, std::string_view text)
{
	std::string line(1, '-');

	line += text;
	std::ranges::replace(line, '\r', ' ');
	std::ranges::replace(line, '\n', ' ');
	reply_text(state, line + "\r\n");
}

KeyOperation Session::on(KeyOperation::Kind kind, const Argument &key) const
{
	KeyOperation operation;

	operation.kind = kind;
	operation.key = key.text();
	operation.hash = hash_key(operation.key, shared_.seed);
	return operation;
}

/* Takes over operation.value. */
void Session::ask(RespState &state, KeyOperation &operation)
{
	const unsigned shard = owner(operation.hash);

	if (shard == shard_) {
		reply(state, local(operation));
	} else if (Errand *errand = make_message(operation)) {
		queue(state, errand);
		send(errand, shard);
	} else {
		give_up(state);
	}
	if (operation.value)
		operation.value->give_back();
}

/* As ask(), for one of several whose results make one reply: @sum of those that
 * are here, @whole of the others.
 */
void Session::ask_part(RespState &state, KeyOperation &operation, unsigned shard, Result &sum,
		       Errand *&whole)
{
	if (shard == shard_) {
		sum.add(local(operation));
	} else {
		if (!whole)
			whole = make_errand(0);

		Errand *errand = whole ? make_message(operation) : nullptr;

		if (errand) {
			errand->whole = whole;
			whole->missing++;
			send(errand, shard);
		} else {
			give_up(state);
		}
	}
	if (operation.value)
		operation.value->give_back();
}

void Session::reply_sum(RespState &state, const Result &sum, Errand *whole)
{
	if (!whole) {
		reply(state, sum);
		return;
	}
	whole->result = sum;
	queue(state, whole);
}

void Session::execute(RespState &state, std::span<Argument> words)
{
	const Command *command = find_command(words[0].text());

	commands_++;
	if (!command)
		reply_error(state, unknown_command(words));
	else if (!command->takes(words.size()))
		reply_error(state, wrong_number(command->name));
	else
		run(state, *command, words);
}

void Session::run(RespState &state, const Command &command, std::span<Argument> words)
{
	using Id = Command::Id;
	using Kind = KeyOperation::Kind;

	for (size_t i = 1; command.first_key && i < words.size();
	     i += static_cast<size_t>(command.key_step)) {
		if (words[i].length > Store::key_max) {
			reply_error(state, "ERR key is too long, at most 65536 bytes are taken");
			return;
		}
		if (command.last_key == 1)
			break;
	}

	switch (command.id) {
	case Id::get: {
		KeyOperation operation = on(Kind::get, words[1]);

		ask(state, operation);
		return;
	}
	case Id::set:
		run_set(state, words);
		return;
	case Id::incr:
		run_add(state, words, 1);
		return;
	case Id::decr:
		run_add(state, words, -1);
		return;
	case Id::incrby:
	case Id::decrby: {
		int64_t by;

		if (!parse_integer(words[2].text(), by) ||
		    (command.id == Id::decrby && __builtin_sub_overflow(0, by, &by)))
			reply_error(state, "ERR value is not an integer or out of range");
		else
			run_add(state, words, by);
		return;
	}
	case Id::del:
	case Id::unlink:
		run_keys(state, Kind::remove, words);
		return;
	case Id::exists:
		run_keys(state, Kind::exists, words);
		return;
	case Id::mget:
		reply(state, Result::array(static_cast<int64_t>(words.size() - 1)));
		for (const Argument &key : words.subspan(1)) {
			KeyOperation operation = on(Kind::get, key);

			ask(state, operation);
		}
		return;
	case Id::mset:
		run_mset(state, words);
		return;
	case Id::ttl:
		run_time_left(state, words[1], KeyOperation::in_seconds);
		return;
	case Id::pttl:
		run_time_left(state, words[1], 0);
		return;
	case Id::ping:
		if (words.size() == 1)
			reply(state, Result::constant("+PONG\r\n"));
		else if (words.size() == 2)
			echo(state, words[1]);
		else
			reply_error(state, wrong_number("ping"));
		return;
	case Id::echo:
		echo(state, words[1]);
		return;
	case Id::dbsize:
		everywhere(state, Kind::count);
		return;
	case Id::flushall:
	case Id::flushdb:
		if (words.size() == 1 ||
		    (words.size() == 2 && (is(words[1], "ASYNC") || is(words[1], "SYNC"))))
			everywhere(state, Kind::clear);
		else
			reply_error(state, "ERR syntax error");
		return;
	case Id::quit:
		reply(state, Result::ok());
		state.closing = true;
		return;
	default:
		run_text(state, command, words);
	}
}

void Session::run_set(RespState &state, std::span<Argument> words)
{
	KeyOperation operation = on(KeyOperation::Kind::set, words[1]);
	const std::string_view problem = parse_set_options(words.subspan(3), operation);

	if (!problem.empty()) {
		reply(state, Result::constant(problem));
		return;
	}
	operation.text = words[2].text();
	operation.value = std::exchange(words[2].value, nullptr);
	ask(state, operation);
}

void Session::run_add(RespState &state, std::span<Argument> words, int64_t by)
{
	KeyOperation operation = on(KeyOperation::Kind::add, words[1]);

	operation.number = by;
	ask(state, operation);
}

void Session::run_time_left(RespState &state, const Argument &key, uint8_t flags)
{
	KeyOperation operation = on(KeyOperation::Kind::time_left, key);

	operation.flags = flags;
	ask(state, operation);
}

void Session::run_keys(RespState &state, KeyOperation::Kind kind, std::span<Argument> words)
{
	Result sum = Result::number(0);
	Errand *whole = nullptr;

	for (const Argument &key : words.subspan(1)) {
		KeyOperation operation = on(kind, key);

		ask_part(state, operation, owner(operation.hash), sum, whole);
	}
	reply_sum(state, sum, whole);
}

/* All keys or none: first every owner reserves the memory, then each sets its
 * keys. What comes after on this connection finds them set, since requests keep
 * their order.
 */
void Session::run_mset(RespState &state, std::span<Argument> words)
{
	if (words.size() % 2 == 0) {
		reply_error(state, wrong_number("mset"));
		return;
	}

	Errand *whole = make_errand(0);

	if (!whole) {
		give_up(state);
		return;
	}
	whole->result = Result::ok();
	for (size_t i = 1; i < words.size() && !whole->result.failed(); i += 2) {
		KeyOperation operation = on(KeyOperation::Kind::reserve, words[i]);

		operation.text = words[i + 1].text();
		operation.value = std::exchange(words[i + 1].value, nullptr);
		reserve(state, *whole, operation);
		if (operation.value)
			operation.value->give_back();
	}
	state.between_rounds = whole->missing;
	if (!whole->missing)
		second_round(*whole);
	if (!whole->missing) {
		reply(state, whole->result);
		free_errand(whole);
		return;
	}
	queue(state, whole);
}

/* The first round of a part of @whole. */
void Session::reserve(RespState &state, Errand &whole, KeyOperation &operation)
{
	const unsigned shard = owner(operation.hash);
	Errand *part = shard == shard_ ? make_errand(0) : make_message(operation);

	if (!part) {
		whole.result = Result::constant(out_of_memory_reply);
		give_up(state);
		return;
	}
	part->whole = &whole;
	if (whole.parts)
		whole.last_part->next = part;
	else
		whole.parts = part;
	whole.last_part = part;
	if (shard != shard_) {
		whole.missing++;
		send(part, shard);
		return;
	}
	whole.result.add(local(operation));
	part->operation.hash = operation.hash;
	part->operation.reserved = operation.reserved;
}

void Session::second_round(Errand &whole)
{
	using Kind = KeyOperation::Kind;

	Errand *part = std::exchange(whole.parts, nullptr);

	while (part) {
		Errand *next = std::exchange(part->next, nullptr);
		KeyOperation &operation = part->operation;
		const unsigned shard = owner(operation.hash);

		operation.kind = whole.result.failed() ? Kind::cancel : Kind::commit;
		if (operation.reserved && shard != shard_) {
			whole.missing++;
			send(part, shard);
		} else {
			if (operation.reserved)
				local(operation);
			free_errand(part);
		}
		part = next;
	}
	if (whole.state)
		whole.state->between_rounds = false;
}

void Session::everywhere(RespState &state, KeyOperation::Kind kind)
{
	Result sum = kind == KeyOperation::Kind::count ? Result::number(0) : Result::ok();
	Errand *whole = nullptr;

	for (unsigned shard = 0; shard < shared_.mesh.shards(); shard++) {
		KeyOperation operation;

		operation.kind = kind;
		ask_part(state, operation, shard, sum, whole);
	}
	reply_sum(state, sum, whole);
}

void Session::echo(RespState &state, Argument &word)
{
	Value *value = std::exchange(word.value, nullptr);

	if (!value) {
		value = Value::make(arena_, word.length);
		if (!value) {
			reply_error(state, out_of_memory);
			return;
		}
		std::memcpy(value->data(), word.data, word.length);
	}
	reply(state, Result::of(value));
}

void Session::run_info(RespState &state, std::span<Argument> words)
{
	publish();

	const auto uptime = std::chrono::duration_cast<std::chrono::seconds>(
		std::chrono::steady_clock::now() - shared_.started);
	const std::string text =
		describe_server(words.size() > 1 ? lower(words[1].text()) : std::string(),
				shared_.stats, shared_.memory_max, uptime);

	reply_text(state, std::format("${}\r\n{}\r\n", text.size(), text));
}

/* Commands that are rare: what they reply is made each time. */
void Session::run_text(RespState &state, const Command &command, std::span<Argument> words)
{
	using Id = Command::Id;

	switch (command.id) {
	case Id::info:
		run_info(state, words);
		return;
	case Id::select: {
		int64_t index;

		if (!parse_integer(words[1].text(), index))
			reply_error(state, "ERR value is not an integer or out of range");
		else if (index)
			reply_error(state, "ERR DB index is out of range");
		else
			reply(state, Result::ok());
		return;
	}
	case Id::hello: {
		int64_t version = 2;

		if (words.size() > 1 && !parse_integer(words[1].text(), version))
			reply_error(state,
				    "ERR Protocol version is not an integer or out of range");
		else if (version != 2)
			reply_error(state, "NOPROTO unsupported protocol version");
		else
			reply_text(state, describe_hello(state.ticket.slot));
		return;
	}
	case Id::config:
		if (!is(words[1], "GET"))
			reply_error(state, unknown_subcommand("CONFIG", words));
		else if (words.size() != 3)
			reply_error(state, wrong_number("config|get"));
		else
			reply_text(state, describe_config(words[2].text(), shared_.memory_max));
		return;
	case Id::client:
		if (is(words[1], "SETNAME") || is(words[1], "SETINFO"))
			reply(state, Result::ok());
		else if (is(words[1], "GETNAME"))
			reply(state, Result::nil());
		else if (is(words[1], "ID"))
			reply(state, Result::number(state.ticket.slot));
		else
			reply_error(state, unknown_subcommand("CLIENT", words));
		return;
	default:
		break;
	}

	/* COMMAND */
	if (words.size() == 1) {
		reply_text(state, describe_commands());
	} else if (is(words[1], "COUNT")) {
		reply(state, Result::number(static_cast<int64_t>(commands().size())));
	} else if (is(words[1], "DOCS")) {
		reply(state, Result::array(0));
	} else if (is(words[1], "INFO")) {
		std::string text = std::format("*{}\r\n", words.size() - 2);

		for (const Argument &word : words.subspan(2)) {
			const Command *found = find_command(word.text());

			text += found ? describe_command(*found) : "*-1\r\n";
		}
		reply_text(state, text);
	} else {
		reply_error(state, unknown_subcommand("COMMAND", words));
	}
}

} // namespace lanes
