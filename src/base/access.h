/*
 * access: why a file of ours can't be opened, in words that say what to do.
 */
#ifndef MAILCRANE_ACCESS_H
#define MAILCRANE_ACCESS_H

/* A constant text for an errno of open(); EACCES gives the likely reason. */
const char *access_text(int error);

#endif
