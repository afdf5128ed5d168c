// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "hold.h"

#include <unistd.h>

#include "harness.h"
#include "hold.skel.h"

static struct hold_bpf *program;

void hold_release_prepare(void)
{
	if (!program) {
		program = hold_bpf__open_and_load();
		ASSERT(program);
		ASSERT_EQ(hold_bpf__attach(program), 0);
	}
	program->bss->held = 0;
	program->bss->let_go = 0;
}

void hold_release(void)
{
	program->bss->wanted = gettid();
}

bool release_held(void)
{
	return program->bss->held;
}

void let_go_release(void)
{
	program->bss->let_go = 1;
}
