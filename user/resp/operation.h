// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_RESP_OPERATION_H
#define LANES_RESP_OPERATION_H

#include <string_view>

#include <cstdint>

#include "resp/store.h"
#include "resp/value.h"

namespace lanes {

constexpr std::string_view out_of_memory_reply =
	"-OOM command not allowed when used memory > 'maxmemory'.\r\n";

/** What the owner of a key is asked to do with it. */
struct KeyOperation {
	enum class Kind : uint8_t {
		get,
		set,
		remove,
		exists,
		add,
		time_left,
		count,
		clear,
		/** The first round of a set: sees to it that the second, commit
		 *  or cancel, cannot fail.
		 */
		reserve,
		commit,
		cancel,
	};
	enum Flag : uint8_t {
		if_absent = 1,
		if_present = 2,
		keep_time = 4,
		give_old = 8,
		/** @number is a time to live in milliseconds. */
		has_time = 16,
		/** The time left in seconds. */
		in_seconds = 32,
	};

	Kind kind = Kind::get;
	uint8_t flags = 0;
	uint64_t hash = 0;
	int64_t number = 0;
	std::string_view key;
	/** What to set... */
	std::string_view text;
	/** ...and the Value that has these bytes, if one does. It is the
	 *  asker's, unless the store took it, which sets this to nullptr.
	 */
	Value *value = nullptr;
	/** Of the owner's store, between the rounds. */
	Store::Entry *reserved = nullptr;
};

/** What there is to reply. */
struct Result {
	enum class Kind : uint8_t {
		/** @text, a whole reply that lives as long as the program. */
		text,
		integer,
		/** The head of an array of @integer. */
		array,
		nothing,
		/** @value, with a reference that is the holder's. */
		value,
		/** The bytes of @value as they are. */
		raw,
	};

	Kind kind = Kind::text;
	int64_t integer = 0;
	std::string_view text;
	Value *value = nullptr;

	static Result constant(std::string_view text) { return {Kind::text, 0, text, nullptr}; }
	static Result ok() { return constant("+OK\r\n"); }
	static Result number(int64_t number) { return {Kind::integer, number, {}, nullptr}; }
	static Result array(int64_t length) { return {Kind::array, length, {}, nullptr}; }
	static Result nil() { return {Kind::nothing, 0, {}, nullptr}; }
	static Result of(Value *value) { return {Kind::value, 0, {}, value}; }
	static Result raw(Value *value) { return {Kind::raw, 0, {}, value}; }

	/** Makes this the result of two parts: the first error, or the sum. */
	void add(const Result &part)
	{
		if (part.failed() && !failed())
			*this = part;
		else
			integer += part.integer;
	}
	bool failed() const { return kind == Kind::text && text.starts_with('-'); }
};

/** Found and not found, of get. */
struct Lookups {
	uint64_t hits = 0;
	uint64_t misses = 0;
};

/** Does it, at the time @now. On the store's thread. */
Result apply(KeyOperation &operation, Store &store, Lookups &lookups, uint64_t now);

} // namespace lanes

#endif
