/*
 * dsn: RFC 3461 sections 4.1 to 4.4; xtext by section 4. Strict, since what is accepted is kept and passed on.
 */
#include "message/dsn.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char dsn_hex[] = "0123456789ABCDEF";
static const char *const dsn_words[] = {"NEVER", "SUCCESS", "FAILURE", "DELAY"};	/* in the order of the bits */

#define DSN_WORDS (sizeof(dsn_words) / sizeof(dsn_words[0]))

/* Printable but for "+" and "=", and "+" with two hex digits in upper case. */
static bool
dsn_is_xtext(const char *value, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (value[i] < '!' || value[i] > '~' || value[i] == '=')
			return false;
		if (value[i] != '+')
			continue;
		if (length - i < 3 || memchr(dsn_hex, value[i + 1], 16) == NULL || memchr(dsn_hex, value[i + 2], 16) == NULL)
			return false;
		i += 2;
	}
	return length > 0;
}

static bool
dsn_is(const char *value, size_t length, const char *word)
{
	return strlen(word) == length && strncasecmp(value, word, length) == 0;
}

int
dsn_parse_return(const char *value, size_t length, enum dsn_return *ret)
{
	if (dsn_is(value, length, "FULL"))
		*ret = DSN_RETURN_FULL;
	else if (dsn_is(value, length, "HDRS"))
		*ret = DSN_RETURN_HEADERS;
	else
		return -1;
	return 0;
}

/* NEVER alone, or each of the others at most once. */
int
dsn_parse_notify(const char *value, size_t length, unsigned *notify)
{
	const char *end = value + length;
	unsigned found = 0;

	for (;;) {
		const char *comma = memchr(value, ',', (size_t)(end - value));
		size_t word = (size_t)((comma != NULL ? comma : end) - value);
		unsigned bit = 0;

		for (size_t i = 0; i < DSN_WORDS; i++)
			if (dsn_is(value, word, dsn_words[i]))
				bit = 1U << i;
		if (bit == 0 || (found & bit) != 0)
			return -1;
		found |= bit;
		if (comma == NULL)
			break;
		value = comma + 1;
	}
	if ((found & DSN_NEVER) != 0 && found != DSN_NEVER)
		return -1;
	*notify = found;
	return 0;
}

bool
dsn_is_envid(const char *value, size_t length)
{
	return length <= DSN_ENVID_MAX && dsn_is_xtext(value, length);
}

bool
dsn_is_orcpt(const char *value, size_t length)
{
	const char *semicolon = memchr(value, ';', length);
	size_t type = semicolon != NULL ? (size_t)(semicolon - value) : 0;

	if (type == 0 || length > DSN_ORCPT_MAX || !dsn_is_xtext(semicolon + 1, length - type - 1))
		return false;
	for (size_t i = 0; i < type; i++)	/* an atom */
		if (value[i] <= ' ' || value[i] > '~' || strchr("()<>@,;:\\\".[]=+", value[i]) != NULL)
			return false;
	return true;
}

int
dsn_envid(const char *value, char envid[DSN_ENVID_MAX + 1])
{
	size_t length = strlen(value), used = 0;
	bool is_encoded = dsn_is_xtext(value, length);

	for (size_t i = 0; i < length; i++) {
		bool is_plain = is_encoded || (value[i] > ' ' && value[i] != '+' && value[i] != '=');

		if (value[i] < ' ' || value[i] > '~' || used + (is_plain ? 1 : 3) > DSN_ENVID_MAX)
			return -1;
		if (is_plain) {
			envid[used++] = value[i];
			continue;
		}
		envid[used++] = '+';
		envid[used++] = dsn_hex[(unsigned char)value[i] >> 4];
		envid[used++] = dsn_hex[(unsigned char)value[i] & 15];
	}
	envid[used] = '\0';
	return used > 0 ? 0 : -1;
}

/* The value of a digit as RFC 3461 has it: upper case alone. */
static unsigned
dsn_digit(char digit)
{
	return (unsigned)((const char *)memchr(dsn_hex, digit, 16) - dsn_hex);
}

void
dsn_decode(const char *xtext, char *text, size_t size)
{
	bool is_good = dsn_is_xtext(xtext, strlen(xtext));
	size_t used = 0;

	for (const char *at = xtext; is_good && *at != '\0'; at++) {
		unsigned octet = (unsigned char)*at;

		if (octet == '+') {
			octet = dsn_digit(at[1]) * 16 + dsn_digit(at[2]);
			at += 2;
		}
		is_good = octet >= ' ' && octet <= '~' && used + 1 < size;
		if (is_good)
			text[used++] = (char)octet;
	}
	if (is_good)
		text[used] = '\0';
	else
		(void)snprintf(text, size, "%s", xtext);
}

const char *
dsn_return_text(enum dsn_return ret)
{
	static const char *const texts[] = {"", "FULL", "HDRS"};

	return texts[ret];
}

void
dsn_notify_text(unsigned notify, char text[DSN_NOTIFY_SIZE])
{
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < DSN_WORDS; i++)
		if ((notify & 1U << i) != 0)
			used += (size_t)snprintf(text + used, DSN_NOTIFY_SIZE - used, "%s%s", used > 0 ? "," : "", dsn_words[i]);
}

void
dsn_mail_parameters(enum dsn_return ret, const char *envid, char text[DSN_MAIL_SIZE])
{
	bool has_envid = envid != NULL && envid[0] != '\0';

	(void)snprintf(text, DSN_MAIL_SIZE, "%s%s%s%s", ret != DSN_RETURN_NONE ? " RET=" : "", dsn_return_text(ret),
	    has_envid ? " ENVID=" : "", has_envid ? envid : "");
}

void
dsn_rcpt_parameters(const struct dsn_wish *wish, char text[DSN_RCPT_SIZE])
{
	char notify[DSN_NOTIFY_SIZE] = "";
	bool has_orcpt = wish != NULL && wish->orcpt != NULL && wish->orcpt[0] != '\0';

	if (wish != NULL)
		dsn_notify_text(wish->notify, notify);
	(void)snprintf(text, DSN_RCPT_SIZE, "%s%s%s%s", notify[0] != '\0' ? " NOTIFY=" : "", notify,
	    has_orcpt ? " ORCPT=" : "", has_orcpt ? wish->orcpt : "");
}
