/*
 * transaction: the envelope and the message (RFC 5321 section 4.1.1, BDAT after RFC 3030, SIZE after RFC 1870). A message that came in
 * whole is kept before it is answered: also when the script then says nothing, since the client can't know (`lost` for the other case).
 */
#include "transaction.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void
transaction_forget(struct session *session)
{
	if (session->in_body)
		store_message_drop(session->store, &session->body);
	free(session->recipients);
	session->recipients = NULL;
	session->recipients_length = 0;
	session->accepted = 0;
	session->in_mail = session->in_body = session->body_played = false;
	session->declared_8bit = session->declared_utf8 = session->declared_binary = false;
	session->declared_size = 0;
}

static void
transaction_note(struct session *session, const char *format, ...)
{
	char line[1400];
	char *more;
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	if (n >= (int)sizeof(line))
		n = (int)sizeof(line) - 1;
	more = realloc(session->recipients, session->recipients_length + (size_t)n + 1);
	if (more == NULL)
		return;
	memcpy(more + session->recipients_length, line, (size_t)n + 1);
	session->recipients = more;
	session->recipients_length += (size_t)n;
}

/* What stands between < and >, without quotes being understood: good enough for patterns. */
static void
transaction_address(const char *line, char *address, size_t size)
{
	const char *begin = strchr(line, '<'), *end = begin == NULL ? NULL : strchr(begin, '>');

	snprintf(address, size, "%.*s", end == NULL ? 0 : (int)(end - begin - 1), end == NULL ? "" : begin + 1);
}

static bool
transaction_ascii(const char *line)
{
	for (; *line != '\0'; line++)
		if ((unsigned char)*line > 127)
			return false;
	return true;
}

static uint64_t
transaction_limit(const struct session *session)
{
	const char *rest;

	return session_offers(session, "SIZE", &rest) ? strtoull(rest, NULL, 10) : 0;
}

static void
transaction_parameters(struct session *session, const char *line)
{
	static const struct { const char *parameter, *keyword; } needs[] = {
		{" SIZE=", "SIZE"}, {" BODY=", "8BITMIME"}, {" SMTPUTF8", "SMTPUTF8"}, {" RET=", "DSN"}, {" ENVID=", "DSN"},
		{" NOTIFY=", "DSN"}, {" ORCPT=", "DSN"},
	};
	const char *end = strchr(line, '>'), *size;

	for (size_t i = 0; end != NULL && i < sizeof(needs) / sizeof(needs[0]); i++)
		if (strcasestr(end, needs[i].parameter) != NULL && !session_offers(session, needs[i].keyword, NULL))
			store_violation(session->store, session->connection, "%s without %s being offered", needs[i].parameter + 1,
			    needs[i].keyword);
	if (end == NULL)
		return;
	session->declared_8bit |= strcasestr(end, " BODY=8BITMIME") != NULL;
	session->declared_binary |= strcasestr(end, " BODY=BINARYMIME") != NULL;
	session->declared_utf8 |= strcasestr(end, " SMTPUTF8") != NULL;
	size = strcasestr(end, " SIZE=");
	if (size != NULL)
		session->declared_size = strtoull(size + 6, NULL, 10);
}

static void
transaction_mail_rules(struct session *session)
{
	if (!session->peer.secured)
		store_violation(session->store, session->connection, "MAIL before TLS");
	if (!session->logged_in && !session->settings->without_auth)
		store_violation(session->store, session->connection, "MAIL without AUTH");
}

