/*
 * story: one message: who sent it, what became of it for each recipient, and its header.
 */
#ifndef MAILCRANE_STORY_H
#define MAILCRANE_STORY_H

#include "hands/hands.h"

/* Prints it; with `body` the whole text. 0, or -1 with *outcome. */
int story_print(struct spool_entry *entry, enum spool_box box, bool body, struct outcome *outcome);

#endif
