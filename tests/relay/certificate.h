/*
 * certificate: the relay's own throwaway CA and the certificates, good and bad, that it shows. GnuTLS x509 API (RFC 5280).
 */
#ifndef RELAY_CERTIFICATE_H
#define RELAY_CERTIFICATE_H

#include <gnutls/gnutls.h>

#include "store.h"

struct authority;

/* Takes up ca.pem and ca.key in the directory when they are there, else makes them. NULL with a message on stderr. */
struct authority *authority_open(const struct store *store);
void authority_free(struct authority *authority);

/* Credentials with a fresh server certificate. Kinds: good, expired, not-yet, self-signed, wrong-name, cn-only, other-ca,
 * gmail and gmail-other-ca (for smtp.gmail.com).
 * NULL when there is no such kind or GnuTLS refuses. */
gnutls_certificate_credentials_t certificate_credentials(const struct authority *authority, const char *kind);

#endif
