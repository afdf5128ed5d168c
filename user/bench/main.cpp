// SPDX-License-Identifier: GPL-2.0-only
#include <chrono>
#include <exception>
#include <map>
#include <string>
#include <vector>

#include <cstdio>

#include <CLI/CLI.hpp>

#include "bench/connections.h"
#include "bench/dialogue.h"
#include "bench/latency.h"
#include "bench/mark.h"
#include "bench/memory.h"
#include "bench/ping_pong.h"
#include "bench/short_connections.h"
#include "bench/traffic.h"
#include "bench/visits.h"
#include "common/cpus.h"

namespace {

using namespace lanes;

/* The line's columns are separated by tabs: the caller's label, NAME=VALUE... */
void print(const std::string &label, const Figures &figures)
{
	std::fputs(label.c_str(), stdout);
	for (const auto &[name, value] : figures)
		std::printf("\t%s=%.6g", name.c_str(), value);
	std::putchar('\n');
}

Figures figures_of(const AcceptedSum &sum)
{
	const auto all = static_cast<double>(sum.all);

	return {{"connections", all}, {"local", static_cast<double>(sum.local) / all}};
}

Figures count_short_connections(const Plan &plan, const Setup &setup, const CrowdPlan &crowd)
{
	return figures_of(run_short_connections({
		.setup = setup,
		.client_netns = plan.client_netns,
		.server_netns = plan.server_netns,
		.address = plan.address,
		.client_cpus = plan.client_cpus,
		.server_cpus = plan.server_cpus,
		.turns = {plan.warmup, plan.connections},
		.crowd = crowd,
	}));
}

Figures time_requests(const Plan &plan, LatencyPlan latency, const std::string &setup)
{
	latency.setup = setups().at(setup);
	latency.address = plan.address;
	latency.client_cpus = plan.client_cpus;
	latency.server_cpus = plan.server_cpus;
	latency.pace = plan.pace;
	latency.requests = plan.connections;
	latency.warmup = plan.warmup;
	return measure_latency(latency);
}

/* @visit: PROTOCOL=ADDRESS:PORT. */
Figures count_visits(const Plan &plan, const std::string &visit, uint32_t requests)
{
	const size_t equals = visit.find('=');

	if (equals == std::string::npos)
		throw UsageError("--visit: '" + visit + "' is not PROTOCOL=ADDRESS:PORT");

	return figures_of(run_visits({
		.protocol = visit.substr(0, equals),
		.server = Endpoint::parse(visit.substr(equals + 1)),
		.client_cpus = plan.client_cpus,
		.turns = {plan.warmup, plan.connections},
		.requests = requests,
	}));
}

Figures count_dialogue(const Plan &plan, DialoguePlan dialogue)
{
	dialogue.client_netns = plan.client_netns;
	dialogue.server_netns = plan.server_netns;
	dialogue.address = plan.address;
	dialogue.client_cpus = plan.client_cpus;
	dialogue.server_cpus = plan.server_cpus;
	dialogue.connections = plan.connections;

	const DialogueResult result = run_dialogue(dialogue);

	return {{"connections", static_cast<double>(result.accepted)},
		{"requests", static_cast<double>(result.requests)},
		{"local",
		 static_cast<double>(result.local) / static_cast<double>(result.requests)}};
}

} // namespace

