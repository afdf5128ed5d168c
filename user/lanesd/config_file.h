// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANESD_CONFIG_FILE_H
#define LANES_LANESD_CONFIG_FILE_H

#include <functional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace lanes {

/**
 * A TOML file whose keys are the long names of the options. Throws UsageError
 * that begins with "FILE:LINE: ".
 */
class ConfigFile : public CLI::Config {
public:
	/** Parses one argument as if it were all there is; throws
	 *  CLI::ParseError.
	 */
	using Trial = std::function<void(const std::string &argument)>;

	/** @app: whose options these are; outlives this. */
	ConfigFile(const CLI::App &app, Trial trial) : app_(app), trial_(std::move(trial)) {}

	std::vector<CLI::ConfigItem> from_config(std::istream &input) const override;
	/** lanesd writes no such file. */
	std::string to_config(const CLI::App *, bool, bool, std::string) const override
	{
		return {};
	}

private:
	const CLI::App &app_;
	Trial trial_;
};

} // namespace lanes

#endif
