// SPDX-License-Identifier: GPL-2.0-only
#include "lanesd/options.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <set>

#include <CLI/CLI.hpp>

#include "common/error.h"
#include "lanesd/config_file.h"
#include "lanesd/services.h"

namespace lanes {
namespace {

/* As typed, before it is made sense of. */
struct Raw {
	std::vector<std::string> listen;
	std::string service = "echo";
	bool no_lanes = false;
	std::string engine;
	std::vector<std::string> disable;
	unsigned shards = 0;
	uint32_t connections = 4096;
	uint32_t buffers = 1024;
	unsigned send_threads = 0;
	uint32_t poll_idle_us = 1000;
	uint64_t zero_copy_min = 0;
	uint64_t budget = 65536;
	/* Seconds. */
	double idle_timeout = 0;
	double request_timeout = 30;
	double slow_timeout = 60;
	double stall_timeout = 10;
	double drain_timeout = 10;
	std::string http_root;
	uint64_t http_memory = 64 << 20;
	uint64_t resp_memory = 256 << 20;
	std::string admin;
	std::string takeover;
	bool check_config = false;
};

template <typename Names> std::vector<std::string> strings(const Names &names)
{
	return {names.begin(), names.end()};
}

/* What @parse throws is what is wrong. */
template <typename Parse> CLI::Validator checked_by(Parse parse)
{
	return CLI::Validator(
		[parse](const std::string &text) {
			try {
				parse(text);
				return std::string();
			} catch (const UsageError &error) {
				return std::string(error.what());
			}
		},
		"");
}

CLI::Validator seconds()
{
	const std::map<std::string, double> units = {
		{"ms", 0.001}, {"s", 1}, {"min", 60}, {"h", 3600}};

	return CLI::AsNumberWithUnit(units);
}

CLI::Validator bytes()
{
	return CLI::AsSizeValue(false);
}

void add_time(CLI::App &app, const char *name, double &value, const char *help)
{
	app.add_option(name, value, help)
		->transform(seconds())
		->check(CLI::Range(0.0, 1'000'000.0))
		->capture_default_str();
}

void add_size(CLI::App &app, const char *name, uint64_t &value, uint64_t least, uint64_t most,
	      const char *help)
{
	app.add_option(name, value, help)
		->transform(bytes())
		->check(CLI::Range(least, most))
		->capture_default_str();
}

void add_listeners(CLI::App &app, Raw &raw)
{
	app.add_option("--listen", raw.listen,
		       "[SERVICE=]TARGET, repeated; TARGET: ADDR:PORT, [ADDR6]:PORT, fd:N, "
		       "systemd:NAME; default: systemd's sockets, or [::]:7000")
		->allow_extra_args(false)
		->take_all()
		->check(checked_by([](const std::string &text) { parse_listen(text, "echo"); }));
	app.add_option("--service", raw.service, "Of listeners that name none")
		->check(CLI::IsMember(strings(service_names)))
		->capture_default_str();
	app.add_flag("--no-lanes", raw.no_lanes, "Share the sockets, do not attach them to lanes");
}

void add_engine(CLI::App &app, Raw &raw)
{
	app.add_option("--engine", raw.engine, "Default: the best that works")
		->check(CLI::IsMember(strings(engine_names)));
	app.add_option("--disable", raw.disable,
		       "FEATURE[,...] not to use, as the report names them")
		->allow_extra_args(false)
		->take_all()
		->delimiter(',')
		->check(CLI::IsMember(strings(feature_names)));
	app.add_option("--send-threads", raw.send_threads,
		       "Kernel threads that send, of uring-sqpoll; 0: those that receive")
		->check(CLI::IsMember({0U, 1U, 2U, 4U}))
		->capture_default_str();
	app.add_option("--poll-idle-us", raw.poll_idle_us,
		       "Microseconds that a polling thread runs idle before it sleeps")
		->check(CLI::Range(1U, 1'000'000U))
		->capture_default_str();
	add_size(app, "--zero-copy-min", raw.zero_copy_min, 0, 1U << 30,
		 "Sends of so many bytes are zero-copy; 0: none");
}

void add_sizes(CLI::App &app, Raw &raw, unsigned shards_max)
{
	raw.shards = shards_max;
	app.add_option("--shards", raw.shards,
		       "Number of shards; default: every CPU of the affinity mask")
		->check(CLI::Range(1U, shards_max));
	app.add_option("--connections", raw.connections, "Most connections of a shard")
		->check(CLI::Range(1U, 1U << 20))
		->capture_default_str();
	app.add_option("--buffers", raw.buffers, "Receive buffers of a shard, 2 KiB each")
		->check(CLI::Range(1U, 1U << 15))
		->capture_default_str();
	add_size(app, "--budget", raw.budget, 2048, 1U << 30,
		 "Bytes that a connection may receive before others get their turn");
}

void add_times(CLI::App &app, Raw &raw)
{
	add_time(app, "--idle-timeout", raw.idle_timeout,
		 "Close a connection without a request for so long; 0: never");
	add_time(app, "--request-timeout", raw.request_timeout,
		 "Close a connection whose request takes longer; 0: never");
	add_time(app, "--slow-timeout", raw.slow_timeout,
		 "Close a connection that takes no output for so long; 0: never");
	add_time(app, "--stall-timeout", raw.stall_timeout,
		 "The same, while others wait for memory; 0: never");
	add_time(app, "--drain-timeout", raw.drain_timeout,
		 "What connections have after SIGTERM or a takeover");
}

void add_rest(CLI::App &app, Raw &raw)
{
	app.add_option("--http-root", raw.http_root, "Directory of the http service's files")
		->check(CLI::ExistingDirectory);
	add_size(app, "--http-memory", raw.http_memory, 0, 1ULL << 40,
		 "Bytes of files that the http service may keep");
	add_size(app, "--resp-memory", raw.resp_memory, 1 << 20, 1ULL << 40,
		 "Bytes of keys and values that the resp service may keep");
	app.add_option("--admin", raw.admin, "ADDR:PORT or unix:PATH of the metrics; default: none")
		->check(checked_by(parse_admin));
	app.add_option("--takeover", raw.takeover,
		       "Unix socket by which the next lanesd takes this one's place");
	app.add_flag("--check-config", raw.check_config,
		     "Say what is wrong with the options, or ok")
		->configurable(false);
}

void define(CLI::App &app, Raw &raw, unsigned shards_max)
{
	add_listeners(app, raw);
	add_engine(app, raw);
	add_sizes(app, raw, shards_max);
	add_times(app, raw);
	add_rest(app, raw);
	app.get_help_ptr()->configurable(false);
}

void try_alone(const std::string &argument, unsigned shards_max)
{
	CLI::App app;
	Raw raw;

	define(app, raw, shards_max);
	app.parse(std::vector<std::string>{argument});
}

template <typename Kind, typename Names> Kind named(const Names &names, const std::string &name)
{
	return static_cast<Kind>(std::find(names.begin(), names.end(), name) - names.begin());
}

uint32_t milliseconds(double s)
{
	/* A limit that is not 0 must not become none. */
	return s > 0 ? std::max<uint32_t>(1, static_cast<uint32_t>(s * 1000 + 0.5)) : 0;
}

std::vector<ListenOption> listeners(const Raw &raw)
{
	std::vector<ListenOption> all;
	std::set<std::string> seen;

	for (const std::string &text : raw.listen) {
		all.push_back(parse_listen(text, raw.service));

		const std::string target = to_string(all.back().target);

		if (!seen.insert(target).second && !target.ends_with(":0"))
			throw UsageError(std::format("--listen: '{}' is there twice", target));
	}
	if (all.size() > listeners_max)
		throw UsageError(std::format("--listen: more than {}", listeners_max));
	return all;
}

std::map<std::string, std::string> given(const CLI::App &app)
{
	std::map<std::string, std::string> all;

	for (const CLI::Option *option : app.get_options())
		if (option->get_configurable() && option->count())
			all[option->get_lnames().front()] = CLI::detail::join(option->results());
	return all;
}

Options make_sense(const Raw &raw, const std::vector<int> &allowed)
{
	Options o;

	o.listen = listeners(raw);
	o.service = raw.service;
	o.lanes = !raw.no_lanes;
	if (!raw.engine.empty())
		o.engine = named<EngineKind>(engine_names, raw.engine);
	for (const std::string &name : raw.disable)
		o.disabled.push_back(named<Feature>(feature_names, name));
	o.cpus = {allowed.begin(), allowed.begin() + raw.shards};
	o.connections_max = raw.connections;
	o.buffers = raw.buffers;
	o.send_threads = raw.send_threads;
	o.poll_idle_us = raw.poll_idle_us;
	o.zero_copy_min = static_cast<uint32_t>(raw.zero_copy_min);
	o.budget = static_cast<uint32_t>(raw.budget);
	o.limits.idle_timeout_ms = milliseconds(raw.idle_timeout);
	o.limits.request_timeout_ms = milliseconds(raw.request_timeout);
	o.limits.slow_timeout_ms = milliseconds(raw.slow_timeout);
	o.limits.stall_timeout_ms = milliseconds(raw.stall_timeout);
	o.limits.connections_max = raw.connections;
	o.drain_timeout_ms = milliseconds(raw.drain_timeout);
	o.http_root = raw.http_root;
	o.http_memory = raw.http_memory;
	o.resp_memory = raw.resp_memory;
	if (!raw.admin.empty())
		o.admin = parse_admin(raw.admin);
	o.takeover = raw.takeover;
	o.check_config = raw.check_config;
	return o;
}

int parse_descriptor(std::string_view digits, const std::string &text)
{
	int fd = -1;
	auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), fd);

