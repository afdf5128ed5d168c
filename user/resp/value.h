// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_RESP_VALUE_H
#define LANES_RESP_VALUE_H

#include <span>
#include <string_view>

#include <cstddef>
#include <cstdint>

#include "engine/memory.h"
#include "resp/arena.h"

namespace lanes {

/**
 * A string as it goes over the wire, "$3\r\n" before and "\r\n" after it, so
 * that a reply is one piece of memory. Counted by reference; of the thread of
 * its arena, but others may read it while they have a reference.
 */
class Value final : public Loan {
public:
	/** As the protocol's own limit in Redis. */
	static constexpr uint32_t length_max = 512U << 20;

	/** With one reference and @length bytes of anything; nullptr if that
	 *  would be over the arena's limit.
	 */
	static Value *make(Arena &arena, uint32_t length);

	/** Drops a reference. */
	void give_back() override
	{
		if (!--references_)
			destroy();
	}
	void hold() { references_++; }
	/** Whether nobody but the one who asks reads it. */
	bool alone() const { return references_ == 1; }
	/** Whether @length bytes take the same memory. Then resize() may follow,
	 *  if alone().
	 */
	bool fits(uint32_t length) const
	{
		return size_class(footprint(length)) == size_class(footprint(length_));
	}
	void resize(uint32_t length);

	char *data() { return reinterpret_cast<char *>(this + 1); }
	const char *data() const { return reinterpret_cast<const char *>(this + 1); }
	uint32_t length() const { return length_; }
	std::string_view text() const { return {data(), length_}; }
	/** The whole reply. */
	std::span<const std::byte> wire() const
	{
		return {reinterpret_cast<const std::byte *>(data()) - head_length_,
			size_t{head_length_} + length_ + 2};
	}

	const Arena *home() const { return home_; }
	/** Whether it has its memory for itself: then it can move to another
	 *  arena, if alone().
	 */
	bool movable() const { return footprint(length_) > Arena::small_max; }
	void leave();
	void enter(Arena &arena);

	static constexpr size_t footprint(uint32_t length);

private:
	Value(Arena &arena, uint32_t length) : home_(&arena), length_(length) {}
	void destroy();
	void write_frame();

	Arena *home_;
	uint32_t references_ = 1;
	uint32_t length_;
	uint8_t head_length_ = 0;
	/** Its end is what counts. */
	char head_[15];
};

constexpr size_t Value::footprint(uint32_t length)
{
	return sizeof(Value) + length + 2;
}

} // namespace lanes

#endif
