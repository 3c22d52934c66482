/*
 * convert: RFC 2045, 2046, 6152 section 3.
 *
 * The file is walked from front to end, each part twice: once to see what it holds and where it ends, since its header comes first and
 * must name the encoding; once to write it. Multiparts that are open are a stack of boundaries, so that a line that ends an
 * outer one ends the inner ones, too (RFC 2046 section 5.1.2). The CRLF before a boundary belongs to the boundary.
 */
#include "message/convert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/file.h"
#include "message/convert_part.h"
#include "message/message.h"
#include "message/mime_code.h"
#include "message/output.h"
#include "message/range.h"
#include "message/utf8.h"

#define CONVERT_DEPTH_MAX 32

struct convert_open {
	char boundary[CONVERT_BOUNDARY_MAX];
	bool is_digest;
	bool was_seen;
};

/* What was found on the way to a boundary or the end. */
struct convert_stretch {
	off_t start, end;	/* without the CRLF before the boundary */
	off_t next;		/* behind the boundary line */
	size_t level;		/* of the multipart whose boundary it is, from 1; 0: the end */
	bool  is_close;
	bool  has_eight_bit, has_long;
	uint64_t high;		/* octets over 127 */
	struct utf8 utf8;
};

struct convert {
	int    fd;
	off_t  end;
	bool   seven_bit;
	struct convert_open open[CONVERT_DEPTH_MAX];
	size_t depth;
	struct output output;
	struct outcome *outcome;
};

static int
convert_failed(struct convert *convert)
{
	outcome_set(convert->outcome, VERDICT_DEFERRED, STAGE_DATA, CAUSE_LOCAL, "converting the message: %s", strerror(errno));
	return -1;
}

static int
convert_refuse(struct convert *convert, const char *why)
{
	outcome_set(convert->outcome, VERDICT_FAILED, STAGE_DATA, CAUSE_INPUT,
	    "the relay can't take the message as it is (%s), and it can't be converted: %s", convert->seven_bit ?
	    "octets over 127 or lines over 998 octets" : "lines over 998 octets", why);
	return -1;
}

int
convert_look(int fd, off_t offset, uint64_t length, struct convert_needs *found)
{
	char data[16 * 1024];
	uint64_t left = length, line = 0;

	*found = (struct convert_needs){0};
	while (left > 0) {
		size_t wanted = left < sizeof(data) ? (size_t)left : sizeof(data), at = 0;

		if (file_pread(fd, data, wanted, offset) != (ssize_t)wanted)
			return -1;
		found->eight_bit = found->eight_bit || output_is_eight_bit(data, wanted);
		while (at < wanted) {
			const char *newline = memchr(data + at, '\n', wanted - at);
			size_t step = newline != NULL ? (size_t)(newline - data) + 1 - at : wanted - at;

			line += step;
			if (line > MESSAGE_LINE_MAX + (newline != NULL ? 2 : 1))
				found->long_lines = true;
			if (newline != NULL)
				line = 0;
			at += step;
		}
		offset += (off_t)wanted;
		left -= wanted;
	}
	found->long_lines = found->long_lines || line > MESSAGE_LINE_MAX;
	return 0;
}

/* "--boundary", perhaps "--", blanks. 1 or, when it closes, 2; 0 when it is none. */
static int
convert_is_boundary(const char *line, size_t length, const char *boundary)
{
	size_t at = 2 + strlen(boundary);
	int result = 1;

	if (length < at || memcmp(line, "--", 2) != 0 || memcmp(line + 2, boundary, at - 2) != 0)
		return 0;
	if (length >= at + 2 && memcmp(line + at, "--", 2) == 0) {
		at += 2;
		result = 2;
	}
	while (at < length && (line[at] == ' ' || line[at] == '\t'))
		at++;
	return at == length ? result : 0;
}

static bool
convert_find_boundary(const struct convert *convert, const struct range_line *line, struct convert_stretch *stretch)
{
	int found;

	if (!line->is_start || !line->is_end || line->length < 2 || line->data[0] != '-')
		return false;
	for (size_t level = convert->depth; level > 0; level--) {
		found = convert_is_boundary(line->data, line->length, convert->open[level - 1].boundary);
		if (found == 0)
			continue;
		stretch->level = level;
		stretch->is_close = found == 2;
		return true;
	}
	return false;
}

