/*
 * dialogue: libESMTP in a process of its own, one for each message, which sees a socketpair and the message and nothing else: no
 * network, no secret, no TLS. libesmtp.h is included by dialogue.c only.
 *
 * The nursery is forked before any secret is read and before the first connection; it forks one dialogue process a
 * message on request. It and its children die with the process that started it.
 */
#ifndef MAILCRANE_DIALOGUE_H
#define MAILCRANE_DIALOGUE_H

#include "base/deadline.h"
#include "base/outcome.h"
#include "wire/transaction.h"

struct nursery;

/* Forks. Checks that the preemption of connect() works. NULL and *outcome (cause LOCAL) on failure. */
struct nursery *nursery_start(struct outcome *outcome);

/* Kills what is left of its dialogues, ends it, waits for it (bounded). NULL allowed. */
void nursery_stop(struct nursery *nursery);

/* Starts a dialogue: *fd is our end of its socketpair, non-blocking, close-on-exec: libESMTP is the SMTP client on the other end and
 * expects a greeting. One at a time. 0, or -1 and *outcome (cause LOCAL). */
int dialogue_start(struct nursery *nursery, const struct transaction *transaction, int *fd, struct outcome *outcome);

/* What libESMTP thinks, for comparison only. */
struct dialogue_opinion {
	int  session;		/* what smtp_start_session() gave */
	int  mail_code, message_code;	/* last codes it saw, 0: none */
	int  accepted;		/* recipients it counts as accepted with the message */
	char error[128];	/* printable */
};

/* Closes fd, waits until `deadline` for the process to end by itself, kills it otherwise. 0 and *opinion, or -1 when it crashed,
 * was killed or said nothing. */
int dialogue_finish(struct nursery *nursery, int fd, struct deadline deadline, struct dialogue_opinion *opinion);

#endif
