// SPDX-License-Identifier: GPL-2.0-only
#include "lanesd/daemon.h"

#include <algorithm>
#include <array>
#include <format>
#include <fstream>
#include <sstream>
#include <thread>

#include <cerrno>
#include <csignal>
#include <cstdio>

#include <poll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

#include "common/cpus.h"
#include "common/error.h"
#include "lanesd/log.h"
#include "lanesd/systemd.h"

namespace lanes {
namespace {

using namespace std::chrono_literals;

/* Shards that are told to cut off their connections need less. */
constexpr auto end_time = 5s;
/* The predecessor's admin listener needs a moment to close. */
constexpr auto admin_time = 5s;
/* From a SYN-ACK to the ACK for it, of most peers. */
constexpr auto handshake_time = 200ms;

void log_lines(const std::string &text)
{
	std::istringstream lines(text);
	std::string line;

	while (std::getline(lines, line))
		log(line);
}

/* In every thread to come, too: only main takes them. */
Fd take_over_signals()
{
	sigset_t signals;

	sigemptyset(&signals);
	for (int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1})
		sigaddset(&signals, signal);
	pthread_sigmask(SIG_BLOCK, &signals, nullptr);
	std::signal(SIGPIPE, SIG_IGN);

	Fd fd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));

	if (!fd)
		throw_errno(errno, "signalfd");
	return fd;
}

/* A descriptor for each connection: the hard limit is what the administrator
 * allows, the soft one is for programs that use select.
 */
void raise_descriptor_limit()
{
	rlimit limit{};

	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

} // namespace

Daemon::Daemon(Options options, Reread reread)
	: options_(std::move(options)), reread_(std::move(reread)), signal_fd_(take_over_signals())
{
	raise_descriptor_limit();
}

void Daemon::run()
{
	take_place();
	open_sockets();
	choose_engine_and_tell();
	make_server();
	if (predecessor_)
		finish_taking_place();
	make_admin();
	tell_ready();
	loop();
	admin_.reset();
	print(stdout, format_table(server_->figures()));
	server_->rethrow();
}

void Daemon::take_place()
{
	if (options_.takeover.empty())
		return;

	TakeoverPath path = claim_takeover_path(options_.takeover);

	path_socket_ = std::move(path.listening);
	if (!path.predecessor)
		return;
	predecessor_.emplace(std::move(path.predecessor));
	path_socket_ = predecessor_->take_path_socket();
	log(std::format("taking over from process {}", predecessor_->pid()));
}

void Daemon::open_sockets()
{
	std::vector<HandedSocket> none;
	std::vector<HandedSocket> &handed = predecessor_ ? predecessor_->sockets() : none;

	services_ = std::make_unique<Services>(options_);
	passed_ = passed_sockets();
	listeners_ = open_listeners(options_, passed_, handed);
	for (const Listener &listener : listeners_)
		services_->named(listener.service());
	for (const HandedSocket &socket : handed)
		log(std::format("{} is not served any more", socket.target));
	if (options_.lanes)
		for (Listener &listener : listeners_)
			log(std::format("{}: {}", listener.where().to_string(), listener.attach()));
}

void Daemon::choose_engine_and_tell()
{
	features_ = Features::probe(Shard::slots(options_.connections_max));
	for (const Feature feature : options_.disabled)
		features_.disable(feature);

	const EngineChoice choice = choose_engine(options_.engine, features_);

	engine_ = choice.kind;
	log_lines(describe_features(features_));
	log("engine " + choice.reason);
	if (engine_ == EngineKind::uring_sqpoll)
		prepare_polling();
}

/* Threads that poll while another waits for their CPU stop everything. And who
 * accepts from a lane must be on its CPU, the kernel's thread beside its shard.
 */
void Daemon::prepare_polling()
{
	const size_t threads = 2 * options_.cpus.size() + options_.send_threads;
	const std::vector<int> cpus = allowed_cpus();

	send_threads_ = make_send_threads(options_.send_threads);
	if (std::ranges::any_of(listeners_, &Listener::attached)) {
		options_.poll_idle_us = 0;
		log("uring-sqpoll: each shard shares its CPU with the thread that accepts from its "
		    "lane, so it waits rather than polls; --no-lanes lets it poll");
	} else if (threads > cpus.size()) {
		options_.poll_idle_us = 0;
		log(std::format("uring-sqpoll: {} threads would poll on {} CPU{}: the shards wait "
				"instead; use fewer --shards or another engine",
				threads, cpus.size(), cpus.size() == 1 ? "" : "s"));
	} else {
		polling_cpus_ = cpus;
	}
}

