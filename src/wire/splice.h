/*
 * splice: moves one message from a dialogue (libESMTP) to a channel (the relay) and holds every deadline. The outcome is the splice's
 * own, per recipient, from the relay's replies; libESMTP's opinion is only compared. See DESIGN.md section 5.
 */
#ifndef MAILCRANE_SPLICE_H
#define MAILCRANE_SPLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/config.h"
#include "base/deadline.h"
#include "base/outcome.h"
#include "wire/channel.h"
#include "wire/dialogue.h"
#include "wire/transaction.h"

struct splice_report {
	struct stage_times times;	/* MAIL RCPT DATA FINAL */
	bool   reusable;		/* the connection is in a known state: another message may follow */
	bool   no_chunking;		/* BDAT was answered 500/501/502: use DATA on this relay from now on */
	int    flights;			/* round trips waited for */
	char   final_text[256];		/* the relay's words to the message ("250 2.0.0 Ok: queued as ...") */
	int    dialogue;		/* the dialogue's socketpair end, still open; -1: none. splice_finish closes it */
	bool   differs;			/* by splice_finish: libESMTP's opinion was another, or it crashed */
	char   difference[160];		/* what differed, for the log */
};

/* Runs one transaction. Fills outcomes[0..recipient_count), each with a verdict, always: also when the dialogue crashes, hangs
 * or lies, and when the relay does. `use_chunking` false forces DATA. Deadlines: `timeouts.command` for each reply to
 * MAIL, RCPT and DATA; `timeouts.data` without progress for the body; `timeouts.final` for each reply that is waited for
 * when the whole message is out; all under `deadline`. When the connection is not reusable nothing more can be sent on it. */
void splice_run(struct channel *channel, struct nursery *nursery, const struct transaction *transaction,
    const struct config_timeouts *timeouts, bool use_chunking, struct deadline deadline,
    struct outcome *outcomes, struct splice_report *report);

/* The outcome for an address with octets over 127 at a relay without SMTPUTF8 (RFC 6531). splice_run gives it to all recipients when one
 * of the transaction's addresses is such: who wants the others served takes them out before. */
void splice_no_smtputf8(struct outcome *outcome, enum stage stage, const char *address);

/* After the outcomes are safe on disk: lets the dialogue end (at most 250 ms), compares its opinion with the outcomes. Always
 * called once after splice_run. */
void splice_finish(struct nursery *nursery, const struct transaction *transaction, const struct outcome *outcomes,
    struct splice_report *report);

#endif
