// SPDX-License-Identifier: GPL-2.0-only
#include "common/error.h"

#include <gtest/gtest.h>

#include <cerrno>

using namespace lanes;

TEST(error, names_errno_object_and_remedy)
{
	EXPECT_EQ(describe_errno(ENOENT, "attach", "load it"),
		  "attach: ENOENT (No such file or directory); load it");
	EXPECT_EQ(describe_errno(EPERM, "x"), "x: EPERM (Operation not permitted)");
	EXPECT_EQ(describe_errno(123456, "x"), "x: unknown errno (?)");
}
