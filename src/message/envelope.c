/*
 * envelope: reverse-path and recipients (RFC 5321 section 2.3.1). The list of recipients grows by doubling: its room
 * is the next power of two of the count, so that no further member is needed.
 */
#include "message/envelope.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "message/address.h"

void
envelope_init(struct envelope *envelope)
{
	*envelope = (struct envelope){0};
}

void
envelope_free(struct envelope *envelope)
{
	if (envelope == NULL)
		return;
	envelope_wish(envelope, 0, 0, NULL);
	for (size_t i = 0; i < envelope->recipient_count; i++)
		free(envelope->recipients[i]);
	free(envelope->recipients);
	free(envelope->wishes);
	free(envelope->envid);
	free(envelope->relay);
	free(envelope->reverse_path);
	envelope_init(envelope);
}

void
envelope_set_reverse_path(struct envelope *envelope, const char *address)
{
	char *copy = memory_copy_text(address);

	free(envelope->reverse_path);
	envelope->reverse_path = copy;
}

/* Only the domain is without case (RFC 5321 section 2.4): Bob and bob may be two people. */
static bool
envelope_same(const char *a, const char *b)
{
	const char *at;
	size_t local;

	if (a[0] != b[0])
		return false;
	at = strrchr(a, '@');
	local = at != NULL ? (size_t)(at - a) : strlen(a);
	return strncmp(a, b, local) == 0 && strcasecmp(a + local, b + local) == 0;
}

int
envelope_add(struct envelope *envelope, const char *address)
{
	size_t count = envelope->recipient_count;

	for (size_t i = 0; i < count; i++)
		if (envelope_same(envelope->recipients[i], address))
			return 0;
	if (count >= ENVELOPE_RECIPIENTS_MAX)
		return -1;
	if ((count & (count - 1)) == 0) {
		size_t room = count > 0 ? count * 2 : 1;

		envelope->recipients = memory_resize(envelope->recipients, room, sizeof(char *));
		envelope->wishes = memory_resize(envelope->wishes, room, sizeof(*envelope->wishes));
	}
	envelope->recipients[count] = memory_copy_text(address);
	envelope->wishes[count] = (struct dsn_wish){0};
	envelope->recipient_count = count + 1;
	return 0;
}

void
envelope_wish(struct envelope *envelope, size_t first, unsigned notify, const char *orcpt)
{
	for (size_t i = first; i < envelope->recipient_count; i++) {
		struct dsn_wish *wish = &envelope->wishes[i];

		free(wish->orcpt);
		wish->notify = notify;
		wish->orcpt = orcpt != NULL && orcpt[0] != '\0' ? memory_copy_text(orcpt) : NULL;
	}
}

void
envelope_set_relay(struct envelope *envelope, const char *relay)
{
	free(envelope->relay);
	envelope->relay = relay != NULL && relay[0] != '\0' ? memory_copy_text(relay) : NULL;
}

void
envelope_set_envid(struct envelope *envelope, const char *envid)
{
	char *copy = envid != NULL && envid[0] != '\0' ? memory_copy_text(envid) : NULL;

	free(envelope->envid);
	envelope->envid = copy;
}

bool
envelope_is_international(const struct envelope *envelope)
{
	bool found = envelope->reverse_path != NULL && address_is_international(envelope->reverse_path);

	for (size_t i = 0; i < envelope->recipient_count && !found; i++)
		found = address_is_international(envelope->recipients[i]);
	return found;
}
