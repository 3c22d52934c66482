/*
 * session: greeting, EHLO, STARTTLS or implicit TLS, AUTH, the rest. Straight-line; what may go wrong on purpose is asked of the script
 * at each stage. What a good client never does goes into `violations` and is answered as a real server would.
 */
#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "transaction.h"

void
session_mark(struct session *session, enum script_stage stage)
{
	double now = clock_ms();

	session->times[stage] += now - session->mark;
	session->mark = now;
}

void
session_play(struct session *session, enum script_stage stage, const char *subject, struct script_play *play)
{
	struct script_moment moment = {
		.stage = stage,
		.port = session->port,
		.implicit_tls = session->implicit_tls,
		.connection = session->connection,
		.connection_on_port = session->connection_on_port,
		.message = session->message,
		.subject = subject,
	};

	script_play(session->script, &moment, play);
}

int
session_answer(struct session *session, enum script_stage stage, const char *subject, const char *reply, int *code)
{
	struct script_play play;
	int status;

	session_play(session, stage, subject, &play);
	status = play_reply(&session->peer, &play, reply, code);
	session_mark(session, stage);
	return status;
}

bool
session_offers(const struct session *session, const char *keyword, const char **rest)
{
	size_t length = strlen(keyword);

	for (size_t i = 0; i < session->keyword_count; i++) {
		const char *line = session->keywords[i];

		if (strncasecmp(line, keyword, length) != 0 || (line[length] != ' ' && line[length] != '\0'))
			continue;
		if (rest != NULL)
			*rest = line[length] == ' ' ? line + length + 1 : line + length;
		return true;
	}
	return false;
}

void
session_no_pipelining(struct session *session, const char *command)
{
	if (peer_ahead(&session->peer))
		store_violation(session->store, session->connection, "octets behind %s that had to wait for its reply", command);
}

/* ---- EHLO ---- */

static void
session_drop(struct session *session, const char *keyword)
{
	size_t length = strcspn(keyword, " ");

	for (size_t i = 0; i < session->keyword_count; i++) {
		char *line = session->keywords[i];

		if (strncasecmp(line, keyword, length) != 0 || (line[length] != ' ' && line[length] != '\0'))
			continue;
		session->keyword_count--;
		memmove(line, line + sizeof(session->keywords[0]), (session->keyword_count - i) * sizeof(session->keywords[0]));
		return;
	}
}

static void
session_add(struct session *session, const char *keyword, size_t length)
{
	if (session->keyword_count < SESSION_KEYWORDS && length > 0)
		snprintf(session->keywords[session->keyword_count++], sizeof(session->keywords[0]), "%.*s", (int)length, keyword);
}

static void
session_keywords(struct session *session, const struct script_play *play)
{
	const char *p = session->settings->capabilities;

	session->keyword_count = 0;
	while (*p != '\0') {
		size_t length;

		p += strspn(p, ", ");
		length = strcspn(p, ",");
		session_add(session, p, length);
		p += length;
	}
	if (!session->peer.secured && !session->implicit_tls)
		session_add(session, "STARTTLS", 8);
	if (session->peer.secured && !session->settings->without_auth)
		session_add(session, "AUTH PLAIN LOGIN", 16);
	for (size_t i = 0; i < play->drop_count; i++)
		session_drop(session, play->drops[i]);
	for (size_t i = 0; i < play->add_count; i++) {
		session_drop(session, play->adds[i]);
		session_add(session, play->adds[i], strlen(play->adds[i]));
	}
}

static int
session_ehlo(struct session *session, const char *name)
{
	enum script_stage stage = session->peer.secured && !session->implicit_tls ? SCRIPT_EHLO2 : SCRIPT_EHLO;
	char reply[SESSION_KEYWORDS * 170 + 64];
	struct script_play play;
	int length, code, status;

	session_no_pipelining(session, "EHLO");
	session_play(session, stage, name, &play);
	session_keywords(session, &play);
	transaction_forget(session);
	snprintf(session->ehlo, sizeof(session->ehlo), "%.255s", name);
	length = snprintf(reply, sizeof(reply), "250%crelay.example.test\r\n", session->keyword_count > 0 ? '-' : ' ');
	for (size_t i = 0; i < session->keyword_count; i++)
		length += snprintf(reply + length, sizeof(reply) - (size_t)length, "250%c%s\r\n",
		    i + 1 < session->keyword_count ? '-' : ' ', session->keywords[i]);
	status = play_reply(&session->peer, &play, name[0] == '\0' ? "501 5.5.4 syntax: EHLO name\r\n" : reply, &code);
	session->said_ehlo = code / 100 == 2;
	session_mark(session, stage);
	return status;
}

static int
session_helo(struct session *session, const char *name)
{
	int code;

	session->keyword_count = 0;
	transaction_forget(session);
	snprintf(session->ehlo, sizeof(session->ehlo), "%.255s", name);
	session->said_ehlo = true;
	return session_answer(session, SCRIPT_EHLO, name, "250 relay.example.test\r\n", &code);
}

/* ---- TLS ---- */

static int
session_secure(struct session *session)
{
	struct script_play play, certificate, versions;
	int status = -1;

	session_play(session, SCRIPT_HANDSHAKE, "", &play);
	session_play(session, SCRIPT_CERTIFICATE, "", &certificate);
	session_play(session, SCRIPT_VERSIONS, "", &versions);
	session->credentials = certificate_credentials(session->authority, certificate.argument != NULL ? certificate.argument : "good");
	if (session->credentials == NULL)
		return -1;
	if (play_handshake(&session->peer, &play) == 0)
		status = peer_handshake(&session->peer, session->credentials, versions.argument);
	session_mark(session, SCRIPT_HANDSHAKE);
	if (status != 0 && session->peer.tls != NULL) {
		gnutls_deinit(session->peer.tls);
		session->peer.tls = NULL;
	}
	return status;
}

