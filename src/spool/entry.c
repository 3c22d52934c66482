/*
 * entry: what a courier knows of a message it has claimed, and what it writes into it. Each change in place is one write: of a
 * recipient's field (its first octet decides), or of the slot (a disk sector of its own).
 */
#include "spool/entry.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "spool/verdict.h"

#define ENTRY_NAP_MAX 16	/* ms between two looks whether a caller has read its verdict */

const char *
spool_entry_id(const struct spool_entry *entry)
{
	return entry->id;
}

const char *
spool_entry_reverse_path(const struct spool_entry *entry)
{
	return entry->reverse_path;
}

enum dsn_return
spool_entry_return(const struct spool_entry *entry)
{
	return entry->ret;
}

const char *
spool_entry_envid(const struct spool_entry *entry)
{
	return entry->envid;
}

size_t
spool_entry_count(const struct spool_entry *entry)
{
	return entry->count;
}

struct spool_recipient *
spool_entry_recipient(struct spool_entry *entry, size_t i)
{
	return i < entry->count ? &entry->recipients[i] : NULL;
}

bool
spool_entry_eight_bit(const struct spool_entry *entry)
{
	return entry->head.eight_bit;
}

bool
spool_entry_smtputf8(const struct spool_entry *entry)
{
	return entry->smtputf8;
}

off_t
spool_entry_message_offset(const struct spool_entry *entry)
{
	return FORMAT_ENVELOPE_OFFSET + (off_t)entry->head.envelope;
}

uint64_t
spool_entry_message_length(const struct spool_entry *entry)
{
	return entry->head.message;
}

time_t
spool_entry_created(const struct spool_entry *entry)
{
	return (time_t)(entry->created / 1000);
}

time_t
spool_entry_due(const struct spool_entry *entry)
{
	return entry->slot.due;
}

const struct outcome *
spool_entry_last(const struct spool_entry *entry)
{
	return &entry->slot.last;
}

unsigned
spool_entry_attempts(const struct spool_entry *entry)
{
	return entry->slot.attempts;
}

unsigned
spool_entry_doubts(const struct spool_entry *entry)
{
	char digit = entry->slot.flags[FORMAT_DOUBTS];

	return digit >= '1' && digit <= '9' ? (unsigned)(digit - '0') : 0;
}

bool
spool_entry_is_held(const struct spool_entry *entry)
{
	return entry->slot.flags[FORMAT_HOLD] == FORMAT_HELD;
}

bool
spool_entry_is_begun(const struct spool_entry *entry)
{
	return entry->slot.flags[0] == FORMAT_BEGUN;
}

const char *
spool_entry_relay(const struct spool_entry *entry)
{
	return entry->relay;
}

const char *
spool_entry_at(const struct spool_entry *entry)
{
	return spool_entry_is_begun(entry) && entry->slot.at[0] != '\0' ? entry->slot.at : NULL;
}

uid_t
spool_entry_uid(const struct spool_entry *entry)
{
	return entry->uid;
}

const char *
spool_entry_program(const struct spool_entry *entry)
{
	return entry->program;
}

const struct spool_report *
spool_entry_report(const struct spool_entry *entry)
{
	return &entry->report;
}

bool
spool_entry_is_warned(const struct spool_entry *entry)
{
	return entry->slot.flags[FORMAT_WARN] == FORMAT_WARNED;
}

