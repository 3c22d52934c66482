/*
 * secret: gets the relay's password from where the settings say, into memory that is wiped. One trailing
 * newline is dropped. Empty, over 8,192 octets, holding NUL, CR or LF: an error. The file must be a regular file that
 * others (o+rwx) can't read or write. The command is run without a shell (split at blanks, "..." and '...' quote), with a clean
 * environment, no descriptor but 0-2, for at most 30 s.
 */
#ifndef MAILCRANE_SECRET_H
#define MAILCRANE_SECRET_H

#include <sys/types.h>

#include "base/buffer.h"
#include "base/config.h"
#include "base/deadline.h"

/* 0 and *secret filled (buffer_wipe it), or -1 and *outcome: stage CONFIG, cause SECRET; the text names
 * the source, never the secret. SECRET_NONE gives an empty buffer. */
int secret_get(const struct relay *relay, struct buffer *secret, struct outcome *outcome);

/* The same in two steps, for who has something else to do while a command works: it runs from secret_ask on. */
struct secret_question {
	pid_t child;	/* 0: no command, nothing runs */
	int   output;
};

/* 0, or -1 and *outcome: then there is nothing to wait for. */
int secret_ask(const struct relay *relay, struct secret_question *question, struct outcome *outcome);

/* As secret_get; the command is ended by the deadline at the latest. Once for each question that was asked. */
int secret_answer(const struct relay *relay, struct secret_question *question, struct deadline deadline, struct buffer *secret,
    struct outcome *outcome);

#endif
