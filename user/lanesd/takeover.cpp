// SPDX-License-Identifier: GPL-2.0-only
#include "lanesd/takeover.h"

#include <array>
#include <thread>

#include <cerrno>

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <nlohmann/json.hpp>

#include "common/error.h"

namespace lanes {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

constexpr int version = 1;
/* Of the kernel, for one message: SCM_MAX_FD. */
constexpr size_t descriptors_max = 253;
/* Room for the name of each. */
constexpr size_t message_max = 65536;

struct Message {
	json body;
	std::vector<Fd> descriptors;
};

sockaddr_un address_of(const std::string &path)
{
	sockaddr_un address{};

	address.sun_family = AF_UNIX;
	if (path.size() >= sizeof(address.sun_path))
		throw UsageError(std::format("--takeover: '{}' is longer than {} bytes", path,
					     sizeof(address.sun_path) - 1));
	path.copy(address.sun_path, path.size());
	return address;
}

ucred peer_of(int fd)
{
	ucred peer{};
	socklen_t length = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length))
		throw_errno(errno, "SO_PEERCRED");
	return peer;
}

pid_t check_peer(int fd)
{
	const ucred peer = peer_of(fd);

	if (const std::string why = refuse_peer(peer, geteuid()); !why.empty())
		throw std::runtime_error("takeover: " + why);
	return peer.pid;
}

bool readable_within(int fd, std::chrono::milliseconds time)
{
	const auto deadline = std::chrono::steady_clock::now() + time;
	pollfd waiting = {fd, POLLIN, 0};

	for (;;) {
		const auto left = std::chrono::ceil<std::chrono::milliseconds>(
			deadline - std::chrono::steady_clock::now());
		const int n = poll(&waiting, 1, static_cast<int>(std::max(left, 0ms).count()));

		if (n >= 0 || errno != EINTR)
			return n > 0;
	}
}

void attach_descriptors(msghdr &message, std::span<char> control, const std::vector<int> &fds)
{
	if (fds.empty())
		return;
	message.msg_control = control.data();
	message.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));

	cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
	std::memcpy(CMSG_DATA(header), fds.data(), fds.size() * sizeof(int));
}

/* False, and errno, if the peer does not take it at once. */
bool send_message(int fd, json body, const std::vector<int> &fds = {})
{
	alignas(cmsghdr) std::array<char, CMSG_SPACE(descriptors_max * sizeof(int))> control{};
	msghdr message{};

	body["lanesd-takeover"] = version;

	std::string text = body.dump();
	iovec part = {text.data(), text.size()};

	message.msg_iov = &part;
	message.msg_iovlen = 1;
	attach_descriptors(message, control, fds);
	return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

/* Owned at once: whatever is wrong with the message, none leaks. */
std::vector<Fd> descriptors_of(msghdr &message)
{
	std::vector<Fd> descriptors;

	for (cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = CMSG_LEN(0); at + sizeof(int) <= c->cmsg_len; at += sizeof(int)) {
			int fd;

			std::memcpy(&fd, reinterpret_cast<char *>(c) + at, sizeof(fd));
			descriptors.emplace_back(fd);
		}
	}
	return descriptors;
}

/* Throws unless one is there. */
Message receive_message(int fd)
{
	alignas(cmsghdr) std::array<char, CMSG_SPACE(descriptors_max * sizeof(int))> control;
	std::string text(message_max, '\0');
	iovec part = {text.data(), text.size()};
	msghdr message{};

	message.msg_iov = &part;
	message.msg_iovlen = 1;
	message.msg_control = control.data();
	message.msg_controllen = control.size();

	const ssize_t length = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (length < 0)
		throw_errno(errno, "takeover: receive");

	Message result;

	result.descriptors = descriptors_of(message);
	if (!length)
		throw std::runtime_error(
			"takeover: the other process is gone, or refused us; see its output");
	if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		throw std::runtime_error(
			"takeover: a message was cut off; raise LimitNOFILE, or end it by hand");
	text.resize(static_cast<size_t>(length));
	result.body = json::parse(text, nullptr, false);
	if (!result.body.is_object() || result.body.value("lanesd-takeover", json()) != version)
		throw std::runtime_error(std::format(
			"takeover: the other process speaks no version {}; end it by hand",
			version));
	return result;
}

Message receive_within(int fd, std::chrono::milliseconds time, std::string_view what)
{
	if (!readable_within(fd, time))
		throw std::runtime_error(
			std::format("takeover: no '{}' within {} ms; the other process goes on",
				    what, time.count()));

	Message message = receive_message(fd);

	if (message.body.value("state", "") != what)
		throw std::runtime_error(std::format("takeover: '{}' instead of '{}'",
						     message.body.value("state", "nothing"), what));
	return message;
}

Fd new_socket()
{
	Fd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));

	if (!fd)
		throw_errno(errno, "takeover: socket");
	return fd;
}

