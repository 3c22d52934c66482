/*
 * mime_code: RFC 2045 sections 6.7 and 6.8. Lines come in pieces, so each encoder keeps what it must know from one to the next.
 */
#include "message/mime_code.h"

#include <string.h>

#include "message/ascii.h"
#include "message/base64.h"
#include "message/message.h"

#define MIME_CODE_LINE 76

struct mime_code {
	struct output  *output;
	struct outcome *outcome;
	size_t column;
	char   held[3];		/* a blank that may end the line, or the beginning of a =XX; or octets for base64 */
	size_t held_length;
};

static int
mime_code_write(struct mime_code *code, const char *text, size_t length)
{
	code->column += length;
	return output_write(code->output, text, length, code->outcome) == 0 ? 0 : MIME_CODE_OUTPUT;
}

static int
mime_code_newline(struct mime_code *code)
{
	int failed = mime_code_write(code, "\r\n", 2);

	code->column = 0;
	return failed;
}

/* A piece that stays together, with room for the "=" of a soft break behind it. */
static int
mime_code_quoted_write(struct mime_code *code, const char *text, size_t length)
{
	if (code->column + length >= MIME_CODE_LINE) {
		if (mime_code_write(code, "=", 1) != 0 || mime_code_newline(code) != 0)
			return MIME_CODE_OUTPUT;
	}
	return mime_code_write(code, text, length);
}

static int
mime_code_octet(struct mime_code *code, char c)
{
	static const char digits[] = "0123456789ABCDEF";
	char text[3] = {'=', digits[(unsigned char)c >> 4], digits[(unsigned char)c & 15]};

	return mime_code_quoted_write(code, text, 3);
}

static bool
mime_code_is_plain(char c)
{
	return c > ' ' && c < 127 && c != '=';
}

/* Blanks at the end of a line would be lost on the way. */
static int
mime_code_release(struct mime_code *code, bool is_end)
{
	char c = code->held[0];

	if (code->held_length == 0)
		return 0;
	code->held_length = 0;
	return is_end ? mime_code_octet(code, c) : mime_code_quoted_write(code, &c, 1);
}

static int
mime_code_quoted_piece(struct mime_code *code, const struct range_line *line)
{
	int failed = 0;

	for (size_t i = 0; i < line->length && failed == 0; i++) {
		char c = line->data[i];

		failed = mime_code_release(code, false);
		if (failed != 0)
			break;
		if (c == ' ' || c == '\t') {
			code->held[0] = c;
			code->held_length = 1;
		} else if (mime_code_is_plain(c)) {
			failed = mime_code_quoted_write(code, &c, 1);
		} else {
			failed = mime_code_octet(code, c);
		}
	}
	if (failed == 0 && line->is_end)
		failed = mime_code_release(code, true);
	if (failed == 0 && line->has_newline)
		failed = mime_code_newline(code);
	return failed;
}

int
mime_code_quoted(struct range *range, struct output *output, struct outcome *outcome)
{
	struct mime_code code = {.output = output, .outcome = outcome};
	struct range_line line;
	int result, failed;

	while ((result = range_line(range, &line)) == 1)
		if ((failed = mime_code_quoted_piece(&code, &line)) != 0)
			return failed;
	return result;
}

static int
mime_code_three(struct mime_code *code)
{
	char four[4];

	base64_four(four, code->held, code->held_length);
	code->held_length = 0;
	if (code->column == MIME_CODE_LINE && mime_code_newline(code) != 0)
		return MIME_CODE_OUTPUT;
	return mime_code_write(code, four, 4);
}

static int
mime_code_base64_piece(struct mime_code *code, const char *data, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		code->held[code->held_length++] = data[i];
		if (code->held_length == 3 && mime_code_three(code) != 0)
			return MIME_CODE_OUTPUT;
	}
	return 0;
}

