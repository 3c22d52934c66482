/*
 * range: the lines of a part of a file, of any length, in constant memory. Reads with pread(), so several may walk over one
 * descriptor.
 */
#ifndef MAILCRANE_RANGE_H
#define MAILCRANE_RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define RANGE_ROOM (16 * 1024)

struct range {
	int    fd;
	off_t  offset, end;	/* where the window begins; where the part ends */
	size_t start, length;	/* of the window: done with, there at all */
	bool   in_line;
	char   data[RANGE_ROOM];
};

struct range_line {
	const char *data;	/* without CRLF; valid until the next call */
	size_t      length;
	off_t       offset;	/* of data in the file */
	bool        is_start;	/* begins a line; else it goes on with one */
	bool        is_end;	/* the line ends here, by CRLF or by the end of the part */
	bool        has_newline;	/* by CRLF */
};

void range_init(struct range *range, int fd, off_t start, off_t end);

/* The next line, or piece of one that is longer than RANGE_ROOM. 1; 0 at the end; -1 with errno, EIO when the file is shorter
 * than it should be. A line ends in CRLF alone: a lone CR or LF is part of it. */
int range_line(struct range *range, struct range_line *line);

/* Where the next line begins. */
off_t range_tell(const struct range *range);

#endif
