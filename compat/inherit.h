/*
 * inherit: what a process gets from whoever started it, and what of that we keep. A set-id program keeps
 * nothing that its caller could have prepared (DESIGN.md section 7); the others only lose what would break
 * us.
 */
#ifndef MAILCRANE_INHERIT_H
#define MAILCRANE_INHERIT_H

#include <stdbool.h>

/* The first act of main(). Gives true when the program is set-id. When descriptors 0-2 can't be had the
 * process ends at once with EXIT_REFUSED: a file opened later would take their numbers. */
bool inherit_take_over(void);

/* In a child that is to run another program: signal mask and dispositions as after a fresh login. */
void inherit_reset_signals(void);

#endif