static void
convert_note(struct convert_stretch *stretch, const struct range_line *line, uint64_t *length)
{
	*length = line->is_start ? line->length : *length + line->length;
	stretch->has_long = stretch->has_long || *length > MESSAGE_LINE_MAX;
	for (size_t i = 0; i < line->length; i++)
		stretch->high += (unsigned char)line->data[i] >> 7;
	utf8_take(&stretch->utf8, line->data, line->length);
}

/* Reads from `start` to the next boundary of any open multipart. 0, or -1 with *outcome. */
static int
convert_scan(struct convert *convert, off_t start, struct convert_stretch *stretch)
{
	struct range range;
	struct range_line line;
	uint64_t length = 0;
	int result;

	*stretch = (struct convert_stretch){.start = start, .end = convert->end, .next = convert->end};
	range_init(&range, convert->fd, start, convert->end);
	while ((result = range_line(&range, &line)) == 1) {
		if (convert_find_boundary(convert, &line, stretch)) {
			stretch->end = line.offset - 2 > start ? line.offset - 2 : start;
			stretch->next = range_tell(&range);
			break;
		}
		convert_note(stretch, &line, &length);
	}
	stretch->has_eight_bit = stretch->high > 0;
	return result < 0 ? convert_failed(convert) : 0;
}

static bool
convert_is_needed(const struct convert *convert, const struct convert_stretch *stretch)
{
	return stretch->has_long || (convert->seven_bit && stretch->has_eight_bit);
}

static int
convert_copy(struct convert *convert, off_t start, off_t end)
{
	char data[16 * 1024];

	while (start < end) {
		size_t wanted = end - start < (off_t)sizeof(data) ? (size_t)(end - start) : sizeof(data);

		errno = EIO;
		if (file_pread(convert->fd, data, wanted, start) != (ssize_t)wanted)
			return convert_failed(convert);
		if (output_write(&convert->output, data, wanted, convert->outcome) != 0)
			return -1;
		start += (off_t)wanted;
	}
	return 0;
}

/* The boundary line with the CRLF before it. */
static int
convert_copy_boundary(struct convert *convert, const struct convert_stretch *stretch)
{
	return convert_copy(convert, stretch->end, stretch->next);
}

static int
convert_code(struct convert *convert, const struct convert_stretch *stretch,
    int (*code)(struct range *, struct output *, struct outcome *))
{
	struct range range;
	int result;

	range_init(&range, convert->fd, stretch->start, stretch->end);
	result = code(&range, &convert->output, convert->outcome);
	if (result == -1)
		return convert_failed(convert);
	return result;
}

/* base64 costs a third; quoted-printable two octets for each that it must encode. */
static bool
convert_wants_base64(const struct convert_part *part, const struct convert_stretch *stretch)
{
	return part->kind != CONVERT_TEXT || stretch->high > (uint64_t)(stretch->end - stretch->start) / 3;
}

static const char *
convert_charset(const struct convert_stretch *stretch)
{
	if (!stretch->has_eight_bit)
		return "us-ascii";
	return utf8_is_valid(&stretch->utf8) ? "utf-8" : "unknown-8bit";
}

static int
convert_header(struct convert *convert, const struct convert_part *part, const struct buffer *block, const char *encoding,
    const char *charset, bool is_message)
{
	struct buffer made;
	int failed;

	buffer_init(&made, 8 * MESSAGE_HEADER_MAX);
	failed = convert_part_write(part, block->data, block->length, encoding, charset, is_message, convert->seven_bit, &made);
	if (failed != 0)
		failed = convert_refuse(convert, "its headers are too long");
	else
		failed = output_write(&convert->output, made.data, made.length, convert->outcome);
	buffer_free(&made);
	return failed;
}

/* The header of a part, from `start`, without the empty line that ends it. *body is behind that; where a boundary or the end comes first, it is
 * before it, and *has_body false. */
