/*
 * mbox: RFC 4155 appendix A. A text without headers may begin with "From", too ("From 10:00 to 12:00 the server is down"), and
 * dropping it would lose it. So nothing may follow the sender but a whole date, its words in any order.
 */
#include "message/mbox.h"

#include <string.h>

enum mbox_word {
	MBOX_OTHER = 0,
	MBOX_DAY = 1,		/* of the week */
	MBOX_MONTH = 2,
	MBOX_TIME = 4,
	MBOX_YEAR = 8,
	MBOX_FILLER = 16	/* day of the month, time zone */
};

static bool
mbox_is_one_of(const char *word, size_t length, const char *names)
{
	if (length != 3)
		return false;
	for (; *names != '\0'; names += 3)
		if (memcmp(word, names, 3) == 0)
			return true;
	return false;
}

static bool
mbox_is_all(const char *word, size_t length, const char *set)
{
	for (size_t i = 0; i < length; i++)
		if (memchr(set, word[i], strlen(set)) == NULL)
			return false;
	return length > 0;
}

static enum mbox_word
mbox_word(const char *word, size_t length)
{
	if (length > 1 && word[length - 1] == ',')
		length--;
	if (mbox_is_one_of(word, length, "MonTueWedThuFriSatSun"))
		return MBOX_DAY;
	if (mbox_is_one_of(word, length, "JanFebMarAprMayJunJulAugSepOctNovDec"))
		return MBOX_MONTH;
	if (mbox_is_all(word, length, "0123456789"))
		return length == 4 ? MBOX_YEAR : length < 3 ? MBOX_FILLER : MBOX_OTHER;
	if (length <= 8 && mbox_is_all(word, length, "0123456789:"))
		return MBOX_TIME;
	if (length <= 5 && mbox_is_all(word, length, "+-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
		return MBOX_FILLER;
	return MBOX_OTHER;
}

bool
mbox_is_line(const char *line, size_t length)
{
	const char *end = line + length, *word, *at;
	unsigned seen = 0;

	if (length > 0 && line[0] == '>')
		line++;
	if (end - line < 5 || memcmp(line, "From ", 5) != 0)
		return false;
	for (at = line + 5; at < end; at = word) {
		enum mbox_word kind;

		while (at < end && (*at == ' ' || *at == '\t'))
			at++;
		for (word = at; word < end && *word != ' ' && *word != '\t'; word++)
			;
		kind = mbox_word(at, (size_t)(word - at));
		/* UUCP's tail: "remote from host" */
		if ((seen & MBOX_YEAR) != 0 && end - at > 12 && memcmp(at, "remote from ", 12) == 0)
			break;
		if (at < word && kind == MBOX_OTHER && seen != 0)
			return false;
		/* the sender's words come before the date, whatever they look like */
		if (kind == MBOX_DAY || seen != 0)
			seen |= kind;
	}
	return (seen & ~(unsigned)MBOX_FILLER) == (MBOX_DAY | MBOX_MONTH | MBOX_TIME | MBOX_YEAR);
}
