// SPDX-License-Identifier: GPL-2.0-only
#include "http/files.h"

#include <gtest/gtest.h>

#include "http/media_type.h"
#include "http/test_tree.h"

using namespace lanes::http;

namespace {

constexpr size_t plenty = 1 << 20;

std::string content(const Files &files, std::string_view path)
{
	const File *file = files.find(path);

	if (!file)
		return "none";
	if (!file->location().empty())
		return "to " + std::string(file->location());
	return {reinterpret_cast<const char *>(file->content().data()), file->content().size()};
}

std::string failure(const TestTree &tree, size_t bytes_max)
{
	try {
		const Files files(tree.root(), bytes_max);
	} catch (const std::exception &error) {
		return error.what();
	}
	return {};
}

} // namespace

TEST(http_files, are_found_by_their_paths)
{
	const TestTree tree;

	tree.put("a.txt", "A");
	tree.put("d/b", "B");
	tree.put("d/e/empty", "");

	const Files files(tree.root(), plenty);

	EXPECT_EQ(content(files, "/a.txt"), "A");
	EXPECT_EQ(content(files, "/d/b"), "B");
	EXPECT_EQ(content(files, "/d/e/empty"), "");
	for (const char *path : {"", "/", "/d", "/d/", "/a.txt/", "a.txt", "//a.txt", "/./a.txt",
				 "/d/../a.txt", "/d/e/../b", "/A.TXT"})
		EXPECT_EQ(content(files, path), "none") << path;
}

TEST(http_files, of_directories_are_their_indexes)
{
	const TestTree tree;

	tree.put("index.html", "top");
	tree.put("a b/index.html", "below");

	const Files files(tree.root(), plenty);

	EXPECT_EQ(content(files, "/"), "top");
	EXPECT_EQ(content(files, "/index.html"), "top");
	EXPECT_EQ(content(files, "/a b/"), "below");
	EXPECT_EQ(content(files, "/a b"), "to /a%20b/");
}

TEST(http_files, with_a_dot_in_front_are_not_served)
{
	const TestTree tree;

	tree.put(".secret", "S");
	tree.put(".git/config", "S");
	tree.put("d/.htaccess", "S");

	const Files files(tree.root(), plenty);

	EXPECT_EQ(content(files, "/.secret"), "none");
	EXPECT_EQ(content(files, "/.git/config"), "none");
	EXPECT_EQ(content(files, "/d/.htaccess"), "none");
}

TEST(http_files, links_stay_below_the_root)
{
	const TestTree tree;

	tree.put("a", "A");
	tree.put("../outside", "S");
	tree.put("../other/index.html", "S");
	tree.put("d/b", "B");
	tree.link("../a", "d/inside");
	tree.link("../outside", "outside");
	tree.link("../../outside", "d/outside");
	tree.link("../other", "other");
	tree.link("/etc/passwd", "passwd");
	tree.link("nowhere", "dangling");
	tree.link("loop", "loop");

	const Files files(tree.root(), plenty);

	EXPECT_EQ(content(files, "/d/inside"), "A");
	for (const char *path : {"/outside", "/d/outside", "/other/", "/other/index.html",
				 "/passwd", "/dangling", "/loop"})
		EXPECT_EQ(content(files, path), "none") << path;
}

TEST(http_files, a_link_upwards_ends)
{
	const TestTree tree;

	tree.put("d/e/f", "F");
	tree.link("..", "d/e/up");

	const Files files(tree.root(), plenty);

	EXPECT_EQ(content(files, "/d/e/f"), "F");
	EXPECT_EQ(content(files, "/d/e/up/e/f"), "none");
}

TEST(http_files, that_are_none_are_not_waited_for)
{
	const TestTree tree;

	tree.put("a", "A");
	ASSERT_EQ(mkfifo((tree.root() + "/fifo").c_str(), 0600), 0);

	const Files files(tree.root(), plenty);

	EXPECT_EQ(content(files, "/fifo"), "none");
	EXPECT_EQ(content(files, "/a"), "A");
}

TEST(http_files, too_large_says_which)
{
	const TestTree tree;

	tree.put("small", "s");
	tree.put("large", std::string(10'000, 'l'));
	EXPECT_EQ(failure(tree, 100'000), "");
	EXPECT_NE(failure(tree, 9'999).find("/large: "), std::string::npos);
}

TEST(http_files, too_many_are_too_large)
{
	const TestTree tree;

	for (int i = 0; i < 100; i++)
		tree.put(std::to_string(i), "");
	EXPECT_EQ(failure(tree, 200'000), "");
	EXPECT_NE(failure(tree, 20'000).find("allow more"), std::string::npos);
}

TEST(http_files, no_directory_is_an_error)
{
	EXPECT_THROW(Files("/nonexistent/lanes", plenty), std::runtime_error);
	try {
		Files("/nonexistent/lanes", plenty);
	} catch (const std::runtime_error &error) {
		EXPECT_TRUE(
			std::string_view(error.what()).starts_with("/nonexistent/lanes: ENOENT"));
	}
}

TEST(http_files, a_path_of_too_many_bytes_is_an_error)
{
	const TestTree tree;
	std::string path;

	for (int i = 0; i < 8; i++)
		path += std::string(150, 'd') + '/';
	tree.put(path + "f", "F");
	EXPECT_NE(failure(tree, plenty).find("ENAMETOOLONG"), std::string::npos);
}

TEST(http_files, same_content_has_the_same_etag_and_other_has_not)
{
	const TestTree tree;

	tree.put("a", "same");
	tree.put("b", "same");
	tree.put("c", "diff");

	const Files files(tree.root(), plenty);

	EXPECT_EQ(files.find("/a")->etag(), files.find("/b")->etag());
	EXPECT_NE(files.find("/a")->etag(), files.find("/c")->etag());
}

TEST(http_media_type, is_that_of_the_extension)
{
	EXPECT_EQ(media_type("index.html"), "text/html; charset=utf-8");
	EXPECT_EQ(media_type("A.b.PNG"), "image/png");
	EXPECT_EQ(media_type("archive.tar.gz"), "application/gzip");
	EXPECT_EQ(media_type("Makefile"), "application/octet-stream");
	EXPECT_EQ(media_type("x."), "application/octet-stream");
}
