/*
 * provider: looking up in the table, and in its patterns.
 */
#include "base/provider.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

static const struct provider providers[] = {
#include "providers.h"
};

#define PROVIDER_COUNT (sizeof(providers) / sizeof(providers[0]))
#define PROVIDER_REGION "REGION"
#define PROVIDER_REGION_LENGTH (sizeof(PROVIDER_REGION) - 1)

const struct provider *
provider_table(size_t *count)
{
	*count = PROVIDER_COUNT;
	return providers;
}

/* `pattern` with the region put in. NULL when it does not fit. */
static const char *
provider_fill(const char *pattern, const char *region, size_t length, char *text, size_t size)
{
	const char *hole = strstr(pattern, PROVIDER_REGION);
	int n;

	if (hole == NULL)
		n = snprintf(text, size, "%s", pattern);
	else
		n = snprintf(text, size, "%.*s%.*s%s", (int)(hole - pattern), pattern, (int)length, region,
		    hole + PROVIDER_REGION_LENGTH);
	return n >= 0 && (size_t)n < size ? text : NULL;
}

/* Where the region stands in `text`, when all around it is as in the pattern: its length, else 0. */
static size_t
provider_match(const char *pattern, const char *text, const char **region)
{
	const char *hole = strstr(pattern, PROVIDER_REGION), *behind;
	size_t before, after, length = strlen(text), count;

	if (hole == NULL)
		return 0;
	before = (size_t)(hole - pattern);
	behind = hole + PROVIDER_REGION_LENGTH;
	after = strlen(behind);
	if (length <= before + after || strncasecmp(text, pattern, before) != 0 ||
	    text_compare_nocase(text + length - after, behind) != 0)
		return 0;
	*region = text + before;
	count = strspn(*region, "abcdefghijklmnopqrstuvwxyz0123456789-");
	return count == length - before - after ? count : 0;
}

const struct provider *
provider_find(const char *name, char *host, size_t size)
{
	for (size_t i = 0; i < PROVIDER_COUNT; i++) {
		const char *region = "";
		size_t length = provider_match(providers[i].name, name, &region);

		/* "ses-REGION" as it stands is no name */
		if (length == 0 && (strcmp(providers[i].name, name) != 0 || strstr(name, PROVIDER_REGION) != NULL))
			continue;
		return provider_fill(providers[i].host, region, length, host, size) != NULL ? &providers[i] : NULL;
	}
	return NULL;
}

const struct provider *
provider_of_host(const char *host)
{
	const char *region;

	for (size_t i = 0; i < PROVIDER_COUNT; i++)
		if (text_compare_nocase(providers[i].host, host) == 0 ||
		    provider_match(providers[i].host, host, &region) > 0)
			return &providers[i];
	return NULL;
}

/* The part of `text` that stands where the pattern has its region: the typo may be in any other part. */
static size_t
provider_guess_region(const char *pattern, const char *text, char separator, const char **region)
{
	const char *hole = strstr(pattern, PROVIDER_REGION), *end;

	for (const char *at = pattern; at < hole; at++) {
		if (*at != separator)
			continue;
		text = strchr(text, separator);
		if (text == NULL)
			return 0;
		text++;
	}
	/* the name's last part goes on to the end, ses-eu-west-1 */
	end = hole[PROVIDER_REGION_LENGTH] == '\0' ? text + strlen(text) : strchr(text, separator);
	*region = text;
	return end != NULL ? (size_t)(end - text) : 0;
}

/* The nearest of all names, or of all hosts. */
static const char *
provider_nearest(const char *word, bool of_hosts, char *nearest, size_t size)
{
	char filled[PROVIDER_COUNT][PROVIDER_TEXT_MAX];
	const char *words[PROVIDER_COUNT + 1], *found;
	size_t count = 0;

	for (size_t i = 0; i < PROVIDER_COUNT; i++) {
		const char *pattern = of_hosts ? providers[i].host : providers[i].name, *region = "";
		size_t length = 0;

		if (strstr(pattern, PROVIDER_REGION) != NULL)
			length = provider_guess_region(pattern, word, of_hosts ? '.' : '-', &region);
		if (length == 0) {
			region = PROVIDER_REGION;
			length = PROVIDER_REGION_LENGTH;
		}
		if (provider_fill(pattern, region, length, filled[count], sizeof(filled[count])) != NULL) {
			words[count] = filled[count];
			count++;
		}
	}
	words[count] = NULL;
	found = text_nearest(word, words);
	if (found == NULL)
		return NULL;
	(void)snprintf(nearest, size, "%s", found);
	return nearest;
}

const char *
provider_nearest_name(const char *name, char *nearest, size_t size)
{
	/* too short for any distance, yet no doubt what is meant */
	for (size_t i = 0; i < PROVIDER_COUNT; i++) {
		const char *hole = strstr(providers[i].name, "-" PROVIDER_REGION);

		if (hole != NULL && strlen(name) == (size_t)(hole - providers[i].name) &&
		    text_prefix_nocase(providers[i].name, name)) {
			(void)snprintf(nearest, size, "%s", providers[i].name);
			return nearest;
		}
	}
	return provider_nearest(name, false, nearest, size);
}

const char *
provider_nearest_host(const char *host, char *nearest, size_t size)
{
	if (provider_of_host(host) != NULL)
		return NULL;
	return provider_nearest(host, true, nearest, size);
}
