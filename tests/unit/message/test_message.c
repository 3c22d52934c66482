/*
 * What goes in and what comes out, octet for octet: a row for each rule of message.h. Every row runs with the input in
 * portions of 1, 7 and 65536 octets: the result must be the same.
 */
#include "harness.h"

#include <fcntl.h>

#include "base/file.h"

#define DI "Date: {D}\r\nMessage-ID: <{I}@host.example>\r\n"
#define FROM "From: Alice A <alice@host.example>\r\n"
#define ALICE "alice@host.example > "
#define NONE "\r\n"
#define DM "Date: d\nMessage-ID: <m>\n"		/* a message that has these needs no new ones */
#define DMR "Date: d\r\nMessage-ID: <m>\r\n"
#define F "From: f@x\n"
#define FR "From: f@x\r\n"

struct row {
	const char *name;
	const char *flags;	/* t: -t, i: -i */
	const char *sender;	/* -f */
	const char *words;	/* argv, one word a line */
	const char *input;
	size_t      length;	/* 0: strlen */
	const char *who, *wire;	/* or the error text in wire when who is NULL */
};

static const struct row rows[] = {
	{"empty input", "i", NULL, "bob@x", "", 0, ALICE "bob@x", DI FROM NONE},
	{"text without headers", "i", NULL, "bob@x", "just text", 0, ALICE "bob@x", DI FROM NONE "just text\r\n"},
	{"name with a blank is text", "i", NULL, "bob@x", "hello there: text\n", 0, ALICE "bob@x", DI FROM NONE "hello there: text\r\n"},
	{"text behind headers without empty line", "i", NULL, "bob@x", DM F "text\nTo: y\n", 0, "f@x > bob@x", DMR FR NONE "text\r\nTo: y\r\n"},
	{"complete message is not changed", "i", NULL, "bob@x", DM F "To: Bob  <bob@x>\nX: \t y \n\nhi\n", 0, "f@x > bob@x",
	    DMR FR "To: Bob  <bob@x>\r\nX: \t y \r\n\r\nhi\r\n"},
	{"CRLF stays", "i", NULL, "b@x", "Date: d\r\nMessage-ID: <m>\r\nFrom: f@x\r\n\r\na\r\n\r\nb\r\n", 0, "f@x > b@x", DMR FR NONE "a\r\n\r\nb\r\n"},
	{"CRLF headers and LF body", "i", NULL, "b@x", "Date: d\r\nMessage-ID: <m>\r\nFrom: f@x\r\n\r\na\nb\r\nc\n", 0, "f@x > b@x", DMR FR NONE "a\r\nb\r\nc\r\n"},
	{"CR CR LF is one line end", "i", NULL, "b@x", "Date: d\r\r\nMessage-ID: <m>\r\r\nFrom: f@x\r\r\n\r\r\na\r\r\nb\r\r\r\n", 0, "f@x > b@x", DMR FR NONE "a\r\nb\r\n"},
	{"bare CR in a header", "i", NULL, "b@x", DM F "Subject: a\rb\r\rc\n\n", 0, "f@x > b@x", DMR FR "Subject: a b  c\r\n" NONE},
	{"bare CR in the body", "i", NULL, "b@x", DM F "\n10%\r20%\r\rdone\n", 0, "f@x > b@x", DMR FR NONE "10%\r\n20%\r\n\r\ndone\r\n"},
	{"CR at the very end", "i", NULL, "b@x", DM F "\na\r", 0, "f@x > b@x", DMR FR NONE "a\r\n"},
	{"NUL is dropped", "i", NULL, "b@x", DM F "Sub\0ject: a\0b\n\nc\0d\r\0\n\0", sizeof(DM F "Sub_ject: a_b\n\nc_d\r_\n_") - 1,
	    "f@x > b@x", DMR FR "Subject: ab\r\n" NONE "cd\r\n"},
	{"no final newline", "i", NULL, "b@x", DM F "\nlast", 0, "f@x > b@x", DMR FR NONE "last\r\n"},
	{"headers only, no final newline", "i", NULL, "b@x", DM F "Subject: x", 0, "f@x > b@x", DMR FR "Subject: x\r\n" NONE},
	{"lone dot at the end", "", NULL, "b@x", DM F "\na\n.\n", 0, "f@x > b@x", DMR FR NONE "a\r\n"},
	{"lone dot, CRLF", "", NULL, "b@x", DM F "\na\n.\r\n", 0, "f@x > b@x", DMR FR NONE "a\r\n"},
	{"lone dot without newline", "", NULL, "b@x", DM F "\na\n.", 0, "f@x > b@x", DMR FR NONE "a\r\n"},
	{"lone dot, text behind it", "", NULL, "b@x", DM F "\na\n.\nb\n", 0, "f@x > b@x", DMR FR NONE "a\r\n.\r\nb\r\n"},
	{"two lone dots", "", NULL, "b@x", DM F "\n.\n.\n", 0, "f@x > b@x", DMR FR NONE ".\r\n"},
	{"lone dot is text with -i", "i", NULL, "b@x", DM F "\na\n.\n", 0, "f@x > b@x", DMR FR NONE "a\r\n.\r\n"},
	{"leading dots stay", "", NULL, "b@x", DM F "\n..\n.x\n..x\n", 0, "f@x > b@x", DMR FR NONE "..\r\n.x\r\n..x\r\n"},
	{"only a dot", "", NULL, "b@x", ".\n", 0, ALICE "b@x", DI FROM NONE},
	{"mbox line", "i", NULL, "b@x", "From alice  Mon Nov 23 23:24:11 2026\n" DM F "\nb\n", 0, "f@x > b@x", DMR FR NONE "b\r\n"},
	{"quoted mbox line", "i", NULL, "b@x", "From a Mon Nov 23 23:24:11 2026\n>From b Mon Nov 23 23:24:11 2026\n" DM F "\n", 0, "f@x > b@x", DMR FR NONE},
	{"text that begins with From", "i", NULL, "b@x", "From me to you\n", 0, ALICE "b@x", DI FROM NONE "From me to you\r\n"},
	{"mbox line with zone and UUCP tail", "i", NULL, "b@x", "From a@x Mon Nov  3 23:24 EST 2026 remote from h\n" DM F "\nb\n", 0, "f@x > b@x", DMR FR NONE "b\r\n"},
	{"mbox line with another date", "i", NULL, "b@x", "From a b  Mon, 3 Nov 2026 23:24:11 +0100\n" DM F "\nb\n", 0, "f@x > b@x", DMR FR NONE "b\r\n"},
	{"text that begins with From and a time", "i", NULL, "b@x", "From 10:00 to 12:00 it is down\n", 0, ALICE "b@x", DI FROM NONE "From 10:00 to 12:00 it is down\r\n"},
	{"text that begins with From and a date", "i", NULL, "b@x", "From Mon Nov 23 10:00 2026 on it is down\n", 0, ALICE "b@x", DI FROM NONE "From Mon Nov 23 10:00 2026 on it is down\r\n"},
	{"mbox line later is text", "i", NULL, "b@x", DM F "From a Mon Nov 23 23:24:11 2026\nTo: x\n", 0, "f@x > b@x", DMR FR NONE "From a Mon Nov 23 23:24:11 2026\r\nTo: x\r\n"},
	{"blank before the colon", "ti", NULL, NULL, DM "From : f@x\nTo : a@x\n\n", 0, "f@x > a@x", DMR FR "To: a@x\r\n" NONE},
	{"fold that is blank", "i", NULL, "b@x", DM F "X: a\n \t\n b\n\n", 0, "f@x > b@x", DMR FR "X: a\r\n b\r\n" NONE},
	{"fold before any field is text", "i", NULL, "b@x", " x\nTo: y\n", 0, ALICE "b@x", DI FROM NONE " x\r\nTo: y\r\n"},
	{"recipients of To, Cc and Bcc", "ti", NULL, NULL, DM F "To: a@x,\n b@x\nCc: C <c@x>\nBcc: d@x\n\n", 0, "f@x > a@x b@x c@x d@x",
	    DMR FR "To: a@x,\r\n b@x\r\nCc: C <c@x>\r\n" NONE},
	{"argv and headers, each once", "ti", NULL, "x@e, y@e\nA@E", DM F "To: x@E\nCc: a@e\n\n", 0, "f@x > x@e y@e A@E a@e", DMR FR "To: x@E\r\nCc: a@e\r\n" NONE},
	{"headers do not count without -t", "i", NULL, "b@x", DM F "To: a@x\nBcc: c@x\n\n", 0, "f@x > b@x", DMR FR "To: a@x\r\n" NONE},
	{"Resent recipients alone", "ti", NULL, NULL, DM F "To: a@x\nBcc: d@x\nResent-Date: d\nResent-Message-ID: <n>\nResent-To: r@x\nResent-Bcc: q@x\n\n", 0,
	    ALICE "r@x q@x", "Resent-From: Alice A <alice@host.example>\r\n" DMR FR "To: a@x\r\nResent-Date: d\r\nResent-Message-ID: <n>\r\nResent-To: r@x\r\n" NONE},
	{"Resent headers are completed", "ti", NULL, NULL, DM F "Resent-From: r@y\nResent-To: z\n\n", 0, "r@y > z@host.example",
	    "Resent-Date: {D}\r\nResent-Message-ID: <{I}@y>\r\n" DMR FR "Resent-From: r@y\r\nResent-To: z@host.example\r\n" NONE},
	{"group without members and Bcc", "ti", NULL, NULL, DM F "To: undisclosed-recipients:;\nBcc: a@x\n\n", 0, "f@x > a@x", DMR FR "To: undisclosed-recipients:;\r\n" NONE},
	{"dropped fields", "i", NULL, "b@x", "Return-Path: <x@y>\n" DM F "Original-Recipient: x\nResent-Reply-To: y\nContent-Length: 7\n\n", 0, "f@x > b@x", DMR FR NONE},
	{"empty To and a second one", "ti", NULL, NULL, "To: \nSubject: s\n" DM F "To: a@x\n\n", 0, "f@x > a@x", "Subject: s\r\n" DMR FR "To: a@x\r\n" NONE},
	{"empty lists go", "i", NULL, "b@x", DM F "To:\nCc: \nReply-To:\t\nSender:\n\n", 0, "f@x > b@x", DMR FR NONE},
	{"several To become one", "ti", NULL, NULL, "To: a@x\n" DM F "To: b@x,\nCc: c@x\nto: Root <root>\nCc: d@x\n\n", 0, "f@x > a@x b@x c@x root@host.example d@x",
	    "To: a@x,\r\n b@x,\r\n Root <root@host.example>\r\n" DMR FR "Cc: c@x,\r\n d@x\r\n" NONE},
	{"several Reply-To become one", "i", NULL, "b@x", DM F "Reply-To: a@x\nReply-To: c@x\n\n", 0, "f@x > b@x", DMR FR "Reply-To: a@x,\r\n c@x\r\n" NONE},
	{"second From is kept aside", "i", NULL, "b@x", DM F "From: g@x\n\n", 0, "f@x > b@x", DMR FR "X-Original-From: g@x\r\n" NONE},
	{"same From twice", "i", NULL, "b@x", DM F "From:  f@x \n\n", 0, "f@x > b@x", DMR FR NONE},
	{"second Subject is kept aside", "i", NULL, "b@x", DM F "Subject: a\nSubject: a\nSubject: b\n\n", 0, "f@x > b@x", DMR FR "Subject: a\r\nX-Original-Subject: b\r\n" NONE},
	{"empty Subject gives way", "i", NULL, "b@x", DM F "Subject:\nSubject: b\n\n", 0, "f@x > b@x", DMR FR "Subject: b\r\n" NONE},
	{"empty Subject stays", "i", NULL, "b@x", DM F "Subject: \nSubject:\n\n", 0, "f@x > b@x", DMR FR "Subject: \r\n" NONE},
	{"second Date and Message-ID go", "i", NULL, "b@x", DM F "Date: e\nMessage-Id: <n>\nSender: s@x\nSender: t@x\nDisposition-Notification-To: a@x\nDisposition-Notification-To: c@x\n\n", 0,
	    "f@x > b@x", DMR FR "Sender: s@x\r\nDisposition-Notification-To: a@x\r\n" NONE},
	{"other fields may be repeated", "i", NULL, "b@x", DM F "Received: a\nReceived: b\nX: 1\nX: 2\n\n", 0, "f@x > b@x", DMR FR "Received: a\r\nReceived: b\r\nX: 1\r\nX: 2\r\n" NONE},
	{"bare addresses in their place", "ti", NULL, NULL, DM F "Sender: s\nReply-To: <r>\nTo: root, \"A, B\" <a>,\n c (see) , g: d;\nCc: e@x, (pre) f\n\n", 0,
	    "f@x > root@host.example a@host.example c@host.example d@host.example e@x f@host.example",
	    DMR FR "Sender: s@host.example\r\nReply-To: <r@host.example>\r\nTo: root@host.example, \"A, B\" <a@host.example>,\r\n c@host.example (see) , g: d@host.example;\r\nCc: e@x, (pre) f@host.example\r\n" NONE},
	{"cron's From", "i", NULL, "alice", DM "From: root (Cron Daemon)\n\n", 0, ALICE "alice@host.example", DMR "From: root@host.example (Cron Daemon)\r\n" NONE},
	{"garbage is passed on when not needed", "i", NULL, "b@x", DM "From: \"broken\nTo: John Smith, root\nReply-To: a@@b\n\n", 0, ALICE "b@x",
	    DMR "From: \"broken\r\nTo: John Smith, root@host.example\r\nReply-To: a@@b\r\n" NONE},
	{"null address in To is nobody", "ti", NULL, NULL, DM F "To: Nobody <>\nCc: a@x\n\n", 0, "f@x > a@x", DMR FR "To: Nobody <>\r\nCc: a@x\r\n" NONE},
	{"Sender when several wrote", "i", NULL, "b@x", DM "From: f@x, g@x\nSender: s@x\n\n", 0, "s@x > b@x", DMR "From: f@x, g@x\r\nSender: s@x\r\n" NONE},
	{"several wrote, and no Sender", "i", NULL, "b@x", DM "From: f@x, g@x\n\n", 0, "f@x > b@x", "Sender: f@x\r\n" DMR "From: f@x, g@x\r\n" NONE},
	{"-f comes first", "i", "e@y", "b@x", DM F "\n", 0, "e@y > b@x", DMR FR NONE},
	{"-f with a name", "i", "E E <e@y>", "b@x", DM F "\n", 0, "e@y > b@x", DMR FR NONE},
	{"-f bare", "i", "alice", "b@x", DM F "\n", 0, ALICE "b@x", DMR FR NONE},
	{"-f null, empty", "i", "", "b@x", DM F "\n", 0, " > b@x", DMR FR NONE},
	{"-f null, brackets", "i", "<>", "b@x", DM F "\n", 0, " > b@x", DMR FR NONE},
	{"-f makes the From", "i", "e@y", "b@x", DM "\n", 0, "e@y > b@x", "From: Alice A <e@y>\r\n" DMR NONE},
	{"empty From is none", "i", NULL, "b@x", DM "From: \n\n", 0, ALICE "b@x", FROM DMR NONE},
	{"new Message-ID has the sender's domain", "i", "e@y", "b@x", F "Date: d\n\n", 0, "e@y > b@x", "Message-ID: <{I}@y>\r\n" FR "Date: d\r\n" NONE},
	{"raw 8-bit subject", "i", NULL, "b@x", DM F "Subject: M\303\251\n\n", 0, "f@x > b@x", DMR FR "Subject: =?UTF-8?Q?M=C3=A9?=\r\n" NONE},
	{"empty argv word", "i", NULL, "\nb@x", DM F "\n", 0, "f@x > b@x", DMR FR NONE},
	{"nobody", "ti", NULL, NULL, DM F "Subject: x\n\nhi\n", 0, NULL, "no recipient: neither on the command line nor in To, Cc, Bcc"},
	{"nobody on the command line", "i", NULL, "", "x\n", 0, NULL, "no recipient"},
	{"malformed recipient in argv", "i", NULL, "b@x\nJohn Smith@y", DM F "\n", 0, NULL, "recipient \"John Smith@y\": two words where an address should be"},
	{"malformed recipient in To among others", "ti", NULL, "b@x", DM F "To: a@x, c@@d, e@x\n\n", 0, "f@x > b@x a@x e@x", DMR FR "To: a@x, c@@d, e@x\r\n" NONE},
	{"malformed recipients alone", "ti", NULL, NULL, DM F "To: c@@d\nCc: Full Name\n\n", 0, NULL, "recipient \"c@@d\": more than one @"},
	{"what bsd-mailx makes of its arguments", "ti", NULL, NULL, DM F "To: -f, bob@x, Full Name, me@y\n\n", 0, "f@x > -f@host.example bob@x me@y",
	    DMR FR "To: -f@host.example, bob@x, Full Name, me@y\r\n" NONE},
	{"null recipient in argv", "i", NULL, "<>", DM F "\n", 0, NULL, "recipient \"<>\": no address"},
	{"UTF-8 local part", "i", NULL, "\303\251@x", DM F "\n", 0, "f@x > \303\251@x utf8", DMR FR NONE},
	{"Latin-1 local part", "i", NULL, "\351@x", DM F "\n", 0, NULL, "recipient \"?@x\": neither US-ASCII nor UTF-8"},
	{"domain in UTF-8", "ti", "a@\303\251.example", "b@\303\251.example", DM "From: F <f@\303\251.example> (x)\nTo: c@\303\251.example, d@x\n\n", 0,
	    "a@xn--9ca.example > b@xn--9ca.example c@xn--9ca.example d@x", DMR "From: F <f@xn--9ca.example> (x)\r\nTo: c@xn--9ca.example, d@x\r\n" NONE},
	{"UTF-8 local part in a header, domains stay too", "i", NULL, "b@x", DM F "To: \303\251@\303\251.example, root\n\n", 0, "f@x > b@x utf8",
	    DMR FR "To: \303\251@\303\251.example, root@host.example\r\n" NONE},
	{"localhost is no place", "ti", "r@localhost", "a@LOCALHOST", DM "From: www-data@localhost (W)\nTo: r@localhost, s@localhost.localdomain\n\n", 0,
	    "r@host.example > a@host.example r@host.example s@host.example",
	    DMR "From: www-data@host.example (W)\r\nTo: r@host.example, s@host.example\r\n" NONE},
	{"line end in -f", "i", "a@b\nRCPT TO:<c@d>", "b@x", DM F "\n", 0, NULL, "sender \"a@b RCPT TO:<c@d>\": control character"},
	{"malformed -f", "i", "oneil@example.org'", "b@x", DM F "\n", 0, "f@x > b@x", DMR FR NONE},
	{"malformed -f and no From", "i", "oneil@example.org'", "b@x", DM "\n", 0, ALICE "b@x", FROM DMR NONE},
};

