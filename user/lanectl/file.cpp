// SPDX-License-Identifier: GPL-2.0-only
#include "lanectl/file.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include <sys/stat.h>
#include <unistd.h>

#include "common/error.h"
#include "common/fd.h"

namespace lanes::ctl {
namespace {

/* Gone unless it is put in place. */
class Draft {
public:
	explicit Draft(const std::string &path)
		: name_(path + ".XXXXXX"), fd_(mkstemp(name_.data()))
	{
	}
	~Draft()
	{
		if (fd_)
			unlink(name_.c_str());
	}

	bool write(std::string_view text, mode_t mode)
	{
		while (fd_ && !text.empty()) {
			const ssize_t done = ::write(fd_.get(), text.data(), text.size());

			if (done < 0)
				return false;
			text.remove_prefix(static_cast<size_t>(done));
		}
		/* mkstemp() makes it readable for its owner only. */
		return fd_ && !fchmod(fd_.get(), mode);
	}
	bool put_in_place(const std::string &path)
	{
		if (rename(name_.c_str(), path.c_str()))
			return false;
		fd_.reset();
		return true;
	}

private:
	std::string name_;
	Fd fd_;
};

} // namespace

void write_file(const std::string &path, std::string_view text, std::string_view remedy,
		mode_t mode)
{
	Draft draft(path);

	if (!draft.write(text, mode) || !draft.put_in_place(path))
		throw_errno(errno, path, remedy);
}

} // namespace lanes::ctl
