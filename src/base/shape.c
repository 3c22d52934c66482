/*
 * shape: the checks that a value gets before anything is done with it (RFC 1123 section 2.1, RFC 5321
 * section 4.1.3).
 */
#include "base/shape.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

static bool
shape_is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

const char *
shape_plain(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return "there is a control character in it";
	return NULL;
}

const char *
shape_domain(const char *text)
{
	size_t label = 0, length = strlen(text);

	if (length == 0 || length > 253)
		return "a name has 1 to 253 octets";
	for (size_t i = 0; i < length; i++) {
		if ((unsigned char)text[i] >= 0x80)
			return "a name outside ASCII is written in its xn-- form";
		if (text[i] == '.') {
			if (label == 0 || text[i - 1] == '-' || i + 1 == length)
				return "a name has dots and hyphens only between other characters";
			label = 0;
			continue;
		}
		if (!shape_is_alphanumeric(text[i]) && text[i] != '_' && (text[i] != '-' || label == 0))
			return "this is not a host name";
		if (++label > 63)
			return "a part of a name has at most 63 octets";
	}
	return text[length - 1] == '-' ? "a name has dots and hyphens only between other characters" : NULL;
}

static bool
shape_is_ipv6(const char *text, size_t length)
{
	char address[INET6_ADDRSTRLEN];
	struct in6_addr binary;

	if (length >= sizeof(address))
		return false;
	memcpy(address, text, length);
	address[length] = '\0';
	return inet_pton(AF_INET6, address, &binary) == 1;
}

static bool
shape_is_bracketed(const char *text, size_t length)
{
	return length > 2 && text[0] == '[' && text[length - 1] == ']';
}

const char *
shape_host(const char *text)
{
	size_t length = strlen(text);
	const char *colon = strchr(text, ':');

	if (shape_is_ipv6(text, length) || (shape_is_bracketed(text, length) && shape_is_ipv6(text + 1, length - 2)))
		return NULL;
	if (strstr(text, "://") != NULL)
		return "write the host name alone, without protocol://";
	if (colon != NULL && text[strcspn(text, "0123456789")] != '\0' && text[0] != ':')
		return "write the host name alone; ports have a key of their own, ports = 587 465 2525";
	return shape_domain(text);
}

const char *
shape_ehlo(const char *text)
{
	size_t length = strlen(text);
	struct in_addr binary;
	char address[INET6_ADDRSTRLEN];

	if (!shape_is_bracketed(text, length))
		return shape_domain(text);
	if (text_prefix_nocase(text + 1, "IPv6:") && shape_is_ipv6(text + 6, length - 7))
		return NULL;
	if (length - 2 >= sizeof(address))
		return "this is not an address literal";
	memcpy(address, text + 1, length - 2);
	address[length - 2] = '\0';
	return inet_pton(AF_INET, address, &binary) == 1 ? NULL :
	    "an address literal looks like [192.0.2.1] or [IPv6:2001:db8::1]";
}

const char *
shape_address(const char *text)
{
	const char *at = strrchr(text, '@');

	if (strlen(text) > 254)
		return "an address has at most 254 octets";
	for (const char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c <= 0x20 || *c == 0x7f || *c == '<' || *c == '>' || *c == ',')
			return "this takes one bare address, without blanks, <, > and commas";
	if (at == NULL || at == text || at[1] == '\0')
		return "an address has the form name@domain";
	return at[1] == '[' ? shape_ehlo(at + 1) : shape_domain(at + 1);
}

const char *
shape_path(const char *text)
{
	if (text[0] != '/')
		return "this takes a whole path, from / on";
	return shape_plain(text);
}

const char *
shape_variable(const char *text)
{
	static const char wrong[] = "this takes the name of an environment variable";

	if (*text >= '0' && *text <= '9')
		return wrong;
	for (const char *c = text; *c != '\0'; c++)
		if (!shape_is_alphanumeric(*c) && *c != '_')
			return wrong;
	return *text != '\0' ? NULL : wrong;
}
