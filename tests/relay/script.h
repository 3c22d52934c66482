/*
 * script: what the relay does wrong, when, and on which port. The language is described at the head of script.c and in README.md.
 * Pure functions on memory but for script_read; the counters behind `nth` live in memory shared by all connections.
 */
#ifndef RELAY_SCRIPT_H
#define RELAY_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum script_stage {
	SCRIPT_CONNECT, SCRIPT_GREETING, SCRIPT_EHLO, SCRIPT_STARTTLS, SCRIPT_HANDSHAKE, SCRIPT_EHLO2, SCRIPT_AUTH, SCRIPT_MAIL,
	SCRIPT_RCPT, SCRIPT_DATA, SCRIPT_BDAT, SCRIPT_BODY, SCRIPT_DOT, SCRIPT_QUIT, SCRIPT_RSET, SCRIPT_NOOP, SCRIPT_VRFY,
	SCRIPT_ANY_EHLO, SCRIPT_CERTIFICATE, SCRIPT_VERSIONS, SCRIPT_STAGE_MAX
};

enum script_form { SCRIPT_PLAIN, SCRIPT_GARBAGE, SCRIPT_HALF, SCRIPT_ENDLESS, SCRIPT_LONG };
enum script_end { SCRIPT_GO_ON, SCRIPT_CLOSE, SCRIPT_RESET, SCRIPT_SILENCE, SCRIPT_REFUSE };

#define SCRIPT_KEYWORDS 16

/* What is to be done at a moment; all zero: the normal thing. Texts belong to the script. */
struct script_play {
	const char      *reply;		/* instead of the normal one, CRLF included; NULL: the normal one */
	size_t           reply_length;
	const char      *inject;	/* sent in the same breath behind the reply */
	size_t           inject_length;
	enum script_form form;
	enum script_end  end;
	long             late;		/* ms before the reply */
	long             drip;		/* ms between octets; 0: no drip */
	long             pause;		/* ms between the lines of an endless reply */
	long             size;		/* octets of a long line */
	uint64_t         after;		/* octets of body before it begins */
	bool             lost;		/* at dot: the message is not kept */
	bool             speaks;	/* a reply is sent before the end */
	const char      *argument;	/* of certificate and versions */
	const char      *drops[SCRIPT_KEYWORDS], *adds[SCRIPT_KEYWORDS];
	size_t           drop_count, add_count;
};

struct script_moment {
	enum script_stage stage;
	int         port;		/* 1-based, in the order of --listen */
	bool        implicit_tls;
	unsigned    connection;		/* n-th of the relay */
	unsigned    connection_on_port;
	unsigned    message;		/* n-th MAIL of the relay, 0 before the first */
	const char *subject;		/* what a pattern is compared with: address, mechanism; "" if none */
};

struct script;

/* NULL file: an empty script. On a mistake prints file and line on stderr and gives NULL. */
struct script *script_read(const char *file);
void script_free(struct script *script);

/* All rules that match, in order; for each property the first rule that has it wins. */
void script_play(struct script *script, const struct script_moment *moment, struct script_play *play);

/* What a whole listener is to do before any connection: SCRIPT_REFUSE, SCRIPT_SILENCE (drops SYNs) or SCRIPT_GO_ON. */
enum script_end script_listener(const struct script *script, int port, bool implicit_tls);

#endif
