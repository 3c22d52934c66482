/*
 * nursery: the processes behind dialogue.h. Private to nursery.c and dialogue.c; everybody else includes
 * dialogue.h.
 *
 * Parent and nursery talk over a SOCK_SEQPACKET socketpair in fixed structures. The nursery parses nothing
 * that came from outside: the message and the envelope pass through it as descriptors.
 */
#ifndef MAILCRANE_NURSERY_H
#define MAILCRANE_NURSERY_H

#include <stdbool.h>

#include "base/deadline.h"
#include "wire/dialogue.h"

/* What a dialogue process is given, by its number there. 0, 1 and 2 are /dev/null. */
enum nursery_descriptor {
	NURSERY_SOCKET = 3,	/* its end of the socketpair */
	NURSERY_MESSAGE,	/* only read with pread() */
	NURSERY_ENVELOPE,	/* a memfd that dialogue.c wrote, at offset 0 */
	NURSERY_OPINION,	/* pipe to the nursery: one struct dialogue_opinion */
	NURSERY_FREE
};

/* Asks for a dialogue process with these descriptors (which stay the caller's). Does not wait: when the fork
 * fails the other end of the socketpair sees the end of the stream. 0, or -1 with errno. */
int nursery_begin(struct nursery *nursery, int socket, int message, int envelope);

/* Waits until `deadline` for the process to end, has it killed otherwise. 0 and *opinion (its text not yet
 * printable), or -1: it crashed, was killed, or the nursery is gone. */
int nursery_end(struct nursery *nursery, struct deadline deadline, struct dialogue_opinion *opinion);

/* In dialogue.c. true when connect() as libESMTP calls it is ours. */
bool dialogue_preempts(void);

/* In dialogue.c. The work of the dialogue process: one libESMTP session, then the opinion. */
void dialogue_speak(void);

#endif
