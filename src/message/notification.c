/*
 * notification: RFC 3464 section 2. The fields for programs are US-ASCII; the part for people may quote what is not.
 */
#include "message/notification.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "message/address.h"
#include "message/ascii.h"
#include "message/date.h"
#include "message/dsn.h"
#include "message/header.h"
#include "message/message.h"

#define NOTIFICATION_TEXT 400	/* of a header line that is quoted */

/* What somebody who knows nothing of mail servers can do. One row a cause; what is not here is for whoever runs the machine. */
static const struct {
	enum cause  cause;
	const char *advice;
} notification_advices[] = {
	{CAUSE_RECIPIENT_REFUSED,
	    "Look for a typing error in the address. If it is right, reach the person in\r\n"
	    "another way: the mailbox may be gone, full or closed to you."},
	{CAUSE_SENDER_REFUSED,
	    "The relay does not take mail from your address. Send with an address that\r\n"
	    "belongs to the account in use, or have yours allowed there."},
	{CAUSE_TOO_BIG,
	    "The message is too big. Send it in parts, or put large files where they can\r\n"
	    "be fetched and send the link."},
	{CAUSE_INPUT,
	    "The relay can't take the message in this form. Send it without the signature\r\n"
	    "or part that keeps it from being changed, or with shorter lines."},
	{CAUSE_NO_SMTPUTF8,
	    "The relay can't be told an address with letters outside US-ASCII before the @.\r\n"
	    "Ask the person for another address."},
	{CAUSE_MESSAGE_REFUSED,
	    "The relay did not want this message; its own words say why. It is often a\r\n"
	    "filter against spam, or a rule about links and attachments: change the\r\n"
	    "message, or ask whoever runs the relay."},
	{CAUSE_UNCERTAIN,
	    "The relay never said whether it took the message. Ask the recipient whether\r\n"
	    "it came before you send it again."},
};

static const char notification_other_advice[] =
    "Whoever looks after this machine can find the reason with `mailcrane check`.\r\n"
    "Then send the message again.";

static const char *
notification_advice(const struct outcome *outcome)
{
	enum cause cause = outcome->uncertain ? CAUSE_UNCERTAIN : outcome->cause;

	if (outcome->stage == STAGE_INPUT)
		return "The message has gone round in a circle. Whoever looks after the addresses\r\n"
		       "must end a forwarding that leads back here.";
	/* a temporary answer, until it was too late */
	if (outcome->reply >= 400 && outcome->reply < 500 && !outcome->uncertain)
		return "The relay kept asking to try later. Send the message again when it may have\r\n"
		       "recovered, or reach the person in another way.";
	for (size_t i = 0; i < sizeof(notification_advices) / sizeof(notification_advices[0]); i++)
		if (notification_advices[i].cause == cause)
			return notification_advices[i].advice;
	return notification_other_advice;
}

void
notification_status(enum notification_action action, const struct outcome *outcome, char status[sizeof(((struct outcome *)0)->enhanced)])
{
	const size_t size = sizeof(outcome->enhanced);
	static const char classes[] = {[NOTIFICATION_FAILED] = '5', [NOTIFICATION_DELAYED] = '4', [NOTIFICATION_RELAYED] = '2'};
	const char *own;

	if (outcome->enhanced[0] == classes[action])
		own = outcome->enhanced;
	else if (action == NOTIFICATION_RELAYED)
		own = "2.0.0";
	else if (action == NOTIFICATION_DELAYED)
		own = outcome->reply != 0 ? "4.0.0" : "4.4.1";	/* no answer from host */
	else if (outcome->stage == STAGE_INPUT)
		own = "5.4.6";		/* routing loop */
	else if (outcome->cause == CAUSE_NO_SMTPUTF8)
		own = "5.6.7";		/* RFC 6531 section 3.5 */
	else if (outcome->cause == CAUSE_INPUT)
		own = "5.6.3";		/* conversion required but not supported */
	else if (outcome->cause == CAUSE_TOO_BIG)
		own = "5.3.4";		/* message too big for system */
	else
		own = outcome->reply >= 500 ? "5.0.0" : "4.4.7";	/* delivery time expired */
	(void)snprintf(status, size, "%s", own);
}

