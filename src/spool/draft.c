/*
 * draft: a message on its way into the queue, and the caller's wait for what becomes of it. States as at the head of spool.c.
 *
 * A message that fits the block is written with one write, head included; of a longer one the head is written last. The draft's own
 * descriptor holds the lock from creation to commit.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "spool/format.h"
#include "spool/private.h"
#include "spool/spool.h"
#include "spool/verdict.h"

#define DRAFT_BLOCK ((size_t)64 * 1024)
#define DRAFT_TRIES 16

enum draft_state { DRAFT_NEW, DRAFT_WRITING, DRAFT_COMMITTED, DRAFT_GONE };

struct spool_draft {
	struct spool      *spool;
	char               id[SPOOL_ID_SIZE];
	char               name[SPOOL_ID_SIZE];	/* in tmp/: the same, but for a report */
	char               report[SPOOL_ID_SIZE + 32];	/* "": none */
	int64_t            created;		/* ms */
	int                fd;
	enum draft_state   state;
	struct format_head head;		/* lengths so far */
	struct checksum   *checksum;
	char              *block;		/* what is not written yet */
	size_t             used;
	uint64_t           written;
	int                fifo, fifo_writer;	/* -1: no verdict expected */
	bool               heard;		/* the verdict was read */
	int                listener;		/* for what is said meanwhile, -1: nobody */
	char               line[PIPE_BUF];
	size_t             line_length;
};

/* 11 places for microseconds (until the year 6100), 6 for chance; base 36 in ASCII order. */
static void
draft_make_id(struct spool_draft *draft)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	struct timespec now;
	uint64_t number, chance;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	draft->created = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	number = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	/* only uniqueness is wanted, O_EXCL and a rename that replaces nothing are behind it */
	if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) != (ssize_t)sizeof(chance))
		chance = (uint64_t)getpid() * 1000003 + (uint64_t)now.tv_nsec;
	for (size_t i = 11; i-- > 0; number /= 36)
		draft->id[i] = digits[number % 36];
	for (size_t i = 11; i < 17; i++, chance /= 36)
		draft->id[i] = digits[chance % 36];
	draft->id[17] = '\0';
	memcpy(draft->name, draft->id, sizeof(draft->name));
}

/* 0; 1: try another name; -1. */
static int
draft_create(struct spool_draft *draft)
{
	const struct spool *spool = draft->spool;

	draft_make_id(draft);
	draft->fd = openat(spool->tmp, draft->id, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, spool->file_mode);
	if (draft->fd < 0)
		return errno == EEXIST ? 1 : -1;
	/* a sweep may have come between: then the lock is its, or the name is gone */
	if (flock(draft->fd, LOCK_EX | LOCK_NB) == 0 && spool_is_inode(draft->fd, spool->tmp, draft->id)) {
		if (fchmod(draft->fd, spool->file_mode) == 0)
			return 0;
		(void)unlinkat(spool->tmp, draft->id, 0);
		return -1;
	}
	(void)close(draft->fd);
	draft->fd = -1;
	return 1;
}

int
spool_draft_new(struct spool *spool, struct spool_draft **draft, struct outcome *outcome)
{
	struct spool_draft *new = memory_alloc(sizeof(*new));
	int result = 1;

	new->spool = spool;
	new->fd = new->fifo = new->fifo_writer = new->listener = -1;
	errno = EEXIST;
	for (int i = 0; i < DRAFT_TRIES && result == 1; i++)
		result = draft_create(new);
	if (result != 0) {
		(void)spool_fail(outcome, "can't write into %s/tmp: %s", spool->directory, strerror(errno));
		result = errno;
		spool_draft_free(new);
		errno = result;
		return -1;
	}
	*draft = new;
	return 0;
}

int
spool_draft_new_loose(struct spool_draft **draft, struct outcome *outcome)
{
	struct spool_draft *new = memory_alloc(sizeof(*new));

	new->fifo = new->fifo_writer = new->listener = -1;
	draft_make_id(new);
	new->fd = memfd_create("mailcrane message", MFD_CLOEXEC);
	if (new->fd < 0) {
		(void)spool_fail(outcome, "no memory for a message: %s", strerror(errno));
		spool_draft_free(new);
		return -1;
	}
	*draft = new;
	return 0;
}

