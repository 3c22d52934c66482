/*
 * aliases: from struct config, which knows no addresses, to struct alias_set, which knows no settings.
 */
#include "aliases.h"

#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "message/remark.h"

int
aliases_new(struct aliases *aliases, const struct config *config, struct outcome *outcome)
{
	const char *why;

	buffer_init(&aliases->remarks, REMARK_MAX);
	aliases->set = alias_new(config->aliases_file, &aliases->remarks);
	for (size_t i = 0; i < config->alias_count; i++) {
		const struct config_alias *alias = &config->aliases[i];

		if (alias_add(aliases->set, alias->name, alias->list, &why) == 0)
			continue;
		outcome_set(outcome, VERDICT_FAILED, STAGE_CONFIG, CAUSE_CONFIG, "%s:%d: [aliases] %.48s: %s", config->file,
		    alias->line, alias->name, why);
		aliases_free(aliases);
		return -1;
	}
	return 0;
}

void
aliases_free(struct aliases *aliases)
{
	alias_free(aliases->set);
	aliases->set = NULL;
	buffer_free(&aliases->remarks);
}

void
aliases_log(struct aliases *aliases)
{
	char *line = aliases->remarks.data, *end;

	if (aliases->remarks.length == 0)
		return;
	for (; (end = strchr(line, '\n')) != NULL; line = end + 1)
		log_line(LOG_LEVEL_WARNING, "%.*s", (int)(end - line), line);
	buffer_free(&aliases->remarks);
}

const char *
aliases_host(const struct config *config, const struct identity *identity)
{
	bool has_domain = config->sender_domain != NULL || config->sender_from != NULL;

	return has_domain && text_compare_nocase(identity->host, identity->domain) == 0 ? NULL : identity->host;
}
