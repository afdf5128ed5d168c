// SPDX-License-Identifier: GPL-2.0-only
#include "service/basic.h"

#include <array>

namespace lanes {
namespace {

/** A service whose handlers know nothing of each other. */
template <typename OneHandler> class Simple final : public Service {
public:
	explicit Simple(std::string_view name) : name_(name) {}

	std::string_view name() const override { return name_; }
	std::unique_ptr<Handler> handler(Host &) override { return std::make_unique<OneHandler>(); }

private:
	std::string_view name_;
};

class EchoHandler final : public Handler {
public:
	size_t received(Stream stream, std::span<const std::byte> input) override
	{
		if (stream.full())
			return 0;
		stream.forward(input.size());
		return input.size();
	}
};

class DiscardHandler final : public Handler {
public:
	size_t received(Stream, std::span<const std::byte> input) override { return input.size(); }
};

/* The classic pattern: 95 lines of 72 characters, each begins one further. */
constexpr size_t lines = 95;
constexpr size_t line_length = 74;

constexpr std::array<char, lines * line_length> make_pattern()
{
	std::array<char, lines * line_length> pattern{};

	for (size_t line = 0; line < lines; line++) {
		char *at = &pattern[line * line_length];

		for (size_t i = 0; i < line_length - 2; i++)
			at[i] = static_cast<char>(' ' + (line + i) % 95);
		at[line_length - 2] = '\r';
		at[line_length - 1] = '\n';
	}
	return pattern;
}

constexpr auto pattern = make_pattern();

class ChargenHandler final : public Handler {
public:
	size_t received(Stream, std::span<const std::byte> input) override { return input.size(); }
	void writable(Stream stream) override
	{
		if (stream.draining()) {
			stream.finish();
			return;
		}
		while (!stream.full())
			stream.write_constant({pattern.data(), pattern.size()});
	}
};

} // namespace

std::unique_ptr<Service> make_echo()
{
	return std::make_unique<Simple<EchoHandler>>("echo");
}

std::unique_ptr<Service> make_discard()
{
	return std::make_unique<Simple<DiscardHandler>>("discard");
}

std::unique_ptr<Service> make_chargen()
{
	return std::make_unique<Simple<ChargenHandler>>("chargen");
}

} // namespace lanes