int
spool_draft_fd(const struct spool_draft *draft)
{
	return draft->fd;
}

const char *
spool_draft_id(const struct spool_draft *draft)
{
	return draft->id;
}

static int
draft_fail(const struct spool_draft *draft, struct outcome *outcome)
{
	if (draft->spool == NULL)
		return spool_fail(outcome, "can't hold message %s in memory: %s", draft->id, strerror(errno));
	return spool_fail(outcome, "can't write %s/tmp/%s: %s", draft->spool->directory, draft->id, strerror(errno));
}

static int
draft_flush(struct spool_draft *draft)
{
	if (file_write(draft->fd, draft->block, draft->used) != 0)
		return -1;
	draft->written += draft->used;
	draft->used = 0;
	return 0;
}

static int
draft_append(struct spool_draft *draft, const char *data, size_t length)
{
	while (length > 0) {
		size_t part = DRAFT_BLOCK - draft->used < length ? DRAFT_BLOCK - draft->used : length;

		memcpy(draft->block + draft->used, data, part);
		draft->used += part;
		data += part;
		length -= part;
		if (draft->used == DRAFT_BLOCK && draft_flush(draft) != 0)
			return -1;
	}
	return 0;
}

/* "ID" + F, D or S + the recipient's number, base 36: it sorts behind its message. One that leaves no room, which none of ours does,
 * keeps the name it has. */
static void
draft_take_report_id(struct spool_draft *draft, const struct spool_report *report)
{
	static const char letters[] = " FDS", digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	size_t length = strnlen(report->about, SPOOL_ID_SIZE), places = 1, left = report->first;

	for (size_t rest = left / 36; rest > 0; rest /= 36)
		places++;
	if (length + 1 + places >= sizeof(draft->id))
		return;
	memcpy(draft->id, report->about, length);
	draft->id[length] = letters[report->kind];
	draft->id[length + 1 + places] = '\0';
	for (size_t i = places; i > 0; i--, left /= 36)
		draft->id[length + i] = digits[left % 36];
}

void
spool_draft_report(struct spool_draft *draft, const struct spool_report *report)
{
	static const char *const kinds[] = {"", "failed", "delayed", "relayed"};

	if (report->kind == SPOOL_REPORT_NONE || draft->state != DRAFT_NEW)
		return;
	if (report->kind == SPOOL_REPORT_DIGEST) {
		(void)snprintf(draft->report, sizeof(draft->report), "digest");
		return;
	}
	(void)snprintf(draft->report, sizeof(draft->report), "%s %s %zu", kinds[report->kind], report->about, report->first);
	draft_take_report_id(draft, report);
}

int
spool_draft_begin(struct spool_draft *draft, const struct envelope *envelope, uid_t uid, const char *program,
    struct outcome *outcome)
{
	const struct format_sender sender = {
		.id = draft->id, .created = draft->created, .uid = uid, .program = program, .report = draft->report};
	struct buffer buffer;
	int result;

	if (draft->state != DRAFT_NEW)
		return spool_fail(outcome, "the envelope of %s is written already", draft->id);
	buffer_init(&buffer, FORMAT_ENVELOPE_MAX);
	if (format_envelope(&buffer, &sender, envelope) != 0) {
		result = spool_fail(outcome, "no recipient, or an address that can't be stored");
		goto out;
	}
	draft->block = memory_room(DRAFT_BLOCK);
	memset(draft->block, 0, FORMAT_ENVELOPE_OFFSET);
	draft->checksum = checksum_new();
	draft->used = FORMAT_ENVELOPE_OFFSET;
	draft->head.envelope = buffer.length;
	draft->state = DRAFT_WRITING;
	/* every field is as at first here, so no need for format_add_envelope */
	checksum_add(draft->checksum, buffer.data, buffer.length);
	result = draft_append(draft, buffer.data, buffer.length);
	if (result != 0)
		(void)draft_fail(draft, outcome);
out:
	buffer_free(&buffer);
	return result;
}

