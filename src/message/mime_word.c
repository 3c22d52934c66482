/*
 * mime_word: the "Q" encoding of RFC 2047 section 4.2, with the few characters that section 5 (3) allows within a phrase.
 */
#include "message/mime_word.h"

#include <string.h>

#define MIME_WORD_TEXT_MAX 56	/* encoded octets in a word: with frame and "From: " in front a line stays below 76 */

/* Octets of the UTF-8 character at text, 0 when it is none. Overlong forms and surrogates are not looked for. */
static size_t
mime_word_character(const char *text)
{
	unsigned char first = (unsigned char)text[0];
	size_t length = first < 0x80 ? 1 : first >= 0xC2 && first < 0xE0 ? 2 : first >= 0xE0 && first < 0xF0 ? 3
	    : first >= 0xF0 && first < 0xF5 ? 4 : 0;

	for (size_t i = 1; i < length; i++)
		if (((unsigned char)text[i] & 0xC0) != 0x80)
			return 0;
	return length;
}

bool
mime_word_is_utf8(const char *text)
{
	size_t length;

	for (; *text != '\0'; text += length)
		if ((length = mime_word_character(text)) == 0)
			return false;
	return true;
}

static bool
mime_word_is_plain(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	    (c != '\0' && strchr("!*+-/", c) != NULL);
}

static int
mime_word_octet(struct buffer *out, char c)
{
	if (mime_word_is_plain(c))
		return buffer_append(out, &c, 1);
	if (c == ' ')
		return buffer_append(out, "_", 1);
	return buffer_append_format(out, "=%02X", (unsigned)(unsigned char)c);
}

int
mime_word_encode(struct buffer *out, const char *text)
{
	bool is_utf8 = mime_word_is_utf8(text);
	const char *frame = is_utf8 ? "=?UTF-8?Q?" : "=?ISO-8859-1?Q?";
	size_t length, word = out->length;

	if (buffer_append_text(out, frame) != 0)
		return -1;
	for (; *text != '\0'; text += length) {
		length = is_utf8 ? mime_word_character(text) : 1;
		if (out->length - word + 3 * length > MIME_WORD_TEXT_MAX) {
			if (buffer_append_text(out, "?=\r\n ") != 0)
				return -1;
			word = out->length;
			if (buffer_append_text(out, frame) != 0)
				return -1;
		}
		for (size_t i = 0; i < length; i++)
			if (mime_word_octet(out, text[i]) != 0)
				return -1;
	}
	return buffer_append_text(out, "?=");
}
