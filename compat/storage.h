/*
 * storage: makes sure that a committed message is on the disk, or takes it back, without ever waiting
 * longer than a deadline.
 *
 * fsync() on a sick disk or a dead file server hangs and can't be interrupted, not even by SIGKILL; no
 * timer helps. So a child does it and reports through a pipe, and we poll the pipe. When the deadline
 * passes we go without the child: it holds none of the caller's descriptors and ends when the disk
 * answers. Not bounded is what comes before the promise: writing the file and its rename work in memory
 * and hang only on file systems that hang for every program.
 */
#ifndef MAILCRANE_STORAGE_H
#define MAILCRANE_STORAGE_H

#include "base/deadline.h"
#include "base/outcome.h"
#include "spool/spool.h"

struct storage {
	int            report;		/* the child's pipe, -1 when the answer is known */
	int            status;		/* what the child said, when report is -1 */
	struct outcome outcome;
	struct {
		struct spool_draft *draft;
		int                 report;
	} errand;			/* for the thread of storage_start_alone() */
};

enum storage_status {
	STORAGE_SAFE,		/* on the disk, both file and directory */
	STORAGE_FAILED,		/* it will not be; *outcome says why */
	STORAGE_UNKNOWN		/* the deadline passed; *outcome says so */
};

/* Begins to sync. */
void storage_start(struct storage *storage, struct spool_draft *draft);

/* The same for who has nothing else to do until then, and faster. But as long as the answer is STORAGE_UNKNOWN the storage, the draft and its
 * spool must stay as they are, and nothing else may be started this way. */
void storage_start_alone(struct storage *storage, struct spool_draft *draft);

/* Waits for the end of that. Can be asked again. */
enum storage_status storage_wait(struct storage *storage, struct deadline deadline, struct outcome *outcome);

/* Forgets the pipe; a child that still hangs is left to itself. */
void storage_end(struct storage *storage);

enum storage_back {
	STORAGE_GONE,		/* taken back: it will not be sent */
	STORAGE_UNDER_WAY,	/* somebody is serving it */
	STORAGE_STUCK		/* the deadline passed; it may still be sent */
};

enum storage_back storage_take_back(struct spool_draft *draft, struct deadline deadline);

#endif