int
notification_header(struct buffer *out, const char *domain, const char *id, const char *to, const char *subject, const char *nature,
    time_t now)
{
	char date[DATE_SIZE];

	/* an address in it may be one that the relay can't be told */
	if (buffer_append_format(out,
	    "Date: %s\r\n"
	    "From: Mail Delivery System <MAILER-DAEMON@%s>\r\n"
	    "To: <%s>\r\n"
	    "Subject: ", date_format(date, now), domain, to) != 0 ||
	    ascii_text(out, subject, strlen(subject), MESSAGE_HEADER_MAX, "UTF-8") != 0)
		return -1;
	return buffer_append_format(out,
	    "\r\n"
	    "Message-ID: <%s@%s>\r\n"
	    "Auto-Submitted: %s\r\n"
	    "MIME-Version: 1.0\r\n", id, domain, nature);
}

/* The value of a field of the message, folds undone; "" when there is none. */
static void
notification_quote(const struct notification *notification, const char *name, bool utf8, char text[NOTIFICATION_TEXT])
{
	char value[NOTIFICATION_TEXT];
	struct header_field field;
	size_t length = 0;

	text[0] = '\0';
	if (!header_find(notification->header, notification->header_length, name, &field))
		return;
	for (size_t i = 0; i < field.value_length && length < sizeof(value); i++)
		if (strchr("\r\n", field.value[i]) == NULL && (length > 0 || strchr(" \t", field.value[i]) == NULL))
			value[length++] = field.value[i];
	(void)text_printable(text, NOTIFICATION_TEXT, value, length, utf8);
}

static const char *
notification_title(enum notification_action action)
{
	switch (action) {
	case NOTIFICATION_DELAYED:
		return "Mail delayed";
	case NOTIFICATION_RELAYED:
		return "Mail passed on";
	case NOTIFICATION_FAILED:
		break;
	}
	return "Mail not delivered";
}

static int
notification_open_header(const struct notification *notification, bool is_utf8, struct buffer *out)
{
	size_t others = notification->recipient_count - 1;
	char subject[NOTIFICATION_TEXT], message_id[NOTIFICATION_TEXT];
	int result;

	(void)snprintf(subject, sizeof(subject), "%s: %s", notification_title(notification->action), notification->recipients[0].address);
	if (others > 0)
		(void)snprintf(subject + strlen(subject), sizeof(subject) - strlen(subject), " and %zu other%s", others,
		    others == 1 ? "" : "s");
	result = notification_header(out, notification->domain, notification->id, notification->to, subject, "auto-replied",
	    notification->now);
	/* RFC 3834 section 3.1.5 */
	notification_quote(notification, "Message-ID", false, message_id);
	if (result == 0 && message_id[0] == '<' && strlen(message_id) < 250 && strchr(message_id, ' ') == NULL)
		result = buffer_append_format(out, "In-Reply-To: %s\r\nReferences: %s\r\n", message_id, message_id);
	if (result != 0)
		return -1;
	return buffer_append_format(out,
	    "Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"=_%s\"\r\n"
	    "%s"
	    "\r\n"
	    "This is a report on a message that you sent, in MIME format.\r\n", notification->id,
	    is_utf8 || notification->eight_bit ? "Content-Transfer-Encoding: 8bit\r\n" : "");
}

