/*
 * sasl: SASL exchanges (RFC 4954, 4616) through GNU SASL. gsasl.h is included by sasl.c only. Knows no network: gives the client's lines
 * for the server's challenges. Everything it holds of the password is wiped by sasl_free.
 */
#ifndef MAILCRANE_SASL_H
#define MAILCRANE_SASL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/config.h"
#include "base/outcome.h"

struct sasl;

/* The mechanisms we would try, best first, as a NULL-terminated list of upper-case names: for auto PLAIN, LOGIN. */
const char *const *sasl_preference(enum relay_auth auth);

/* NULL and *outcome (stage AUTH) on failure. */
struct sasl *sasl_new(const char *mechanism, const char *user, const struct buffer *secret, const char *host, struct outcome *outcome);

/* Next line for the server, base64, no CRLF. `challenge` is the server's base64 text of a 334, or NULL for the initial
 * response (true client-first mechanisms give one, RFC 4954 section 4: "=" for an empty one; LOGIN gives none: *line stays empty).
 * 0, or -1 when the challenge makes no sense. */
int sasl_step(struct sasl *sasl, const char *challenge, struct buffer *line);
void sasl_free(struct sasl *sasl);

/* true when the text has the password in it, bare or in base64 as LOGIN and PLAIN send it; known by its first 8 octets, however it is cut. One of
 * less than 4 is never found: any text might have it. */
bool sasl_is_told(const struct buffer *secret, const char *text);

#endif
