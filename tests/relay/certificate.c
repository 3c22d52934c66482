/*
 * certificate: throwaway CA, server certificates for localhost, relay.example.test, 127.0.0.1 and ::1, and the wrong ones
 * that a client must refuse. ECDSA on P-256, since keys are made at every start.
 */
#include "certificate.h"

#include <arpa/inet.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DAY ((time_t)86400)

struct authority {
	gnutls_x509_crt_t     crt;
	gnutls_x509_privkey_t key;
};

struct certificate_kind {
	const char *name;
	time_t from, until;		/* days from now */
	bool self_signed, other_ca, without_san, weak;
	const char *host;
	const char *issuer;	/* of other_ca, NULL: any */
};

static const struct certificate_kind certificate_kinds[] = {
	{.name = "good", .from = -1, .until = 30, .host = "localhost"},
	{.name = "expired", .from = -30, .until = -1, .host = "localhost"},
	{.name = "not-yet", .from = 2, .until = 30, .host = "localhost"},
	{.name = "self-signed", .from = -1, .until = 30, .self_signed = true, .host = "localhost"},
	{.name = "wrong-name", .from = -1, .until = 30, .host = "other.example.test"},
	{.name = "cn-only", .from = -1, .until = 30, .without_san = true, .host = "localhost"},
	{.name = "other-ca", .from = -1, .until = 30, .other_ca = true, .host = "localhost"},
	{.name = "gmail", .from = -1, .until = 30, .host = "smtp.gmail.com"},
	{.name = "gmail-other-ca", .from = -1, .until = 30, .other_ca = true, .host = "smtp.gmail.com"},
	{.name = "ends-soon", .from = -80, .until = 5, .host = "localhost"},
	{.name = "weak", .from = -1, .until = 30, .weak = true, .host = "localhost"},
	{.name = "zscaler", .from = -1, .until = 30, .other_ca = true, .host = "localhost", .issuer = "Zscaler Intermediate Root CA"},
};

static int
certificate_key(gnutls_x509_privkey_t *key)
{
	if (gnutls_x509_privkey_init(key) < 0)
		return -1;
	return gnutls_x509_privkey_generate(*key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
}

static int
certificate_begin(gnutls_x509_crt_t *crt, gnutls_x509_privkey_t key, const char *name, time_t from, time_t until)
{
	unsigned char serial[12];
	time_t now = time(NULL);
	int bad = 0;

	if (gnutls_x509_crt_init(crt) < 0 || gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial)) < 0)
		return -1;
	serial[0] = (unsigned char)((serial[0] & 0x3f) | 0x40);
	bad |= gnutls_x509_crt_set_version(*crt, 3) < 0;
	bad |= gnutls_x509_crt_set_serial(*crt, serial, sizeof(serial)) < 0;
	bad |= gnutls_x509_crt_set_dn_by_oid(*crt, GNUTLS_OID_X520_COMMON_NAME, 0, name, (unsigned)strlen(name)) < 0;
	bad |= gnutls_x509_crt_set_activation_time(*crt, now + from * DAY) < 0;
	bad |= gnutls_x509_crt_set_expiration_time(*crt, now + until * DAY) < 0;
	bad |= gnutls_x509_crt_set_key(*crt, key) < 0;
	return bad ? -1 : 0;
}

static int
authority_make(struct authority *authority, const char *name)
{
	if (certificate_key(&authority->key) != 0 || certificate_begin(&authority->crt, authority->key, name, -40, 60) != 0)
		return -1;
	gnutls_x509_crt_set_basic_constraints(authority->crt, 1, -1);
	gnutls_x509_crt_set_key_usage(authority->crt, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN);
	return gnutls_x509_crt_sign2(authority->crt, authority->crt, authority->key, GNUTLS_DIG_SHA256, 0);
}

static int
authority_save(const struct authority *authority, const struct store *store)
{
	gnutls_datum_t crt = {0}, key = {0};
	int bad = gnutls_x509_crt_export2(authority->crt, GNUTLS_X509_FMT_PEM, &crt) < 0 ||
	    gnutls_x509_privkey_export2(authority->key, GNUTLS_X509_FMT_PEM, &key) < 0 ||
	    store_file(store, "ca.key", key.data, key.size) != 0 || store_file(store, "ca.pem", crt.data, crt.size) != 0;

	gnutls_free(crt.data);
	gnutls_free(key.data);
	return bad ? -1 : 0;
}