	if (error != std::errc() || stop != digits.data() + digits.size() || fd < 0)
		throw UsageError(std::format("'{}': want fd:NUMBER", text));
	return fd;
}

ListenTarget parse_target(const std::string &text)
{
	constexpr std::string_view fd = "fd:", systemd = "systemd:";

	if (text.starts_with(fd))
		return InheritedSocket{
			parse_descriptor(std::string_view(text).substr(fd.size()), text)};
	if (!text.starts_with(systemd))
		return Endpoint::parse(text);
	if (text.size() == systemd.size())
		throw UsageError(std::format("'{}': want systemd:NAME", text));
	return SystemdSocket{text.substr(systemd.size())};
}

} // namespace

std::string to_string(const ListenTarget &target)
{
	if (const auto *endpoint = std::get_if<Endpoint>(&target))
		return endpoint->to_string();
	if (const auto *inherited = std::get_if<InheritedSocket>(&target))
		return std::format("fd:{}", inherited->fd);
	return "systemd:" + std::get<SystemdSocket>(target).name;
}

std::string to_string(const AdminTarget &target)
{
	const auto *path = std::get_if<UnixPath>(&target);

	return path ? "unix:" + path->path : std::get<Endpoint>(target).to_string();
}

ListenOption parse_listen(const std::string &text, const std::string &service)
{
	const size_t equals = text.find('=');

	if (equals == std::string::npos)
		return {service, parse_target(text)};

	const std::string name = text.substr(0, equals);

	if (std::find(service_names.begin(), service_names.end(), name) == service_names.end())
		throw UsageError(std::format("'{}': no service '{}'; there are {}", text, name,
					     CLI::detail::join(service_names, ", ")));
	return {name, parse_target(text.substr(equals + 1))};
}

