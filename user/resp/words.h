// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_RESP_WORDS_H
#define LANES_RESP_WORDS_H

#include <span>
#include <string_view>

#include <cstddef>
#include <cstdint>

namespace lanes {

/** A decimal number as Redis takes it: no blanks, no "+", no zeros in front. */
bool parse_integer(std::string_view text, int64_t &number);

/** Up to eight bytes, letters in upper case, as a number to compare; 0 if there
 *  are more or none.
 */
constexpr uint64_t pack_word(std::string_view word)
{
	uint64_t packed = 0;

	if (word.size() > 8)
		return 0;
	for (size_t i = 0; i < word.size(); i++) {
		auto byte = static_cast<unsigned char>(word[i]);

		if (byte >= 'a' && byte <= 'z')
			byte -= 'a' - 'A';
		packed |= uint64_t{byte} << (i * 8);
	}
	return packed;
}

/** split_words() finds no more than that. */
size_t most_words(std::string_view line);

/** Takes the next word from the front of @line, without quotes and escapes, and
 *  writes it to its own place. 1: a word, 0: no more, -1: unbalanced quotes.
 */
int next_word(std::span<char> &line, std::string_view &word);

/** Calls @each for each word of @line, in place; false if quotes are unbalanced. */
template <typename Each> bool split_words(std::span<char> line, Each &&each)
{
	std::string_view word;
	int found;

	while ((found = next_word(line, word)) > 0)
		each(word);
	return !found;
}

} // namespace lanes

#endif
