/*
 * reply: RFC 5321 section 4.2 (syntax and codes), RFC 2034 and 3463 (enhanced codes), RFC 4954 (codes of
 * AUTH), RFC 3207 (codes of STARTTLS).
 *
 * The text is parsed from the start each time more of it has come: replies are short, and a parser without
 * state has no wrong state. A lone LF ends a line too; that changes no meaning here, since commands are
 * answered one by one.
 */
#include "wire/reply.h"

#include <string.h>

#include "base/text.h"

#define REPLY_LINE_MAX 4096
#define REPLY_LINES_MAX 100
#define REPLY_MAX 65536

/* One line of a reply, borrowed. */
struct reply_line {
	int         code;
	bool        is_last;
	const char *text;
	size_t      text_length;
	size_t      used;	/* line end included */
};

/* Keeps the first line of what came instead, for people. */
static enum reply_status
reply_nonsense(const char *data, size_t length, struct reply *reply)
{
	const char *end = memchr(data, '\n', length);
	size_t shown = end != NULL ? (size_t)(end - data) : length;

	if (shown > 0 && data[shown - 1] == '\r')
		shown--;
	memset(reply, 0, sizeof(*reply));
	text_printable(reply->text, 200, data, shown, true);
	return REPLY_NONSENSE;
}

/* What has come of a line that is not complete can still become one. */
static bool
reply_may_begin(const char *data, size_t length)
{
	if (length > 0 && (data[0] < '2' || data[0] > '5'))
		return false;
	for (size_t i = 1; i < 3 && i < length; i++)
		if (data[i] < '0' || data[i] > '9')
			return false;
	return length < 4 || data[3] == ' ' || data[3] == '-' || data[3] == '\r' || data[3] == '\n';
}

static enum reply_status
reply_parse_line(const char *data, size_t length, struct reply_line *line)
{
	const char *end = memchr(data, '\n', length < REPLY_LINE_MAX ? length : REPLY_LINE_MAX);
	size_t content;

	if (!reply_may_begin(data, length))
		return REPLY_NONSENSE;
	if (end == NULL)
		return length < REPLY_LINE_MAX ? REPLY_MORE : REPLY_NONSENSE;
	content = (size_t)(end - data);
	line->used = content + 1;
	if (content > 0 && data[content - 1] == '\r')
		content--;
	if (content < 3)
		return REPLY_NONSENSE;
	line->code = (data[0] - '0') * 100 + (data[1] - '0') * 10 + (data[2] - '0');
	line->is_last = content == 3 || data[3] != '-';
	if (content > 3 && data[3] == '\r')
		return REPLY_NONSENSE;
	line->text = content > 3 ? data + 4 : data + content;
	line->text_length = content > 3 ? content - 4 : 0;
	return REPLY_COMPLETE;
}

/* "5.7.8" and what follows it: the length of the code, 0 when there is none of this class. */
static size_t
reply_enhanced(const char *text, size_t length, int class)
{
	size_t at = 1, digits;

	if (length < 5 || text[0] - '0' != class || (class != 2 && class != 4 && class != 5))
		return 0;
	for (int part = 0; part < 2; part++) {
		if (at >= length || text[at++] != '.')
			return 0;
		for (digits = 0; at < length && text[at] >= '0' && text[at] <= '9'; digits++)
			at++;
		if (digits < 1 || digits > 3)
			return 0;
	}
	return at == length || text[at] == ' ' ? at : 0;
}

/* Appends a line's text to `joined`, cut where it is full. */
static void
reply_join(const struct reply_line *line, bool is_first, struct reply *reply, char *joined, size_t size,
    size_t *length)
{
	const char *text = line->text;
	size_t left = line->text_length, enhanced = reply_enhanced(text, left, line->code / 100), room;

	if (enhanced > 0 && is_first)
		memcpy(reply->enhanced, text, enhanced);
	/* RFC 2034: the same code stands on every line */
	if (enhanced > 0 && enhanced == strlen(reply->enhanced) &&
	    memcmp(reply->enhanced, text, enhanced) == 0) {
		text += enhanced;
		left -= enhanced;
	}
	while (left > 0 && *text == ' ') {
		text++;
		left--;
	}
	if (*length > 0 && left > 0 && *length < size)
		joined[(*length)++] = ' ';
	room = size - *length;
	if (left > room)
		left = room;
	memcpy(joined + *length, text, left);
	*length += left;
}

