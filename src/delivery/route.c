/*
 * route: file `route` in the spool, one line, written anew and renamed into place:
 *
 *     held UNTIL SETTINGS SECRET
 *
 * SETTINGS and SECRET are the times of change (ns) of the settings and of the password file: who mends either is
 * not held back any longer.
 */
#include "delivery/route.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"

#define ROUTE_FILE_MAX 1024
#define ROUTE_HOLD_MAX 3600	/* s; beyond it the clock was set back, or the file is damaged */

static int64_t
route_changed(const char *file)
{
	struct stat status;

	if (file == NULL || stat(file, &status) != 0)
		return 0;
	return (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
}

static int64_t
route_secret_changed(const struct config *config)
{
	return config->relay.secret_source == SECRET_FILE ? route_changed(config->relay.secret) : 0;
}

static int
route_directory(const struct spool *spool)
{
	return open(spool_directory(spool), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* 0, or -1 when the line is none of ours. */
static int
route_parse(const char *line, int64_t *until, int64_t *settings, int64_t *secret)
{
	int64_t *values[] = {until, settings, secret};
	char *end;

	if (strncmp(line, "held ", 5) != 0)
		return -1;
	line += 5;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		errno = 0;
		*values[i] = strtoll(line, &end, 10);
		if (end == line || errno != 0 || (*end != ' ' && *end != '\n'))
			return -1;
		line = end;
	}
	return 0;
}

time_t
route_login_held(const struct spool *spool, const struct config *config)
{
	char line[ROUTE_FILE_MAX];
	int64_t until, settings, secret, now = (int64_t)time(NULL);
	int directory, fd;
	ssize_t length;

	directory = route_directory(spool);
	if (directory < 0)
		return 0;
	fd = openat(directory, "route", O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	(void)close(directory);
	if (fd < 0)
		return 0;
	length = file_read(fd, line, sizeof(line) - 1);
	(void)close(fd);
	if (length <= 0)
		return 0;
	line[length] = '\0';
	if (route_parse(line, &until, &settings, &secret) != 0)
		return 0;
	if (settings != route_changed(config->file) || secret != route_secret_changed(config))
		return 0;
	return until > now && until <= now + ROUTE_HOLD_MAX ? (time_t)until : 0;
}

void
route_hold_login(const struct spool *spool, const struct config *config, time_t until)
{
	char line[ROUTE_FILE_MAX], name[64];
	int directory, fd, length;
	bool written;

	directory = route_directory(spool);
	if (directory < 0)
		return;
	if (until == 0) {
		(void)unlinkat(directory, "route", 0);
		(void)close(directory);
		return;
	}
	length = snprintf(line, sizeof(line), "held %" PRId64 " %" PRId64 " %" PRId64 "\n", (int64_t)until,
	    route_changed(config->file), route_secret_changed(config));
	(void)snprintf(name, sizeof(name), "route.%ld", (long)getpid());
	fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0) {
		/* the next runner may be another user's, of the spool's group */
		written = fchmod(fd, 0660) == 0 && file_write(fd, line, (size_t)length) == 0;
		written = close(fd) == 0 && written;
		if (!written || renameat(directory, name, directory, "route") != 0)
			(void)unlinkat(directory, name, 0);
	}
	(void)close(directory);
}
