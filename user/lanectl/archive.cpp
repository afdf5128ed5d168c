// SPDX-License-Identifier: GPL-2.0-only
#include "lanectl/archive.h"

#include <algorithm>
#include <array>
#include <bit>
#include <format>
#include <numeric>
#include <stdexcept>

#include <cstdint>
#include <ctime>

namespace lanes::ctl {
namespace {

/* Before each member, which is filled up to whole blocks of this size. Numbers
 * are octal digits, text ends with a NUL.
 */
struct Header {
	char name[100];
	char mode[8];
	char uid[8];
	char gid[8];
	char size[12];
	char mtime[12];
	char checksum[8];
	char type;
	char link[100];
	char magic[6];
	char version[2];
	char user[32];
	char group[32];
	char major[8];
	char minor[8];
	char prefix[155];
	char rest[12];
};

using Block = std::array<char, sizeof(Header)>;

static_assert(sizeof(Header) == 512);

template <size_t size> void put(char (&field)[size], std::string_view text)
{
	if (text.size() >= size)
		throw std::length_error(std::format("archive: '{}' is too long", text));
	std::ranges::copy(text, field);
}

template <size_t size> void put(char (&field)[size], uint64_t number)
{
	put(field, std::format("{:0{}o}", number, size - 1));
}

Block header_of(std::string_view folder, const Member &member)
{
	Header header{};

	put(header.name, std::format("{}/{}", folder, member.name));
	put(header.mode, uint64_t{0644});
	put(header.uid, uint64_t{0});
	put(header.gid, uint64_t{0});
	put(header.size, member.content.size());
	put(header.mtime, static_cast<uint64_t>(time(nullptr)));
	header.type = '0';
	put(header.magic, "ustar");
	header.version[0] = header.version[1] = '0';

	/* The sum of all bytes, its own as blanks; six digits, a NUL and a blank. */
	std::ranges::fill(header.checksum, ' ');

	const auto bytes = std::bit_cast<std::array<uint8_t, sizeof(Header)>>(header);

	put(header.checksum,
	    std::format("{:06o}", std::accumulate(bytes.begin(), bytes.end(), 0U)));
	header.checksum[6] = 0;
	return std::bit_cast<Block>(header);
}

} // namespace

std::string make_archive(std::string_view folder, const std::vector<Member> &members)
{
	std::string archive;

	for (const Member &member : members) {
		const Block header = header_of(folder, member);

		archive.append(header.data(), header.size());
		archive += member.content;
		archive.resize((archive.size() + sizeof(Header) - 1) / sizeof(Header) *
			       sizeof(Header));
	}
	/* The end: two empty blocks. */
	archive.resize(archive.size() + 2 * sizeof(Header));
	return archive;
}

} // namespace lanes::ctl
