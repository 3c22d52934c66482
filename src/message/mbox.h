/*
 * mbox: the line that programs put before a message in a mailbox file: "From alice Mon Nov 23 23:24:11 2026", perhaps
 * quoted with ">". Callers pipe such messages, and no relay wants the line.
 */
#ifndef MAILCRANE_MBOX_H
#define MAILCRANE_MBOX_H

#include <stdbool.h>
#include <stddef.h>

/* `line` without its line end. */
bool mbox_is_line(const char *line, size_t length);

#endif
