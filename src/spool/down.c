/*
 * down: the file `down`, there while the relay is known to be unreachable. Its time of change is that of the last attempt that failed. The
 * circuit breaker itself is delivery's; this is what of it a caller has to know, who has no time to ask.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "spool/private.h"
#include "spool/spool.h"

#define DOWN_FILE "down"
#define DOWN_MAX 600	/* s; longer than the breaker ever waits between two attempts */

void
spool_down_mark(struct spool *spool)
{
	int fd = openat(spool->top, DOWN_FILE, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, spool->file_mode);

	if (fd < 0)
		return;
	/* the umask may have closed a new one to the group; fails where it is another user's, who has done it */
	(void)fchmod(fd, spool->file_mode);
	(void)futimens(fd, NULL);
	(void)close(fd);
}

void
spool_down_clear(struct spool *spool)
{
	(void)unlinkat(spool->top, DOWN_FILE, 0);
}

bool
spool_is_down(const struct spool *spool)
{
	time_t now = time(NULL);
	struct stat status;

	if (fstatat(spool->top, DOWN_FILE, &status, AT_SYMLINK_NOFOLLOW) != 0)
		return false;
	return status.st_mtim.tv_sec <= now && now - status.st_mtim.tv_sec < DOWN_MAX;
}
