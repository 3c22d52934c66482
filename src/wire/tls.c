/*
 * tls: TLS 1.2 (RFC 5246) and 1.3 (RFC 8446) through GnuTLS; the certificate's name by RFC 7817 and 6125.
 *
 * The descriptor does not block; GnuTLS never waits, we do. Its verdict on the chain is taken as it is; the
 * name is checked here as well, since older versions fall back to the common name where a certificate has
 * no name in its SAN.
 */
#include "wire/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/text.h"

#define TLS_CA_FILE_MAX 16777216
#define TLS_NOISE_MAX 8			/* warnings and refused renegotiations that one read bears */
#define TLS_OUT_MAX 65536		/* a record, and what answers the relay's alerts and requests for new keys */
#define TLS_PRIORITY "-VERS-SSL3.0:-VERS-TLS1.0:-VERS-TLS1.1"

struct tls_trust {
	char *ca_file;
	gnutls_certificate_credentials_t credentials;
	bool  is_loaded;
};

struct tls {
	int              fd;
	gnutls_session_t session;
	short            wants;
	bool             is_open;	/* behind the handshake: what the socket does not take waits in `out` */
	struct buffer    out;		/* records, or the rest of one */
	size_t           unsent;	/* octets of the caller's that are in `out` */
	char             name[256];	/* as a certificate would have it */
	char             heard[8];	/* the first octets that came: TLS, or something else? */
	size_t           heard_length;
	char             description[96];
	char             protocol[16];
	struct tls_certificate certificate;
};

static void
tls_fail(struct outcome *outcome, enum cause cause, const char *what, const char *why)
{
	outcome_set(outcome, VERDICT_DEFERRED, STAGE_TLS, cause, "%s%s", what, why);
}

/* ---- trust ---- */

struct tls_trust *
tls_trust_new(const char *ca_file)
{
	struct tls_trust *trust = memory_alloc(sizeof(*trust));

	if (ca_file != NULL)
		trust->ca_file = memory_copy_text(ca_file);
	return trust;
}

void
tls_trust_free(struct tls_trust *trust)
{
	if (trust == NULL)
		return;
	if (trust->credentials != NULL)
		gnutls_certificate_free_credentials(trust->credentials);
	free(trust->ca_file);
	free(trust);
}

/* Certificates found, 0 when there is none in it, -1 with errno when the file can't be read. */
static int
tls_trust_load_file(struct tls_trust *trust, const char *path)
{
	gnutls_datum_t pem = {0};
	size_t length;
	int fd, count, saved;
	char *text;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return -1;
	text = file_slurp(fd, TLS_CA_FILE_MAX, &length);
	saved = errno;
	(void)close(fd);
	errno = saved;
	if (text == NULL)
		return -1;
	pem.data = (unsigned char *)text;
	pem.size = (unsigned)length;
	count = gnutls_certificate_set_x509_trust_mem(trust->credentials, &pem, GNUTLS_X509_FMT_PEM);
	free(text);
	return count > 0 ? count : 0;
}

/* As above; where GnuTLS was built without a system store, the usual places are tried. */
static int
tls_trust_load_system(struct tls_trust *trust)
{
	static const char *const bundles[] = {"/etc/ssl/certs/ca-certificates.crt",
	    "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"};

	if (gnutls_certificate_set_x509_system_trust(trust->credentials) > 0)
		return 1;
	for (size_t i = 0; i < sizeof(bundles) / sizeof(bundles[0]); i++)
		if (tls_trust_load_file(trust, bundles[i]) > 0)
			return 1;
	return 0;
}