static int
convert_read_header(struct convert *convert, off_t start, struct buffer *block, off_t *body, bool *has_body)
{
	struct convert_stretch unused;
	struct range_line line;
	struct range range;
	int result;

	*has_body = false;
	range_init(&range, convert->fd, start, convert->end);
	while ((result = range_line(&range, &line)) == 1) {
		if (line.is_start && line.length == 0) {
			*has_body = true;
			break;
		}
		if (convert_find_boundary(convert, &line, &unused)) {
			*body = line.offset;
			return 0;
		}
		if (buffer_append(block, line.data, line.length) != 0 ||
		    (line.is_end && buffer_append(block, "\r\n", 2) != 0))
			return convert_refuse(convert, "the headers of a part are too long");
	}
	*body = range_tell(&range);
	return result < 0 ? convert_failed(convert) : 0;
}

/* What is no part's: shown to nobody, so its form is free. */
static int
convert_between(struct convert *convert, off_t start, struct convert_stretch *stretch)
{
	int failed;

	if (convert_scan(convert, start, stretch) != 0)
		return -1;
	if (convert_is_needed(convert, stretch))
		failed = convert_code(convert, stretch, mime_code_quoted);
	else
		failed = convert_copy(convert, stretch->start, stretch->end);
	return failed != 0 ? -1 : convert_copy_boundary(convert, stretch);
}

/* Body of a part that is converted: the header is out, with its empty line. */
static int
convert_body(struct convert *convert, const struct convert_part *part, const struct convert_stretch *stretch)
{
	switch (part->encoding) {
	case CONVERT_QUOTED:
		return convert_code(convert, stretch, mime_code_mend_quoted);
	case CONVERT_BASE64:
		return convert_code(convert, stretch, mime_code_mend_base64);
	default:
		break;
	}
	if (!convert_wants_base64(part, stretch))
		return convert_code(convert, stretch, mime_code_quoted);
	if (convert_code(convert, stretch, mime_code_base64) != 0)
		return -1;
	return stretch->level == 0 ? output_write(&convert->output, "\r\n", 2, convert->outcome) : 0;
}

/* A part with nothing in it to go into. `has_body`: its header ended in an empty line. */
static int
convert_leaf(struct convert *convert, const struct convert_part *part, const struct buffer *block, off_t body, bool has_body,
    bool is_message, struct convert_stretch *stretch)
{
	const char *encoding = convert->seven_bit && part->is_wide ? "7bit" : NULL, *charset = NULL;
	bool is_needed;

	if (convert_scan(convert, body, stretch) != 0)
		return -1;
	is_needed = convert_is_needed(convert, stretch);
	if (is_needed && part->kind == CONVERT_CLOSED)
		return convert_refuse(convert, part->why);
	if (is_needed && part->encoding == CONVERT_UNKNOWN)
		return convert_refuse(convert, "its encoding is not known");
	if (part->kind == CONVERT_CLOSED)
		encoding = NULL;
	if (is_needed && part->encoding == CONVERT_PLAIN) {
		encoding = convert_wants_base64(part, stretch) ? "base64" : "quoted-printable";
		charset = !part->has_type || (part->kind == CONVERT_TEXT && stretch->has_eight_bit) ? convert_charset(stretch) : NULL;
	}
	if (convert_header(convert, part, block, encoding, charset, is_message && is_needed) != 0)
		return -1;
	if (has_body && output_write(&convert->output, "\r\n", 2, convert->outcome) != 0)
		return -1;
	if (is_needed ? convert_body(convert, part, stretch) : convert_copy(convert, stretch->start, stretch->end))
		return -1;
	return convert_copy_boundary(convert, stretch);
}

