/*
 * body: checks, octet for octet, that what a dialogue sends is the message in the spool, and where it ends.
 * Private to splice. Knows no network; it only reads the message with pread(), a block at a time.
 */
#ifndef MAILCRANE_BODY_H
#define MAILCRANE_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/transaction.h"

#define BODY_BLOCK 32768

enum body_state { BODY_LINE, BODY_DOT, BODY_DOT_CR, BODY_TEXT, BODY_END };

struct body {
	const struct transaction *transaction;	/* borrowed */
	uint64_t        position;		/* octets of the message that have been seen and were right */
	enum body_state state;			/* of the transparency procedure (RFC 5321 section 4.5.2) */
	uint64_t        block_start;
	size_t          block_length;
	char            block[BODY_BLOCK];	/* what the spool has at block_start */
};

void body_init(struct body *body, const struct transaction *transaction);

/* The next octets of the message as they are (BDAT): 0, or -1 when they are not what the spool has, or too
 * many. */
int body_match(struct body *body, const char *data, size_t length);

/* The next octets with transparency dots (DATA). 0, or -1 as above, also for octets behind the final dot.
 * body_ended() then says whether that dot has come. */
int body_match_stuffed(struct body *body, const char *data, size_t length);
bool body_ended(const struct body *body);

/* true when every octet of the message has been seen */
bool body_complete(const struct body *body);

#endif
