/*
 * ascii_parameter: RFC 2231 sections 3 and 4. A value that does not fit into a line is continued in further parameters.
 */
#include "message/ascii_parameter.h"

#include <stdbool.h>
#include <string.h>

#include "message/ascii.h"
#include "message/mime_type.h"

#define ASCII_PARAMETER_MAX 60	/* encoded octets in one of them */

/* attribute-char of RFC 2231 section 7 */
static bool
ascii_parameter_is_plain(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	    (c != '\0' && strchr("!#$&+-.^_`{|}~", c) != NULL);
}

/* The value without quotes, backslashes and folds, in percent signs. */
static int
ascii_parameter_percent(struct buffer *out, const struct mime_parameter *parameter)
{
	bool is_quoted = parameter->value[0] == '"';
	bool is_extended = parameter->name[parameter->name_length - 1] == '*';
	int failed = 0;

	for (size_t i = 0; i < parameter->value_length && failed == 0; i++) {
		char c = parameter->value[i];

		if (c == '\r' || c == '\n' || (is_quoted && (i == 0 || i + 1 == parameter->value_length)))
			continue;
		if (is_quoted && c == '\\' && i + 2 < parameter->value_length)
			c = parameter->value[++i];
		if (ascii_parameter_is_plain(c) || (is_extended && (c == '%' || c == '\'')))
			failed = buffer_append(out, &c, 1);
		else
			failed = buffer_append_format(out, "%%%02X", (unsigned)(unsigned char)c);
	}
	return failed;
}

/* Length of the next piece of encoded text: no "%41" is torn. */
static size_t
ascii_parameter_piece(const char *text, size_t left)
{
	size_t piece = left < ASCII_PARAMETER_MAX ? left : ASCII_PARAMETER_MAX;

	if (piece == left)
		return piece;
	if (text[piece - 1] == '%')
		return piece - 1;
	return text[piece - 2] == '%' ? piece - 2 : piece;
}

static int
ascii_parameter_write(struct buffer *out, const struct mime_parameter *parameter, const struct buffer *text,
    const char *charset)
{
	int name = (int)parameter->name_length;
	size_t piece;

	if (text->length + parameter->name_length <= ASCII_PARAMETER_MAX)
		return buffer_append_format(out, "%.*s*=%s''%s", name, parameter->name, charset, text->data);
	for (size_t at = 0, number = 0; at < text->length; at += piece, number++) {
		piece = ascii_parameter_piece(text->data + at, text->length - at);
		if (number > 0 && buffer_append_text(out, ";") != 0)
			return -1;
		if (buffer_append_format(out, "\r\n %.*s*%zu*=%s%s%.*s", name, parameter->name, number,
		    number == 0 ? charset : "", number == 0 ? "''" : "", (int)piece, text->data + at) != 0)
			return -1;
	}
	return 0;
}

static int
ascii_parameter_one(struct buffer *out, const struct mime_parameter *parameter, const char *charset)
{
	struct buffer text;
	int failed;

	if (memchr(parameter->name, '%', parameter->name_length) != NULL || parameter->name_length > 40)
		return -1;
	buffer_init(&text, 4 * parameter->value_length + 1);
	failed = ascii_parameter_percent(&text, parameter);
	if (failed == 0 && parameter->name[parameter->name_length - 1] == '*')	/* has a charset already */
		failed = buffer_append_format(out, "%.*s=%s", (int)parameter->name_length, parameter->name, text.data);
	else if (failed == 0)
		failed = ascii_parameter_write(out, parameter, &text, charset);
	buffer_free(&text);
	return failed;
}

/* What stands between parameters, which must be of US-ASCII. */
static int
ascii_parameter_between(struct buffer *out, const char *text, size_t length)
{
	return ascii_is(text, length) ? buffer_append(out, text, length) : -1;
}

int
ascii_parameter_list(struct buffer *out, const char *value, size_t length, const char *charset)
{
	struct mime_parameter parameter;
	size_t at = 0, done = 0, before = out->length;
	int result, failed = 0;

	while ((result = mime_type_next(value, length, &at, &parameter)) == 1 && failed == 0) {
		failed = ascii_parameter_between(out, value + done, parameter.start - done);
		if (failed != 0)
			break;
		if (ascii_is(value + parameter.start, parameter.end - parameter.start))
			failed = buffer_append(out, value + parameter.start, parameter.end - parameter.start);
		else if (!ascii_is(parameter.name, parameter.name_length) || ascii_is(parameter.value, parameter.value_length))
			failed = -1;	/* in the name, or in a comment between the two */
		else
			failed = ascii_parameter_one(out, &parameter, charset);
		done = parameter.end;
	}
	if (failed == 0 && result == 0 && ascii_parameter_between(out, value + done, length - done) == 0)
		return 0;
	out->length = before;
	return -1;
}
