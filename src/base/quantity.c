/*
 * quantity: see the header.
 */
#include "base/quantity.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define QUANTITY_TIME_MIN 1000
#define QUANTITY_TIME_MAX (INT64_C(24) * 60 * 60 * 1000)
#define QUANTITY_BLANKS " \t"

struct quantity_unit {
	uint64_t    size;
	const char *name;
};

static const struct quantity_unit quantity_times[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
static const struct quantity_unit quantity_sizes[] = {{1 << 30, "G"}, {1 << 20, "M"}, {1 << 10, "K"}, {1, ""}};

size_t
quantity_parse_times(const char *text, int64_t *list, size_t room, char *wrong, size_t size)
{
	size_t count = 0, length;
	char word[33];
	int64_t ms;

	for (text += strspn(text, QUANTITY_BLANKS); *text != '\0'; text += length + strspn(text + length, QUANTITY_BLANKS)) {
		length = strcspn(text, QUANTITY_BLANKS);
		(void)snprintf(word, sizeof(word), "%.*s", length < sizeof(word) ? (int)length : (int)sizeof(word) - 1, text);
		if (count == room)
			(void)snprintf(wrong, size, "at most %zu times: the last one is used again and again", room);
		else if (text_to_duration(word, &ms) != 0)
			(void)snprintf(wrong, size, "\"%s\" is not a time: write times with blanks between, as in 1m 5m 1h", word);
		else if (ms < QUANTITY_TIME_MIN || ms > QUANTITY_TIME_MAX)
			(void)snprintf(wrong, size, "%s is not between 1s and 1d", word);
		else {
			list[count++] = ms;
			continue;
		}
		return 0;
	}
	if (count == 0)
		(void)snprintf(wrong, size, "write times with blanks between, as in 1m 5m 1h");
	return count;
}

static int
quantity_print(struct buffer *text, uint64_t value, const struct quantity_unit *unit)
{
	while (unit->size > 1 && (value == 0 || value % unit->size != 0))
		unit++;
	return buffer_append_format(text, "%" PRIu64 "%s", value / unit->size, unit->name);
}

int
quantity_print_time(struct buffer *text, int64_t ms)
{
	return quantity_print(text, (uint64_t)ms, quantity_times);
}

int
quantity_print_size(struct buffer *text, uint64_t octets)
{
	return quantity_print(text, octets, quantity_sizes);
}

int
quantity_print_times(struct buffer *text, const int64_t *list, size_t count)
{
	int result = 0;

	for (size_t i = 0; result == 0 && i < count; i++)
		if (i > 0 && buffer_append_text(text, " ") != 0)
			result = -1;
		else
			result = quantity_print_time(text, list[i]);
	return result;
}
