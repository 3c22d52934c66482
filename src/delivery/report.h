/*
 * report: who is told that a message, or some of its recipients, failed for good, is late, or was passed on (RFC 3461 section 5.2, RFC 3464), and
 * when. The text is message/notification's. See report.c for why no report is lost, and none sent twice.
 */
#ifndef MAILCRANE_REPORT_H
#define MAILCRANE_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/config.h"
#include "base/outcome.h"
#include "spool/spool.h"

#define REPORT_LATE (4 * 3600)	/* s; then who asked for it (NOTIFY=DELAY) is told, once */
#define REPORT_NAME_SIZE 256	/* of a host or a domain, NUL included */

struct report_desk {
	const struct config *config;	/* of use or not: a report goes out later */
	struct spool        *spool;	/* NULL: none, and no reports */
	bool                 lacks_dsn[CONFIG_RELAYS_MAX];	/* by the relay's number: it is connected, and sends no success reports itself */
};

/* What is asked of one recipient who failed, and the answer. Pure. */
struct report_case {
	const char           *reverse_path;
	bool                  is_report;	/* the message is a report itself */
	bool                  is_heard;		/* its caller has read the refusal */
	const char           *recipient;
	unsigned              notify;		/* DSN_..., 0: not said */
	const struct outcome *outcome;
};

enum report_choice {
	REPORT_SEND,
	REPORT_OF_REPORT,	/* never a report of a report */
	REPORT_NO_SENDER,	/* nobody to tell */
	REPORT_HEARD,		/* whoever sent it knows */
	REPORT_NOT_WANTED,	/* NOTIFY without FAILURE */
	REPORT_SELF		/* the sender's own address is what was refused */
};

enum report_choice report_choose(const struct report_case *asked);
const char *report_choice_text(enum report_choice choice);

/* Between the outcomes in the file and the end of the message: tells a waiting caller where that ends the matter, and puts into the queue what
 * reports are owed. `verdict` NULL: only what an earlier courier still owed of failures. 0, also when there is none to be sent; -1 with *error: a
 * report could not be stored, and the message must stay in the queue. */
int report_settle(const struct report_desk *desk, struct spool_entry *entry, const struct outcome *verdict, struct outcome *error);

/* true for a report whose message does not say yet that it was reported: it is left alone until it does. */
bool report_must_wait(struct spool *spool, const struct spool_entry *entry);

/* The sender from which a report is to be tried again after these outcomes, as this relay takes no null sender: [sender] from, else the login there
 * if it is an address. NULL: it is no report, or that is not why, or there is none. */
const char *report_other_sender(const struct config *config, const struct relay *relay, const struct spool_entry *entry, const struct outcome *outcomes,
    size_t count);

/* This machine's name; and the domain of our own messages to `to` over this relay: [sender] domain, that of [sender] from, the machine's name if it has
 * a dot, the login's, the receiver's. */
void report_host(char host[REPORT_NAME_SIZE]);
void report_domain(const struct config *config, const struct relay *relay, const char *to, char domain[REPORT_NAME_SIZE]);

#endif
