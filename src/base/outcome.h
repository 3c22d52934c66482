/*
 * outcome: what became of an attempt, for one recipient or for a whole step.
 *
 * Filled once, where the facts are known; one place (delivery/policy) turns it
 * into "next candidate, defer, fail", one table (base/exitcode) into an exit code.
 * Owns nothing, allocates nothing, never fails.
 */
#ifndef MAILCRANE_OUTCOME_H
#define MAILCRANE_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>

enum verdict {
	VERDICT_NONE,		/* nothing known yet */
	VERDICT_DELIVERED,	/* the relay took it: 2xx to the recipient and to the message */
	VERDICT_DEFERRED,	/* not now; another attempt may succeed */
	VERDICT_FAILED,		/* refused for good */
	VERDICT_MAX
};

/* Where it happened, in the order of an attempt. */
enum stage {
	STAGE_NONE,
	STAGE_CONFIG,
	STAGE_INPUT,		/* reading and completing the message */
	STAGE_SPOOL,
	STAGE_DNS,
	STAGE_CONNECT,
	STAGE_GREETING,
	STAGE_EHLO,
	STAGE_STARTTLS,
	STAGE_TLS,
	STAGE_AUTH,
	STAGE_MAIL,
	STAGE_RCPT,
	STAGE_DATA,
	STAGE_FINAL,		/* the reply to the final dot or last chunk */
	STAGE_QUIT,
	STAGE_MAX
};

/* Why, in the user's words; cause_text() has the words. */
enum cause {
	CAUSE_NONE,
	CAUSE_USAGE,			/* wrong command line */
	CAUSE_INPUT,			/* unusable message or address */
	CAUSE_CONFIG,			/* settings missing, unreadable or wrong */
	CAUSE_SECRET,			/* password missing, unreadable or exposed */
	CAUSE_SPOOL,			/* the spool can't be used */
	CAUSE_LOCAL,			/* fork, memory, a helper process died */
	CAUSE_NO_SUCH_NAME,		/* the host name does not exist */
	CAUSE_NO_ADDRESS,		/* it exists, but without an address of the wanted family */
	CAUSE_RESOLVER,			/* no answer from the resolver, or one that is none */
	CAUSE_CONNECT_REFUSED,		/* nothing listens on that port */
	CAUSE_CONNECT_TIMEOUT,		/* no answer at all: port blocked? */
	CAUSE_UNREACHABLE,		/* no route, or an ICMP refusal */
	CAUSE_SILENCE,			/* connected, then nothing (in time) */
	CAUSE_CLOSED,			/* connection closed or reset by the other side */
	CAUSE_PROTOCOL,			/* a reply that is not SMTP */
	CAUSE_UNAVAILABLE,		/* 421 or another refusal to serve us now */
	CAUSE_STARTTLS_MISSING,		/* STARTTLS not offered or refused: stripped? */
	CAUSE_INJECTION,		/* plaintext between the 220 and the handshake */
	CAUSE_TLS_MODE,			/* TLS spoken where clear text was expected, or the other way */
	CAUSE_TLS,			/* handshake failed */
	CAUSE_TRUST_STORE,		/* no CA certificates to check with */
	CAUSE_CERT_EXPIRED,
	CAUSE_CERT_NOT_YET,		/* not valid yet: wrong clock? */
	CAUSE_CERT_ISSUER,		/* unknown issuer or self-signed: intercepted? */
	CAUSE_CERT_NAME,		/* certificate is for another name */
	CAUSE_CERT_OTHER,
	CAUSE_AUTH_MECHANISM,		/* no mechanism that both sides know */
	CAUSE_AUTH_REFUSED,		/* wrong name or password, or wrong kind of password */
	CAUSE_AUTH_TEMPORARY,		/* 454: the relay can't check logins now */
	CAUSE_AUTH_HELD,		/* refused lately; held back so that the account is not locked */
	CAUSE_SENDER_REFUSED,
	CAUSE_RECIPIENT_REFUSED,
	CAUSE_NO_SMTPUTF8,		/* an address outside US-ASCII, and the relay has no SMTPUTF8 */
	CAUSE_TOO_BIG,
	CAUSE_THROTTLED,		/* 432, 450, 451, 452 ... */
	CAUSE_MESSAGE_REFUSED,		/* any other refusal of the message */
	CAUSE_UNCERTAIN,		/* no reply after the final dot */
	CAUSE_MAX
};

#define OUTCOME_RELAY_SIZE 33

struct outcome {
	enum verdict verdict;
	enum stage   stage;
	enum cause   cause;
	int          reply;		/* reply code, 0 if none */
	char         enhanced[12];	/* "5.7.8", empty if none (RFC 3463) */
	bool         uncertain;		/* no reply after the final dot: may have been taken */
	char         text[256];		/* printable, one line: the relay's words or ours */
	bool         bound;		/* deferred, and an earlier attempt at `relay` came to no certain end: no other relay may be tried */
	char         relay[OUTCOME_RELAY_SIZE];	/* the name of the relay that it is from; "": [relay], or of none */
};

/* Sets every field. The text is formatted, made printable and cut to fit. */
void outcome_set(struct outcome *outcome, enum verdict verdict, enum stage stage, enum cause cause,
    const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Names are single lower-case words ("starttls", "cert-expired"), fit for a log and for the spool.
 * An unknown value gives "?"; the _parse functions give the _NONE value for an unknown name. */
const char *verdict_name(enum verdict verdict);
const char *stage_name(enum stage stage);
const char *cause_name(enum cause cause);
enum verdict verdict_parse(const char *name);
enum stage stage_parse(const char *name);
enum cause cause_parse(const char *name);

/* One short phrase for people ("certificate has expired"); never empty, never NULL. */
const char *cause_text(enum cause cause);

#endif
