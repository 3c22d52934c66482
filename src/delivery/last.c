/*
 * last: places 0 success "SECONDS ID", 1 failure "SECONDS ID STAGE CAUSE REPLY TEXT..."; blanks behind, the last octet LF.
 */
#include "delivery/last.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

#define LAST_PLACE 512

enum last_place { LAST_SUCCESS, LAST_FAILURE, LAST_PLACES };

static int
last_open(const struct spool *spool, int flags)
{
	/* without a spool ([queue] delivery = direct) nothing is kept */
	int directory = spool != NULL ? open(spool_directory(spool), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1, fd;
	struct stat status;

	if (directory < 0)
		return -1;
	fd = openat(directory, "last", flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
	(void)close(directory);
	if (fd < 0)
		return -1;
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
		(void)close(fd);
		return -1;
	}
	/* the next runner may be another user's, of the spool's group */
	if ((flags & O_CREAT) != 0 && status.st_uid == geteuid() && (status.st_mode & 07777) != 0660)
		(void)fchmod(fd, 0660);
	return fd;
}

static void
last_write(const struct spool *spool, enum last_place place, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void
last_write(const struct spool *spool, enum last_place place, const char *format, ...)
{
	char text[LAST_PLACE];
	va_list arguments;
	int fd, length;

	va_start(arguments, format);
	length = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (length < 0)
		return;
	if ((size_t)length < sizeof(text))
		memset(text + length, ' ', sizeof(text) - (size_t)length);
	text[sizeof(text) - 1] = '\n';
	fd = last_open(spool, O_RDWR | O_CREAT);
	if (fd < 0)
		return;
	(void)file_pwrite(fd, text, sizeof(text), (off_t)place * LAST_PLACE);
	(void)close(fd);
}

void
last_note(const struct spool *spool, const char *id, const struct outcome *outcome)
{
	int64_t now = (int64_t)time(NULL);

	if (outcome->verdict == VERDICT_DELIVERED)
		last_write(spool, LAST_SUCCESS, "%" PRId64 " %s", now, id);
	else if (outcome->cause != CAUSE_AUTH_HELD)
		last_write(spool, LAST_FAILURE, "%" PRId64 " %s %s %s %d %s", now, id, stage_name(outcome->stage), cause_name(outcome->cause),
		    outcome->reply, outcome->text);
}

/* Seconds with a blank behind; *rest is what follows. 0: none. */
static time_t
last_seconds(const char *text, const char **rest)
{
	char *end;
	long long value;

	errno = 0;
	value = strtoll(text, &end, 10);
	if (end == text || errno != 0 || *end != ' ' || value < 0)
		return 0;
	*rest = end + 1;
	return (time_t)value;
}

static void
last_parse_failure(const char *text, struct last *last)
{
	char stage[24], cause[32], reply[8], words[256] = "";
	time_t when = last_seconds(text, &text);
	uint64_t code = 0;

	if (when == 0 || sscanf(text, "%31s %23s %31s %7s %255[^\n]", last->failure_id, stage, cause, reply, words) < 4)
		return;
	(void)text_to_number(reply, 0, 999, &code);
	for (size_t length = strlen(words); length > 0 && words[length - 1] == ' '; length--)
		words[length - 1] = '\0';
	last->failure = when;
	outcome_set(&last->why, VERDICT_DEFERRED, stage_parse(stage), cause_parse(cause), "%s", words);
	last->why.reply = (int)code;
}

/* The file may hold anything. */
static void
last_clean(char id[SPOOL_ID_SIZE])
{
	if (id[strspn(id, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")] != '\0')
		id[0] = '\0';
}

void
last_load(const struct spool *spool, struct last *last)
{
	char text[LAST_PLACES][LAST_PLACE + 1];
	int fd = last_open(spool, O_RDONLY);
	const char *rest = "";

	memset(last, 0, sizeof(*last));
	memset(text, 0, sizeof(text));
	if (fd < 0)
		return;
	for (int place = 0; place < LAST_PLACES; place++)
		(void)file_pread(fd, text[place], LAST_PLACE, (off_t)place * LAST_PLACE);
	(void)close(fd);
	last->success = last_seconds(text[LAST_SUCCESS], &rest);
	if (last->success == 0 || sscanf(rest, "%31s", last->success_id) != 1)
		last->success = 0;
	last_parse_failure(text[LAST_FAILURE], last);
	last_clean(last->success_id);
	last_clean(last->failure_id);
}
