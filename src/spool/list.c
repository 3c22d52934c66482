/*
 * list: a look at head and envelope of every message, without lock and without checksum: it may be a moment old. What it shows can be
 * claimed, not relied on.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "spool/format.h"
#include "spool/private.h"
#include "spool/spool.h"

#define LIST_BLOCK 4096		/* holds head and envelope of nearly every message */

static void
list_take_text(char text[ENVELOPE_ADDRESS_MAX + 1], const struct format_line *line)
{
	(void)text_printable(text, ENVELOPE_ADDRESS_MAX + 1, line->value, line->value_length, false);
}

static void
list_take_recipient(struct spool_item *item, const struct format_line *line)
{
	struct outcome outcome;
	bool is_waiting = format_parse_field(line->field, &outcome) == 0 &&
	    (outcome.verdict == VERDICT_NONE || outcome.verdict == VERDICT_DEFERRED);

	item->recipients++;
	if (item->waiting == 0)
		list_take_text(item->to, line);
	item->waiting += is_waiting ? 1 : 0;
}

static void
list_take_line(struct spool_item *item, const struct format_line *line)
{
	char value[24];
	uint64_t number;

	if (line->field != NULL) {
		list_take_recipient(item, line);
		return;
	}
	if (format_is(line, "from"))
		list_take_text(item->from, line);
	if (format_is(line, "report"))
		item->is_report = true;
	if (format_is(line, "relay") && line->value_length < sizeof(item->relay))
		memcpy(item->relay, line->value, line->value_length);
	if (line->value_length >= sizeof(value))
		return;
	memcpy(value, line->value, line->value_length);
	value[line->value_length] = '\0';
	if (format_is(line, "created") && text_to_number(value, 0, INT64_MAX, &number) == 0)
		item->created = (time_t)(number / 1000);
	if (format_is(line, "uid") && text_to_number(value, 0, UINT32_MAX, &number) == 0)
		item->uid = (uid_t)number;
}

/* The envelope: from the block that was read already, or from the file when it is longer. */
static void
list_take_envelope(struct spool_item *item, int fd, const char *block, size_t block_length, size_t length)
{
	char *longer = NULL;
	const char *envelope = block + FORMAT_ENVELOPE_OFFSET;
	struct format_line line;
	size_t offset = 0;

	if (FORMAT_ENVELOPE_OFFSET + length > block_length) {
		longer = memory_alloc(length);
		envelope = longer;
		if (file_pread(fd, longer, length, FORMAT_ENVELOPE_OFFSET) != (ssize_t)length)
			length = 0;
	}
	while (format_next(envelope, length, &offset, &line) == 1)
		list_take_line(item, &line);
	free(longer);
}

static void
list_take_slot(struct spool_item *item, const char *block)
{
	struct format_slot slot;

	format_parse_slot(block + FORMAT_HEAD_SIZE, &slot);
	item->due = slot.due;
	item->attempts = slot.attempts;
	item->is_begun = slot.flags[0] == FORMAT_BEGUN;
	item->is_held = slot.flags[FORMAT_HOLD] == FORMAT_HELD;
	item->last = slot.last;
}

static void
list_take_head(struct spool_item *item, int fd, const char *block, size_t length)
{
	struct format_head head = {.eight_bit = false};
	enum format_result result = FORMAT_DAMAGED;

	if (length >= FORMAT_ENVELOPE_OFFSET)
		result = format_parse_head(block, &head);
	if (result == FORMAT_OK) {
		item->size = head.message;
		list_take_slot(item, block);
		list_take_envelope(item, fd, block, length, (size_t)head.envelope);
		return;
	}
	if (result == FORMAT_NEWER)
		item->due = SPOOL_NEVER;
	(void)snprintf(item->last.text, sizeof(item->last.text), "%s",
	    result == FORMAT_NEWER ? "written by a later version of mailcrane" : "damaged");
}

/* true when there is something to show: a regular file, also one that can't be read (wrong owner after a restore, a sick disk): what
 * nobody sees nobody mends. */