enum reply_status
reply_parse(const char *data, size_t length, size_t *used, struct reply *reply)
{
	struct reply parsed = {0};
	struct reply_line line = {0};
	char joined[2 * sizeof(parsed.text)];
	size_t at = 0, joined_length = 0;
	enum reply_status status;

	for (int lines = 0;; lines++) {
		status = reply_parse_line(data + at, length - at, &line);
		if (status == REPLY_MORE && length < REPLY_MAX)
			return REPLY_MORE;
		if (status != REPLY_COMPLETE || lines >= REPLY_LINES_MAX || at + line.used > REPLY_MAX)
			return reply_nonsense(data + at, length - at, reply);
		if (lines > 0 && line.code != parsed.code)
			return reply_nonsense(data + at, length - at, reply);
		parsed.code = line.code;
		reply_join(&line, lines == 0, &parsed, joined, sizeof(joined), &joined_length);
		at += line.used;
		if (line.is_last)
			break;
	}
	text_printable(parsed.text, sizeof(parsed.text), joined, joined_length, true);
	*reply = parsed;
	*used = at;
	return REPLY_COMPLETE;
}

/* Whether the enhanced code's subject and detail are these, whatever the class. */
static bool
reply_says(const struct reply *reply, const char *subject_and_detail)
{
	return reply->enhanced[0] != '\0' && strcmp(reply->enhanced + 1, subject_and_detail) == 0;
}

static bool
reply_is_too_big(const struct reply *reply, enum stage stage)
{
	if (reply_says(reply, ".3.4") || reply_says(reply, ".2.3"))
		return true;
	/* 552 is "over quota" as well, which is about a mailbox (5.2.2) */
	return reply->code == 552 && stage != STAGE_RCPT && !reply_says(reply, ".2.2");
}

/* Relays that check the sender late say so in the reply to RCPT or to the message (Postfix, Exchange). */
static bool
reply_is_about_sender(const struct reply *reply)
{
	return reply_says(reply, ".1.7") || reply_says(reply, ".1.8") || reply_says(reply, ".7.60") ||
	    reply_says(reply, ".2.252") || strcasestr(reply->text, "sender address rejected") != NULL ||
	    strcasestr(reply->text, "SendAsDenied") != NULL;
}

static enum cause
reply_auth_cause(int code)
{
	switch (code) {
	case 500: case 502: case 503: case 504: case 538:
		return CAUSE_AUTH_MECHANISM;
	default:
		/* 534 is "mechanism too weak" in RFC 4954, but Gmail's word for "an app password, please" */
		return code < 500 ? CAUSE_AUTH_TEMPORARY : CAUSE_AUTH_REFUSED;
	}
}

static enum cause
reply_cause(const struct reply *reply, enum stage stage)
{
	if (stage == STAGE_AUTH)
		return reply_auth_cause(reply->code);
	if (stage == STAGE_STARTTLS)
		return CAUSE_STARTTLS_MISSING;
	if (reply->code == 421 || stage < STAGE_AUTH || stage == STAGE_QUIT)
		return CAUSE_UNAVAILABLE;
	if (reply->code < 500)
		return CAUSE_THROTTLED;
	if (reply_is_too_big(reply, stage))
		return CAUSE_TOO_BIG;
	if (stage == STAGE_MAIL || reply_is_about_sender(reply))
		return CAUSE_SENDER_REFUSED;
	return stage == STAGE_RCPT ? CAUSE_RECIPIENT_REFUSED : CAUSE_MESSAGE_REFUSED;
}

void
reply_outcome(const struct reply *reply, enum stage stage, struct outcome *outcome)
{
	enum cause cause;

	if (reply->code < 400) {
		outcome_set(outcome, VERDICT_DEFERRED, stage, CAUSE_PROTOCOL, "unexpected reply: %d %s",
		    reply->code, reply->text);
	} else {
		cause = reply_cause(reply, stage);
		outcome_set(outcome, reply->code < 500 ? VERDICT_DEFERRED : VERDICT_FAILED, stage, cause,
		    "%s", reply->text[0] != '\0' ? reply->text : cause_text(cause));
	}
	outcome->reply = reply->code;
	memcpy(outcome->enhanced, reply->enhanced, sizeof(outcome->enhanced));
}
