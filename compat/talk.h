/*
 * talk: our two ends of an SMTP client on stdin and stdout: its lines and its data in, our replies out.
 *
 * There is no time limit on what the client says: it owns us. What we say is written when we have read all that is there
 * (RFC 2920 section 3.2), and kept in memory meanwhile, so that a client which sends much before it reads does not block
 * both; one that reads nothing for a minute while there is something to read has gone.
 */
#ifndef MAILCRANE_COMPAT_TALK_H
#define MAILCRANE_COMPAT_TALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "command.h"
#include "dots.h"

#define TALK_PATIENCE 60000	/* ms for a client that does not read */
#define TALK_REPLIES_MAX (1024 * 1024)	/* octets of replies in memory; then reading waits */
#define TALK_ROOM (32 * 1024)

enum talk_lines { TALK_UNDECIDED, TALK_CRLF, TALK_LF };	/* how the client ended its first line */

struct talk {
	int             in, out;	/* borrowed, blocking or not */
	int64_t         patience;	/* ms */
	enum talk_lines lines;
	bool            is_at_end;	/* nothing more comes */
	bool            is_deaf;	/* what we say is not read any more */
	struct dots     dots;
	struct buffer   replies;	/* not yet written */
	size_t          start, end;	/* what is unread in `data` */
	char            data[TALK_ROOM];
};

enum talk_result {
	TALK_LINE,
	TALK_TOO_LONG,		/* over COMMAND_LINE_MAX; read to its end and thrown away */
	TALK_BARE_LF,		/* in a line of a client that began with CRLF: where it ends can't be known */
	TALK_END,		/* of the input, or a failed read; what stands behind the last line end is dropped */
	TALK_DEAF
};

void talk_init(struct talk *talk, int in, int out, int64_t patience);
void talk_free(struct talk *talk);

/* The next line without its end, good until the next call. */
enum talk_result talk_line(struct talk *talk, const char **line, size_t *length);

/* true when the client has said more already than was read. Does not wait. */
bool talk_has_more(struct talk *talk);

/* Before the first talk_data(). */
void talk_data_begin(struct talk *talk);

/* As read(): the octets of a message, unstuffed; 0 behind the final dot, -1 with errno (ECONNRESET when the input ended before
 * it). For struct intake_source, with the talk as context. */
ssize_t talk_data(void *context, char *data, size_t room);

/* Notes a reply of one line, CRLF is added; printable and at most 512 octets in all (RFC 5321 section 4.5.3.1.5). */
void talk_reply(struct talk *talk, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes what has been noted. 0, or -1 when the client is deaf. */
int talk_flush(struct talk *talk);

#endif
