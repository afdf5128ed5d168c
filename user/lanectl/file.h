// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_LANECTL_FILE_H
#define LANES_LANECTL_FILE_H

#include <string>
#include <string_view>

#include <sys/types.h>

namespace lanes::ctl {

/** Makes @path hold @text at one instant: a reader sees the old or the new, and
 *  a failure leaves the old. Throws, with @remedy.
 */
void write_file(const std::string &path, std::string_view text, std::string_view remedy,
		mode_t mode = 0644);

} // namespace lanes::ctl

#endif
