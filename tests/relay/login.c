/*
 * login: AUTH PLAIN and LOGIN (RFC 4954, 4616), with and without initial response. A scripted reply answers the AUTH command at once;
 * only a 535 waits for the password, as a real server's would.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "session.h"

static const char login_ok[] = "235 2.7.0 Authentication successful\r\n";
static const char login_bad[] = "535 5.7.8 Authentication failed\r\n";

/* Sends a 334 when there is no initial response and reads the answer. Length of the decoded text, or -1 over, -2 not base64. */
static long
login_prompt(struct session *session, const char *initial, const char *challenge, char *out, size_t size)
{
	char line[PEER_LINE_MAX], prompt[80];
	gnutls_datum_t encoded, decoded = {0};
	bool bare;
	long length;

	if (initial == NULL) {
		snprintf(prompt, sizeof(prompt), "334 %s\r\n", challenge);
		session_no_pipelining(session, "AUTH");
		if (peer_write(&session->peer, prompt, strlen(prompt)) != 0 || peer_line(&session->peer, line, &bare) < 0)
			return -1;
		initial = line;
	}
	if (strcmp(initial, "=") == 0 || initial[0] == '\0') {
		out[0] = '\0';
		return initial[0] == '=' ? 0 : -2;
	}
	encoded.data = (unsigned char *)(size_t)initial;
	encoded.size = (unsigned)strlen(initial);
	if (gnutls_base64_decode2(&encoded, &decoded) < 0)
		return -2;
	length = decoded.size < size ? (long)decoded.size : -2;
	if (length >= 0) {
		memcpy(out, decoded.data, (size_t)length);
		out[length] = '\0';
	}
	gnutls_free(decoded.data);
	return length;
}

static bool
login_fits(const struct session *session, const char *user, const char *password)
{
	const struct session_settings *settings = session->settings;

	return (settings->user == NULL || strcmp(settings->user, user) == 0) &&
	    (settings->password == NULL || strcmp(settings->password, password) == 0);
}

/* 1 right, 0 wrong, -1 over, -2 nonsense */
static int
login_plain(struct session *session, const char *initial)
{
	char text[2048];
	const char *user, *password;
	long length = login_prompt(session, initial, "", text, sizeof(text));

	if (length < 0)
		return (int)length;
	user = memchr(text, '\0', (size_t)length);
	password = user == NULL ? NULL : memchr(user + 1, '\0', (size_t)(text + length - user - 1));
	if (password == NULL)
		return -2;
	snprintf(session->user, sizeof(session->user), "%.255s", user + 1);
	return login_fits(session, user + 1, password + 1);
}

static int
login_login(struct session *session, const char *initial)
{
	char user[1024], password[1024];
	long length = login_prompt(session, initial, "VXNlcm5hbWU6", user, sizeof(user));

	if (length >= 0)
		length = login_prompt(session, NULL, "UGFzc3dvcmQ6", password, sizeof(password));
	if (length < 0)
		return (int)length;
	snprintf(session->user, sizeof(session->user), "%.255s", user);
	return login_fits(session, user, password);
}

static bool
login_offered(const struct session *session, const char *mechanism)
{
	const char *rest;
	size_t length = strlen(mechanism);

	if (!session_offers(session, "AUTH", &rest))
		return false;
	for (const char *p = rest; (p = strcasestr(p, mechanism)) != NULL; p += length)
		if ((p == rest || p[-1] == ' ') && (p[length] == '\0' || p[length] == ' '))
			return true;
	return false;
}

static int
login_finish(struct session *session, const struct script_play *play, const char *reply)
{
	int code, status;

	session_no_pipelining(session, "AUTH");
	status = play_reply(&session->peer, play, reply, &code);
	session_mark(session, SCRIPT_AUTH);
	session->logged_in = session->logged_in || code == 235;
	return status;
}

/* Slow, or a 535: that comes when the password is in. Anything else answers the command. */
static bool
login_at_once(const struct script_play *play)
{
	if (play->form != SCRIPT_PLAIN || play->end != SCRIPT_GO_ON || play->inject != NULL)
		return true;
	return play->reply != NULL && strncmp(play->reply, "535", 3) != 0;
}

int
login_auth(struct session *session, char *arguments)
{
	char *initial = strchr(arguments, ' ');
	const char *reply = NULL;
	struct script_play play;
	int right = 0;

	if (initial != NULL)
		*initial++ = '\0';
	snprintf(session->mechanism, sizeof(session->mechanism), "%.31s", arguments);
	session_play(session, SCRIPT_AUTH, arguments, &play);
	if (!session->peer.secured)
		store_violation(session->store, session->connection, "AUTH before TLS");
	if (login_at_once(&play))
		return login_finish(session, &play, login_ok);
	if (session->logged_in)
		reply = "503 5.5.1 already logged in\r\n";
	else if (!login_offered(session, arguments))
		reply = "504 5.5.4 mechanism not offered\r\n";
	else if (strcasecmp(arguments, "PLAIN") == 0)
		right = login_plain(session, initial);
	else if (strcasecmp(arguments, "LOGIN") == 0)
		right = login_login(session, initial);
	else
		reply = "504 5.5.4 mechanism not implemented\r\n";
	if (right == -1)
		return -1;
	if (reply == NULL)
		reply = right == 1 ? login_ok : right == 0 ? login_bad : "501 5.5.2 this is not base64\r\n";
	return login_finish(session, &play, reply);
}
