/*
 * check_settings: which settings `mailcrane check` goes by, which relay of them it looks at, and who would send through that.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/provider.h"
#include "base/relay.h"
#include "base/shape.h"
#include "command/check.h"
#include "message/aliases.h"
#include "message/identity.h"
#include "message/message.h"
#include "message/sender.h"

int
check_no_settings(struct check *check, const struct outcome *outcome)
{
	check->seen.settings = *outcome;
	/* as they should be, for somebody who is neither root nor of the group */
	check->seen.is_closed = geteuid() != 0 && check->file != NULL && access(check->file, R_OK) != 0 && errno == EACCES;
	check_line(check, CHECK_BAD, "settings", "%s", outcome->text);
	return -1;
}

/* Settings made up for a host that is not in the file: a memory file, so that they go the usual way. The password is none. */
static char *
check_make_settings(const char *relay, struct outcome *outcome)
{
	char text[512], host[PROVIDER_TEXT_MAX], path[64];
	bool is_provider = provider_find(relay, host, sizeof(host)) != NULL;
	int fd = memfd_create("mailcrane-check", 0), length;

	length = snprintf(text, sizeof(text), "[relay]\n%s = \"%.255s\"\nuser = nobody\npassword = nothing\n", is_provider ? "provider" : "host",
	    relay);
	/* it lives for as long as the process */
	if (fd >= 0 && length > 0 && fchmod(fd, 0600) == 0 && file_write(fd, text, (size_t)length) == 0 &&
	    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd) > 0)
		return memory_copy_text(path);
	outcome_set(outcome, VERDICT_FAILED, STAGE_CONFIG, CAUSE_LOCAL, "no memory file: %s", strerror(errno));
	return NULL;
}

/* The number of the relay of the settings that was named, by its name, host or provider; relay_count() when it is none of them. */
static size_t
check_find(const struct check *check, const char *name)
{
	const struct config *config = &check->config;
	size_t found = relay_find(config, name);

	for (size_t i = 0; found == relay_count(config) && i < relay_count(config); i++) {
		const struct relay *ours = relay_at(config, i);

		if (ours->host != NULL && (strcasecmp(name, ours->host) == 0 || (ours->provider != NULL && strcmp(name, ours->provider) == 0)))
			found = i;
	}
	return found;
}

/* All that follows looks at the one in `relay`. */
static void
check_choose(struct config *config, size_t number)
{
	struct relay first = config->relay;

	if (number == 0)
		return;
	config->relay = config->others[number - 1];
	config->others[number - 1] = first;
}

void
check_name_others(struct check *check)
{
	const struct config *config = &check->config;

	for (size_t i = 1; i < relay_count(config); i++)
		check_line(check, CHECK_NOTE, "relay", "%s: %s is looked at by: mailcrane check %s", relay_title(relay_at(config, i)),
		    relay_at(config, i)->host, relay_title(relay_at(config, i)));
}

/* Does mail of this sender come to the relay that is looked at, be it as a fallback? */
static bool
check_is_senders(const struct check *check, const char *sender)
{
	const struct config *config = &check->config;

	for (size_t i = relay_of_sender(config, sender); i < relay_count(config); i = relay_next(config, i))
		if (i == check->number)
			return true;
	return false;
}

/* As sendmail names the caller (sender.h), while the relays stand in their order; the relay's own user where the mail of that one goes
 * elsewhere. NULL: none is known. 0, or -1 and seen.settings: sendmail would refuse each message. */
static int
check_make_sender(struct check *check)
{
	const struct config *config = &check->config;
	const char *user = relay_at(config, check->number)->user;
	struct message_request request = {.recipient_count = 0};
	struct identity identity;
	struct aliases aliases;
	struct envelope envelope;
	struct outcome outcome;
	int result;

	envelope_init(&envelope);
	identity_get(config, check->caller, &identity);
	identity_fill(&identity, config, &request);
	result = aliases_new(&aliases, config, &outcome);
	if (result == 0) {
		request.aliases = aliases.set;
		result = sender_choose(&request, "", 0, &envelope, &outcome);
		if (result == 0)
			check->sender = memory_copy_text(envelope.reverse_path);
		aliases_free(&aliases);
	}
	identity_free(&identity);
	envelope_free(&envelope);
	if (result != 0)
		return check_no_settings(check, &outcome);
	if (check_is_senders(check, check->sender))
		return 0;
	free(check->sender);
	check->sender = user != NULL && shape_address(user) == NULL ? memory_copy_text(user) : NULL;
	return 0;
}

int
check_load(struct check *check, const struct command_place *place)
{
	struct outcome outcome;

	if (config_load(check->file, CONFIG_FULL, place->secure, &check->config, &outcome) != 0)
		return check_no_settings(check, &outcome);
	check->has_config = true;
	if (check->relay == NULL && check_make_sender(check) != 0)
		return -1;
	check_choose(&check->config, check->number);
	return 0;
}

int
check_find_settings(struct check *check, struct command_place *place, const char *relay)
{
	char host[PROVIDER_TEXT_MAX];
	struct outcome outcome;

	check->file = config_find(place->secure, &place->own_file, &outcome);
	if (check->file != NULL && (relay == NULL || config_load(check->file, CONFIG_FULL, place->secure, &check->config, &outcome) == 0)) {
		size_t number = relay == NULL ? 0 : check_find(check, relay);

		if (relay != NULL && number == relay_count(&check->config))
			check->relay = relay;
		else
			check->number = number;
		config_free(&check->config);
	} else if (relay != NULL && check->file != NULL && relay_name_wrong(relay) == NULL && provider_find(relay, host, sizeof(host)) == NULL) {
		/* a name of theirs, perhaps: no host to look up */
		return check_no_settings(check, &outcome);
	} else {
		check->relay = relay;
	}
	if (check->relay != NULL) {
		free(check->file);
		check->file = check_make_settings(relay, &outcome);
	}
	return check->file != NULL ? 0 : check_no_settings(check, &outcome);
}
