/*
 * convert_part: RFC 2045 sections 4 to 6, RFC 2046 section 5.
 */
#include "message/convert_part.h"

#include <string.h>

#include "message/ascii.h"
#include "message/fold.h"
#include "message/header.h"
#include "message/message.h"
#include "message/mime_type.h"

static void
convert_part_encoding(struct convert_part *part, const struct header_field *field)
{
	char word[64];

	mime_type_word(field->value, field->value_length, word, sizeof(word));
	part->has_encoding = true;
	part->is_wide = strcmp(word, "8bit") == 0 || strcmp(word, "binary") == 0;
	if (strcmp(word, "quoted-printable") == 0)
		part->encoding = CONVERT_QUOTED;
	else if (strcmp(word, "base64") == 0)
		part->encoding = CONVERT_BASE64;
	else if (strncmp(word, "x-", 2) == 0 || strncmp(word, "uu", 2) == 0)
		part->encoding = CONVERT_UNKNOWN;
}

static void
convert_part_multipart(struct convert_part *part, const char *value, size_t length)
{
	part->kind = CONVERT_MULTIPART;
	part->is_digest = mime_type_is(value, length, "multipart/digest");
	if (mime_type_is(value, length, "multipart/signed")) {
		part->kind = CONVERT_CLOSED;
		part->why = "it is signed";
		return;
	}
	if (!mime_type_parameter(value, length, "boundary", part->boundary, sizeof(part->boundary)) ||
	    part->boundary[0] == '\0' || !ascii_is(part->boundary, strlen(part->boundary))) {
		part->kind = CONVERT_CLOSED;
		part->why = "it is a multipart without a boundary";
	}
}

static void
convert_part_type(struct convert_part *part, const struct header_field *field)
{
	const char *value = field->value;
	size_t length = field->value_length;
	char charset[64];

	part->has_type = true;
	part->kind = CONVERT_DATA;
	if (mime_type_is(value, length, "multipart")) {
		convert_part_multipart(part, value, length);
	} else if (mime_type_is(value, length, "message/rfc822")) {
		part->kind = CONVERT_MESSAGE;
	} else if (mime_type_is(value, length, "message/partial")) {
		part->kind = CONVERT_CLOSED;
		part->why = "it is a part of a message that was split";
	} else if (mime_type_is(value, length, "text") || mime_type_is(value, length, "message")) {
		part->kind = CONVERT_TEXT;
		part->has_charset = !mime_type_is(value, length, "text") ||
		    mime_type_parameter(value, length, "charset", charset, sizeof(charset));
	}
}

void
convert_part_read(struct convert_part *part, const char *block, size_t length, bool in_digest)
{
	struct header_field field;

	*part = (struct convert_part){.kind = in_digest ? CONVERT_MESSAGE : CONVERT_TEXT};
	part->has_version = header_find(block, length, "MIME-Version", &field);
	if (header_find(block, length, "Content-Transfer-Encoding", &field))
		convert_part_encoding(part, &field);
	if (header_find(block, length, "Content-Type", &field))
		convert_part_type(part, &field);
	/* a message inside has no encoding of its own (RFC 2045 section 6.4): then it is not one to go into */
	if (part->kind == CONVERT_MESSAGE && part->encoding != CONVERT_PLAIN)
		part->kind = CONVERT_DATA;
}

/* A text without a charset is US-ASCII, which it is not. */
static int
convert_part_charset(struct buffer *out, const struct header_field *field, const char *charset)
{
	size_t length = field->value_length;

	while (length > 0 && memchr(" \t\r\n;", field->value[length - 1], 5) != NULL)
		length--;
	if (buffer_append(out, field->start, (size_t)(field->value - field->start)) != 0 ||
	    buffer_append(out, field->value, length) != 0)
		return -1;
	return buffer_append_format(out, "; charset=%s\r\n", charset);
}

static int
convert_part_missing(const struct convert_part *part, const char *encoding, const char *charset, bool is_message,
    struct buffer *out)
{
	if (is_message && !part->has_version && buffer_append_text(out, "MIME-Version: 1.0\r\n") != 0)
		return -1;
	if (!part->has_type && part->kind == CONVERT_TEXT && charset != NULL &&
	    buffer_append_format(out, "Content-Type: text/plain; charset=%s\r\n", charset) != 0)
		return -1;
	if (!part->has_encoding && encoding != NULL)
		return buffer_append_format(out, "Content-Transfer-Encoding: %s\r\n", encoding);
	return 0;
}

static int
convert_part_fields(const struct convert_part *part, const char *block, size_t length, const char *encoding,
    const char *charset, bool is_message, struct buffer *out)
{
	bool encoding_done = false, type_done = false;
	struct header_field field;
	size_t offset = 0;
	int failed = 0;

	while (failed == 0 && header_next(block, length, &offset, &field)) {
		bool is_empty = header_is_empty(&field);

		if (encoding != NULL && header_is(&field, "Content-Transfer-Encoding")) {
			if (!encoding_done && !is_empty)
				failed = buffer_append_format(out, "%.*s: %s\r\n", (int)field.name_length, field.start, encoding);
			encoding_done = encoding_done || !is_empty;
		} else if (charset != NULL && header_is(&field, "Content-Type") && !is_empty && !type_done &&
		    !part->has_charset) {
			failed = convert_part_charset(out, &field, charset);
			type_done = true;
		} else {
			failed = buffer_append(out, field.start, field.length);
		}
	}
	return failed == 0 ? convert_part_missing(part, encoding, charset, is_message, out) : -1;
}

/* No line may be too long, whatever it holds. */
static int
convert_part_fold(struct buffer *out, const char *block, size_t length)
{
	struct header_field field;
	size_t offset = 0;
	int failed = 0;

	while (failed == 0 && header_next(block, length, &offset, &field)) {
		if (fold_is_needed(field.start, field.length))
			failed = fold_header(out, field.start, field.length);
		else
			failed = buffer_append(out, field.start, field.length);
	}
	return failed;
}

int
convert_part_write(const struct convert_part *part, const char *block, size_t length, const char *encoding,
    const char *charset, bool is_message, bool seven_bit, struct buffer *out)
{
	struct buffer fields, plain;
	int failed;

	buffer_init(&fields, 2 * MESSAGE_HEADER_MAX);
	buffer_init(&plain, 8 * MESSAGE_HEADER_MAX);
	failed = convert_part_fields(part, block, length, encoding, charset, is_message, &fields);
	if (failed == 0 && seven_bit)
		failed = ascii_headers(&plain, fields.data, fields.length);
	else if (failed == 0)
		failed = buffer_append(&plain, fields.data, fields.length);
	if (failed == 0)
		failed = convert_part_fold(out, plain.data, plain.length);
	buffer_free(&fields);
	buffer_free(&plain);
	return failed;
}
