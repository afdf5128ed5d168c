// SPDX-License-Identifier: GPL-2.0-only
#ifndef LANES_HTTP_MEDIA_TYPE_H
#define LANES_HTTP_MEDIA_TYPE_H

#include <string_view>

namespace lanes::http {

/** What a file's name says about its content, for Content-Type. */
std::string_view media_type(std::string_view name);

} // namespace lanes::http

#endif
