// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_HTTP_FILES_H
#define LANES_HTTP_FILES_H

#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include <cstddef>
#include <cstdint>
#include <ctime>

namespace lanes::http {

/** A file in memory, with what replies say of it. */
class File {
public:
	/** Takes @bytes, of which @size are the content. */
	File(std::unique_ptr<std::byte[]> bytes, size_t size, std::string_view type,
	     time_t modified);
	/** A redirection. */
	explicit File(std::string location) : location_(std::move(location)) {}

	std::span<const std::byte> content() const { return {bytes_.get(), size_}; }
	time_t modified() const { return modified_; }
	/** With its quotes. */
	std::string_view etag() const { return etag_; }
	/** Where the file is instead; empty if it is here. */
	std::string_view location() const { return location_; }

	/* Header fields, as they are sent, with the empty line. */
	std::string_view fields() const { return fields_; }
	std::string_view fields_but_length() const { return fields().substr(type_at_); }
	std::string_view validators() const { return fields().substr(validators_at_); }

private:
	std::unique_ptr<std::byte[]> bytes_;
	size_t size_ = 0;
	time_t modified_ = 0;
	size_t type_at_ = 0;
	size_t validators_at_ = 0;
	std::string fields_;
	std::string etag_;
	std::string location_;
};

/** The files below a directory, as they were. Never changes. */
class Files {
public:
	/** Longer paths are not served. */
	static constexpr size_t path_max = 1024;

	/** Of no directory. */
	Files() = default;
	/** Reads all files below @root, but those whose names begin with a dot,
	 *  and links that lead out of it or are absolute. Throws if one cannot
	 *  be read, or if they need more than @bytes_max bytes.
	 */
	Files(const std::string &root, size_t bytes_max);

	/** @path: decoded, from its first slash. Only what has exactly this name
	 *  is found: "." and ".." are not. None: nullptr.
	 */
	const File *find(std::string_view path) const
	{
		const auto found = paths_.find(path);

		return found == paths_.end() ? nullptr : found->second;
	}

private:
	class Loader;

	struct Hash : std::hash<std::string_view> {
		using is_transparent = void;
	};

	std::deque<File> files_;
	std::unordered_map<std::string, const File *, Hash, std::equal_to<>> paths_;
};

} // namespace lanes::http

#endif
