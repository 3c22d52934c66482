/*
 * transaction: one message for the recipients that are still to be served, as the wire sees it. Borrowed: whoever makes it
 * keeps the strings and the descriptor.
 */
#ifndef MAILCRANE_TRANSACTION_H
#define MAILCRANE_TRANSACTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "message/dsn.h"

struct transaction {
	const char        *reverse_path;	/* "" is the null sender */
	const char *const *recipients;
	size_t             recipient_count;	/* at least 1 */
	const struct dsn_wish *wishes;		/* of each recipient; NULL: none. Passed on where the relay has DSN */
	enum dsn_return    ret;
	const char        *envid;		/* xtext; NULL: none */
	int                message_fd;		/* seekable, only read with pread(); without a lock on it */
	off_t              message_offset;	/* where the wire form begins */
	uint64_t           message_length;	/* octets: canonical CRLF lines of at most 998, not dot-stuffed, ends in CRLF */
	bool               eight_bit;		/* declare BODY=8BITMIME where the relay has it */
	bool               smtputf8;		/* declare SMTPUTF8 (RFC 6531) where the relay has it */
};

#endif
