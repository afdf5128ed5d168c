// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_ENGINE_TOKEN_H
#define LANES_ENGINE_TOKEN_H

#include <cstdint>

namespace lanes {

enum class Operation : uint8_t {
	accept,
	accept_cancel,
	receive,
	/** Into memory of the receiver's choice. */
	fill,
	receive_cancel,
	send,
	/** Until the socket takes more. */
	send_poll,
	close,
	/** Of a descriptor without a slot. */
	refuse,
	wake,
	/** Until another ring has completions. */
	watch,
	shutdown,
	ask_cpu,
	ask_input,
	ask_peer,
	ask_peer_ipv4,
};

/**
 * What a completion says about itself: the operation, the slot of its
 * connection and the slot's generation, so that a late completion of a former
 * connection is never taken for one of the slot's present connection.
 *
 * In user_data: bits 0-31 slot, 32-55 generation, 56-63 operation.
 */
struct Token {
	static constexpr uint32_t generation_mask = (1U << 24) - 1;

	Operation operation;
	uint32_t slot = 0;
	uint32_t generation = 0;

	constexpr uint64_t encode() const
	{
		return static_cast<uint64_t>(operation) << 56 |
		       static_cast<uint64_t>(generation & generation_mask) << 32 | slot;
	}

	static constexpr Token decode(uint64_t user_data)
	{
		return {
			.operation = static_cast<Operation>(user_data >> 56),
			.slot = static_cast<uint32_t>(user_data),
			.generation = static_cast<uint32_t>(user_data >> 32) & generation_mask,
		};
	}

	bool operator==(const Token &) const = default;
};

} // namespace lanes

#endif
