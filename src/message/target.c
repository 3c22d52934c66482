/*
 * target: aliases and the default domain, together.
 */
#include "message/target.h"

#include <stdlib.h>
#include <string.h>

#include "message/local.h"

static struct local
target_local(const struct message_request *request)
{
	return (struct local){.domain = request->default_domain, .host = request->host_name};
}

/* As the aliases have it, not yet qualified: 1, or 0 for none. */
static int
target_alias(const struct message_request *request, const struct local *local, const char *address,
    struct alias_result *result)
{
	char *name = request->aliases != NULL ? local_name(local, address) : NULL;
	int found = 0;

	*result = (struct alias_result){0};
	if (name != NULL)
		found = alias_find(request->aliases, local, name, result);
	free(name);
	return found;
}

static int
target_qualify(const struct local *local, struct alias_result *result)
{
	for (size_t i = 0; i < result->count; i++) {
		char *qualified = local_qualify(local, result->addresses[i]);

		if (qualified == NULL) {
			alias_result_free(result);
			return -1;
		}
		free(result->addresses[i]);
		result->addresses[i] = qualified;
	}
	return 0;
}

int
target_of(const struct message_request *request, const char *address, struct alias_result *result)
{
	const struct local local = target_local(request);

	if (target_alias(request, &local, address, result) == 0) {
		result->addresses = memory_alloc(sizeof(*result->addresses));
		result->addresses[0] = memory_copy_text(address);
		result->count = 1;
	}
	return target_qualify(&local, result);
}

char *
target_sender(const struct message_request *request, const char *address)
{
	const struct local local = target_local(request);
	struct alias_result result = {0};
	char *sender;

	if (address[0] == '\0')
		return memory_copy_text("");
	if (strchr(request->default_domain, '.') == NULL && local_is_nowhere(&local, address))
		(void)target_alias(request, &local, address, &result);
	sender = local_qualify(&local, result.count > 0 ? result.addresses[0] : address);
	alias_result_free(&result);
	return sender;
}

char *
target_shown(const struct message_request *request, const char *address)
{
	const struct local local = target_local(request);
	struct alias_result result;
	char *shown;

	if (address[0] == '\0')
		return memory_copy_text("");
	(void)target_alias(request, &local, address, &result);
	shown = local_qualify(&local, result.count == 1 ? result.addresses[0] : address);
	alias_result_free(&result);
	return shown;
}
