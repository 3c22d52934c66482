/*
 * ascii: RFC 2047 sections 5 and 6.2, RFC 2231 sections 3 and 4, RFC 6857. What can't be understood as what its name promises is
 * treated as text.
 *
 * Readers drop the blanks between two encoded words, so a blank that counts must be within one of them.
 */
#include "message/ascii.h"

#include <string.h>
#include <strings.h>

#include "message/address_token.h"
#include "message/ascii_parameter.h"
#include "message/header.h"
#include "message/message.h"
#include "message/mime_type.h"
#include "message/mime_word.h"

#define ASCII_CHARSET_MAX 40
#define ASCII_LINE 76		/* of a line with an encoded word, RFC 2047 section 2 */
#define ASCII_WORD_MAX 900	/* a longer one, with the name of its field, may not fit into a line: a fold in it would stay */

enum ascii_kind { ASCII_TEXT, ASCII_ADDRESSES, ASCII_PARAMETERS, ASCII_OTHER };

bool
ascii_is(const char *text, size_t length)
{
	unsigned char seen = 0;

	for (size_t i = 0; i < length; i++)
		seen |= (unsigned char)text[i];
	return seen < 0x80;
}

static bool
ascii_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* "=?charset?q?text?=" */
static bool
ascii_is_encoded(const char *word, size_t length)
{
	return length > 8 && memcmp(word, "=?", 2) == 0 && memcmp(word + length - 2, "?=", 2) == 0;
}

/* Encodes text without its folds. */
static int
ascii_encode(struct buffer *out, const char *text, size_t length, const char *charset)
{
	struct buffer plain;
	int failed;

	buffer_init(&plain, length + 1);
	for (size_t i = 0; i < length; i++)
		if (text[i] != '\r' && text[i] != '\n')
			(void)buffer_append(&plain, text + i, 1);
	failed = mime_word_append(out, plain.data, plain.length, charset);
	buffer_free(&plain);
	return failed;
}

struct ascii_words {
	struct buffer *out;
	const char *text, *charset;
	size_t most;
	size_t start, end;	/* of a run of words to be encoded; none while equal */
	bool   after_encoded;	/* what was written last is an encoded word */
};

/* Writes the run. `behind`: octets of the blanks behind it that must be within it, since an encoded word follows. */
static int
ascii_words_close(struct ascii_words *words, size_t behind)
{
	if (words->start == words->end)
		return 0;
	if (ascii_encode(words->out, words->text + words->start, words->end - words->start + behind, words->charset) != 0)
		return -1;
	words->start = words->end = 0;
	words->after_encoded = true;
	return 0;
}

/* A line with an encoded word must not be long: true when the next word, with the blanks before it, would make it so. */
static bool
ascii_wants_fold(const struct ascii_words *words, size_t blank, size_t start, size_t end)
{
	const struct buffer *out = words->out;
	size_t at = out->length;
	bool found = ascii_is_encoded(words->text + start, end - start);

	if (start == blank || memchr(words->text + blank, '\n', start - blank) != NULL)
		return false;
	while (at > 0 && out->length - at < MESSAGE_LINE_MAX && out->data[at - 1] != '\n') {
		at--;
		found = found || (out->data[at] == '?' && out->data[at + 1] == '=');
	}
	return found && out->length > at && out->length - at + end - blank > ASCII_LINE && out->data[out->length - 1] != ':';
}

static int
ascii_words_one(struct ascii_words *words, size_t blank, size_t start, size_t end)
{
	const char *text = words->text;
	bool is_long = end - start > words->most;

	if (is_long || !ascii_is(text + start, end - start)) {
		if (words->start == words->end) {
			if (buffer_append(words->out, text + blank, start - blank) != 0)
				return -1;
			words->start = words->after_encoded ? blank : start;
		}
		words->end = end;
		return 0;
	}
	if (ascii_words_close(words, ascii_is_encoded(text + start, end - start) ? start - blank : 0) != 0)
		return -1;
	if (ascii_wants_fold(words, blank, start, end) && buffer_append(words->out, "\r\n", 2) != 0)
		return -1;
	words->after_encoded = ascii_is_encoded(text + start, end - start);
	return buffer_append(words->out, text + blank, end - blank);
}

int
ascii_text(struct buffer *out, const char *text, size_t length, size_t most, const char *charset)
{
	struct ascii_words words = {.out = out, .text = text, .charset = charset, .most = most};
	size_t blank, start, end;

	for (blank = 0; blank < length; blank = end) {
		for (start = blank; start < length && ascii_is_blank(text[start]); start++)
			;
		for (end = start; end < length && !ascii_is_blank(text[end]); end++)
			;
		if (start == end)
			break;
		if (ascii_words_one(&words, blank, start, end) != 0)
			return -1;
	}
	if (ascii_words_close(&words, 0) != 0)
		return -1;
	return buffer_append(out, text + blank, length - blank);
}

