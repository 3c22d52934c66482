/*
 * fitting: a transaction as this relay can take it: octets over 127 only where it has 8BITMIME (RFC 6152), lines of at most 998
 * octets for everybody. Most messages fit as they are; another is converted into a file without a name, which it owns.
 */
#ifndef MAILCRANE_FITTING_H
#define MAILCRANE_FITTING_H

#include "base/outcome.h"
#include "spool/spool.h"
#include "wire/capabilities.h"
#include "wire/transaction.h"

struct fitting {
	struct transaction transaction;	/* what goes out; borrows what `whole` borrows */
	int fd;				/* of the converted message, -1: there is none */
};

/* 0; or -1 with *outcome: FAILED when the message can't be converted, DEFERRED when the disk is full. Free it in both cases; an earlier one
 * is freed first. */
int fitting_make(struct fitting *fitting, const struct transaction *whole, const struct capabilities *relay, struct spool *spool,
    struct outcome *outcome);

void fitting_init(struct fitting *fitting);
void fitting_free(struct fitting *fitting);

#endif
