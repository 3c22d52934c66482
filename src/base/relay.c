/*
 * relay: see the header.
 */
#include "base/relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/pattern.h"
#include "base/port.h"
#include "base/provider.h"
#include "base/text.h"

#define RELAY_PORTS_DEFAULT "587 465 2525"
#define RELAY_FIRST "relay"		/* what [relay] is called */

_Static_assert(OUTCOME_RELAY_SIZE == CONFIG_RELAY_NAME_MAX + 1, "an outcome has room for the name");

size_t
relay_count(const struct config *config)
{
	return config->other_count + 1;
}

const struct relay *
relay_at(const struct config *config, size_t number)
{
	return number == 0 || number > config->other_count ? &config->relay : &config->others[number - 1];
}

size_t
relay_find(const struct config *config, const char *name)
{
	if (name[0] == '\0' || strcmp(name, RELAY_FIRST) == 0)
		return 0;
	for (size_t i = 1; i < relay_count(config); i++)
		if (strcmp(relay_at(config, i)->name, name) == 0)
			return i;
	return relay_count(config);
}

static bool
relay_wants(const struct relay *relay, const char *sender)
{
	for (size_t i = 0; i < relay->from_count; i++)
		if (pattern_fits(relay->from[i], sender))
			return true;
	return false;
}

size_t
relay_of_sender(const struct config *config, const char *sender)
{
	size_t found = 0;
	int line = 0;

	/* [relay] may stand anywhere among the others */
	for (size_t i = 0; i < relay_count(config); i++) {
		const struct relay *relay = relay_at(config, i);

		if (!relay_wants(relay, sender) || (line != 0 && relay->line > line))
			continue;
		found = i;
		line = relay->line;
	}
	return found;
}

size_t
relay_of_message(const struct config *config, const char *name, const char *sender)
{
	size_t number = name != NULL && name[0] != '\0' ? relay_find(config, name) : relay_count(config);

	return number < relay_count(config) ? number : relay_of_sender(config, sender);
}

size_t
relay_next(const struct config *config, size_t number)
{
	const char *fallback = relay_at(config, number)->fallback;

	return fallback != NULL ? relay_find(config, fallback) : relay_count(config);
}

const char *
relay_title(const struct relay *relay)
{
	return relay->name != NULL && relay->name[0] != '\0' ? relay->name : RELAY_FIRST;
}

const char *
relay_name_wrong(const char *name)
{
	if (strcmp(name, RELAY_FIRST) == 0)
		return "\"relay\" means [relay] itself: give this one another name";
	if (name[0] == '\0' || strlen(name) > CONFIG_RELAY_NAME_MAX ||
	    name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_")] != '\0')
		return "the name of a relay has letters, digits, - and _ only, and 32 at most, as in [relay.backup]";
	return NULL;
}

/* Always true, so that it can be returned. */
static bool
relay_tangle(struct relay_tangle *tangle, const struct relay *relay, const char *key, int line)
{
	tangle->relay = relay;
	tangle->key = key;
	tangle->line = line;
	return true;
}

static bool
relay_fallback_is_unknown(const struct config *config, size_t number, struct relay_tangle *tangle)
{
	const struct relay *relay = relay_at(config, number);
	const char *names[CONFIG_RELAYS_MAX + 1], *nearest;
	size_t count = 0;

	if (relay->fallback == NULL || relay_next(config, number) < relay_count(config))
		return false;
	for (size_t i = 0; i < relay_count(config) && i < CONFIG_RELAYS_MAX; i++)
		if (i != number)
			names[count++] = relay_title(relay_at(config, i));
	names[count] = NULL;
	nearest = text_nearest(relay->fallback, names);
	(void)snprintf(tangle->text, sizeof(tangle->text), "there is no [relay.%s]%s%s%s", relay->fallback,
	    nearest != NULL ? ", did you mean " : "", nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
	return relay_tangle(tangle, relay, "fallback", relay->fallback_line);
}

/* Back to where it began. All fallbacks are known; whoever only leads into a circle is none of it. */
static bool
relay_goes_in_a_circle(const struct config *config, size_t number, struct relay_tangle *tangle)
{
	size_t at = number, used;

	for (size_t steps = 0; steps < relay_count(config) && at < relay_count(config); steps++) {
		at = relay_next(config, at);
		if (at == number)
			break;
	}
	if (at != number)
		return false;
	used = (size_t)snprintf(tangle->text, sizeof(tangle->text), "this goes in a circle: %s", relay_title(relay_at(config, at)));
	do {
		at = relay_next(config, at);
		if (used < sizeof(tangle->text))
			used += (size_t)snprintf(tangle->text + used, sizeof(tangle->text) - used, " - %s", relay_title(relay_at(config, at)));
	} while (at != number);
	return relay_tangle(tangle, relay_at(config, number), "fallback", relay_at(config, number)->fallback_line);
}

/* Is the pattern in the relay's list, at a place before `end`? */
static bool
relay_has(const struct relay *relay, size_t end, const char *pattern)
{
	for (size_t i = 0; i < end; i++)
		if (strcmp(relay->from[i], pattern) == 0)
			return true;
	return false;
}

static bool
relay_pattern_is_repeated(const struct config *config, size_t number, struct relay_tangle *tangle)
{
	const struct relay *relay = relay_at(config, number), *other;

	for (size_t i = 0; i < relay->from_count; i++)
		for (size_t j = 0; j < relay_count(config); j++) {
			other = relay_at(config, j);
			/* of two relays the second one in the file is told */
			if (j != number && other->line > relay->line)
				continue;
			if (!relay_has(other, j == number ? i : other->from_count, relay->from[i]))
				continue;
			(void)snprintf(tangle->text, sizeof(tangle->text), "%.100s is there twice: the other is in [%s%s], line %d", relay->from[i],
			    other->name[0] != '\0' ? "relay." : "", relay_title(other), other->from_line);
			return relay_tangle(tangle, relay, "from", relay->from_line);
		}
	return false;
}

bool
relay_is_tangled(const struct config *config, struct relay_tangle *tangle)
{
	for (size_t i = 0; i < relay_count(config); i++)
		if (relay_fallback_is_unknown(config, i, tangle))
			return true;
	for (size_t i = 0; i < relay_count(config); i++)
		if (relay_goes_in_a_circle(config, i, tangle) || relay_pattern_is_repeated(config, i, tangle))
			return true;
	return false;
}

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
	free(relay->fallback);
	pattern_free(relay);
	memset(relay, 0, sizeof(*relay));
}
