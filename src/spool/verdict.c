/*
 * verdict: strict in both directions: the FIFO can be written to by whoever is in the spool's group.
 */
#include "spool/verdict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

size_t
spool_verdict_format(char line[VERDICT_LINE_MAX], const struct outcome *outcome)
{
	const char *enhanced = outcome->enhanced;
	char text[sizeof(outcome->text)];
	int length;

	if (enhanced[0] == '\0' || strspn(enhanced, "0123456789.") != strnlen(enhanced, sizeof(outcome->enhanced)))
		enhanced = "-";
	text_printable(text, sizeof(text), outcome->text, strnlen(outcome->text, sizeof(outcome->text)), true);
	length = snprintf(line, VERDICT_LINE_MAX, "verdict %s %s %s %03d %s %d %s\n", verdict_name(outcome->verdict),
	    stage_name(outcome->stage), cause_name(outcome->cause),
	    outcome->reply >= 0 && outcome->reply <= 999 ? outcome->reply : 0, enhanced, outcome->uncertain ? 1 : 0, text);
	return length > 0 && length < VERDICT_LINE_MAX ? (size_t)length : 0;
}

/* The next word of *rest, which goes on behind the blank; NULL when there is no blank. */
static const char *
spool_verdict_word(char **rest)
{
	return *rest != NULL && strchr(*rest, ' ') != NULL ? strsep(rest, " ") : NULL;
}

static int
spool_verdict_fill(char *rest, struct outcome *outcome)
{
	const char *words[7];

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if ((words[i] = spool_verdict_word(&rest)) == NULL)
			return -1;
	outcome->verdict = verdict_parse(words[1]);
	outcome->stage = stage_parse(words[2]);
	outcome->cause = cause_parse(words[3]);
	if (strlen(words[4]) == 3 && strspn(words[4], "0123456789") == 3)
		outcome->reply = (int)strtol(words[4], NULL, 10);
	if (words[5][0] != '-' && strlen(words[5]) < sizeof(outcome->enhanced))
		memcpy(outcome->enhanced, words[5], strlen(words[5]) + 1);
	outcome->uncertain = words[6][0] == '1';
	text_printable(outcome->text, sizeof(outcome->text), rest, strlen(rest), true);
	return 0;
}

int
spool_verdict_parse(const char *line, size_t length, struct outcome *outcome)
{
	char copy[VERDICT_LINE_MAX], again[VERDICT_LINE_MAX];
	struct outcome found = {.verdict = VERDICT_NONE};

	if (length >= sizeof(copy) || memchr(line, '\0', length) != NULL)
		return -1;
	memcpy(copy, line, length);
	copy[length] = '\0';
	if (spool_verdict_fill(copy, &found) != 0 || found.verdict == VERDICT_NONE)
		return -1;
	/* what does not come out again as it came in was not written by us: unknown words, wrong numbers, control characters */
	if (spool_verdict_format(again, &found) != length + 1 || memcmp(again, line, length) != 0)
		return -1;
	*outcome = found;
	return 0;
}
