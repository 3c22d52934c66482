/*
 * mime_type: RFC 2045 section 5.1, with what is written in spite of it: blanks around "=", values that should be quoted and are
 * not, an empty parameter.
 */
#include "message/mime_type.h"

#include <string.h>
#include <strings.h>

static bool
mime_type_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Behind blanks, folds and comments. */
static size_t
mime_type_skip(const char *value, size_t length, size_t at)
{
	size_t depth = 0;

	for (; at < length; at++) {
		if (value[at] == '(')
			depth++;
		else if (value[at] == ')' && depth > 0)
			depth--;
		else if (value[at] == '\\' && depth > 0)
			at++;
		else if (depth == 0 && !mime_type_is_blank(value[at]))
			return at;
	}
	return length;
}

/* Behind the word at hand. */
static size_t
mime_type_token(const char *value, size_t length, size_t at)
{
	while (at < length && !mime_type_is_blank(value[at]) && memchr(";(", value[at], 2) == NULL)
		at++;
	return at;
}

void
mime_type_word(const char *value, size_t length, char *target, size_t size)
{
	size_t start = mime_type_skip(value, length, 0), end = mime_type_token(value, length, start);

	target[0] = '\0';
	if (end - start >= size)
		return;
	for (size_t i = start; i < end; i++)
		target[i - start] = (char)(value[i] >= 'A' && value[i] <= 'Z' ? value[i] + 32 : value[i]);
	target[end - start] = '\0';
}

bool
mime_type_is(const char *value, size_t length, const char *type)
{
	char word[128];
	size_t whole = strlen(type);

	mime_type_word(value, length, word, sizeof(word));
	if (strncasecmp(word, type, whole) != 0)
		return false;
	return word[whole] == '\0' || (strchr(type, '/') == NULL && word[whole] == '/');
}

/* Behind a value, quoted or not; 0 when its quote is not closed. */
static size_t
mime_type_value(const char *value, size_t length, size_t at)
{
	if (at >= length || value[at] != '"') {
		while (at < length && value[at] != ';' && !mime_type_is_blank(value[at]) && value[at] != '(')
			at++;
		return at;
	}
	for (at++; at < length; at++) {
		if (value[at] == '"')
			return at + 1;
		if (value[at] == '\\')
			at++;
	}
	return 0;
}

int
mime_type_next(const char *value, size_t length, size_t *at, struct mime_parameter *parameter)
{
	size_t here = *at, end;

	if (here == 0) {
		here = mime_type_skip(value, length, here);
		here = mime_type_token(value, length, here);
	}
	do {
		here = mime_type_skip(value, length, here);
		if (here >= length)
			return 0;
		if (value[here] != ';')
			return -1;
		here = mime_type_skip(value, length, here + 1);
	} while (here < length && value[here] == ';');
	if (here >= length)
		return 0;
	parameter->start = here;
	parameter->name = value + here;
	while (here < length && !mime_type_is_blank(value[here]) && memchr("=;(\"", value[here], 4) == NULL)
		here++;
	parameter->name_length = (size_t)(value + here - parameter->name);
	here = mime_type_skip(value, length, here);
	if (parameter->name_length == 0 || here >= length || value[here] != '=')
		return -1;
	here = mime_type_skip(value, length, here + 1);
	end = mime_type_value(value, length, here);
	if (end == 0)
		return -1;
	parameter->value = value + here;
	parameter->value_length = end - here;
	parameter->end = *at = end;
	return 1;
}

bool
mime_type_parameter(const char *value, size_t length, const char *name, char *target, size_t size)
{
	struct mime_parameter found;
	size_t at = 0, count = 0;

	for (;;) {
		if (mime_type_next(value, length, &at, &found) != 1)
			return false;
		if (found.name_length == strlen(name) && strncasecmp(found.name, name, found.name_length) == 0)
			break;
	}
	for (size_t i = 0; i < found.value_length; i++) {
		char c = found.value[i];

		if (found.value[0] == '"') {
			if (i == 0 || i + 1 == found.value_length || c == '\r' || c == '\n')
				continue;
			if (c == '\\' && i + 2 < found.value_length)
				c = found.value[++i];
		}
		if (count + 1 >= size)
			return false;
		target[count++] = c;
	}
	target[count] = '\0';
	return true;
}