/* Length of what we put before the words of a relay when we gave up ("given up after 5d: "), 0 when nothing. */
static size_t
notification_ours(const struct outcome *outcome)
{
	static const char *const beginnings[] = {"given up after ", "perhaps delivered, "};
	const char *end = strstr(outcome->text, ": ");

	for (size_t i = 0; outcome->reply != 0 && end != NULL && i < sizeof(beginnings) / sizeof(beginnings[0]); i++)
		if (text_prefix_nocase(outcome->text, beginnings[i]))
			return (size_t)(end - outcome->text) + 2;
	return 0;
}

/* Our words, then those of the relay. */
static int
notification_append_reason(const struct outcome *outcome, struct buffer *out)
{
	size_t ours = notification_ours(outcome);
	const char *words = outcome->text + ours;
	bool has_words = words[0] != '\0' && strcmp(words, cause_text(outcome->cause)) != 0;

	if (outcome->reply != 0)
		return buffer_append_format(out, "    %.*s%s: %d%s%s%s%s\r\n", (int)ours, outcome->text, cause_text(outcome->cause),
		    outcome->reply, outcome->enhanced[0] != '\0' ? " " : "", outcome->enhanced, has_words ? " " : "",
		    has_words ? words : "");
	return buffer_append_format(out, "    %s%s%s\r\n", cause_text(outcome->cause), has_words ? ": " : "", has_words ? words : "");
}

/* Each advice once. */
static int
notification_append_advices(const struct notification *notification, struct buffer *out)
{
	const char *said[8];
	size_t count = 0;

	for (size_t i = 0; i < notification->recipient_count && i < NOTIFICATION_NAMED_MAX; i++) {
		const char *advice = notification_advice(notification->recipients[i].outcome);
		size_t at = 0;

		while (at < count && said[at] != advice)
			at++;
		if (at < count || count == sizeof(said) / sizeof(said[0]))
			continue;
		said[count++] = advice;
		if (buffer_append_format(out, "%s%s\r\n", count == 1 ? "What you can do:\r\n\r\n" : "\r\n", advice) != 0)
			return -1;
	}
	return buffer_append_text(out, "\r\n");
}

static int
notification_append_lead(const struct notification *notification, struct buffer *out)
{
	char subject[NOTIFICATION_TEXT], date[DATE_SIZE];
	const char *what = "could not be delivered to";

	if (notification->action == NOTIFICATION_DELAYED)
		what = "could not be delivered yet to";
	else if (notification->action == NOTIFICATION_RELAYED)
		what = "was passed on, as you wished to know, for";
	notification_quote(notification, "Subject", true, subject);
	return buffer_append_format(out,
	    "This is the mail system of %s. Your message\r\n\r\n    sent:    %s\r\n    subject: %s\r\n\r\n%s:\r\n\r\n",
	    notification->host, date_format(date, notification->arrival), subject, what);
}

static int
notification_append_end(const struct notification *notification, struct buffer *out)
{
	char date[DATE_SIZE];

	switch (notification->action) {
	case NOTIFICATION_FAILED:
		return buffer_append_format(out,
		    "It is not tried again. What is returned of it stands below; the machine keeps\r\n"
		    "it for a while, as %s: `mailcrane show` and `mailcrane retry` there.\r\n", notification->about);
	case NOTIFICATION_DELAYED:
		if (buffer_append_text(out, "You need not do anything: it is tried again and again") != 0)
			return -1;
		if (notification->until == 0)
			return buffer_append_text(out, ".\r\n");
		return buffer_append_format(out, ", until\r\n%s.\r\n", date_format(date, notification->until));
	case NOTIFICATION_RELAYED:
		break;
	}
	return buffer_append_text(out, "The relay took it, and does not say what becomes of it then: you may hear no more.\r\n");
}

