/*
 * shape: does a value look like what it should be? All give NULL when it does, else a constant text that says what
 * is wrong. Nothing is looked up. Host names by RFC 1123 (and _ inside, which container networks use), literals by
 * RFC 5321 section 4.1.3.
 */
#ifndef MAILCRANE_SHAPE_H
#define MAILCRANE_SHAPE_H

const char *shape_plain(const char *text);	/* no control characters */
const char *shape_domain(const char *text);	/* a domain name */
const char *shape_host(const char *text);	/* a domain name or an IP address, IPv6 with or without [] */
const char *shape_ehlo(const char *text);	/* a domain name or [address literal] */
const char *shape_address(const char *text);	/* roughly name@domain, at most 254 octets */
const char *shape_path(const char *text);	/* absolute */
const char *shape_variable(const char *text);	/* name of an environment variable */

#endif
