/*
 * watch: how a caller finds the runner, and the runner its callers.
 *
 * A caller commits, then pokes: one octet into the FIFO `trigger`, if somebody reads it. The runner starts in the order lock, FIFO,
 * scan, and leaves in the order FIFO closed, lock dropped, scan once more. So when a poke finds no reader, the runner had not
 * scanned for the last time yet, or there is none and the caller starts one: nobody waits for a wake-up that went by.
 *
 * The runner keeps a writer of its own open: without it poll() would say POLLHUP without end after the first caller has closed.
 * `lock` and `trigger` are never unlinked: two runners could then hold two locks.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "spool/private.h"
#include "spool/spool.h"

struct spool_watch {
	int lock, reader, writer;
};

int
spool_poke(struct spool *spool)
{
	int fd = spool_open_fifo(spool->top, "trigger", O_WRONLY);
	ssize_t n;

	if (fd < 0)
		return 0;
	do {
		n = write(fd, "", 1);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		n = 1;	/* full: enough pokes are waiting */
	(void)close(fd);
	return n == 1 ? 1 : 0;
}

/* 1, 0 when another holds it, -1. */
static int
watch_lock(struct spool *spool, const char *name, struct spool_watch *watch)
{
	const int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	struct stat status;

	watch->lock = openat(spool->top, name, flags, spool->file_mode);
	if (watch->lock < 0 || fstat(watch->lock, &status) != 0)
		return -1;
	if (!S_ISREG(status.st_mode)) {
		errno = EINVAL;
		return -1;
	}
	/* the umask may have closed a new one to the group; only its owner can tell, and need */
	if ((status.st_mode & 07777) != spool->file_mode && status.st_uid == geteuid())
		(void)fchmod(watch->lock, spool->file_mode);
	while (flock(watch->lock, LOCK_EX | LOCK_NB) != 0)
		if (errno != EINTR)
			return errno == EWOULDBLOCK ? 0 : -1;
	return spool_is_inode(watch->lock, spool->top, name) ? 1 : 0;
}

int
spool_watch_start(struct spool *spool, struct spool_watch **watch, struct outcome *outcome)
{
	struct spool_watch *new = memory_alloc(sizeof(*new));
	int result;

	new->lock = new->reader = new->writer = -1;
	result = watch_lock(spool, "lock", new);
	if (result < 0)
		(void)spool_fail(outcome, "can't lock %s/lock: %s", spool->directory, strerror(errno));
	if (result == 1) {
		new->reader = spool_open_fifo(spool->top, "trigger", O_RDONLY);
		if (new->reader >= 0)
			new->writer = spool_open_fifo(spool->top, "trigger", O_WRONLY);
		if (new->writer < 0)
			result = spool_fail(outcome, "can't open %s/trigger: %s", spool->directory, strerror(errno));
	}
	if (result != 1) {
		spool_watch_forget(new);
		return result;
	}
	spool_watch_stamp(new);
	*watch = new;
	return 1;
}

int
spool_watch_start_beside(struct spool *spool, struct spool_watch **watch, struct outcome *outcome)
{
	struct spool_watch *new = memory_alloc(sizeof(*new));
	int result;

	new->lock = new->reader = new->writer = -1;
	result = watch_lock(spool, "beside", new);
	if (result < 0)
		(void)spool_fail(outcome, "can't lock %s/beside: %s", spool->directory, strerror(errno));
	if (result == 1)
		*watch = new;
	else
		spool_watch_forget(new);
	return result;
}

int
spool_watch_fd(const struct spool_watch *watch)
{
	return watch->reader;
}

void
spool_watch_drain(struct spool_watch *watch)
{
	char pokes[4096];
	ssize_t n;

	if (watch->reader < 0)
		return;
	do {
		n = read(watch->reader, pokes, sizeof(pokes));
	} while (n == (ssize_t)sizeof(pokes) || (n < 0 && errno == EINTR));
}

void
spool_watch_stamp(struct spool_watch *watch)
{
	/* with NULL times write permission is enough: the file may be another user's */
	(void)futimens(watch->lock, NULL);
}

static void
watch_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

void
spool_watch_stop(struct spool_watch *watch)
{
	if (watch == NULL)
		return;
	watch_close(&watch->writer);
	watch_close(&watch->reader);
	/* a child that inherited the descriptor must not keep the lock alive */
	(void)flock(watch->lock, LOCK_UN);
	spool_watch_forget(watch);
}

void
spool_watch_forget(struct spool_watch *watch)
{
	if (watch == NULL)
		return;
	watch_close(&watch->writer);
	watch_close(&watch->reader);
	watch_close(&watch->lock);
	free(watch);
}

long
spool_watch_age(struct spool *spool)
{
	struct timespec now;
	struct stat status;
	int fd = spool_open_fifo(spool->top, "trigger", O_WRONLY);

	/* the FIFO and not the lock: trying the lock could keep a runner that starts right now from taking it */
	if (fd < 0)
		return -1;
	(void)close(fd);
	if (fstatat(spool->top, "lock", &status, AT_SYMLINK_NOFOLLOW) != 0 || clock_gettime(CLOCK_REALTIME, &now) != 0)
		return -1;
	return now.tv_sec > status.st_mtim.tv_sec ? (long)(now.tv_sec - status.st_mtim.tv_sec) : 0;
}