/* Nothing if nobody listens there. */
Fd connect_to(const std::string &path, std::chrono::milliseconds time)
{
	const sockaddr_un address = address_of(path);
	Fd fd = new_socket();
	const timeval wait = {time.count() / 1000, time.count() % 1000 * 1000};

	setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	if (!connect(fd.get(), reinterpret_cast<const sockaddr *>(&address), sizeof(address)))
		return fd;
	if (errno == ENOENT || errno == ECONNREFUSED)
		return {};
	throw_errno(errno, std::format("takeover: connect to {}", path),
		    "choose another path with --takeover, or end the process that has it");
}

Fd bind_to(const std::string &path)
{
	const sockaddr_un address = address_of(path);
	Fd fd = new_socket();
	struct stat old;

	/* Only a socket is ours to remove. */
	if (!lstat(path.c_str(), &old) && S_ISSOCK(old.st_mode))
		unlink(path.c_str());

	const mode_t before = umask(0177);
	const int failed =
		bind(fd.get(), reinterpret_cast<const sockaddr *>(&address), sizeof(address))
			? errno
			: 0;

	umask(before);
	if (failed)
		throw_errno(failed, std::format("takeover: bind to {}", path),
			    "choose another path with --takeover");
	if (listen(fd.get(), 8))
		throw_errno(errno, std::format("takeover: listen on {}", path));
	return fd;
}

/* Held while somebody looks whether the path is taken, and takes it. */
Fd lock_beside(const std::string &path, std::chrono::milliseconds time)
{
	const std::string name = path + ".lock";
	const auto deadline = std::chrono::steady_clock::now() + time;
	Fd fd(open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));

	if (!fd)
		throw_errno(errno, name, "make its directory, or choose another --takeover");
	while (flock(fd.get(), LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			throw_errno(errno, "lock " + name);
		if (std::chrono::steady_clock::now() > deadline)
			throw std::runtime_error(
				std::format("{} stays locked by another process", name));
		std::this_thread::sleep_for(10ms);
	}
	return fd;
}

json describe(const std::vector<Successor::Offer> &offers, const Successor::Offer &admin)
{
	json list = json::array();

	for (const Successor::Offer &offer : offers)
		list.push_back({{"service", offer.service}, {"target", offer.target}});

	json body = {{"state", "sockets"}, {"sockets", std::move(list)}};

	if (admin.fd >= 0)
		body["admin"] = admin.target;
	return body;
}

} // namespace

std::string refuse_peer(const ucred &peer, uid_t own)
{
	if (peer.uid == own || peer.uid == 0)
		return {};
	return std::format("process {} is of user {}, not {} or root; refused", peer.pid, peer.uid,
			   own);
}

TakeoverPath claim_takeover_path(const std::string &path, const TakeoverTimes &times)
{
	const Fd lock = lock_beside(path, times.connect);
	TakeoverPath claimed;

	claimed.predecessor = connect_to(path, times.connect);
	if (!claimed.predecessor)
		claimed.listening = bind_to(path);
	return claimed;
}

Predecessor::Predecessor(Fd connection, const TakeoverTimes &times)
	: connection_(std::move(connection)), times_(times), pid_(check_peer(connection_.get()))
{
	Message message = receive_within(connection_.get(), times_.sockets, "sockets");
	const json list = message.body.value("sockets", json::array());
	const bool admin = message.body.contains("admin");

	if (!list.is_array() || message.descriptors.size() != list.size() + 1 + admin)
		throw std::runtime_error("takeover: descriptors and names do not match");
	path_socket_ = std::move(message.descriptors[0]);
	for (size_t i = 0; i < list.size(); i++)
		sockets_.push_back({std::move(message.descriptors[i + 1]),
				    list[i].value("service", ""), list[i].value("target", "")});
	if (admin)
		admin_ = {std::move(message.descriptors.back()), "",
			  message.body.value("admin", "")};
}

Fd Predecessor::take_admin(const std::string &target)
{
	return admin_.target == target ? std::move(admin_.fd) : Fd();
}

void Predecessor::ready()
{
	if (!send_message(connection_.get(), {{"state", "ready"}}))
		throw_errno(errno, "takeover: send", "the other process has given us up");
	receive_within(connection_.get(), times_.draining, "draining");
}

Successor::Successor(Fd connection, int path_socket, const std::vector<Offer> &offers,
		     const Offer &admin, const TakeoverTimes &times)
	: connection_(std::move(connection)), pid_(check_peer(connection_.get())),
	  deadline_(Clock::now() + times.ready)
{
	std::vector<int> fds = {path_socket};

	for (const Offer &offer : offers)
		fds.push_back(offer.fd);
	if (admin.fd >= 0)
		fds.push_back(admin.fd);
	if (fds.size() > descriptors_max)
		throw std::runtime_error("takeover: too many sockets for one message");
	if (!send_message(connection_.get(), describe(offers, admin), fds))
		throw_errno(errno, "takeover: send the sockets");
}

bool Successor::look()
{
	if (readable_within(fd(), 0ms))
		return receive_within(fd(), 0ms, "ready"), true;
	if (Clock::now() >= deadline_)
		throw std::runtime_error(
			std::format("takeover: process {} was not ready in time", pid_));
	return false;
}

bool Successor::draining()
{
	return send_message(connection_.get(), {{"state", "draining"}});
}

} // namespace lanes
