/*
 * intake: line ends and the lone dot (RFC 5321 section 2.3.8: neither CR nor LF goes out alone).
 *
 * All decisions look at no more than INTAKE_WINDOW octets, and those are read first: so the result does not depend on the
 * portions in which a pipe delivers. A run of CR before LF is one line end ("\r\r\n" comes from text that was converted
 * twice).
 */
#include "message/intake.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "message/message.h"

#define INTAKE_ROOM (64 * 1024 + INTAKE_WINDOW)

struct intake {
	struct intake_source source;	/* read NULL: the descriptor */
	int    fd;
	bool   dots_are_text;
	bool   is_terminal;
	bool   at_end;		/* nothing more will be read */
	bool   in_line;		/* part of the line was taken already */
	bool   has_cr;		/* a CR was seen at all */
	size_t start, end;	/* what is there */
	size_t skip;		/* the line at hand with its end */
	size_t run_start, run_end;	/* known to be nothing but CR */
	char   data[INTAKE_ROOM];
};

/* Program sendmail starts for each message: zeroing the data would cost more than all that is done with a small one. */
static struct intake *
intake_make(void)
{
	struct intake *intake = memory_room(sizeof(*intake));

	memset(intake, 0, offsetof(struct intake, data));
	return intake;
}

struct intake *
intake_new(int fd, bool dots_are_text)
{
	struct intake *intake = intake_make();

	intake->fd = fd;
	intake->dots_are_text = dots_are_text;
	intake->is_terminal = isatty(fd) == 1;
	return intake;
}

struct intake *
intake_new_from(const struct intake_source *source)
{
	struct intake *intake = intake_make();

	intake->source = *source;
	intake->fd = -1;
	intake->dots_are_text = true;
	return intake;
}

void
intake_free(struct intake *intake)
{
	free(intake);
}

/* As read(), but waits where somebody made the descriptor non-blocking. No time limit: cronie holds it open for hours. */
static ssize_t
intake_read(int fd, char *data, size_t room)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	ssize_t count;

	while ((count = read(fd, data, room)) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			return -1;
		if (poll(&wait, 1, -1) < 0 && errno != EINTR)
			return -1;
	}
	return count;
}

/* Drops the NULs of what has just been read; gives the new length. */
static size_t
intake_squeeze(char *data, size_t length)
{
	char *from = memchr(data, '\0', length);
	char *to = from;

	if (from == NULL)
		return length;
	for (; from < data + length; from++)
		if (*from != '\0')
			*to++ = *from;
	return (size_t)(to - data);
}

/* Reads once. Moves what is there to the front. */
static int
intake_fill(struct intake *intake)
{
	ssize_t count;
	char *fresh;
	size_t length;

	if (intake->start > 0) {
		memmove(intake->data, intake->data + intake->start, intake->end - intake->start);
		intake->run_start -= intake->run_start < intake->start ? intake->run_start : intake->start;
		intake->run_end -= intake->run_end < intake->start ? intake->run_end : intake->start;
		intake->end -= intake->start;
		intake->start = 0;
	}
	fresh = intake->data + intake->end;
	if (intake->source.read != NULL)
		count = intake->source.read(intake->source.context, fresh, INTAKE_ROOM - intake->end);
	else
		count = intake_read(intake->fd, fresh, INTAKE_ROOM - intake->end);
	if (count < 0)
		return -1;
	if (count == 0)
		intake->at_end = true;
	length = intake_squeeze(fresh, (size_t)count);
	if (!intake->has_cr)
		intake->has_cr = memchr(fresh, '\r', length) != NULL;
	intake->end += length;
	return 0;
}

/* Reads until there is a line end, a full window or the end. 1: *content octets stand before the line end; 0: it is not
 * in the window; -1 with errno. The end of input counts as line end. */