void Daemon::make_server()
{
	ShardConfig config;

	config.engine = {
		.kind = engine_,
		.features = &features_,
		.connections_max = options_.connections_max,
		.budget = options_.budget,
		.send_threads = send_threads_.get(),
		.poll_idle_us = options_.poll_idle_us,
		.thread_cpus = polling_cpus_,
		.zero_copy_min = options_.zero_copy_min,
	};
	for (const Listener &listener : listeners_)
		config.listeners.push_back({listener.fd(), &services_->named(listener.service())});
	config.limits = options_.limits;
	config.connections_max = options_.connections_max;
	config.buffers = options_.buffers;
	config.budget = options_.budget;
	server_.emplace(config, options_.cpus);
	note_inodes();
}

void Daemon::finish_taking_place()
{
	predecessor_->ready();
	log(std::format("process {} drains", predecessor_->pid()));
}

/* If it is elsewhere than a predecessor's, that one may be in the way until it
 * has closed; and there is no way back.
 */
void Daemon::make_admin()
{
	const auto deadline = Clock::now() + admin_time;

	while (options_.admin && !admin_) {
		try {
			Fd listening;

			if (predecessor_)
				listening = predecessor_->take_admin(to_string(*options_.admin));
			if (!listening)
				listening = Admin::open(*options_.admin);
			admin_.emplace(std::move(listening), admin_source());
			log("admin on " + admin_->where());
		} catch (const std::exception &error) {
			if (!predecessor_)
				throw;
			if (Clock::now() > deadline) {
				log(error.what());
				return;
			}
			std::this_thread::sleep_for(10ms);
		}
	}
}

AdminSource Daemon::admin_source()
{
	return {
		[this] { return figures(); },
		[this] { return server_->connections(); },
		[this] {
			return std::string(server_->failed() ? "a shard failed"
					   : draining_	     ? "draining"
							     : "");
		},
	};
}

std::string Daemon::describe() const
{
	std::vector<std::string> places;

	for (const Listener &listener : listeners_)
		places.push_back(listener.where().to_string());
	return std::format("ready, {} shard{} on {}", options_.cpus.size(),
			   options_.cpus.size() == 1 ? "" : "s", join(places));
}

void Daemon::tell_ready()
{
	const std::string text = describe();

	predecessor_.reset();
	print(stdout, "lanesd: " + text + "\n");
	systemd::ready();
	systemd::status(text);
	watchdog_ = systemd::watchdog();
	watchdog_at_ = Clock::now();
}

void Daemon::loop()
{
	while (!server_->ended()) {
		wait();
		take_signals();
		if (server_->failed() && !draining_)
			end_gently("a shard failed");
		look_at_successor();
		check_deadlines();
	}
}

