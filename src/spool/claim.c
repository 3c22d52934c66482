/*
 * claim: lock, name, content, states, in this order (spool.c says why). Nothing that the file says is believed before its length and
 * checksum are right; what is not right was promised to nobody, and is moved aside.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "spool/entry.h"

#define CLAIM_BLOCK ((size_t)64 * 1024)
#define CLAIM_NAMES 100

/* The checksum of the message, in blocks: a big one must not cost memory. 0; -1 with errno, ESTALE when it ends too early. */
static int
claim_add_message(const struct spool_entry *entry, struct checksum *checksum)
{
	char *block = memory_alloc(CLAIM_BLOCK);
	off_t offset = spool_entry_message_offset(entry);
	uint64_t left = entry->head.message;
	int result = 0;

	(void)posix_fadvise(entry->fd, offset, 0, POSIX_FADV_SEQUENTIAL);
	while (result == 0 && left > 0) {
		size_t part = left < CLAIM_BLOCK ? (size_t)left : CLAIM_BLOCK;
		ssize_t n = file_pread(entry->fd, block, part, offset);

		if (n == (ssize_t)part) {
			checksum_add(checksum, block, part);
			offset += n;
			left -= part;
		} else {
			if (n >= 0)
				errno = ESTALE;
			result = -1;
		}
	}
	free(block);
	return result;
}

static enum spool_claim
claim_unreadable(const struct spool_entry *entry, struct outcome *outcome)
{
	(void)spool_fail(outcome, "can't read message %s in %s: %s", entry->id, spool_name(entry->spool), strerror(errno));
	return SPOOL_ERROR;
}

static enum spool_claim
claim_damaged(const struct spool_entry *entry, struct outcome *outcome, const char *what)
{
	(void)spool_fail(outcome, "message %s is damaged: %s", entry->id, what);
	return SPOOL_DAMAGED;
}

/* Head and slot; the lengths must be those of the file. */
static enum spool_claim
claim_read_head(struct spool_entry *entry, struct outcome *outcome)
{
	char octets[FORMAT_ENVELOPE_OFFSET];
	ssize_t n = file_pread(entry->fd, octets, sizeof(octets), 0);
	struct stat status;
	uint64_t rest;

	if (n < 0 || fstat(entry->fd, &status) != 0)
		return claim_unreadable(entry, outcome);
	if (n != (ssize_t)sizeof(octets))
		return claim_damaged(entry, outcome, "too short");
	switch (format_parse_head(octets, &entry->head)) {
	case FORMAT_DAMAGED:
		return claim_damaged(entry, outcome, "no message head");
	case FORMAT_NEWER:
		(void)spool_fail(outcome, "message %s was written by a later version of mailcrane", entry->id);
		return SPOOL_ERROR;
	case FORMAT_OK:
		break;
	}
	rest = (uint64_t)status.st_size - FORMAT_ENVELOPE_OFFSET;
	if (entry->head.envelope > rest || entry->head.message != rest - entry->head.envelope)
		return claim_damaged(entry, outcome, "wrong length");
	format_parse_slot(octets + FORMAT_HEAD_SIZE, &entry->slot);
	return SPOOL_CLAIMED;
}

static enum spool_claim
claim_read_content(struct spool_entry *entry, struct outcome *outcome)
{
	size_t length = (size_t)entry->head.envelope;
	struct checksum *checksum = checksum_new();
	enum spool_claim result = SPOOL_CLAIMED;
	ssize_t n;

	entry->envelope = memory_alloc(length + 1);
	n = file_pread(entry->fd, entry->envelope, length, FORMAT_ENVELOPE_OFFSET);
	if (n != (ssize_t)length)
		result = n < 0 ? claim_unreadable(entry, outcome) : claim_damaged(entry, outcome, "too short");
	else if (format_add_envelope(checksum, entry->envelope, length) != 0)
		result = claim_damaged(entry, outcome, "malformed envelope");
	else if (claim_add_message(entry, checksum) != 0)
		result = errno == ESTALE ? claim_damaged(entry, outcome, "too short") : claim_unreadable(entry, outcome);
	if (result == SPOOL_CLAIMED) {
		format_add_head(checksum, &entry->head);
		if (checksum_value(checksum) != entry->head.checksum)
			result = claim_damaged(entry, outcome, "wrong checksum");
	}
	checksum_free(checksum);
	return result;
}

static bool
claim_address_ok(const char *address, size_t length)
{
	if (length > ENVELOPE_ADDRESS_MAX)
		return false;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)address[i] < ' ' || address[i] == 0x7f)
			return false;
	return true;
}