int main(int argc, char **argv)
{
	Plan plan;
	LatencyPlan latency;
	CrowdPlan crowd;
	DialoguePlan dialogue;
	std::string label, setup, latency_setup, talk, visit, table;
	std::vector<uint32_t> entries;
	bool memory = false;
	uint32_t duration_ms = 0, pace_us = 0, pause_us = 0;
	uint64_t loop = 0;
	uint32_t turns = 0;

	CLI::App app("Traffic over TCP, and a line of figures for each window of it.",
		     "lanes-bench");
	app.add_option("--label", label, "Begins the line");
	app.add_option("--client-netns", plan.client_netns, "As ip netns names it");
	app.add_option("--server-netns", plan.server_netns);
	app.add_option("--address", plan.address, "The server's")->capture_default_str();
	app.add_option("--port", plan.port, "Likewise; default: any");
	app.add_option("--attach", plan.attach, "Which listener, and when")
		->transform(CLI::CheckedTransformer(
			std::map<std::string, Attach>{{"none", Attach::none},
						      {"other", Attach::other},
						      {"before", Attach::before},
						      {"after", Attach::after}}));
	app.add_option("--wait", plan.wait, "How an unbound server thread waits for data")
		->transform(CLI::CheckedTransformer(
			std::map<std::string, Wait>{{"plain", Wait::plain},
						    {"pinned", Wait::pinned},
						    {"pinned-answer", Wait::pinned_answer},
						    {"control", Wait::control}}));
	app.add_option("--client-cpus", plan.client_cpus, "Default: all")->delimiter(',');
	app.add_option("--server-cpus", plan.server_cpus, "Default: unbound")->delimiter(',');
	app.add_flag("--roam", plan.roam, "The client goes to the next CPU before each byte");
	app.add_flag("--share", plan.share, "All clients use all connections in turn");
	app.add_option("--clients", plan.clients)->check(CLI::Range(1U, 1024U));
	app.add_option("--connections", plan.connections)->check(CLI::Range(1U, 1024U));
	app.add_option("--burners", plan.burners, "Threads that keep CPUs busy");
	app.add_option("--rounds", plan.rounds, "Of a window, or");
	app.add_option("--duration-ms", duration_ms, "of a window");
	app.add_option("--windows", plan.windows);
	app.add_option("--warmup", plan.warmup, "Rounds before the first window")
		->capture_default_str();
	app.add_option("--pace-us", pace_us,
		       "Instead of round trips: a window without, and one with as many "
		       "connections, one each time that has passed");
	app.add_option("--marked-loop", loop,
		       "Instead of traffic: windows that are loops of that many turns");
	app.add_option("--ping-pong", turns,
		       "Instead of traffic: windows that hand a cache line over that often");
	app.add_option("--short", setup,
		       "Instead of round trips: one window of short connections; the set-up")
		->check(CLI::IsMember(setups()));
	app.add_option("--latency", latency_setup,
		       "Instead of round trips: how long requests take that are due at a pace; "
		       "the set-up")
		->check(CLI::IsMember(setups()));
	app.add_option("--trouble", latency.trouble, "What goes wrong meanwhile")
		->transform(CLI::CheckedTransformer(troubles()));
	app.add_option("--seed", latency.seed, "Of the moments when requests are due");
	app.add_option("--dialogue", talk,
		       "Instead of round trips: connections that last; the set-up")
		->check(CLI::IsMember(setups()));
	app.add_option("--flight", dialogue.flight, "Of it, connections of a client at a time")
		->check(CLI::Range(1U, 1024U));
	app.add_option("--requests", dialogue.requests, "Of each connection, likewise of --visit");
	app.add_option("--pause-us", pause_us, "Before each, on average");
	app.add_option("--visit", visit,
		       "Instead of round trips: one window of connections to a server that is "
		       "there, as http=ADDRESS:PORT or resp=ADDRESS:PORT");
	app.add_option("--crowd-connections", crowd.connections,
		       "Of --short, over loopback: idle ones that are there before");
	app.add_option("--crowd-listeners", crowd.listeners, "Likewise, on other ports");
	app.add_flag("--crowd-attached", crowd.attached, "These are attached to lanes");
	app.add_flag("--memory", memory,
		     "Instead of the window: bytes of the kernel's for each of the crowd");
	app.add_option("--table-memory", table,
		       "Instead of traffic: bytes for each entry of net.lanes.NAME");
	app.add_option("--entries", entries, "Of it, from and to")->delimiter(',')->expected(2);

	try {
		app.parse(argc, argv);
		plan.duration = std::chrono::milliseconds(duration_ms);
		plan.pace = std::chrono::microseconds(pace_us);
		dialogue.pause = std::chrono::microseconds(pause_us);
		if (!loop && !turns && setup.empty() && latency_setup.empty() && talk.empty() &&
		    visit.empty() && table.empty() && !plan.rounds == !duration_ms)
			throw CLI::ValidationError("--rounds or --duration-ms");
		if (!pace_us && !latency_setup.empty())
			throw CLI::ValidationError("--latency wants --pace-us");
		if (!latency_setup.empty() &&
		    setups().at(latency_setup).accept == Accept::uring_direct)
			throw CLI::ValidationError("--latency: a set-up of --short only");
		if (pace_us && !plan.rounds && latency_setup.empty())
			throw CLI::ValidationError("--pace-us is that of --rounds");
		if (plan.rounds && plan.clients > 1)
			throw CLI::ValidationError("--rounds are those of one client");
		if (memory && (setup.empty() || !crowd.connections == !crowd.listeners))
			throw CLI::ValidationError("--memory is that of a crowd of one kind");
		if (table.empty() != entries.empty())
			throw CLI::ValidationError("--table-memory needs --entries");
	} catch (const CLI::CallForHelp &) {
		std::puts(app.help().c_str());
		return 0;
	} catch (const CLI::ParseError &error) {
		std::fprintf(stderr, "lanes-bench: %s\n", error.what());
		return 2;
	}

	try {
		if (loop) {
			for (uint32_t window = 0; window < plan.windows; window++)
				marked_loop(loop);
			return 0;
		}
		if (turns) {
			ping_pong(turns, plan.windows);
			return 0;
		}
		if (!table.empty()) {
			print(label, table_memory(table, entries[0], entries[1]));
			return 0;
		}
		if (plan.client_cpus.empty())
			plan.client_cpus = allowed_cpus();
		if (plan.server_cpus.empty() && (pace_us || !setup.empty() || !talk.empty()))
			plan.server_cpus = allowed_cpus();
		if (!latency_setup.empty()) {
			print(label, time_requests(plan, latency, latency_setup));
			return 0;
		}
		if (pace_us) {
			print(label, run_connections(plan));
			return 0;
		}
		if (!setup.empty()) {
			print(label,
			      memory ? crowd_memory(setups().at(setup), crowd, plan.server_cpus)
				     : count_short_connections(plan, setups().at(setup), crowd));
			return 0;
		}
		if (!visit.empty()) {
			print(label, count_visits(plan, visit, dialogue.requests));
			return 0;
		}
		if (!talk.empty()) {
			dialogue.setup = setups().at(talk);
			print(label, count_dialogue(plan, dialogue));
			return 0;
		}
		for (const Figures &figures : run_traffic(plan))
			print(label, figures);
		return 0;
	} catch (const std::exception &error) {
		std::fprintf(stderr, "lanes-bench: %s\n", error.what());
		return 1;
	}
}