void Daemon::wait()
{
	std::array<pollfd, 4> fds = {
		pollfd{signal_fd_.get(), POLLIN, 0},
		pollfd{server_->ended_fd(), POLLIN, 0},
		/* A negative one is left out. */
		pollfd{successor_ || draining_ ? -1 : path_socket_.get(), POLLIN, 0},
		pollfd{successor_ ? successor_->fd() : -1, POLLIN, 0},
	};
	const auto deadline = next_deadline();
	int timeout = -1;

	if (deadline) {
		const auto left =
			std::chrono::ceil<std::chrono::milliseconds>(*deadline - Clock::now());

		timeout = static_cast<int>(std::clamp<int64_t>(left.count(), 0, 60'000));
	}
	if (poll(fds.data(), fds.size(), timeout) < 0)
		return;
	if (fds[1].revents)
		server_->note_ended();
	if (fds[2].revents)
		meet_successor();
}

std::optional<Daemon::Clock::time_point> Daemon::next_deadline() const
{
	std::optional<Clock::time_point> next;
	const auto consider = [&next](Clock::time_point at) {
		next = std::min(next.value_or(at), at);
	};

	if (watchdog_)
		consider(watchdog_at_);
	if (successor_)
		consider(successor_->deadline());
	if (draining_)
		consider(end_at_);
	return next;
}

void Daemon::take_signals()
{
	signalfd_siginfo info;

	while (read(signal_fd_.get(), &info, sizeof(info)) == sizeof(info))
		on_signal(static_cast<int>(info.ssi_signo));
}

void Daemon::on_signal(int signal)
{
	if (signal == SIGUSR1) {
		print(stdout, format_table(server_->figures()));
	} else if (signal == SIGHUP) {
		reload();
	} else if (!draining_) {
		end_gently(signal == SIGTERM ? "SIGTERM" : "SIGINT");
	} else {
		log("a second signal: cutting off what is left");
		server_->drain(Clock::now());
		end_at_ = Clock::now() + end_time;
	}
}

void Daemon::end_gently(std::string why)
{
	const auto time =
		std::chrono::milliseconds(server_->failed() ? 0 : options_.drain_timeout_ms);
	const auto deadline = Clock::now() + time;
	auto accept_until = Clock::now();

	draining_ = true;
	end_at_ = deadline + end_time;
	/* A successor has the same sockets, or may have. */
	if (successor_) {
		server_->drain(deadline);
	} else {
		for (const Listener &listener : listeners_)
			accept_until = std::max(accept_until, last_accept(listener));
		server_->drain(deadline, std::min(accept_until, deadline));
	}
	/* Nobody shall connect who would not be served. */
	listeners_.clear();
	path_socket_.reset();
	successor_.reset();
	log(std::format("{}: draining, at most {} ms", why, time.count()));
	systemd::stopping();
	systemd::status(std::format("draining ({})", why));
}

/* Stops new handshakes; returns when those that have begun are over. */
Daemon::Clock::time_point Daemon::last_accept(const Listener &listener)
{
	if (!listener.own() || successor_)
		return Clock::now();
	listener.take_no_more();
	return Clock::now() + handshake_time;
}

void Daemon::check_deadlines()
{
	const auto now = Clock::now();

	if (watchdog_ && now >= watchdog_at_) {
		watchdog_at_ = now + *watchdog_;
		if (server_->ticking())
			systemd::alive();
	}
	if (draining_ && now >= end_at_) {
		log("a shard does not end; leaving it");
		std::_Exit(1);
	}
}

void Daemon::meet_successor()
{
	Fd connection(accept4(path_socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
	std::vector<Successor::Offer> offers;

	if (!connection)
		return;
	for (const Listener &listener : listeners_)
		offers.push_back({listener.fd(), listener.service(), listener.target()});
	try {
		successor_.emplace(
			std::move(connection), path_socket_.get(), offers,
			Successor::Offer{admin_ ? admin_->fd() : -1, "",
					 admin_ ? to_string(*options_.admin) : std::string()});
		log(std::format("process {} is to take over", successor_->pid()));
	} catch (const std::exception &error) {
		log(error.what());
	}
}

void Daemon::look_at_successor()
{
	if (!successor_ || draining_)
		return;
	try {
		if (successor_->look())
			hand_over();
	} catch (const std::exception &error) {
		log(std::format("{}; going on", error.what()));
		successor_.reset();
	}
}

void Daemon::hand_over()
{
	if (!successor_->draining())
		throw std::runtime_error("takeover: the successor has gone");
	/* What waits there is the successor's. */
	admin_.reset();
	end_gently(std::format("process {} has taken over", successor_->pid()));
}

void Daemon::note_inodes()
{
	const std::lock_guard guard(inodes_lock_);

	inodes_.clear();
	for (const Listener &listener : listeners_)
		inodes_.insert(listener.inode());
}

ServerFigures Daemon::figures() const
{
	ServerFigures figures{std::string(engine_names[static_cast<size_t>(engine_)]),
			      take_process_figures(), server_->figures()};
	std::ifstream text("/proc/net/lanes");
	const std::lock_guard guard(inodes_lock_);
	const auto lanes = read_lane_figures(text, inodes_);

	for (ShardFigures &shard : figures.shards)
		if (const auto lane = lanes.find(shard.cpu); lane != lanes.end())
			shard.lane = lane->second;
	return figures;
}

} // namespace lanes
