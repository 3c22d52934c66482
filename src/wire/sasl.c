/*
 * sasl: GNU SASL as the client side of PLAIN (RFC 4616) and LOGIN, in the line form of SMTP (RFC 4954).
 *
 * gsasl_step64() frees its raw copy of the password without wiping it, and gsasl_finish() its properties,
 * so the steps are encoded here and the properties wiped before.
 */
#include "wire/sasl.h"

#include <gsasl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SASL_BASE64 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
#define SASL_DECODED_MAX 1024		/* octets, of one word of a reply */
#define SASL_BEGINS 8

struct sasl {
	Gsasl         *library;
	Gsasl_session *session;
	bool           is_client_first;
	bool           is_done;
};

const char *const *
sasl_preference(enum relay_auth auth)
{
	/* PLAIN first: it saves two round trips */
	static const char *const both[] = {"PLAIN", "LOGIN", NULL};
	static const char *const plain[] = {"PLAIN", NULL};
	static const char *const login[] = {"LOGIN", NULL};

	return auth == RELAY_AUTH_PLAIN ? plain : auth == RELAY_AUTH_LOGIN ? login : both;
}

static void
sasl_wipe(char *data, size_t length)
{
	if (data == NULL)
		return;
	explicit_bzero(data, length);
	gsasl_free(data);
}

static int
sasl_set(struct sasl *sasl, const char *user, const struct buffer *secret, const char *host)
{
	int result;

	if ((result = gsasl_property_set(sasl->session, GSASL_AUTHID, user)) != GSASL_OK)
		return result;
	if ((result = gsasl_property_set(sasl->session, GSASL_SERVICE, "smtp")) != GSASL_OK)
		return result;
	if ((result = gsasl_property_set(sasl->session, GSASL_HOSTNAME, host)) != GSASL_OK)
		return result;
	return gsasl_property_set_raw(sasl->session, GSASL_PASSWORD, secret->length > 0 ? secret->data : "",
	    secret->length);
}

struct sasl *
sasl_new(const char *mechanism, const char *user, const struct buffer *secret, const char *host,
    struct outcome *outcome)
{
	struct sasl *sasl = memory_alloc(sizeof(*sasl));
	int result;

	result = gsasl_init(&sasl->library);
	if (result == GSASL_OK)
		result = gsasl_client_start(sasl->library, mechanism, &sasl->session);
	if (result == GSASL_OK)
		result = sasl_set(sasl, user, secret, host);
	if (result != GSASL_OK) {
		outcome_set(outcome, VERDICT_DEFERRED, STAGE_AUTH,
		    result == GSASL_UNKNOWN_MECHANISM ? CAUSE_AUTH_MECHANISM : CAUSE_LOCAL, "%s: %s",
		    mechanism, gsasl_strerror(result));
		sasl_free(sasl);
		return NULL;
	}
	sasl->is_client_first = strcmp(mechanism, "LOGIN") != 0;
	return sasl;
}

/* Appends in base64 and wipes what it was made from. */
static int
sasl_append(struct buffer *line, char *raw, size_t length)
{
	char *text = NULL;
	size_t text_length = 0;
	int result;

	result = gsasl_base64_to(raw != NULL ? raw : "", length, &text, &text_length) == GSASL_OK ? 0 : -1;
	sasl_wipe(raw, length);
	if (result == 0)
		result = buffer_append(line, text, text_length);
	sasl_wipe(text, text_length);
	return result;
}

int
sasl_step(struct sasl *sasl, const char *challenge, struct buffer *line)
{
	char *input = NULL, *output = NULL;
	size_t input_length = 0, output_length = 0;
	int result;

	if (challenge == NULL && !sasl->is_client_first)
		return 0;
	if (sasl->is_done)
		return -1;
	if (challenge != NULL && challenge[0] != '\0' &&
	    gsasl_base64_from(challenge, strlen(challenge), &input, &input_length) != GSASL_OK)
		return -1;
	result = gsasl_step(sasl->session, input, input_length, &output, &output_length);
	gsasl_free(input);
	if (result != GSASL_OK && result != GSASL_NEEDS_MORE)
		return -1;
	sasl->is_done = result == GSASL_OK;
	if (challenge == NULL && output_length == 0) {
		gsasl_free(output);
		return buffer_append_text(line, "=");
	}
	return sasl_append(line, output, output_length);
}

void
sasl_free(struct sasl *sasl)
{
	const char *password;

	if (sasl == NULL)
		return;
	if (sasl->session != NULL) {
		password = gsasl_property_fast(sasl->session, GSASL_PASSWORD);
		/* the session's own copy, which it is about to free */
		if (password != NULL)
			explicit_bzero((char *)password, strlen(password));
		gsasl_finish(sasl->session);
	}
	if (sasl->library != NULL)
		gsasl_done(sasl->library);
	free(sasl);
}

static int
sasl_sextet(char octet)
{
	static const char alphabet[] = SASL_BASE64;
	const char *at = octet != '\0' ? strchr(alphabet, octet) : NULL;

	return at != NULL ? (int)(at - alphabet) : -1;
}

/* `begins` in what base64 at `text` stands for; as far as it is base64. */
static bool
sasl_is_in_base64(const char *text, const char *begins)
{
	unsigned char octets[SASL_DECODED_MAX];
	size_t length = 0;
	unsigned bits = 0, count = 0;
	bool told;
	int sextet;

	while (length < sizeof(octets) && (sextet = sasl_sextet(*text++)) >= 0) {
		bits = (bits << 6 | (unsigned)sextet) & 0xffffU;
		count += 6;
		if (count < 8)
			continue;
		count -= 8;
		octets[length++] = (unsigned char)(bits >> count);
	}
	told = memmem(octets, length, begins, strlen(begins)) != NULL;
	explicit_bzero(octets, sizeof(octets));
	return told;
}

bool
sasl_is_told(const struct buffer *secret, const char *text)
{
	char begins[SASL_BEGINS + 1], *encoded = NULL;
	size_t length = 0;
	bool told;

	if (secret->length < SASL_BEGINS / 2)
		return false;
	/* the first of LOGIN's base64 of it, cut however short */
	if (gsasl_base64_to(secret->data, secret->length, &encoded, &length) != GSASL_OK)
		return true;
	(void)snprintf(begins, sizeof(begins), "%s", encoded);
	told = strstr(text, begins) != NULL;
	sasl_wipe(encoded, length);
	(void)snprintf(begins, sizeof(begins), "%s", secret->data);
	told = told || strstr(text, begins) != NULL;
	/* LOGIN's base64 of the password, PLAIN's of user and password, or a piece of them: wherever it begins, one of four neighbours is right */
	for (const char *at = text; *at != '\0' && !told; at++) {
		size_t word = strspn(at, SASL_BASE64);

		for (size_t i = 0; i < 4 && i < word && !told; i++)
			told = sasl_is_in_base64(at + i, begins);
		at += word;
		if (*at == '\0')
			break;
	}
	explicit_bzero(begins, sizeof(begins));
	return told;
}