/* Blanks, folds and comments: the comments' text is encoded where it must be. Parentheses may stand beside an encoded word. */
static int
ascii_gap(struct buffer *out, const char *text, size_t length, const char *charset)
{
	size_t start = 0, end;

	while (start < length) {
		for (end = start; end < length && text[end] != '(' && text[end] != ')'; end++)
			if (text[end] == '\\' && end + 1 < length)
				end++;
		if (end > length)
			end = length;
		if (ascii_text(out, text + start, end - start, MESSAGE_HEADER_MAX, charset) != 0)
			return -1;
		if (end < length && buffer_append(out, text + end, 1) != 0)
			return -1;
		start = end + 1;
	}
	return 0;
}

struct ascii_list {
	struct buffer *out;
	struct address_text text;
	struct address_token token;
	const char *charset;
	size_t done;		/* all before it is written */
};

/* A part of a name, from start to end: no encoded word and no comment in it. */
static int
ascii_list_segment(struct ascii_list *list, size_t start, size_t end, bool after_encoded, bool before_encoded)
{
	const char *text = list->text.text;
	struct buffer plain;
	int failed;
	bool in_quotes = false;

	if (ascii_is(text + start, end - start))
		return buffer_append(list->out, text + start, end - start);
	buffer_init(&plain, end - start + 2);
	if (after_encoded)
		(void)buffer_append(&plain, " ", 1);
	for (size_t i = start; i < end; i++) {
		if (text[i] == '"') {
			in_quotes = !in_quotes;
			continue;
		}
		if (in_quotes && text[i] == '\\' && i + 1 < end)
			i++;
		(void)buffer_append(&plain, text + i, 1);
	}
	if (before_encoded)
		(void)buffer_append(&plain, " ", 1);
	failed = ascii_encode(list->out, plain.data, plain.length, list->charset);
	buffer_free(&plain);
	return failed;
}

/* A name: tokens from list->token up to the special at `stop`. Leaves list->token at it. */
static int
ascii_list_name(struct ascii_list *list, size_t stop)
{
	const char *text = list->text.text;
	size_t start = list->token.start, end = start;
	bool is_open = false, after_encoded = false;

	while (list->token.start < stop) {
		const struct address_token *token = &list->token;
		bool is_encoded = token->kind == ADDRESS_ENCODED;
		bool is_gap = memchr(text + end, '(', token->start - end) != NULL;

		if (is_open && (is_encoded || is_gap)) {
			if (ascii_list_segment(list, start, end, after_encoded, is_encoded) != 0)
				return -1;
			list->done = end;
			is_open = false;
			after_encoded = false;
		}
		if (!is_open) {
			if (ascii_gap(list->out, text + list->done, token->start - list->done, list->charset) != 0)
				return -1;
			list->done = start = token->start;
			is_open = true;
		}
		end = token->start + token->length;
		if (is_encoded) {
			if (buffer_append(list->out, text + start, end - start) != 0)
				return -1;
			list->done = end;
			is_open = false;
			after_encoded = true;
		}
		if (address_token(&list->text, &list->token) != 0)
			return -1;
	}
	if (is_open && ascii_list_segment(list, start, end, after_encoded, false) != 0)
		return -1;
	list->done = end > list->done ? end : list->done;
	return 0;
}

/* Where the name that begins at list->token ends: at a "<", or a ":" for a group; 0 when the item is an address alone. */
static size_t
ascii_list_stop(const struct ascii_list *list)
{
	struct address_text ahead = list->text;
	struct address_token token = list->token;

	for (;;) {
		if (token.special == '<' || token.special == ':')
			return token.start;
		if (token.kind == ADDRESS_END || token.special == ',' || token.special == ';' || token.special == '>')
			return 0;
		if (address_token(&ahead, &token) != 0)
			return 0;
	}
}

/* Writes up to the end of the token at hand. */
static int
ascii_list_copy(struct ascii_list *list)
{
	const char *text = list->text.text;

	if (ascii_gap(list->out, text + list->done, list->token.start - list->done, list->charset) != 0 ||
	    buffer_append(list->out, text + list->token.start, list->token.length) != 0)
		return -1;
	list->done = list->token.start + list->token.length;
	return 0;
}

/* One item with what ends it. 1; 0 at the end; -1 full or not understood. */
static int
ascii_list_item(struct ascii_list *list)
{
	size_t stop = ascii_list_stop(list);
	bool in_angle = false;

	if (stop > 0 && ascii_list_name(list, stop) != 0)
		return -1;
	for (;;) {
		char special = list->token.special;

		if (ascii_list_copy(list) != 0)
			return -1;
		if (list->token.kind == ADDRESS_END)
			return 0;
		if (special == '<' || special == '>')
			in_angle = special == '<';
		if (address_token(&list->text, &list->token) != 0)
			return -1;
		if (!in_angle && (special == ',' || special == ';' || special == ':'))
			return 1;
	}
}

