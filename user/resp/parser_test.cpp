// SPDX-License-Identifier: GPL-2.0-only
#include "resp/parser.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <hiredis/hiredis.h>

using namespace lanes;

namespace {

using Words = std::vector<std::string>;
using Status = CommandReader::Status;

struct Outcome {
	Status status = Status::more;
	Words words;
	std::string problem;
	/** Bytes that were not taken. */
	size_t left = 0;

	bool operator==(const Outcome &) const = default;
};

std::string format(const Words &words)
{
	std::vector<const char *> data;
	std::vector<size_t> lengths;
	char *text = nullptr;

	for (const std::string &word : words) {
		data.push_back(word.data());
		lengths.push_back(word.size());
	}

	const auto length = redisFormatCommandArgv(&text, static_cast<int>(words.size()),
						   data.data(), lengths.data());
	std::string result(text, static_cast<size_t>(length));

	redisFreeCommand(text);
	return result;
}

struct Reader {
	explicit Reader(size_t limit = size_t{1} << 30)
		: arena(limit), reader(CommandReader::make(arena), CommandReader::destroy)
	{
	}

	/** In pieces of the lengths that @piece returns. */
	template <typename Piece> Outcome read(std::string_view input, Piece &&piece)
	{
		Outcome outcome;

		while (!input.empty() && outcome.status == Status::more) {
			const std::string copy(
				input.substr(0, std::min<size_t>(piece(), input.size())));
			std::string_view left = copy;

			outcome.status = reader->read(left);
			input.remove_prefix(copy.size() - left.size());
		}
		outcome.left = input.size();
		if (outcome.status == Status::command) {
			for (const Argument &argument : reader->arguments())
				outcome.words.emplace_back(argument.text());
		} else if (outcome.status != Status::more) {
			outcome.problem = reader->problem();
		}
		return outcome;
	}
	Outcome read(std::string_view input)
	{
		return read(input, [] { return size_t{1} << 30; });
	}

	Arena arena;
	std::unique_ptr<CommandReader, void (*)(CommandReader *)> reader;
};

Words whole(std::string_view input, size_t &length)
{
	static std::array<Argument, arguments_max> arguments;
	uint32_t count = 0;
	Words words;

	length = parse_command(input, arguments, count);
	for (uint32_t i = 0; length && i < count; i++)
		words.emplace_back(arguments[i].text());
	return words;
}

Words random_words(std::mt19937 &random, size_t longest)
{
	Words words(1 + random() % 6);

	for (std::string &word : words) {
		word.resize(random() % 4 ? random() % 12 : random() % longest);
		std::ranges::generate(word, [&] { return static_cast<char>(random()); });
	}
	return words;
}

} // namespace

TEST(resp_parser, whole_command_is_read_as_hiredis_wrote_it)
{
	std::mt19937 random(1);

	for (int i = 0; i < 2000; i++) {
		const Words words = random_words(random, 3000);
		const std::string text = format(words);
		size_t length;

		ASSERT_EQ(whole(text + "*1\r\n", length), words);
		ASSERT_EQ(length, text.size());
	}
}

TEST(resp_parser, no_part_of_a_command_is_a_whole_one)
{
	const std::string text = format({"SET", "key", std::string(1100, 'x'), ""});
	size_t length;

	for (size_t end = 0; end < text.size(); end++) {
		whole(std::string_view(text).substr(0, end), length);
		ASSERT_EQ(length, 0U) << end;
	}
}

TEST(resp_parser, command_split_anywhere_is_read_as_hiredis_wrote_it)
{
	const Words words = {"SET", "", "\r\n$3\r\n", std::string(1500, 'y')};
	const std::string text = format(words);

	for (size_t first = 1; first < text.size(); first++) {
		Reader reader;
		bool begun = false;
		const Outcome outcome = reader.read(text + "PING", [&] {
			return std::exchange(begun, true) ? text.size() + 4 : first;
		});

		ASSERT_EQ(outcome, (Outcome{Status::command, words, "", 4})) << first;
	}
}

TEST(resp_parser, command_in_random_pieces_is_read_as_hiredis_wrote_it)
{
	std::mt19937 random(2);

	for (int i = 0; i < 1000; i++) {
		const Words words = random_words(random, 40000);
		const size_t most = i % 2 ? 3 : 9000;
		Reader reader;
		const Outcome outcome =
			reader.read(format(words), [&] { return 1 + random() % most; });

		ASSERT_EQ(outcome, (Outcome{Status::command, words, "", 0})) << i;
	}
}

