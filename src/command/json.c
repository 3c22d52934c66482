/*
 * json: what is written is short, so that a full buffer can't happen before memory is out.
 */
#include "command/json.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

/* Length of the UTF-8 character at `text` (RFC 3629), 0 when there is none. */
static size_t
json_character(const unsigned char *text)
{
	size_t length = text[0] < 0x80 ? 1 : text[0] >= 0xc2 && text[0] < 0xe0 ? 2 : text[0] >= 0xe0 && text[0] < 0xf0 ? 3 :
	    text[0] >= 0xf0 && text[0] < 0xf5 ? 4 : 0;

	for (size_t i = 1; i < length; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	/* surrogates, overlong forms, beyond the last plane */
	if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f) || (text[0] == 0xf0 && text[1] < 0x90) ||
	    (text[0] == 0xf4 && text[1] > 0x8f))
		return 0;
	return length;
}

static void
json_string(struct buffer *json, const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	(void)buffer_append_text(json, "\"");
	while (*at != '\0') {
		size_t length = json_character(at);

		if (length == 0)
			(void)buffer_append_text(json, "\\ufffd");
		else if (*at < 0x20 || *at == 0x7f)
			(void)buffer_append_format(json, "\\u%04x", (unsigned)*at);
		else if (*at == '"' || *at == '\\')
			(void)buffer_append_format(json, "\\%c", *at);
		else
			(void)buffer_append(json, at, length);
		at += length > 0 ? length : 1;
	}
	(void)buffer_append_text(json, "\"");
}

static void
json_name(struct buffer *json, const char *name)
{
	if (json->length > 0 && json->data[json->length - 1] != '{' && json->data[json->length - 1] != '[')
		(void)buffer_append_text(json, ",");
	if (name == NULL)
		return;
	json_string(json, name);
	(void)buffer_append_text(json, ":");
}

void
json_open(struct buffer *json, const char *name, char bracket)
{
	json_name(json, name);
	(void)buffer_append(json, &bracket, 1);
}

void
json_close(struct buffer *json, char bracket)
{
	(void)buffer_append(json, &bracket, 1);
}

void
json_text(struct buffer *json, const char *name, const char *text)
{
	json_name(json, name);
	json_string(json, text != NULL ? text : "");
}

void
json_number(struct buffer *json, const char *name, int64_t number)
{
	json_name(json, name);
	(void)buffer_append_format(json, "%" PRId64, number);
}

void
json_boolean(struct buffer *json, const char *name, bool value)
{
	json_name(json, name);
	(void)buffer_append_text(json, value ? "true" : "false");
}