int
spool_draft_write(struct spool_draft *draft, const void *data, size_t length, struct outcome *outcome)
{
	if (draft->state != DRAFT_WRITING)
		return spool_fail(outcome, "message %s can't be written to now", draft->id);
	if (length == 0)
		return 0;
	checksum_add(draft->checksum, data, length);
	draft->head.message += length;
	if (draft_append(draft, data, length) != 0)
		return draft_fail(draft, outcome);
	return 0;
}

/* 0; 1: swept away between making and opening; -1. */
static int
draft_open_fifo(struct spool_draft *draft)
{
	const struct spool *spool = draft->spool;

	if (mkfifoat(spool->verdict, draft->id, spool->file_mode) != 0 && errno != EEXIST)
		return -1;
	draft->fifo = spool_open_fifo(spool->verdict, draft->id, O_RDONLY);
	if (draft->fifo < 0)
		return errno == ENOENT ? 1 : -1;
	/* a writer of our own: otherwise poll() says POLLHUP without end once a courier has opened, written and closed */
	draft->fifo_writer = spool_open_fifo(spool->verdict, draft->id, O_WRONLY);
	if (draft->fifo_writer >= 0 && fchmod(draft->fifo, spool->file_mode) == 0)
		return 0;
	return -1;
}

int
spool_draft_expect(struct spool_draft *draft, struct outcome *outcome)
{
	int result = 1;

	if (draft->state == DRAFT_COMMITTED || draft->state == DRAFT_GONE || draft->fifo >= 0)
		return spool_fail(outcome, "too late to expect a verdict on %s", draft->id);
	for (int i = 0; i < DRAFT_TRIES && result == 1; i++)
		result = draft_open_fifo(draft);
	if (result == 0)
		return 0;
	return spool_fail(outcome, "can't make %s/verdict/%s: %s", draft->spool->directory, draft->id, strerror(errno));
}

void
spool_draft_listen(struct spool_draft *draft, int fd)
{
	/* no FIFO is ever run: the bit says that somebody listens, to whoever opens it anyway */
	if (draft->fifo >= 0 && fchmod(draft->fifo, draft->spool->file_mode | S_IXUSR) == 0)
		draft->listener = fd;
}

/* The head, in the block when nothing was written yet. */
static int
draft_complete(struct spool_draft *draft)
{
	char octets[FORMAT_ENVELOPE_OFFSET];
	struct format_slot slot;

	format_add_head(draft->checksum, &draft->head);
	draft->head.checksum = checksum_value(draft->checksum);
	format_slot_init(&slot);
	format_head(octets, &draft->head);
	format_slot(octets + FORMAT_HEAD_SIZE, &slot);
	if (draft->written == 0) {
		memcpy(draft->block, octets, sizeof(octets));
		return draft_flush(draft);
	}
	if (draft_flush(draft) != 0)
		return -1;
	return file_pwrite(draft->fd, octets, sizeof(octets), 0);
}

/* The same report is there already, by one who perhaps died before it was safe. 0, or -1 with errno. */
static int
draft_sync_other(const struct spool_draft *draft)
{
	int fd = openat(draft->spool->queue, draft->id, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), saved;

	if (fd < 0)
		return -1;
	if (fsync(fd) == 0 && fsync(draft->spool->queue) == 0) {
		(void)close(fd);
		return 0;
	}
	saved = errno;
	(void)close(fd);
	errno = saved;
	return -1;
}