static int
claim_take_recipient(struct spool_entry *entry, const struct format_line *line)
{
	struct spool_recipient *recipient = &entry->recipients[entry->count];

	if (line->value_length == 0 || !claim_address_ok(line->value, line->value_length) ||
	    format_parse_field(line->field, &recipient->outcome) != 0)
		return -1;
	recipient->address = line->value;
	recipient->is_told = line->field[FORMAT_TOLD_AT] == FORMAT_TOLD;
	recipient->wish = (struct dsn_wish){0};
	entry->offsets[entry->count++] = FORMAT_ENVELOPE_OFFSET + (off_t)(line->field - entry->envelope);
	return 0;
}

/* What a later version may write there is not understood and not asked for: the mail is more than its notifications. */
static void
claim_take_wish(struct spool_entry *entry, const struct format_line *line)
{
	struct dsn_wish *wish = entry->count > 0 ? &entry->recipients[entry->count - 1].wish : NULL;

	if (format_is(line, "ret"))
		(void)dsn_parse_return(line->value, line->value_length, &entry->ret);
	if (format_is(line, "envid") && dsn_is_envid(line->value, line->value_length))
		entry->envid = line->value;
	if (wish != NULL && format_is(line, "notify"))
		(void)dsn_parse_notify(line->value, line->value_length, &wish->notify);
	if (wish != NULL && format_is(line, "orcpt") && dsn_is_orcpt(line->value, line->value_length))
		wish->orcpt = entry->envelope + (line->value - entry->envelope);
}

/* Whatever stands there: it is a report. What it is about matters less. */
static void
claim_take_report(struct spool_entry *entry, const struct format_line *line)
{
	static const char *const kinds[] = {
		[SPOOL_REPORT_FAILED] = "failed ", [SPOOL_REPORT_DELAYED] = "delayed ", [SPOOL_REPORT_RELAYED] = "relayed "};
	const char *rest = "", *blank;
	uint64_t first = 0;

	entry->report = (struct spool_report){.kind = SPOOL_REPORT_DIGEST};
	for (size_t i = SPOOL_REPORT_FAILED; i <= SPOOL_REPORT_RELAYED; i++)
		if (strncmp(line->value, kinds[i], strlen(kinds[i])) == 0) {
			entry->report.kind = (enum spool_report_kind)i;
			rest = line->value + strlen(kinds[i]);
		}
	blank = strchr(rest, ' ');
	if (blank == NULL || (size_t)(blank - rest) >= sizeof(entry->report.about) || text_to_number(blank + 1, 0, SIZE_MAX, &first) != 0)
		return;
	memcpy(entry->report.about, rest, (size_t)(blank - rest));
	entry->report.first = (size_t)first;
}

/* One line; its value is NUL-terminated in place. Unknown keys belong to a later version: left alone. */
static int
claim_take_line(struct spool_entry *entry, const struct format_line *line)
{
	uint64_t number;

	entry->envelope[line->value + line->value_length - entry->envelope] = '\0';
	if (line->field != NULL)
		return claim_take_recipient(entry, line);
	if (format_is(line, "id")) {
		if (entry->spool == NULL && spool_is_id(line->value))
			memcpy(entry->id, line->value, line->value_length + 1);
		return strcmp(line->value, entry->id) == 0 ? 0 : -1;
	}
	if (format_is(line, "from")) {
		entry->reverse_path = line->value;
		return claim_address_ok(line->value, line->value_length) ? 0 : -1;
	}
	if (format_is(line, "international"))
		entry->smtputf8 = strcmp(line->value, "1") == 0;
	if (format_is(line, "program")) {
		entry->program = line->value;
		return 0;
	}
	if (format_is(line, "relay"))
		entry->relay = line->value;
	claim_take_wish(entry, line);
	if (format_is(line, "report"))
		claim_take_report(entry, line);
	if (format_is(line, "created")) {
		if (text_to_number(line->value, 0, INT64_MAX, &number) != 0)
			return -1;
		entry->created = (int64_t)number;
	}
	if (format_is(line, "uid")) {
		if (text_to_number(line->value, 0, UINT32_MAX, &number) != 0)
			return -1;
		entry->uid = (uid_t)number;
	}
	return 0;
}

static enum spool_claim
claim_read_envelope(struct spool_entry *entry, struct outcome *outcome)
{
	size_t length = (size_t)entry->head.envelope, offset = 0;
	size_t most = length / FORMAT_FIELD_SIZE + 1;
	struct format_line line;

	entry->recipients = memory_alloc(most * sizeof(*entry->recipients));
	entry->offsets = memory_alloc(most * sizeof(*entry->offsets));
	entry->program = "";
	while (format_next(entry->envelope, length, &offset, &line) == 1)
		if (claim_take_line(entry, &line) != 0)
			return claim_damaged(entry, outcome, line.field != NULL ? "unknown recipient state" : "wrong envelope");
	if (entry->reverse_path == NULL || entry->count == 0)
		return claim_damaged(entry, outcome, "incomplete envelope");
	return SPOOL_CLAIMED;
}

/* Out of the queue, without ever replacing another damaged file. When that fails, this is an error: a caller that tried again at
 * once would do so for ever. */
