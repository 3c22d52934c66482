/*
 * address_scan: steps through an address list, one mailbox at a time, and says where each one stands. For address.c,
 * which makes lists, and for those who mend an address in its place.
 */
#ifndef MAILCRANE_ADDRESS_SCAN_H
#define MAILCRANE_ADDRESS_SCAN_H

#include "message/address.h"
#include "message/address_token.h"

struct address_scan {
	struct address_text text;	/* text.why after -1 */
	size_t item_start;		/* where the mailbox at hand begins, for error messages */
	size_t local_start;		/* where its local part stands */
	size_t local_end;		/* behind it: a domain can be put in here */
	size_t domain_start, domain_end;	/* and its domain; both 0 when it has none */
	size_t item_end;		/* set by address_scan_resume() */
	bool   in_group;
};

void address_scan_init(struct address_scan *scan, const char *text, size_t length);

/* 1 and *mailbox filled (address_scan_free), 0 at the end, -1 with scan->text.why. */
int address_scan_next(struct address_scan *scan, struct mailbox *mailbox);
void address_scan_free(struct mailbox *mailbox);

/* After -1: passes over the rest of the item that can't be understood, so that the scan can go on with the one behind it. What
 * stood there is text->text from item_start to item_end. */
void address_scan_resume(struct address_scan *scan);

#endif
