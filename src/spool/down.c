/*
 * down: file `down`, or `down.NAME` for mail that begins at a relay of that name: there while no relay of its chain can be reached. Its
 * time of change is that of the last attempt that failed. The circuit breaker itself is delivery's; this is what of it a caller has to
 * know, who has no time to ask.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "spool/private.h"
#include "spool/spool.h"

#define DOWN_FILE "down"
#define DOWN_MAX 600	/* s; longer than the breaker ever waits between two attempts */
#define DOWN_NAME 64

static const char *
down_name(char name[DOWN_NAME], const char *relay)
{
	(void)snprintf(name, DOWN_NAME, DOWN_FILE "%s%.40s", relay[0] != '\0' ? "." : "", strchr(relay, '/') == NULL ? relay : "");
	return name;
}

void
spool_down_mark(struct spool *spool, const char *relay)
{
	const int flags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	char name[DOWN_NAME];
	int fd = openat(spool->top, down_name(name, relay), flags, spool->file_mode);

	if (fd < 0)
		return;
	/* the umask may have closed a new one to the group; fails where it is another user's, who has done it */
	(void)fchmod(fd, spool->file_mode);
	(void)futimens(fd, NULL);
	(void)close(fd);
}

void
spool_down_clear(struct spool *spool, const char *relay)
{
	char name[DOWN_NAME];

	(void)unlinkat(spool->top, down_name(name, relay), 0);
}

bool
spool_is_down(const struct spool *spool, const char *relay)
{
	time_t now = time(NULL);
	struct stat status;
	char name[DOWN_NAME];

	if (fstatat(spool->top, down_name(name, relay), &status, AT_SYMLINK_NOFOLLOW) != 0)
		return false;
	return status.st_mtim.tv_sec <= now && now - status.st_mtim.tv_sec < DOWN_MAX;
}
