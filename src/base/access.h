/*
 * access: why a file of ours can't be opened, in words that say what to do.
 */
#ifndef MAILCRANE_ACCESS_H
#define MAILCRANE_ACCESS_H

/* A constant text for an errno of open(); EACCES gives the likely reason. */
const char *access_text(int error);

/* Opens a file that anybody may name, for reading and with the rights that the caller has anyway: not with those of a
 * set-group-ID. It must be a regular file of root's (or, without set-group-ID, our own) that nobody else can write. A descriptor,
 * or -1 with *why, a text that need not be freed. */
int access_open_public(const char *path, const char **why);

#endif
