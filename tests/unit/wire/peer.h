/*
 * peer: a scripted relay for the unit tests of the wire, in a process of its own on loopback, with certificates made at start.
 * Everything that it hears, in clear or inside TLS, is kept in memory that it shares with the test.
 *
 * A script is a list of steps: "S text" says a line, "s text" says octets as they are ("|" is CRLF), "R" hears a line, "T kind"
 * does the handshake with that certificate, "D text" says it octet by octet, 50 ms each, again and again, "Z" falls silent,
 * "N count" waits a little, then takes that many octets, each of which must be its place modulo 251, "K" waits a little, then
 * changes its keys and asks for new ones, "W ms" waits, "X" resets, "C" closes. When the script ends it listens until the other side closes.
 */
#ifndef MAILCRANE_TEST_PEER_H
#define MAILCRANE_TEST_PEER_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PEER_NAME "mail.example.test"
#define PEER_STEPS 24
#define PEER_HEARD 65536
#define PEER_GUARD 30		/* s: no peer lives longer */

struct peer {
	uint16_t port;
	pid_t    pid;
	char    *heard;		/* shared, NUL-terminated */
};

struct peer_certificate {
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t     certificate;
};

struct peer_talk {
	int              fd;
	gnutls_session_t session;
	char            *heard;
	size_t           length;
};

static struct peer_certificate peer_ca;
static char peer_directory[] = "/tmp/wire-XXXXXX";
static char peer_ca_file[64], peer_other_file[64], peer_empty_file[64];

static void
peer_must(bool holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "peer: %s\n", what);
	_exit(99);
}

/* Days are counted from now; name and ip may be NULL. Signed by `issuer`, or by itself. */
static struct peer_certificate
peer_sign(const char *common_name, const char *name, const char *ip, int from, int until, const struct peer_certificate *issuer)
{
	struct peer_certificate made;
	unsigned char serial[] = {1, 2, 3, (unsigned char)rand()}, octets[4];
	time_t now = time(NULL);

	peer_must(gnutls_x509_privkey_init(&made.key) == 0 && gnutls_x509_crt_init(&made.certificate) == 0, "init");
	peer_must(gnutls_x509_privkey_generate(made.key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0) == 0,
	    "key");
	(void)gnutls_x509_crt_set_version(made.certificate, 3);
	(void)gnutls_x509_crt_set_serial(made.certificate, serial, sizeof(serial));
	(void)gnutls_x509_crt_set_dn_by_oid(made.certificate, GNUTLS_OID_X520_COMMON_NAME, 0, common_name,
	    (unsigned)strlen(common_name));
	(void)gnutls_x509_crt_set_activation_time(made.certificate, now + from * 86400L);
	(void)gnutls_x509_crt_set_expiration_time(made.certificate, now + until * 86400L);
	(void)gnutls_x509_crt_set_key(made.certificate, made.key);
	if (name != NULL)
		peer_must(gnutls_x509_crt_set_subject_alt_name(made.certificate, GNUTLS_SAN_DNSNAME, name, (unsigned)strlen(name),
		    GNUTLS_FSAN_APPEND) == 0, "san");
	if (ip != NULL)
		peer_must(inet_pton(AF_INET, ip, octets) == 1 && gnutls_x509_crt_set_subject_alt_name(made.certificate,
		    GNUTLS_SAN_IPADDRESS, octets, 4, GNUTLS_FSAN_APPEND) == 0, "san ip");
	(void)gnutls_x509_crt_set_basic_constraints(made.certificate, issuer == NULL && name == NULL, -1);
	if (issuer == NULL && name == NULL)
		(void)gnutls_x509_crt_set_key_usage(made.certificate, GNUTLS_KEY_KEY_CERT_SIGN);
	peer_must(gnutls_x509_crt_sign2(made.certificate, issuer != NULL ? issuer->certificate : made.certificate,
	    issuer != NULL ? issuer->key : made.key, GNUTLS_DIG_SHA256, 0) == 0, "sign");
	return made;
}

static void
peer_write_file(const char *path, const void *data, size_t length)
{
	FILE *file = fopen(path, "w");

	peer_must(file != NULL && fwrite(data, 1, length, file) == length && fclose(file) == 0, path);
}

static void
peer_write_certificate(const char *path, const struct peer_certificate *certificate)
{
	gnutls_datum_t pem;

	peer_must(gnutls_x509_crt_export2(certificate->certificate, GNUTLS_X509_FMT_PEM, &pem) == 0, "export");
	peer_write_file(path, pem.data, pem.size);
	gnutls_free(pem.data);
}