int
tls_trust_load(struct tls_trust *trust, struct outcome *outcome)
{
	int count;

	if (trust->is_loaded)
		return 0;
	if (trust->credentials == NULL && gnutls_certificate_allocate_credentials(&trust->credentials) < 0)
		memory_fail();
	count = trust->ca_file != NULL ? tls_trust_load_file(trust, trust->ca_file) :
	    tls_trust_load_system(trust);
	if (count > 0) {
		trust->is_loaded = true;
		return 0;
	}
	if (trust->ca_file == NULL)
		tls_fail(outcome, CAUSE_TRUST_STORE,
		    "no CA certificates on this system: install ca-certificates, or set tls_ca_file", "");
	else
		outcome_set(outcome, VERDICT_DEFERRED, STAGE_TLS, CAUSE_TRUST_STORE, "tls_ca_file %s: %s",
		    trust->ca_file, count < 0 ? strerror(errno) : "no PEM certificate in it");
	return -1;
}

/* ---- verification ---- */

/* The name as a certificate would have it: without brackets, zone and final dot. -1: no name. */
static int
tls_name(const char *name, char *bare, size_t size)
{
	size_t length = strlen(name);

	if (length >= 2 && name[0] == '[' && name[length - 1] == ']') {
		name++;
		length -= 2;
	}
	if (memchr(name, ':', length) != NULL && memchr(name, '%', length) != NULL)
		length = strcspn(name, "%");
	else if (length > 1 && name[length - 1] == '.')
		length--;
	if (length == 0 || length >= size)
		return -1;
	memcpy(bare, name, length);
	bare[length] = '\0';
	return 0;
}

/* Length of the address in `octets`, 0 when the name is none. */
static size_t
tls_name_address(const char *bare, unsigned char octets[16])
{
	if (inet_pton(AF_INET, bare, octets) == 1)
		return 4;
	return inet_pton(AF_INET6, bare, octets) == 1 ? 16 : 0;
}

/* Walks as gnutls_x509_crt_check_hostname2() of GnuTLS 3.7 does, with the same buffer: it falls back to the
 * common name only when this finds nothing. Some of the names go to `names`, for people. */
static bool
tls_certificate_has_name(gnutls_x509_crt_t certificate, char *names, size_t size)
{
	char name[256];
	size_t length, used = 0;
	bool found = false;
	int type;

	names[0] = '\0';
	for (unsigned i = 0;; i++) {
		length = sizeof(name);
		type = gnutls_x509_crt_get_subject_alt_name(certificate, i, name, &length, NULL);
		if (type < 0)
			break;
		if (type != GNUTLS_SAN_DNSNAME)
			continue;
		found = true;
		if (used + length + 2 >= size || i > 3)
			continue;
		used += (size_t)snprintf(names + used, size - used, "%s%.*s", used > 0 ? " " : "",
		    (int)length, name);
	}
	return found;
}

static bool
tls_name_matches(gnutls_x509_crt_t certificate, const char *bare, char *names, size_t size)
{
	unsigned char octets[16];
	size_t length = tls_name_address(bare, octets);
	bool has_name = tls_certificate_has_name(certificate, names, size);
	gnutls_datum_t ascii = {0};
	bool matches;

	if (length > 0)
		return gnutls_x509_crt_check_ip(certificate, octets, (unsigned)length, 0) != 0;
	if (!has_name || gnutls_idna_map(bare, (unsigned)strlen(bare), &ascii, 0) < 0)
		return false;
	matches = gnutls_x509_crt_check_hostname2(certificate, (char *)ascii.data, 0) != 0;
	gnutls_free(ascii.data);
	return matches;
}

static void
tls_format_date(time_t moment, char date[16])
{
	struct tm parts;

	if (moment == (time_t)-1 || gmtime_r(&moment, &parts) == NULL ||
	    strftime(date, 16, "%Y-%m-%d", &parts) == 0)
		memcpy(date, "?", 2);
}

/* What is wrong, all of it, in the order in which a cause is chosen. The date comes first: it is true whoever
 * signed it, and a wrong clock makes a good certificate bad. */