static int
ascii_addresses(struct buffer *out, const char *value, size_t length, const char *charset)
{
	struct ascii_list list = {.out = out, .text = {.text = value, .length = length}, .charset = charset};
	size_t before = out->length;
	int result;

	result = address_token(&list.text, &list.token) == 0 ? 1 : -1;
	while (result == 1)
		result = ascii_list_item(&list);
	if (result == 0)
		return 0;
	out->length = before;
	return ascii_text(out, value, length, MESSAGE_HEADER_MAX, charset);
}

static enum ascii_kind
ascii_kind(const struct header_field *field)
{
	static const char *const addresses[] = {"From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Resent-From", "Resent-Sender",
	    "Resent-Reply-To", "Resent-To", "Resent-Cc", "Resent-Bcc", "Return-Path", "Errors-To",
	    "Disposition-Notification-To", "Return-Receipt-To", "Mail-Followup-To", "Mail-Reply-To", "Apparently-To"};
	static const char *const others[] = {"Message-ID", "Resent-Message-ID", "In-Reply-To", "References", "Date",
	    "Resent-Date", "Received", "MIME-Version", "Content-Transfer-Encoding", "Content-ID", "Content-Location",
	    "DKIM-Signature", "DomainKey-Signature", "Authentication-Results", "ARC-Seal", "ARC-Message-Signature",
	    "ARC-Authentication-Results", "Received-SPF", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Post",
	    "List-Help", "List-Subscribe", "List-Owner", "List-Archive", "Auto-Submitted"};

	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
		if (header_is(field, addresses[i]))
			return ASCII_ADDRESSES;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (header_is(field, others[i]))
			return ASCII_OTHER;
	return header_is(field, "Content-Type") || header_is(field, "Content-Disposition") ? ASCII_PARAMETERS : ASCII_TEXT;
}

/* true when all octets over 127 stand within comments. */
static bool
ascii_is_commented(const char *value, size_t length)
{
	size_t depth = 0;

	for (size_t i = 0; i < length; i++) {
		if (value[i] == '(')
			depth++;
		else if (value[i] == ')' && depth > 0)
			depth--;
		else if (depth == 0 && (unsigned char)value[i] > 127)
			return false;
		else if (value[i] == '\\' && depth > 0)
			i++;
	}
	return depth == 0;
}

static int
ascii_value(struct buffer *out, enum ascii_kind kind, const struct header_field *field, const char *charset)
{
	switch (kind) {
	case ASCII_ADDRESSES:
		return ascii_addresses(out, field->value, field->value_length, charset);
	case ASCII_PARAMETERS:
		if (ascii_parameter_list(out, field->value, field->value_length, charset) == 0)
			return 0;
		break;
	case ASCII_OTHER:
		if (ascii_is_commented(field->value, field->value_length))
			return ascii_gap(out, field->value, field->value_length, charset);
		break;
	case ASCII_TEXT:
		break;
	}
	return ascii_text(out, field->value, field->value_length, ASCII_WORD_MAX, charset);
}

static bool
ascii_has_long_word(const struct header_field *field)
{
	size_t word = 0;

	for (size_t i = 0; i < field->value_length && word <= ASCII_WORD_MAX; i++)
		word = ascii_is_blank(field->value[i]) ? 0 : word + 1;
	return word > ASCII_WORD_MAX;
}

static int
ascii_field(struct buffer *out, const struct header_field *field, const char *legacy)
{
	const char *charset = mime_word_is_valid(field->value, field->value_length) ? "UTF-8" : legacy;
	enum ascii_kind kind = ascii_kind(field);

	if (kind == ASCII_OTHER && !ascii_is_commented(field->value, field->value_length) &&
	    buffer_append_text(out, "Downgraded-") != 0)
		return -1;
	if (buffer_append(out, field->start, (size_t)(field->value - field->start)) != 0 ||
	    ascii_value(out, kind, field, charset) != 0)
		return -1;
	return buffer_append(out, "\r\n", 2);
}

/* The charset for text that is no UTF-8: what the message says of its own text. */
static void
ascii_legacy(char charset[ASCII_CHARSET_MAX], const char *block, size_t length)
{
	struct header_field field;

	if (header_find(block, length, "Content-Type", &field) &&
	    mime_type_parameter(field.value, field.value_length, "charset", charset, ASCII_CHARSET_MAX) &&
	    charset[0] != '\0' && strspn(charset, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") ==
	    strlen(charset) && strncasecmp(charset, "utf", 3) != 0 && strcasecmp(charset, "us-ascii") != 0)
		return;
	memcpy(charset, "ISO-8859-1", sizeof("ISO-8859-1"));
}

int
ascii_headers(struct buffer *out, const char *block, size_t length)
{
	char charset[ASCII_CHARSET_MAX];
	struct header_field field;
	size_t offset = 0;
	int failed = 0;

	ascii_legacy(charset, block, length);
	while (failed == 0 && header_next(block, length, &offset, &field)) {
		if (ascii_is(field.start, field.length) && (ascii_kind(&field) != ASCII_TEXT || !ascii_has_long_word(&field)))
			failed = buffer_append(out, field.start, field.length);
		else
			failed = ascii_field(out, &field, charset);
	}
	return failed;
}
