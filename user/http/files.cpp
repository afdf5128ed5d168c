// SPDX-License-Identifier: GPL-2.0-only
#include "http/files.h"

#include <algorithm>
#include <format>
#include <vector>

#include <cerrno>

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/error.h"
#include "common/fd.h"
#include "http/date.h"
#include "http/media_type.h"

namespace lanes::http {

namespace {

bool same(const struct stat &a, const struct stat &b)
{
	return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/** @path as a URL has it. */
std::string encode(std::string_view path)
{
	static constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
						  "abcdefghijklmnopqrstuvwxyz"
						  "0123456789-._~/";
	std::string url;

	for (const char c : path) {
		if (plain.find(c) != plain.npos)
			url += c;
		else
			url += std::format("%{:02X}", static_cast<unsigned char>(c));
	}
	return url;
}

} // namespace

File::File(std::unique_ptr<std::byte[]> bytes, size_t size, std::string_view type, time_t modified)
	: bytes_(std::move(bytes)), size_(size), modified_(modified)
{
	const std::string_view text(reinterpret_cast<const char *>(bytes_.get()), size);

	etag_ = std::format("\"{:x}-{:x}\"", std::hash<std::string_view>()(text), size);
	fields_ = std::format("Content-Length: {}\r\n", size);
	type_at_ = fields_.size();
	fields_ += std::format("Content-Type: {}\r\nAccept-Ranges: bytes\r\n", type);
	validators_at_ = fields_.size();
	fields_ += std::format("Last-Modified: {}\r\nETag: {}\r\n\r\n", view(format_date(modified)),
			       etag_);
}

/** Fills a Files. Each path is resolved from the root, never above it. */
class Files::Loader {
public:
	Loader(Files &files, const std::string &root, size_t bytes_max)
		: files_(files), name_(root), bytes_max_(bytes_max)
	{
		root_ = Fd(open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
		if (!root_)
			throw_errno(errno, root, "the directory to serve must exist");
	}

	/** @path: below the root, empty or with a slash at its end. */
	void load_directory(const std::string &path)
	{
		const Fd fd = open_below(path.empty() ? "." : path);
		struct stat status;

		if (!fd)
			return;
		check(fstat(fd.get(), &status) == 0, path);
		/* A link to a directory that it lies in has no end. */
		for (const struct stat &above : above_)
			if (same(above, status))
				return;
		above_.push_back(status);
		for (const std::string &name : names(fd, path))
			load_entry(path, name);
		above_.pop_back();
	}

private:
	[[noreturn]] void fail(const std::string &path) const
	{
		throw_errno(errno, std::format("{}/{}", name_, path),
			    "what is to be served must be readable; names with a dot in front "
			    "are not");
	}
	void check(bool worked, const std::string &path) const
	{
		if (!worked)
			fail(path);
	}

	/** Nothing for what is not there or not to be followed. */
	Fd open_below(const std::string &path) const
	{
		open_how how{};

		how.flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
		how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
		for (;;) {
			Fd fd(static_cast<int>(syscall(SYS_openat2, root_.get(), path.c_str(), &how,
						       sizeof(how))));

			/* EAGAIN: something was renamed meanwhile. */
			if (!fd && (errno == EAGAIN || errno == EINTR))
				continue;
			if (!fd && errno != ENOENT && errno != EXDEV && errno != ELOOP &&
			    errno != ENXIO)
				fail(path);
			return fd;
		}
	}

	std::vector<std::string> names(const Fd &fd, const std::string &path) const
	{
		const std::unique_ptr<DIR, int (*)(DIR *)> directory(fdopendir(dup(fd.get())),
								     closedir);
		std::vector<std::string> names;

		check(directory != nullptr, path);
		for (;;) {
			errno = 0;

			const dirent *entry = readdir(directory.get());

			if (!entry)
				break;
			if (entry->d_name[0] != '.')
				names.emplace_back(entry->d_name);
		}
		check(errno == 0, path);
		std::ranges::sort(names);
		return names;
	}

	void load_entry(const std::string &directory, const std::string &name)
	{
		const std::string path = directory + name;
		const Fd fd = open_below(path);
		struct stat status;

		if (!fd)
			return;
		check(fstat(fd.get(), &status) == 0, path);
		if (path.size() >= path_max) {
			errno = ENAMETOOLONG;
			fail(path);
		}
		if (S_ISDIR(status.st_mode))
			load_directory(path + '/');
		else if (S_ISREG(status.st_mode))
			load_file(fd, status, directory, name);
	}

	void load_file(const Fd &fd, const struct stat &status, const std::string &directory,
		       const std::string &name)
	{
		const std::string path = directory + name;
		const size_t expected = static_cast<size_t>(status.st_size);

		charge(expected, path);

		auto bytes = std::make_unique_for_overwrite<std::byte[]>(expected);
		const size_t size = read_all(fd, {bytes.get(), expected}, path);
		const File *file = &files_.files_.emplace_back(std::move(bytes), size,
							       media_type(name), status.st_mtime);

		files_.paths_.emplace('/' + path, file);
		if (name != "index.html")
			return;
		files_.paths_.emplace('/' + directory, file);
		if (directory.empty())
			return;
		file = &files_.files_.emplace_back('/' + encode(directory));
		files_.paths_.emplace('/' + directory.substr(0, directory.size() - 1), file);
	}

	/** May be less than there was when it was measured. */
	size_t read_all(const Fd &fd, std::span<std::byte> to, const std::string &path) const
	{
		size_t size = 0;

		while (size < to.size()) {
			const ssize_t n = read(fd.get(), to.data() + size, to.size() - size);

			if (n < 0 && errno == EINTR)
				continue;
			check(n >= 0, path);
			if (n == 0)
				break;
			size += static_cast<size_t>(n);
		}
		return size;
	}

	void charge(size_t size, const std::string &path)
	{
		/* About what an entry needs besides. */
		const size_t cost = sizeof(File) + 512 + 4 * path.size();

		if (size > bytes_max_ - bytes_ || cost > bytes_max_ - bytes_ - size)
			throw std::runtime_error(
				std::format("{}/{}: with its {} bytes the files are more than the "
					    "{} bytes of memory that they may take; serve fewer or "
					    "allow more",
					    name_, path, size, bytes_max_));
		bytes_ += size + cost;
	}

	Files &files_;
	std::string name_;
	Fd root_;
	size_t bytes_max_;
	size_t bytes_ = 0;
	std::vector<struct stat> above_;
};

Files::Files(const std::string &root, size_t bytes_max)
{
	Loader(*this, root, bytes_max).load_directory("");
}

} // namespace lanes::http
