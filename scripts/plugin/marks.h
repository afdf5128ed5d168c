/* SPDX-License-Identifier: GPL-2.0-only */
/* What the guest executes and the plugins see: nopl DISPLACEMENT(%rax). */
#ifndef LANES_PLUGIN_MARKS_H
#define LANES_PLUGIN_MARKS_H

#define MARK_BYTES	0x0f, 0x1f, 0x80, 0x4c, 0x4e, 0x53
#define MARK_BEGIN	1
#define MARK_END	2

#endif
