// SPDX-License-Identifier: GPL-2.0-only
/* Features::probe(): each feature is tried out on sockets of its own. A trial
 * that fails throws what blocks it.
 */
#include <array>
#include <functional>
#include <vector>

#include <cerrno>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/error.h"
#include "common/fd.h"
#include "engine/features.h"
#include "engine/ring.h"

namespace lanes {
namespace {

/* More than a bounded multishot receive takes in one go, which is 32. */
constexpr unsigned bytes_queued = 96;
constexpr unsigned buffers_max = 128;
/* A close that waits for nobody is seen at once. */
constexpr int closing_time_ms = 50;

struct Pair {
	Fd ours, theirs;

	void write(unsigned count) const
	{
		const std::vector<char> bytes(count);

		[[maybe_unused]] const ssize_t sent =
			send(theirs.get(), bytes.data(), count, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
};

Pair local_pair()
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		throw_errno(errno, "socketpair", ring_remedy(errno));
	return {Fd(fds[0]), Fd(fds[1])};
}

/* A listening socket, and how to connect to it. */
struct Listening {
	Fd fd;
	sockaddr_storage address{};
	socklen_t length = sizeof(address);

	Listening(const sockaddr *where, socklen_t where_length)
		: fd(socket(where->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0))
	{
		if (!fd || bind(fd.get(), where, where_length) || listen(fd.get(), 8) ||
		    getsockname(fd.get(), reinterpret_cast<sockaddr *>(&address), &length))
			throw_errno(errno, "a listening socket", remedy(errno));
	}

	Fd connect() const
	{
		Fd client(socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));

