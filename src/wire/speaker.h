/*
 * speaker: our end of a dialogue's socketpair: lines and octets from libESMTP, short answers to it. Private
 * to splice. It never waits longer than its patience for the next octet; whatever is not as it should be is
 * an error without a reason, because the other side is our own process: the attempt is then over.
 */
#ifndef MAILCRANE_SPEAKER_H
#define MAILCRANE_SPEAKER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/deadline.h"

#define SPEAKER_LINE_MAX 2000	/* octets of a command line, CRLF included */

struct speaker {
	int             fd;		/* borrowed; non-blocking */
	struct deadline deadline;	/* of the attempt */
	int64_t         patience;	/* ms without progress */
	size_t          start, end;	/* what is unread in `unread` */
	char            unread[32768];
	struct buffer   answers;	/* not yet written */
};

void speaker_init(struct speaker *speaker, int fd, int64_t patience, struct deadline deadline);
void speaker_clear(struct speaker *speaker);

/* The next line, CRLF taken off, NUL added; `line` has SPEAKER_LINE_MAX octets. Writes the answers first. 0,
 * or -1 when the dialogue is gone, silent, or says something that is no line. */
int speaker_line(struct speaker *speaker, char *line);

/* At least 1 and at most `most` octets: *data is good until the next call. Gives how many, or -1 as above. */
ssize_t speaker_octets(struct speaker *speaker, size_t most, const char **data);

/* Notes one line for the dialogue, made from the code: never the relay's text, which libESMTP may choke on.
 * */
void speaker_answer(struct speaker *speaker, int code);
void speaker_answer_text(struct speaker *speaker, const char *lines);

/* Writes what has been noted. 0, or -1. */
int speaker_flush(struct speaker *speaker);

#endif
