/*
 * storage: fsync and withdrawal in a child with a deadline (see storage.h for why).
 *
 *   running --report--> known          asked at any time; one report, one read (it fits PIPE_BUF)
 *   running --deadline--> running      the answer is UNKNOWN, and may be asked for again
 *   running --end of file--> known     the child died: as good as a failure
 *
 * Where the caller waits for nothing but the sync, the child is made by vfork(2): to copy the address space, and after that each page that
 * one of the two writes to, takes longer than a sync does on a good disk. vfork() suspends whoever calls it until the child has ended, so
 * a thread calls it while we poll. The thread alone would not do: no process ends before its last thread, and a sync that hangs can't be
 * ended. A thread that waits in vfork() can, and the child goes on without us.
 */
#include "storage.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

struct storage_report {
	int            status;
	struct outcome outcome;
};

_Static_assert(sizeof(struct storage_report) <= PIPE_BUF, "a report is one write");

#define STORAGE_STACK ((size_t)256 * 1024)	/* of the thread and its child; less than 128 K is refused on arm64 */

enum storage_work { STORAGE_SYNC, STORAGE_WITHDRAW };

static int
storage_do(enum storage_work work, struct spool_draft *draft, struct outcome *outcome)
{
	return work == STORAGE_SYNC ? spool_draft_sync(draft, outcome) : spool_draft_withdraw(draft);
}

static void
storage_report(enum storage_work work, struct spool_draft *draft, int report_fd)
{
	struct storage_report report;

	memset(&report, 0, sizeof(report));
	report.status = storage_do(work, draft, &report.outcome);
	(void)file_write(report_fd, &report, sizeof(report));
}

static void storage_child(enum storage_work work, struct spool_draft *draft, int report_fd) __attribute__((noreturn));

/* The child: a caller that reads its end of stdout or stderr to the end must not wait for the disk. What it does opens nothing that could
 * get their numbers. */
static void
storage_child(enum storage_work work, struct spool_draft *draft, int report_fd)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		(void)close(fd);
	storage_report(work, draft, report_fd);
	_exit(0);
}

/* Without pipe or process it is done here, and may hang with the disk: better than not at all. */
static void
storage_begin(struct storage *storage, enum storage_work work, struct spool_draft *draft)
{
	int ends[2] = {-1, -1};
	pid_t child = -1;

	memset(storage, 0, sizeof(*storage));
	storage->report = -1;
	if (pipe2(ends, O_CLOEXEC) == 0)
		child = fork();
	if (child == 0) {
		(void)close(ends[0]);
		storage_child(work, draft, ends[1]);
	}
	if (ends[1] >= 0)
		(void)close(ends[1]);
	if (child > 0) {
		storage->report = ends[0];
		return;
	}
	if (ends[0] >= 0)
		(void)close(ends[0]);
	storage->status = storage_do(work, draft, &storage->outcome);
}

/* 1 when the answer is known. */
static int
storage_known(struct storage *storage, struct deadline deadline)
{
	struct storage_report report;
	struct pollfd ready = {.fd = storage->report, .events = POLLIN};
	int n;

	if (storage->report < 0)
		return 1;
	do {
		n = poll(&ready, 1, deadline_poll(deadline));
	} while (n < 0 && errno == EINTR);
	if (n == 0)
		return 0;
	if (n > 0 && file_read(storage->report, &report, sizeof(report)) == (ssize_t)sizeof(report)) {
		storage->status = report.status;
		storage->outcome = report.outcome;
	} else {
		storage->status = -1;
		outcome_set(&storage->outcome, VERDICT_FAILED, STAGE_SPOOL, CAUSE_SPOOL,
		    "the process that stores it died");
	}
	(void)close(storage->report);
	storage->report = -1;
	return 1;
}

void
storage_start(struct storage *storage, struct spool_draft *draft)
{
	storage_begin(storage, STORAGE_SYNC, draft);
}

static void *
storage_thread(void *argument)
{
	const struct storage *storage = argument;
	/* once the report is written, the next errand may be in its place */
	struct spool_draft *draft = storage->errand.draft;
	int report = storage->errand.report;
	/* why vfork() is at the head of this file; in its child nothing is done but system calls and a report */
	pid_t child = vfork();	/* NOLINT(clang-analyzer-security.insecureAPI.vfork) */

	if (child == 0)	/* NOLINTNEXTLINE(clang-analyzer-unix.Vfork) */
		storage_child(STORAGE_SYNC, draft, report);
	if (child < 0)
		storage_report(STORAGE_SYNC, draft, report);
	(void)close(report);
	return NULL;
}

static bool
storage_begin_thread(struct storage *storage)
{
	pthread_attr_t attributes;
	pthread_t thread;
	bool is_begun;

	if (pthread_attr_init(&attributes) != 0)
		return false;
	is_begun = pthread_attr_setstacksize(&attributes, STORAGE_STACK) == 0 &&
	    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0 &&
	    pthread_create(&thread, &attributes, storage_thread, storage) == 0;
	(void)pthread_attr_destroy(&attributes);
	return is_begun;
}

void
storage_start_alone(struct storage *storage, struct spool_draft *draft)
{
	int ends[2];

	memset(storage, 0, sizeof(*storage));
	if (pipe2(ends, O_CLOEXEC) == 0) {
		storage->report = ends[0];
		storage->errand.draft = draft;
		storage->errand.report = ends[1];
		if (storage_begin_thread(storage))
			return;
		(void)close(ends[0]);
		(void)close(ends[1]);
	}
	storage_start(storage, draft);
}

enum storage_status
storage_wait(struct storage *storage, struct deadline deadline, struct outcome *outcome)
{
	if (!storage_known(storage, deadline)) {
		outcome_set(outcome, VERDICT_FAILED, STAGE_SPOOL, CAUSE_SPOOL, "the disk does not answer");
		return STORAGE_UNKNOWN;
	}
	if (storage->status == 0)
		return STORAGE_SAFE;
	*outcome = storage->outcome;
	return STORAGE_FAILED;
}

void
storage_end(struct storage *storage)
{
	if (storage->report >= 0)
		(void)close(storage->report);
	storage->report = -1;
}

enum storage_back
storage_take_back(struct spool_draft *draft, struct deadline deadline)
{
	struct storage storage;
	enum storage_back back = STORAGE_STUCK;

	storage_begin(&storage, STORAGE_WITHDRAW, draft);
	if (storage_known(&storage, deadline))
		back = storage.status == 0   ? STORAGE_GONE
		       : storage.status == 1 ? STORAGE_UNDER_WAY
					     : STORAGE_STUCK;
	storage_end(&storage);
	return back;
}
