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

#include "base/buffer.h"
#include "base/file.h"
#include "base/log.h"
#include "base/relay.h"
#include "inherit.h"

#define STARTER_NAME "mailcrane"
#define STARTER_HIGH 16		/* above every number that is used */
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
 * directory is /. */
static char *
starter_settings(const struct config *config, bool secure)
{
	char *whole, *result = NULL;
	struct buffer text;

	if (secure || getenv("MAILCRANE_CONFIG") == NULL)
		return NULL;
	whole = realpath(config->file, NULL);
	if (whole == NULL)
		return NULL;
	buffer_init(&text, PATH_MAX + 64);
	if (buffer_append_format(&text, "MAILCRANE_CONFIG=%s", whole) == 0)
		result = memory_copy_text(text.data);
	buffer_free(&text);
	free(whole);
	return result;
}

/* "NAME=value" of the variable that holds the relay's password, else NULL. */
static char *
starter_secret(const struct relay *relay, bool secure)
{
	char *result = NULL;
	const char *value;

	if (secure || relay->secret_source != SECRET_ENVIRONMENT)
		return NULL;
	value = getenv(relay->secret);
	if (value != NULL && asprintf(&result, "%s=%s", relay->secret, value) < 0)
		memory_fail();
	return result;
}

static void starter_become(char *path, char *const *environment) __attribute__((noreturn));

/* The grandchild. The standard descriptors go, too: a caller that reads our stderr to its end would wait
 * for the runner. */
static void
starter_become(char *path, char *const *environment)
{
	char name[] = STARTER_NAME, verb[] = "run";
	char *const arguments[] = {name, verb, NULL};

	file_close_from(0);
	if (file_ensure_standard() != 0 || chdir("/") != 0)
		_exit(127);
	inherit_reset_signals();
	(void)execve(path, arguments, environment);
	_exit(127);
}

/* The child: the message on 3, the pipe on 4, nothing else. */
static void starter_become_direct(char *path, char *const *environment, int message, int pipe, int64_t ms)
    __attribute__((noreturn));

static void
starter_become_direct(char *path, char *const *environment, int message, int pipe, int64_t ms)
{
	char name[] = STARTER_NAME, verb[] = "direct", left[24];
	char *const arguments[] = {name, verb, left, NULL};

	(void)snprintf(left, sizeof(left), "%lld", (long long)ms);
	(void)setsid();
	/* out of the way first: each may have the other's number */
	message = fcntl(message, F_DUPFD, STARTER_HIGH);
	pipe = fcntl(pipe, F_DUPFD, STARTER_HIGH);
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		(void)close(fd);
	if (message < 0 || pipe < 0 || file_ensure_standard() != 0 || dup2(message, STDERR_FILENO + 1) < 0 ||
	    dup2(pipe, STDERR_FILENO + 2) < 0 || chdir("/") != 0)
		_exit(127);
	file_close_from(STDERR_FILENO + 3);
	inherit_reset_signals();
	(void)execve(path, arguments, environment);
	_exit(127);
}

static bool
starter_fork(char *path, char *const *environment)
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
			starter_become(path, environment);
		_exit(runner < 0 ? 1 : 0);
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* What the runner gets: nothing but what the settings name. */
struct starter_environment {
	char  path[sizeof("PATH=/usr/bin:/bin")];
	char *settings, *secrets[CONFIG_RELAYS_MAX];	/* owned */
	char *words[3 + CONFIG_RELAYS_MAX];
};

static void
starter_fill(struct starter_environment *environment, const struct config *config, bool secure)
{
	size_t count = 0;

	memset(environment, 0, sizeof(*environment));
	memcpy(environment->path, "PATH=/usr/bin:/bin", sizeof(environment->path));
	environment->settings = starter_settings(config, secure);
	environment->words[count++] = environment->path;
	if (environment->settings != NULL)
		environment->words[count++] = environment->settings;
	for (size_t i = 0; i < relay_count(config); i++) {
		environment->secrets[i] = starter_secret(relay_at(config, i), secure);
		if (environment->secrets[i] != NULL)
			environment->words[count++] = environment->secrets[i];
	}
}

static void
starter_empty(struct starter_environment *environment)
{
	free(environment->settings);
	for (size_t i = 0; i < CONFIG_RELAYS_MAX; i++) {
		if (environment->secrets[i] != NULL)
			explicit_bzero(environment->secrets[i], strlen(environment->secrets[i]));
		free(environment->secrets[i]);
	}
}

static bool
starter_start(char *path, const struct config *config, bool secure)
{
	struct starter_environment environment;
	bool started;

	starter_fill(&environment, config, secure);
	started = starter_fork(path, environment.words);
	starter_empty(&environment);
	return started;
}

pid_t
starter_direct(const struct config *config, bool secure, int message, int64_t ms, int *verdict)
{
	struct starter_environment environment;
	char path[PATH_MAX];
	pid_t child = -1;
	int ends[2];

	if (!starter_find(path, sizeof(path), secure) || pipe2(ends, O_CLOEXEC) != 0) {
		log_line(LOG_LEVEL_ERROR, "mail can't be sent, since %s can't be run: %s", path, strerror(errno));
		return -1;
	}
	starter_fill(&environment, config, secure);
	child = fork();
	if (child == 0)
		starter_become_direct(path, environment.words, message, ends[1], ms);
	starter_empty(&environment);
	(void)close(ends[1]);
	if (child < 0) {
		log_line(LOG_LEVEL_ERROR, "mail can't be sent, since no process can be started: %s", strerror(errno));
		(void)close(ends[0]);
		return -1;
	}
	*verdict = ends[0];
	return child;
}

/* Not in its way, and not held up by it: an ordinary runner finds the other's lock, and what it has not stamped for so long. */
static bool
starter_is_stopped(struct spool *spool)
{
	long age = spool_watch_age(spool);

	if (age > STARTER_STALE)
		log_line(LOG_LEVEL_WARNING, "the runner has given no sign of life for %ld s", age);
	return age > STARTER_STALE;
}

bool
starter_wake(struct spool *spool, const struct config *config, bool secure)
{
	char path[PATH_MAX];
	bool started;

	if (spool_poke(spool) == 1 && !starter_is_stopped(spool))
		return true;
	if (config->runner_is_service) {
		log_line(LOG_LEVEL_WARNING,
		    "mail is queued, but the service \"mailcrane run --foreground\" is not there");
		return false;
	}
	if (!starter_find(path, sizeof(path), secure)) {
		log_line(LOG_LEVEL_ERROR, "mail is queued, but %s can't be run: %s", path, strerror(errno));
		return false;
	}
	started = starter_start(path, config, secure);
	if (!started)
		log_line(
		    LOG_LEVEL_ERROR, "mail is queued, but no runner can be started: %s", strerror(errno));
	return started;
}