static int
notification_append_people(const struct notification *notification, struct buffer *out)
{
	size_t count = notification->recipient_count, named = count < NOTIFICATION_NAMED_MAX ? count : NOTIFICATION_NAMED_MAX;
	int result = notification_append_lead(notification, out);

	for (size_t i = 0; result == 0 && i < named; i++) {
		const struct notification_recipient *recipient = &notification->recipients[i];

		result = buffer_append_format(out, "<%s>\r\n", recipient->address);
		if (result == 0 && notification->action != NOTIFICATION_RELAYED)
			result = notification_append_reason(recipient->outcome, out);
		else if (result == 0)
			result = buffer_append_format(out, "    taken by the relay%s%s\r\n", recipient->relay != NULL ? " " : "",
			    recipient->relay != NULL ? recipient->relay : "");
	}
	if (result == 0 && count > named)
		result = buffer_append_format(out, "and %zu others, which the next part lists\r\n", count - named);
	if (result == 0)
		result = buffer_append_text(out, "\r\n");
	if (result == 0 && notification->action == NOTIFICATION_FAILED)
		result = notification_append_advices(notification, out);
	return result == 0 ? notification_append_end(notification, out) : -1;
}

/* Text of others in a field of US-ASCII. */
static int
notification_append_field(struct buffer *out, const char *name, const char *type, const char *value)
{
	char text[DSN_ORCPT_MAX + 1];

	text_printable(text, sizeof(text), value, strlen(value), false);
	return buffer_append_format(out, "%s: %s%s%s\r\n", name, type, type[0] != '\0' ? "; " : "", text);
}

/* RFC 6533 section 3: what is not US-ASCII stands as \x{HEX}, so that the part can go over every wire. `address` is UTF-8. */
static int
notification_append_final(const char *address, struct buffer *out)
{
	const unsigned char *at = (const unsigned char *)address;

	if (!address_is_international(address))
		return notification_append_field(out, "Final-Recipient", "rfc822", address);
	if (buffer_append_text(out, "Final-Recipient: utf-8; ") != 0)
		return -1;
	while (*at != '\0') {
		unsigned character = *at;
		int more = *at >= 0xf0 ? 3 : *at >= 0xe0 ? 2 : *at >= 0xc0 ? 1 : 0;

		if (more > 0)
			character &= 0x3fU >> more;
		for (at++; more > 0 && (*at & 0xc0) == 0x80; more--)
			character = character << 6 | (*at++ & 0x3fU);
		if (character > ' ' && character < 0x7f && character != '\\' && character != '+' && character != '=') {
			if (buffer_append_format(out, "%c", (int)character) != 0)
				return -1;
		} else if (buffer_append_format(out, "\\x{%X}", character) != 0) {
			return -1;
		}
	}
	return buffer_append_text(out, "\r\n");
}

static int
notification_append_diagnostic(const struct outcome *outcome, struct buffer *out)
{
	char text[sizeof(outcome->text) + 32];

	if (outcome->reply == 0)
		return notification_append_field(out, "Diagnostic-Code", "x-mailcrane",
		    outcome->text[0] != '\0' ? outcome->text : cause_text(outcome->cause));
	(void)snprintf(text, sizeof(text), "%d%s%s %s", outcome->reply, outcome->enhanced[0] != '\0' ? " " : "", outcome->enhanced,
	    outcome->text + notification_ours(outcome));
	return notification_append_field(out, "Diagnostic-Code", "smtp", text);
}

static int
notification_append_original(const char *orcpt, struct buffer *out)
{
	const char *semicolon = orcpt != NULL ? strchr(orcpt, ';') : NULL;
	char type[64], address[DSN_ORCPT_MAX + 1];

	if (semicolon == NULL || (size_t)(semicolon - orcpt) >= sizeof(type))
		return 0;
	memcpy(type, orcpt, (size_t)(semicolon - orcpt));
	type[semicolon - orcpt] = '\0';
	dsn_decode(semicolon + 1, address, sizeof(address));
	return notification_append_field(out, "Original-Recipient", type, address);
}