static int
convert_multipart(struct convert *convert, const struct convert_part *part, const struct buffer *block, off_t body,
    bool has_body, bool is_message, struct convert_stretch *stretch)
{
	const char *encoding = convert->seven_bit && part->is_wide ? "7bit" : NULL;
	struct convert_open *open = &convert->open[convert->depth];

	if (convert->depth == CONVERT_DEPTH_MAX)
		return convert_refuse(convert, "its parts are nested too deep");
	if (convert_header(convert, part, block, encoding, NULL, is_message) != 0)
		return -1;
	if (has_body && output_write(&convert->output, "\r\n", 2, convert->outcome) != 0)
		return -1;
	*open = (struct convert_open){.is_digest = part->is_digest};
	memcpy(open->boundary, part->boundary, sizeof(open->boundary));
	convert->depth++;
	if (convert_between(convert, body, stretch) != 0)
		return -1;
	/* without a single part what stands there may be what the reader is to see */
	if (stretch->level != convert->depth && convert_is_needed(convert, stretch))
		return convert_refuse(convert, "it is a multipart without parts");
	return 0;
}

/* One header and what belongs to it. *inside is where the header of a message inside begins, 0 when there is none and all is done. */
static int
convert_step(struct convert *convert, off_t start, bool in_digest, bool is_message, struct convert_stretch *stretch, off_t *inside)
{
	const char *encoding;
	struct convert_part part;
	struct buffer block;
	off_t body = start;
	bool has_body;
	int failed;

	*inside = 0;
	buffer_init(&block, MESSAGE_HEADER_MAX);
	if (convert_read_header(convert, start, &block, &body, &has_body) != 0) {
		buffer_free(&block);
		return -1;
	}
	convert_part_read(&part, block.data, block.length, in_digest);
	if (part.kind == CONVERT_MESSAGE && has_body) {
		encoding = convert->seven_bit && part.is_wide ? "7bit" : NULL;
		failed = convert_header(convert, &part, &block, encoding, NULL, is_message);
		if (failed == 0)
			failed = output_write(&convert->output, "\r\n", 2, convert->outcome);
		*inside = body;
	} else if (part.kind == CONVERT_MULTIPART) {
		failed = convert_multipart(convert, &part, &block, body, has_body, is_message, stretch);
	} else {
		failed = convert_leaf(convert, &part, &block, body, has_body, is_message, stretch);
	}
	buffer_free(&block);
	return failed;
}

/* A part, or the message itself: header and all up to the next boundary line, that included. A message in it is another header
 * behind the header. */
static int
convert_entity(struct convert *convert, off_t start, bool in_digest, bool is_message, struct convert_stretch *stretch)
{
	off_t inside;
	int failed = convert_step(convert, start, in_digest, is_message, stretch, &inside);

	while (failed == 0 && inside != 0)
		failed = convert_step(convert, inside, false, true, stretch, &inside);
	return failed;
}

static int
convert_all(struct convert *convert, off_t start)
{
	struct convert_stretch stretch = {0};

	if (convert_entity(convert, start, false, true, &stretch) != 0)
		return -1;
	while (stretch.level > 0) {
		convert->depth = stretch.level;
		if (stretch.is_close) {
			convert->depth--;
			if (convert_between(convert, stretch.next, &stretch) != 0)
				return -1;
		} else if (convert_entity(convert, stretch.next, convert->open[stretch.level - 1].is_digest, false, &stretch) != 0) {
			return -1;
		}
	}
	return output_flush(&convert->output, convert->outcome);
}

static int
convert_sink(void *context, const void *data, size_t length, struct outcome *outcome)
{
	int *target = context;

	if (file_write(*target, data, length) == 0)
		return 0;
	outcome_set(outcome, VERDICT_DEFERRED, STAGE_DATA, CAUSE_LOCAL, "writing the converted message: %s", strerror(errno));
	return -1;
}

int
convert_message(int fd, off_t offset, uint64_t length, bool seven_bit, int target, uint64_t *written,
    struct outcome *outcome)
{
	struct convert *convert = memory_alloc(sizeof(*convert));
	struct message_sink sink = {.context = &target, .write = convert_sink};
	int failed;

	convert->fd = fd;
	convert->end = offset + (off_t)length;
	convert->seven_bit = seven_bit;
	convert->outcome = outcome;
	output_init(&convert->output, &sink, UINT64_MAX);
	failed = convert_all(convert, offset);
	*written = convert->output.total;
	output_free(&convert->output);
	free(convert);
	return failed == 0 ? 0 : -1;
}
