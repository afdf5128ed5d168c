// SPDX-License-Identifier: GPL-2.0-only
#include "resp/parser.h"

#include <algorithm>
#include <format>
#include <new>

#include <cstring>

#include "resp/words.h"

namespace lanes {
namespace {

/* The number and "\r\n" at @at, of at most nine digits; nullptr if it is not
 * all there or is anything else.
 */
inline const char *parse_count(const char *at, const char *end, uint32_t &count)
{
	uint32_t value = 0;
	const char *const limit = end - at > 10 ? at + 10 : end;
	const char *const begin = at;

	while (at < limit) {
		const auto digit = static_cast<unsigned>(*at - '0');

		if (digit > 9)
			break;
		value = value * 10 + digit;
		at++;
	}
	if (at == begin || at == begin + 10 || (*begin == '0' && at - begin > 1) || end - at < 2 ||
	    at[0] != '\r' || at[1] != '\n')
		return nullptr;
	count = value;
	return at + 2;
}

} // namespace

size_t parse_command(std::string_view input, std::span<Argument, arguments_max> arguments,
		     uint32_t &count)
{
	const char *at = input.data();
	const char *const end = at + input.size();

	if (at == end || *at != '*')
		return 0;
	at = parse_count(at + 1, end, count);
	if (!at || !count || count > arguments_max)
		return 0;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t length;

		if (at == end || *at != '$')
			return 0;
		at = parse_count(at + 1, end, length);
		if (!at || static_cast<size_t>(end - at) < size_t{length} + 2)
			return 0;
		arguments[i] = {at, length, nullptr};
		at += length;
		if (at[0] != '\r' || at[1] != '\n')
			return 0;
		at += 2;
	}
	return static_cast<size_t>(at - input.data());
}

CommandReader *CommandReader::make(Arena &arena)
{
	void *memory = arena.take(sizeof(CommandReader));

	return memory ? new (memory) CommandReader(arena) : nullptr;
}

void CommandReader::destroy(CommandReader *reader)
{
	Arena &arena = reader->arena_;

	reader->~CommandReader();
	arena.give(reader, sizeof(CommandReader));
}

CommandReader::~CommandReader()
{
	for (Argument &argument : arguments()) {
		if (argument.value)
			argument.value->give_back();
	}
	if (arguments_)
		arena_.give(arguments_, room_ * sizeof(Argument));
	while (chunks_) {
		Chunk *next = chunks_->next;

		arena_.give(chunks_, chunk_size);
		chunks_ = next;
	}
	if (line_)
		arena_.give(line_, line_room_);
}

CommandReader::Status CommandReader::read(std::string_view &input)
{
	while (!input.empty()) {
		Status status = Status::more;

		switch (phase_) {
		case Phase::first:
			phase_ = input[0] == '*' ? Phase::count : Phase::line;
			continue;
		case Phase::line:
			return read_line(input);
		case Phase::count:
			if (gather(input))
				status = begin_array();
			else if (header_length_ == header_max)
				status = fail("ERR Protocol error: too big mbulk count string");
			break;
		case Phase::head:
			if (gather(input))
				status = begin_word();
			else if (header_length_ == header_max)
				status = fail("ERR Protocol error: too big bulk count string");
			break;
		case Phase::body:
			read_body(input);
			break;
		case Phase::end:
			status = end_word(input);
			break;
		}
		if (status != Status::more)
			return status;
	}
	return Status::more;
}

CommandReader::Status CommandReader::fail(std::string_view problem)
{
	problem_length_ = static_cast<uint8_t>(std::min(problem.size(), problem_max));
	std::memcpy(problem_, problem.data(), problem_length_);
	return Status::broken;
}

/* The words are still to be read, but not kept. What is said about it is
 * looked up at the end, since header_ is in use until then.
 */
void CommandReader::refuse(std::string_view problem)
{
	if (!refused_)
		refusal_ = problem;
	refused_ = true;
}

/* A header line, to header_; true when its end is there, which it drops. */
bool CommandReader::gather(std::string_view &input)
{
	while (!input.empty() && header_length_ < header_max) {
		const char byte = input.front();

		input.remove_prefix(1);
		if (byte == '\n' && header_length_ && header_[header_length_ - 1] == '\r') {
			header_length_--;
			return true;
		}
		header_[header_length_++] = byte;
	}
	return false;
}

CommandReader::Status CommandReader::begin_array()
{
	int64_t count;

	if (!parse_integer({header_ + 1, header_length_ - size_t{1}}, count) || count > 1 << 20)
		return fail("ERR Protocol error: invalid multibulk length");
	header_length_ = 0;
	if (count <= 0)
		return Status::nothing;
	left_ = static_cast<uint32_t>(count);
	phase_ = Phase::head;
	if (count > arguments_max)
		refuse(too_many_arguments);
	else if (!reserve(left_))
		refuse(out_of_memory);
	return Status::more;
}

