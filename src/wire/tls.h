/*
 * tls: GnuTLS over a connected non-blocking socket; it never waits. gnutls.h is included by tls.c only.
 * TLS 1.2 and up, system priorities (@SYSTEM, else NORMAL), session checked against the *configured* name: SAN only, no CN fall-back,
 * IP literals by iPAddress (RFC 7817); expired, not yet valid, unknown issuer and wrong name are told apart.
 */
#ifndef MAILCRANE_TLS_H
#define MAILCRANE_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

#include "base/outcome.h"

struct tls_trust;	/* CA certificates, loaded once, on first use (10-25 ms for a system store) */
struct tls;		/* one session */

/* What the other side showed, whether it was accepted or not; printable. */
struct tls_certificate {
	time_t   from, until;		/* until 0: none was shown */
	unsigned chain;			/* certificates that came along, its own included */
	char     names[128];		/* some of those in its SAN, blanks between */
	char     issuer[96];
};

/* NULL file: the system store. Does not read anything yet. */
struct tls_trust *tls_trust_new(const char *ca_file);
void tls_trust_free(struct tls_trust *trust);

/* Loads now if that has not been done: 0, or -1 and *outcome (stage TLS, cause TRUST_STORE: missing file, no certificate in
 * it, empty system store: "install ca-certificates"). */
int tls_trust_load(struct tls_trust *trust, struct outcome *outcome);

/* A session over the descriptor, which does not block; nothing is sent yet. `name` is the configured host. NULL and *outcome (stage TLS;
 * cause TRUST_STORE, CERT_NAME, TLS). tls_free it. */
struct tls *tls_begin(int fd, const char *name, struct tls_trust *trust, struct outcome *outcome);

/* Handshake and verification, as far as they go without waiting. 1: done; 0: call again when the socket is ready for what tls_wants()
 * says; -1 and *outcome (stage TLS; cause CLOSED, TLS, TLS_MODE when the other side spoke SMTP, CERT_...): nothing of ours but the
 * handshake was sent, and only tls_free may follow. */
int tls_handshake(struct tls *tls, struct outcome *outcome);
bool tls_was_heard(const struct tls *tls);	/* anything at all came from the other side */

/* As read() and write() with EAGAIN when the socket is not ready (tls_wants says for what); 0 is end of stream, closed
 * with or without close_notify; -1 with errno (EPROTO for a TLS error). Session tickets and rekeying are handled inside. After EAGAIN a write is repeated with the same
 * octets, which may be followed by more. */
ssize_t tls_read(struct tls *tls, void *data, size_t size);
ssize_t tls_write(struct tls *tls, const void *data, size_t length);
short tls_wants(const struct tls *tls);		/* POLLIN or POLLOUT, after EAGAIN */
size_t tls_pending(const struct tls *tls);	/* octets that can be read without the socket */

/* "TLS1.3 ECDHE-X25519 AES-256-GCM"-like, for log and demo: protocol first. */
const char *tls_description(const struct tls *tls);
const char *tls_protocol(const struct tls *tls);	/* "TLS1.3" */
const struct tls_certificate *tls_certificate(const struct tls *tls);

/* Sends close_notify if that does not block, frees. The descriptor stays open. NULL allowed. */
void tls_free(struct tls *tls);

#endif
