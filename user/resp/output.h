// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_RESP_OUTPUT_H
#define LANES_RESP_OUTPUT_H

#include <array>
#include <span>
#include <string_view>

#include <cstddef>
#include <cstdint>

#include "engine/memory.h"

namespace lanes {

struct RespState;

/** A connection as this service needs it: a Stream, or a test's. As there. */
class Link {
public:
	virtual bool full() const = 0;
	virtual void write(std::span<const std::byte> bytes) = 0;
	virtual void lend(std::span<const std::byte> bytes, Loan &loan) = 0;
	virtual void finish() = 0;
	virtual void abort() = 0;
	virtual void pause() = 0;
	virtual bool draining() const = 0;
	virtual RespState &state() = 0;

protected:
	~Link() = default;
};

/** Gathers replies to one connection at a time, so that many small ones cost
 *  one write.
 */
class Output {
public:
	/** Most that a reply may copy. */
	static constexpr size_t copy_max = 2048;

	void begin(Link &link)
	{
		link_ = &link;
		copied_ = copies_max;
	}
	/** After begin() and before the call that it was for returns. */
	void end()
	{
		flush();
		link_ = nullptr;
	}
	Link &link() { return *link_; }

	/** Whether a reply may be added: a put() of copy_max, or a lend(). */
	bool room() { return (copied_ < copies_max && lent_ < lends_max) || ask(); }
	void put(std::span<const std::byte> bytes);
	void put(std::string_view text) { put(std::as_bytes(std::span(text))); }
	void lend(std::span<const std::byte> bytes, Loan &loan);

private:
	/* What Stream::full() leaves room for is 16 KiB in 32 pieces of memory,
	 * which may be short ones between those that are lent.
	 */
	static constexpr size_t copies_max = 8192;
	static constexpr unsigned lends_max = 8;
	/** From here on the stream should be asked anew. */
	static constexpr size_t lend_large = 16384;

	bool ask();
	void flush();

	Link *link_ = nullptr;
	size_t copied_ = 0;
	unsigned lent_ = 0;
	size_t length_ = 0;
	std::array<std::byte, 4096> gathered_;
};

} // namespace lanes

#endif