CommandReader::Status CommandReader::begin_word()
{
	int64_t length;

	if (header_[0] != '$') {
		char text[problem_max];
		const auto end = std::format_to_n(text, problem_max,
						  "ERR Protocol error: expected '$', got '{}'",
						  header_[0] >= ' ' ? header_[0] : ' ');

		return fail({text, end.out});
	}
	if (!parse_integer({header_ + 1, header_length_ - size_t{1}}, length) || length < 0 ||
	    length > Value::length_max)
		return fail("ERR Protocol error: invalid bulk length");
	header_length_ = 0;
	length_ = static_cast<uint32_t>(length);
	got_ = 0;
	phase_ = length_ ? Phase::body : Phase::end;
	body_ = nullptr;
	if (refused_)
		return Status::more;

	Argument &argument = arguments_[count_];

	argument = {};
	if (length_ >= value_min) {
		argument.value = Value::make(arena_, length_);
		body_ = argument.value ? argument.value->data() : nullptr;
	} else {
		body_ = room(length_);
	}
	if (!body_) {
		refuse(out_of_memory);
		return Status::more;
	}
	argument.data = body_;
	argument.length = length_;
	count_++;
	return Status::more;
}

void CommandReader::read_body(std::string_view &input)
{
	const size_t length = std::min<size_t>(input.size(), length_ - got_);

	if (body_)
		std::memcpy(body_ + got_, input.data(), length);
	input.remove_prefix(length);
	filled(length);
}

void CommandReader::filled(size_t length)
{
	got_ += static_cast<uint32_t>(length);
	if (got_ == length_)
		phase_ = Phase::end;
}

std::span<char> CommandReader::destination()
{
	if (phase_ != Phase::body || !body_ || length_ - got_ < direct_min)
		return {};
	return {body_ + got_, std::min<size_t>(length_ - got_, direct_max)};
}

CommandReader::Status CommandReader::end_word(std::string_view &input)
{
	if (input.front() != "\r\n"[end_seen_])
		return fail("ERR Protocol error: expected end of line after bulk");
	input.remove_prefix(1);
	if (++end_seen_ < 2)
		return Status::more;
	end_seen_ = 0;
	phase_ = Phase::head;
	if (--left_)
		return Status::more;
	if (refused_)
		fail(refusal_);
	return finished();
}

bool CommandReader::reserve(uint32_t count)
{
	const size_t size = count * sizeof(Argument);

	arguments_ = arena_.allows(size) ? static_cast<Argument *>(arena_.take(size)) : nullptr;
	room_ = arguments_ ? count : 0;
	return arguments_;
}

/* For less than value_min bytes. */
char *CommandReader::room(uint32_t length)
{
	if (!chunks_ || chunks_->used + length > chunk_size) {
		void *memory = arena_.allows(chunk_size) ? arena_.take(chunk_size) : nullptr;

		if (!memory)
			return nullptr;
		chunks_ = new (memory) Chunk{chunks_, sizeof(Chunk)};
	}

	char *at = reinterpret_cast<char *>(chunks_) + chunks_->used;

	chunks_->used += length;
	return at;
}

bool CommandReader::grow_line(size_t size)
{
	if (line_ && size <= line_room_)
		return true;

	const size_t room = std::max<size_t>(256, rounded_size(size * 2));
	char *line = arena_.allows(room) ? static_cast<char *>(arena_.take(room)) : nullptr;

	if (!line)
		return false;
	if (line_) {
		std::memcpy(line, line_, line_length_);
		arena_.give(line_, line_room_);
	}
	line_ = line;
	line_room_ = static_cast<uint32_t>(room);
	return true;
}

CommandReader::Status CommandReader::read_line(std::string_view &input)
{
	const size_t newline = input.find('\n');
	const size_t length = std::min(newline, input.size());

	if (line_length_ + length > line_max)
		return fail("ERR Protocol error: too big inline request");
	if (!grow_line(line_length_ + length))
		return fail(out_of_memory);
	std::memcpy(line_ + line_length_, input.data(), length);
	line_length_ += static_cast<uint32_t>(length);
	input.remove_prefix(newline == input.npos ? length : length + 1);
	return newline == input.npos ? Status::more : split_line();
}

/* Words never get longer, so they are made where they are. */
CommandReader::Status CommandReader::split_line()
{
	if (line_length_ && line_[line_length_ - 1] == '\r')
		line_length_--;

	const size_t words = most_words({line_, line_length_});

	if (!words)
		return Status::nothing;
	if (words > arguments_max) {
		fail(too_many_arguments);
		return Status::refused;
	}
	if (!reserve(static_cast<uint32_t>(words))) {
		fail(out_of_memory);
		return Status::refused;
	}
	if (!split_words({line_, line_length_}, [this](std::string_view word) {
		    arguments_[count_++] = {word.data(), static_cast<uint32_t>(word.size()),
					    nullptr};
	    }))
		return fail("ERR Protocol error: unbalanced quotes in request");
	return Status::command;
}

} // namespace lanes