/* By name, not through /proc/self/fd: an undumpable process can't open that. */
int
spool_entry_reopen(struct spool_entry *entry)
{
	struct stat ours, theirs;
	int fd;

	/* without a lock there is none to be kept from others */
	if (entry->spool == NULL)
		return fcntl(entry->fd, F_DUPFD_CLOEXEC, 0);
	fd = openat(entry->directory, entry->id, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (fstat(entry->fd, &ours) == 0 && fstat(fd, &theirs) == 0 && ours.st_dev == theirs.st_dev &&
	    ours.st_ino == theirs.st_ino)
		return fd;
	(void)close(fd);
	errno = ESTALE;
	return -1;
}

static int
entry_fail(const struct spool_entry *entry, struct outcome *error, const char *what)
{
	return spool_fail(error, "can't %s message %s in %s: %s", what, entry->id, spool_name(entry->spool), strerror(errno));
}

int
spool_entry_settle(struct spool_entry *entry, size_t i, const struct outcome *outcome, struct outcome *error)
{
	char field[FORMAT_FIELD_SIZE];
	enum verdict before;

	errno = EINVAL;
	if (i >= entry->count)
		return entry_fail(entry, error, "settle an unknown recipient of");
	before = entry->recipients[i].outcome.verdict;
	if ((before == VERDICT_DELIVERED || before == VERDICT_FAILED) && outcome->verdict != before)
		return entry_fail(entry, error, "change a final state of");
	format_field(field, outcome);
	if (file_pwrite(entry->fd, field, sizeof(field), entry->offsets[i]) != 0)
		return entry_fail(entry, error, "settle");
	entry->recipients[i].outcome = *outcome;
	entry->recipients[i].is_told = false;
	return 0;
}

int
spool_entry_note_told(struct spool_entry *entry, size_t i, struct outcome *error)
{
	const char told = FORMAT_TOLD;

	errno = EINVAL;
	if (i >= entry->count || file_pwrite(entry->fd, &told, 1, entry->offsets[i] + FORMAT_TOLD_AT) != 0)
		return entry_fail(entry, error, "note who was told of");
	entry->recipients[i].is_told = true;
	return 0;
}

void
spool_entry_note_warned(struct spool_entry *entry)
{
	entry->slot.flags[FORMAT_WARN] = FORMAT_WARNED;
}

int
spool_entry_sync(struct spool_entry *entry, struct outcome *error)
{
	return fdatasync(entry->fd) == 0 ? 0 : entry_fail(entry, error, "sync");
}

static int
entry_write_slot(struct spool_entry *entry, const struct format_slot *slot)
{
	char octets[FORMAT_SLOT_SIZE];

	format_slot(octets, slot);
	if (file_pwrite(entry->fd, octets, sizeof(octets), FORMAT_HEAD_SIZE) != 0 || fdatasync(entry->fd) != 0)
		return -1;
	entry->slot = *slot;
	return 0;
}

int
spool_entry_hold(struct spool_entry *entry, bool is_held, struct outcome *error)
{
	struct format_slot slot = entry->slot;

	slot.flags[FORMAT_HOLD] = is_held ? FORMAT_HELD : '-';
	return entry_write_slot(entry, &slot) == 0 ? 0 : entry_fail(entry, error, "hold or release");
}

int
spool_entry_hasten(struct spool_entry *entry, struct outcome *error)
{
	struct format_slot slot = entry->slot;

	slot.due = 0;
	return entry_write_slot(entry, &slot) == 0 ? 0 : entry_fail(entry, error, "hasten");
}

int
spool_entry_remove(struct spool_entry *entry, struct outcome *error)
{
	if (unlinkat(entry->directory, entry->id, 0) != 0)
		return entry_fail(entry, error, "remove");
	(void)fsync(entry->directory);
	return 0;
}

/* The states first: a message in failed/ that waits is only one that nobody serves; one in queue/ whom nobody is left to serve would be
 * finished. */
int
spool_entry_restore(struct spool_entry *entry, struct outcome *error)
{
	const struct outcome again = {.verdict = VERDICT_NONE};
	const struct spool *spool = entry->spool;
	struct format_slot slot;
	char field[FORMAT_FIELD_SIZE];

	format_slot_init(&slot);
	format_field(field, &again);
	for (size_t i = 0; i < entry->count; i++) {
		if (entry->recipients[i].outcome.verdict != VERDICT_FAILED)
			continue;
		if (file_pwrite(entry->fd, field, sizeof(field), entry->offsets[i]) != 0)
			return entry_fail(entry, error, "put back");
		entry->recipients[i].outcome = again;
		entry->recipients[i].is_told = false;
	}
	if (entry_write_slot(entry, &slot) != 0 || spool_rename_new(spool->failed, spool->queue, entry->id, entry->id) != 0)
		return entry_fail(entry, error, "put back");
	entry->directory = spool->queue;
	(void)fsync(spool->queue);
	(void)fsync(spool->failed);
	return 0;
}

int
spool_entry_begin(struct spool_entry *entry, time_t due, struct outcome *error)
{
	struct format_slot slot = entry->slot;
	char octets[FORMAT_SLOT_SIZE], field[FORMAT_FIELD_SIZE];
	size_t last = entry->count - 1;

	slot.due = due;
	if (slot.attempts < UINT_MAX)
		slot.attempts++;
	slot.flags[0] = FORMAT_BEGUN;
	format_slot(octets, &slot);
	format_field(field, &entry->recipients[last].outcome);
	if (entry->recipients[last].is_told)
		field[FORMAT_TOLD_AT] = FORMAT_TOLD;
	/* the furthest field, as it is: a quota or a limit that forbids it must show now and not when the relay has the message */
	if (file_pwrite(entry->fd, octets, sizeof(octets), FORMAT_HEAD_SIZE) != 0 ||
	    file_pwrite(entry->fd, field, sizeof(field), entry->offsets[last]) != 0)
		return entry_fail(entry, error, "note an attempt at");
	entry->begun = 1;
	entry->noted = slot;
	return 0;
}

int
spool_entry_go(struct spool_entry *entry, const char *relay, struct outcome *error)
{
	char octets[FORMAT_SLOT_SIZE];

	(void)snprintf(entry->noted.at, sizeof(entry->noted.at), "%s", relay);
	format_slot(octets, &entry->noted);
	return file_pwrite(entry->fd, octets, sizeof(octets), FORMAT_HEAD_SIZE) == 0 ? 0 : entry_fail(entry, error, "note an attempt at");
}

/* Somebody may have got it, which can't be known. */
static bool
entry_is_uncertain(const struct spool_entry *entry)
{
	for (size_t i = 0; i < entry->count; i++)
		if (entry->recipients[i].outcome.verdict == VERDICT_DEFERRED && entry->recipients[i].outcome.uncertain)
			return true;
	return false;
}

int
spool_entry_postpone(struct spool_entry *entry, time_t due, const struct outcome *reason, struct outcome *error)
{
	struct format_slot slot = entry->slot;

	slot.due = due;
	if (slot.attempts < UINT_MAX)
		slot.attempts++;
	slot.flags[0] = '-';
	if (entry_is_uncertain(entry) && spool_entry_doubts(entry) < 9)
		slot.flags[FORMAT_DOUBTS] = (char)('1' + spool_entry_doubts(entry));
	slot.last = *reason;
	slot.at[0] = '\0';
	if (entry_write_slot(entry, &slot) != 0)
		return entry_fail(entry, error, "postpone");
	entry->begun = 0;
	return 0;
}

static int
entry_move_to_failed(struct spool_entry *entry)
{
	const struct spool *spool = entry->spool;
	struct format_slot slot = entry->slot;

	if (slot.attempts < UINT_MAX)
		slot.attempts += entry->begun;
	slot.flags[0] = '-';
	slot.at[0] = '\0';
	spool_entry_verdict(entry, &slot.last);
	for (size_t i = 0; i < entry->count; i++)
		if (entry->recipients[i].outcome.verdict == VERDICT_FAILED) {
			slot.last = entry->recipients[i].outcome;
			break;
		}
	/* an older file of that name is an earlier state of the same message */
	if (entry_write_slot(entry, &slot) != 0 || renameat(spool->queue, entry->id, spool->failed, entry->id) != 0)
		return -1;
	(void)fsync(spool->failed);
	return 0;
}

int
spool_entry_finish(struct spool_entry *entry, struct outcome *error)
{
	const struct spool *spool = entry->spool;
	bool failed = false;

	for (size_t i = 0; i < entry->count; i++) {
		enum verdict verdict = entry->recipients[i].outcome.verdict;

		if (verdict == VERDICT_NONE || verdict == VERDICT_DEFERRED) {
			errno = EBUSY;
			return entry_fail(entry, error, "finish (somebody is still to be served)");
		}
		failed |= verdict == VERDICT_FAILED;
	}
	if (spool == NULL)
		return 0;
	if (!spool_is_inode(entry->fd, spool->queue, entry->id)) {
		errno = ESTALE;
		return entry_fail(entry, error, "finish");
	}
	/* the states must not be behind the name */
	if (fdatasync(entry->fd) != 0)
		return entry_fail(entry, error, "sync");
	if ((failed ? entry_move_to_failed(entry) : unlinkat(spool->queue, entry->id, 0)) != 0)
		return entry_fail(entry, error, failed ? "keep failed" : "remove");
	/* failing, the name may come back after a power cut, with nobody left to serve */
	(void)fsync(spool->queue);
	return 0;
}

/* The first recipient with that verdict. */
static const struct outcome *
entry_find(const struct spool_entry *entry, enum verdict verdict)
{
	for (size_t i = 0; i < entry->count; i++)
		if (entry->recipients[i].outcome.verdict == verdict)
			return &entry->recipients[i].outcome;
	return NULL;
}

void
spool_entry_verdict(struct spool_entry *entry, struct outcome *outcome)
{
	/* what is still to come weighs most: the caller is told "queued", not "delivered" */
	static const enum verdict order[] = {VERDICT_DEFERRED, VERDICT_NONE, VERDICT_DELIVERED, VERDICT_FAILED};
	const struct outcome *found = NULL;

	for (size_t i = 0; found == NULL && i < sizeof(order) / sizeof(order[0]); i++)
		found = entry_find(entry, order[i]);
	memset(outcome, 0, sizeof(*outcome));
	if (found != NULL)
		*outcome = *found;
	if (outcome->verdict == VERDICT_NONE)
		outcome->verdict = VERDICT_DEFERRED;
}

int
spool_entry_tell(struct spool_entry *entry, const struct outcome *outcome)
{
	char line[VERDICT_LINE_MAX];
	size_t length = spool_verdict_format(line, outcome);
	ssize_t n;
	int fd;

	if (entry->spool == NULL)
		return 0;
	fd = spool_open_fifo(entry->spool->verdict, entry->id, O_WRONLY);
	if (fd < 0) {
		/* the caller went without its verdict, and can't come back while the message is not in tmp/ */
		if (errno == ENXIO)
			(void)unlinkat(entry->spool->verdict, entry->id, 0);
		return 0;
	}
	do {
		n = write(fd, line, length);
	} while (n < 0 && errno == EINTR);
	(void)close(fd);
	return n > 0 ? 1 : 0;
}

int
spool_entry_listener(const struct spool_entry *entry)
{
	struct stat status;
	int fd;

	if (entry->spool == NULL)
		return -1;
	fd = spool_open_fifo(entry->spool->verdict, entry->id, O_WRONLY);
	/* see spool_draft_listen */
	if (fd >= 0 && (fstat(fd, &status) != 0 || (status.st_mode & S_IXUSR) == 0)) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

bool
spool_entry_was_heard(struct spool_entry *entry, struct deadline deadline)
{
	for (int nap = 1;; nap = nap < ENTRY_NAP_MAX ? nap * 2 : nap) {
		int fd = spool_open_fifo(entry->spool->verdict, entry->id, O_WRONLY);

		if (fd < 0 && errno == ENOENT)
			return true;
		if (fd < 0) {
			(void)unlinkat(entry->spool->verdict, entry->id, 0);
			return false;
		}
		(void)close(fd);
		if (deadline_passed(deadline))
			return false;
		(void)poll(NULL, 0, nap);
	}
}

void
spool_entry_free(struct spool_entry *entry)
{
	if (entry == NULL)
		return;
	if (entry->fd >= 0)
		(void)close(entry->fd);
	free(entry->offsets);
	free(entry->recipients);
	free(entry->envelope);
	free(entry);
}
