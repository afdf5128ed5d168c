// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_RESP_PARSER_H
#define LANES_RESP_PARSER_H

#include <span>
#include <string_view>

#include <cstddef>
#include <cstdint>

#include "resp/arena.h"
#include "resp/value.h"

namespace lanes {

constexpr uint32_t arguments_max = 1024;

/* Replies without "-" and end of line. */
constexpr std::string_view out_of_memory =
	"OOM command not allowed when used memory > 'maxmemory'.";
constexpr std::string_view too_many_arguments = "ERR too many arguments, at most 1024 are taken";

/** One word of a command. */
struct Argument {
	const char *data = nullptr;
	uint32_t length = 0;
	/** The same bytes, if they have memory of their own. Whoever wants to
	 *  keep it sets this to nullptr.
	 */
	Value *value = nullptr;

	std::string_view text() const { return {data, length}; }
};

/**
 * Parses a command that lies whole in @input: one array of bulk strings, the
 * arguments then being views of it. Returns the bytes it takes and sets @count,
 * or 0 for all else, which is for a CommandReader to judge.
 */
size_t parse_command(std::string_view input, std::span<Argument, arguments_max> arguments,
		     uint32_t &count);

/**
 * Reads a command that comes in pieces, array or line, and keeps what came of
 * it. Large words get a Value each, which input may be received into.
 */
class CommandReader {
public:
	enum class Status : uint8_t {
		/** The input is used up. */
		more,
		/** arguments() is a command. */
		command,
		/** An empty line or array, which gets no reply. */
		nothing,
		/** As command, but it was not kept: problem() says why. */
		refused,
		/** Not the protocol: problem() says why. */
		broken,
	};

	/** nullptr if there is no memory. */
	static CommandReader *make(Arena &arena);
	/** Ends @reader and all it keeps. */
	static void destroy(CommandReader *reader);

	/** Takes from the front of @input. Not to be called after anything but
	 *  Status::more.
	 */
	Status read(std::string_view &input);

	/** Where the next bytes belong, if they are many. */
	std::span<char> destination();
	/** @length bytes lie there. */
	void filled(size_t length);

	std::span<Argument> arguments() { return {arguments_, count_}; }
	/** A reply without its "-" and end of line. */
	std::string_view problem() const { return {problem_, problem_length_}; }

	/** Words from this size on get a Value. */
	static constexpr uint32_t value_min = 1024;
	/** Bytes left from which on destination() is worth it. */
	static constexpr size_t direct_min = 16384;
	static constexpr size_t direct_max = size_t{1} << 20;
	static constexpr size_t line_max = 65536;

private:
	enum class Phase : uint8_t { first, line, count, head, body, end };

	/** Memory for small words. */
	struct Chunk {
		Chunk *next;
		uint32_t used;
	};
	static constexpr size_t chunk_size = 2048;
	static constexpr size_t header_max = 32;
	static constexpr size_t problem_max = 64;

	explicit CommandReader(Arena &arena) : arena_(arena) {}
	~CommandReader();

	Status read_line(std::string_view &input);
	bool gather(std::string_view &input);
	Status begin_array();
	Status begin_word();
	void read_body(std::string_view &input);
	Status end_word(std::string_view &input);
	Status finished() const { return refused_ ? Status::refused : Status::command; }
	Status fail(std::string_view problem);
	void refuse(std::string_view problem);
	char *room(uint32_t length);
	bool grow_line(size_t size);
	Status split_line();
	bool reserve(uint32_t count);

	Arena &arena_;
	Phase phase_ = Phase::first;
	bool refused_ = false;
	/** Of "\r\n" after a word. */
	uint8_t end_seen_ = 0;
	uint8_t header_length_ = 0;
	uint8_t problem_length_ = 0;
	uint32_t count_ = 0;
	/** Words to come, the present one too. */
	uint32_t left_ = 0;
	/** Arguments that arguments_ has room for. */
	uint32_t room_ = 0;
	/** Of the present word. */
	uint32_t length_ = 0;
	uint32_t got_ = 0;
	Argument *arguments_ = nullptr;
	char *body_ = nullptr;
	Chunk *chunks_ = nullptr;
	char *line_ = nullptr;
	uint32_t line_length_ = 0;
	uint32_t line_room_ = 0;
	/** Why the command is not kept. */
	std::string_view refusal_;
	union {
		char header_[header_max];
		char problem_[problem_max];
	};
};

} // namespace lanes

#endif
