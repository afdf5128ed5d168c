// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANESD_DAEMON_H
#define LANES_LANESD_DAEMON_H

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/fd.h"
#include "engine/factory.h"
#include "engine/features.h"
#include "lanesd/admin.h"
#include "lanesd/listener.h"
#include "lanesd/options.h"
#include "lanesd/server.h"
#include "lanesd/services.h"
#include "lanesd/takeover.h"

namespace lanes {

/** The process: what it is made of, and what it does at signals. Of the main
 *  thread, and before any other is started.
 */
class Daemon {
public:
	/** Reads the options anew, for SIGHUP; throws UsageError. */
	using Reread = std::function<Options()>;

	Daemon(Options options, Reread reread);

	/** Serves until it is told to end. Throws for a shard that failed. */
	void run();

private:
	using Clock = std::chrono::steady_clock;

	void take_place();
	void open_sockets();
	void choose_engine_and_tell();
	void prepare_polling();
	void make_server();
	void make_admin();
	AdminSource admin_source();
	std::string describe() const;
	void finish_taking_place();
	void tell_ready();

	void loop();
	void wait();
	std::optional<Clock::time_point> next_deadline() const;
	void take_signals();
	void on_signal(int signal);
	void end_gently(std::string why);
	void check_deadlines();

	void reload();
	void apply(Options options);
	void change_listeners(const Options &options);
	void close_listener(const Listener &listener);
	void serve(Listener listener);
	Clock::time_point last_accept(const Listener &listener);

	void meet_successor();
	void look_at_successor();
	void hand_over();

	void note_inodes();
	ServerFigures figures() const;

	Options options_;
	Reread reread_;
	Fd signal_fd_;
	Fd path_socket_;
	std::optional<Predecessor> predecessor_;
	std::optional<Successor> successor_;
	/* What is left of systemd's sockets. */
	std::vector<PassedSocket> passed_;
	std::vector<Listener> listeners_;
	/* Of listeners_, for the admin listener's threads. */
	mutable std::mutex inodes_lock_;
	std::set<ino_t> inodes_;
	Features features_;
	EngineKind engine_ = EngineKind::epoll;
	/* Where the kernel's polling threads run; empty: beside their shard. */
	std::vector<int> polling_cpus_;
	std::unique_ptr<SendThreads, void (*)(SendThreads *)> send_threads_{nullptr,
									    [](SendThreads *) {}};
	std::unique_ptr<Services> services_;
	std::optional<Server> server_;
	std::optional<Admin> admin_;

	std::optional<std::chrono::microseconds> watchdog_;
	Clock::time_point watchdog_at_;
	std::atomic<bool> draining_ = false;
	/** When the process ends, whatever its shards do. */
	Clock::time_point end_at_;
};

} // namespace lanes

#endif
