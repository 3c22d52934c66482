/*
 * address_token: RFC 5322 sections 3.2 and 4.1. Control characters are refused wherever they stand, but for TAB and folds:
 * an address that holds one may be an attempt to smuggle a header or a command in.
 */
#include "message/address_token.h"

#include <string.h>

#define ADDRESS_DEPTH_MAX 32

static int
address_token_fail(struct address_text *text, const char *why)
{
	text->why = why;
	return -1;
}

static bool
address_token_is_control(char c)
{
	return ((unsigned char)c < ' ' && c != '\t') || c == 127;
}

static bool
address_token_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* true at a CRLF that a blank follows. */
static bool
address_token_is_fold(const struct address_text *text)
{
	const char *here = text->text + text->at;

	return text->length - text->at >= 3 && here[0] == '\r' && here[1] == '\n' && address_token_is_blank(here[2]);
}

/* One octet of a comment, quoted string or literal; 0, or -1 for what must not stand there. */
static int
address_token_step(struct address_text *text)
{
	if (address_token_is_fold(text)) {
		text->at += 3;
		return 0;
	}
	if (text->text[text->at] == '\\' && text->at + 1 < text->length)
		text->at++;
	if (address_token_is_control(text->text[text->at]))
		return address_token_fail(text, "control character");
	text->at++;
	return 0;
}

static int
address_token_comment(struct address_text *text)
{
	size_t depth = 1, start = ++text->at;

	while (text->at < text->length) {
		char c = text->text[text->at];

		if (c == '(' && ++depth > ADDRESS_DEPTH_MAX)
			return address_token_fail(text, "comments nested too deep");
		if (c == ')' && --depth == 0) {
			text->comment = start;
			text->comment_length = text->at++ - start;
			return 0;
		}
		if (address_token_step(text) != 0)
			return -1;
	}
	return address_token_fail(text, "unbalanced parenthesis");
}

static int
address_token_skip(struct address_text *text)
{
	while (text->at < text->length) {
		if (address_token_is_fold(text))
			text->at += 3;
		else if (address_token_is_blank(text->text[text->at]))
			text->at++;
		else if (text->text[text->at] != '(')
			return 0;
		else if (address_token_comment(text) != 0)
			return -1;
	}
	return 0;
}

/* From an opening to a closing mark. */
static int
address_token_enclosed(struct address_text *text, char closing, const char *why)
{
	for (text->at++; text->at < text->length;) {
		if (text->text[text->at] == closing) {
			text->at++;
			return 0;
		}
		if (address_token_step(text) != 0)
			return -1;
	}
	return address_token_fail(text, why);
}

/* Length of the encoded word at hand, 0 when there is none. Its text may hold what RFC 2047 forbids in a phrase, such as a
 * comma; programs do that. */
static size_t
address_token_encoded(const char *text, size_t length)
{
	size_t marks = 0, i;

	if (length < 8 || text[0] != '=' || text[1] != '?')
		return 0;
	for (i = 2; i < length && marks < 2; i++) {
		if (text[i] == '?')
			marks++;
		else if (text[i] <= ' ' || text[i] >= 127 || strchr("()<>@,;:\"", text[i]) != NULL)
			return 0;
	}
	if (i < 5 || strchr("bBqQ", text[i - 2]) == NULL || text[i - 3] != '?')
		return 0;
	for (; i + 1 < length && text[i] > ' ' && text[i] < 127; i++)
		if (text[i] == '?')
			return text[i + 1] == '=' ? i + 2 : 0;
	return 0;
}

static int
address_token_atom(struct address_text *text, struct address_token *token)
{
	token->kind = ADDRESS_ATOM;
	for (; text->at < text->length; text->at++) {
		char c = text->text[text->at];

		if (address_token_is_blank(c) || address_token_is_fold(text) || strchr("()<>@,;:.\"[", c) != NULL)
			if (c != '\0')
				break;
		if (address_token_is_control(c))
			return address_token_fail(text, "control character");
		if (c == '\\' || c == ']')
			token->kind = ADDRESS_ODD;
	}
	if (text->at == token->start)
		return address_token_fail(text, "unbalanced parenthesis");
	return 0;
}

static int
address_token_word(struct address_text *text, struct address_token *token)
{
	size_t encoded = address_token_encoded(text->text + text->at, text->length - text->at);

	if (encoded > 0) {
		token->kind = ADDRESS_ENCODED;
		text->at += encoded;
		return 0;
	}
	return address_token_atom(text, token);
}

int
address_token(struct address_text *text, struct address_token *token)
{
	size_t before = text->at;
	int failed = 0;
	char c;

	if (address_token_skip(text) != 0)
		return -1;
	*token = (struct address_token){.kind = ADDRESS_END, .start = text->at, .is_apart = text->at > before};
	if (text->at >= text->length)
		return 0;
	c = text->text[text->at];
	if (c != '\0' && strchr("<>@,;:.", c) != NULL) {
		token->kind = ADDRESS_SPECIAL;
		token->special = c;
		text->at++;
	} else if (c == '"') {
		token->kind = ADDRESS_QUOTED;
		failed = address_token_enclosed(text, '"', "unbalanced quote");
	} else if (c == '[') {
		token->kind = ADDRESS_LITERAL;
		failed = address_token_enclosed(text, ']', "unbalanced bracket");
	} else {
		failed = address_token_word(text, token);
	}
	token->length = text->at - token->start;
	return failed;
}
