/*
 * dsn: what a sender wants to be told of (RFC 3461: RET, ENVID, NOTIFY, ORCPT), in the notation of SMTP. Pure functions on
 * memory. What they accept can stand in a command to a relay and in a line of the spool as it is: printable US-ASCII
 * without blanks.
 */
#ifndef MAILCRANE_DSN_H
#define MAILCRANE_DSN_H

#include <stdbool.h>
#include <stddef.h>

#define DSN_ENVID_MAX 100	/* octets of xtext, RFC 3461 section 4.4 */
#define DSN_ORCPT_MAX 500	/* octets with the type, RFC 3461 section 4.2 */
#define DSN_MAIL_SIZE 128	/* of dsn_mail_parameters(), NUL included */
#define DSN_RCPT_SIZE 560	/* of dsn_rcpt_parameters() */
#define DSN_NOTIFY_SIZE 32	/* of dsn_notify_text() */

enum dsn_return { DSN_RETURN_NONE, DSN_RETURN_FULL, DSN_RETURN_HEADERS };

enum dsn_notify {		/* bits; 0 is "not said" */
	DSN_NEVER = 1,
	DSN_SUCCESS = 2,
	DSN_FAILURE = 4,
	DSN_DELAY = 8
};

struct dsn_wish {		/* of one recipient */
	unsigned notify;
	char    *orcpt;		/* "rfc822;..." in xtext; NULL when not said */
};

/* Values as SMTP has them, without case: 0, or -1 for what RFC 3461 does not allow. */
int dsn_parse_return(const char *value, size_t length, enum dsn_return *ret);
int dsn_parse_notify(const char *value, size_t length, unsigned *notify);
bool dsn_is_envid(const char *value, size_t length);
bool dsn_is_orcpt(const char *value, size_t length);

/* An identifier from a command line as xtext, at most DSN_ENVID_MAX octets and a NUL: one that is xtext already (as sendmail
 * wants it) stays as it is, else it is encoded (as Postfix does). -1 when it is empty, too long or not printable. */
int dsn_envid(const char *value, char envid[DSN_ENVID_MAX + 1]);

/* xtext (an ENVID, what follows the type in an ORCPT) as it was meant, for a report (RFC 3461 section 6.3): at most size - 1 octets. What
 * would not be printable US-ASCII, or does not fit, leaves the whole as it is. */
void dsn_decode(const char *xtext, char *text, size_t size);

/* "FULL", "HDRS", or "" */
const char *dsn_return_text(enum dsn_return ret);
/* "NEVER" or "SUCCESS,FAILURE,DELAY"; "" for 0. */
void dsn_notify_text(unsigned notify, char text[DSN_NOTIFY_SIZE]);

/* " RET=FULL ENVID=x" and " NOTIFY=NEVER ORCPT=rfc822;x", each part only when it was said. `envid` and `wish` may be NULL. */
void dsn_mail_parameters(enum dsn_return ret, const char *envid, char text[DSN_MAIL_SIZE]);
void dsn_rcpt_parameters(const struct dsn_wish *wish, char text[DSN_RCPT_SIZE]);

#endif