static const struct tls_fault {
	unsigned    status;
	enum cause  cause;
	const char *text;
} tls_faults[] = {
	{GNUTLS_CERT_REVOKED, CAUSE_CERT_OTHER, "revoked"},
	{GNUTLS_CERT_NOT_ACTIVATED, CAUSE_CERT_NOT_YET, "not valid yet (wrong clock?)"},
	{GNUTLS_CERT_EXPIRED, CAUSE_CERT_EXPIRED, "expired"},
	{GNUTLS_CERT_UNEXPECTED_OWNER, CAUSE_CERT_NAME, "not for this name"},
	{GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNER_NOT_CA, CAUSE_CERT_ISSUER, "unknown issuer"},
	{GNUTLS_CERT_SIGNATURE_FAILURE, CAUSE_CERT_OTHER, "bad signature"},
	{GNUTLS_CERT_INSECURE_ALGORITHM, CAUSE_CERT_OTHER, "weak algorithm"},
	{GNUTLS_CERT_PURPOSE_MISMATCH, CAUSE_CERT_OTHER, "not a server's certificate"},
	{~0U, CAUSE_CERT_OTHER, "not acceptable"},
};

static void
tls_explain(const struct tls *tls, gnutls_x509_crt_t certificate, unsigned status, struct outcome *outcome)
{
	const struct tls_certificate *shown = &tls->certificate;
	char from[16], until[16], text[160] = "";
	enum cause cause = CAUSE_NONE;
	size_t used = 0;

	tls_format_date(shown->from, from);
	tls_format_date(shown->until, until);
	status &= ~(unsigned)GNUTLS_CERT_INVALID;
	for (size_t i = 0; i < sizeof(tls_faults) / sizeof(tls_faults[0]) && used < sizeof(text); i++) {
		if ((status & tls_faults[i].status) == 0 &&
		    !(cause == CAUSE_NONE && tls_faults[i].status == ~0U))
			continue;
		if (cause == CAUSE_NONE)
			cause = tls_faults[i].cause;
		status &= ~tls_faults[i].status;
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", used > 0 ? ", " : "",
		    tls_faults[i].text);
	}
	if (gnutls_x509_crt_check_issuer(certificate, certificate) != 0 && used < sizeof(text))
		(void)snprintf(text + used, sizeof(text) - used, ", self-signed");
	outcome_set(outcome, VERDICT_DEFERRED, STAGE_TLS, cause,
	    "certificate for %s: %s; %s to %s, for %s, issuer %s", tls->name, text, from, until,
	    shown->names[0] != '\0' ? shown->names : "no name", shown->issuer);
}

static void
tls_note_certificate(struct tls *tls, gnutls_x509_crt_t certificate)
{
	struct tls_certificate *shown = &tls->certificate;
	char issuer[512] = "?";
	size_t length = sizeof(issuer);

	shown->from = gnutls_x509_crt_get_activation_time(certificate);
	shown->until = gnutls_x509_crt_get_expiration_time(certificate);
	(void)gnutls_certificate_get_peers(tls->session, &shown->chain);
	if (gnutls_x509_crt_get_issuer_dn(certificate, issuer, &length) < 0)
		memcpy(issuer, "?", 2);
	text_printable(shown->issuer, sizeof(shown->issuer), issuer, strlen(issuer), true);
}

/* The chain, the dates and the name. 0, or -1 and *outcome. */
static int
tls_verify_leaf(struct tls *tls, gnutls_x509_crt_t certificate, struct outcome *outcome)
{
	unsigned char oid[] = GNUTLS_KP_TLS_WWW_SERVER;
	gnutls_typed_vdata_st purpose = {.type = GNUTLS_DT_KEY_PURPOSE_OID, .data = oid, .size = 0};
	char names[sizeof(tls->certificate.names)];
	unsigned status = 0;
	time_t now = time(NULL);
	int result;

	tls_note_certificate(tls, certificate);
	result = gnutls_certificate_verify_peers(tls->session, &purpose, 1, &status);
	if (result < 0) {
		tls_fail(outcome, CAUSE_CERT_OTHER, "certificate: ", gnutls_strerror(result));
		return -1;
	}
	/* GnuTLS does not always look at the dates of a certificate whose issuer it does not know */
	if (tls->certificate.until == (time_t)-1 || tls->certificate.until < now)
		status |= GNUTLS_CERT_EXPIRED;
	if (tls->certificate.from > now)
		status |= GNUTLS_CERT_NOT_ACTIVATED;
	if (!tls_name_matches(certificate, tls->name, names, sizeof(names)))
		status |= GNUTLS_CERT_UNEXPECTED_OWNER;
	text_printable(tls->certificate.names, sizeof(tls->certificate.names), names, strlen(names), true);
	if (status == 0)
		return 0;
	tls_explain(tls, certificate, status, outcome);
	return -1;
}

