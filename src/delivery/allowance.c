/*
 * allowance: see the header.
 */
#include "delivery/allowance.h"

#include <stddef.h>
#include <sys/resource.h>
#include <unistd.h>

static const struct {
	int         resource;
	rlim_t      least;
	const char *name;
} allowance_limits[] = {
	{RLIMIT_NOFILE, 64, "open files"},
	{RLIMIT_FSIZE, 16UL << 20, "file size"},	/* outcomes are written in the first 9 MB */
	{RLIMIT_CPU, 600, "CPU time"},
	{RLIMIT_AS, 512UL << 20, "address space"},
	{RLIMIT_DATA, 256UL << 20, "data"},
	{RLIMIT_STACK, 512UL << 10, "stack"},
	{RLIMIT_NPROC, 64, "processes"},
};

#define ALLOWANCE_COUNT (sizeof(allowance_limits) / sizeof(allowance_limits[0]))

static void
allowance_raise(int resource, rlim_t least)
{
	struct rlimit limit, all;

	if (getrlimit(resource, &limit) != 0)
		return;
	all = limit;
	if (all.rlim_max < least && geteuid() == 0)
		all.rlim_max = least;
	all.rlim_cur = all.rlim_max;
	if (setrlimit(resource, &all) == 0 || all.rlim_max == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(resource, &limit);
}

const char *
allowance_lacks(void)
{
	struct rlimit limit;

	for (size_t i = 0; i < ALLOWANCE_COUNT; i++) {
		if (getrlimit(allowance_limits[i].resource, &limit) != 0)
			continue;
		/* a generous soft limit is left as it is: a stack without limit changes the layout of memory */
		if (limit.rlim_cur < allowance_limits[i].least)
			allowance_raise(allowance_limits[i].resource, allowance_limits[i].least);
		if (getrlimit(allowance_limits[i].resource, &limit) == 0 && limit.rlim_cur < allowance_limits[i].least)
			return allowance_limits[i].name;
	}
	return NULL;
}