static int
intake_look(struct intake *intake, size_t *content)
{
	size_t there, scanned = 0;
	const char *newline;

	for (;;) {
		there = intake->end - intake->start;
		if (there > INTAKE_WINDOW)
			there = INTAKE_WINDOW;
		newline = memchr(intake->data + intake->start + scanned, '\n', there - scanned);
		*content = newline != NULL ? (size_t)(newline - intake->data) - intake->start : there;
		if (newline != NULL)
			return 1;
		if (there == INTAKE_WINDOW)
			return 0;
		if (intake->at_end)
			return 1;
		scanned = there;
		if (intake_fill(intake) != 0)
			return -1;
	}
}

/* How much of the first `content` octets stands before the CRs at their end. What was found out is kept: in a window full
 * of CR each is a line, and each time the others would be looked at again. */
static size_t
intake_before_run(struct intake *intake, size_t content)
{
	size_t end = intake->start + content, at = end;

	while (at > intake->start && intake->data[at - 1] == '\r') {
		at--;
		if (at + 1 == intake->run_end && at >= intake->run_start)
			at = intake->run_start > intake->start ? intake->run_start : intake->start;
	}
	intake->run_start = at;
	intake->run_end = end;
	return at - intake->start;
}

/* A bare CR within the first `content` octets ends the line, in a body. `found`: a line end stands behind them. */
static void
intake_cut(struct intake *intake, bool found, bool in_body, size_t content, struct intake_line *line)
{
	const char *data = intake->data + intake->start, *cr = NULL;
	size_t length = intake_before_run(intake, content);

	intake->skip = found && content < intake->end - intake->start ? content + 1 : content;
	if (in_body && intake->has_cr && length > 0)
		cr = memchr(data, '\r', length);
	if (cr == NULL && !found && length < content && (in_body ? length <= MESSAGE_LINE_MAX : length == 0)) {
		if (in_body)		/* a window full of CR: each is a line end */
			cr = data + length;
		else
			length = content;
	}
	if (cr != NULL) {
		length = (size_t)(cr - data);
		intake->skip = length + 1;
	}
	*line = (struct intake_line){data, length, found || cr != NULL};
}

/* true when the "." at hand ends the input. May read, so the line moves. -1 with errno. */
static int
intake_is_final_dot(struct intake *intake)
{
	if (intake->is_terminal) {
		intake->at_end = true;
		intake->start = intake->end = intake->skip = 0;
		return 1;
	}
	while (!intake->at_end && intake->end - intake->start <= intake->skip)
		if (intake_fill(intake) != 0)
			return -1;
	if (intake->end - intake->start > intake->skip)
		return 0;
	intake_next(intake);
	return 1;
}

int
intake_line(struct intake *intake, bool in_body, struct intake_line *line)
{
	size_t content;
	int found = intake_look(intake, &content);
	int is_final;

	if (found < 0)
		return -1;
	if (intake->start == intake->end && !intake->in_line)
		return 0;
	intake_cut(intake, found == 1, in_body, content, line);
	if (line->length == 1 && line->is_whole && line->data[0] == '.' && !intake->in_line && !intake->dots_are_text) {
		is_final = intake_is_final_dot(intake);
		if (is_final != 0)
			return is_final < 0 ? -1 : 0;
		line->data = intake->data + intake->start;
	}
	return 1;
}

void
intake_take(struct intake *intake, size_t length)
{
	intake->start += length;
	intake->in_line = true;
}

void
intake_next(struct intake *intake)
{
	intake->start += intake->skip;
	intake->skip = 0;
	intake->in_line = false;
}

void
intake_drain(struct intake *intake)
{
	struct intake_line line;

	if (!intake->is_terminal) {
		while (!intake->at_end) {
			intake->start = intake->end = 0;
			if (intake_fill(intake) != 0)
				break;
		}
		return;
	}
	while (intake_line(intake, true, &line) == 1) {	/* here a lone dot ends it, too */
		if (line.is_whole)
			intake_next(intake);
		else
			intake_take(intake, line.length);
	}
}
