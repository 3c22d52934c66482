/*
 * pattern: see the header.
 */
#include "base/pattern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define PATTERN_NULL "<>"
#define PATTERN_BETWEEN " \t,"

/* NULL, or what is wrong. */
static const char *
pattern_wrong(const char *word)
{
	const char *at = strrchr(word, '@'), *domain = at != NULL ? at + 1 : word;

	if (strcmp(word, PATTERN_NULL) == 0)
		return NULL;
	if (domain[0] == '\0')
		return "has no domain behind the @";
	if (domain[0] == '[')
		return NULL;
	if (strpbrk(domain, "<>\"'()[]:;\\/?!|") != NULL)
		return "is neither an address nor a domain";
	if (strchr(domain, '.') == NULL && strchr(domain, '*') == NULL)
		return at != NULL ? NULL : "has no dot: a domain is written in full, a local part with its domain";
	return domain[0] == '.' || strstr(domain, "..") != NULL ? "has an empty part in its domain: subdomains are *.example.com" : NULL;
}

static void
pattern_keep(struct relay *relay, const char *word)
{
	const char *before = strcmp(word, PATTERN_NULL) == 0 ? "" : word[0] == '@' ? "*" : strchr(word, '@') != NULL ? "" : "*@";
	char kept[PATTERN_MAX + 4];

	(void)snprintf(kept, sizeof(kept), "%s%s", before, word);
	text_lower(kept);
	relay->from = memory_resize(relay->from, relay->from_count + 1, sizeof(*relay->from));
	relay->from[relay->from_count++] = memory_copy_text(kept);
}

int
pattern_parse(const char *text, struct relay *relay, char *wrong, size_t size)
{
	struct relay found = {.from = NULL};
	char word[PATTERN_MAX];
	size_t length;

	for (text += strspn(text, PATTERN_BETWEEN); *text != '\0'; text += strspn(text, PATTERN_BETWEEN)) {
		const char *why = "is longer than an address can be";

		length = strcspn(text, PATTERN_BETWEEN);
		(void)snprintf(word, sizeof(word), "%.*s", (int)length, text);
		if (length < sizeof(word))
			why = pattern_wrong(word);
		if (why != NULL) {
			(void)snprintf(wrong, size, "\"%.80s\" %s", word, why);
			pattern_free(&found);
			return -1;
		}
		pattern_keep(&found, word);
		text += length;
	}
	if (found.from_count == 0) {
		(void)snprintf(wrong, size, "write addresses or domains, as in a@example.com @example.org");
		return -1;
	}
	pattern_free(relay);
	relay->from = found.from;
	relay->from_count = found.from_count;
	return 0;
}

static char
pattern_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool
pattern_fits(const char *pattern, const char *sender)
{
	const char *star = NULL, *retry = NULL;

	if (strcmp(pattern, PATTERN_NULL) == 0)
		return sender[0] == '\0';
	while (*sender != '\0') {
		if (*pattern == '*') {
			star = pattern++;
			retry = sender;
		} else if (*pattern == pattern_lower(*sender)) {
			pattern++;
			sender++;
		} else if (star != NULL) {
			/* the last star takes one octet more; earlier ones need never be tried again */
			pattern = star + 1;
			sender = ++retry;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

int
pattern_print(const struct relay *relay, struct buffer *text)
{
	int result = 0;

	for (size_t i = 0; result == 0 && i < relay->from_count; i++)
		result = buffer_append_format(text, "%s%s", i == 0 ? "from = " : " ", relay->from[i]);
	return result == 0 && relay->from_count > 0 ? buffer_append_text(text, "\n") : result;
}

void
pattern_free(struct relay *relay)
{
	for (size_t i = 0; i < relay->from_count; i++)
		free(relay->from[i]);
	free(relay->from);
	relay->from = NULL;
	relay->from_count = 0;
}
