/*
 * log: one line per event.
 *
 * Lines for syslog are sent here in the form of RFC 3164 and not by syslog(3), which waits without end when
 * the log daemon does not read its socket. Socket and file are opened for each line: there is no descriptor
 * to lose to a child that closes everything, and a rotated file or a restarted daemon needs no signal.
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

#ifndef LOG_SOCKET
#define LOG_SOCKET _PATH_LOG
#endif

#define LOG_TEXT_MAX 1500
#define LOG_COPY_LINE 500	/* POSIX's smallest PIPE_BUF and a little less: in one piece or not at all */
#define LOG_COPY_ROOM 32768	/* what may be unread in a caller's pipe: the verdict must find room */
#define LOG_WAIT_MS 200		/* most that a line may hold up the mail */

enum log_target { LOG_TARGET_NONE, LOG_TARGET_SYSLOG, LOG_TARGET_STDERR, LOG_TARGET_FILE };

static struct {
	enum log_target target;
	enum log_level  level;
	char            program[32];
	char            path[1024];
} log_state;

static struct {
	bool        is_on;
	int         fd;
	const char *prefix;
} log_copies[LOG_LISTENERS];

static const struct {
	const char *name;
	int         priority;
} log_levels[] = {
	[LOG_LEVEL_ERROR] = {"error", LOG_ERR},
	[LOG_LEVEL_WARNING] = {"warning", LOG_WARNING},
	[LOG_LEVEL_INFO] = {"info", LOG_INFO},
	[LOG_LEVEL_DEBUG] = {"debug", LOG_DEBUG},
};

#define LOG_LEVELS (sizeof(log_levels) / sizeof(log_levels[0]))

static void
log_to_syslog(enum log_level level, const char *text)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char line[LOG_TEXT_MAX + 128];
	time_t now = time(NULL);
	struct tm tm;
	int fd, length;

	if (localtime_r(&now, &tm) == NULL || tm.tm_mon < 0 || tm.tm_mon > 11)
		return;
	length = snprintf(line, sizeof(line), "<%d>%.3s %2d %02d:%02d:%02d %s[%ld]: %s",
	    LOG_MAIL | log_levels[level].priority, months + (size_t)tm.tm_mon * 3, tm.tm_mday, tm.tm_hour,
	    tm.tm_min, tm.tm_sec, log_state.program, (long)getpid(), text);
	if (length < 0 || (size_t)length >= sizeof(line))
		return;
	if (snprintf(address.sun_path, sizeof(address.sun_path), "%s", LOG_SOCKET) >= (int)sizeof(address.sun_path))
		return;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && file_wait_writable(fd, LOG_WAIT_MS))
		(void)!send(fd, line, (size_t)length, MSG_NOSIGNAL);
	(void)close(fd);
}

/* -1 with errno when there is no such file to write to. */
static int
log_open_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
	struct stat status;

	if (fd < 0)
		return -1;
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
		return fd;
	(void)close(fd);
	errno = EINVAL;
	return -1;
}

static int
log_to_descriptor(int fd, enum log_level level, const char *text)
{
	char line[LOG_TEXT_MAX + 128];
	struct timespec now;
	struct tm tm;
	int length;
	ssize_t n;

	if (clock_gettime(CLOCK_REALTIME, &now) != 0 || gmtime_r(&now.tv_sec, &tm) == NULL)
		return -1;
	length = snprintf(line, sizeof(line), "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ %s[%ld]: %s: %s\n",
	    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, now.tv_nsec / 1000000,
	    log_state.program, (long)getpid(), log_levels[level].name, text);
	if (length < 0 || (size_t)length >= sizeof(line))
		return -1;
	/* a pipe that nobody reads */
	if (!file_wait_writable(fd, LOG_WAIT_MS))
		return -1;
	while ((n = write(fd, line, (size_t)length)) < 0 && errno == EINTR)
		;
	return n == length ? 0 : -1;
}

static void
log_to_file(enum log_level level, const char *text)
{
	int fd = log_open_file(log_state.path);

	if (fd < 0 || log_to_descriptor(fd, level, text) != 0)
		log_to_syslog(level, text);
	if (fd >= 0)
		(void)close(fd);
}