static int
tls_verify(struct tls *tls, struct outcome *outcome)
{
	const gnutls_datum_t *chain;
	gnutls_x509_crt_t certificate = NULL;
	unsigned count = 0;
	int result = -1;

	chain = gnutls_certificate_get_peers(tls->session, &count);
	if (gnutls_certificate_type_get2(tls->session, GNUTLS_CTYPE_SERVER) != GNUTLS_CRT_X509 ||
	    chain == NULL || count == 0 || gnutls_x509_crt_init(&certificate) < 0 ||
	    gnutls_x509_crt_import(certificate, &chain[0], GNUTLS_X509_FMT_DER) < 0)
		tls_fail(outcome, CAUSE_CERT_OTHER, "no X.509 certificate that can be read", "");
	else
		result = tls_verify_leaf(tls, certificate, outcome);
	if (certificate != NULL)
		gnutls_x509_crt_deinit(certificate);
	return result;
}

/* ---- session ---- */

/* As GnuTLS reads by itself, but keeps the first octets: only they tell clear text from broken TLS. */
static ssize_t
tls_pull(gnutls_transport_ptr_t pointer, void *data, size_t size)
{
	struct tls *tls = pointer;
	ssize_t count = recv(tls->fd, data, size, 0);

	if (count > 0 && tls->heard_length == 0) {
		tls->heard_length = (size_t)count < sizeof(tls->heard) ? (size_t)count : sizeof(tls->heard);
		memcpy(tls->heard, data, tls->heard_length);
	}
	return count;
}

/* Behind the handshake it takes everything. GnuTLS (measured: 3.7) can't have a record of its own that waits for the socket
 * while it reads: an alert, or the answer to a request for new keys, would be taken for the rest of that record, and the
 * session breaks or counts wrong. */
