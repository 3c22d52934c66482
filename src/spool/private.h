/*
 * private: what the files of this room share. Nobody outside includes it.
 */
#ifndef MAILCRANE_SPOOL_PRIVATE_H
#define MAILCRANE_SPOOL_PRIVATE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/outcome.h"

struct spool {
	char  *directory;
	int    top, tmp, queue, failed, verdict, damaged;	/* descriptors of directories */
	uid_t  owner;
	gid_t  group;
	mode_t file_mode;		/* 0660, in a private spool 0600 */
};

/* Fills *outcome (FAILED, stage and cause SPOOL), keeps errno, gives -1. */
int spool_fail(struct outcome *outcome, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The directory, for a text; of a message that is in no spool "memory". */
const char *spool_name(const struct spool *spool);

/* true for a name that is an id: nothing else in the directories is looked at. */
bool spool_is_id(const char *name);

/* true when that name in that directory is the file open as fd. */
bool spool_is_inode(int fd, int directory, const char *name);

/* rename that replaces nothing: -1 with EEXIST. */
int spool_rename_new(int from, int to, const char *name, const char *new_name);

/* Opens a FIFO without waiting and without following a link; -1 with errno, EINVAL when it is something else. */
int spool_open_fifo(int directory, const char *name, int flags);

#endif
