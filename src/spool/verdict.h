/*
 * verdict: the line that a courier writes into the FIFO of a waiting caller, in one write of at most PIPE_BUF octets:
 * "verdict VERDICT STAGE CAUSE REPLY ENHANCED|- 0|1 TEXT" LF. Pure functions.
 */
#ifndef MAILCRANE_SPOOL_VERDICT_H
#define MAILCRANE_SPOOL_VERDICT_H

#include <stddef.h>

#include "base/outcome.h"

#define VERDICT_LINE_MAX 512	/* POSIX's smallest PIPE_BUF: such a write is whole or not at all */

/* Writes the line, gives its length. */
size_t spool_verdict_format(char line[VERDICT_LINE_MAX], const struct outcome *outcome);

/* `line` without its LF. 0 and *outcome; -1 for anything that spool_verdict_format does not write. A verdict of NONE is no verdict. */
int spool_verdict_parse(const char *line, size_t length, struct outcome *outcome);

#endif
