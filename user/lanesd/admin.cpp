// SPDX-License-Identifier: GPL-2.0-only
#include "lanesd/admin.h"

#include <array>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <cerrno>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "common/error.h"
#include "common/fd.h"
#include "lanesd/http_library.h"

namespace lanes {
namespace {

using namespace std::chrono_literals;

constexpr size_t workers = 2, requests_waiting = 64;
constexpr std::chrono::milliseconds io_timeout = 5s, grace = 200ms;
/* After an accept that failed for want of something. */
constexpr auto accept_pause = 10ms;
constexpr unsigned seconds_max = 10, top_max = 10'000;

/* Told once, and true from then on. */
class Stop {
public:
	Stop() : fd_(eventfd(0, EFD_CLOEXEC))
	{
		if (!fd_)
			throw_errno(errno, "admin: eventfd");
	}

	void tell() const { eventfd_write(fd_.get(), 1); }
	/* Waits until @fd is readable; false if it is time to stop, or @time is
	 * up (-1 ms: never).
	 */
	bool lets_read(int fd, std::chrono::milliseconds time) const
	{
		std::array<pollfd, 2> fds = {pollfd{fd, POLLIN, 0}, pollfd{fd_.get(), POLLIN, 0}};

		return poll(fds.data(), fds.size(), static_cast<int>(time.count())) > 0 &&
		       !fds[1].revents;
	}

private:
	Fd fd_;
};

/* A connection as the library reads and writes it. */
class Connected final : public httplib::Stream {
public:
	Connected(int fd, const Stop &stop) : fd_(fd), stop_(stop)
	{
		const timeval time = {io_timeout.count() / 1000, 0};

		setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time));
	}

	/* Who was accepted before the stop has a moment to ask. */
	bool is_readable() const override
	{
		return stop_.lets_read(fd_, io_timeout) || ready(POLLIN, grace);
	}
	bool is_writable() const override { return ready(POLLOUT, io_timeout); }
	ssize_t read(char *bytes, size_t size) override
	{
		return is_readable() ? recv(fd_, bytes, size, 0) : -1;
	}
	ssize_t write(const char *bytes, size_t size) override
	{
		return send(fd_, bytes, size, MSG_NOSIGNAL);
	}
	void get_remote_ip_and_port(std::string &, int &) const override {}
	void get_local_ip_and_port(std::string &, int &) const override {}
	socket_t socket() const override { return fd_; }

private:
	bool ready(short events, std::chrono::milliseconds time) const
	{
		pollfd waiting = {fd_, events, 0};

		return poll(&waiting, 1, static_cast<int>(time.count())) > 0;
	}

	int fd_;
	const Stop &stop_;
};

/* The library, but for its accept loop: that one shuts the socket down at its
 * end, and with it a successor's.
 */
class HttpServer : public httplib::Server {
public:
	/* One request: with more, two idle clients would keep out all others. */
	void serve(const Fd &connection, const Stop &stop)
	{
		Connected stream(connection.get(), stop);
		bool closed = false;

		process_request(stream, "", 0, "", 0, true, closed, nullptr);
		shutdown(connection.get(), SHUT_RDWR);
	}
};

Fd listen_on(int family, const sockaddr *address, socklen_t length, const std::string &name)
{
	Fd fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	const int on = 1;

	if (!fd)
		throw_errno(errno, "admin: socket");
	if (family != AF_UNIX)
		setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd.get(), address, length))
		throw_errno(errno, std::format("admin: bind to {}", name),
			    "choose another place with --admin");
	if (listen(fd.get(), requests_waiting))
		throw_errno(errno, std::format("admin: listen on {}", name));
	return fd;
}

/* A socket file that nobody listens at is of a process that is gone. */
void remove_stale(const sockaddr_un &address)
{
	const Fd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	struct stat file;

	if (lstat(address.sun_path, &file) || !S_ISSOCK(file.st_mode))
		return;
	if (connect(probe.get(), reinterpret_cast<const sockaddr *>(&address), sizeof(address)) &&
	    errno == ECONNREFUSED)
		unlink(address.sun_path);
}

Fd listen_on(const UnixPath &target)
{
	sockaddr_un address{};

	address.sun_family = AF_UNIX;
	if (target.path.size() >= sizeof(address.sun_path))
		throw UsageError(std::format("--admin: '{}' is longer than {} bytes", target.path,
					     sizeof(address.sun_path) - 1));
	target.path.copy(address.sun_path, target.path.size());
	remove_stale(address);

	const mode_t before = umask(0117);
	Fd fd;

	try {
		fd = listen_on(AF_UNIX, reinterpret_cast<const sockaddr *>(&address),
			       sizeof(address), target.path);
	} catch (...) {
		umask(before);
		throw;
	}
	umask(before);
	return fd;
}