static int
authority_load(struct authority *authority, const struct store *store)
{
	char crt_name[4096], key_name[4096];
	gnutls_datum_t crt = {0}, key = {0};
	int bad;

	snprintf(crt_name, sizeof(crt_name), "%s/ca.pem", store->directory);
	snprintf(key_name, sizeof(key_name), "%s/ca.key", store->directory);
	if (access(crt_name, R_OK) != 0 || access(key_name, R_OK) != 0)
		return -1;
	bad = gnutls_load_file(crt_name, &crt) < 0 || gnutls_load_file(key_name, &key) < 0 ||
	    gnutls_x509_crt_init(&authority->crt) < 0 || gnutls_x509_privkey_init(&authority->key) < 0 ||
	    gnutls_x509_crt_import(authority->crt, &crt, GNUTLS_X509_FMT_PEM) < 0 ||
	    gnutls_x509_privkey_import(authority->key, &key, GNUTLS_X509_FMT_PEM) < 0;
	gnutls_free(crt.data);
	gnutls_free(key.data);
	return bad ? -1 : 0;
}

struct authority *
authority_open(const struct store *store)
{
	struct authority *authority = calloc(1, sizeof(*authority));

	if (authority == NULL)
		return NULL;
	if (authority_load(authority, store) == 0)
		return authority;
	if (authority_make(authority, "throwaway test authority") == 0 && authority_save(authority, store) == 0)
		return authority;
	fprintf(stderr, "relay: can't make a certificate authority\n");
	authority_free(authority);
	return NULL;
}

void
authority_free(struct authority *authority)
{
	if (authority == NULL)
		return;
	if (authority->crt != NULL)
		gnutls_x509_crt_deinit(authority->crt);
	if (authority->key != NULL)
		gnutls_x509_privkey_deinit(authority->key);
	free(authority);
}

static int
certificate_names(gnutls_x509_crt_t crt, const struct certificate_kind *kind)
{
	static const char other[] = "relay.example.test";
	struct in_addr four = {htonl(INADDR_LOOPBACK)};
	int bad = gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, kind->host, (unsigned)strlen(kind->host),
	    GNUTLS_FSAN_APPEND) < 0;

	if (strcmp(kind->host, "localhost") != 0)
		return bad ? -1 : 0;
	bad |= gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, other, sizeof(other) - 1, GNUTLS_FSAN_APPEND) < 0;
	bad |= gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, &four, sizeof(four), GNUTLS_FSAN_APPEND) < 0;
	bad |= gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, &in6addr_loopback, sizeof(in6addr_loopback),
	    GNUTLS_FSAN_APPEND) < 0;
	return bad ? -1 : 0;
}

static int
certificate_make(const struct authority *authority, const struct certificate_kind *kind, gnutls_x509_crt_t *crt,
    gnutls_x509_privkey_t *key)
{
	struct authority other = {0};
	int bad = -1;

	/* the common name is an address that clients of these tests connect to, so that a fall-back to it would show */
	if (certificate_key(key) != 0 ||
	    certificate_begin(crt, *key, kind->without_san ? "127.0.0.1" : kind->host, kind->from, kind->until) != 0)
		return -1;
	if (!kind->without_san && certificate_names(*crt, kind) != 0)
		return -1;
	gnutls_x509_crt_set_basic_constraints(*crt, 0, -1);
	gnutls_x509_crt_set_key_usage(*crt, GNUTLS_KEY_DIGITAL_SIGNATURE);
	gnutls_x509_crt_set_key_purpose_oid(*crt, GNUTLS_KP_TLS_WWW_SERVER, 0);
	if (kind->self_signed)
		return gnutls_x509_crt_sign2(*crt, *crt, *key, GNUTLS_DIG_SHA256, 0);
	if (!kind->other_ca)
		return gnutls_x509_crt_sign2(*crt, authority->crt, authority->key, kind->weak ? GNUTLS_DIG_SHA1 : GNUTLS_DIG_SHA256, 0);
	if (authority_make(&other, kind->issuer != NULL ? kind->issuer : "somebody else's authority") == 0)
		bad = gnutls_x509_crt_sign2(*crt, other.crt, other.key, GNUTLS_DIG_SHA256, 0);
	if (other.crt != NULL)
		gnutls_x509_crt_deinit(other.crt);
	if (other.key != NULL)
		gnutls_x509_privkey_deinit(other.key);
	return bad;
}

gnutls_certificate_credentials_t
certificate_credentials(const struct authority *authority, const char *kind)
{
	const struct certificate_kind *found = NULL;
	gnutls_certificate_credentials_t credentials = NULL;
	gnutls_x509_crt_t crt = NULL;
	gnutls_x509_privkey_t key = NULL;

	for (size_t i = 0; i < sizeof(certificate_kinds) / sizeof(certificate_kinds[0]); i++)
		if (strcmp(kind, certificate_kinds[i].name) == 0)
			found = &certificate_kinds[i];
	if (found == NULL || certificate_make(authority, found, &crt, &key) != 0)
		goto out;
	if (gnutls_certificate_allocate_credentials(&credentials) < 0)
		goto out;
	if (gnutls_certificate_set_x509_key(credentials, &crt, 1, key) < 0) {
		gnutls_certificate_free_credentials(credentials);
		credentials = NULL;
	}
out:
	if (crt != NULL)
		gnutls_x509_crt_deinit(crt);
	if (key != NULL)
		gnutls_x509_privkey_deinit(key);
	return credentials;
}
