// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_ENGINE_ENGINE_H
#define LANES_ENGINE_ENGINE_H

#include <chrono>
#include <optional>
#include <span>

#include <cstdint>

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "engine/connection.h"
#include "engine/memory.h"

namespace lanes {

/** What an engine tells its shard, always from inside Engine::poll(). */
class EngineEvents {
public:
	/** A new connection of accept @listener, which goes on. @fd is for
	 *  Connections::take(), or for Engine::refuse().
	 */
	virtual void accepted(uint32_t listener, int fd) = 0;
	/** Accept has ended, with an errno; ECANCELED after stop_accept(). */
	virtual void accept_ended(uint32_t listener, int error) = 0;

	/** Input. The receiver owns @segment: it has a reference to a buffer. */
	virtual void received(uint32_t slot, const Segment &segment) = 0;
	/** @length bytes lie in the memory that receive_into() named. The
	 *  receive is over.
	 */
	virtual void filled(uint32_t slot, size_t length) = 0;
	/** The receive is over: 0 at the end of the peer's input, ENOBUFS,
	 *  ECANCELED after stop_receive(), or what broke the connection. It is
	 *  also over, without this, if Connection::receiving is false in
	 *  received().
	 */
	virtual void receive_ended(uint32_t slot, int error) = 0;

	/** No more input of @slot in this poll(), and a send now is as cheap as
	 *  one later.
	 */
	virtual void input_over(uint32_t slot) { static_cast<void>(slot); }
	/** The send is over: bytes, or a negative errno. 0: try again. */
	virtual void sent(uint32_t slot, ssize_t result) = 0;
	/** The descriptor is closed. */
	virtual void closed(uint32_t slot) = 0;

	/* Answers, of which each may come from inside the question already. */
	/** @cpu processed the connection's last packet; -1: not known. */
	virtual void cpu_known(uint32_t slot, int cpu) = 0;
	virtual void input_known(uint32_t slot, bool waits) = 0;
	virtual void peer_known(uint32_t slot) = 0;

protected:
	~EngineEvents() = default;
};

/**
 * The input and output of a shard. Made and used by the shard's thread, but for
 * wake(). No call waits, but poll(); none but the constructor throws for what a
 * peer does.
 */
class Engine {
public:
	virtual ~Engine() = default;

	/** Starts to accept from @fd, as @listener, below 256. */
	virtual void accept(uint32_t listener, int fd) = 0;
	/** accept_ended() will follow. */
	virtual void stop_accept(uint32_t listener) = 0;
	/** Closes an accepted @fd that got no slot. */
	virtual void refuse(int fd) = 0;

	/** Receives to buffers of Memory::buffers: once, if Connection::streaming
	 *  is set, otherwise as often as the engine can. Sets receiving, single.
	 */
	virtual void receive(uint32_t slot) = 0;
	/** Whether a single receive() fills several buffers. */
	virtual bool gathers() const { return false; }
	/** Receives once, into @memory, which stays until filled() or
	 *  receive_ended(). Sets receiving and single.
	 */
	virtual void receive_into(uint32_t slot, std::span<std::byte> memory) = 0;
	/** Only if receiving: receive_ended() will follow, in poll(). Sets
	 *  stopping. May fail to find the receive, and then clears it again.
	 */
	virtual void stop_receive(uint32_t slot) = 0;

	/** Sends the bytes of @parts, at most parts_max; the memory stays until
	 *  the send is over. Returns what sent() would, or pending, which sets
	 *  sending, and sent() follows. Bytes that were not sent are for the
	 *  caller to send again. @parts itself may go at the return.
	 */
	virtual ssize_t send(uint32_t slot, std::span<const iovec> parts) = 0;
	static constexpr size_t parts_max = 64;
	static constexpr ssize_t pending = -4095;

	/** As shutdown(2), @how as there, now or in the next poll(). */
	virtual void shutdown(uint32_t slot, int how) = 0;
	/** Only if neither receiving nor sending; closed() will follow. */
	virtual void close(uint32_t slot) = 0;

	/* An answer follows each question, before closed(). */
	/** Right after accepted(), the CPU of the SYN. */
	virtual void ask_cpu(uint32_t slot) = 0;
	/** Whether a byte waits in the socket that no receive has taken. */
	virtual void ask_input(uint32_t slot) = 0;
	/** One at a time for a slot. @address stays until the answer, AF_UNSPEC
	 *  if there is none.
	 */
	virtual void ask_peer(uint32_t slot, sockaddr_storage &address) = 0;

	/** Submits, waits for an event until @timeout (0: not at all, nothing:
	 *  for ever) and reports all events that are there, but of one
	 *  connection only so many that others get their turn.
	 */
	virtual void poll(std::optional<std::chrono::nanoseconds> timeout) = 0;
	/** From any thread: makes a poll() that waits, or else the next one,
	 *  return. Async-signal-safe.
	 */
	virtual void wake() = 0;
};

} // namespace lanes

#endif