static void
peer_discard(struct peer_certificate *certificate)
{
	gnutls_x509_crt_deinit(certificate->certificate);
	gnutls_x509_privkey_deinit(certificate->key);
}

static void
peer_set_up(void)
{
	struct peer_certificate other;

	peer_must(mkdtemp(peer_directory) != NULL, "mkdtemp");
	(void)snprintf(peer_ca_file, sizeof(peer_ca_file), "%s/ca.pem", peer_directory);
	(void)snprintf(peer_other_file, sizeof(peer_other_file), "%s/other.pem", peer_directory);
	(void)snprintf(peer_empty_file, sizeof(peer_empty_file), "%s/empty.pem", peer_directory);
	peer_ca = peer_sign("Throwaway CA", NULL, NULL, -1, 10, NULL);
	other = peer_sign("Another CA", NULL, NULL, -1, 10, NULL);
	peer_write_certificate(peer_ca_file, &peer_ca);
	peer_write_certificate(peer_other_file, &other);
	peer_write_file(peer_empty_file, "nothing\n", 8);
	peer_discard(&other);
}

static void
peer_tear_down(void)
{
	(void)unlink(peer_ca_file);
	(void)unlink(peer_other_file);
	(void)unlink(peer_empty_file);
	(void)rmdir(peer_directory);
	peer_discard(&peer_ca);
}

static struct peer_certificate
peer_certificate(const char *kind)
{
	if (strcmp(kind, "expired") == 0)
		return peer_sign("x", PEER_NAME, NULL, -20, -2, &peer_ca);
	if (strcmp(kind, "not-yet") == 0)
		return peer_sign("x", PEER_NAME, NULL, 2, 9, &peer_ca);
	if (strcmp(kind, "self-signed") == 0)
		return peer_sign("x", PEER_NAME, NULL, -1, 9, NULL);
	if (strcmp(kind, "self-signed-expired") == 0)
		return peer_sign("x", PEER_NAME, NULL, -20, -2, NULL);
	if (strcmp(kind, "wrong-name") == 0)
		return peer_sign(PEER_NAME, "other.example.test", NULL, -1, 9, &peer_ca);
	if (strcmp(kind, "cn-only") == 0)
		return peer_sign(PEER_NAME, NULL, NULL, -1, 9, &peer_ca);
	if (strcmp(kind, "ip") == 0)
		return peer_sign("x", NULL, "127.0.0.1", -1, 9, &peer_ca);
	if (strcmp(kind, "other-ip") == 0)
		return peer_sign("127.0.0.1", NULL, "127.0.0.2", -1, 9, &peer_ca);
	if (strcmp(kind, "ip-as-name") == 0)
		return peer_sign("x", "127.0.0.1", NULL, -1, 9, &peer_ca);
	if (strcmp(kind, "wildcard") == 0)
		return peer_sign("x", "*.example.test", NULL, -1, 9, &peer_ca);
	if (strcmp(kind, "deep-wildcard") == 0)
		return peer_sign("x", "*.test", NULL, -1, 9, &peer_ca);
	if (strcmp(kind, "part-wildcard") == 0)
		return peer_sign("x", "ma*.example.test", NULL, -1, 9, &peer_ca);
	peer_must(strcmp(kind, "good") == 0 || strcmp(kind, "old") == 0 || strcmp(kind, "1.2") == 0, kind);
	return peer_sign("x", PEER_NAME, NULL, -1, 9, &peer_ca);
}

static void
peer_handshake(struct peer_talk *talk, const char *kind)
{
	gnutls_certificate_credentials_t credentials;
	struct peer_certificate certificate = peer_certificate(kind);
	gnutls_datum_t ticket;
	const char *priority = strcmp(kind, "old") == 0 ? "NORMAL:-VERS-ALL:+VERS-TLS1.1:+VERS-TLS1.0:%COMPAT" :
	    strcmp(kind, "1.2") == 0 ? "NORMAL:-VERS-ALL:+VERS-TLS1.2" : "NORMAL";

	peer_must(gnutls_certificate_allocate_credentials(&credentials) == 0 &&
	    gnutls_certificate_set_x509_key(credentials, &certificate.certificate, 1, certificate.key) == 0, "credentials");
	peer_must(gnutls_init(&talk->session, GNUTLS_SERVER) == 0 &&
	    gnutls_priority_set_direct(talk->session, priority, NULL) == 0, "session");
	peer_must(gnutls_session_ticket_key_generate(&ticket) == 0 &&
	    gnutls_session_ticket_enable_server(talk->session, &ticket) == 0, "tickets");
	(void)gnutls_credentials_set(talk->session, GNUTLS_CRD_CERTIFICATE, credentials);
	gnutls_transport_set_int(talk->session, talk->fd);
	/* the client may well leave here */
	if (gnutls_handshake(talk->session) < 0)
		_exit(0);
}

