/*
 * allowance: are the resource limits that we were started with good enough to carry other people's mail? A caller sets them for the runner
 * that its call starts, by mistake or on purpose: one that runs out of descriptors or time in the middle of a message would cost it an
 * attempt, or leave its end uncertain.
 */
#ifndef MAILCRANE_ALLOWANCE_H
#define MAILCRANE_ALLOWANCE_H

#include <stdbool.h>

/* Raises what may be raised; root raises all. NULL when all is well, else the name of the first limit that is too low. */
const char *allowance_lacks(void);

#endif
