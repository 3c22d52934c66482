/*
 * options: the command line of sendmail(8), as its many callers write it. One table is the parser, the
 * text of
 * --help and the list in the manual (a test compares them). Borrows argv. Never prints; the caller does.
 */
#ifndef MAILCRANE_OPTIONS_H
#define MAILCRANE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/outcome.h"
#include "message/dsn.h"

enum options_mode {
	OPTIONS_MAIL,		/* -bm and nothing said */
	OPTIONS_SERVER,		/* -bs */
	OPTIONS_QUEUE,		/* -bp, mailq */
	OPTIONS_ALIASES,	/* -bi, newaliases */
	OPTIONS_VERIFY,		/* -bv */
	OPTIONS_WAKE,		/* -q */
	OPTIONS_HELP,
	OPTIONS_VERSION
};

struct options {
	enum options_mode  mode;
	bool               take_recipients;	/* -t */
	bool               dots_are_text;	/* -i */
	bool               verbose;		/* -v */
	const char        *reverse_path;	/* -f, -r: as given, may be ""; NULL: not given; last wins */
	const char        *full_name;		/* -F; NULL when not given */
	unsigned           notify;		/* -N: bits of enum dsn_notify */
	enum dsn_return    ret;			/* -R */
	char               envid[DSN_ENVID_MAX + 1];	/* -V in xtext; "" when not given */
	const char *const *recipients;		/* the words behind the options, not parsed */
	size_t             recipient_count;
};

/* 0, or -1 with cause USAGE and one line that says what to do; then only the mode is good. */
int options_parse(int argc, char **argv, struct options *options, struct outcome *outcome);

/* Writes the text of --help to fd. */
void options_help(int fd);

#endif
