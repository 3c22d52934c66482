/*
 * mime_word: RFC 2047. The "Q" encoding of section 4.2 with the few characters that section 5 (3) allows within a phrase, so
 * that a word fits wherever one may stand; "B" of section 4.1.
 */
#include "message/mime_word.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "message/base64.h"
#include "message/utf8.h"

#define MIME_WORD_MAX 75	/* octets of a word, section 2 */
#define MIME_WORD_LINE 76	/* and of a line that holds one */
#define MIME_WORD_FAR 1000
#define MIME_WORD_LEAST 20	/* room for encoded text below which a new line is begun */

struct mime_word {
	const char *charset;
	bool is_utf8, is_single;	/* is_single: an octet is a character */
	bool is_base64;
};

/* Octets of the UTF-8 character at text. */
static size_t
mime_word_character(const char *text, size_t left)
{
	size_t length = 1;

	while (length < left && ((unsigned char)text[length] & 0xC0) == 0x80)
		length++;
	return length;
}

bool
mime_word_is_valid(const char *text, size_t length)
{
	struct utf8 utf8 = {0};

	utf8_take(&utf8, text, length);
	return utf8_is_valid(&utf8);
}

bool
mime_word_is_utf8(const char *text)
{
	return mime_word_is_valid(text, strlen(text));
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

static size_t
mime_word_q_length(const char *text, size_t length)
{
	size_t sum = 0;

	for (size_t i = 0; i < length; i++)
		sum += mime_word_is_plain(text[i]) || text[i] == ' ' ? 1 : 3;
	return sum;
}

static size_t
mime_word_b_length(size_t length)
{
	return (length + 2) / 3 * 4;
}

static int
mime_word_base64(struct buffer *out, const char *text, size_t length)
{
	char four[4];

	for (size_t at = 0; at < length; at += 3) {
		base64_four(four, text + at, length - at < 3 ? length - at : 3);
		if (buffer_append(out, four, 4) != 0)
			return -1;
	}
	return 0;
}

static size_t
mime_word_cost(const struct mime_word *word, const char *text, size_t length)
{
	return word->is_base64 ? mime_word_b_length(length) : mime_word_q_length(text, length);
}

/* Octets of the character at hand; at least 1. */
static size_t
mime_word_step(const struct mime_word *word, const char *text, size_t left)
{
	size_t length = word->is_utf8 ? mime_word_character(text, left) : 1;

	if (!word->is_utf8 && !word->is_single && (unsigned char)text[0] > 0x80 && left > 1)
		length = 2;
	return length;
}

/* How many octets, in whole characters, fit into `room` encoded ones; at least one character. */
static size_t
mime_word_portion(const struct mime_word *word, const char *text, size_t length, size_t room)
{
	size_t taken = 0, step;

	while (taken < length) {
		step = mime_word_step(word, text + taken, length - taken);
		if (taken > 0 && mime_word_cost(word, text, taken + step) > room)
			break;
		taken += step;
	}
	return taken;
}

static int
mime_word_one(struct buffer *out, const struct mime_word *word, const char *text, size_t length)
{
	if (buffer_append_format(out, "=?%s?%c?", word->charset, word->is_base64 ? 'B' : 'Q') != 0)
		return -1;
	if (word->is_base64) {
		if (mime_word_base64(out, text, length) != 0)
			return -1;
	} else {
		for (size_t i = 0; i < length; i++)
			if (mime_word_octet(out, text[i]) != 0)
				return -1;
	}
	return buffer_append_text(out, "?=");
}

static size_t
mime_word_column(const struct buffer *out)
{
	size_t at = out->length;

	/* far behind the end of a line it does not matter how far */
	while (at > 0 && out->length - at < MIME_WORD_FAR && out->data[at - 1] != '\n')
		at--;
	return out->length - at;
}

/* Folds before the blanks in which the line ends; without one, or when nothing stands before them, nothing is done. */
static int
mime_word_fold(struct buffer *out)
{
	size_t at = out->length;
	char *blanks;
	int failed;

	while (at > 0 && (out->data[at - 1] == ' ' || out->data[at - 1] == '\t'))
		at--;
	if (at == out->length || at == 0 || out->data[at - 1] == '\n' || out->data[at - 1] == ':')
		return 0;
	blanks = memory_copy(out->data + at, out->length - at);
	out->length = at;
	failed = buffer_append(out, "\r\n", 2) != 0 || buffer_append_text(out, blanks) != 0;
	free(blanks);
	return failed ? -1 : 0;
}

/* `margin`: what will stand on the first line before all that is in `out`. */
static int
mime_word_split(struct buffer *out, const char *text, size_t length, const char *charset, size_t margin)
{
	struct mime_word word = {.charset = charset, .is_utf8 = strcasecmp(charset, "UTF-8") == 0};
	size_t frame = strlen(charset) + 7, used, room, portion;

	word.is_single = strncasecmp(charset, "iso-8859-", 9) == 0 || strncasecmp(charset, "windows-12", 10) == 0 ||
	    strncasecmp(charset, "cp12", 4) == 0 || strncasecmp(charset, "koi8-", 5) == 0;
	word.is_base64 = mime_word_q_length(text, length) >= 2 * mime_word_b_length(length);
	for (bool is_first = true; length > 0; is_first = false) {
		if (is_first && mime_word_column(out) + frame + MIME_WORD_LEAST > MIME_WORD_LINE &&
		    mime_word_column(out) + frame + mime_word_cost(&word, text, length) > MIME_WORD_LINE && mime_word_fold(out) != 0)
			return -1;
		if (!is_first && buffer_append_text(out, "\r\n ") != 0)
			return -1;
		used = mime_word_column(out) + frame + (is_first ? margin : 0);
		room = used + 12 < MIME_WORD_LINE ? MIME_WORD_LINE - used : 12;
		if (room > MIME_WORD_MAX - frame)
			room = MIME_WORD_MAX - frame;
		portion = mime_word_portion(&word, text, length, room);
		if (mime_word_one(out, &word, text, portion) != 0)
			return -1;
		text += portion;
		length -= portion;
	}
	return 0;
}

int
mime_word_append(struct buffer *out, const char *text, size_t length, const char *charset)
{
	return mime_word_split(out, text, length, charset, 0);
}

int
mime_word_encode(struct buffer *out, const char *text)
{
	const char *charset = mime_word_is_utf8(text) ? "UTF-8" : "ISO-8859-1";

	return mime_word_split(out, text, strlen(text), charset, strlen("Resent-From: "));
}
