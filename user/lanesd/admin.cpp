// SPDX-License-Identifier: GPL-2.0-only
#include "lanesd/admin.h"

#include <charconv>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <cerrno>

#include <sys/stat.h>
#include <sys/un.h>

#include "common/error.h"
#include "common/fd.h"
#include "lanesd/http_library.h"

namespace lanes {
namespace {

constexpr size_t workers = 2, requests_waiting = 64;
constexpr time_t io_timeout_s = 5, keep_alive_s = 5;
constexpr unsigned seconds_max = 10, top_max = 10'000;

/* The library's server, on a socket of ours: its own would let two processes
 * share a port unnoticed.
 */
class HttpServer : public httplib::Server {
public:
	void adopt(Fd fd) { svr_sock_ = fd.release(); }
};

Fd listen_on(int family, const sockaddr *address, socklen_t length, const std::string &name)
{
	Fd fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
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
	Impl(const AdminTarget &target, AdminSource source) : source_(std::move(source))
	{
		bind(target);
		configure();
		add_pages();
		thread_ = std::thread([this] { server_.listen_after_bind(); });
		server_.wait_until_ready();
	}

	~Impl()
	{
		{
			const std::lock_guard lock(lock_);

			stopping_ = true;
		}
		stop_.notify_all();
		server_.stop();
		thread_.join();
	}

	std::string where;

private:
	void bind(const AdminTarget &target)
	{
		if (const auto *path = std::get_if<UnixPath>(&target)) {
			server_.adopt(listen_on(*path));
			where = "unix:" + path->path;
			return;
		}

		const auto &endpoint = std::get<Endpoint>(target);
		Fd fd = listen_on(endpoint.family(), endpoint.address(), endpoint.length(),
				  endpoint.to_string());

		where = Endpoint::of_socket(fd.get()).to_string();
		server_.adopt(std::move(fd));
	}

	void configure()
	{
		server_.new_task_queue = [] {
			return new httplib::ThreadPool(workers, requests_waiting);
		};
		server_.set_read_timeout(io_timeout_s);
		server_.set_write_timeout(io_timeout_s);
		/* Or two idle clients would keep out all others. */
		server_.set_keep_alive_max_count(1);
		server_.set_keep_alive_timeout(keep_alive_s);
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

		if (stop_.wait_for(lock, time, [this] { return stopping_; }))
			throw std::runtime_error("the server ends");
	}

	AdminSource source_;
	HttpServer server_;
	std::thread thread_;
	std::mutex lock_;
	std::condition_variable stop_;
	/* Of lock_. */
	bool stopping_ = false;
};

Admin::Admin(const AdminTarget &target, AdminSource source)
	: impl_(std::make_unique<Impl>(target, std::move(source)))
{
}

Admin::~Admin() = default;

const std::string &Admin::where() const
{
	return impl_->where;
}

} // namespace lanes