int
transaction_mail(struct session *session, const char *line)
{
	const char *reply = "250 2.1.0 Ok\r\n";
	char address[1024];
	uint64_t limit = transaction_limit(session);
	int code, status;

	transaction_mail_rules(session);
	if (session->in_mail) {
		reply = "503 5.5.1 nested MAIL command\r\n";
	} else {
		transaction_forget(session);
		session->message = __atomic_add_fetch(&session->store->counters->mails, 1, __ATOMIC_SEQ_CST);
		for (int stage = SCRIPT_MAIL; stage <= SCRIPT_DOT; stage++)
			session->times[stage] = 0;
		transaction_parameters(session, line);
	}
	transaction_address(line, address, sizeof(address));
	if (!session->said_ehlo)
		reply = "503 5.5.1 EHLO first\r\n";
	else if (!session->logged_in && !session->settings->without_auth)
		reply = "530 5.7.0 Authentication required\r\n";
	else if (strncasecmp(line, "MAIL FROM:<", 11) != 0 || strchr(line, '>') == NULL)
		reply = "501 5.5.4 syntax: MAIL FROM:<address>\r\n";
	else if (!transaction_ascii(line) && !session->declared_utf8)
		reply = "553 5.6.7 address needs SMTPUTF8\r\n";
	else if (limit > 0 && session->declared_size > limit)
		reply = "552 5.3.4 message size exceeds fixed limit\r\n";
	status = session_answer(session, SCRIPT_MAIL, address, reply, &code);
	if (code / 100 == 2) {
		session->in_mail = true;
		snprintf(session->mail, sizeof(session->mail), "%s", line + 5);
	}
	return status;
}

int
transaction_rcpt(struct session *session, const char *line)
{
	const char *reply = "250 2.1.5 Ok\r\n";
	char address[1024];
	int code, status;

	transaction_parameters(session, line);
	transaction_address(line, address, sizeof(address));
	if (!session->in_mail)
		reply = "503 5.5.1 MAIL first\r\n";
	else if (strncasecmp(line, "RCPT TO:<", 9) != 0 || address[0] == '\0')
		reply = "501 5.5.4 syntax: RCPT TO:<address>\r\n";
	else if (!transaction_ascii(line) && !session->declared_utf8)
		reply = "553 5.6.7 address needs SMTPUTF8\r\n";
	else if (strpbrk(line + 8, "\t ") != NULL && strpbrk(line + 8, "\t ") < strchr(line, '>') && strchr(line, '"') == NULL)
		reply = "501 5.1.3 blank in address\r\n";
	status = session_answer(session, SCRIPT_RCPT, address, reply, &code);
	if (session->in_mail && code / 100 == 2) {
		session->accepted++;
		transaction_note(session, "rcpt %s\n", line + 5);
	} else if (session->in_mail) {
		transaction_note(session, "refused-rcpt %d %s\n", code, line + 5);
	}
	return status;
}

/* ---- the message ---- */

static int
transaction_body_begin(struct session *session)
{
	if (session->in_body)
		return 0;
	if (store_message_begin(session->store, &session->body) != 0)
		return -1;
	session->in_body = true;
	session_play(session, SCRIPT_BODY, "", &session->body_play);
	session->body_played = !play_wanted(&session->body_play);
	return 0;
}

/* Carries out what the script wants in the middle of the message, once. */
static int
transaction_body_step(struct session *session)
{
	struct script_play *play = &session->body_play;

	if (session->body_played || session->body.size < play->after)
		return 0;
	session->body_played = true;
	if (play->end == SCRIPT_SILENCE && !play->speaks) {
		peer_hold(&session->peer);
		return -1;
	}
	if (play->drip > 0 && play->form == SCRIPT_PLAIN && play->reply == NULL && play->end == SCRIPT_GO_ON) {
		session->peer.read_drip = play->drip;
		return 0;
	}
	if (play->late > 0 && !play->speaks && play->end == SCRIPT_GO_ON)
		return peer_pause(&session->peer, play->late);
	return play_reply(&session->peer, play, "451 4.3.0 in the middle of the message\r\n", NULL);
}

static void
transaction_message_rules(struct session *session)
{
	const struct store_message *body = &session->body;
	const struct { bool broken; const char *text; } rules[] = {
		{body->bare_cr || body->last_cr, "bare CR in the message"},
		{body->bare_lf, "bare LF in the message"},
		{body->nul && !session->declared_binary, "NUL in the message"},
		{body->over_long, "a line of more than 1000 octets in the message"},
		{!body->at_line_start, "the message does not end in CRLF"},
		{body->eight_bit && !session->declared_8bit && !session->declared_binary, "8-bit octets without BODY=8BITMIME"},
		{session->declared_size > 0 && session->declared_size < body->size, "the message is bigger than its SIZE="},
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].broken)
			store_violation(session->store, session->connection, "%s", rules[i].text);
}

