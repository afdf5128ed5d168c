// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_HTTP_TEST_TREE_H
#define LANES_HTTP_TEST_TREE_H

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace lanes::http {

/** A directory of tests, gone at the end. */
class TestTree {
public:
	TestTree() : top_(testing::TempDir() + "lanes-http-XXXXXX")
	{
		if (!mkdtemp(top_.data()))
			throw std::runtime_error(top_);
		std::filesystem::create_directory(root());
	}
	TestTree(const TestTree &) = delete;
	TestTree &operator=(const TestTree &) = delete;
	~TestTree() { std::filesystem::remove_all(top_); }

	/** Of what is to be served; more may lie beside it. */
	std::string root() const { return top_ + "/root"; }

	/** @path: from the root. */
	void put(const std::string &path, std::string_view content) const
	{
		const std::filesystem::path full = root() + '/' + path;

		std::filesystem::create_directories(full.parent_path());
		std::ofstream(full, std::ios::binary) << content;
	}
	void link(const std::string &target, const std::string &path) const
	{
		std::filesystem::create_symlink(target, root() + '/' + path);
	}

private:
	std::string top_;
};

} // namespace lanes::http

#endif
