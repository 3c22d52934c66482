/*
 * address: parses RFC 5322 address lists as people and programs write them: comments, quoted strings, groups,
 * folding, encoded words, route addresses, bare local parts, empty list items. Pure functions on memory; no look-ups.
 */
#ifndef MAILCRANE_ADDRESS_H
#define MAILCRANE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

struct mailbox {
	char *display;		/* phrase or comment as written, unquoted, still encoded (RFC 2047); NULL when none */
	char *address;		/* wire form: "local@domain", "local" alone when bare, "" for <>; domains as A-labels */
	bool  is_bare;		/* no domain */
};

struct mailbox_list {
	struct mailbox *items;
	size_t          count;
};

/* Parses `length` octets of an address list (header value with its folds, or one argv word). Group names are dropped,
 * their members kept. 0 and *list filled (address_list_free), also for an empty list; or -1 with *why set to a
 * constant phrase such as "unbalanced quote" when it can't be understood. Limits: 254 octets an address, no control
 * characters, over 127 only UTF-8 (RFC 6532; phrases may hold any), comments nested at most 32 deep,
 * ENVELOPE_RECIPIENTS_MAX items. */
int address_list_parse(const char *text, size_t length, struct mailbox_list *list, const char **why);
void address_list_free(struct mailbox_list *list);

/* "local" + "domain" -> "local@domain" in a new string, or NULL when longer than 254 octets. */
char *address_qualify(const char *local, const char *domain);

/* true when an octet over 127 is in it: such an address needs SMTPUTF8 (RFC 6531). */
bool address_is_international(const char *address);

/* true when `domain` is a dotted or single label host name, or an address literal, fit for an address. */
bool address_domain_ok(const char *domain);

/* Writes `Display <address>` for a header: display quoted or RFC 2047 encoded (UTF-8) as needed, NULL or empty: the
 * address alone. A new string. */
char *address_format(const char *display, const char *address);

#endif
