/*
 * header: steps through a header block (RFC 5322 section 2.2, with the blanks before the colon of section 4.5).
 * A name is at most HEADER_NAME_MAX octets, since it can't be folded and a line has 998.
 */
#include "message/header.h"

#include <string.h>
#include <strings.h>

#define HEADER_NAME_MAX 900

static bool
header_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Length of the name, and of name, blanks and colon; 0 when the line begins no field. */
static size_t
header_name(const char *line, size_t length, size_t *before_value)
{
	size_t name = 0, at;

	while (name < length && name <= HEADER_NAME_MAX && line[name] > ' ' && line[name] < 127 && line[name] != ':')
		name++;
	if (name == 0 || name > HEADER_NAME_MAX)
		return 0;
	at = name;
	while (at < length && at <= HEADER_NAME_MAX && header_is_blank(line[at]))
		at++;
	if (at == length || line[at] != ':')
		return 0;
	*before_value = at + 1;
	return name;
}

bool
header_is_field(const char *line, size_t length)
{
	size_t before_value;

	return header_name(line, length, &before_value) > 0;
}

bool
header_next(const char *block, size_t length, size_t *offset, struct header_field *field)
{
	size_t at = *offset, before_value = 0;
	const char *newline;

	if (at >= length)
		return false;
	field->start = block + at;
	do {
		newline = memchr(block + at, '\n', length - at);
		at = newline != NULL ? (size_t)(newline - block) + 1 : length;
	} while (at < length && header_is_blank(block[at]));
	field->length = at - *offset;
	field->name_length = header_name(field->start, field->length, &before_value);
	field->value = field->start + before_value;
	field->value_length = field->length - before_value;
	if (field->value_length > 0 && field->value[field->value_length - 1] == '\n')
		field->value_length--;
	if (field->value_length > 0 && field->value[field->value_length - 1] == '\r')
		field->value_length--;
	*offset = at;
	return true;
}

bool
header_is(const struct header_field *field, const char *name)
{
	return strlen(name) == field->name_length && strncasecmp(field->start, name, field->name_length) == 0;
}

bool
header_is_empty(const struct header_field *field)
{
	for (size_t i = 0; i < field->value_length; i++)
		if (strchr(" \t\r\n", field->value[i]) == NULL || field->value[i] == '\0')
			return false;
	return true;
}

bool
header_find(const char *block, size_t length, const char *name, struct header_field *field)
{
	size_t offset = 0;

	while (header_next(block, length, &offset, field))
		if (header_is(field, name) && !header_is_empty(field))
			return true;
	return false;
}
