/*
 * session: one connection of the relay, from the greeting to the end (RFC 5321, 3207, 4954). The message itself is transaction.c's.
 */
#ifndef RELAY_SESSION_H
#define RELAY_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "certificate.h"
#include "peer.h"
#include "play.h"
#include "script.h"
#include "store.h"

#define SESSION_KEYWORDS 32

struct session_settings {
	const char *capabilities;	/* EHLO keywords separated by commas, without STARTTLS and AUTH */
	const char *user, *password;	/* NULL: any */
	bool        without_auth;	/* neither offered nor asked for */
	long        delay, guard;	/* ms */
};

struct session {
	const struct session_settings *settings;
	const struct store     *store;
	struct script          *script;
	const struct authority *authority;
	struct peer             peer;
	gnutls_certificate_credentials_t credentials;
	int                     port;		/* 1-based listener */
	uint16_t                port_number;
	bool                    implicit_tls;
	unsigned                connection, connection_on_port, message, messages_here;

	bool                    greeted, said_ehlo, logged_in, suspect;
	char                    ehlo[256], mechanism[32], user[256];
	char                    keywords[SESSION_KEYWORDS][160];
	size_t                  keyword_count;

	bool                    in_mail, in_body, body_played, declared_8bit, declared_utf8, declared_binary, refused_chunk;
	uint64_t                declared_size;
	char                    mail[1200];
	char                   *recipients;	/* lines for the envelope */
	size_t                  recipients_length;
	unsigned                accepted;
	struct store_message    body;
	struct script_play      body_play;

	double                  mark, times[SCRIPT_STAGE_MAX];
};

/* Serves it to its end; closes fd. */
void session_run(struct session *session, int fd);

/* ---- for transaction.c and login.c ---- */

/* Asks the script, answers, adds the time to the stage. 0 and *code (0: none that a client could read), or -1: over. */
int session_answer(struct session *session, enum script_stage stage, const char *subject, const char *reply, int *code);
void session_play(struct session *session, enum script_stage stage, const char *subject, struct script_play *play);
/* Adds the time since the last mark to a stage. */
void session_mark(struct session *session, enum script_stage stage);
/* true when the keyword was in the last EHLO reply; *rest is what follows it. */
bool session_offers(const struct session *session, const char *keyword, const char **rest);
/* A violation when octets are there that had to wait for our reply. */
void session_no_pipelining(struct session *session, const char *command);

/* login.c: one AUTH command */
int login_auth(struct session *session, char *arguments);

#endif
