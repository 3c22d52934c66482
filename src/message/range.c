/*
 * range: see the header.
 */
#include "message/range.h"

#include <errno.h>
#include <string.h>

#include "base/file.h"

void
range_init(struct range *range, int fd, off_t start, off_t end)
{
	range->fd = fd;
	range->offset = start;
	range->end = end;
	range->start = range->length = 0;
	range->in_line = false;
}

off_t
range_tell(const struct range *range)
{
	return range->offset + (off_t)range->start;
}

static int
range_fill(struct range *range)
{
	off_t left = range->end - range->offset - (off_t)range->length;
	size_t room;
	ssize_t count;

	memmove(range->data, range->data + range->start, range->length - range->start);
	range->offset += (off_t)range->start;
	range->length -= range->start;
	range->start = 0;
	room = RANGE_ROOM - range->length;
	if ((off_t)room > left)
		room = (size_t)left;
	count = file_pread(range->fd, range->data + range->length, room, range->offset + (off_t)range->length);
	if (count < 0)
		return -1;
	if ((size_t)count < room) {
		errno = EIO;
		return -1;
	}
	range->length += room;
	return 0;
}

static const char *
range_newline(const struct range *range)
{
	const char *at = range->data + range->start, *end = range->data + range->length;

	while ((at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		if (at > range->data + range->start && at[-1] == '\r')
			return at;
		at++;
	}
	return NULL;
}

int
range_line(struct range *range, struct range_line *line)
{
	const char *newline = range_newline(range);
	bool is_all;

	if (newline == NULL && range->offset + (off_t)range->length < range->end &&
	    range->length - range->start < RANGE_ROOM) {
		if (range_fill(range) != 0)
			return -1;
		newline = range_newline(range);
	}
	if (range->start == range->length)
		return 0;
	is_all = range->offset + (off_t)range->length >= range->end;
	*line = (struct range_line){.data = range->data + range->start, .offset = range_tell(range),
	    .is_start = !range->in_line, .has_newline = newline != NULL};
	if (newline != NULL) {
		line->length = (size_t)(newline - 1 - line->data);
		range->start += line->length + 2;
	} else {
		line->length = range->length - range->start;
		/* the LF may be next */
		if (!is_all && line->length > 1 && line->data[line->length - 1] == '\r')
			line->length--;
		range->start += line->length;
	}
	line->is_end = newline != NULL || (is_all && range->start == range->length);
	range->in_line = !line->is_end;
	return 1;
}
