/*
 * notification: the octets of a report, and rows of what a status comes to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "message/notification.h"

#define HEADER "Subject: caf\303\251\r\n folded\r\nMessage-ID: <one@example.com>\r\n"

static struct outcome
refusal(enum cause cause, int reply, const char *enhanced, const char *text)
{
	struct outcome outcome;

	outcome_set(&outcome, VERDICT_FAILED, STAGE_RCPT, cause, "%s", text);
	outcome.reply = reply;
	(void)snprintf(outcome.enhanced, sizeof(outcome.enhanced), "%s", enhanced);
	return outcome;
}

static struct notification
notification_of(const struct notification_recipient *recipients, size_t count)
{
	return (struct notification){.action = NOTIFICATION_FAILED, .id = "1A", .about = "1", .host = "web.example.com", .domain = "example.com",
	    .to = "me@example.com", .now = 1764300000, .arrival = 1764200000, .header = HEADER,
	    .header_length = strlen(HEADER), .recipients = recipients, .recipient_count = count};
}

static char *
text_of(const struct notification *notification)
{
	struct buffer out;

	buffer_init(&out, NOTIFICATION_MAX);
	assert_int_equal(notification_open(notification, &out), 0);
	assert_int_equal(notification_close(notification, &out), 0);
	return out.data;
}

static void
failed_report_is_these_octets(void **state)
{
	const struct outcome one = refusal(CAUSE_RECIPIENT_REFUSED, 550, "5.1.1", "no such us\303\251r");
	const struct outcome two = refusal(CAUSE_CONNECT_TIMEOUT, 0, "", "given up after 5d: no answer");
	const struct notification_recipient recipients[] = {{"bob@example.org", "rfc822;Bob+2BX@example.org", &one, "smtp.example.net"}, {"ann@example.org", NULL, &two, "smtp.example.net"}};
	struct notification notification = notification_of(recipients, 2);
	static const char want[] =
	    "Date: Fri, 28 Nov 2025 03:20:00 +0000\r\n"
	    "From: Mail Delivery System <MAILER-DAEMON@example.com>\r\n"
	    "To: <me@example.com>\r\n"
	    "Subject: Mail not delivered: bob@example.org and 1 other\r\n"
	    "Message-ID: <1A@example.com>\r\n"
	    "Auto-Submitted: auto-replied\r\n"
	    "MIME-Version: 1.0\r\n"
	    "In-Reply-To: <one@example.com>\r\n"
	    "References: <one@example.com>\r\n"
	    "Content-Type: multipart/report; report-type=delivery-status;\r\n"
	    "\tboundary=\"=_1A\"\r\n"
	    "Content-Transfer-Encoding: 8bit\r\n"
	    "\r\n"
	    "This is a report on a message that you sent, in MIME format.\r\n"
	    "\r\n"
	    "--=_1A\r\n"
	    "Content-Description: Notification\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: 8bit\r\n"
	    "\r\n"
	    "This is the mail system of web.example.com. Your message\r\n"
	    "\r\n"
	    "    sent:    Wed, 26 Nov 2025 23:33:20 +0000\r\n"
	    "    subject: caf\303\251 folded\r\n"
	    "\r\n"
	    "could not be delivered to:\r\n"
	    "\r\n"
	    "<bob@example.org>\r\n"
	    "    the relay refuses this recipient: 550 5.1.1 no such us\303\251r\r\n"
	    "<ann@example.org>\r\n"
	    "    no answer: the port seems to be blocked on this network: given up after 5d: no answer\r\n"
	    "\r\n"
	    "What you can do:\r\n"
	    "\r\n"
	    "Look for a typing error in the address. If it is right, reach the person in\r\n"
	    "another way: the mailbox may be gone, full or closed to you.\r\n"
	    "\r\n"
	    "Whoever looks after this machine can find the reason with `mailcrane check`.\r\n"
	    "Then send the message again.\r\n"
	    "\r\n"
	    "It is not tried again. What is returned of it stands below; the machine keeps\r\n"
	    "it for a while, as 1: `mailcrane show` and `mailcrane retry` there.\r\n"
	    "\r\n"
	    "--=_1A\r\n"
	    "Content-Description: Delivery report\r\n"
	    "Content-Type: message/delivery-status\r\n"
	    "\r\n"
	    "Original-Envelope-Id: job=7\r\n"
	    "Reporting-MTA: dns; web.example.com\r\n"
	    "Arrival-Date: Wed, 26 Nov 2025 23:33:20 +0000\r\n"
	    "\r\n"
	    "Original-Recipient: rfc822; Bob+X@example.org\r\n"
	    "Final-Recipient: rfc822; bob@example.org\r\n"
	    "Action: failed\r\n"
	    "Status: 5.1.1\r\n"
	    "Remote-MTA: dns; smtp.example.net\r\n"
	    "Diagnostic-Code: smtp; 550 5.1.1 no such us??r\r\n"
	    "Last-Attempt-Date: Fri, 28 Nov 2025 03:20:00 +0000\r\n"
	    "\r\n"
	    "Final-Recipient: rfc822; ann@example.org\r\n"
	    "Action: failed\r\n"
	    "Status: 4.4.7\r\n"
	    "Diagnostic-Code: x-mailcrane; given up after 5d: no answer\r\n"
	    "Last-Attempt-Date: Fri, 28 Nov 2025 03:20:00 +0000\r\n"
	    "\r\n"
	    "--=_1A\r\n"
	    "Content-Description: Header of your message\r\n"
	    "Content-Type: text/rfc822-headers\r\n"
	    "Content-Transfer-Encoding: 8bit\r\n"
	    "\r\n"
	    HEADER
	    "\r\n"
	    "--=_1A--\r\n";
	char *text;

	(void)state;
	notification.envid = "job+3D7";
	notification.eight_bit = true;
	text = text_of(&notification);
	assert_string_equal(text, want);
	free(text);
}

static void
kinds_differ(void **state)
{
	static const struct {
		enum notification_action action;
		bool        is_full;
		const char *want[4], *lacks;
	} rows[] = {
		{NOTIFICATION_FAILED, true, {"Content-Type: message/rfc822\r\n\r\n\r\n--=_1A--", "Action: failed\r\nStatus: 5.0.0", "Remote-MTA: dns; smtp.example.net", "charset=utf-8"},
		    "rfc822-headers"},
		{NOTIFICATION_DELAYED, false, {"Subject: Mail delayed: bob@example.org\r\n", "Action: delayed\r\nStatus: 4.0.0", "Will-Retry-Until: Mon, 1 Dec 2025 23:33:20", "You need not do anything"},
		    "What you can do"},
		{NOTIFICATION_RELAYED, false, {"Subject: Mail passed on: bob@example.org\r\n", "Action: relayed\r\nStatus: 2.0.0", "Remote-MTA: dns; smtp.example.net", "taken by the relay smtp.example.net"},
		    "Diagnostic-Code"},
	};
	const struct outcome outcome = refusal(CAUSE_RECIPIENT_REFUSED, 550, "", "no");
	const struct notification_recipient recipient = {"bob@example.org", NULL, &outcome, "smtp.example.net"};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct notification notification = notification_of(&recipient, 1);
		char *text;

		notification.action = rows[i].action;
		notification.is_full = rows[i].is_full;
		notification.until = notification.arrival + 432000;
		text = text_of(&notification);
		for (size_t k = 0; k < 4; k++)
			if (strstr(text, rows[i].want[k]) == NULL)
				fail_msg("row %zu has no %s", i, rows[i].want[k]);
		assert_null(strstr(text, rows[i].lacks));
		free(text);
	}
}

static void
status_is_the_relays_where_it_fits(void **state)
{
	static const struct {
		enum notification_action action;
		enum stage  stage;
		int         reply;
		const char *enhanced, *want;
		enum cause  cause;
	} rows[] = {
		{NOTIFICATION_FAILED, STAGE_DATA, 0, "", "5.6.3", CAUSE_INPUT},
		{NOTIFICATION_FAILED, STAGE_MAIL, 0, "", "5.3.4", CAUSE_TOO_BIG},
		{NOTIFICATION_FAILED, STAGE_RCPT, 0, "", "5.6.7", CAUSE_NO_SMTPUTF8},
		{NOTIFICATION_FAILED, STAGE_RCPT, 550, "5.1.1", "5.1.1", CAUSE_NONE},
		{NOTIFICATION_FAILED, STAGE_RCPT, 550, "", "5.0.0", CAUSE_NONE},
		{NOTIFICATION_FAILED, STAGE_RCPT, 450, "4.2.1", "4.4.7", CAUSE_NONE},
		{NOTIFICATION_FAILED, STAGE_CONNECT, 0, "", "4.4.7", CAUSE_NONE},
		{NOTIFICATION_FAILED, STAGE_INPUT, 0, "", "5.4.6", CAUSE_NONE},
		{NOTIFICATION_DELAYED, STAGE_RCPT, 450, "4.2.1", "4.2.1", CAUSE_NONE},
		{NOTIFICATION_DELAYED, STAGE_RCPT, 450, "", "4.0.0", CAUSE_NONE},
		{NOTIFICATION_DELAYED, STAGE_CONNECT, 0, "", "4.4.1", CAUSE_NONE},
		{NOTIFICATION_RELAYED, STAGE_FINAL, 250, "2.6.0", "2.6.0", CAUSE_NONE},
		{NOTIFICATION_RELAYED, STAGE_FINAL, 250, "", "2.0.0", CAUSE_NONE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct outcome outcome = refusal(rows[i].cause, rows[i].reply, rows[i].enhanced, "x");
		char status[sizeof(outcome.enhanced)];

		outcome.stage = rows[i].stage;
		notification_status(rows[i].action, &outcome, status);
		assert_string_equal(status, rows[i].want);
	}
}

/* A relay's words after ours are the relay's in the field for programs, and ours come first for people. */
static void
temporary_refusal_that_lasted_is_told_apart(void **state)
{
	const struct outcome outcome = refusal(CAUSE_THROTTLED, 450, "4.2.1", "given up after 5d: mailbox busy");
	const struct notification_recipient recipient = {"bob@example.org", NULL, &outcome, "smtp.example.net"};
	const struct notification notification = notification_of(&recipient, 1);
	char *text = text_of(&notification);

	(void)state;
	assert_non_null(strstr(text, "\r\n    given up after 5d: the relay asks us to come back later: 450 4.2.1 mailbox busy\r\n"));
	assert_non_null(strstr(text, "\r\nDiagnostic-Code: smtp; 450 4.2.1 mailbox busy\r\n"));
	free(text);
}

