/*
 * local: comparisons of domains, without case (RFC 5321 section 2.4).
 */
#include "message/local.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/text.h"
#include "message/address.h"

/* Behind the last "@"; NULL for a bare address. A quoted local part may hold others. */
static const char *
local_domain(const char *address)
{
	const char *at = strrchr(address, '@');

	return at != NULL && strchr(at, '"') == NULL ? at + 1 : NULL;
}

static bool
local_is_short_host(const struct local *local, const char *domain)
{
	size_t length = local->host != NULL ? strcspn(local->host, ".") : 0;

	return length > 0 && strlen(domain) == length && strchr(domain, '.') == NULL &&
	    text_prefix_nocase(local->host, domain);
}

/* A domain that only this host knows by that name. */
static bool
local_is_here(const struct local *local, const char *domain)
{
	return text_compare_nocase(domain, "localhost") == 0 || text_compare_nocase(domain, "localhost.localdomain") == 0 ||
	    local_is_short_host(local, domain);
}

bool
local_is_nowhere(const struct local *local, const char *address)
{
	const char *domain = local_domain(address);

	/* what the settings say has a meaning */
	return domain == NULL || (local_is_here(local, domain) && text_compare_nocase(domain, local->domain) != 0);
}

/* Without the quotes and backslashes of a quoted string. */
static char *
local_plain(const char *local, size_t length)
{
	char *plain = memory_alloc(length + 1);
	size_t n = 0;

	for (size_t i = 0; i < length; i++) {
		if (local[0] == '"' && local[i] == '"')
			continue;
		if (local[0] == '"' && local[i] == '\\' && i + 1 < length)
			i++;
		plain[n++] = local[i];
	}
	plain[n] = '\0';
	return plain;
}

char *
local_name(const struct local *local, const char *address)
{
	const char *domain = local_domain(address);

	if (address[0] == '\0')
		return NULL;
	if (domain == NULL)
		return local_plain(address, strlen(address));
	if (!local_is_here(local, domain) && (local->host == NULL || text_compare_nocase(domain, local->host) != 0))
		return NULL;
	return local_plain(address, (size_t)(domain - 1 - address));
}

char *
local_qualify(const struct local *local, const char *address)
{
	const char *domain = local_domain(address);
	char *part, *qualified;

	if (address[0] == '\0' || !local_is_nowhere(local, address))
		return memory_copy_text(address);
	part = memory_copy(address, domain != NULL ? (size_t)(domain - 1 - address) : strlen(address));
	qualified = address_qualify(part, local->domain);
	free(part);
	return qualified;
}
