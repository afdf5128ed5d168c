// SPDX-License-Identifier: GPL-2.0-only
#include "lanectl/listeners.h"

#include <algorithm>
#include <format>
#include <fstream>

#include <cerrno>

#include "common/error.h"
#include "lanectl/table.h"

namespace lanes::ctl {
namespace {

constexpr const char *path = "/proc/net/lanes";

using Json = nlohmann::ordered_json;

std::string owners_of(const ListenerView &listener)
{
	std::string text;

	for (const Process &owner : listener.owners)
		text += std::format("{}{}/{}", text.empty() ? "" : ",", owner.pid, owner.name);
	return text.empty() ? "-" : text;
}

/* What the lanes of a listener, or one of them, have in every table. */
const Row figure_names = {"QUEUED",	 "LOCAL",    "GLOBAL", "STOLEN", "SPILLED",
			  "PULLED_DOWN", "OVERFLOW", "P50_US", "P99_US"};

void add_figures(Row &row, const LaneFigures &figures)
{
	for (const uint64_t number : {figures.queued, figures.local, figures.global, figures.stolen,
				      figures.spilled, figures.pulled_down, figures.overflow})
		row.push_back(std::to_string(number));
	for (const double fraction : {0.5, 0.99}) {
		const uint64_t us = figures.wait_quantile_us(fraction);

		row.push_back(us ? std::to_string(us) : "-");
	}
}

Json to_json(const LaneFigures &figures)
{
	return {{"queued", figures.queued},	{"local", figures.local},
		{"global", figures.global},	{"stolen", figures.stolen},
		{"spilled", figures.spilled},	{"pulled_down", figures.pulled_down},
		{"overflow", figures.overflow}, {"wait_sum_us", figures.wait_sum_us},
		{"wait_us", figures.wait_us}};
}

Json to_json(const ListenerView &listener)
{
	Json owners = Json::array();

	for (const Process &owner : listener.owners)
		owners.push_back({{"pid", owner.pid}, {"name", owner.name}});
	return {{"address", listener.address},	 {"inode", listener.inode},
		{"owners", std::move(owners)},	 {"lanes", listener.lanes.size()},
		{"claimed", listener.claimed()}, {"total", to_json(listener.total())}};
}

Row with_figure_names(Row row)
{
	row.insert(row.end(), figure_names.begin(), figure_names.end());
	return row;
}

} // namespace

LaneFigures ListenerView::total() const
{
	LaneFigures sum;

	for (const Lane &lane : lanes)
		sum.add(lane.figures);
	return sum;
}

size_t ListenerView::claimed() const
{
	return static_cast<size_t>(std::ranges::count(lanes, true, &Lane::claimed));
}

std::vector<Lane> current_lanes()
{
	std::ifstream file(path);

	if (!file)
		throw_errno(errno, path, "load lanes.ko, which makes it");
	return read_lanes(file);
}

std::vector<ListenerView> read_listeners()
{
	return group(current_lanes(), socket_owners());
}

std::vector<ListenerView> group(const std::vector<Lane> &lanes,
				const std::map<ino_t, std::vector<Process>> &owners)
{
	std::vector<ListenerView> all;

	for (const Lane &lane : lanes) {
		auto at = std::ranges::find(all, lane.inode, &ListenerView::inode);

		if (at == all.end()) {
			const auto found = owners.find(lane.inode);

			at = all.insert(all.end(), {.address = lane.address,
						    .inode = lane.inode,
						    .owners = {},
						    .lanes = {}});
			if (found != owners.end())
				at->owners = found->second;
		}
		at->lanes.push_back(lane);
	}
	return all;
}

bool selects(const std::string &which, const ListenerView &listener)
{
	const std::string &address = listener.address;

	return which == address || which == std::to_string(listener.inode) ||
	       which == address.substr(address.rfind(':') + 1);
}

std::string format_list(const std::vector<ListenerView> &listeners, Style style)
{
	std::vector<Row> rows = {with_figure_names({"ADDRESS", "INODE", "CLAIMED"})};
	Json json = Json::array();

	rows.front().push_back("PROCESSES");
	for (const ListenerView &listener : listeners) {
		Row row = {listener.address, std::to_string(listener.inode),
			   std::format("{}/{}", listener.claimed(), listener.lanes.size())};

		add_figures(row, listener.total());
		row.push_back(owners_of(listener));
		rows.push_back(std::move(row));
		json.push_back(to_json(listener));
	}
	return style == Style::text ? format_table(rows) : format_json(json, style);
}

std::string format_show(const std::vector<ListenerView> &listeners, Style style)
{
	Json all = Json::array();
	std::string text;

	for (const ListenerView &listener : listeners) {
		std::vector<Row> rows = {with_figure_names({"CPU", "CLAIMED"})};
		Json json = to_json(listener);

		json["lanes"] = Json::array();
		for (const Lane &lane : listener.lanes) {
			Row row = {std::to_string(lane.cpu), lane.claimed ? "yes" : "no"};
			Json of_lane = {{"cpu", lane.cpu}, {"claimed", lane.claimed}};

			add_figures(row, lane.figures);
			rows.push_back(std::move(row));
			of_lane.update(to_json(lane.figures));
			json["lanes"].push_back(std::move(of_lane));
		}
		text += std::format("{}{} inode {} processes {}\n{}", text.empty() ? "" : "\n",
				    listener.address, listener.inode, owners_of(listener),
				    format_table(rows));
		all.push_back(std::move(json));
	}
	return style == Style::text ? text : format_json(all, style);
}

} // namespace lanes::ctl
