/*
 * text: strict conversions, and foreign text made fit for a terminal and a log. UTF-8 as in RFC 3629.
 */
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define TEXT_DURATION_MAX (INT64_C(365) * 24 * 60 * 60 * 1000)
#define TEXT_LINE_MAX 1000
#define TEXT_WORD_MAX 64
#define TEXT_DISTANCE_MAX 3

static bool
text_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char
text_fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Digits without a leading zero; gives what stands behind them, or NULL when there are none or too many. */
static const char *
text_digits(const char *text, uint64_t *value)
{
	uint64_t number = 0;

	if (!text_is_digit(text[0]) || (text[0] == '0' && text_is_digit(text[1])))
		return NULL;
	for (; text_is_digit(*text); text++)
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(*text - '0'), &number))
			return NULL;
	*value = number;
	return text;
}

int
text_to_number(const char *text, uint64_t low, uint64_t high, uint64_t *value)
{
	uint64_t number;
	const char *rest = text_digits(text, &number);

	if (rest == NULL || *rest != '\0' || number < low || number > high)
		return -1;
	*value = number;
	return 0;
}

int
text_to_duration(const char *text, int64_t *ms)
{
	static const struct {
		const char *unit;
		uint64_t    ms;
	} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
	uint64_t number;
	const char *rest = text_digits(text, &number);

	if (rest == NULL)
		return -1;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(rest, units[i].unit) != 0)
			continue;
		if (__builtin_mul_overflow(number, units[i].ms, &number) || number > TEXT_DURATION_MAX)
			return -1;
		*ms = (int64_t)number;
		return 0;
	}
	return -1;
}

int
text_to_size(const char *text, uint64_t *bytes)
{
	uint64_t number, unit = 1;
	const char *rest = text_digits(text, &number);

	if (rest == NULL)
		return -1;
	if (*rest == 'K')
		unit = UINT64_C(1) << 10;
	else if (*rest == 'M')
		unit = UINT64_C(1) << 20;
	else if (*rest == 'G')
		unit = UINT64_C(1) << 30;
	if (unit > 1)
		rest++;
	if (*rest != '\0' || __builtin_mul_overflow(number, unit, &number))
		return -1;
	*bytes = number;
	return 0;
}

int
text_to_boolean(const char *text, bool *value)
{
	static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (text_compare_nocase(text, words[i]) == 0) {
			*value = i % 2 != 0;
			return 0;
		}
	}
	return -1;
}

/* Octets of the UTF-8 character at `source`, 0 when it is none (cut, overlong, a surrogate, too high). */
static size_t
text_utf8_character(const unsigned char *source, size_t length, uint32_t *character)
{
	static const uint32_t lowest[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t count = source[0] >= 0xf0 ? 4 : source[0] >= 0xe0 ? 3 : 2;
	uint32_t value;

	if (source[0] < 0xc2 || source[0] > 0xf4 || length < count)
		return 0;
	value = source[0] & (0xffU >> (count + 1));
	for (size_t i = 1; i < count; i++) {
		if ((source[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (source[i] & 0x3fU);
	}
	if (value < lowest[count] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
		return 0;
	*character = value;
	return count;
}

/* Controls beyond ASCII: C1, and those that end or turn round a line on a terminal. */
static bool
text_is_control(uint32_t character)
{
	return (character >= 0x80 && character <= 0x9f) || character == 0x061c ||
	    (character >= 0x200e && character <= 0x200f) || (character >= 0x2028 && character <= 0x202e) ||
	    (character >= 0x2066 && character <= 0x2069);
}

/* One character of the source: gives its octets, and in *print how many of them to copy (0: a '?'). */
static size_t
text_printable_character(const unsigned char *source, size_t length, bool utf8, size_t *print)
{
	uint32_t character;
	size_t count;

	*print = 0;
	if (source[0] < 0x80) {
		*print = source[0] >= 0x20 && source[0] < 0x7f ? 1 : 0;
		return 1;
	}
	if (!utf8 || (count = text_utf8_character(source, length, &character)) == 0)
		return 1;
	if (!text_is_control(character))
		*print = count;
	return count;
}

static size_t
text_blanks(const unsigned char *source, size_t length)
{
	size_t count = 0;

	while (count < length && (source[count] == '\r' || source[count] == '\n' || source[count] == '\t'))
		count++;
	return count;
}

char *
text_printable(char *target, size_t size, const char *source, size_t length, bool utf8)
{
	const unsigned char *at = (const unsigned char *)source;
	size_t done = 0, count;

	if (size == 0)
		return target;
	for (size_t i = 0; i < length; i += count) {
		size_t blanks = text_blanks(at + i, length - i), print = 0;

		count = blanks;
		if (blanks == 0)
			count = text_printable_character(at + i, length - i, utf8, &print);
		if ((print > 0 ? print : 1) > size - 1 - done)
			break;
		if (print > 0) {
			memcpy(target + done, at + i, print);
			done += print;
		} else
			target[done++] = blanks > 0 ? ' ' : '?';
	}
	target[done] = '\0';
	return target;
}

size_t
text_line(char *target, size_t size, bool utf8, const char *ending, const char *format, va_list arguments)
{
	size_t end = strlen(ending), length;
	char text[TEXT_LINE_MAX + 1];

	if (vsnprintf(text, sizeof(text), format, arguments) < 0)
		text[0] = '\0';
	(void)text_printable(target, size - end, text, strlen(text), utf8);
	length = strlen(target);
	memcpy(target + length, ending, end + 1);
	return length + end;
}

static size_t
text_least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Edit distance with two neighbours swapped as one edit, the commonest slip of all. */
static size_t
text_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	size_t rows[3][TEXT_WORD_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *row = rows[2];

	memset(rows, 0, sizeof(rows));
	for (size_t j = 0; j <= b_length; j++)
		last[j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		size_t *spare = before;

		row[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			size_t change = text_fold(a[i - 1]) != text_fold(b[j - 1]);

			row[j] = text_least(text_least(last[j], row[j - 1]) + 1, last[j - 1] + change);
			if (i > 1 && j > 1 && text_fold(a[i - 1]) == text_fold(b[j - 2]) &&
			    text_fold(a[i - 2]) == text_fold(b[j - 1]))
				row[j] = text_least(row[j], before[j - 2] + 1);
		}
		before = last;
		last = row;
		row = spare;
	}
	return last[b_length];
}

const char *
text_nearest(const char *word, const char *const *words)
{
	size_t length = strlen(word), best = TEXT_DISTANCE_MAX + 1;
	const char *nearest = NULL;

	if (length > TEXT_WORD_MAX)
		return NULL;
	for (; *words != NULL; words++) {
		size_t other = strlen(*words), distance;

		if (other > TEXT_WORD_MAX)
			continue;
		distance = text_distance(word, length, *words, other);
		if (distance < best && distance * 2 < length) {
			best = distance;
			nearest = *words;
		}
	}
	return nearest;
}

int
text_compare_nocase(const char *a, const char *b)
{
	while (*a != '\0' && text_fold(*a) == text_fold(*b)) {
		a++;
		b++;
	}
	return (unsigned char)text_fold(*a) - (unsigned char)text_fold(*b);
}

bool
text_prefix_nocase(const char *text, const char *prefix)
{
	while (*prefix != '\0' && text_fold(*text) == text_fold(*prefix)) {
		text++;
		prefix++;
	}
	return *prefix == '\0';
}

void
text_lower(char *text)
{
	for (; *text != '\0'; text++)
		*text = text_fold(*text);
}
