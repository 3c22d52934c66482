/*
 * advice: looking up in the tables.
 */
#include "command/advice.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *cause, *provider, *text;
} advices[] = {
#include "advice.rows"
};

static const struct {
	const char *provider, *field, *test, *text;
} traps[] = {
#include "traps.rows"
};

static const struct {
	const char *word, *name;
} interceptors[] = {
#include "interceptors.rows"
};

static const struct advice_reply replies[] = {
#include "replies.rows"
};

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* A * at the end stands for any rest. */
static bool
advice_fits(const char *pattern, const char *name)
{
	size_t length = strlen(pattern);

	if (length > 0 && pattern[length - 1] == '*')
		return strncmp(pattern, name, length - 1) == 0;
	return strcmp(pattern, name) == 0;
}

/* ---- advice ---- */

static const char *
advice_word(const struct advice_words *words, const char *name, size_t length)
{
	const struct {
		const char *name, *value;
	} all[] = {
		{"host", words->host}, {"ports", words->ports}, {"works", words->works}, {"names", words->names},
		{"issuer", words->issuer}, {"address", words->address}, {"user", words->user}, {"region", words->region},
	};

	for (size_t i = 0; i < ROWS(all); i++)
		if (strlen(all[i].name) == length && memcmp(all[i].name, name, length) == 0)
			return all[i].value != NULL ? all[i].value : "";
	return NULL;
}

static void
advice_expand(const char *pattern, const struct advice_words *words, char *text, size_t size)
{
	size_t used = 0;

	while (*pattern != '\0' && used + 1 < size) {
		const char *end = *pattern == '{' ? strchr(pattern, '}') : NULL;
		const char *value = end != NULL ? advice_word(words, pattern + 1, (size_t)(end - pattern - 1)) : NULL;
		int count;

		if (value == NULL) {
			text[used++] = *pattern++;
			continue;
		}
		count = snprintf(text + used, size - used, "%s", value);
		if (count < 0 || (size_t)count >= size - used)
			return;
		used += (size_t)count;
		pattern = end + 1;
	}
	text[used] = '\0';
}

void
advice_for(const char *cause, const char *provider, const struct advice_words *words, char *text, size_t size)
{
	text[0] = '\0';
	for (size_t i = 0; i < ROWS(advices); i++) {
		if (strcmp(advices[i].cause, cause) != 0 || !advice_fits(advices[i].provider, provider))
			continue;
		advice_expand(advices[i].text, words, text, size);
		return;
	}
}

/* ---- traps ---- */

static bool
advice_passes(const char *test, const char *value)
{
	const char *word = strchr(test, ' ');
	size_t length = 0;

	if (word == NULL)
		return true;
	word++;
	if (strncmp(test, "is ", 3) == 0)
		return strcmp(value, word) == 0;
	if (strncmp(test, "has ", 4) == 0)
		return strstr(value, word) != NULL;
	if (strncmp(test, "begins ", 7) == 0)
		return strncmp(value, word, strlen(word)) == 0;
	/* "abcd efgh ijkl mnop", as Google shows it, is as good without the blanks */
	for (const char *at = value; *at != '\0'; at++)
		length += *at != ' ';
	return length == strtoul(word, NULL, 10);
}

const char *
advice_trap(const char *provider, const char *field, const char *value)
{
	for (size_t i = 0; i < ROWS(traps); i++)
		if (advice_fits(traps[i].provider, provider) && strcmp(traps[i].field, field) == 0 && !advice_passes(traps[i].test, value))
			return traps[i].text;
	return NULL;
}

const char *
advice_interceptor(const char *issuer)
{
	for (size_t i = 0; i < ROWS(interceptors); i++)
		if (strcasestr(issuer, interceptors[i].word) != NULL)
			return interceptors[i].name;
	return NULL;
}

/* ---- replies ---- */

/* "X.7.8" fits 4.7.8 and 5.7.8, "X.7" fits all of X.7.*, "5" all that begin so. The length that fits, 0 for none. */
static size_t
advice_match(const char *pattern, const char *code)
{
	size_t i;

	for (i = 0; pattern[i] != '\0'; i++)
		if (pattern[i] != code[i] && !(i == 0 && pattern[0] == 'X' && code[0] >= '2' && code[0] <= '5'))
			return 0;
	if (code[i] == '\0' || code[i] == '.' || i == 1)
		return i;
	return 0;
}

const struct advice_reply *
advice_reply(const char *code)
{
	const struct advice_reply *best = NULL;
	size_t longest = 0;

	for (size_t i = 0; i < ROWS(replies); i++) {
		size_t length = advice_match(replies[i].code, code);

		/* the class alone says nothing about 5.7.8 that the code does not */
		if (length > longest) {
			longest = length;
			best = &replies[i];
		}
	}
	return best;
}
