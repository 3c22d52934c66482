/*
 * notification: the text of a delivery status notification (RFC 3461 section 6, RFC 3464, RFC 6522): a multipart/report of a part for people,
 * one for programs, and the header of the message, or all of it. Pure functions on memory: who gets one, and when, is the delivery's.
 */
#ifndef MAILCRANE_NOTIFICATION_H
#define MAILCRANE_NOTIFICATION_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "base/buffer.h"
#include "base/outcome.h"

#define NOTIFICATION_MAX ((size_t)24 * 1024 * 1024)	/* octets: for as many recipients as an envelope may have */
#define NOTIFICATION_NAMED_MAX 100	/* recipients in the part for people; programs get all */

enum notification_action { NOTIFICATION_FAILED, NOTIFICATION_DELAYED, NOTIFICATION_RELAYED };

struct notification_recipient {
	const char           *address;
	const char           *orcpt;	/* xtext with its type; NULL when not said */
	const struct outcome *outcome;	/* the last one */
	const char           *relay;	/* the host whose outcome that is; NULL: not known */
};

struct notification {
	enum notification_action action;
	const char *id;			/* of the notification itself */
	const char *about;		/* of the message that it is about */
	const char *host;		/* this machine's name: Reporting-MTA */
	const char *domain;		/* of MAILER-DAEMON and of the Message-ID */
	const char *to;			/* the sender of the message, who gets it */
	const char *envid;		/* xtext; NULL when not said */
	time_t      now, arrival;
	time_t      until;		/* DELAYED: when it is given up; 0: never */
	bool        is_full;		/* the whole message follows, else its header does */
	bool        eight_bit;		/* what follows holds octets over 127 */
	const char *header;		/* of the message, canonical, without the empty line */
	size_t      header_length;
	const struct notification_recipient *recipients;
	size_t      recipient_count;	/* 1 or more */
};

/* Appends all that comes before the returned header or message. -1 when `out` is full. */
int notification_open(const struct notification *notification, struct buffer *out);

/* What comes behind it. The end of what was returned is a line end. */
int notification_close(const struct notification *notification, struct buffer *out);

/* The enhanced status code (RFC 3463) that a recipient's outcome comes to in Status: the relay's own where it fits the action. */
void notification_status(enum notification_action action, const struct outcome *outcome, char status[sizeof(((struct outcome *)0)->enhanced)]);

/* From, To, Subject, Date, Message-ID and Auto-Submitted of a message of our own to a person; `nature` is auto-replied or auto-generated
 * (RFC 3834). */
int notification_header(struct buffer *out, const char *domain, const char *id, const char *to, const char *subject, const char *nature,
    time_t now);

#endif