		if (!client ||
		    ::connect(client.get(), reinterpret_cast<const sockaddr *>(&address), length))
			throw_errno(errno, "a connection to it", remedy(errno));
		return client;
	}

private:
	static const char *remedy(int error)
	{
		return error == EADDRNOTAVAIL || error == ENETUNREACH
			       ? "set up the loopback interface"
			       : ring_remedy(error);
	}
};

Listening local_listener()
{
	/* Without a name: the kernel finds one. */
	const sockaddr_un any = {.sun_family = AF_UNIX, .sun_path = {}};

	return {reinterpret_cast<const sockaddr *>(&any), sizeof(any.sun_family)};
}

Listening loopback_listener()
{
	sockaddr_in loopback{};

	loopback.sin_family = AF_INET;
	loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return {reinterpret_cast<const sockaddr *>(&loopback), sizeof(loopback)};
}

Pair tcp_pair()
{
	const Listening listening = loopback_listener();
	Pair pair;

	pair.theirs = listening.connect();
	pair.ours.reset(accept4(listening.fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
	return pair;
}

struct Result {
	int result;
	unsigned flags;

	bool more() const { return flags & IORING_CQE_F_MORE; }
	void expect(int wanted, std::string_view object, std::string_view remedy) const
	{
		if (result != wanted)
			throw_errno(result < 0 ? -result : EINVAL, object, remedy);
	}
	void expect_more(std::string_view object, std::string_view remedy) const
	{
		if (!more())
			throw_errno(EINVAL, object, remedy);
	}
};

/* A ring for one trial, with buffers of a byte each. */
class Trial {
public:
	explicit Trial(unsigned flags = deferred_ring, int attach_fd = -1)
	{
		const int error = set_up_ring(ring_, {.flags = flags,
						      .submissions = 8,
						      .completions = 256,
						      .idle_ms = 1,
						      .attach_fd = attach_fd});

		if (error)
			throw_errno(error, "io_uring_setup", ring_remedy(error));
	}
	Trial(const Trial &) = delete;
	Trial &operator=(const Trial &) = delete;
	~Trial() { io_uring_queue_exit(&ring_); }

	io_uring *ring() { return &ring_; }
	io_uring_sqe *next() { return io_uring_get_sqe(&ring_); }

	/* Returns an errno, or 0. */
	int add_buffers(unsigned count)
	{
		io_uring_buf_reg registration{};
		auto *shared = reinterpret_cast<io_uring_buf_ring *>(shared_.data());

		registration.ring_addr = reinterpret_cast<uintptr_t>(shared);
		registration.ring_entries = buffers_max;
		if (const int error = -io_uring_register_buf_ring(&ring_, &registration, 0))
			return error;
		io_uring_buf_ring_init(shared);
		for (unsigned n = 0; n < count; n++)
			io_uring_buf_ring_add(shared, &bytes_[n], 1, static_cast<uint16_t>(n),
					      buffers_max - 1, static_cast<int>(n));
		io_uring_buf_ring_advance(shared, static_cast<int>(count));
		return 0;
	}
	io_uring_sqe *receive(int fd, bool multishot, unsigned length = 0, uint16_t flags = 0)
	{
		io_uring_sqe *sqe = next();

		if (multishot)
			io_uring_prep_recv_multishot(sqe, fd, nullptr, 0, 0);
		else
			io_uring_prep_recv(sqe, fd, nullptr, length, 0);
		sqe->ioprio |= flags;
		sqe->flags |= IOSQE_BUFFER_SELECT;
		return sqe;
	}

	/* Submits and waits for a completion, a second at most. */
	Result run()
	{
		__kernel_timespec second = {.tv_sec = 1, .tv_nsec = 0};
		io_uring_cqe *cqe = nullptr;

		io_uring_submit_and_wait_timeout(&ring_, &cqe, 1, &second, nullptr);
		if (io_uring_peek_cqe(&ring_, &cqe))
			return {-ETIME, 0};

		const Result result = {cqe->res, cqe->flags};

		io_uring_cqe_seen(&ring_, cqe);
		return result;
	}

private:
	/* Outlive the ring. */
	Pages shared_{buffers_max * sizeof(io_uring_buf), ""};
	std::array<char, buffers_max> bytes_{};
	io_uring ring_{};
};

void try_uring()
{
	Trial trial;
	const Pair pair = local_pair();

	if (const int error = trial.add_buffers(1))
		throw_errno(error, "registering a buffer ring", ring_remedy(error));
	pair.write(1);
	trial.receive(pair.ours.get(), false);

	const Result got = trial.run();

	got.expect(1, "a receive with a buffer ring", ring_remedy(-got.result));
}

void try_sqpoll()
{
	constexpr unsigned flags = IORING_SETUP_SQPOLL | IORING_SETUP_SINGLE_ISSUER;
	Trial first(flags);
	Trial second(flags, first.ring()->ring_fd);

	io_uring_prep_nop(second.next());
	second.run().expect(0, "a submission to the kernel's thread",
			    "let that thread run: it found no CPU for a second");
}

/* Two accepts by one submission. */
void try_multishot_accept()
{
	constexpr std::string_view object = "multishot accept";
	constexpr std::string_view remedy = "the kernel is too old: 5.19 or later is needed";
	Trial trial;
	const Listening listening = local_listener();
	std::array<Fd, 2> clients;

	io_uring_prep_multishot_accept(trial.next(), listening.fd.get(), nullptr, nullptr,
				       SOCK_CLOEXEC);
	io_uring_submit(trial.ring());
	for (Fd &client : clients) {
		client = listening.connect();

		const Result got = trial.run();

		if (got.result < 0)
			throw_errno(-got.result, object, remedy);
		Fd accepted(got.result);
		got.expect_more(object, remedy);
	}
}

/* Whether a connection's descriptor is closed while another is in use: older
 * kernels wait for all that began before.
 */
void try_direct(uint32_t connections)
{
	constexpr std::string_view object = "direct descriptors";
	constexpr std::string_view remedy = "the kernel is too old: 6.13 or later is needed";
	Trial trial;
	const Listening listening = loopback_listener();
	std::array<Fd, 2> clients;
	std::array<int, 2> places{};
	int cpu = -1;

	if (const int error = -io_uring_register_files_sparse(trial.ring(), connections))
		throw_errno(error, std::format("a table of {} files", connections),
			    ring_remedy(error));
	trial.add_buffers(2);
	io_uring_prep_multishot_accept_direct(trial.next(), listening.fd.get(), nullptr, nullptr,
					      0);
	io_uring_submit(trial.ring());
	for (size_t n = 0; n < 2; n++) {
		clients[n] = listening.connect();

		const Result got = trial.run();

		if (got.result < 0)
			throw_errno(-got.result, object, remedy);
		places[n] = got.result;
	}

	io_uring_sqe *sqe = trial.next();

	io_uring_prep_cmd_sock(sqe, SOCKET_URING_OP_GETSOCKOPT, places[0], SOL_SOCKET,
			       SO_INCOMING_CPU, &cpu, sizeof(cpu));
	sqe->flags |= IOSQE_FIXED_FILE;
	trial.run().expect(sizeof(cpu), "a question to a socket by io_uring", remedy);
	trial.receive(places[0], true)->flags |= IOSQE_FIXED_FILE;
	io_uring_prep_close_direct(trial.next(), static_cast<unsigned>(places[1]));
	trial.run().expect(0, object, remedy);

	pollfd ended = {clients[1].get(), POLLIN, 0};

	if (poll(&ended, 1, closing_time_ms) != 1)
		throw_errno(EBUSY, "closing one of two direct descriptors", remedy);
}

void try_multishot_receive()
{
	constexpr std::string_view object = "multishot receive";
	constexpr std::string_view remedy = "the kernel is too old: 6.0 or later is needed";
	Trial trial;
	const Pair pair = local_pair();

	trial.add_buffers(buffers_max);
	trial.receive(pair.ours.get(), true);
	for (int n = 0; n < 2; n++) {
		pair.write(1);

		const Result got = trial.run();

		got.expect(1, object, remedy);
		got.expect_more(object, remedy);
	}
}

/* The submission alone, without the work that it defers: a kernel that does not
 * end a pass by itself receives all there is.
 */
void try_bounded_multishot()
{
	try_multishot_receive();

	Trial trial;
	const Pair pair = local_pair();

	trial.add_buffers(buffers_max);
	pair.write(bytes_queued);
	trial.receive(pair.ours.get(), true);
	io_uring_submit(trial.ring());

	const unsigned received = io_uring_cq_ready(trial.ring());

	if (!received || received >= bytes_queued)
		throw std::runtime_error(
			std::format("a multishot receive took {} of {} pieces at once; the kernel "
				    "is too old: 6.6.17 or later is needed",
				    received, bytes_queued));
}

void try_bundle()
{
	constexpr std::string_view object = "a receive to several buffers";
	constexpr std::string_view remedy = "the kernel is too old: 6.10 or later is needed";
	Trial trial;
	const Pair pair = local_pair();

	if (!(trial.ring()->features & IORING_FEAT_RECVSEND_BUNDLE))
		throw_errno(EOPNOTSUPP, object, remedy);
	trial.add_buffers(2);
	pair.write(2);
	trial.receive(pair.ours.get(), false, 2, IORING_RECVSEND_BUNDLE);
	trial.run().expect(2, object, remedy);
}

void try_min_wait()
{
	Trial trial;

	if (!(trial.ring()->features & IORING_FEAT_MIN_TIMEOUT))
		throw_errno(EOPNOTSUPP, "a minimum wait",
			    "the kernel is too old: 6.12 or later is needed");
}

void try_zero_copy()
{
	Trial trial;
	const Pair pair = tcp_pair();
	char byte = 0;
	iovec part = {&byte, 1};
	msghdr message{};

	message.msg_iov = &part;
	message.msg_iovlen = 1;
	io_uring_prep_sendmsg_zc(trial.next(), pair.ours.get(), &message, 0);

	const Result sent = trial.run();

	sent.expect(1, "a zero-copy send",
		    sent.result == -ENOMEM ? ring_remedy(ENOMEM)
					   : "the kernel is too old: 6.1 or later is needed");
	if (sent.more())
		trial.run();
}

Features::Finding find(const std::function<void()> &attempt)
{
	try {
		attempt();
		return {true, {}};
	} catch (const std::runtime_error &error) {
		return {false, error.what()};
	}
}

} // namespace

Features Features::probe(uint32_t connections)
{
	Features features;
	const auto at = [&](Feature feature) -> Finding & {
		return features.findings[static_cast<size_t>(feature)];
	};

	at(Feature::uring) = find(try_uring);
	if (!features.has(Feature::uring)) {
		features.findings.fill(at(Feature::uring));
		return features;
	}
	at(Feature::sqpoll) = find(try_sqpoll);
	at(Feature::multishot_accept) = find(try_multishot_accept);
	at(Feature::direct) = find([&] { try_direct(connections); });
	at(Feature::multishot_receive) = find(try_multishot_receive);
	at(Feature::bounded_multishot) = find(try_bounded_multishot);
	at(Feature::bundle) = find(try_bundle);
	at(Feature::min_wait) = find(try_min_wait);
	at(Feature::zero_copy) = find(try_zero_copy);
	return features;
}

} // namespace lanes