/* The words of a row; gives their count. */
static size_t
split_words(char *text, const char *words[8])
{
	size_t count = 0;

	for (char *line = text; line != NULL && count < 8;) {
		char *end = strchr(line, '\n');

		if (end != NULL)
			*end = '\0';
		words[count++] = line;
		line = end != NULL ? end + 1 : NULL;
	}
	return count;
}

static struct message_request
plain_request(void)
{
	return (struct message_request){.default_domain = "host.example", .user_name = "alice", .user_full_name = "Alice A,Room 1",
	    .max_message = 1 << 20, .dots_are_text = true};
}

static void
run_row(const struct row *row, size_t portion)
{
	struct message_request request = plain_request();
	char text[256];
	const char *words[8];
	struct harness harness;

	if (row->words != NULL) {
		(void)snprintf(text, sizeof(text), "%s", row->words);
		request.recipient_count = split_words(text, words);
		request.recipients = words;
	}
	request.take_recipients = strchr(row->flags, 't') != NULL;
	request.dots_are_text = strchr(row->flags, 'i') != NULL;
	request.reverse_path = row->sender;
	harness_run(&harness, &request, row->input, row->length > 0 ? row->length : strlen(row->input), portion);
	if (row->who == NULL) {
		if (harness.result == 0 || harness.outcome.cause != CAUSE_INPUT || harness.begun ||
		    strcmp(harness.outcome.text, row->wire) != 0)
			fail_msg("%s: [%s] is not [%s]", row->name, harness.outcome.text, row->wire);
	} else {
		if (harness.result != 0)
			fail_msg("%s: %s", row->name, harness.outcome.text);
		if (strcmp(harness.who.data, row->who) != 0)
			fail_msg("%s: [%s] is not [%s]", row->name, harness.who.data, row->who);
		if (!harness_matches(harness.wire.data, row->wire))
			fail_msg("%s, portions of %zu: got\n%s\nwant\n%s", row->name, portion, harness.wire.data, row->wire);
	}
	harness_free(&harness);
}

