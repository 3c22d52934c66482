/*
 * sweep: removes what callers left that died. Age is no sign: cron may stream into tmp/ for hours. What counts is who holds it: a
 * file in tmp/ is locked by its caller; a FIFO in verdict/ was made and opened while tmp/ID was there, and is read by
 * its caller. So tmp/ID is looked for first, then a reader: the other way round a caller could open and commit in between.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "spool/private.h"
#include "spool/spool.h"

static void
sweep_draft(const struct spool *spool, const char *id)
{
	int fd = openat(spool->tmp, id, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat status;

	if (fd < 0)
		return;
	/* by the time the lock is ours the caller may have committed it */
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
	    spool_is_inode(fd, spool->tmp, id))
		(void)unlinkat(spool->tmp, id, 0);
	(void)close(fd);
}

static void
sweep_fifo(const struct spool *spool, const char *id)
{
	int fd;

	if (faccessat(spool->tmp, id, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
		return;
	fd = spool_open_fifo(spool->verdict, id, O_WRONLY);
	if (fd >= 0)
		(void)close(fd);
	else if (errno == ENXIO)
		(void)unlinkat(spool->verdict, id, 0);
}

/* The time of change is that of the last write: the note that it was given up. Locked by whoever puts it back into the queue. */
static bool
sweep_failed(const struct spool *spool, const char *id, time_t keep)
{
	struct stat status;
	bool is_gone = false;
	int fd;

	if (fstatat(spool->failed, id, &status, AT_SYMLINK_NOFOLLOW) != 0 || time(NULL) - status.st_mtim.tv_sec <= keep)
		return false;
	fd = openat(spool->failed, id, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && time(NULL) - status.st_mtim.tv_sec > keep &&
	    flock(fd, LOCK_EX | LOCK_NB) == 0 && spool_is_inode(fd, spool->failed, id))
		is_gone = unlinkat(spool->failed, id, 0) == 0;
	(void)close(fd);
	return is_gone;
}

static DIR *
sweep_open(int directory)
{
	int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;

	if (stream == NULL && fd >= 0)
		(void)close(fd);
	return stream;
}

/* The next name that is an id; NULL behind the last one. */
static const char *
sweep_next(DIR *stream)
{
	const struct dirent *name;

	while (stream != NULL && (name = readdir(stream)) != NULL)
		if (spool_is_id(name->d_name))
			return name->d_name;
	if (stream != NULL)
		(void)closedir(stream);
	return NULL;
}

size_t
spool_sweep(struct spool *spool, time_t keep_failed)
{
	const char *id;
	size_t gone = 0;
	DIR *stream;

	for (stream = sweep_open(spool->tmp); (id = sweep_next(stream)) != NULL;)
		sweep_draft(spool, id);
	for (stream = sweep_open(spool->verdict); (id = sweep_next(stream)) != NULL;)
		sweep_fifo(spool, id);
	for (stream = sweep_open(spool->failed); (id = sweep_next(stream)) != NULL;)
		gone += sweep_failed(spool, id, keep_failed) ? 1 : 0;
	return gone;
}
