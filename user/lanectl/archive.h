// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANECTL_ARCHIVE_H
#define LANES_LANECTL_ARCHIVE_H

#include <string>
#include <string_view>
#include <vector>

namespace lanes::ctl {

/** A file of an archive. */
struct Member {
	std::string name;
	std::string content;
};

/** The format of tar(5), "ustar", with all members in one folder. Says nothing of
 *  who made it. Throws if a name is longer than the format has room for.
 */
std::string make_archive(std::string_view folder, const std::vector<Member> &members);

} // namespace lanes::ctl

#endif