int
mime_code_base64(struct range *range, struct output *output, struct outcome *outcome)
{
	struct mime_code code = {.output = output, .outcome = outcome};
	struct range_line line;
	int result;

	while ((result = range_line(range, &line)) == 1) {
		if (mime_code_base64_piece(&code, line.data, line.length) != 0 ||
		    mime_code_base64_piece(&code, "\r\n", line.has_newline ? 2 : 0) != 0)
			return MIME_CODE_OUTPUT;
	}
	if (result == 0 && code.held_length > 0)
		return mime_code_three(&code);
	return result;
}

static bool
mime_code_is_good(const struct range_line *line)
{
	return line->is_start && line->is_end && line->length <= MESSAGE_LINE_MAX && ascii_is(line->data, line->length);
}

static int
mime_code_copy(struct mime_code *code, const struct range_line *line)
{
	int failed = mime_code_write(code, line->data, line->length);

	if (failed == 0 && line->has_newline)
		failed = mime_code_newline(code);
	return failed;
}

/* "=", "=4" and "=41" are kept together; at the end of a line "=" is a soft break, which stays one. */
static int
mime_code_mend_quoted_octet(struct mime_code *code, char c)
{
	size_t length = code->held_length;

	if (length == 0 && c != '=')
		return (unsigned char)c > 127 ? mime_code_octet(code, c) : mime_code_quoted_write(code, &c, 1);
	if (length > 0 && ((unsigned char)c > 127 || c == '=')) {	/* it began none */
		code->held_length = 0;
		if (mime_code_quoted_write(code, code->held, length) != 0)
			return MIME_CODE_OUTPUT;
		if ((unsigned char)c > 127)
			return mime_code_octet(code, c);
		length = 0;
	}
	if (c == '=' && length == 0) {
		code->held[code->held_length++] = c;
		return 0;
	}
	code->held[code->held_length++] = c;
	if (code->held_length < 3)
		return 0;
	code->held_length = 0;
	return mime_code_quoted_write(code, code->held, 3);
}

static int
mime_code_mend_quoted_piece(struct mime_code *code, const struct range_line *line)
{
	size_t length;
	int failed = 0;

	for (size_t i = 0; i < line->length && failed == 0; i++)
		failed = mime_code_mend_quoted_octet(code, line->data[i]);
	if (failed != 0 || !line->is_end)
		return failed;
	length = code->held_length;
	code->held_length = 0;
	if (length == 1)
		failed = mime_code_write(code, code->held, 1);
	else if (length > 1)
		failed = mime_code_quoted_write(code, code->held, length);
	if (failed == 0 && line->has_newline)
		failed = mime_code_newline(code);
	return failed;
}

int
mime_code_mend_quoted(struct range *range, struct output *output, struct outcome *outcome)
{
	struct mime_code code = {.output = output, .outcome = outcome};
	struct range_line line;
	int result, failed;

	while ((result = range_line(range, &line)) == 1) {
		failed = mime_code_is_good(&line) ? mime_code_copy(&code, &line) : mime_code_mend_quoted_piece(&code, &line);
		if (failed != 0)
			return failed;
	}
	return result;
}

static int
mime_code_mend_base64_piece(struct mime_code *code, const struct range_line *line)
{
	for (size_t i = 0; i < line->length; i++) {
		if ((unsigned char)line->data[i] > 127)
			continue;
		if (code->column == MIME_CODE_LINE && mime_code_newline(code) != 0)
			return MIME_CODE_OUTPUT;
		if (mime_code_write(code, line->data + i, 1) != 0)
			return MIME_CODE_OUTPUT;
	}
	return line->has_newline ? mime_code_newline(code) : 0;
}

int
mime_code_mend_base64(struct range *range, struct output *output, struct outcome *outcome)
{
	struct mime_code code = {.output = output, .outcome = outcome};
	struct range_line line;
	int result, failed;

	while ((result = range_line(range, &line)) == 1) {
		failed = mime_code_is_good(&line) ? mime_code_copy(&code, &line) : mime_code_mend_base64_piece(&code, &line);
		if (failed != 0)
			return failed;
	}
	return result;
}
