/*
 * secret: gets the relay's password from where the settings say, into memory that is wiped. One trailing
 * newline is dropped. Empty, over 8,192 octets, holding NUL, CR or LF: an error. The file must be a regular file that
 * others (o+rwx) can't read or write. The command is run without a shell (split at blanks, "..." and '...' quote), with a clean
 * environment, no descriptor but 0-2, for at most 30 s.
 */
#ifndef MAILCRANE_SECRET_H
#define MAILCRANE_SECRET_H

#include "base/buffer.h"
#include "base/config.h"

/* 0 and *secret filled (buffer_wipe it), or -1 and *outcome: stage CONFIG, cause SECRET; the text names
 * the source, never the secret. SECRET_NONE gives an empty buffer. */
int secret_get(const struct relay *relay, struct buffer *secret, struct outcome *outcome);

#endif
