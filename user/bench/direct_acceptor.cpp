// SPDX-License-Identifier: GPL-2.0-only
#include "bench/direct_acceptor.h"

#include <cerrno>

#include "common/cpus.h"
#include "common/error.h"

namespace lanes {
namespace {

/* Other completions tell a slot. */
constexpr uint64_t accepts = ~0ULL;
/* Of a connection's chain. */
constexpr unsigned operations = 4;

} // namespace

DirectAcceptor::DirectAcceptor(int listen_fd, int cpu, Accepted &accepted)
	: listen_fd_(listen_fd), cpu_(cpu), accepted_(accepted)
{
	int failed = io_uring_queue_init(slots * operations, &ring_,
					 IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);

	if (failed)
		throw_errno(-failed, "io_uring");
	failed = io_uring_register_files_sparse(&ring_, slots);
	if (failed) {
		io_uring_queue_exit(&ring_);
		throw_errno(-failed, "direct descriptors of io_uring");
	}
}

void DirectAcceptor::arm()
{
	io_uring_sqe *sqe = io_uring_get_sqe(&ring_);

	io_uring_prep_multishot_accept_direct(sqe, listen_fd_, nullptr, nullptr, 0);
	io_uring_sqe_set_data64(sqe, accepts);
}

io_uring_sqe *DirectAcceptor::prepare()
{
	io_uring_sqe *sqe = io_uring_get_sqe(&ring_);

	if (!sqe)
		throw_errno(EBUSY, "io_uring's submission queue");
	return sqe;
}

/* One submission; only the last completion is told of, or what failed. */
void DirectAcceptor::answer(int slot)
{
	Connection &c = connections_[slot];
	io_uring_sqe *chain[operations];

	for (io_uring_sqe *&sqe : chain)
		sqe = prepare();
	io_uring_prep_cmd_sock(chain[0], SOCKET_URING_OP_GETSOCKOPT, slot, SOL_SOCKET,
			       SO_INCOMING_CPU, &c.incoming_cpu, sizeof(c.incoming_cpu));
	io_uring_prep_recv(chain[1], slot, c.message, message_size, MSG_WAITALL);
	io_uring_prep_send(chain[2], slot, c.message, message_size, MSG_NOSIGNAL);
	io_uring_prep_close_direct(chain[3], slot);
	for (io_uring_sqe *sqe : chain)
		io_uring_sqe_set_data64(sqe, slot);
	for (unsigned i = 0; i < operations - 1; i++)
		io_uring_sqe_set_flags(chain[i],
				       IOSQE_FIXED_FILE | IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS);
}

void DirectAcceptor::done(const io_uring_cqe &cqe)
{
	if (cqe.res < 0)
		throw_errno(-cqe.res, "a request, of io_uring");
	if (cqe.user_data != accepts) {
		accepted_.add(connections_[cqe.user_data].incoming_cpu == cpu_);
		return;
	}
	answer(cqe.res);
	if (!(cqe.flags & IORING_CQE_F_MORE))
		arm();
}

void DirectAcceptor::run()
{
	pin_to_cpu(cpu_);
	arm();
	for (;;) {
		io_uring_cqe *cqe;
		const int submitted = io_uring_submit_and_wait(&ring_, 1);

		if (submitted < 0)
			throw_errno(-submitted, "io_uring_enter");
		while (!io_uring_peek_cqe(&ring_, &cqe)) {
			done(*cqe);
			io_uring_cqe_seen(&ring_, cqe);
		}
	}
}

} // namespace lanes
