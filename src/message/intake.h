/*
 * intake: reads lines of any length from a descriptor (or a source) in constant memory: LF, CRLF or a mixture ends a line, NUL is
 * dropped, a lone dot ends the input as CALLERS.md decision 6 says.
 */
#ifndef MAILCRANE_INTAKE_H
#define MAILCRANE_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define INTAKE_WINDOW 4096	/* a line of fewer octets is always given whole */

struct intake;

struct intake_line {
	const char *data;	/* without the line end; valid until the next call */
	size_t      length;
	bool        is_whole;	/* false: only the beginning, more than MESSAGE_LINE_MAX octets in a body */
};

/* Octets that do not come from a descriptor of their own. read() gives how many, 0 at the end, -1 with errno; a clean end
 * and a broken-off one must differ. */
struct intake_source {
	void *context;
	ssize_t (*read)(void *context, char *data, size_t room);
};

struct intake *intake_new(int fd, bool dots_are_text);
struct intake *intake_new_from(const struct intake_source *source);	/* copies it; dots are text */
void intake_free(struct intake *intake);

/* The line at hand, or what is left of it after intake_take(). In a body a bare CR ends a line; elsewhere it is given
 * as it is. The result depends on the octets alone, not on how they arrive. 1; 0 at the end; -1 with errno. */
int intake_line(struct intake *intake, bool in_body, struct intake_line *line);

/* Done with the first `length` octets of the line that intake_line() gave. */
void intake_take(struct intake *intake, size_t length);

/* Done with the line, which must have been whole. */
void intake_next(struct intake *intake);

/* Reads on until the end and throws away. */
void intake_drain(struct intake *intake);

#endif
