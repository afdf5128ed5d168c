// SPDX-License-Identifier: GPL-2.0-only
#include "lanesd/shard.h"

#include <algorithm>

#include <cerrno>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/error.h"

namespace lanes {
namespace {

using namespace std::chrono_literals;

constexpr unsigned submissions = 512;
constexpr unsigned completions = 4096;
/* A connection that holds this many buffers is not read from until its peer
 * has taken half of them.
 */
constexpr uint32_t held_max = 16;
constexpr auto accept_retry = 100ms;
constexpr auto stall_max = 10s;
constexpr auto stall_check = 1s;
constexpr auto drain_max = 2s;

/* No connection has this slot. */
constexpr Token accept_token{Operation::accept, Connection::none};
constexpr Token stop_token{Operation::stop};

bool on_cpu(int fd, int cpu)
{
	int incoming = -1;
	socklen_t length = sizeof(incoming);

	return !getsockopt(fd, SOL_SOCKET, SO_INCOMING_CPU, &incoming, &length) && incoming == cpu;
}

} // namespace

/* Beyond connections_max, one pass of accept can complete as often as the
 * completion queue has room: after that the cancel is in force.
 */
Shard::Shard(const ShardConfig &config, Counters &counters)
	: config_(config), counters_(counters), ring_(submissions, completions),
	  buffers_(ring_.get(), config.buffers), links_(config.buffers),
	  connections_(config.connections_max + completions), line_(connections_)
{
}

void Shard::start()
{
	ring_.queue(stop_token, [&](io_uring_sqe *sqe) {
		io_uring_prep_poll_add(sqe, config_.stop_fd, POLLIN);
	});
	accept();
	/* Without a completion to wait for: this only submits. */
	ring_.wait(0ns);
}

void Shard::run()
{
	while (!stopping_)
		step();

	const auto give_up = Clock::now() + drain_max;

	stop();
	while (connections_.active() && now_ < give_up)
		step();
}

void Shard::step()
{
	ring_.wait(timeout());
	now_ = Clock::now();
	ring_.reap([this](const io_uring_cqe &cqe) { dispatch(cqe); });
	serve_line();
	accept_or_pause();
}

std::optional<std::chrono::nanoseconds> Shard::timeout() const
{
	std::optional<std::chrono::nanoseconds> shortest;
	auto consider = [&](std::chrono::nanoseconds candidate) {
		candidate = std::max(candidate, std::chrono::nanoseconds(0));
		shortest = std::min(shortest.value_or(candidate), candidate);
	};

	if (stopping_)
		consider(accept_retry);
	else if (!accepting_ && connections_.active() < config_.connections_max)
		consider(accept_at_ - now_);
	if (!line_.empty())
		consider(stall_check_at_ - now_);
	return shortest;
}

void Shard::dispatch(const io_uring_cqe &cqe)
{
	const Token token = Token::decode(cqe.user_data);

	switch (token.operation) {
	case Operation::accept:
		on_accept(cqe);
		return;
	case Operation::cancel:
		on_cancel(token, cqe.res);
		return;
	case Operation::stop:
		stopping_ = true;
		return;
	case Operation::receive:
	case Operation::send:
	case Operation::close:
		break;
	}

	if (!connections_.current(token))
		throw std::runtime_error(
			std::format("slot {}: completion of a former connection", token.slot));
	if (token.operation == Operation::receive)
		on_receive(token.slot, cqe);
	else if (token.operation == Operation::send)
		on_send(token.slot, cqe.res);
	else
		on_close(token.slot);
}

/* The cancel's own token is that of its aim, but for the operation. */
void Shard::cancel(Token aim)
{
	Token token = aim;

	token.operation = Operation::cancel;
	ring_.queue(token,
		    [&](io_uring_sqe *sqe) { io_uring_prep_cancel64(sqe, aim.encode(), 0); });
}

/* It misses a multishot that is about to run again: try again later. */
void Shard::on_cancel(Token token, int result)
{
	if (result >= 0)
		return;
	if (token.slot == accept_token.slot)
		accept_pausing_ = false;
	else if (connections_.current(token))
		connections_[token.slot].pausing = false;
}

void Shard::accept()
{
	ring_.queue(accept_token, [&](io_uring_sqe *sqe) {
		io_uring_prep_multishot_accept(sqe, config_.listen_fd, nullptr, nullptr,
					       SOCK_CLOEXEC);
	});
	accepting_ = true;
}

void Shard::accept_or_pause()
{
	if (stopping_)
		return;
	if (connections_.active() < config_.connections_max) {
		if (!accepting_ && now_ >= accept_at_)
			accept();
	} else if (accepting_ && !accept_pausing_) {
		accept_pausing_ = true;
		cancel(accept_token);
	}
}

void Shard::on_accept(const io_uring_cqe &cqe)
{
	if (!(cqe.flags & IORING_CQE_F_MORE)) {
		accepting_ = false;
		accept_pausing_ = false;
	}
	if (cqe.res >= 0) {
		admit(cqe.res);
		return;
	}
	switch (-cqe.res) {
	case ECANCELED:
	case ECONNABORTED:
	case EINTR:
		return;
	case EBADF:
	case EINVAL:
	case ENOTSOCK:
		throw_errno(-cqe.res, "accept", "the listening socket no longer listens");
	default:
		/* EMFILE, ENFILE, ENOMEM and the network errors that accept(2)
		 * passes on: trying again at once would spin.
		 */
		counters_.accept_failed.add();
		accept_at_ = now_ + accept_retry;
	}
}

void Shard::admit(int fd)
{
	const uint32_t slot = connections_.take(fd);

	counters_.accepted.add();
	if (on_cpu(fd, config_.cpu))
		counters_.local.add();
	if (slot == Connection::none)
		::close(fd);
	else if (stopping_)
		close(slot);
	else
		receive_or_park(slot);
}

void Shard::receive(uint32_t slot)
{
	ring_.queue(connections_.token(Operation::receive, slot), [&](io_uring_sqe *sqe) {
		io_uring_prep_recv_multishot(sqe, connections_[slot].fd, nullptr, 0, 0);
		sqe->flags |= IOSQE_BUFFER_SELECT;
		sqe->buf_group = Buffers::group;
	});
	connections_[slot].receiving = true;
}

/* Nobody overtakes those who wait for buffers already. */
void Shard::receive_or_park(uint32_t slot)
{
	Connection &connection = connections_[slot];

	if (connection.receiving || connection.parked || connection.closing ||
	    connection.end_of_input || connection.held > held_max / 2)
		return;
	if (line_.empty() && buffers_.available()) {
		receive(slot);
		return;
	}
	if (line_.empty())
		stall_check_at_ = now_ + stall_check;
	line_.push(slot);
}

void Shard::pause(uint32_t slot)
{
	Connection &connection = connections_[slot];

	if (connection.held < held_max || !connection.receiving || connection.pausing)
		return;
	connection.pausing = true;
	cancel(connections_.token(Operation::receive, slot));
}

void Shard::on_receive(uint32_t slot, const io_uring_cqe &cqe)
{
	Connection &connection = connections_[slot];

	if (cqe.flags & IORING_CQE_F_BUFFER) {
		const auto id = static_cast<uint16_t>(cqe.flags >> IORING_CQE_BUFFER_SHIFT);

		buffers_.taken(id);
		if (cqe.res > 0 && !connection.closing) {
			links_[id] = {BufferLinks::none, static_cast<uint32_t>(cqe.res)};
			if (connection.held++)
				links_[connection.tail].next = id;
			else
				connection.head = id;
			connection.tail = id;
		} else {
			buffers_.give_back(id);
		}
	}
	if (!(cqe.flags & IORING_CQE_F_MORE)) {
		connection.receiving = false;
		connection.pausing = false;
	}
	if (connection.closing) {
		close_if_idle(slot);
		return;
	}

	if (cqe.res == 0) {
		connection.end_of_input = true;
	} else if (cqe.res == -ENOBUFS) {
		counters_.parked.add();
	} else if (cqe.res < 0 && cqe.res != -ECANCELED && cqe.res != -EINTR &&
		   cqe.res != -EAGAIN) {
		close(slot);
		return;
	}

	if (connection.held && !connection.sending)
		send(slot);
	if (connection.end_of_input && !connection.held) {
		close(slot);
		return;
	}
	pause(slot);
	receive_or_park(slot);
}

/* As many receives as there are buffers, in the order of waiting. */
void Shard::serve_line()
{
	for (uint32_t n = buffers_.available(); n && !line_.empty(); n--)
		receive(line_.pop());
	if (!line_.empty() && now_ >= stall_check_at_)
		close_stalled();
}

void Shard::send(uint32_t slot)
{
	Connection &connection = connections_[slot];
	const uint32_t id = connection.head;

	ring_.queue(connections_.token(Operation::send, slot), [&](io_uring_sqe *sqe) {
		io_uring_prep_send(sqe, connection.fd,
				   buffers_.data(static_cast<uint16_t>(id)) + connection.sent,
				   links_[id].length - connection.sent, MSG_NOSIGNAL | MSG_WAITALL);
	});
	connection.sending = true;
	connection.send_since = now_;
}

void Shard::drop_head(Connection &connection)
{
	const uint32_t id = connection.head;

	connection.head = links_[id].next;
	connection.held--;
	connection.sent = 0;
	buffers_.give_back(static_cast<uint16_t>(id));
}

void Shard::on_send(uint32_t slot, int result)
{
	Connection &connection = connections_[slot];

	connection.sending = false;
	if (result > 0) {
		counters_.bytes.add(static_cast<uint64_t>(result));
		connection.sent += static_cast<uint32_t>(result);
	}
	if (connection.closing) {
		close_if_idle(slot);
		return;
	}
	if (result <= 0 && result != -EINTR && result != -EAGAIN) {
		close(slot);
		return;
	}
	if (connection.sent == links_[connection.head].length)
		drop_head(connection);
	if (connection.held) {
		send(slot);
	} else if (connection.end_of_input) {
		close(slot);
		return;
	}
	receive_or_park(slot);
}

/* The descriptor is closed when no operation uses it any more: shutdown ends
 * them all, while a cancel can miss one.
 */
void Shard::close(uint32_t slot)
{
	Connection &connection = connections_[slot];

	if (connection.closing)
		return;
	connection.closing = true;
	line_.remove(slot);
	/* Fails if the peer has reset the connection, which ends them too. */
	if (connection.receiving || connection.sending)
		shutdown(connection.fd, SHUT_RDWR);
	close_if_idle(slot);
}

void Shard::close_if_idle(uint32_t slot)
{
	Connection &connection = connections_[slot];

	if (connection.receiving || connection.sending)
		return;
	while (connection.held)
		drop_head(connection);
	ring_.queue(connections_.token(Operation::close, slot),
		    [&](io_uring_sqe *sqe) { io_uring_prep_close(sqe, connection.fd); });
}

/* A descriptor is free again: accept need not wait for its retry. */
void Shard::on_close(uint32_t slot)
{
	connections_.release(slot);
	accept_at_ = now_;
}

/* A peer that does not read keeps buffers from those who wait for some. */
void Shard::close_stalled()
{
	stall_check_at_ = now_ + stall_check;
	for (uint32_t slot = 0; slot < connections_.capacity(); slot++) {
		Connection &connection = connections_[slot];

		if (connection.open() && connection.sending && !connection.closing &&
		    now_ - connection.send_since > stall_max) {
			counters_.stalled.add();
			close(slot);
		}
	}
}

void Shard::stop()
{
	if (accepting_)
		cancel(accept_token);
	for (uint32_t slot = 0; slot < connections_.capacity(); slot++)
		if (connections_[slot].open())
			close(slot);
}

} // namespace lanes