/* RFC 6533 section 3, and RFC 6531 for the status. */
static void
addresses_outside_ascii_are_written_in_ascii(void **state)
{
	const struct outcome outcome = refusal(CAUSE_NO_SMTPUTF8, 0, "", "no SMTPUTF8");
	const struct notification_recipient recipient = {"j\303\266+\342\202\254\360\237\230\200@example.org", NULL, &outcome, NULL};
	const struct notification notification = notification_of(&recipient, 1);
	char *text = text_of(&notification);

	(void)state;
	assert_null(strstr(text, "\r\nSubject: Mail not delivered: j\303"));
	assert_non_null(strstr(text, "\r\nSubject: "));
	assert_non_null(strstr(text, "\r\nFinal-Recipient: utf-8; j\\x{F6}\\x{2B}\\x{20AC}\\x{1F600}@example.org\r\nAction: failed\r\nStatus: 5.6.7\r\n"));
	free(text);
}

/* People are not read ten thousand addresses; programs get them all. */
static void
many_recipients_are_cut_for_people_alone(void **state)
{
	const size_t count = 10000;
	const struct outcome outcome = refusal(CAUSE_RECIPIENT_REFUSED, 550, "5.1.1", "no");
	struct notification_recipient *recipients = calloc(count, sizeof(*recipients));
	struct notification notification;
	size_t found = 0;
	char *text;

	(void)state;
	for (size_t i = 0; i < count; i++)
		recipients[i] = (struct notification_recipient){"bob@example.org", NULL, &outcome, "smtp.example.net"};
	notification = notification_of(recipients, count);
	text = text_of(&notification);
	assert_non_null(strstr(text, "bob@example.org and 9999 others\r\n"));
	assert_non_null(strstr(text, "\r\nand 9900 others, which the next part lists\r\n"));
	for (const char *at = text; (at = strstr(at, "Final-Recipient:")) != NULL; at++)
		found++;
	assert_int_equal(found, count);
	free(text);
	free(recipients);
}