static ssize_t
tls_push(gnutls_transport_ptr_t pointer, const giovec_t *pieces, int count)
{
	struct tls *tls = pointer;
	struct msghdr message = {.msg_iov = (struct iovec *)pieces, .msg_iovlen = (size_t)count};
	ssize_t sent, total = 0;

	if (!tls->is_open)
		return sendmsg(tls->fd, &message, MSG_NOSIGNAL);
	sent = tls->out.length > 0 ? 0 : sendmsg(tls->fd, &message, MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
		return -1;
	if (sent < 0)
		sent = 0;
	for (int i = 0; i < count; i++) {
		size_t done = (size_t)sent < pieces[i].iov_len ? (size_t)sent : pieces[i].iov_len;

		if (buffer_append(&tls->out, (const char *)pieces[i].iov_base + done, pieces[i].iov_len - done) != 0)
			return -1;
		sent -= (ssize_t)done;
		total += (ssize_t)pieces[i].iov_len;
	}
	return total;
}

static int
tls_start(struct tls *tls, struct tls_trust *trust)
{
	unsigned char octets[16];
	int result;

	result = gnutls_init(&tls->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK);
	if (result < 0)
		return result;
	/* the system's policy, and never less than TLS 1.2 */
	if ((result = gnutls_set_default_priority_append(tls->session, TLS_PRIORITY, NULL, 0)) < 0)
		return result;
	if ((result = gnutls_credentials_set(tls->session, GNUTLS_CRD_CERTIFICATE, trust->credentials)) < 0)
		return result;
	if (tls_name_address(tls->name, octets) == 0 &&
	    (result = gnutls_server_name_set(tls->session, GNUTLS_NAME_DNS, tls->name, strlen(tls->name))) < 0)
		return result;
	gnutls_transport_set_ptr(tls->session, tls);
	gnutls_transport_set_pull_function(tls->session, tls_pull);
	gnutls_transport_set_vec_push_function(tls->session, tls_push);
	gnutls_handshake_set_timeout(tls->session, GNUTLS_INDEFINITE_TIMEOUT);
	return 0;
}

static void
tls_note_direction(struct tls *tls)
{
	tls->wants = gnutls_record_get_direction(tls->session) == 0 ? POLLIN : POLLOUT;
}

static void
tls_handshake_failed(struct tls *tls, int error, struct outcome *outcome)
{
	char shown[128], text[128];
	ssize_t more;

	/* a TLS record from a server begins with the octet of a handshake or an alert */
	if (tls->heard_length > 0 && tls->heard[0] != 0x16 && tls->heard[0] != 0x15) {
		memcpy(shown, tls->heard, tls->heard_length);
		more = recv(tls->fd, shown + tls->heard_length, sizeof(shown) - tls->heard_length,
		    MSG_PEEK | MSG_DONTWAIT);
		text_printable(text, sizeof(text), shown, tls->heard_length + (more > 0 ? (size_t)more : 0),
		    true);
		tls_fail(outcome, CAUSE_TLS_MODE, "clear text where TLS was expected: ", text);
	} else if (error == GNUTLS_E_PREMATURE_TERMINATION || error == GNUTLS_E_PULL_ERROR ||
	    error == GNUTLS_E_PUSH_ERROR) {
		tls_fail(outcome, CAUSE_CLOSED, "connection closed in the TLS handshake", "");
	} else if (error == GNUTLS_E_FATAL_ALERT_RECEIVED) {
		tls_fail(outcome, CAUSE_TLS, "the relay refused the TLS handshake: ",
		    gnutls_alert_get_name(gnutls_alert_get(tls->session)));
	} else {
		tls_fail(outcome, CAUSE_TLS, "TLS handshake: ", gnutls_strerror(error));
	}
}

static void
tls_describe(struct tls *tls)
{
	const char *version = gnutls_protocol_get_name(gnutls_protocol_get_version(tls->session));
	const char *group = gnutls_group_get_name(gnutls_group_get(tls->session));
	const char *cipher = gnutls_cipher_get_name(gnutls_cipher_get(tls->session));

	if (group == NULL)
		group = gnutls_kx_get_name(gnutls_kx_get(tls->session));
	(void)snprintf(tls->protocol, sizeof(tls->protocol), "%s", version != NULL ? version : "?");
	(void)snprintf(tls->description, sizeof(tls->description), "%s %s %s", tls->protocol, group != NULL ?
	    group : "?", cipher != NULL ? cipher : "?");
}

struct tls *
tls_begin(int fd, const char *name, struct tls_trust *trust, struct outcome *outcome)
{
	struct tls *tls;
	int result;

	if (tls_trust_load(trust, outcome) != 0)
		return NULL;
	tls = memory_alloc(sizeof(*tls));
	tls->fd = fd;
	buffer_init(&tls->out, TLS_OUT_MAX);
	if (tls_name(name, tls->name, sizeof(tls->name)) != 0) {
		tls_fail(outcome, CAUSE_CERT_NAME, "no certificate can be for this name", "");
	} else {
		result = tls_start(tls, trust);
		if (result >= 0)
			return tls;
		tls_fail(outcome, CAUSE_TLS, "TLS can't be set up: ", gnutls_strerror(result));
	}
	tls_free(tls);
	return NULL;
}

int
tls_handshake(struct tls *tls, struct outcome *outcome)
{
	int result = GNUTLS_E_AGAIN;

	/* a warning ("unrecognized name") is no failure; more than a few at once are */
	for (int noise = 0; noise < TLS_NOISE_MAX; noise++) {
		result = gnutls_handshake(tls->session);
		if (result >= 0 || result == GNUTLS_E_AGAIN || gnutls_error_is_fatal(result))
			break;
	}
	if (result == GNUTLS_E_AGAIN) {
		tls_note_direction(tls);
		return 0;
	}
	if (result < 0) {
		tls_handshake_failed(tls, result, outcome);
		return -1;
	}
	if (tls_verify(tls, outcome) != 0)
		return -1;
	tls_describe(tls);
	tls->is_open = true;
	return 1;
}

bool
tls_was_heard(const struct tls *tls)
{
	return tls->heard_length > 0;
}

/* errno for a GnuTLS error that ends the session */
static ssize_t
tls_broken(int error)
{
	errno = error == GNUTLS_E_PULL_ERROR || error == GNUTLS_E_PUSH_ERROR ? ECONNRESET : EPROTO;
	return -1;
}

static ssize_t
tls_again(struct tls *tls, short wants)
{
	tls->wants = wants;
	errno = EAGAIN;
	return -1;
}

/* Sends what waits. 0 when nothing waits any more, else -1 with errno. */
static int
tls_drain(struct tls *tls)
{
	while (tls->out.length > 0) {
		ssize_t sent = send(tls->fd, tls->out.data, tls->out.length, MSG_NOSIGNAL);

		if (sent > 0)
			buffer_consume(&tls->out, (size_t)sent);
		else if (sent == 0 || errno == EAGAIN || errno == EWOULDBLOCK)
			return (int)tls_again(tls, POLLOUT);
		else if (errno != EINTR)
			return (int)tls_broken(GNUTLS_E_PUSH_ERROR);
	}
	return 0;
}

ssize_t
tls_read(struct tls *tls, void *data, size_t size)
{
	ssize_t count;

	for (int noise = 0; noise < TLS_NOISE_MAX; noise++) {
		count = gnutls_record_recv(tls->session, data, size);
		if (count >= 0)
			return count;
		switch (count) {
		case GNUTLS_E_PREMATURE_TERMINATION:
			/* nothing is lost by it: SMTP replies say themselves where they end */
			return 0;
		case GNUTLS_E_AGAIN:
			return tls_again(tls, POLLIN);
		case GNUTLS_E_REHANDSHAKE:
			/* RFC 5746 and 7525: nobody renegotiates a submission; the relay may go on without */
			(void)gnutls_alert_send(tls->session, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
			break;
		case GNUTLS_E_INTERRUPTED:
		case GNUTLS_E_WARNING_ALERT_RECEIVED:
			break;
		default:
			return tls_broken((int)count);
		}
	}
	errno = EPROTO;
	return -1;
}

ssize_t
tls_write(struct tls *tls, const void *data, size_t length)
{
	ssize_t count;

	if (length < tls->unsent) {
		errno = EINVAL;
		return -1;
	}
	if (tls_drain(tls) != 0)
		return -1;
	if (tls->unsent == 0) {
		do {
			count = gnutls_record_send(tls->session, data, length);
		} while (count == GNUTLS_E_INTERRUPTED);
		if (count < 0)
			return tls_broken((int)count);
		tls->unsent = (size_t)count;
		/* octets count as written when the socket has the whole record: before that nobody can read them */
		if (tls_drain(tls) != 0)
			return -1;
	}
	count = (ssize_t)tls->unsent;
	tls->unsent = 0;
	return count;
}

short
tls_wants(const struct tls *tls)
{
	return tls->wants;
}

size_t
tls_pending(const struct tls *tls)
{
	return gnutls_record_check_pending(tls->session);
}

const char *
tls_description(const struct tls *tls)
{
	return tls->description;
}

const char *
tls_protocol(const struct tls *tls)
{
	return tls->protocol;
}

const struct tls_certificate *
tls_certificate(const struct tls *tls)
{
	return &tls->certificate;
}

void
tls_free(struct tls *tls)
{
	if (tls == NULL)
		return;
	if (tls->is_open && tls->out.length == 0)
		(void)gnutls_bye(tls->session, GNUTLS_SHUT_WR);
	if (tls->session != NULL)
		gnutls_deinit(tls->session);
	buffer_free(&tls->out);
	free(tls);
}