AdminTarget parse_admin(const std::string &text)
{
	constexpr std::string_view prefix = "unix:";

	if (!text.starts_with(prefix))
		return Endpoint::parse(text);
	if (text.size() == prefix.size())
		throw UsageError(std::format("'{}': want unix:PATH", text));
	return UnixPath{text.substr(prefix.size())};
}

std::variant<Options, Help> parse_options(int argc, const char *const *argv,
					  const std::vector<int> &allowed)
{
	const auto shards_max = static_cast<unsigned>(allowed.size());
	CLI::App app("TCP server: one thread and one io_uring on each CPU, one listening socket "
		     "for all.",
		     "lanesd");
	Raw raw;

	define(app, raw, shards_max);
	app.set_config("--config", "", "TOML file with the same names; flags win over it");
	app.config_formatter(
		std::make_shared<ConfigFile>(app, [shards_max](const std::string &argument) {
			try_alone(argument, shards_max);
		}));
	try {
		app.parse(argc, argv);

		Options options = make_sense(raw, allowed);

		options.given = given(app);
		return options;
	} catch (const CLI::CallForHelp &) {
		return Help{app.help() + "\n"};
	} catch (const CLI::ParseError &error) {
		throw UsageError(error.what());
	}
}

std::vector<std::string> needs_restart(const Options &before, const Options &after)
{
	std::set<std::string> live = {"idle-timeout",  "request-timeout", "slow-timeout",
				      "stall-timeout", "drain-timeout",	  "connections"};
	std::set<std::string> names;
	std::vector<std::string> changed;

	/* Without it the listeners stay as they are. */
	if (!after.listen.empty())
		live.insert({"listen", "service"});
	for (const auto *options : {&before, &after})
		for (const auto &[name, value] : options->given)
			names.insert(name);
	for (const std::string &name : names) {
		const auto was = before.given.find(name), is = after.given.find(name);

		if (was != before.given.end() && is != after.given.end() &&
		    was->second == is->second)
			continue;
		if (!live.contains(name))
			changed.push_back(name);
	}
	return changed;
}

} // namespace lanes