static int
session_starttls(struct session *session)
{
	int code;

	session_no_pipelining(session, "STARTTLS");
	if (session->peer.secured || session->implicit_tls)
		return session_answer(session, SCRIPT_STARTTLS, "", "503 5.5.1 TLS is already there\r\n", &code);
	if (session_answer(session, SCRIPT_STARTTLS, "", "220 2.0.0 Ready to start TLS\r\n", &code) != 0)
		return -1;
	if (code != 220)
		return 0;
	session->peer.start = session->peer.end = 0;
	session->said_ehlo = false;
	session->keyword_count = 0;
	return session_secure(session);
}

/* ---- the rest ---- */

static int
session_quit(struct session *session)
{
	int code;

	if (session_answer(session, SCRIPT_QUIT, "", "221 2.0.0 Bye\r\n", &code) == 0 && peer_ahead(&session->peer))
		store_violation(session->store, session->connection, "octets after QUIT");
	return -1;
}

/* A command may come before the reply to the one before it only with PIPELINING, and only where RFC 2920 allows it. */
static void
session_check_pipelining(struct session *session, const char *line)
{
	char next;
	bool there;

	if (session->suspect && !session_offers(session, "PIPELINING", NULL))
		store_violation(session->store, session->connection, "%.20s came before the reply to the command before it", line);
	there = peer_ahead(&session->peer) || recv(session->peer.fd, &next, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
	session->suspect = there && strncasecmp(line, "BDAT", 4) != 0;
}

static int
session_reset(struct session *session)
{
	int code;

	transaction_forget(session);
	return session_answer(session, SCRIPT_RSET, "", "250 2.0.0 Ok\r\n", &code);
}

static int
session_command(struct session *session, char *line)
{
	int code;

	session_check_pipelining(session, line);
	if (strncasecmp(line, "EHLO ", 5) == 0 || strcasecmp(line, "EHLO") == 0)
		return session_ehlo(session, line[4] == ' ' ? line + 5 : "");
	if (strncasecmp(line, "HELO ", 5) == 0)
		return session_helo(session, line + 5);
	if (strcasecmp(line, "STARTTLS") == 0)
		return session_starttls(session);
	if (strncasecmp(line, "AUTH ", 5) == 0)
		return login_auth(session, line + 5);
	if (strncasecmp(line, "MAIL ", 5) == 0)
		return transaction_mail(session, line);
	if (strncasecmp(line, "RCPT ", 5) == 0)
		return transaction_rcpt(session, line);
	if (strcasecmp(line, "DATA") == 0)
		return transaction_data(session);
	if (strncasecmp(line, "BDAT ", 5) == 0)
		return transaction_bdat(session, line);
	if (strcasecmp(line, "RSET") == 0)
		return session_reset(session);
	if (strncasecmp(line, "NOOP", 4) == 0)
		return session_answer(session, SCRIPT_NOOP, "", "250 2.0.0 Ok\r\n", &code);
	if (strncasecmp(line, "VRFY ", 5) == 0)
		return session_answer(session, SCRIPT_VRFY, line + 5, "252 2.0.0 send it and see\r\n", &code);
	if (strcasecmp(line, "QUIT") == 0)
		return session_quit(session);
	store_violation(session->store, session->connection, "unknown command: %.40s", line);
	return peer_write(&session->peer, "500 5.5.2 unknown command\r\n", 27);
}

static void
session_serve(struct session *session)
{
	char line[PEER_LINE_MAX];
	bool bare = false;
	int status = 0;

	while (status == 0) {
		long length = peer_line(&session->peer, line, &bare);

		if (length == -1)
			return;
		if (length == -2) {
			store_violation(session->store, session->connection, "a command of more than %d octets", PEER_LINE_MAX);
			status = peer_write(&session->peer, "500 5.5.2 line too long\r\n", 25);
			continue;
		}
		if (bare || memchr(line, '\r', (size_t)length) != NULL || strlen(line) != (size_t)length)
			store_violation(session->store, session->connection, "bare CR, bare LF or NUL in a command");
		if (length > 998 && strncasecmp(line, "AUTH", 4) != 0)
			store_violation(session->store, session->connection, "a command of %ld octets", length);
		status = session_command(session, line);
	}
}

/* What comes before the handshake or the greeting; on a STARTTLS port, what is said there is the greeting. 0 go on, -1 over */
static int
session_connect(struct session *session)
{
	struct script_play play;

	session_play(session, SCRIPT_CONNECT, "", &play);
	if (!play.speaks && play.end == SCRIPT_GO_ON)
		return play.late > 0 ? peer_pause(&session->peer, play.late) : 0;
	session->greeted = !session->implicit_tls;
	return play_reply(&session->peer, &play, "220 relay.example.test ESMTP\r\n", NULL);
}

static int
session_greet(struct session *session)
{
	int code;

	return session->greeted ? 0 : session_answer(session, SCRIPT_GREETING, "", "220 relay.example.test ESMTP\r\n", &code);
}

void
session_run(struct session *session, int fd)
{
	const struct session_settings *settings = session->settings;

	peer_init(&session->peer, session->store, session->connection, fd, settings->delay, settings->guard);
	session->mark = clock_ms();
	store_note(session->store, session->connection, "connected to listener %d, port %u", session->port, session->port_number);
	if (session_connect(session) == 0 && (!session->implicit_tls || session_secure(session) == 0) &&
	    session_greet(session) == 0)
		session_serve(session);
	transaction_forget(session);
	peer_close(&session->peer);
	if (session->credentials != NULL)
		gnutls_certificate_free_credentials(session->credentials);
	store_note(session->store, session->connection, "over");
}
