/*
 * receipt: Postfix, Brevo and others "queued as ID", Exim "OK id=ID", Sendmail "ID Message accepted for delivery", Gmail "OK  SECONDS ID - gsmtp",
 * Amazon SES "Ok ID", Exchange "OK <MESSAGE-ID> [Hostname=...]".
 */
#include "command/receipt.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define RECEIPT_LEAST 6		/* octets: shorter is a word or a number of something */

/* What goes on in one piece, without what stands around it. */
static size_t
receipt_word(const char **from)
{
	size_t length;

	*from += strspn(*from, " :<([\"'");
	length = strcspn(*from, " >)]\"',;");
	while (length > 0 && strchr(".:", (*from)[length - 1]) != NULL)
		length--;
	return length;
}

static bool
receipt_looks_like_one(const char *word, size_t length)
{
	bool has_digit = false;

	for (size_t i = 0; i < length; i++)
		has_digit = has_digit || isdigit((unsigned char)word[i]) != 0;
	return has_digit && length >= RECEIPT_LEAST && memchr(word, '=', length) == NULL;
}

bool
receipt_id(const char *text, char *id, size_t size)
{
	static const char *const marks[] = {"queued as ", "id="};
	const char *at = NULL, *gmail = strstr(text, " - gsmtp");
	size_t length = 0;

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]) && at == NULL; i++) {
		at = strcasestr(text, marks[i]);
		if (at != NULL)
			at += strlen(marks[i]);
	}
	if (at != NULL) {
		length = receipt_word(&at);
	} else if (gmail != NULL) {
		for (at = gmail; at > text && at[-1] != ' '; at--)
			length++;
	} else {
		for (at = text; *at != '\0'; at += length) {
			length = receipt_word(&at);
			if (length == 0 && *at != '\0')
				length = 1;
			else if (receipt_looks_like_one(at, length))
				break;
		}
		if (*at == '\0')
			length = 0;
	}
	(void)snprintf(id, size, "%.*s", (int)length, at);
	return length > 0;
}