int
spool_draft_commit(struct spool_draft *draft, bool eight_bit, struct outcome *outcome)
{
	const struct spool *spool = draft->spool;

	if (draft->state != DRAFT_WRITING)
		return spool_fail(outcome, "message %s can't be committed now", draft->id);
	draft->head.eight_bit = eight_bit;
	if (draft_complete(draft) != 0)
		return draft_fail(draft, outcome);
	if (spool != NULL && spool_rename_new(spool->tmp, spool->queue, draft->name, draft->id) != 0) {
		if (errno == EEXIST && draft->report[0] != '\0' && draft_sync_other(draft) == 0)
			errno = EEXIST;
		return spool_fail(outcome, "can't move %s into %s/queue: %s", draft->id, spool->directory, strerror(errno));
	}
	draft->state = DRAFT_COMMITTED;
	/* can't fail on a descriptor that holds it */
	(void)flock(draft->fd, LOCK_UN);
	free(draft->block);
	draft->block = NULL;
	return 0;
}

int
spool_draft_sync(struct spool_draft *draft, struct outcome *outcome)
{
	if (fsync(draft->fd) != 0 || fsync(draft->spool->queue) != 0)
		return spool_fail(outcome, "can't sync %s/queue/%s: %s", draft->spool->directory, draft->id, strerror(errno));
	return 0;
}

/* The envelope as it is now, the caller frees it; NULL when it can't be read. Also of a message that was moved or removed. */
static char *
draft_read_envelope(const struct spool_draft *draft)
{
	size_t length = (size_t)draft->head.envelope;
	char *envelope = memory_alloc(length);

	if (file_pread(draft->fd, envelope, length, FORMAT_ENVELOPE_OFFSET) == (ssize_t)length)
		return envelope;
	free(envelope);
	return NULL;
}

size_t
spool_draft_count(const struct spool_draft *draft, enum verdict verdict)
{
	char *envelope = draft_read_envelope(draft);
	size_t length = (size_t)draft->head.envelope, offset = 0, count = 0;
	struct format_line line;
	struct outcome found;

	while (envelope != NULL && format_next(envelope, length, &offset, &line) == 1)
		if (line.field != NULL && format_parse_field(line.field, &found) == 0 && found.verdict == verdict)
			count++;
	free(envelope);
	return count;
}

size_t
spool_draft_refused(const struct spool_draft *draft, char *address, struct outcome *outcome)
{
	char *envelope = draft_read_envelope(draft);
	size_t length = (size_t)draft->head.envelope, offset = 0, count = 0;
	struct format_line line;
	struct outcome found;

	while (envelope != NULL && format_next(envelope, length, &offset, &line) == 1) {
		if (line.field == NULL || format_parse_field(line.field, &found) != 0 || found.verdict != VERDICT_FAILED)
			continue;
		if (count++ == 0 && line.value_length <= ENVELOPE_ADDRESS_MAX) {
			memcpy(address, line.value, line.value_length);
			address[line.value_length] = '\0';
			*outcome = found;
		}
	}
	free(envelope);
	return count;
}

/* Was an attempt begun whose outcome was not written, since its courier died or the disk failed it? The relay may have the message. */
static bool
draft_is_doubtful(const struct spool_draft *draft)
{
	char octets[FORMAT_SLOT_SIZE];
	struct format_slot slot;

	if (file_pread(draft->fd, octets, sizeof(octets), FORMAT_HEAD_SIZE) != (ssize_t)sizeof(octets))
		return true;
	format_parse_slot(octets, &slot);
	return slot.flags[0] == FORMAT_BEGUN;
}

/* Was anything done for any recipient? Then it can't be said that the message was not sent. */
static bool
draft_is_untouched(const struct spool_draft *draft)
{
	size_t length = (size_t)draft->head.envelope, offset = 0;
	char *envelope = draft_read_envelope(draft);
	bool untouched = !draft_is_doubtful(draft) && envelope != NULL;
	struct format_line line;
	struct outcome outcome;

	while (untouched && format_next(envelope, length, &offset, &line) == 1)
		if (line.field != NULL && (format_parse_field(line.field, &outcome) != 0 || outcome.uncertain || outcome.bound ||
		    (outcome.verdict != VERDICT_NONE && outcome.verdict != VERDICT_DEFERRED)))
			untouched = false;
	free(envelope);
	return untouched;
}

