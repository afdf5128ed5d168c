// SPDX-License-Identifier: GPL-2.0-only
#include "lanectl/settings.h"

#include <algorithm>
#include <format>
#include <fstream>
#include <system_error>

namespace lanes::ctl {

namespace fs = std::filesystem;

std::string first_line(const fs::path &path)
{
	std::ifstream file(path);
	std::string line;

	std::getline(file, line);
	return line;
}

std::vector<std::string> settings_in(const fs::path &folder)
{
	std::vector<std::string> all;
	std::error_code none;

	for (const auto &entry : fs::directory_iterator(folder, none))
		if (entry.is_regular_file(none) && std::ifstream(entry.path()).peek() != EOF)
			all.push_back(std::format("{}={}", entry.path().filename().string(),
						  first_line(entry.path())));
	std::ranges::sort(all);
	return all;
}

} // namespace lanes::ctl
