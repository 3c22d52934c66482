/*
 * identity: the user's entry in the password database, the host's own name, the calling process
 * (proc(5)).
 */
#include "message/identity.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/account.h"
#include "base/buffer.h"
#include "base/file.h"
#include "base/text.h"
#include "message/address.h"

static void
identity_user(struct identity *identity, uid_t uid)
{
	const struct passwd *entry = account_of(uid);
	char number[24];

	if (entry == NULL || entry->pw_name[0] == '\0') {
		(void)snprintf(number, sizeof(number), "%lu", (unsigned long)uid);
		identity->user = memory_copy_text(number);
		return;
	}
	identity->user = memory_copy_text(entry->pw_name);
	/* the name ends at the first comma; office and telephone follow */
	if (entry->pw_gecos != NULL && entry->pw_gecos[0] != '\0' && entry->pw_gecos[0] != ',')
		identity->full_name = memory_copy(entry->pw_gecos, strcspn(entry->pw_gecos, ","));
}

static char *
identity_host(void)
{
	char name[HOST_NAME_MAX + 1];

	if (gethostname(name, sizeof(name)) == 0) {
		name[sizeof(name) - 1] = '\0';
		if (address_domain_ok(name))
			return memory_copy_text(name);
	}
	return memory_copy_text("localhost");
}

static char *
identity_domain(const struct config *config)
{
	const char *at;

	if (config->sender_domain != NULL)
		return memory_copy_text(config->sender_domain);
	at = config->sender_from != NULL ? strrchr(config->sender_from, '@') : NULL;
	if (at != NULL) {
		size_t length = strcspn(at + 1, "> ");

		if (length > 0)
			return memory_copy(at + 1, length);
	}
	return identity_host();
}

static char *
identity_program(void)
{
	char path[40], name[64], clean[64];
	ssize_t length = -1;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%ld/comm", (long)getppid());
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd >= 0) {
		length = file_read(fd, name, sizeof(name) - 1);
		(void)close(fd);
	}
	if (length <= 1)
		return memory_copy_text("unknown");
	name[length] = '\0';
	name[strcspn(name, "\n")] = '\0';
	return memory_copy_text(text_printable(clean, sizeof(clean), name, strlen(name), true));
}

void
identity_get(const struct config *config, uid_t uid, struct identity *identity)
{
	memset(identity, 0, sizeof(*identity));
	identity_user(identity, uid);
	identity->host = identity_host();
	identity->domain = identity_domain(config);
	identity->program = identity_program();
}

void
identity_free(struct identity *identity)
{
	free(identity->user);
	free(identity->full_name);
	free(identity->host);
	free(identity->domain);
	free(identity->program);
	memset(identity, 0, sizeof(*identity));
}

/* The host's name for struct local: NULL when the settings make it the domain of the mailboxes at the provider. */
static const char *
identity_local_host(const struct identity *identity, const struct config *config)
{
	bool has_domain = config->sender_domain != NULL || config->sender_from != NULL;

	return has_domain && text_compare_nocase(identity->host, identity->domain) == 0 ? NULL : identity->host;
}

void
identity_fill(const struct identity *identity, const struct config *config, struct message_request *request)
{
	request->default_from = config->sender_from;
	request->force_from = config->force_from;
	request->default_domain = identity->domain;
	request->host_name = identity_local_host(identity, config);
	request->user_name = identity->user;
	request->user_full_name = identity->full_name;
	request->max_message = config->max_message;
}
