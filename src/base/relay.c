/*
 * relay: see the header.
 */
#include "base/relay.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/port.h"
#include "base/provider.h"

#define RELAY_PORTS_DEFAULT "587 465 2525"

void
relay_complete(struct relay *relay)
{
	const struct provider *provider = NULL;
	char host[PROVIDER_TEXT_MAX], wrong[128];

	if (relay->provider != NULL)
		provider = provider_find(relay->provider, host, sizeof(host));
	if (provider != NULL && relay->host == NULL)
		relay->host = memory_copy_text(host);
	if (relay->port_count == 0)
		(void)port_parse(provider != NULL ? provider->ports : RELAY_PORTS_DEFAULT, relay, wrong, sizeof(wrong));
}

const char *
relay_wrong(const struct relay *relay, bool secure, enum cause *cause)
{
	*cause = CAUSE_CONFIG;
	if (relay->host == NULL)
		return "host is missing: the name of the server that takes the mail; or provider, see `mailcrane providers`";
	if (relay->user == NULL && relay->secret_source == SECRET_NONE)
		return "user and password_file are missing: mailcrane always logs in";
	if (relay->user == NULL)
		return "user is missing: there is a password, but no name";
	*cause = CAUSE_SECRET;
	if (relay->secret_source == SECRET_NONE)
		return "there is a user, but no password: add password_file, password, password_command or password_env";
	if (secure && relay->secret_source == SECRET_COMMAND)
		return "password_command can't be used by a call that runs with the group's rights: use password_file, or the service";
	if (secure && relay->secret_source == SECRET_ENVIRONMENT)
		return "password_env can't be used by a call that runs with the group's rights: use password_file, or the service";
	return NULL;
}

void
relay_free(struct relay *relay)
{
	if (relay->secret != NULL)
		explicit_bzero(relay->secret, strlen(relay->secret));
	free(relay->secret);
	free(relay->name);
	free(relay->provider);
	free(relay->host);
	free(relay->user);
	free(relay->tls_ca_file);
	free(relay->ehlo);
	memset(relay, 0, sizeof(*relay));
}
