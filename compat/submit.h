/*
 * submit: the way of messages into the spool and to a verdict: accept, spool, wake the runner, make it safe,
 * wait. Gives what the caller has to be told. Prints nothing but in submit_message().
 */
#ifndef MAILCRANE_SUBMIT_H
#define MAILCRANE_SUBMIT_H

#include <stdbool.h>

#include "base/config.h"
#include "base/exitcode.h"
#include "message/identity.h"
#include "message/message.h"
#include "options.h"
#include "spool/spool.h"

struct submit;		/* what the messages of one call share: spool, identity, settings */

enum submit_end {
	SUBMIT_UNUSABLE,	/* nothing is kept, nothing was sent; *outcome says why */
	SUBMIT_DELIVERED,	/* the relay has it */
	SUBMIT_QUEUED,		/* safe on the disk; *outcome may say why it was not sent (DEFERRED) */
	SUBMIT_REFUSED,		/* failed for good, *outcome is the verdict */
	SUBMIT_NOT_STORED,	/* nothing is promised; *outcome says why, `addition` what may still happen */
	SUBMIT_NOT_SENT		/* without a spool: not delivered in time, nothing is kept; `uncertain`: perhaps delivered */
};

struct submit_result {
	enum submit_end end;
	struct outcome  outcome;
	const char     *addition;
	char            id[SPOOL_ID_SIZE];
	size_t          recipients;
	size_t          sent;		/* of these; with NOT_SENT alone */
	struct outcome  no_spool;	/* with NOT_SENT: why the spool could not be used; verdict NONE: the settings want none */
	size_t          refused;	/* of these, while others were or will be served */
	char            recipient[ENVELOPE_ADDRESS_MAX + 1];	/* the only one, or the first refused; else "" */
	struct outcome  refusal;	/* the first of the refused ones */
};

/* Opens the spool. `may_create`: it is the user's own. `secure`: the program is set-id. Borrows the settings. NULL with
 * *outcome. */
struct submit *submit_new(const struct config *config, bool may_create, bool secure, struct outcome *outcome);

/* Also drops a message that was begun and not taken. NULL allowed. */
void submit_free(struct submit *submit);

const struct identity *submit_identity(const struct submit *submit);

/* Makes room for the next message, before its first octet is read. 0, or -1 with *outcome. */
int submit_begin(struct submit *submit, struct outcome *outcome);

/* Reads the message that was begun from `source` (NULL: standard input), commits it, and waits for the verdict, at most
 * `wait` from the end of the input. Of the request, sender, recipients and ways of reading are the caller's; the rest is
 * filled in here. `is_patient`: also for a relay that is known to be down. */
void submit_take(struct submit *submit, const struct intake_source *source, const struct message_request *request,
    bool is_patient, struct submit_result *result);

/* One message from standard input as the options say, for a caller that looks at exit code and stderr. */
enum exitcode submit_message(
    const struct options *options, const struct config *config, bool may_create, bool secure);

#endif