static enum spool_claim
claim_move_aside(const struct spool_entry *entry, struct outcome *outcome)
{
	const struct spool *spool = entry->spool;
	char name[SPOOL_ID_SIZE + 16];
	int result;

	(void)snprintf(name, sizeof(name), "%s", entry->id);
	result = spool_rename_new(spool->queue, spool->damaged, entry->id, name);
	for (int i = 1; result != 0 && errno == EEXIST && i < CLAIM_NAMES; i++) {
		(void)snprintf(name, sizeof(name), "%s.%d", entry->id, i);
		result = spool_rename_new(spool->queue, spool->damaged, entry->id, name);
	}
	if (result != 0) {
		(void)spool_fail(outcome, "message %s is damaged and can't be moved to %s/damaged: %s", entry->id,
		    spool->directory, strerror(errno));
		return SPOOL_ERROR;
	}
	(void)fsync(spool->damaged);
	(void)fsync(spool->queue);
	return SPOOL_DAMAGED;
}

/* Opens and locks; afterwards the name is known to be that inode. */
static enum spool_claim
claim_lock(struct spool_entry *entry, struct outcome *outcome)
{
	const int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	struct stat status;

	entry->fd = openat(entry->directory, entry->id, flags);
	if (entry->fd < 0 && errno == ENOENT)
		return SPOOL_GONE;
	/* perhaps it could be read; but whoever claims it has to write into it */
	if (entry->fd < 0) {
		(void)spool_fail(outcome, "can't open message %s in %s for writing: %s", entry->id, spool_name(entry->spool), strerror(errno));
		return SPOOL_ERROR;
	}
	if (fstat(entry->fd, &status) != 0)
		return claim_unreadable(entry, outcome);
	if (!S_ISREG(status.st_mode)) {
		errno = EINVAL;
		return claim_unreadable(entry, outcome);
	}
	while (flock(entry->fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno == EWOULDBLOCK)
			return SPOOL_BUSY;
		if (errno != EINTR)
			return claim_unreadable(entry, outcome);
	}
	return spool_is_inode(entry->fd, entry->directory, entry->id) ? SPOOL_CLAIMED : SPOOL_GONE;
}

/* What is checked of a file whoever it belongs to. */
static enum spool_claim
claim_read(struct spool_entry *entry, struct outcome *outcome)
{
	enum spool_claim result = claim_read_head(entry, outcome);

	if (result == SPOOL_CLAIMED)
		result = claim_read_content(entry, outcome);
	if (result == SPOOL_CLAIMED)
		result = claim_read_envelope(entry, outcome);
	return result;
}

enum spool_claim
spool_claim_loose(int fd, struct spool_entry **entry, struct outcome *outcome)
{
	struct spool_entry *new = memory_alloc(sizeof(*new));
	enum spool_claim result;

	new->fd = fd;
	result = claim_read(new, outcome);
	if (result == SPOOL_CLAIMED)
		*entry = new;
	else
		spool_entry_free(new);
	return result;
}

static struct spool_entry *
claim_new(struct spool *spool, enum spool_box box, const char *id)
{
	struct spool_entry *new = memory_alloc(sizeof(*new));

	new->spool = spool;
	new->directory = box == SPOOL_FAILED ? spool->failed : spool->queue;
	new->fd = -1;
	memcpy(new->id, id, strlen(id) + 1);
	return new;
}

enum spool_claim
spool_peek(struct spool *spool, enum spool_box box, const char *id, struct spool_entry **entry, struct outcome *outcome)
{
	struct spool_entry *new;
	enum spool_claim result;

	if (!spool_is_id(id))
		return SPOOL_GONE;
	new = claim_new(spool, box, id);
	new->fd = openat(new->directory, id, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (new->fd < 0)
		result = errno == ENOENT ? SPOOL_GONE : claim_unreadable(new, outcome);
	else
		result = claim_read(new, outcome);
	if (result == SPOOL_CLAIMED)
		*entry = new;
	else
		spool_entry_free(new);
	return result;
}

enum spool_claim
spool_claim(struct spool *spool, const char *id, struct spool_entry **entry, struct outcome *outcome)
{
	return spool_claim_box(spool, SPOOL_QUEUE, id, entry, outcome);
}

enum spool_claim
spool_claim_box(struct spool *spool, enum spool_box box, const char *id, struct spool_entry **entry, struct outcome *outcome)
{
	struct spool_entry *new;
	enum spool_claim result;

	if (!spool_is_id(id))
		return SPOOL_GONE;
	new = claim_new(spool, box, id);
	result = claim_lock(new, outcome);
	if (result == SPOOL_CLAIMED)
		result = claim_read(new, outcome);
	/* what was given up is nobody's to be sent */
	if (result == SPOOL_DAMAGED && box == SPOOL_QUEUE)
		result = claim_move_aside(new, outcome);
	if (result == SPOOL_CLAIMED)
		*entry = new;
	else
		spool_entry_free(new);
	return result;
}
