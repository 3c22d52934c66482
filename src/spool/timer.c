/*
 * timer: the file `timer`, whose time of change is when a timer or a cron line called last: without one nobody tries deferred mail again
 * until the next call of sendmail, and that has to be noticed.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "spool/private.h"
#include "spool/spool.h"

#define TIMER_FILE "timer"

void
spool_timer_stamp(struct spool *spool)
{
	int fd = openat(spool->top, TIMER_FILE, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, spool->file_mode);

	if (fd < 0)
		return;
	/* as in down.c */
	(void)fchmod(fd, spool->file_mode);
	(void)futimens(fd, NULL);
	(void)close(fd);
}

long
spool_timer_age(const struct spool *spool)
{
	time_t now = time(NULL);
	struct stat status;

	if (fstatat(spool->top, TIMER_FILE, &status, AT_SYMLINK_NOFOLLOW) != 0)
		return -1;
	return now > status.st_mtim.tv_sec ? (long)(now - status.st_mtim.tv_sec) : 0;
}
