/*
 * starter: "mailcrane run" as a process of its own (double fork, so that neither we nor our caller is its
 * parent).
 *
 * Which mailcrane: the one beside this program, so that a build directory works by itself; set-id only the
 * path that was compiled in, because a hard link to this program could stand anywhere. A started runner
 * scans the queue first, so it need not be poked.
 */
#include "starter.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "inherit.h"

#define STARTER_NAME "mailcrane"
#define STARTER_STALE 60	/* s without a sign of life before the log names a runner */

static bool
starter_beside(char *path, size_t size)
{
	ssize_t length = readlink("/proc/self/exe", path, size - 1);
	char *slash;

	if (length <= 0)
		return false;
	path[length] = '\0';
	slash = strrchr(path, '/');
	if (slash == NULL || (size_t)(slash + 1 - path) + sizeof(STARTER_NAME) > size)
		return false;
	memcpy(slash + 1, STARTER_NAME, sizeof(STARTER_NAME));
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
}

static bool
starter_find(char *path, size_t size, bool secure)
{
	if (!secure && starter_beside(path, size))
		return true;
	(void)snprintf(path, size, "%s/%s", MAILCRANE_SBINDIR, STARTER_NAME);
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
}

/* "MAILCRANE_CONFIG=..." for the runner when the caller chose the file, else NULL. Whole, as the runner's
 * directory is /. In `text`, since the processes on the way to the runner end without freeing anything. */
static char *
starter_settings(const struct config *config, bool secure, char *text, size_t size)
{
	char whole[PATH_MAX];
	int  length;

	if (secure || getenv("MAILCRANE_CONFIG") == NULL || realpath(config->file, whole) == NULL)
		return NULL;
	length = snprintf(text, size, "MAILCRANE_CONFIG=%s", whole);
	return length > 0 && (size_t)length < size ? text : NULL;
}

static void starter_become(char *path, char *settings) __attribute__((noreturn));

/* The grandchild. The standard descriptors go, too: a caller that reads our stderr to its end would wait
 * for the runner. */
static void
starter_become(char *path, char *settings)
{
	char path_setting[] = "PATH=/usr/bin:/bin";
	char name[] = STARTER_NAME, verb[] = "run";
	char *const arguments[] = {name, verb, NULL};
	char *const environment[] = {path_setting, settings, NULL};

	file_close_from(0);
	if (file_ensure_standard() != 0 || chdir("/") != 0)
		_exit(127);
	inherit_reset_signals();
	(void)execve(path, arguments, environment);
	_exit(127);
}

static bool
starter_start(char *path, char *settings)
{
	pid_t child = fork();
	int status;

	if (child < 0)
		return false;
	if (child == 0) {
		pid_t runner;

		(void)setsid();
		runner = fork();
		if (runner == 0)
			starter_become(path, settings);
		_exit(runner < 0 ? 1 : 0);
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool
starter_wake(struct spool *spool, const struct config *config, bool secure)
{
	char path[PATH_MAX], settings[PATH_MAX + 32];
	bool started;

	if (spool_poke(spool) == 1) {
		long age = spool_watch_age(spool);

		if (age > STARTER_STALE)
			log_line(LOG_LEVEL_WARNING, "the runner has given no sign of life for %ld s", age);
		return true;
	}
	if (config->runner_is_service) {
		log_line(LOG_LEVEL_WARNING,
		    "mail is queued, but the service \"mailcrane run --foreground\" is not there");
		return false;
	}
	if (!starter_find(path, sizeof(path), secure)) {
		log_line(LOG_LEVEL_ERROR, "mail is queued, but %s can't be run: %s", path, strerror(errno));
		return false;
	}
	started = starter_start(path, starter_settings(config, secure, settings, sizeof(settings)));
	if (!started)
		log_line(
		    LOG_LEVEL_ERROR, "mail is queued, but no runner can be started: %s", strerror(errno));
	return started;
}
