// SPDX-License-Identifier: GPL-2.0-only
#include "resp/operation.h"

#include <charconv>

#include <cstring>

#include "resp/words.h"

namespace lanes {
namespace {

/* With one reference; nullptr if there is no room. */
Value *take_value(KeyOperation &operation, Arena &arena)
{
	Value *value = operation.value;

	if (value && value->home() == &arena) {
		operation.value = nullptr;
		return value;
	}
	if (value && value->movable()) {
		if (!arena.allows(Value::footprint(value->length())))
			return nullptr;
		value->enter(arena);
		operation.value = nullptr;
		return value;
	}
	value = Value::make(arena, static_cast<uint32_t>(operation.text.size()));
	if (value)
		std::memcpy(value->data(), operation.text.data(), operation.text.size());
	return value;
}

bool store_text(KeyOperation &operation, Store &store, Store::Entry *&entry)
{
	if (entry && entry->value->alone() && !operation.value &&
	    entry->value->fits(static_cast<uint32_t>(operation.text.size()))) {
		entry->value->resize(static_cast<uint32_t>(operation.text.size()));
		std::memcpy(entry->value->data(), operation.text.data(), operation.text.size());
		return true;
	}

	Value *value = take_value(operation, store.arena());

	if (!value)
		return false;
	if (entry) {
		store.replace(entry, value);
		return true;
	}
	entry = store.add(operation.key, operation.hash, value);
	if (!entry)
		value->give_back();
	return entry;
}

Result set(KeyOperation &operation, Store &store, Store::Entry *entry, uint64_t now)
{
	const uint8_t flags = operation.flags;
	Result result = flags & KeyOperation::give_old ? Result::nil() : Result::ok();

	if (entry && flags & KeyOperation::give_old) {
		entry->value->hold();
		result = Result::of(entry->value);
	}
	if ((flags & KeyOperation::if_absent && entry) ||
	    (flags & KeyOperation::if_present && !entry))
		return flags & KeyOperation::give_old ? result : Result::nil();
	if (!store_text(operation, store, entry)) {
		if (result.value)
			result.value->give_back();
		return Result::constant(out_of_memory_reply);
	}
	if (flags & KeyOperation::has_time)
		store.expire_at(entry, now + static_cast<uint64_t>(operation.number));
	else if (!(flags & KeyOperation::keep_time))
		store.expire_at(entry, 0);
	return result;
}

Result reserve(KeyOperation &operation, Store &store)
{
	Value *value = take_value(operation, store.arena());

	if (!value)
		return Result::constant(out_of_memory_reply);
	operation.reserved = store.reserve(operation.key, operation.hash, value);
	if (operation.reserved)
		return Result::ok();
	value->give_back();
	return Result::constant(out_of_memory_reply);
}

/* The second round of a reserve() that succeeded. */
Result end_reserve(KeyOperation &operation, Store &store, uint64_t now)
{
	if (operation.kind == KeyOperation::Kind::commit)
		store.commit(operation.reserved, operation.hash, now);
	else
		store.cancel(operation.reserved);
	operation.reserved = nullptr;
	return Result::ok();
}

Result add(KeyOperation &operation, Store &store, Store::Entry *entry)
{
	int64_t number = 0;
	char text[24];

	if (entry && !parse_integer(entry->value->text(), number))
		return Result::constant("-ERR value is not an integer or out of range\r\n");
	if (__builtin_add_overflow(number, operation.number, &number))
		return Result::constant("-ERR increment or decrement would overflow\r\n");

	const auto end = std::to_chars(text, text + sizeof(text), number);

	operation.text = {text, end.ptr};
	if (!store_text(operation, store, entry))
		return Result::constant(out_of_memory_reply);
	return Result::number(number);
}

Result time_left(const KeyOperation &operation, const Store::Entry *entry, uint64_t now)
{
	if (!entry)
		return Result::number(-2);
	if (!entry->expires)
		return Result::number(-1);

	const auto left = static_cast<int64_t>(entry->expires - now);

	return Result::number(operation.flags & KeyOperation::in_seconds ? (left + 500) / 1000
									 : left);
}

} // namespace

Result apply(KeyOperation &operation, Store &store, Lookups &lookups, uint64_t now)
{
	switch (operation.kind) {
	case KeyOperation::Kind::count:
		return Result::number(static_cast<int64_t>(store.keys()));
	case KeyOperation::Kind::clear:
		store.clear();
		return Result::ok();
	case KeyOperation::Kind::reserve:
		return reserve(operation, store);
	case KeyOperation::Kind::commit:
	case KeyOperation::Kind::cancel:
		return end_reserve(operation, store, now);
	default:
		break;
	}

	Store::Entry *entry = store.find(operation.key, operation.hash, now);

	switch (operation.kind) {
	case KeyOperation::Kind::get:
		if (!entry) {
			lookups.misses++;
			return Result::nil();
		}
		lookups.hits++;
		entry->value->hold();
		return Result::of(entry->value);
	case KeyOperation::Kind::set:
		return set(operation, store, entry, now);
	case KeyOperation::Kind::add:
		return add(operation, store, entry);
	case KeyOperation::Kind::time_left:
		return time_left(operation, entry, now);
	case KeyOperation::Kind::remove:
		if (entry)
			store.remove(entry);
		return Result::number(entry != nullptr);
	default:
		return Result::number(entry != nullptr);
	}
}

} // namespace lanes
