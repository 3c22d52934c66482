/*
 * address_token: cuts an address list into words (RFC 5322 section 3.2), blanks, folds and comments skipped.
 */
#ifndef MAILCRANE_ADDRESS_TOKEN_H
#define MAILCRANE_ADDRESS_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

enum address_kind {
	ADDRESS_END,
	ADDRESS_ATOM,		/* without the dots, which come as ADDRESS_SPECIAL; may hold octets over 127 */
	ADDRESS_ODD,		/* as an atom, but with octets that only a name may hold */
	ADDRESS_QUOTED,
	ADDRESS_LITERAL,	/* [192.0.2.1] */
	ADDRESS_ENCODED,	/* =?charset?q?text?=, also where the text holds specials */
	ADDRESS_SPECIAL		/* one of <>@,;:. */
};

struct address_token {
	enum address_kind kind;
	char   special;		/* '\0' unless ADDRESS_SPECIAL */
	bool   is_apart;	/* a blank or comment stands before it */
	size_t start, length;	/* in the text */
};

struct address_text {
	const char *text;
	size_t length, at;
	size_t comment, comment_length;	/* inside of the last comment that was skipped; set comment_length 0 to forget */
	const char *why;		/* after -1 */
};

/* 0, or -1 with text->why. */
int address_token(struct address_text *text, struct address_token *token);

#endif
