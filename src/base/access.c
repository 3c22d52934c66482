/*
 * access: settings and password files belong to root and the group mailcrane, which `sendmail` gets by
 * set-group-ID.
 */
#include "base/access.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

const char *
access_text(int error)
{
	if (error != EACCES && error != EPERM)
		return strerror(error);
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		return "permission denied: set-group-ID is switched off here (NoNewPrivileges), so the group mailcrane is "
		    "missing";
	return "permission denied: not in group mailcrane, and not started set-group-ID";
}

/* With the real group's rights. The kernel makes a process whose group changes what fs.suid_dumpable says: undo that. */
static int
access_open_as_caller(const char *path)
{
	const int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	gid_t real = getgid(), effective = getegid();
	int fd = -1, error = EPERM;

	if (real == effective)
		return open(path, flags);
	(void)setfsgid(real);
	/* it reports no failure; a second call tells what holds */
	if ((gid_t)setfsgid(real) == real) {
		fd = open(path, flags);
		error = errno;
	}
	(void)setfsgid(effective);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	errno = error;
	return fd;
}

int
access_open_public(const char *path, const char **why)
{
	int fd = access_open_as_caller(path);
	struct stat status;

	*why = NULL;
	if (fd < 0 || fstat(fd, &status) != 0)
		*why = errno == EACCES ? "permission denied: every user must be able to read it (chmod a+r)" : strerror(errno);
	else if (!S_ISREG(status.st_mode))
		*why = "not a regular file";
	else if (status.st_uid != 0 && (getgid() != getegid() || status.st_uid != geteuid()))
		*why = "it does not belong to root";
	else if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		*why = "others than its owner can write it (chmod go-w)";
	if (*why == NULL)
		return fd;
	if (fd >= 0)
		(void)close(fd);
	return -1;
}