TEST(resp_parser, large_word_is_received_where_it_stays)
{
	const std::string body(100'000, 'z');
	Reader reader;

	reader.read("*2\r\n$4\r\nECHO\r\n$100000\r\nzz");
	for (size_t done = 2; done < body.size();) {
		const auto room = reader.reader->destination();

		if (body.size() - done < CommandReader::direct_min) {
			EXPECT_TRUE(room.empty());
			reader.read(body.substr(done));
			break;
		}

		const size_t length = std::min<size_t>(room.size(), 30'000);

		ASSERT_EQ(room.size(), body.size() - done);
		std::copy_n(body.data() + done, length, room.data());
		reader.reader->filled(length);
		done += length;
	}
	EXPECT_TRUE(reader.reader->destination().empty());

	const Outcome outcome = reader.read("\r\n");

	EXPECT_EQ(outcome, (Outcome{Status::command, {"ECHO", body}, "", 0}));
	EXPECT_EQ(reader.reader->arguments()[1].value->text(), body);
}

TEST(resp_parser, lengths_beyond_the_protocol_are_refused_before_memory_is_taken)
{
	const auto problem = [](std::string_view text) {
		Reader reader;
		const Outcome outcome = reader.read(text);

		EXPECT_EQ(outcome.status, Status::broken) << text;
		EXPECT_LT(reader.arena.used(), 8192U);
		return outcome.problem;
	};
	const std::string bulk = "ERR Protocol error: invalid bulk length";
	const std::string array = "ERR Protocol error: invalid multibulk length";

	EXPECT_EQ(problem("*1\r\n$536870913\r\n"), bulk);
	EXPECT_EQ(problem("*1\r\n$-1\r\n"), bulk);
	EXPECT_EQ(problem("*1\r\n$\r\n"), bulk);
	EXPECT_EQ(problem("*1\r\n$1x\r\n"), bulk);
	EXPECT_EQ(problem("*1\r\n$99999999999999999999\r\n"), bulk);
	EXPECT_EQ(problem("*1048577\r\n"), array);
	EXPECT_EQ(problem("*x\r\n"), array);
	EXPECT_EQ(problem("*99999999999999999999\r\n"), array);
	EXPECT_EQ(problem("*1\r\n:1\r\n"), "ERR Protocol error: expected '$', got ':'");
	EXPECT_EQ(problem("*" + std::string(64, '1')),
		  "ERR Protocol error: too big mbulk count string");
	EXPECT_EQ(problem("*1\r\n$" + std::string(64, '1')),
		  "ERR Protocol error: too big bulk count string");
	EXPECT_EQ(problem("*1\r\n$1\r\nabc"),
		  "ERR Protocol error: expected end of line after bulk");
}

TEST(resp_parser, longest_word_is_taken)
{
	Reader reader(size_t{2} << 30);

	EXPECT_EQ(reader.read("*1\r\n$536870912\r\n").status, Status::more);
	EXPECT_EQ(reader.reader->destination().size(), CommandReader::direct_max);
}

TEST(resp_parser, too_many_words_are_read_over)
{
	for (const size_t count : {size_t{1024}, size_t{1025}, size_t{5000}}) {
		const Words words(count, "w");
		Reader reader;
		const Outcome outcome = reader.read(format(words) + "rest");

		EXPECT_EQ(outcome.status, count > 1024 ? Status::refused : Status::command);
		EXPECT_EQ(outcome.problem, count > 1024 ? too_many_arguments : "");
		EXPECT_EQ(outcome.left, 4U);
	}
}

TEST(resp_parser, word_over_the_memory_limit_is_read_over)
{
	const std::string text = format({"SET", "k", std::string(200'000, 'a'), "NX"});
	Reader reader(100'000);
	size_t most = 0;
	const Outcome outcome = reader.read(text + "rest", [&] {
		most = std::max(most, reader.arena.used());
		return 4096;
	});

	EXPECT_EQ(outcome, (Outcome{Status::refused, {}, std::string(out_of_memory), 4}));
	EXPECT_LT(most, 10'000U);
}

TEST(resp_parser, lines_are_split_as_redis_does)
{
	const auto words = [](std::string_view line) {
		Reader reader;

		return reader.read(line, [] { return 1; });
	};
	const auto command = [](Words expected) {
		return Outcome{Status::command, std::move(expected), "", 0};
	};
	const std::string unbalanced = "ERR Protocol error: unbalanced quotes in request";

	EXPECT_EQ(words("PING\r\n"), command({"PING"}));
	EXPECT_EQ(words("  set  a\tb \n"), command({"set", "a", "b"}));
	EXPECT_EQ(words("set \"a b\" 'c d'\r\n"), command({"set", "a b", "c d"}));
	EXPECT_EQ(words("set \"\\x41\\n\\\"\\q\" 'it\\'s\\n'\n"),
		  command({"set", "A\n\"q", "it's\\n"}));
	EXPECT_EQ(words("set \"\"\n"), command({"set", ""}));
	EXPECT_EQ(words("\r\n").status, Status::nothing);
	EXPECT_EQ(words("   \n").status, Status::nothing);
	EXPECT_EQ(words("*0\r\n").status, Status::nothing);
	EXPECT_EQ(words("*-1\r\n").status, Status::nothing);
	EXPECT_EQ(words("set \"a\n").problem, unbalanced);
	EXPECT_EQ(words("set \"a\"b\n").problem, unbalanced);
}

TEST(resp_parser, line_has_a_limit)
{
	Reader longest;
	Reader longer;
	const std::string line(CommandReader::line_max, 'x');

	EXPECT_EQ(longest.read(line + "\n", [] { return 1000; }).words, Words{line});
	EXPECT_EQ(longer.read(line + "x\n", [] { return 1000; }).problem,
		  "ERR Protocol error: too big inline request");
}

TEST(resp_parser, nothing_is_kept)
{
	std::mt19937 random(3);
	Arena arena(size_t{1} << 30);

	for (int i = 0; i < 300; i++) {
		const std::string text =
			i % 3 ? format(random_words(random, 30000)) : std::string(i, 'x') + "\n";
		std::string_view input(text);
		CommandReader *reader = CommandReader::make(arena);

		input = input.substr(0, 1 + random() % text.size());
		reader->read(input);
		CommandReader::destroy(reader);
		ASSERT_EQ(arena.used(), 0U);
	}
}
