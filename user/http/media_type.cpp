// SPDX-License-Identifier: GPL-2.0-only
#include "http/media_type.h"

#include <string>

namespace lanes::http {

namespace {

struct Entry {
	std::string_view extension;
	std::string_view type;
};

constexpr Entry entries[] = {
	{"avif", "image/avif"},
	{"css", "text/css; charset=utf-8"},
	{"csv", "text/csv; charset=utf-8"},
	{"gif", "image/gif"},
	{"gz", "application/gzip"},
	{"htm", "text/html; charset=utf-8"},
	{"html", "text/html; charset=utf-8"},
	{"ico", "image/vnd.microsoft.icon"},
	{"jpeg", "image/jpeg"},
	{"jpg", "image/jpeg"},
	{"js", "text/javascript; charset=utf-8"},
	{"json", "application/json"},
	{"md", "text/markdown; charset=utf-8"},
	{"mjs", "text/javascript; charset=utf-8"},
	{"mp3", "audio/mpeg"},
	{"mp4", "video/mp4"},
	{"ogg", "audio/ogg"},
	{"pdf", "application/pdf"},
	{"png", "image/png"},
	{"rst", "text/plain; charset=utf-8"},
	{"svg", "image/svg+xml"},
	{"tar", "application/x-tar"},
	{"ttf", "font/ttf"},
	{"txt", "text/plain; charset=utf-8"},
	{"wasm", "application/wasm"},
	{"webm", "video/webm"},
	{"webp", "image/webp"},
	{"woff", "font/woff"},
	{"woff2", "font/woff2"},
	{"xml", "application/xml"},
	{"zip", "application/zip"},
};

} // namespace

std::string_view media_type(std::string_view name)
{
	const size_t dot = name.rfind('.');

	if (dot != name.npos) {
		std::string extension(name.substr(dot + 1));

		for (char &c : extension)
			if (c >= 'A' && c <= 'Z')
				c = static_cast<char>(c + ('a' - 'A'));
		for (const Entry &entry : entries)
			if (entry.extension == extension)
				return entry.type;
	}
	return "application/octet-stream";
}

} // namespace lanes::http
