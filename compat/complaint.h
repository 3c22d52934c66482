/*
 * complaint: the one line on stderr that a caller gets when something went wrong. Never blocks for long: it
 * is lost when stderr is full and nobody reads it. Never fails: a closed stderr is the caller's choice.
 */
#ifndef MAILCRANE_COMPLAINT_H
#define MAILCRANE_COMPLAINT_H

/* "sendmail: " and the text, made printable, at most 1,000 octets, in one write(). */
void complaint_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Before an early exit: reads standard input to its end and throws it away, because a caller that is still
 * writing would die of SIGPIPE before it can read the line. A terminal is left alone. */
void complaint_drain(void);

#endif
