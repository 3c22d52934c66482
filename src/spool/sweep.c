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

static void
sweep_each(const struct spool *spool, int directory, void (*sweep)(const struct spool *, const char *))
{
	int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *name;

	if (stream == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	while ((name = readdir(stream)) != NULL)
		if (spool_is_id(name->d_name))
			sweep(spool, name->d_name);
	(void)closedir(stream);
}

void
spool_sweep(struct spool *spool)
{
	sweep_each(spool, spool->tmp, sweep_draft);
	sweep_each(spool, spool->verdict, sweep_fifo);
}
