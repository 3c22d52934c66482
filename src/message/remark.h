/*
 * remark: what was found wrong and did not keep a message from being sent: for the log, which this room does not write.
 */
#ifndef MAILCRANE_REMARK_H
#define MAILCRANE_REMARK_H

#include "base/buffer.h"

#define REMARK_MAX 8192	/* octets of all remarks; what goes beyond is lost, the first ones say enough */

/* Appends one line, made printable. `remarks` is a buffer with its limit set, or NULL: nobody wants to know. */
void remark_add(struct buffer *remarks, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The next line, without its end, which is cut off in place; NULL when there is none. *rest begins as the data of the buffer, which may be
 * NULL. */
char *remark_next(char **rest);

#endif