static void
each_rule_whatever_the_portions(void **state)
{
	static const size_t portions[] = {1, 7, 65536};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t k = 0; k < sizeof(portions) / sizeof(portions[0]); k++)
			run_row(&rows[i], portions[k]);
}

/* Recordings of real callers. */
static void
real_callers(void **state)
{
	static const struct {
		const char *file, *flags, *words, *who, *wire;
	} table[] = {
		{"php-mail-basic", "ti", NULL, ALICE "bob@example.com",
		    DI FROM "To: bob@example.com\r\nSubject: Test subject\r\n\r\nLine1\r\nLine2\r\nLine3\r\n.\r\n..dot\r\nend\r\n"},
		{"at-job.1", "i", "alice", ALICE "alice@host.example", DI FROM "Subject: Output from your job        2\r\nTo: alice@host.example\r\n\r\n"},
		{"vacation", "", "bob@example.com", ALICE "bob@example.com", DI FROM "To: bob@example.com\r\nSubject: away\r\n\r\nI am away\r\n"},
		{"nodemailer-default", "i", "bob@example.com\nhid@example.com", "me@example.org > bob@example.com hid@example.com",
		    "From: =?UTF-8?B?TcOp?= <me@example.org>\r\nTo: bob@example.com, Al <al@example.com>\r\nCc: cc@example.com\r\n"
		    "Subject: =?UTF-8?Q?H=C3=A4l?=\r\nMessage-ID: <eae0a5c4-4f40-2ffe-3aff-febd6eb9714c@example.org>\r\n"
		    "Content-Transfer-Encoding: quoted-printable\r\nDate: Mon, 23 Nov 2026 23:23:16 +0000\r\nMIME-Version: 1.0\r\n"
		    "Content-Type: text/plain; charset=utf-8\r\n\r\nh=C3=A4llo\r\n.\r\n..x\r\nend\r\n"},
		{"cron-basic.1", "i", "alice", ALICE "alice@host.example",
		    DI "From: root@host.example (Cron Daemon)\r\nTo: alice@host.example\r\n"
		    "Subject: Cron <alice@rechost> echo hello; echo \"From me\"; echo .; echo ..x; printf \"caf\\303\\251 no newline\"\r\n"
		    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit\r\n"
		    "X-Cron-Env: <SHELL=/bin/sh>\r\nX-Cron-Env: <HOME=/home/alice>\r\nX-Cron-Env: <PATH=/usr/bin:/bin>\r\n"
		    "X-Cron-Env: <LOGNAME=alice>\r\n\r\nhello\r\nFrom me\r\n.\r\n..x\r\ncaf\303\251 no newline\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char path[128], *input;
		size_t length;
		struct row row;
		int fd;

		(void)snprintf(path, sizeof(path), "tests/unit/message/data/%s.bin", table[i].file);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			fail_msg("%s: run from the top directory", path);
		input = file_slurp(fd, 65536, &length);
		assert_non_null(input);
		(void)close(fd);
		row = (struct row){table[i].file, table[i].flags, NULL, table[i].words, input, length, table[i].who, table[i].wire};
		run_row(&row, 7);
		free(input);
	}
}

static void
eight_bit_is_noticed(void **state)
{
	static const struct {
		const char *input;
		bool want;
	} table[] = {
		{"hello\n", false}, {"caf\303\251\n", true}, {"Subject: \303\251\n\nx\n", false}, {"Subject: x\n\nx\n", false},
	};
	const char *word = "b@x";
	struct message_request request = plain_request();
	struct harness harness;

	(void)state;
	request.recipients = &word;
	request.recipient_count = 1;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		harness_run(&harness, &request, table[i].input, strlen(table[i].input), 3);
		assert_int_equal(harness.result, 0);
		assert_int_equal(harness.eight_bit, table[i].want);
		harness_free(&harness);
	}
}