static ssize_t
peer_read(struct peer_talk *talk, char *octet)
{
	ssize_t count = talk->session != NULL ? gnutls_record_recv(talk->session, octet, 1) : read(talk->fd, octet, 1);

	if (count == 1 && talk->length < PEER_HEARD - 1)
		talk->heard[talk->length++] = *octet != '\0' ? *octet : '?';
	return count;
}

static void
peer_say(struct peer_talk *talk, const char *text, size_t length)
{
	ssize_t count = talk->session != NULL ? gnutls_record_send(talk->session, text, length) : write(talk->fd, text, length);

	if (count < 0)
		_exit(0);
}

static void
peer_count(struct peer_talk *talk, long count)
{
	unsigned char data[4096];
	ssize_t got;

	(void)usleep(300000);
	for (long at = 0; at < count;) {
		got = gnutls_record_recv(talk->session, data, sizeof(data));
		/* behind new keys */
		if (got == GNUTLS_E_AGAIN)
			continue;
		if (got <= 0)
			_exit(0);
		for (ssize_t i = 0; i < got; i++)
			if (data[i] != (at + i) % 251)
				_exit(0);
		at += got;
	}
}

static void
peer_step(struct peer_talk *talk, const char *step)
{
	const char *text = step[0] != '\0' && step[1] == ' ' ? step + 2 : "";
	struct linger reset = {1, 0};
	char line[4096], octet = '\0';
	size_t length = 0;

	for (; *text != '\0' && length < sizeof(line) - 3; text++) {
		if (*text == '|')
			line[length++] = '\r';
		line[length++] = *text == '|' ? '\n' : *text;
	}
	line[length] = '\0';
	switch (step[0]) {
	case 'S':
		memcpy(line + length, "\r\n", 2);
		peer_say(talk, line, length + 2);
		break;
	case 's':
		peer_say(talk, line, length);
		break;
	case 'R':
		while (octet != '\n')
			if (peer_read(talk, &octet) != 1)
				_exit(0);
		break;
	case 'T':
		peer_handshake(talk, line);
		break;
	case 'D':
		for (size_t i = 0;; i = (i + 1) % length) {
			peer_say(talk, line + i, 1);
			(void)usleep(50000);
		}
	case 'Z':
		for (;;)
			(void)pause();
	case 'N':
		peer_count(talk, strtol(line, NULL, 10));
		break;
	case 'K':
		(void)usleep(300000);
		if (gnutls_session_key_update(talk->session, GNUTLS_KU_PEER) < 0)
			_exit(0);
		break;
	case 'W':
		(void)usleep((useconds_t)atoi(step + 2) * 1000);
		break;
	case 'X':
		(void)setsockopt(talk->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		_exit(0);
	case 'C':
		_exit(0);
	default:
		peer_must(false, step);
	}
}

static void __attribute__((noreturn))
peer_run(int listener, char *heard, const char *const *steps)
{
	struct peer_talk talk = {.heard = heard};
	char octet;

	(void)alarm(PEER_GUARD);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGPIPE, SIG_IGN);
	talk.fd = accept(listener, NULL, NULL);
	peer_must(talk.fd >= 0, "accept");
	for (size_t i = 0; i < PEER_STEPS && steps[i] != NULL; i++)
		peer_step(&talk, steps[i]);
	while (peer_read(&talk, &octet) == 1)
		continue;
	_exit(0);
}

static struct peer
peer_start(const char *const *steps)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	struct peer peer;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	peer_must(listener >= 0 && bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(listener, 1) == 0 &&
	    getsockname(listener, (struct sockaddr *)&address, &size) == 0, "listen");
	peer.port = ntohs(address.sin_port);
	peer.heard = mmap(NULL, PEER_HEARD, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	peer_must(peer.heard != MAP_FAILED, "mmap");
	peer.pid = fork();
	peer_must(peer.pid >= 0, "fork");
	if (peer.pid == 0)
		peer_run(listener, peer.heard, steps);
	(void)close(listener);
	return peer;
}

/* After our side has closed: it hears the end by itself, but one that is silent has to be told. */
static void
peer_stop(struct peer *peer)
{
	for (int i = 0; i < 20; i++) {
		if (waitpid(peer->pid, NULL, WNOHANG) == peer->pid)
			return;
		(void)usleep(10000);
	}
	(void)kill(peer->pid, SIGKILL);
	(void)waitpid(peer->pid, NULL, 0);
}

static void
peer_free(struct peer *peer)
{
	(void)munmap(peer->heard, PEER_HEARD);
}

#endif
