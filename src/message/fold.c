/*
 * fold: RFC 5322 sections 2.1.1 and 2.2.3.
 */
#include "message/fold.h"

#include <string.h>

#include "message/message.h"

static bool
fold_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* `cut`, or up to three octets less so that no UTF-8 character is torn. text[cut] must exist. */
static size_t
fold_character(const char *text, size_t cut)
{
	for (size_t back = 0; back < 4 && back < cut; back++)
		if (((unsigned char)text[cut - back] & 0xC0) != 0x80)
			return cut - back;
	return cut;
}

/* Where a header line of more than `most` octets is cut. Nothing up to `start` is a place: it would leave an empty line.
 * A comma comes before the middle of a word, since a blank there would break an address. */
static size_t
fold_header_cut(const char *line, size_t start, size_t most)
{
	size_t comma = 0;

	for (size_t i = most; i > start; i--) {
		if (fold_is_blank(line[i]))
			return i;
		if (comma == 0 && (line[i - 1] == ',' || line[i - 1] == ';'))
			comma = i;
	}
	return comma > 0 ? comma : fold_character(line, most);
}

/* First octet with text in it: behind the name in the line that has one, behind the blanks in the others. */
static size_t
fold_header_text(const char *line, size_t length, bool has_name)
{
	const char *colon = has_name ? memchr(line, ':', length) : NULL;
	size_t start = colon != NULL ? (size_t)(colon - line) + 1 : 0;

	while (start < length && fold_is_blank(line[start]))
		start++;
	return start;
}

static int
fold_header_part(struct buffer *out, bool needs_blank, const char *part, size_t length)
{
	if (needs_blank && buffer_append(out, " ", 1) != 0)
		return -1;
	if (buffer_append(out, part, length) != 0)
		return -1;
	return buffer_append(out, "\r\n", 2);
}

/* One line without its CRLF. */
static int
fold_header_line(struct buffer *out, const char *line, size_t length, bool has_name)
{
	bool needs_blank = false;
	size_t start, cut, most = MESSAGE_LINE_MAX;

	while (length > most) {
		start = fold_header_text(line, length, has_name);
		if (!has_name && start > most / 2) {	/* a flood of blanks: one is as good, none when nothing follows */
			if (start == length)
				return 0;
			line += start - 1;
			length -= start - 1;
			needs_blank = false;
			continue;
		}
		cut = start < most ? fold_header_cut(line, start, most) : fold_header_cut(line, 0, most);
		if (fold_header_part(out, needs_blank, line, cut) != 0)
			return -1;
		line += cut;
		length -= cut;
		has_name = false;
		needs_blank = !fold_is_blank(line[0]);
		most = MESSAGE_LINE_MAX - (needs_blank ? 1 : 0);
	}
	if (!has_name && fold_header_text(line, length, false) == length)
		return 0;
	return fold_header_part(out, needs_blank, line, length);
}

int
fold_header(struct buffer *out, const char *field, size_t length)
{
	const char *newline;
	size_t line;

	for (size_t at = 0; at < length; at += line) {
		newline = memchr(field + at, '\n', length - at);
		line = newline != NULL ? (size_t)(newline - field) + 1 - at : length - at;
		if (fold_header_line(out, field + at, line >= 2 ? line - 2 : 0, at == 0) != 0)
			return -1;
	}
	return 0;
}

bool
fold_is_needed(const char *field, size_t length)
{
	size_t line = 0;

	for (size_t i = 0; i < length; i++) {
		line = field[i] == '\n' ? 0 : line + 1;
		if (line > MESSAGE_LINE_MAX + 1)	/* the CR counts */
			return true;
	}
	return false;
}
