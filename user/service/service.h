// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_SERVICE_SERVICE_H
#define LANES_SERVICE_SERVICE_H

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <cstddef>
#include <cstdint>

#include "engine/memory.h"

namespace lanes {

class Shard;

/** Names a connection for later, when it may be gone. */
struct Ticket {
	uint32_t slot = 0;
	uint32_t generation = 0;
};

/**
 * A service's view of one connection, valid during the call that it is handed
 * to. Of the shard's thread.
 */
class Stream {
public:
	Stream(Shard &shard, uint32_t slot) : shard_(&shard), slot_(slot) {}

	/** The handler's memory for this connection: Handler::state_size()
	 *  bytes, zero at opened(). It is never destroyed.
	 */
	template <typename State> State &state() const
	{
		return *static_cast<State *>(raw_state());
	}
	Ticket ticket() const;

	/** Whether the service should stop to produce: the peer does not read,
	 *  or memory is short. If it was false, 16 KiB in 32 pieces may follow;
	 *  if they do not fit even so, the connection is closed.
	 */
	bool full() const;
	/** Queues a copy. */
	void write(std::span<const std::byte> bytes);
	void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
	/** Queues @bytes, which live as long as the program. */
	void write_constant(std::string_view bytes);
	/** Queues @bytes, and @loan's give_back() for when they are sent or
	 *  never will be.
	 */
	void lend(std::span<const std::byte> bytes, Loan &loan);
	/** Queues the first @length bytes of the input that received() was
	 *  called with, without a copy.
	 */
	void forward(size_t length);

	/** No more input: closes when the output is sent. */
	void finish();
	/** Closes now; output that is not sent is lost. */
	void abort();

	/** received() is not called any more before Host::resume(). */
	void pause();
	/** Whether the server drains: finish() when a request is done. */
	bool draining() const;

private:
	void *raw_state() const;

	Shard *shard_;
	uint32_t slot_;
};

/** The shard, as a handler sees it. */
class Host {
public:
	virtual unsigned shard() const = 0;
	virtual unsigned shards() const = 0;
	/** Milliseconds, monotonic, as of the present tick. */
	virtual uint64_t now_ms() const = 0;
	/** The connection, if it is still there. */
	virtual std::optional<Stream> find(Ticket ticket) = 0;
	/** Ends pause(); received() will be called with what is left, in this
	 *  tick or the next. Also of a connection that is gone.
	 */
	virtual void resume(Ticket ticket) = 0;
	/** Makes the other shard call its handlers' turn() soon. For after a
	 *  message was posted; costs a system call only if that shard sleeps.
	 */
	virtual void wake(unsigned shard) = 0;

protected:
	~Host() = default;
};

/**
 * What a service does on one shard. All calls come from the shard's thread, so
 * none needs a lock. Calls may not wait, and may not throw.
 */
class Handler {
public:
	virtual ~Handler() = default;

	/** Bytes of memory for each connection. The same at each call. */
	virtual size_t state_size() const { return 0; }
	virtual void opened(Stream) {}
	/** Input, at least a byte, in the order of its coming. Returns how many
	 *  bytes are done with; fewer than all only when the stream is full(),
	 *  paused or finished: the rest comes again.
	 */
	virtual size_t received(Stream stream, std::span<const std::byte> input) = 0;
	/** The peer will send no more, and all it sent was received(). */
	virtual void input_ended(Stream stream) { stream.finish(); }
	/** The output has gone below its low mark after the stream was full(), or
	 *  the connection is new. For services that produce without input, and
	 *  for replies that were too long for one go.
	 */
	virtual void writable(Stream) {}
	/** Where the next bytes of input shall go, at least 16 KiB, in place of
	 *  buffers that received() is called with. They are asked for when a
	 *  receive is about to be armed and stay until filled() or closed().
	 */
	virtual std::span<std::byte> destination(Stream) { return {}; }
	/** @length bytes of input lie in what destination() named. */
	virtual void filled(Stream, size_t) {}
	/** Whether a request has begun and is not complete: a shorter timeout
	 *  than that of idle connections is in force.
	 */
	virtual bool in_request(Stream) { return false; }
	/** After the last call for this connection. */
	virtual void closed(Stream) {}

	/** Once a tick: messages of other shards, expiry. At most @budget
	 *  items; returns whether there are more.
	 */
	virtual bool turn(unsigned) { return false; }
	/** Whether turn() has something to do; asked before the shard sleeps. */
	virtual bool pending() const { return false; }
};

/** A service of the whole process. */
class Service {
public:
	virtual ~Service() = default;

	virtual std::string_view name() const = 0;
	/** Called by each shard's thread, once. The handler goes before the
	 *  service does.
	 */
	virtual std::unique_ptr<Handler> handler(Host &host) = 0;
	/** SIGHUP: re-reads what lies outside the program. From the main
	 *  thread. Returns what went wrong, or nothing.
	 */
	virtual std::string reload() { return {}; }
};

} // namespace lanes

#endif
