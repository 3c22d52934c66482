/*
 * privilege: what `mailcrane run` does about who started it (DESIGN.md section 7).
 */
#ifndef MAILCRANE_PRIVILEGE_H
#define MAILCRANE_PRIVILEGE_H

#include "base/outcome.h"
#include "spool/spool.h"

#define PRIVILEGE_USER "mailcrane"

/* First act of a program: never dumpable, no core file, SIGPIPE ignored, a umask of our own, signals as after a fresh start,
 * descriptors 0-2 there (when they can't be had: the end). */
void privilege_begin(void);

/* Started by root over a spool that is shared with group mailcrane: becomes the user mailcrane for good and proves that there is no
 * way back. A spool that belongs to root alone is served as root. 0, or -1 and *outcome. */
int privilege_drop(const struct spool *spool, struct outcome *outcome);

/* The same without a spool: becomes the user mailcrane where there is one. */
int privilege_drop_without_spool(struct outcome *outcome);

#endif