/* A parameter from 0 to @most; @otherwise if it is not there. */
unsigned parameter(const httplib::Request &request, const char *name, unsigned otherwise,
		   unsigned most)
{
	if (!request.has_param(name))
		return otherwise;

	const std::string text = request.get_param_value(name);
	unsigned value = 0;
	auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);

	if (error != std::errc() || stop != text.data() + text.size() || value > most)
		throw UsageError(std::format("{}: want a number from 0 to {}\n", name, most));
	return value;
}

constexpr const char *plain = "text/plain; charset=utf-8";
constexpr const char *prometheus_text = "text/plain; version=0.0.4; charset=utf-8";
constexpr const char *json_text = "application/json";

} // namespace

class Admin::Impl {
public:
	Impl(Fd listening, AdminSource source)
		: source_(std::move(source)), listening_(check(std::move(listening)))
	{
		configure();
		add_pages();
		thread_ = std::thread([this] { accept_all(); });
	}

	~Impl()
	{
		{
			const std::lock_guard lock(lock_);

			stopping_ = true;
		}
		waiting_.notify_all();
		stop_.tell();
		thread_.join();
	}

	int fd() const { return listening_.get(); }

private:
	static Fd check(Fd listening)
	{
		int listens = 0;
		socklen_t length = sizeof(listens);

		if (getsockopt(listening.get(), SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) ||
		    !listens)
			throw std::runtime_error("admin: the socket does not listen");
		return listening;
	}

	/* Another process may be faster: then there is nothing to accept. */
	void accept_all()
	{
		httplib::ThreadPool pool(workers, requests_waiting);

		while (stop_.lets_read(fd(), -1ms)) {
			auto connection =
				std::make_shared<Fd>(accept4(fd(), nullptr, nullptr, SOCK_CLOEXEC));

			if (*connection)
				pool.enqueue(
					[this, connection] { server_.serve(*connection, stop_); });
			else if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
				std::this_thread::sleep_for(accept_pause);
		}
		pool.shutdown();
	}

	void configure()
	{
		server_.set_payload_max_length(0);
		server_.set_exception_handler([](const httplib::Request &, httplib::Response &reply,
						 const std::exception_ptr &thrown) {
			try {
				std::rethrow_exception(thrown);
			} catch (const UsageError &error) {
				reply.status = 400;
				reply.set_content(error.what(), plain);
			} catch (const std::exception &error) {
				reply.status = 503;
				reply.set_content(std::string(error.what()) + "\n", plain);
			}
		});
	}

	void add_pages()
	{
		server_.Get("/metrics", [this](const httplib::Request &, httplib::Response &reply) {
			reply.set_content(format_metrics(source_.figures()), prometheus_text);
		});
		server_.Get("/stats", [this](const httplib::Request &, httplib::Response &reply) {
			reply.set_content(format_stats(source_.figures()), json_text);
		});
		server_.Get("/connections",
			    [this](const httplib::Request &request, httplib::Response &reply) {
				    reply.set_content(connections(request), json_text);
			    });
		server_.Get("/healthz", [this](const httplib::Request &, httplib::Response &reply) {
			const std::string wrong = source_.health();

			reply.status = wrong.empty() ? 200 : 503;
			reply.set_content((wrong.empty() ? "ok" : wrong) + "\n", plain);
		});
	}

	std::string connections(const httplib::Request &request)
	{
		const unsigned seconds = parameter(request, "seconds", 1, seconds_max);
		const unsigned top = parameter(request, "top", 100, top_max);
		const ConnectionsSnapshot before = source_.connections();

		wait(std::chrono::seconds(seconds));
		return format_rates(before, source_.connections(), top);
	}

	void wait(std::chrono::seconds time)
	{
		std::unique_lock lock(lock_);

		if (waiting_.wait_for(lock, time, [this] { return stopping_; }))
			throw std::runtime_error("the server ends");
	}

	AdminSource source_;
	Fd listening_;
	HttpServer server_;
	Stop stop_;
	std::thread thread_;
	std::mutex lock_;
	std::condition_variable waiting_;
	/* Of lock_. */
	bool stopping_ = false;
};

Admin::Admin(Fd listening, AdminSource source)
	: impl_(std::make_unique<Impl>(std::move(listening), std::move(source)))
{
}

Admin::~Admin() = default;

Fd Admin::open(const AdminTarget &target)
{
	if (const auto *path = std::get_if<UnixPath>(&target))
		return listen_on(*path);

	const auto &endpoint = std::get<Endpoint>(target);

	return listen_on(endpoint.family(), endpoint.address(), endpoint.length(),
			 endpoint.to_string());
}

int Admin::fd() const
{
	return impl_->fd();
}

std::string Admin::where() const
{
	sockaddr_un address{};
	socklen_t length = sizeof(address) - 1;

	getsockname(fd(), reinterpret_cast<sockaddr *>(&address), &length);
	return address.sun_family == AF_UNIX ? std::string("unix:") + address.sun_path
					     : Endpoint::of_socket(fd()).to_string();
}

} // namespace lanes