/* What strangers wrote starts no line of its own. */
static void
hostile_text_stays_in_its_line(void **state)
{
	static const char header[] = "Subject: a\r\n b\rAction: delivered\r\nMessage-ID: <a b>\r\n";
	struct outcome outcome = refusal(CAUSE_RECIPIENT_REFUSED, 550, "5.1.1", "no\nAction: delivered");
	const struct notification_recipient recipient = {"bob@example.org", "x-\377;+0D+0AAction:", &outcome, "smtp.example.net"};
	struct notification notification = notification_of(&recipient, 1);
	char *text;

	(void)state;
	notification.header = header;
	notification.header_length = strlen(header);
	notification.is_full = true;
	notification.envid = "+0D+0AAction:";
	text = text_of(&notification);
	assert_null(strstr(text, "\nAction: delivered"));
	assert_null(strstr(text, "\nAction:\r"));
	assert_null(strstr(text, "In-Reply-To"));
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failed_report_is_these_octets),
		cmocka_unit_test(kinds_differ),
		cmocka_unit_test(status_is_the_relays_where_it_fits),
		cmocka_unit_test(temporary_refusal_that_lasted_is_told_apart),
		cmocka_unit_test(addresses_outside_ascii_are_written_in_ascii),
		cmocka_unit_test(many_recipients_are_cut_for_people_alone),
		cmocka_unit_test(hostile_text_stays_in_its_line),
	};

	(void)setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