static void
transaction_times(const struct session *session, FILE *out)
{
	static const struct { enum script_stage stage; const char *name; } stages[] = {
		{SCRIPT_GREETING, "greeting"}, {SCRIPT_EHLO, "ehlo"}, {SCRIPT_STARTTLS, "starttls"}, {SCRIPT_HANDSHAKE, "handshake"},
		{SCRIPT_EHLO2, "ehlo2"}, {SCRIPT_AUTH, "auth"}, {SCRIPT_MAIL, "mail"}, {SCRIPT_RCPT, "rcpt"}, {SCRIPT_DATA, "data"},
		{SCRIPT_BODY, "body"},
	};

	fprintf(out, "ms");
	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++)
		fprintf(out, " %s %.1f", stages[i].name, session->times[stages[i].stage]);
	fprintf(out, "\n");
}

static char *
transaction_envelope(const struct session *session, bool chunked, const char *reply)
{
	gnutls_session_t tls = session->peer.tls;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		return NULL;
	fprintf(out, "mail %s\n%s", session->mail, session->recipients != NULL ? session->recipients : "");
	fprintf(out, "connection %u\nmessage-on-connection %u\n", session->connection, session->messages_here);
	fprintf(out, "listener %d\nport %u\nmode %s\n", session->port, session->port_number, session->implicit_tls ? "tls" : "starttls");
	if (session->peer.secured)
		fprintf(out, "tls %s\ncipher %s\n", gnutls_protocol_get_name(gnutls_protocol_get_version(tls)),
		    gnutls_cipher_get_name(gnutls_cipher_get(tls)));
	if (session->logged_in)
		fprintf(out, "mechanism %s\nuser %s\n", session->mechanism, session->user);
	fprintf(out, "ehlo %s\nby %s\nsize %llu\nreply %.*s\n", session->ehlo, chunked ? "bdat" : "data",
	    (unsigned long long)session->body.size, (int)strcspn(reply, "\r\n"), reply);
	transaction_times(session, out);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* The whole message is in: keep it, then answer. */
static int
transaction_done(struct session *session, bool chunked)
{
	const char *reply = "250 2.0.0 Ok: kept\r\n";
	uint64_t limit = transaction_limit(session);
	struct script_play play;
	char *envelope;
	int code, status;
	bool kept;

	session_mark(session, SCRIPT_BODY);
	session->peer.read_drip = 0;
	session->messages_here++;
	transaction_message_rules(session);
	if (limit > 0 && session->body.size > limit)
		reply = "552 5.3.4 message size exceeds fixed limit\r\n";
	session_play(session, SCRIPT_DOT, "", &play);
	if (play.reply != NULL)
		reply = play.reply;
	kept = !play.lost && (play.form != SCRIPT_PLAIN || play.end == SCRIPT_CLOSE || play.end == SCRIPT_RESET ||
	    play.end == SCRIPT_SILENCE || reply[0] == '2');
	if (play.speaks && play.form == SCRIPT_PLAIN && reply[0] != '2')
		kept = false;
	envelope = transaction_envelope(session, chunked, play.speaks || play.end == SCRIPT_GO_ON ? reply : "none");
	if (envelope == NULL || store_message_finish(session->store, &session->body, kept, envelope) == 0)
		reply = "452 4.3.1 the relay can't keep this\r\n";
	free(envelope);
	session->in_body = false;
	transaction_forget(session);
	status = play_reply(&session->peer, &play, reply, &code);
	session_mark(session, SCRIPT_DOT);
	return status;
}

enum transaction_dot { DOT_LINE_START, DOT_DOT, DOT_DOT_CR, DOT_IN_LINE, DOT_CR, DOT_END };

/* Undoes dot-stuffing (RFC 5321 section 4.5.2). Gives how many octets were used; *dot is DOT_END at the end of the message. */
static size_t
transaction_unstuff(struct session *session, const char *data, size_t length, enum transaction_dot *dot)
{
	size_t from = 0, i;

	for (i = 0; i < length && *dot != DOT_END; i++) {
		char c = data[i];

		if (*dot == DOT_LINE_START && c == '.') {
			store_message_write(&session->body, data + from, i - from);
			from = i + 1;
			*dot = DOT_DOT;
		} else if (*dot == DOT_DOT && c == '\r') {
			from = i + 1;
			*dot = DOT_DOT_CR;
		} else if (*dot == DOT_DOT_CR && c == '\n') {
			from = i + 1;
			*dot = DOT_END;
		} else {
			if (*dot == DOT_DOT_CR)
				store_message_write(&session->body, "\r", 1);
			*dot = c == '\r' ? DOT_CR : c == '\n' && *dot == DOT_CR ? DOT_LINE_START : DOT_IN_LINE;
		}
	}
	store_message_write(&session->body, data + from, i - from);
	return i;
}

static int
transaction_read_data(struct session *session)
{
	enum transaction_dot dot = DOT_LINE_START;

	while (dot != DOT_END) {
		const char *data;
		size_t taken, used;

		if (transaction_body_step(session) != 0)
			return -1;
		if (session->peer.start == session->peer.end && peer_fill(&session->peer) != 1)
			return -1;
		data = session->peer.in + session->peer.start;
		used = transaction_unstuff(session, data, session->peer.end - session->peer.start, &dot);
		taken = peer_take(&session->peer, used, &data);
		if (taken != used)
			return -1;
	}
	return 0;
}

int
transaction_data(struct session *session)
{
	const char *reply = "354 End data with <CR><LF>.<CR><LF>\r\n";
	int code;

	session_no_pipelining(session, "DATA");
	if (!session->in_mail || session->accepted == 0)
		reply = session->in_mail ? "554 5.5.1 no valid recipients\r\n" : "503 5.5.1 MAIL first\r\n";
	else if (session->in_body)
		reply = "503 5.5.1 DATA after BDAT\r\n";
	if (session_answer(session, SCRIPT_DATA, "", reply, &code) != 0)
		return -1;
	if (code != 354)
		return 0;
	if (transaction_body_begin(session) != 0 || transaction_read_data(session) != 0)
		return -1;
	return transaction_done(session, false);
}

static int
transaction_read_chunk(struct session *session, uint64_t left, bool keep)
{
	while (left > 0) {
		const char *data;
		size_t n;

		if (keep && transaction_body_step(session) != 0)
			return -1;
		if (session->peer.start == session->peer.end && peer_fill(&session->peer) != 1)
			return -1;
		n = peer_take(&session->peer, left < 65536 ? (size_t)left : 65536, &data);
		if (keep)
			store_message_write(&session->body, data, n);
		left -= n;
	}
	return 0;
}

int
transaction_bdat(struct session *session, const char *line)
{
	char *end, reply[80] = "503 5.5.1 MAIL and RCPT first\r\n";
	uint64_t size = strtoull(line + 4, &end, 10);
	bool is_last = strcasecmp(end, " LAST") == 0, usable = session->in_mail && session->accepted > 0;
	struct script_play play;
	int code;

	if (!session_offers(session, "CHUNKING", NULL))
		store_violation(session->store, session->connection, "BDAT without CHUNKING being offered");
	if (end == line + 4 || (*end != '\0' && !is_last))
		return session_answer(session, SCRIPT_BDAT, "", "501 5.5.4 syntax: BDAT size [LAST]\r\n", &code);
	if ((usable && transaction_body_begin(session) != 0) || transaction_read_chunk(session, size, usable) != 0)
		return -1;
	session_play(session, SCRIPT_BDAT, "", &play);
	if (usable && is_last && !play_wanted(&play))
		return transaction_done(session, true);
	if (usable)
		snprintf(reply, sizeof(reply), "250 2.0.0 %llu octets received\r\n", (unsigned long long)size);
	if (play_reply(&session->peer, &play, reply, &code) != 0)
		return -1;
	if (code / 100 != 2)
		transaction_forget(session);
	return 0;
}
