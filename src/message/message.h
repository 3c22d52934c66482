/*
 * message: makes what a program pipes into sendmail fit to be sent (RFC 5321, 5322, 6409 section 8). Reads from a
 * descriptor, gives envelope and wire form. Does no network and no exit. Memory is constant: the header block is held
 * (at most 256 KB), the body streams.
 *
 * What it does, in this order (each rule is tested, and stands in the manual):
 *  - line ends LF, CRLF or a mixture become CRLF; bare CR becomes a blank in headers and CRLF in the body; NUL is dropped
 *    (both: text is kept); a missing final newline is added
 *  - a lone "." ends the message as CALLERS.md decision 6 says; never when dots_are_text
 *  - an mbox "From " line and a ">From " line before the headers are dropped (known by their date); the
 *    first line that is no field and no fold ends the headers, and an empty line is put in
 *  - recipients: argv united with To/Cc/Bcc (Resent-* alone when one of Resent-To/Cc/Bcc is there) when take_recipients
 *  - dropped: Bcc, Resent-Bcc, Return-Path, Original-Recipient, Resent-Reply-To, Content-Length; of the fields that are
 *    merged or stand once, the empty ones (a lone empty Subject stays); continuation lines of nothing but blanks
 *  - merged, in the place of the first: To, Cc, Reply-To; of a second From, Sender, Date, Message-ID, Subject,
 *    Disposition-Notification-To the first one stays (a second, different Subject or From is kept as X-Original-...)
 *  - a recipient in a header that can't be understood is left out, with a remark, as long as there is another one; on the
 *    command line it is an error. A -f that can't be understood counts as not given, with a remark
 *  - octets over 127 in headers become encoded words and the like (ascii.h), but for those in addresses
 *  - addresses of this host (local.h) get alias or default domain, in From, Sender, Reply-To, To, Cc (and Resent-) and in the
 *    envelope (target.h); domains outside US-ASCII become A-labels, in headers unless the message needs SMTPUTF8
 *  - Date, Message-ID, From are added when missing (in front), Sender when From names not exactly one mailbox; with
 *    Resent-* also Resent-Date, Resent-Message-ID, Resent-From and, where needed, Resent-Sender
 *  - force_from: author.h
 *  - header lines over 998 octets are folded at blanks; a word that is longer than that becomes encoded words in a field of
 *    text, elsewhere it is cut by a fold. Body lines stay as they are: who sends them looks whether the relay can take them
 *    (convert.h)
 *  - a message with a DKIM-Signature keeps its fields as they are, octets over 127 and empty folds too, where they can
 *    be sent at all
 */
#ifndef MAILCRANE_MESSAGE_H
#define MAILCRANE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/outcome.h"
#include "message/envelope.h"
#include "message/intake.h"

#define MESSAGE_HEADER_MAX (256 * 1024)
#define MESSAGE_LINE_MAX 998	/* octets without CRLF, RFC 5322 section 2.1.1 */

struct alias_set;
struct buffer;

struct message_request {
	bool         take_recipients;	/* -t */
	bool         dots_are_text;	/* -i */
	const char  *reverse_path;	/* -f as given (an address, "", "<>", "Name <a@b>"); NULL when not given */
	const char  *full_name;		/* -F, NULL when not given */
	const char *const *recipients;	/* argv words, each an address list */
	size_t       recipient_count;
	const struct dsn_wish *wishes;	/* one for each word of recipients; NULL: `notify` is for all */
	unsigned     notify;		/* -N, for every recipient */
	enum dsn_return ret;		/* -R */
	const char  *envid;		/* -V in xtext, NULL or "" when not given */
	const char  *default_from;	/* [sender] from, NULL */
	bool         force_from;	/* [sender] force_from: default_from replaces every sender; only with default_from */
	const char  *default_domain;	/* for bare addresses; never NULL */
	const char  *host_name;		/* as struct local has it, may be NULL */
	struct alias_set *aliases;	/* NULL: none */
	struct buffer *remarks;		/* for remark.h, NULL */
	const char  *user_name;		/* of the real uid, never of the environment */
	const char  *user_full_name;	/* gecos, may be NULL */
	uint64_t     max_message;	/* octets in wire form */
};

/* Where the result goes. begin() comes once, when the envelope is complete but for eight_bit, before any write().
 * Both give 0, or -1 with *outcome set. */
struct message_sink {
	void *context;
	int (*begin)(void *context, const struct envelope *envelope, struct outcome *outcome);
	int (*write)(void *context, const void *data, size_t length, struct outcome *outcome);
};

/* Reads until a clean end of input (there is no time limit on it), then gives 0 with *envelope complete (envelope_free).
 * -1 with *outcome (cause INPUT: exit 65; or what the sink said) when the message can't be used, a read failed or
 * a limit was passed; the rest of the input is read and thrown away first. */
int message_accept(int input, const struct message_request *request, const struct message_sink *sink,
    struct envelope *envelope, struct outcome *outcome);

/* The same with the octets of a source, where every dot is text. */
int message_accept_from(const struct intake_source *source, const struct message_request *request,
    const struct message_sink *sink, struct envelope *envelope, struct outcome *outcome);

#endif