static void
names_for_a_new_from(void **state)
{
	static const struct {
		const char *default_from, *full_name, *user, *who, *from;
	} table[] = {
		{NULL, "CronDaemon", "alice", "alice@host.example", "From: CronDaemon <alice@host.example>\r\n"},
		{NULL, "M\303\251", "alice", "alice@host.example", "From: =?UTF-8?Q?M=C3=A9?= <alice@host.example>\r\n"},
		{NULL, "", "alice", "alice@host.example", "From: alice@host.example\r\n"},
		{"noreply@y", NULL, "alice", "noreply@y", "From: Alice A <noreply@y>\r\n"},
		{"\"Shop, Inc\" <shop@y>", NULL, "alice", "shop@y", "From: \"Shop, Inc\" <shop@y>\r\n"},
		{"Shop <shop@y>", "F F", "alice", "shop@y", "From: F F <shop@y>\r\n"},
		{NULL, "", "CORP\\bob", "\"CORP\\\\bob\"@host.example", "From: \"CORP\\\\bob\"@host.example\r\n"},
		{NULL, "", "bob@corp.example", "bob@corp.example", "From: bob@corp.example\r\n"},
	};
	const char *word = "b@x";
	struct message_request request;
	struct harness harness;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		request = plain_request();
		request.recipients = &word;
		request.recipient_count = 1;
		request.default_from = table[i].default_from;
		request.full_name = table[i].full_name;
		request.user_name = table[i].user;
		harness_run(&harness, &request, "x\n", 2, 2);
		assert_int_equal(harness.result, 0);
		assert_int_equal(strncmp(harness.who.data, table[i].who, strlen(table[i].who)), 0);
		if (strstr(harness.wire.data, table[i].from) == NULL)
			fail_msg("[%s] lacks [%s]", harness.wire.data, table[i].from);
		harness_free(&harness);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rule_whatever_the_portions),
		cmocka_unit_test(real_callers),
		cmocka_unit_test(eight_bit_is_noticed),
		cmocka_unit_test(names_for_a_new_from),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
