// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_HTTP_SINK_H
#define LANES_HTTP_SINK_H

#include <span>
#include <string_view>

#include <cstddef>

#include "engine/memory.h"

namespace lanes::http {

/** Where replies go: what Stream is in the server. */
class Sink {
public:
	virtual bool full() const = 0;
	virtual void write(std::string_view text) = 0;
	virtual void lend(std::span<const std::byte> bytes, Loan &loan) = 0;
	virtual void finish() = 0;
	virtual bool draining() const = 0;

protected:
	~Sink() = default;
};

} // namespace lanes::http

#endif
