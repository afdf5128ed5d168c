// SPDX-License-Identifier: GPL-2.0-only
/* What SIGHUP changes. */
#include "lanesd/daemon.h"

#include <algorithm>
#include <format>
#include <iterator>
#include <utility>

#include "lanesd/log.h"
#include "lanesd/systemd.h"

namespace lanes {
namespace {

const ListenOption *wish_for(const Listener &listener, const std::vector<ListenOption> &wishes)
{
	const auto found = std::ranges::find_if(wishes, [&](const ListenOption &wish) {
		return to_string(wish.target) == listener.target();
	});

	return found == wishes.end() ? nullptr : &*found;
}

bool has(const std::vector<Listener> &listeners, const ListenOption &wish)
{
	return std::ranges::find(listeners, to_string(wish.target), &Listener::target) !=
	       listeners.end();
}

template <typename Call> void go_on_without_it(Call call)
{
	try {
		call();
	} catch (const std::exception &error) {
		log(std::format("reload: {}; going on without it", error.what()));
	}
}

} // namespace

void Daemon::reload()
{
	systemd::reloading();
	try {
		apply(reread_());
	} catch (const std::exception &error) {
		log(std::format("reload: {}; all stays as it was", error.what()));
	}
	systemd::ready();
}

void Daemon::apply(Options options)
{
	const std::vector<std::string> restart = needs_restart(options_, options);

	if (options.limits.connections_max > options_.connections_max)
		log(std::format("reload: connections: {} needs a restart, as many slots were made; "
				"now {}",
				options.limits.connections_max, options_.connections_max));
	options.limits.connections_max =
		std::min(options.limits.connections_max, options_.connections_max);
	options_.limits = options.limits;
	options_.drain_timeout_ms = options.drain_timeout_ms;
	server_->set_limits(options_.limits);
	if (!options.listen.empty() && !draining_)
		change_listeners(options);
	for (const std::string &failure : services_->reload())
		log("reload: " + failure);
	log(restart.empty()
		    ? "reloaded"
		    : std::format("reloaded, but for what needs a restart: {}", join(restart)));
}

void Daemon::change_listeners(const Options &options)
{
	std::vector<Listener> before = std::exchange(listeners_, {});
	std::vector<Listener> opened;

	for (Listener &listener : before) {
		const ListenOption *wish = wish_for(listener, options.listen);

		if (wish && wish->service == listener.service()) {
			listeners_.push_back(std::move(listener));
		} else if (wish) {
			server_->close(listener.fd(), Clock::now());
			listener.set_service(wish->service);
			opened.push_back(std::move(listener));
		} else {
			close_listener(listener);
		}
	}
	for (const ListenOption &wish : options.listen) {
		if (has(listeners_, wish) || has(opened, wish))
			continue;
		go_on_without_it([&] {
			std::ranges::move(open_listener(wish, passed_), std::back_inserter(opened));
		});
	}
	for (Listener &listener : opened)
		go_on_without_it([&] { serve(std::move(listener)); });
	note_inodes();
	options_.given["listen"] = options.given.at("listen");
	systemd::status(describe());
}

void Daemon::close_listener(const Listener &listener)
{
	server_->close(listener.fd(), last_accept(listener));
	log(std::format("{} is not served any more", listener.target()));
}

/* From a lane only the shard's own CPU accepts well: see prepare_polling(). */
void Daemon::serve(Listener listener)
{
	const std::string where = listener.where().to_string();

	if (options_.lanes && !polling_cpus_.empty())
		log(std::format("{}: shared without lanes, since the shards poll; restart", where));
	else if (options_.lanes)
		log(std::format("{}: {}", where, listener.attach()));
	server_->open(listener.fd(), services_->named(listener.service()));
	log(std::format("{}: serving {}", where, listener.service()));
	listeners_.push_back(std::move(listener));
}

} // namespace lanes
