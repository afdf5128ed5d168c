// SPDX-License-Identifier: GPL-2.0-only
#include "lanesd/config_file.h"

#include <format>

/* As the library was built. */
#define TOML_HEADER_ONLY 0
#define TOML_SHARED_LIB	 1
#include <toml++/toml.hpp>

#include "common/error.h"

namespace lanes {
namespace {

std::string first_line(std::string_view text)
{
	return std::string(text.substr(0, text.find('\n')));
}

struct Value {
	std::string text;
	toml::source_region where;
};

class Reader {
public:
	Reader(const CLI::App &app, std::string file) : app_(app), file_(std::move(file)) {}

	[[noreturn]] void refuse(const toml::source_region &where, std::string_view why) const
	{
		throw UsageError(
			std::format("{}:{}: {}", file_, where.begin.line, first_line(why)));
	}

	std::vector<Value> values(std::string_view key, const toml::node &node) const
	{
		const CLI::Option *option = app_.get_option_no_throw("--" + std::string(key));

		if (node.is_table() || node.is_array_of_tables())
			refuse(node.source(), std::format("'{}': there are no sections", key));
		if (!option || !option->get_configurable())
			refuse(node.source(), std::format("'{}': no such setting", key));
		if (!node.is_array())
			return {{scalar(key, *option, node), node.source()}};
		if (option->get_multi_option_policy() != CLI::MultiOptionPolicy::TakeAll)
			refuse(node.source(),
			       std::format("'{}': wants one value, not a list", key));
		return list(key, *option, *node.as_array());
	}

private:
	std::vector<Value> list(std::string_view key, const CLI::Option &option,
				const toml::array &nodes) const
	{
		std::vector<Value> values;

		for (const toml::node &node : nodes)
			values.push_back({scalar(key, option, node), node.source()});
		return values;
	}

	std::string scalar(std::string_view key, const CLI::Option &option,
			   const toml::node &node) const
	{
		const bool flag = option.get_expected_max() == 0;

		if (flag != node.is_boolean())
			refuse(node.source(),
			       std::format("'{}': wants {}", key,
					   flag ? "true or false" : "a number or a string"));
		if (flag)
			return node.as_boolean()->get() ? "true" : "false";
		if (node.is_string())
			return node.as_string()->get();
		if (node.is_integer())
			return std::to_string(node.as_integer()->get());
		if (node.is_floating_point())
			return std::format("{}", node.as_floating_point()->get());
		refuse(node.source(), std::format("'{}': wants a number or a string", key));
	}

	const CLI::App &app_;
	std::string file_;
};

toml::table parse(std::istream &input, const std::string &file)
{
	try {
		return toml::parse(input, file);
	} catch (const toml::parse_error &error) {
		Reader(CLI::App(), file).refuse(error.source(), error.description());
	}
}

} // namespace

std::vector<CLI::ConfigItem> ConfigFile::from_config(std::istream &input) const
{
	const std::string file = app_.get_config_ptr()->results().back();
	const Reader reader(app_, file);
	std::vector<CLI::ConfigItem> settings;

	for (const auto &[key, node] : parse(input, file)) {
		CLI::ConfigItem setting;

		setting.name = key.str();
		for (Value &value : reader.values(key.str(), node)) {
			/* When all is parsed, nobody knows the line any more. */
			try {
				trial_(std::format("--{}={}", setting.name, value.text));
			} catch (const CLI::ParseError &error) {
				reader.refuse(value.where, error.what());
			}
			setting.inputs.push_back(std::move(value.text));
		}
		settings.push_back(std::move(setting));
	}
	return settings;
}

} // namespace lanes
