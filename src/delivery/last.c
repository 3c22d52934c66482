/*
 * last: places 0 success "SECONDS ID", 1 failure "SECONDS ID STAGE CAUSE REPLY TEXT...", 2 certificate "SECONDS"; blanks behind, the
 * last octet LF.
 */
#include "delivery/last.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

#define LAST_PLACE 512

enum last_place { LAST_SUCCESS, LAST_FAILURE, LAST_CERTIFICATE, LAST_PLACES };

static int
last_open(const struct spool *spool, int flags)
{
	int directory = open(spool_directory(spool), O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;
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

void
last_note_certificate(const struct spool *spool, time_t until)
{
	last_write(spool, LAST_CERTIFICATE, "%" PRId64, (int64_t)until);
}

static void
last_parse_failure(const char *text, struct last *last)
{
	char stage[24], cause[32], words[256] = "";
	int64_t when;
	int reply;

	if (sscanf(text, "%" SCNd64 " %31s %23s %31s %d %255[^\n]", &when, last->failure_id, stage, cause, &reply, words) < 5)
		return;
	for (size_t length = strlen(words); length > 0 && words[length - 1] == ' '; length--)
		words[length - 1] = '\0';
	last->failure = (time_t)when;
	outcome_set(&last->why, VERDICT_DEFERRED, stage_parse(stage), cause_parse(cause), "%s", words);
	last->why.reply = reply;
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
	int64_t when;

	memset(last, 0, sizeof(*last));
	memset(text, 0, sizeof(text));
	if (fd < 0)
		return;
	for (int place = 0; place < LAST_PLACES; place++)
		(void)file_pread(fd, text[place], LAST_PLACE, (off_t)place * LAST_PLACE);
	(void)close(fd);
	if (sscanf(text[LAST_SUCCESS], "%" SCNd64 " %31s", &when, last->success_id) == 2)
		last->success = (time_t)when;
	last_parse_failure(text[LAST_FAILURE], last);
	if (sscanf(text[LAST_CERTIFICATE], "%" SCNd64, &when) == 1)
		last->certificate = (time_t)when;
	last_clean(last->success_id);
	last_clean(last->failure_id);
}