int
spool_draft_withdraw(struct spool_draft *draft)
{
	const struct spool *spool = draft->spool;
	int result = 1;

	if (draft->state != DRAFT_COMMITTED)
		return draft->state == DRAFT_GONE ? 0 : 1;
	while (flock(draft->fd, LOCK_EX | LOCK_NB) != 0)
		if (errno != EINTR)
			return 1;
	if (spool_is_inode(draft->fd, spool->damaged, draft->id))
		result = 0;	/* nobody will ever send it */
	else if (spool_is_inode(draft->fd, spool->queue, draft->id) && draft_is_untouched(draft) &&
	    unlinkat(spool->queue, draft->id, 0) == 0)
		result = 0;
	if (result == 0) {
		draft->state = DRAFT_GONE;
		/* failing, it may come back after a power cut: a message more, but nobody was told that it is kept */
		(void)fsync(spool->queue);
	}
	(void)flock(draft->fd, LOCK_UN);
	return result;
}

/* A line that is no verdict: passed on when somebody listens, and takes it now. */
static void
draft_pass_on(const struct spool_draft *draft, const char *line, size_t length)
{
	static const char said[] = SPOOL_SAID;
	char text[VERDICT_LINE_MAX];

	if (draft->listener < 0 || length < sizeof(said) || length >= sizeof(text) || memcmp(line, said, sizeof(said) - 1) != 0)
		return;
	length -= sizeof(said) - 1;
	text_printable(text, sizeof(text) - 1, line + sizeof(said) - 1, length, true);
	length = strlen(text);
	text[length++] = '\n';
	if (file_wait_writable(draft->listener, 0))
		(void)!write(draft->listener, text, length);
}

/* Reads what is there; true when it held a verdict. Lines that are none are dropped. */
static bool
draft_hear(struct spool_draft *draft, struct outcome *outcome)
{
	ssize_t n = read(draft->fifo, draft->line + draft->line_length, sizeof(draft->line) - draft->line_length);
	char *end;

	if (n > 0)
		draft->line_length += (size_t)n;
	while ((end = memchr(draft->line, '\n', draft->line_length)) != NULL) {
		size_t length = (size_t)(end - draft->line);
		bool understood = spool_verdict_parse(draft->line, length, outcome) == 0;

		if (!understood)
			draft_pass_on(draft, draft->line, length);
		draft->line_length -= length + 1;
		memmove(draft->line, end + 1, draft->line_length);
		if (understood)
			return true;
	}
	if (draft->line_length == sizeof(draft->line))
		draft->line_length = 0;
	return false;
}

int
spool_draft_wait(struct spool_draft *draft, struct deadline deadline, struct outcome *outcome)
{
	struct pollfd poller = {.fd = draft->fifo, .events = POLLIN};

	if (draft->fifo < 0)
		return 0;
	for (;;) {
		if (draft_hear(draft, outcome)) {
			draft->heard = true;
			return 1;
		}
		if (deadline_passed(deadline))
			return 0;
		if (poll(&poller, 1, deadline_poll(deadline)) < 0 && errno != EINTR)
			return 0;
	}
}

void
spool_draft_free(struct spool_draft *draft)
{
	if (draft == NULL)
		return;
	/* a FIFO that nobody reads tells the runner that its verdict did not arrive; it, or a sweep, removes it */
	if (draft->fifo >= 0 && (draft->heard || draft->state != DRAFT_COMMITTED))
		(void)unlinkat(draft->spool->verdict, draft->id, 0);
	if (draft->spool != NULL && draft->fd >= 0 && draft->state != DRAFT_COMMITTED && draft->state != DRAFT_GONE)
		(void)unlinkat(draft->spool->tmp, draft->name, 0);
	if (draft->fifo >= 0)
		(void)close(draft->fifo);
	if (draft->fifo_writer >= 0)
		(void)close(draft->fifo_writer);
	if (draft->fd >= 0)
		(void)close(draft->fd);
	checksum_free(draft->checksum);
	free(draft->block);
	free(draft);
}
