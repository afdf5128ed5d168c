// SPDX-License-Identifier: GPL-2.0-only
/* What sockets say of themselves: by system calls, or of direct descriptors
 * through the ring.
 */
#include <cerrno>

#include <netinet/in.h>

#include "engine/socket.h"
#include "engine/uring.h"

namespace lanes {

void UringEngine::ask_cpu(uint32_t slot)
{
	Connection &c = connections_[slot];

	if (direct_) {
		ask(Operation::ask_cpu, slot, [&](io_uring_sqe *sqe) {
			io_uring_prep_cmd_sock(sqe, SOCKET_URING_OP_GETSOCKOPT, c.fd, SOL_SOCKET,
					       SO_INCOMING_CPU, &c.answer, sizeof(c.answer));
		});
	} else {
		counters_.enters.add();
		events_.cpu_known(slot, incoming_cpu(c.fd));
	}
}

void UringEngine::ask_input(uint32_t slot)
{
	const int fd = connections_[slot].fd;

	if (direct_) {
		ask(Operation::ask_input, slot, [&](io_uring_sqe *sqe) {
			io_uring_prep_cmd_sock(sqe, SOCKET_URING_OP_SIOCINQ, fd, 0, 0, nullptr, 0);
		});
	} else {
		counters_.enters.add();
		events_.input_known(slot, has_input_now(fd));
	}
}

void UringEngine::ask_peer(uint32_t slot, sockaddr_storage &address)
{
	if (direct_) {
		peers_.resize(connections_.capacity());
		peers_[slot] = &address;
		ask_peer_of(slot, Operation::ask_peer, sizeof(sockaddr_in6));
	} else {
		find_peer(connections_[slot].fd, address);
		events_.peer_known(slot);
	}
}

void UringEngine::ask_peer_of(uint32_t slot, Operation operation, int length)
{
	peers_[slot]->ss_family = AF_UNSPEC;
	ask(operation, slot, [&](io_uring_sqe *sqe) {
		io_uring_prep_cmd_sock(sqe, SOCKET_URING_OP_GETSOCKOPT, connections_[slot].fd,
				       SOL_SOCKET, SO_PEERNAME, peers_[slot], length);
	});
}

void UringEngine::on_answer(const Completion &completion)
{
	const uint32_t slot = completion.token.slot;

	switch (completion.token.operation) {
	case Operation::ask_cpu:
		events_.cpu_known(slot, completion.result < 0 ? -1 : connections_[slot].answer);
		break;
	case Operation::ask_input:
		events_.input_known(slot, completion.result > 0);
		break;
	case Operation::ask_peer:
		on_peer(slot, completion.result);
		break;
	case Operation::ask_peer_ipv4:
		events_.peer_known(slot);
		break;
	default:
		break;
	}
	answered(slot);
}

/* The kernel refuses to fill in less than it was asked for. */
void UringEngine::on_peer(uint32_t slot, int result)
{
	if (result == -EINVAL)
		ask_peer_of(slot, Operation::ask_peer_ipv4, sizeof(sockaddr_in));
	else
		events_.peer_known(slot);
}

} // namespace lanes