static bool
list_read_item(int directory, const char *id, struct spool_item *item)
{
	char block[LIST_BLOCK];
	struct stat status;
	ssize_t n = -1;
	int fd, why;

	fd = openat(directory, id, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return false;
	why = fd < 0 ? errno : 0;
	/* of what is open it takes no look at the name again: with 10,000 of them that is seen */
	if ((fd >= 0 ? fstat(fd, &status) : fstatat(directory, id, &status, AT_SYMLINK_NOFOLLOW)) != 0 || !S_ISREG(status.st_mode)) {
		if (fd >= 0)
			(void)close(fd);
		return false;
	}
	memset(item, 0, sizeof(*item));
	memcpy(item->id, id, strlen(id) + 1);
	item->created = item->changed = status.st_mtim.tv_sec;
	item->uid = status.st_uid;
	if (fd >= 0 && (n = file_pread(fd, block, status.st_size < LIST_BLOCK ? (size_t)status.st_size : sizeof(block), 0)) < 0)
		why = errno;
	if (n >= 0)
		list_take_head(item, fd, block, (size_t)n);
	else
		(void)snprintf(item->last.text, sizeof(item->last.text), "can't be read: %s", strerror(why));
	if (fd >= 0)
		(void)close(fd);
	return true;
}

/* A rename is a change of the file's status, not of its content. */
size_t
spool_damaged(const struct spool *spool, time_t since, size_t *recent)
{
	int fd = openat(spool->damaged, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *name;
	struct stat status;
	size_t count = 0;

	*recent = 0;
	while (stream != NULL && (name = readdir(stream)) != NULL) {
		if (fstatat(spool->damaged, name->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode))
			continue;
		count++;
		*recent += status.st_ctim.tv_sec >= since ? 1 : 0;
	}
	if (stream != NULL)
		(void)closedir(stream);
	else if (fd >= 0)
		(void)close(fd);
	return count;
}

static int
list_directory(const struct spool *spool, enum spool_box box)
{
	return box == SPOOL_FAILED ? spool->failed : spool->queue;
}

bool
spool_glance(const struct spool *spool, enum spool_box box, const char *id, struct spool_item *item)
{
	return spool_is_id(id) && list_read_item(list_directory(spool, box), id, item);
}

bool
spool_look(const struct spool *spool, enum spool_box box, const char *id, struct spool_item *item)
{
	if (!spool_glance(spool, box, id, item))
		return false;
	/* later nobody waits any more */
	item->is_awaited = box == SPOOL_QUEUE && item->attempts == 0 &&
	    faccessat(spool->verdict, id, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	return true;
}

static int
list_compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int
list_read(DIR *stream, char (**names)[SPOOL_ID_SIZE], size_t *count)
{
	char (*found)[SPOOL_ID_SIZE] = NULL;
	size_t used = 0, room = 0;
	struct dirent *name;

	while (errno = 0, (name = readdir(stream)) != NULL) {
		if (!spool_is_id(name->d_name))
			continue;
		if (used == room) {
			room = room == 0 ? 16 : room * 2;
			found = memory_resize(found, room, sizeof(*found));
		}
		/* they are copied whole */
		memset(found[used], 0, sizeof(found[used]));
		memcpy(found[used++], name->d_name, strlen(name->d_name) + 1);
	}
	if (errno != 0) {
		free(found);
		return -1;
	}
	if (used > 0)
		qsort(found, used, sizeof(*found), list_compare);
	*names = found;
	*count = used;
	return 0;
}

int
spool_names(struct spool *spool, enum spool_box box, char (**names)[SPOOL_ID_SIZE], size_t *count, struct outcome *outcome)
{
	int fd = openat(list_directory(spool, box), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), result = -1;
	DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;

	if (stream != NULL) {
		result = list_read(stream, names, count);
		(void)closedir(stream);
	} else if (fd >= 0) {
		(void)close(fd);
	}
	if (result == 0)
		return 0;
	return spool_fail(outcome, "can't list %s/%s: %s", spool->directory, box == SPOOL_FAILED ? "failed" : "queue",
	    strerror(errno));
}

int
spool_list(struct spool *spool, enum spool_box box, struct spool_item **items, size_t *count, struct outcome *outcome)
{
	char (*names)[SPOOL_ID_SIZE] = NULL;
	struct spool_item *found = NULL;
	size_t total = 0, used = 0;

	if (spool_names(spool, box, &names, &total, outcome) != 0)
		return -1;
	if (total > 0)
		found = memory_resize(NULL, total, sizeof(*found));
	for (size_t i = 0; i < total; i++)
		used += spool_glance(spool, box, names[i], &found[used]) ? 1 : 0;
	free(names);
	*items = found;
	*count = used;
	return 0;
}
