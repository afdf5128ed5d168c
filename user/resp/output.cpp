// SPDX-License-Identifier: GPL-2.0-only
#include "resp/output.h"

#include <cstring>

namespace lanes {

bool Output::ask()
{
	flush();
	if (link_->full())
		return false;
	copied_ = 0;
	lent_ = 0;
	return true;
}

void Output::flush()
{
	if (length_)
		link_->write({gathered_.data(), length_});
	length_ = 0;
}

void Output::put(std::span<const std::byte> bytes)
{
	copied_ += bytes.size();
	if (bytes.size() > gathered_.size() - length_) {
		flush();
		if (bytes.size() > gathered_.size() / 2) {
			link_->write(bytes);
			return;
		}
	}
	std::memcpy(gathered_.data() + length_, bytes.data(), bytes.size());
	length_ += bytes.size();
}

void Output::lend(std::span<const std::byte> bytes, Loan &loan)
{
	flush();
	link_->lend(bytes, loan);
	lent_ += bytes.size() < lend_large ? 1 : lends_max;
}

} // namespace lanes
