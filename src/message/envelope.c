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
	for (size_t i = 0; i < envelope->recipient_count; i++)
		free(envelope->recipients[i]);
	free(envelope->recipients);
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
	if ((count & (count - 1)) == 0)
		envelope->recipients = memory_resize(envelope->recipients, count > 0 ? count * 2 : 1, sizeof(char *));
	envelope->recipients[count] = memory_copy_text(address);
	envelope->recipient_count = count + 1;
	return 0;
}

bool
envelope_is_international(const struct envelope *envelope)
{
	bool found = envelope->reverse_path != NULL && address_is_international(envelope->reverse_path);

	for (size_t i = 0; i < envelope->recipient_count && !found; i++)
		found = address_is_international(envelope->recipients[i]);
	return found;
}
