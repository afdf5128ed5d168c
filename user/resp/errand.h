// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_RESP_ERRAND_H
#define LANES_RESP_ERRAND_H

#include <cstdint>

#include "resp/operation.h"
#include "resp/parser.h"
#include "service/service.h"

namespace lanes {

struct Errand;

/** This service's memory of a connection, all zero at first. */
struct RespState {
	Ticket ticket;
	/** While a command is incomplete. */
	CommandReader *reader;
	/** Replies that wait for others before them, in order. */
	Errand *head;
	Errand *tail;
	uint32_t waiting;
	/** Received() is not called. */
	bool paused;
	/** Input means nothing any more: to be finished. */
	bool closing;
	bool finished;
	/** In the session's lists: of those to go on with, and of those that
	 *  wait until fewer requests are outstanding.
	 */
	bool touched;
	bool held;
	/** A command has only begun its first round: later ones must wait. */
	bool between_rounds;
};

/** What can wait for its turn to be sent to another shard. */
struct Letter {
	Letter *next_letter = nullptr;
	uintptr_t message = 0;
};

/**
 * A reply that is to come, or that waits for such a one, or a part of it. Its
 * memory is the asking shard's, which gets it back. While it is with the key's
 * owner, that one uses the letter, operation and result, and the asker only the
 * rest.
 */
struct Errand : Letter {
	KeyOperation operation;
	Result result;

	/** In the connection's replies, or in the whole's parts. */
	Errand *next = nullptr;
	/** It is a part of that one. */
	Errand *whole = nullptr;
	/** Those that have a second round, in their order. */
	Errand *parts = nullptr;
	Errand *last_part = nullptr;
	/** nullptr when the connection is gone. */
	RespState *state = nullptr;
	/** Results that are missing, its own or its parts'. */
	uint32_t missing = 0;
	/** Of the memory, with what follows. */
	uint32_t size = 0;
	uint16_t from = 0;

	char *bytes() { return reinterpret_cast<char *>(this + 1); }
};

} // namespace lanes

#endif