static int
notification_append_recipient(const struct notification *notification, const struct notification_recipient *recipient, struct buffer *out)
{
	static const char *const actions[] = {"failed", "delayed", "relayed"};
	const struct outcome *outcome = recipient->outcome;
	char status[sizeof(outcome->enhanced)], date[DATE_SIZE];

	notification_status(notification->action, outcome, status);
	if (buffer_append_text(out, "\r\n") != 0 || notification_append_original(recipient->orcpt, out) != 0 ||
	    notification_append_final(recipient->address, out) != 0 ||
	    buffer_append_format(out, "Action: %s\r\nStatus: %s\r\n", actions[notification->action], status) != 0)
		return -1;
	/* only who has heard the relay can name it */
	if (recipient->relay != NULL && (outcome->reply != 0 || notification->action == NOTIFICATION_RELAYED) &&
	    notification_append_field(out, "Remote-MTA", "dns", recipient->relay) != 0)
		return -1;
	if (notification->action != NOTIFICATION_RELAYED && notification_append_diagnostic(outcome, out) != 0)
		return -1;
	if (buffer_append_format(out, "Last-Attempt-Date: %s\r\n", date_format(date, notification->now)) != 0)
		return -1;
	if (notification->action == NOTIFICATION_DELAYED && notification->until != 0)
		return buffer_append_format(out, "Will-Retry-Until: %s\r\n", date_format(date, notification->until));
	return 0;
}

static int
notification_append_programs(const struct notification *notification, struct buffer *out)
{
	char envid[DSN_ENVID_MAX + 1], date[DATE_SIZE];
	int result = 0;

	if (notification->envid != NULL) {
		dsn_decode(notification->envid, envid, sizeof(envid));
		result = notification_append_field(out, "Original-Envelope-Id", "", envid);
	}
	if (result == 0)
		result = notification_append_field(out, "Reporting-MTA", "dns", notification->host);
	if (result == 0)
		result = buffer_append_format(out, "Arrival-Date: %s\r\n", date_format(date, notification->arrival));
	for (size_t i = 0; result == 0 && i < notification->recipient_count; i++)
		result = notification_append_recipient(notification, &notification->recipients[i], out);
	return result;
}

static bool
notification_is_ascii(const struct buffer *text)
{
	for (size_t i = 0; i < text->length; i++)
		if ((unsigned char)text->data[i] > 126)
			return false;
	return true;
}

static int
notification_append_part(const struct notification *notification, const char *what, const char *type, bool eight_bit, struct buffer *out)
{
	return buffer_append_format(out, "\r\n--=_%s\r\nContent-Description: %s\r\nContent-Type: %s\r\n%s\r\n", notification->id, what, type,
	    eight_bit ? "Content-Transfer-Encoding: 8bit\r\n" : "");
}

int
notification_open(const struct notification *notification, struct buffer *out)
{
	struct buffer people;
	bool is_utf8;
	int result = -1;

	buffer_init(&people, NOTIFICATION_MAX);
	if (notification_append_people(notification, &people) != 0)
		goto out;
	is_utf8 = !notification_is_ascii(&people);
	if (notification_open_header(notification, is_utf8, out) != 0 ||
	    notification_append_part(notification, "Notification", is_utf8 ? "text/plain; charset=utf-8" : "text/plain; charset=us-ascii",
		is_utf8, out) != 0 ||
	    buffer_append(out, people.data, people.length) != 0 ||
	    notification_append_part(notification, "Delivery report", "message/delivery-status", false, out) != 0 ||
	    notification_append_programs(notification, out) != 0)
		goto out;
	result = notification_append_part(notification, notification->is_full ? "Your message" : "Header of your message",
	    notification->is_full ? "message/rfc822" : "text/rfc822-headers", notification->eight_bit, out);
	if (result == 0 && !notification->is_full)
		result = buffer_append(out, notification->header, notification->header_length);
out:
	buffer_free(&people);
	return result;
}

int
notification_close(const struct notification *notification, struct buffer *out)
{
	return buffer_append_format(out, "\r\n--=_%s--\r\n", notification->id);
}
