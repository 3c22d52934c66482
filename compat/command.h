/*
 * command: one line of an SMTP client, understood (RFC 5321 section 4.1, RFC 1870, 3461, 6152). Pure functions on
 * memory; the order of commands is the server's matter.
 */
#ifndef MAILCRANE_COMPAT_COMMAND_H
#define MAILCRANE_COMPAT_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "message/dsn.h"

#define COMMAND_LINE_MAX 2048	/* octets with the line end: 512 and what the extensions add (RFC 3461 section 5.4: RCPT has most) */
#define COMMAND_REFUSAL_SIZE 256

enum command_verb {
	COMMAND_UNKNOWN,
	COMMAND_FOREIGN,	/* SMTP, but not done here */
	COMMAND_HELO,
	COMMAND_EHLO,
	COMMAND_MAIL,
	COMMAND_RCPT,
	COMMAND_DATA,
	COMMAND_RSET,
	COMMAND_NOOP,
	COMMAND_VRFY,
	COMMAND_HELP,
	COMMAND_QUIT
};

struct command {
	enum command_verb   verb;
	char               *address;	/* of MAIL and RCPT: wire form, "" for <>; else NULL */
	bool                is_bare;	/* the address has no domain */
	uint64_t            size;	/* SIZE, 0 when not said */
	bool                eight_bit;	/* BODY=8BITMIME */
	enum dsn_return     ret;
	char                envid[DSN_ENVID_MAX + 1];	/* xtext as given, "" when not */
	unsigned            notify;	/* bits of enum dsn_notify */
	char                orcpt[DSN_ORCPT_MAX + 1];	/* "rfc822;..." in xtext as given, "" when not */
};

/* `line` without its line end. 0 and *command filled (command_free). -1 when the verb is known and the rest is wrong: then
 * `refusal` holds the whole reply, such as "501 5.1.3 malformed address: unbalanced quote", printable, and command->verb
 * is set. A control character that is no TAB makes it UNKNOWN. */
int command_parse(const char *line, size_t length, struct command *command, char refusal[COMMAND_REFUSAL_SIZE]);
void command_free(struct command *command);

#endif