static void
log_open_path(const char *path)
{
	int fd;

	log_state.target = LOG_TARGET_SYSLOG;
	if (path[0] != '/' || strlen(path) >= sizeof(log_state.path)) {
		log_line(LOG_LEVEL_WARNING, "%s can't be the log file; logging to syslog", path);
		return;
	}
	fd = log_open_file(path);
	if (fd < 0) {
		log_line(LOG_LEVEL_WARNING, "log file %s: %s; logging to syslog", path, strerror(errno));
		return;
	}
	(void)close(fd);
	(void)snprintf(log_state.path, sizeof(log_state.path), "%s", path);
	log_state.target = LOG_TARGET_FILE;
}

void
log_open(const char *target, enum log_level level, const char *program)
{
	int saved = errno;

	log_close();
	log_state.level = level;
	(void)snprintf(log_state.program, sizeof(log_state.program), "%s", program);
	if (strcmp(target, "syslog") == 0)
		log_state.target = LOG_TARGET_SYSLOG;
	else if (strcmp(target, "stderr") == 0)
		log_state.target = LOG_TARGET_STDERR;
	else
		log_open_path(target);
	errno = saved;
}

void
log_close(void)
{
	memset(&log_state, 0, sizeof(log_state));
}

void
log_copy(enum log_listener listener, int fd, const char *prefix)
{
	log_copies[listener].is_on = fd >= 0;
	log_copies[listener].fd = fd;
	log_copies[listener].prefix = prefix;
}

static void
log_to_listener(enum log_listener listener, const char *text)
{
	int fd = log_copies[listener].fd, length, unread = 0;
	struct timespec now;
	char line[LOG_COPY_LINE];
	struct tm tm;

	if (clock_gettime(CLOCK_REALTIME, &now) != 0 || localtime_r(&now.tv_sec, &tm) == NULL)
		return;
	length = snprintf(line, sizeof(line) - 1, "%s%02d:%02d:%02d.%03ld %s", log_copies[listener].prefix, tm.tm_hour, tm.tm_min, tm.tm_sec,
	    now.tv_nsec / 1000000, text);
	if (length < 0)
		return;
	if ((size_t)length > sizeof(line) - 2)
		length = sizeof(line) - 2;
	line[length++] = '\n';
	if (listener == LOG_LISTENER_CALLER && (ioctl(fd, FIONREAD, &unread) != 0 || unread > LOG_COPY_ROOM))
		return;
	if (file_wait_writable(fd, listener == LOG_LISTENER_CALLER ? 0 : LOG_WAIT_MS))
		(void)!write(fd, line, (size_t)length);
}

static bool
log_is_heard(void)
{
	return log_copies[LOG_LISTENER_PERSON].is_on || log_copies[LOG_LISTENER_CALLER].is_on;
}

/* To where the settings say. */
static bool
log_is_kept(enum log_level level)
{
	return log_state.target != LOG_TARGET_NONE && (unsigned)level < LOG_LEVELS && level <= log_state.level;
}

bool
log_wants(enum log_level level)
{
	return log_is_kept(level) || log_is_heard();
}

static void
log_keep(enum log_level level, const char *line)
{
	if (log_state.target == LOG_TARGET_SYSLOG)
		log_to_syslog(level, line);
	else if (log_state.target == LOG_TARGET_FILE)
		log_to_file(level, line);
	else if (!log_copies[LOG_LISTENER_PERSON].is_on)
		(void)log_to_descriptor(STDERR_FILENO, level, line);
}

void
log_line(enum log_level level, const char *format, ...)
{
	char text[4096], line[LOG_TEXT_MAX + 1];
	int saved = errno;
	va_list arguments;

	if (!log_wants(level))
		return;
	va_start(arguments, format);
	if (vsnprintf(text, sizeof(text), format, arguments) < 0)
		text[0] = '\0';
	va_end(arguments);
	text_printable(line, sizeof(line), text, strlen(text), true);
	if (log_is_kept(level))
		log_keep(level, line);
	for (int i = 0; i < LOG_LISTENERS; i++)
		if (log_copies[i].is_on)
			log_to_listener((enum log_listener)i, line);
	errno = saved;
}

int
log_level_parse(const char *name, enum log_level *level)
{
	for (size_t i = 0; i < LOG_LEVELS; i++) {
		if (strcmp(name, log_levels[i].name) == 0) {
			*level = (enum log_level)i;
			return 0;
		}
	}
	return -1;
}
