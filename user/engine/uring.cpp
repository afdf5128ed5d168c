// SPDX-License-Identifier: GPL-2.0-only
#include "engine/uring.h"

#include <algorithm>

#include <cerrno>

#include <sys/eventfd.h>
#include <sys/socket.h>

#include "common/error.h"
#include "engine/socket.h"

namespace lanes {
namespace {

constexpr unsigned submissions = 256;
constexpr unsigned completions = 4096;
/* A batch of @crowd_seen calls for a wait for @crowd more, but no longer than
 * it takes them to come in at the rate that makes such batches.
 */
constexpr unsigned crowd_seen = 40;
constexpr unsigned crowd = 64;
constexpr unsigned crowd_patience_us = 20;
/* Without any timeout the kernel would wait for the crowd for ever. */
constexpr std::chrono::milliseconds crowd_timeout{10};

/* A bundle can take more than was asked for: with few buffers, others' share. */
constexpr uint32_t bundle_buffers_min = 256;

/* Connection::interest: the armed receive is receive_into()'s; to be closed when
 * nothing asks any more.
 */
constexpr uint8_t filling = 1;
constexpr uint8_t to_close = 2;

constexpr RingSetup usual_setup = {
	.flags = deferred_ring, .submissions = submissions, .completions = completions};

uint64_t total(std::span<const iovec> parts)
{
	uint64_t bytes = 0;

	for (const iovec &part : parts)
		bytes += part.iov_len;
	return bytes;
}

} // namespace

UringEngine::UringEngine(const EngineConfig &config, Connections &connections, Memory &memory,
			 EngineEvents &events, Counters &counters)
	: UringEngine(config, usual_setup, connections, memory, events, counters)
{
}

UringEngine::UringEngine(const EngineConfig &config, const RingSetup &setup,
			 Connections &connections, Memory &memory, EngineEvents &events,
			 Counters &counters)
	: connections_(connections), events_(events), counters_(counters), ring_(setup, counters),
	  buffers_(ring_.get(), memory.buffers, counters), config_(config),
	  bundle_(has(Feature::bundle) && memory.buffers.count() >= bundle_buffers_min),
	  direct_(config.kind == EngineKind::uring && has(Feature::direct) &&
		  take_files(connections.capacity())),
	  wake_(eventfd(0, EFD_CLOEXEC))
{
	if (!wake_)
		throw_errno(errno, "eventfd", "raise the limit of open files");
	if (config.zero_copy_min && has(Feature::zero_copy))
		results_.resize(connections.capacity());
	arm_wake();
}

/* Whether the limit of open files allows for it; the start-up report tells. */
bool UringEngine::take_files(uint32_t count)
{
	return !io_uring_register_files_sparse(ring_.get(), count);
}

void UringEngine::arm_wake()
{
	ring_.queue({Operation::wake}, [&](io_uring_sqe *sqe) {
		io_uring_prep_read(sqe, wake_.get(), &wake_value_, sizeof(wake_value_), 0);
	});
}

void UringEngine::accept(uint32_t listener, int fd)
{
	if (listeners_.size() <= listener)
		listeners_.resize(listener + 1);
	listeners_[listener].fd = fd;
	listeners_[listener].stopping = false;
	arm_accept(listener);
}

void UringEngine::arm_accept(uint32_t index)
{
	listeners_[index].armed = true;
	ring_.queue({Operation::accept, index}, [&](io_uring_sqe *sqe) {
		if (direct_)
			io_uring_prep_multishot_accept_direct(sqe, listeners_[index].fd, nullptr,
							      nullptr, 0);
		else if (has(Feature::multishot_accept))
			io_uring_prep_multishot_accept(sqe, listeners_[index].fd, nullptr, nullptr,
						       SOCK_CLOEXEC);
		else
			io_uring_prep_accept(sqe, listeners_[index].fd, nullptr, nullptr,
					     SOCK_CLOEXEC);
	});
}

void UringEngine::stop_accept(uint32_t listener)
{
	listeners_[listener].stopping = true;
	cancel_accept(listener);
}

void UringEngine::cancel_accept(uint32_t index)
{
	const Token aim = {Operation::accept, index};

	ring_.queue({Operation::accept_cancel, index},
		    [&](io_uring_sqe *sqe) { io_uring_prep_cancel64(sqe, aim.encode(), 0); });
}

/* It misses a multishot that is about to run again. */
void UringEngine::on_accept_cancel(uint32_t index, int result)
{
	const Listener &listener = listeners_[index];

	if (result < 0 && listener.stopping && listener.armed)
		cancel_accept(index);
}

void UringEngine::on_accept(const Completion &completion)
{
	const uint32_t index = completion.token.slot;
	const int error = completion.result < 0 ? -completion.result : 0;
	const bool over = !(completion.flags & IORING_CQE_F_MORE);

	if (over)
		listeners_[index].armed = false;
	if (!error)
		events_.accepted(index, completion.result);
	if (!over)
		return;
	if (listeners_[index].stopping) {
		listeners_[index].stopping = false;
		events_.accept_ended(index, ECANCELED);
	} else if (!error || error == ECONNABORTED || error == EINTR) {
		arm_accept(index);
	} else {
		events_.accept_ended(index, error);
	}
}

void UringEngine::refuse(int fd)
{
	ring_.queue({Operation::refuse}, [&](io_uring_sqe *sqe) {
		if (direct_)
			io_uring_prep_close_direct(sqe, static_cast<unsigned>(fd));
		else
			io_uring_prep_close(sqe, fd);
	});
}

void UringEngine::receive(uint32_t slot)
{
	Connection &c = connections_[slot];

	c.receiving = true;
	c.single =
		c.streaming || !has(Feature::multishot_receive) || !has(Feature::bounded_multishot);
	c.interest &= ~filling;
	queue(Operation::receive, slot, [&](io_uring_sqe *sqe) {
		if (!c.single) {
			io_uring_prep_recv_multishot(sqe, c.fd, nullptr, 0, 0);
		} else if (bundle_) {
			io_uring_prep_recv(sqe, c.fd, nullptr, config_.budget, 0);
			sqe->ioprio |= IORING_RECVSEND_BUNDLE;
		} else {
			io_uring_prep_recv(sqe, c.fd, nullptr, 0, 0);
		}
		sqe->flags |= IOSQE_BUFFER_SELECT;
		sqe->buf_group = BufferRing::group;
	});
}

void UringEngine::receive_into(uint32_t slot, std::span<std::byte> memory)
{
	Connection &c = connections_[slot];

	c.receiving = true;
	c.single = true;
	c.interest |= filling;
	queue(Operation::fill, slot, [&](io_uring_sqe *sqe) {
		io_uring_prep_recv(sqe, c.fd, memory.data(), memory.size(), 0);
	});
}

void UringEngine::stop_receive(uint32_t slot)
{
	Connection &c = connections_[slot];
	const Operation operation = c.interest & filling ? Operation::fill : Operation::receive;
	const uint64_t aim = connections_.token(operation, slot).encode();

	c.stopping = true;
	ring_.queue(connections_.token(Operation::receive_cancel, slot),
		    [&](io_uring_sqe *sqe) { io_uring_prep_cancel64(sqe, aim, 0); });
}

void UringEngine::on_receive(const Completion &completion)
{
	const uint32_t slot = completion.token.slot;
	const auto position = static_cast<uint16_t>(completion.flags >> IORING_CQE_BUFFER_SHIFT);
	const bool over = !(completion.flags & IORING_CQE_F_MORE);
	Connection &c = connections_[slot];

	if (completion.result <= 0) {
		if (completion.flags & IORING_CQE_F_BUFFER)
			buffers_.take_empty(position);
		if (over)
			end_receive(slot, -completion.result);
		return;
	}
	buffers_.take(position, static_cast<uint32_t>(completion.result),
		      [&](const Segment &segment, bool more) {
			      if (over && !more)
				      c.receiving = c.stopping = false;
			      events_.received(slot, segment);
		      });
}

void UringEngine::on_fill(uint32_t slot, int result)
{
	Connection &c = connections_[slot];

	if (result <= 0) {
		end_receive(slot, -result);
		return;
	}
	c.receiving = c.stopping = false;
	events_.filled(slot, static_cast<size_t>(result));
}

void UringEngine::end_receive(uint32_t slot, int error)
{
	Connection &c = connections_[slot];

	c.receiving = c.stopping = false;
	if (error == ENOBUFS) {
		counters_.no_buffers.add();
		buffers_.ran_out();
	}
	events_.receive_ended(slot, error);
}

ssize_t UringEngine::send(uint32_t slot, std::span<const iovec> parts)
{
	send_by(ring_, slot, parts);
	return pending;
}

void UringEngine::send_by(Ring &ring, uint32_t slot, std::span<const iovec> parts)
{
	Connection &c = connections_[slot];
	constexpr int flags = MSG_NOSIGNAL;
	const bool zero_copy = !results_.empty() && total(parts) >= config_.zero_copy_min;

	c.sending = true;
	if (zero_copy)
		counters_.zero_copy.add();
	queue(ring, Operation::send, slot, [&](io_uring_sqe *sqe) {
		if (parts.size() == 1 && zero_copy)
			io_uring_prep_send_zc(sqe, c.fd, parts[0].iov_base, parts[0].iov_len, flags,
					      0);
		else if (parts.size() == 1)
			io_uring_prep_send(sqe, c.fd, parts[0].iov_base, parts[0].iov_len, flags);
		else if (zero_copy)
			io_uring_prep_sendmsg_zc(sqe, c.fd, ring.message(sqe, parts), flags);
		else
			io_uring_prep_sendmsg(sqe, c.fd, ring.message(sqe, parts), flags);
	});
}

void UringEngine::on_send(const Completion &completion)
{
	const uint32_t slot = completion.token.slot;
	int result = completion.result;

	/* Zero-copy: the kernel still reads the memory. */
	if (completion.flags & IORING_CQE_F_MORE) {
		results_[slot] = result;
		return;
	}
	if (completion.flags & IORING_CQE_F_NOTIF)
		result = results_[slot];
	connections_[slot].sending = false;
	events_.sent(slot, result);
}

/* In the ring it is a worker's, who looks the socket up when it gets to it: so
 * close() must wait.
 */
void UringEngine::shutdown(uint32_t slot, int how)
{
	const int fd = connections_[slot].fd;

	if (direct_) {
		ask(Operation::shutdown, slot,
		    [&](io_uring_sqe *sqe) { io_uring_prep_shutdown(sqe, fd, how); });
	} else {
		::shutdown(fd, how);
		counters_.enters.add();
	}
}

void UringEngine::close(uint32_t slot)
{
	Connection &c = connections_[slot];

	if (c.asking)
		c.interest |= to_close;
	else
		queue_close(slot);
}

void UringEngine::answered(uint32_t slot)
{
	Connection &c = connections_[slot];

	if (--c.asking || !(c.interest & to_close))
		return;
	c.interest &= ~to_close;
	queue_close(slot);
}

void UringEngine::queue_close(uint32_t slot)
{
	const int fd = connections_[slot].fd;

	ring_.queue(connections_.token(Operation::close, slot), [&](io_uring_sqe *sqe) {
		if (direct_)
			io_uring_prep_close_direct(sqe, static_cast<unsigned>(fd));
		else
			io_uring_prep_close(sqe, fd);
	});
}

void UringEngine::poll(std::optional<std::chrono::nanoseconds> timeout)
{
	const bool waits = (!timeout || timeout->count() > 0) && !ring_.has_completions();

	buffers_.offer();
	if (!waits)
		ring_.submit();
	else if (crowded_)
		ring_.wait(timeout.value_or(crowd_timeout), crowd, crowd_patience_us);
	else
		ring_.wait(timeout);
	if (crowded_ && !timeout && !ring_.has_completions())
		ring_.wait(timeout);

	const unsigned count = ring_.reap([this](const Completion &c) { dispatch(c); });

	crowded_ = count >= crowd_seen && has(Feature::min_wait);
	if (waits && count)
		counters_.wakes.add();
}

void UringEngine::dispatch(const Completion &completion)
{
	const Token &token = completion.token;

	switch (token.operation) {
	case Operation::accept:
		on_accept(completion);
		return;
	case Operation::accept_cancel:
		on_accept_cancel(token.slot, completion.result);
		return;
	case Operation::receive_cancel:
		/* It misses a multishot that is about to run again. */
		if (completion.result < 0 && connections_.current(token))
			connections_[token.slot].stopping = false;
		return;
	case Operation::refuse:
		return;
	case Operation::wake:
		arm_wake();
		return;
	case Operation::watch:
		on_other(completion);
		return;
	default:
		break;
	}

	if (!connections_.current(token))
		throw std::runtime_error(
			std::format("slot {}: completion of a former connection", token.slot));
	switch (token.operation) {
	case Operation::receive:
		on_receive(completion);
		return;
	case Operation::fill:
		on_fill(token.slot, completion.result);
		return;
	case Operation::send:
		on_send(completion);
		return;
	case Operation::close:
		events_.closed(token.slot);
		return;
	case Operation::shutdown:
		answered(token.slot);
		return;
	case Operation::ask_cpu:
	case Operation::ask_input:
	case Operation::ask_peer:
	case Operation::ask_peer_ipv4:
		on_answer(completion);
		return;
	default:
		on_other(completion);
	}
}

void UringEngine::wake()
{
	const uint64_t one = 1;

	[[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof(one));
}

} // namespace lanes
