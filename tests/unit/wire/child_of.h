/*
 * child_of: finds the processes behind a dialogue, which its contract does not name.
 */
#ifndef TESTS_CHILD_OF_H
#define TESTS_CHILD_OF_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

/* The first child of a process; 0 when it has none. */
static pid_t
child_of(pid_t parent)
{
	DIR *directory = opendir("/proc");
	struct dirent *entry;
	pid_t found = 0;

	while (directory != NULL && found == 0 && (entry = readdir(directory)) != NULL) {
		char name[300], line[512], *end;
		int  pid = atoi(entry->d_name), ppid;
		FILE *file;

		if (pid <= 0)
			continue;
		(void)snprintf(name, sizeof(name), "/proc/%d/stat", pid);
		file = fopen(name, "re");
		if (file == NULL)
			continue;
		if (fgets(line, sizeof(line), file) != NULL && (end = strrchr(line, ')')) != NULL &&
		    sscanf(end + 1, " %*c %d", &ppid) == 1 && ppid == parent)
			found = pid;
		(void)fclose(file);
	}
	if (directory != NULL)
		(void)closedir(directory);
	return found;
}

#endif
