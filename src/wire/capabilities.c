/*
 * capabilities: RFC 5321 section 4.1.1.1 and 2.2.1 (keywords), 1870 (SIZE), 2920, 3030, 3461, 4954, 6152,
 * 6531, 3207, 2034. Some relays write "AUTH=LOGIN PLAIN" for clients of the nineties; it counts as AUTH.
 */
#include "wire/capabilities.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define CAPABILITIES_WORD_MAX 64

/* Next word of a line, in upper case and cut to fit; false at the end. */
static bool
capabilities_word(const char **at, const char *end, const char *separators, char word[CAPABILITIES_WORD_MAX])
{
	size_t length = 0;

	while (*at < end && (**at == '\0' || strchr(separators, **at) != NULL))
		(*at)++;
	if (*at >= end)
		return false;
	for (; *at < end && **at != '\0' && strchr(separators, **at) == NULL; (*at)++)
		if (length < CAPABILITIES_WORD_MAX - 1)
			word[length++] = **at >= 'a' && **at <= 'z' ? (char)(**at - 'a' + 'A') : **at;
	word[length] = '\0';
	return true;
}

/* A mechanism's name as RFC 4422 section 3.1 has it; anything else is not worth remembering. */
static bool
capabilities_is_mechanism(const char *word)
{
	return strlen(word) <= 20 && word[strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")] == '\0';
}

static void
capabilities_add_auth(struct capabilities *capabilities, const char *word)
{
	size_t length = strlen(capabilities->auth), need = strlen(word) + (length == 0 ? 2 : 1);

	if (!capabilities_is_mechanism(word) || capabilities_has_auth(capabilities, word) ||
	    length + need >= sizeof(capabilities->auth))
		return;
	(void)snprintf(capabilities->auth + length, sizeof(capabilities->auth) - length, "%s%s ",
	    length == 0 ? " " : "", word);
}

static void
capabilities_line(const char *at, const char *end, struct capabilities *capabilities)
{
	const struct {
		const char *keyword;
		bool       *flag;
	} flags[] = {
		{"STARTTLS", &capabilities->starttls},
		{"PIPELINING", &capabilities->pipelining},
		{"CHUNKING", &capabilities->chunking},
		{"8BITMIME", &capabilities->eight_bit_mime},
		{"SIZE", &capabilities->size},
		{"DSN", &capabilities->dsn},
		{"SMTPUTF8", &capabilities->smtputf8},
		{"ENHANCEDSTATUSCODES", &capabilities->enhanced_status_codes},
		{"BINARYMIME", &capabilities->binarymime},
	};
	char word[CAPABILITIES_WORD_MAX];

	if (!capabilities_word(&at, end, " \t=", word))
		return;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (strcmp(word, flags[i].keyword) == 0)
			*flags[i].flag = true;
	if (strcmp(word, "AUTH") == 0)
		while (capabilities_word(&at, end, " \t=", word))
			capabilities_add_auth(capabilities, word);
	if (strcmp(word, "SIZE") == 0 && capabilities_word(&at, end, " \t", word))
		(void)text_to_number(word, 0, UINT64_MAX, &capabilities->size_limit);
}

void
capabilities_parse(const char *raw, size_t length, struct capabilities *capabilities)
{
	const char *end = raw + length, *line_end;

	memset(capabilities, 0, sizeof(*capabilities));
	for (bool is_first = true; raw < end; is_first = false) {
		line_end = memchr(raw, '\n', (size_t)(end - raw));
		if (line_end == NULL)
			line_end = end;
		/* the first line holds the relay's name and its greeting */
		if (!is_first && line_end - raw > 4)
			capabilities_line(raw + 4, line_end[-1] == '\r' ? line_end - 1 : line_end,
			    capabilities);
		raw = line_end < end ? line_end + 1 : end;
	}
}

bool
capabilities_has_auth(const struct capabilities *capabilities, const char *mechanism)
{
	char padded[CAPABILITIES_WORD_MAX + 3];
	int length = snprintf(padded, sizeof(padded), " %s ", mechanism);

	return length > 2 && (size_t)length < sizeof(padded) && strstr(capabilities->auth, padded) != NULL;
}
