/*
 * aliases: from struct config, which knows no addresses, to struct alias_set, which knows no settings.
 */
#include "message/aliases.h"

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
