// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_HTTP_REPLY_H
#define LANES_HTTP_REPLY_H

#include <array>
#include <charconv>
#include <string_view>

#include <cstdint>
#include <cstring>
#include <ctime>

#include "http/date.h"

namespace lanes::http {

/** "404 Not Found" */
std::string_view status_text(unsigned status);

/** The head of a reply, and short content. What does not fit is left out. */
class Reply {
public:
	/** Of these, any head that there is needs less than half. */
	static constexpr size_t size_max = 8192;

	void clear() { size_ = 0; }
	std::string_view text() const { return {bytes_.data(), size_}; }

	Reply &operator<<(std::string_view text)
	{
		const size_t length =
			text.size() < size_max - size_ ? text.size() : size_max - size_;

		std::memcpy(bytes_.data() + size_, text.data(), length);
		size_ += length;
		return *this;
	}
	Reply &operator<<(uint64_t number)
	{
		char *const end = bytes_.data() + size_max;
		const auto result = std::to_chars(bytes_.data() + size_, end, number);

		if (result.ec == std::errc{})
			size_ = static_cast<size_t>(result.ptr - bytes_.data());
		return *this;
	}

private:
	size_t size_ = 0;
	std::array<char, size_max> bytes_;
};

/** What replies have in common, made once a second. */
class Common {
public:
	explicit Common(time_t now) { update(now); }

	void update(time_t now);

	/** Fields Server and Date. */
	std::string_view fields() const { return {fields_.data(), fields_size_}; }
	/** A whole reply to GET /plaintext. */
	std::string_view plaintext() const { return plaintext_.text(); }
	/** And what there is of it for HEAD. */
	std::string_view plaintext_head() const
	{
		return plaintext().substr(0, plaintext_head_size_);
	}

	static constexpr std::string_view plaintext_fields = "Content-Type: text/plain\r\n"
							     "Content-Length: 13\r\n\r\n";
	static constexpr std::string_view plaintext_content = "Hello, World!";

private:
	time_t now_ = -1;
	size_t fields_size_ = 0;
	std::array<char, 64> fields_;
	size_t plaintext_head_size_ = 0;
	Reply plaintext_;
};

} // namespace lanes::http

#endif
