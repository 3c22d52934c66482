/*
 * format: the octets of a message file, version 1. Pure functions on memory; no files.
 *
 *   offset  size  what
 *   0       512   fixed head: written once, at the commit. Lines: "mailcrane message 1", "envelope LENGTH" (12 digits),
 *                 "message LENGTH" (18 digits), "checksum HEX" (16), "eight_bit 0|1"; then blanks, the last octet LF
 *   512     512   slot: written again as a whole with one write, on a sector of its own. Lines: "due SECONDS" (18 digits),
 *                 "attempts N" (10), "flags FFFFFFFFFFFFFFFF" (16 places, '-' is not set; the first is B while an attempt
 *                 was begun whose outcome is not noted yet, the second how many attempts came to no certain end (1 to 9), the
 *                 third H while people hold the message back, the fourth W when the sender was told that it takes longer),
 *                 "last FIELD" with 255 octets of text, and where there are several relays "at NAME", at which the attempt is
 *                 that was begun; then blanks, the last octet LF
 *   1024    E     envelope: lines "key value" LF. Keys: id, created (ms), uid, program, from, ret and envid where they were
 *                 given (RFC 3461), relay where it is not that of the sender, "international 1" where SMTPUTF8 is needed (RFC 6531),
 *                 report where the message is a report of our own ("failed|delayed|relayed ID INDEX": on which message and its first
 *                 recipient, or "digest"), and for each recipient "to FIELD ADDRESS", where FIELD (218 octets) is written again in
 *                 place, and behind it its notify and orcpt where they were given. Unknown keys are left alone
 *   1024+E  M     message in wire form; the file ends here
 *
 * FIELD: state (W waiting, Q deferred, D delivered, R refused: any two differ in two bits or more), reply code, enhanced code,
 * uncertain ('-' or 'U', or 'P' where an earlier attempt was), stage, cause, text; widths 1 3 11 1 12 24 160 with a blank between. The
 * outcome of a relay that has a name ends in '@' and that name, in the last 33 octets of the text behind a blank. The state comes first and
 * decides: whatever is torn behind it is only an explanation. The blank before the stage becomes a T, by a write of its own, when the
 * sender was told of that state, or is not to be.
 *
 * The checksum covers envelope (every FIELD taken as it was at first), message, and fixed head (checksum taken as 0s), in this
 * order: all that never changes. What changes can't break the walk through the envelope, as FIELDs are skipped by width.
 */
#ifndef MAILCRANE_SPOOL_FORMAT_H
#define MAILCRANE_SPOOL_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/buffer.h"
#include "base/outcome.h"
#include "message/envelope.h"
#include "spool/checksum.h"

#define FORMAT_HEAD_SIZE 512
#define FORMAT_SLOT_SIZE 512
#define FORMAT_ENVELOPE_OFFSET (FORMAT_HEAD_SIZE + FORMAT_SLOT_SIZE)
#define FORMAT_ENVELOPE_MAX (8 * 1024 * 1024)
#define FORMAT_FLAGS 16
#define FORMAT_BEGUN 'B'		/* in the first of them */
#define FORMAT_DOUBTS 1			/* place of a digit */
#define FORMAT_HOLD 2			/* place of FORMAT_HELD */
#define FORMAT_HELD 'H'
#define FORMAT_WARN 3			/* place of FORMAT_WARNED */
#define FORMAT_WARNED 'W'
#define FORMAT_TEXT_SIZE 160
#define FORMAT_COLUMNS 58		/* of a field, before its text */
#define FORMAT_FIELD_SIZE (FORMAT_COLUMNS + FORMAT_TEXT_SIZE)
#define FORMAT_TOLD_AT 19		/* in a field */
#define FORMAT_TOLD 'T'
#define FORMAT_PROGRAM_SIZE 64

struct format_head {
	uint64_t envelope, message;	/* lengths */
	uint64_t checksum;
	bool     eight_bit;
};

struct format_slot {
	time_t         due;
	unsigned       attempts;
	char           flags[FORMAT_FLAGS + 1];	/* letters of later versions are kept */
	struct outcome last;
	char           at[OUTCOME_RELAY_SIZE];	/* "relay" for [relay]; "": none was noted */
};

struct format_sender {			/* what the envelope's first lines say */
	const char *id;
	int64_t     created;		/* ms since 1970 */
	uid_t       uid;
	const char *program;
	const char *report;		/* value of that line; NULL: none */
};

struct format_line {			/* borrowed views */
	const char *key, *value;
	size_t      key_length, value_length;
	const char *field;		/* of a recipient; NULL in other lines */
};

enum format_result { FORMAT_OK, FORMAT_DAMAGED, FORMAT_NEWER };

void format_head(char octets[FORMAT_HEAD_SIZE], const struct format_head *head);
enum format_result format_parse_head(const char octets[FORMAT_HEAD_SIZE], struct format_head *head);

void format_slot_init(struct format_slot *slot);
void format_slot(char octets[FORMAT_SLOT_SIZE], const struct format_slot *slot);
/* A slot that can't be read is taken as a new one: it says when, never whether, a message is served. */
void format_parse_slot(const char octets[FORMAT_SLOT_SIZE], struct format_slot *slot);

/* Writes FORMAT_FIELD_SIZE octets, no NUL. */
void format_field(char *octets, const struct outcome *outcome);
/* 0, or -1 when the state is none that this program writes. */
int format_parse_field(const char *octets, struct outcome *outcome);

/* 0, or -1 with errno EINVAL (an address that can't stand in a line) or ERANGE (too long). */
int format_envelope(struct buffer *buffer, const struct format_sender *sender, const struct envelope *envelope);

/* Steps through an envelope, *offset starts at 0: 1 and *line, 0 at the end, -1 when it is malformed. */
int format_next(const char *envelope, size_t length, size_t *offset, struct format_line *line);
bool format_is(const struct format_line *line, const char *key);

/* Adds an envelope with every FIELD as it was at first; -1 when it is malformed. */
int format_add_envelope(struct checksum *checksum, const char *envelope, size_t length);
/* Adds the head without its checksum. */
void format_add_head(struct checksum *checksum, const struct format_head *head);

#endif
