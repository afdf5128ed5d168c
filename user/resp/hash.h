// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_RESP_HASH_H
#define LANES_RESP_HASH_H

#include <string_view>

#include <cstdint>
#include <cstring>

namespace lanes {

/**
 * A keyed hash of 64 good bits, so that a peer who does not know @seed cannot
 * choose keys that collide. The low bits choose a bucket, the high ones a shard.
 */
inline uint64_t hash_key(std::string_view key, uint64_t seed)
{
	constexpr uint64_t odd_a = 0xa0761d6478bd642fULL;
	constexpr uint64_t odd_b = 0xe7037ed1a0b428dbULL;
	const auto mix = [](uint64_t a, uint64_t b) {
		const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;

		return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
	};
	const auto load = [](const char *at, size_t bytes) {
		uint64_t word = 0;

		std::memcpy(&word, at, bytes);
		return word;
	};
	const char *at = key.data();
	size_t left = key.size();

	seed ^= odd_a;
	for (; left > 16; left -= 16, at += 16)
		seed = mix(load(at, 8) ^ odd_b, load(at + 8, 8) ^ seed);

	uint64_t a = 0, b = 0;

	/* The last 16 bytes at most, in two loads that may overlap. */
	if (left >= 8) {
		a = load(at, 8);
		b = load(at + left - 8, 8);
	} else if (left >= 4) {
		a = load(at, 4);
		b = load(at + left - 4, 4);
	} else if (left) {
		a = static_cast<uint64_t>(static_cast<unsigned char>(at[0])) << 16 |
		    static_cast<uint64_t>(static_cast<unsigned char>(at[left / 2])) << 8 |
		    static_cast<unsigned char>(at[left - 1]);
	}
	return mix(odd_b ^ key.size(), mix(a ^ odd_b, b ^ seed));
}

} // namespace lanes

#endif
