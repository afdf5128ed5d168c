// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "module.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness.h"

int module_references(void)
{
	FILE *f = fopen("/sys/module/lanes/refcnt", "re");
	int nr = -1;

	if (!f)
		return -1;
	if (fscanf(f, "%d", &nr) != 1)
		nr = -1;
	fclose(f);
	return nr;
}

int module_unload(void)
{
	return syscall(SYS_delete_module, "lanes", O_NONBLOCK);
}

void module_load(void)
{
	const char *path = getenv("LANES_KO");
	int fd;

	if (!path)
		SKIP("LANES_KO does not name the module: use selftests/run");
	fd = MUST(open(path, O_RDONLY | O_CLOEXEC));
	MUST(syscall(SYS_finit_module, fd, "", 0));
	close(fd);
}
