/*
 * setting: the table of keys. A new key is a row here, a field in struct config, a line in conf/mailcrane.ini
 * and a paragraph in mailcrane.ini(5).
 */
#include "base/setting.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pattern.h"
#include "base/port.h"
#include "base/provider.h"
#include "base/quantity.h"
#include "base/relay.h"
#include "base/shape.h"
#include "base/text.h"

#define SETTING_WAIT_MAX (INT64_C(60) * 60 * 1000)
#define SETTING_KEYS_MAX 16

enum setting_kind {
	SETTING_TEXT,
	SETTING_PROVIDER,
	SETTING_HOST,
	SETTING_DOMAIN,
	SETTING_EHLO,
	SETTING_ADDRESS,
	SETTING_PATH,
	SETTING_LOG,
	SETTING_PORTS,
	SETTING_FROM,
	SETTING_FALLBACK,
	SETTING_SECRET,
	SETTING_TIMEOUT,	/* over zero */
	SETTING_DURATION,
	SETTING_RETRY,
	SETTING_NUMBER,		/* of connections */
	SETTING_SIZE,
	SETTING_BOOLEAN,
	SETTING_WORD
};

struct setting {
	const char        *section;
	const char        *key;
	enum setting_kind  kind;
	enum secret_source source;	/* SETTING_SECRET */
	size_t             offset;	/* of a char *, int64_t, uint64_t, enum, or of what setting_take_word() knows */
	const char *const *words;	/* SETTING_WORD: in the order of the enum */
};

#define FIELD(name) offsetof(struct config, name)

static const char *const setting_auths[] = {"auto", "plain", "login", NULL};
static const char *const setting_families[] = {"any", "4", "6", NULL};
static const char *const setting_deliveries[] = {"wait", "background", "direct", NULL};
static const char *const setting_runners[] = {"auto", "service", NULL};
static const char *const setting_levels[] = {"error", "warning", "info", "debug", NULL};
static const char *const setting_logs[] = {"syslog", "stderr", NULL};
static const char *const setting_sections[] = {"relay", "sender", "aliases", "timeouts", "queue", "log", NULL};

#define SETTING_NAMED "relay."		/* and the name: a section with the keys of [relay] */

/* In the order in which they are printed. Those of a relay are offsets as if it were [relay]. */
static const struct setting settings[] = {
	{"relay", "provider", SETTING_PROVIDER, SECRET_NONE, FIELD(relay.provider), NULL},
	{"relay", "host", SETTING_HOST, SECRET_NONE, FIELD(relay.host), NULL},
	{"relay", "ports", SETTING_PORTS, SECRET_NONE, FIELD(relay.ports), NULL},
	{"relay", "user", SETTING_TEXT, SECRET_NONE, FIELD(relay.user), NULL},
	{"relay", "password", SETTING_SECRET, SECRET_INLINE, FIELD(relay.secret), NULL},
	{"relay", "password_file", SETTING_SECRET, SECRET_FILE, FIELD(relay.secret), NULL},
	{"relay", "password_command", SETTING_SECRET, SECRET_COMMAND, FIELD(relay.secret), NULL},
	{"relay", "password_env", SETTING_SECRET, SECRET_ENVIRONMENT, FIELD(relay.secret), NULL},
	{"relay", "auth", SETTING_WORD, SECRET_NONE, FIELD(relay.auth), setting_auths},
	{"relay", "tls_ca_file", SETTING_PATH, SECRET_NONE, FIELD(relay.tls_ca_file), NULL},
	{"relay", "ehlo", SETTING_EHLO, SECRET_NONE, FIELD(relay.ehlo), NULL},
	{"relay", "family", SETTING_WORD, SECRET_NONE, FIELD(relay.family), setting_families},
	{"relay", "from", SETTING_FROM, SECRET_NONE, FIELD(relay.from), NULL},
	{"relay", "fallback", SETTING_FALLBACK, SECRET_NONE, FIELD(relay.fallback), NULL},
	{"sender", "domain", SETTING_DOMAIN, SECRET_NONE, FIELD(sender_domain), NULL},
	{"sender", "from", SETTING_ADDRESS, SECRET_NONE, FIELD(sender_from), NULL},
	{"sender", "force_from", SETTING_BOOLEAN, SECRET_NONE, FIELD(force_from), NULL},
	{"aliases", "file", SETTING_PATH, SECRET_NONE, FIELD(aliases_file), NULL},
	{"timeouts", "wait", SETTING_TIMEOUT, SECRET_NONE, FIELD(timeouts.wait), NULL},
	{"timeouts", "dns", SETTING_TIMEOUT, SECRET_NONE, FIELD(timeouts.dns), NULL},
	{"timeouts", "connect", SETTING_TIMEOUT, SECRET_NONE, FIELD(timeouts.connect), NULL},
	{"timeouts", "race", SETTING_TIMEOUT, SECRET_NONE, FIELD(timeouts.race), NULL},
	{"timeouts", "greeting", SETTING_TIMEOUT, SECRET_NONE, FIELD(timeouts.greeting), NULL},
	{"timeouts", "tls", SETTING_TIMEOUT, SECRET_NONE, FIELD(timeouts.tls), NULL},
	{"timeouts", "command", SETTING_TIMEOUT, SECRET_NONE, FIELD(timeouts.command), NULL},
	{"timeouts", "data", SETTING_TIMEOUT, SECRET_NONE, FIELD(timeouts.data), NULL},
	{"timeouts", "final", SETTING_TIMEOUT, SECRET_NONE, FIELD(timeouts.final), NULL},
	{"timeouts", "attempt", SETTING_TIMEOUT, SECRET_NONE, FIELD(timeouts.attempt), NULL},
	{"queue", "runner", SETTING_WORD, SECRET_NONE, FIELD(runner_is_service), setting_runners},
	{"queue", "directory", SETTING_PATH, SECRET_NONE, FIELD(spool_directory), NULL},
	{"queue", "delivery", SETTING_WORD, SECRET_NONE, FIELD(delivery), setting_deliveries},
	{"queue", "connections", SETTING_NUMBER, SECRET_NONE, FIELD(connections), NULL},
	{"queue", "linger", SETTING_DURATION, SECRET_NONE, FIELD(linger), NULL},
	{"queue", "retry", SETTING_RETRY, SECRET_NONE, FIELD(retry), NULL},
	{"queue", "lifetime", SETTING_TIMEOUT, SECRET_NONE, FIELD(lifetime), NULL},
	{"queue", "keep_failed", SETTING_TIMEOUT, SECRET_NONE, FIELD(keep_failed), NULL},
	{"queue", "max_message", SETTING_SIZE, SECRET_NONE, FIELD(max_message), NULL},
	{"queue", "max_queue", SETTING_SIZE, SECRET_NONE, FIELD(max_queue), NULL},
	{"queue", "notify", SETTING_ADDRESS, SECRET_NONE, FIELD(notify), NULL},
	{"log", "to", SETTING_LOG, SECRET_NONE, FIELD(log_to), NULL},
	{"log", "level", SETTING_WORD, SECRET_NONE, FIELD(log_level), setting_levels},
};

#define SETTING_COUNT (sizeof(settings) / sizeof(settings[0]))

_Static_assert(sizeof(enum delivery) == sizeof(unsigned) && sizeof(enum log_level) == sizeof(unsigned), "see setting_word_index");

/* What a row's offset counts from: the settings, or the relay whose section it is. */
struct setting_target {
	struct config *config;
	struct relay  *relay;
};

static void *
setting_field(const struct setting_target *target, const struct setting *setting)
{
	if (strcmp(setting->section, "relay") == 0)
		return (char *)target->relay + (setting->offset - FIELD(relay));
	return (char *)target->config + setting->offset;
}

static const void *
setting_value(const struct config *config, const struct relay *relay, const struct setting *setting)
{
	if (strcmp(setting->section, "relay") == 0)
		return (const char *)relay + (setting->offset - FIELD(relay));
	return (const char *)config + setting->offset;
}

static int
setting_fail(struct setting_problem *problem, enum cause cause, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int
setting_fail(struct setting_problem *problem, enum cause cause, const char *format, ...)
{
	va_list arguments;

	problem->cause = cause;
	va_start(arguments, format);
	if (vsnprintf(problem->text, sizeof(problem->text), format, arguments) < 0)
		problem->text[0] = '\0';
	va_end(arguments);
	return -1;
}

void
setting_defaults(struct config *config, const char *spool_directory)
{
	static const int64_t retry[] = {60000, 120000, 300000, 600000, 1800000, 3600000};

	memset(config, 0, sizeof(*config));
	config->relay.name = memory_copy_text("");
	config->timeouts = (struct config_timeouts){.wait = 10000, .dns = 3000, .connect = 5000, .race = 250, .greeting = 10000,
	    .tls = 8000, .command = 30000, .data = 60000, .final = 600000, .attempt = 1800000};
	config->spool_directory = memory_copy_text(spool_directory);
	config->connections = 3;	/* what Microsoft 365 allows */
	config->linger = 5000;
	memcpy(config->retry, retry, sizeof(retry));
	config->retry_count = sizeof(retry) / sizeof(retry[0]);
	config->lifetime = INT64_C(5) * 24 * 3600 * 1000;
	config->keep_failed = INT64_C(14) * 24 * 3600 * 1000;
	config->max_message = UINT64_C(50) << 20;
	config->max_queue = UINT64_C(1) << 30;
	config->log_to = memory_copy_text("syslog");
	config->log_level = LOG_LEVEL_INFO;
}

static void
setting_keep(const struct setting_target *target, const struct setting *setting, const char *value)
{
	char **field = setting_field(target, setting);

	free(*field);
	*field = memory_copy_text(value);
}

/* ", did you mean X?", or nothing. */
static const char *
setting_hint(char *hint, size_t size, const char *word, const char *const *words)
{
	const char *nearest = text_nearest(word, words);

	hint[0] = '\0';
	if (nearest != NULL)
		(void)snprintf(hint, size, ", did you mean %s?", nearest);
	return hint;
}

static int
setting_take_word(const struct setting_target *target, const struct setting *setting, const char *value,
    struct setting_problem *problem)
{
	char hint[64], all[64] = "";
	size_t index, length = 0;

	for (index = 0; setting->words[index] != NULL; index++) {
		if (strcmp(setting->words[index], value) == 0)
			break;
		length += (size_t)snprintf(all + length, sizeof(all) - length, "%s%s", index > 0 ? ", " : "",
		    setting->words[index]);
	}
	if (setting->words[index] == NULL)
		return setting_fail(problem, CAUSE_CONFIG, "\"%.64s\" is none of %s%s", value, all,
		    setting_hint(hint, sizeof(hint), value, setting->words));
	if (setting->words == setting_runners)
		target->config->runner_is_service = index == 1;
	else
		*(unsigned *)setting_field(target, setting) = (unsigned)index;
	return 0;
}

/* The others are enums, which are unsigned int where no value is negative. */
static size_t
setting_word_index(const struct config *config, const struct relay *relay, const struct setting *setting)
{
	if (setting->words == setting_runners)
		return config->runner_is_service ? 1 : 0;
	return *(const unsigned *)setting_value(config, relay, setting);
}

static int
setting_take_secret(const struct setting_target *target, const struct setting *setting, const struct ini_entry *entry,
    struct setting_problem *problem)
{
	struct relay *relay = target->relay;
	const char *wrong = NULL;

	if (relay->secret_source != SECRET_NONE)
		return setting_fail(problem, CAUSE_SECRET,
		    "one of password, password_file, password_command and password_env is enough");
	if (entry->has_comment)
		return setting_fail(problem, CAUSE_SECRET,
		    "put the value in quotes if # or ; is part of it; a comment goes on a line of its own");
	if (setting->source == SECRET_FILE)
		wrong = shape_path(entry->value);
	else if (setting->source == SECRET_ENVIRONMENT)
		wrong = shape_variable(entry->value);
	if (wrong != NULL)
		return setting_fail(problem, CAUSE_SECRET, "%s", wrong);
	relay->secret = memory_copy_text(entry->value);
	relay->secret_source = setting->source;
	return 0;
}

static int
setting_take_shaped(const struct setting_target *target, const struct setting *setting, const char *value,
    const char *wrong, struct setting_problem *problem)
{
	if (wrong != NULL)
		return setting_fail(problem, CAUSE_CONFIG, "%s", wrong);
	setting_keep(target, setting, value);
	return 0;
}

static int
setting_take_provider(const struct setting_target *target, const struct setting *setting, const char *value,
    struct setting_problem *problem)
{
	char host[PROVIDER_TEXT_MAX], nearest[PROVIDER_TEXT_MAX];

	if (provider_find(value, host, sizeof(host)) != NULL) {
		setting_keep(target, setting, value);
		return 0;
	}
	if (provider_nearest_name(value, nearest, sizeof(nearest)) == NULL)
		return setting_fail(problem, CAUSE_CONFIG,
		    "\"%.64s\" is no provider known here: `mailcrane providers` lists them; others are set by host and ports",
		    value);
	if (strstr(nearest, "REGION") != NULL)
		return setting_fail(problem, CAUSE_CONFIG,
		    "\"%.64s\" is written with the region put in: %s, as in ses-eu-west-1", value, nearest);
	return setting_fail(problem, CAUSE_CONFIG, "\"%.64s\" is no provider known here, did you mean %s?", value,
	    nearest);
}

static int
setting_take_host(const struct setting_target *target, const struct setting *setting, const char *value,
    struct setting_problem *problem)
{
	size_t length = strlen(value);

	if (setting_take_shaped(target, setting, value, shape_host(value), problem) != 0)
		return -1;
	/* the resolver and the certificate want the address without its brackets */
	if (value[0] == '[') {
		memmove(target->relay->host, value + 1, length - 2);
		target->relay->host[length - 2] = '\0';
	}
	return 0;
}

static int
setting_take_log(const struct setting_target *target, const struct setting *setting, const char *value,
    struct setting_problem *problem)
{
	char hint[64];

	if (strcmp(value, setting_logs[0]) != 0 && strcmp(value, setting_logs[1]) != 0 && shape_path(value) != NULL)
		return setting_fail(problem, CAUSE_CONFIG, "the log goes to syslog, stderr or /a/file%s",
		    setting_hint(hint, sizeof(hint), value, setting_logs));
	setting_keep(target, setting, value);
	return 0;
}

static int
setting_take_duration(const struct setting_target *target, const struct setting *setting, const char *value,
    struct setting_problem *problem)
{
	int64_t *field = setting_field(target, setting), ms;

	if (text_to_duration(value, &ms) != 0)
		return setting_fail(problem, CAUSE_CONFIG,
		    "\"%.32s\" is not a time: write a number and ms, s, m, h or d, as in 10s", value);
	if (ms == 0 && setting->kind == SETTING_TIMEOUT)
		return setting_fail(problem, CAUSE_CONFIG, "this must be more than zero");
	if (field == &target->config->timeouts.wait && ms > SETTING_WAIT_MAX)
		return setting_fail(problem, CAUSE_CONFIG, "at most 1h: the calling program stands still that long");
	*field = ms;
	return 0;
}

static int
setting_take_retry(const struct setting_target *target, const char *value, struct setting_problem *problem)
{
	int64_t list[CONFIG_RETRIES_MAX];
	size_t count = quantity_parse_times(value, list, CONFIG_RETRIES_MAX, problem->text, sizeof(problem->text));

	problem->cause = CAUSE_CONFIG;
	if (count == 0)
		return -1;
	memcpy(target->config->retry, list, count * sizeof(list[0]));
	target->config->retry_count = count;
	return 0;
}

static int
setting_take_number(const struct setting_target *target, const struct setting *setting, const char *value,
    struct setting_problem *problem)
{
	if (text_to_number(value, 1, CONFIG_CONNECTIONS_MAX, setting_field(target, setting)) != 0)
		return setting_fail(problem, CAUSE_CONFIG, "\"%.32s\" is not a number from 1 to %d", value,
		    CONFIG_CONNECTIONS_MAX);
	return 0;
}

static int
setting_take_size(const struct setting_target *target, const struct setting *setting, const char *value,
    struct setting_problem *problem)
{
	uint64_t *field = setting_field(target, setting), size;

	if (text_to_size(value, &size) != 0 || size == 0)
		return setting_fail(problem, CAUSE_CONFIG,
		    "\"%.32s\" is not a size: write a number over zero, with K, M or G if you like, as in 50M", value);
	*field = size;
	return 0;
}

/* Which one that is shows when all are in. */
static int
setting_take_fallback(const struct setting_target *target, const struct ini_entry *entry, struct setting_problem *problem)
{
	char name[CONFIG_RELAY_NAME_MAX + sizeof(SETTING_NAMED)];
	const char *bare = name;

	(void)snprintf(name, sizeof(name), "%s", strlen(entry->value) < sizeof(name) ? entry->value : "");
	text_lower(name);
	if (text_prefix_nocase(name, SETTING_NAMED))
		bare += strlen(SETTING_NAMED);
	if (strcmp(bare, "relay") != 0 && relay_name_wrong(bare) != NULL)
		return setting_fail(problem, CAUSE_CONFIG, "write the name of one other relay, as in [relay.NAME]; relay means [relay]");
	free(target->relay->fallback);
	target->relay->fallback = memory_copy_text(bare);
	target->relay->fallback_line = entry->line;
	return 0;
}

static int
setting_take_boolean(const struct setting_target *target, const struct setting *setting, const char *value,
    struct setting_problem *problem)
{
	if (text_to_boolean(value, setting_field(target, setting)) != 0)
		return setting_fail(problem, CAUSE_CONFIG, "\"%.32s\" is neither yes nor no", value);
	return 0;
}

static int
setting_take(const struct setting_target *target, const struct setting *setting, const struct ini_entry *entry,
    struct setting_problem *problem)
{
	const char *value = entry->value;

	switch (setting->kind) {
	case SETTING_TEXT:
		return setting_take_shaped(target, setting, value, shape_plain(value), problem);
	case SETTING_PROVIDER:
		return setting_take_provider(target, setting, value, problem);
	case SETTING_HOST:
		return setting_take_host(target, setting, value, problem);
	case SETTING_DOMAIN:
		return setting_take_shaped(target, setting, value, shape_domain(value), problem);
	case SETTING_EHLO:
		return setting_take_shaped(target, setting, value, shape_ehlo(value), problem);
	case SETTING_ADDRESS:
		return setting_take_shaped(target, setting, value, shape_address(value), problem);
	case SETTING_PATH:
		return setting_take_shaped(target, setting, value, shape_path(value), problem);
	case SETTING_LOG:
		return setting_take_log(target, setting, value, problem);
	case SETTING_PORTS:
		problem->cause = CAUSE_CONFIG;
		return port_parse(value, target->relay, problem->text, sizeof(problem->text));
	case SETTING_FROM:
		problem->cause = CAUSE_CONFIG;
		target->relay->from_line = entry->line;
		return pattern_parse(value, target->relay, problem->text, sizeof(problem->text));
	case SETTING_FALLBACK:
		return setting_take_fallback(target, entry, problem);
	case SETTING_SECRET:
		return setting_take_secret(target, setting, entry, problem);
	case SETTING_TIMEOUT:
	case SETTING_DURATION:
		return setting_take_duration(target, setting, value, problem);
	case SETTING_RETRY:
		return setting_take_retry(target, value, problem);
	case SETTING_NUMBER:
		return setting_take_number(target, setting, value, problem);
	case SETTING_SIZE:
		return setting_take_size(target, setting, value, problem);
	case SETTING_BOOLEAN:
		return setting_take_boolean(target, setting, value, problem);
	case SETTING_WORD:
		return setting_take_word(target, setting, value, problem);
	}
	return -1;
}

/* Any key of [aliases] but "file" is a name. */
static int
setting_take_alias(struct config *config, const struct ini_entry *entry)
{
	config->aliases = memory_resize(config->aliases, config->alias_count + 1, sizeof(*config->aliases));
	config->aliases[config->alias_count++] = (struct config_alias){.name = memory_copy_text(entry->key),
	    .list = memory_copy_text(entry->value), .line = entry->line};
	return 0;
}

/* "relay" for all sections of relays, else the section itself. */
static const char *
setting_kind_of_section(const char *name)
{
	return strncmp(name, SETTING_NAMED, strlen(SETTING_NAMED)) == 0 ? "relay" : name;
}

static const struct setting *
setting_find(const char *section, const char *key)
{
	for (size_t i = 0; i < SETTING_COUNT; i++)
		if (strcmp(settings[i].section, setting_kind_of_section(section)) == 0 && strcmp(settings[i].key, key) == 0)
			return &settings[i];
	return NULL;
}

static bool
setting_is_section(const char *name)
{
	for (size_t i = 0; setting_sections[i] != NULL; i++)
		if (strcmp(setting_sections[i], setting_kind_of_section(name)) == 0)
			return true;
	return false;
}

/* The relay whose section it is; NULL: it has no place, since the section is wrong. For other sections [relay], of which they touch nothing. */
static struct relay *
setting_relay(struct config *config, const char *section)
{
	size_t number;

	if (setting_kind_of_section(section) == section)
		return &config->relay;
	number = relay_find(config, section + strlen(SETTING_NAMED));
	return number == 0 || number == relay_count(config) ? NULL : &config->others[number - 1];
}

/* Does a mistake here concern the scope? */
static bool
setting_concerns(enum config_scope scope, const char *section, const char *key)
{
	return scope == CONFIG_FULL || strcmp(section, "sender") == 0 || strcmp(section, "aliases") == 0 ||
	    strcmp(section, "queue") == 0 ||
	    (strcmp(section, "timeouts") == 0 && strcmp(key, "wait") == 0);
}

static int
setting_unknown(const char *section, const char *key, struct setting_problem *problem)
{
	const char *keys[SETTING_KEYS_MAX + 1];
	char hint[64];
	size_t count = 0;

	for (size_t i = 0; i < SETTING_COUNT && count < SETTING_KEYS_MAX; i++)
		if (strcmp(settings[i].section, setting_kind_of_section(section)) == 0)
			keys[count++] = settings[i].key;
	keys[count] = NULL;
	setting_hint(hint, sizeof(hint), key, keys);
	for (size_t i = 0; i < SETTING_COUNT && hint[0] == '\0'; i++)
		if (strcmp(settings[i].key, key) == 0)
			(void)snprintf(hint, sizeof(hint), "; it belongs to [%s]", settings[i].section);
	return setting_fail(problem, CAUSE_CONFIG, "unknown key%s", hint);
}

static int
setting_place(struct setting_problem *problem, int line, const char *section, const char *key)
{
	problem->line = line;
	(void)snprintf(problem->where, sizeof(problem->where), "[%.40s]%s%.48s", section, key[0] != '\0' ? " " : "",
	    key);
	return -1;
}

static int
setting_take_entry(struct config *config, const struct ini *ini, const struct ini_entry *entry,
    enum config_scope scope, struct setting_problem *problem)
{
	const char *section = ini->sections[entry->section].name;
	const struct setting *setting = setting_find(section, entry->key);
	struct setting_target target = {config, setting_relay(config, section)};
	int result = 0;

	if (!setting_is_section(section) || target.relay == NULL)
		return 0;	/* the section is the mistake */
	/* the variable is handed on to the runner */
	if (setting != NULL && setting->kind == SETTING_SECRET && scope == CONFIG_SUBMIT &&
	    setting->source != SECRET_ENVIRONMENT)
		return 0;
	if (entry->problem != NULL)
		result = setting_fail(problem, text_prefix_nocase(entry->key, "password") ? CAUSE_SECRET : CAUSE_CONFIG,
		    "%s", entry->problem);
	else if (setting == NULL && strcmp(section, "aliases") == 0)
		result = setting_take_alias(config, entry);
	else if (setting == NULL)
		result = setting_unknown(section, entry->key, problem);
	else
		result = setting_take(&target, setting, entry, problem);
	if (result == 0 || !setting_concerns(scope, section, entry->key))
		return 0;
	return setting_place(problem, entry->line, section, entry->key);
}

/* What is wrong with a section of a relay; NULL: nothing, and it has its place. */
static const char *
setting_add_relay(struct config *config, const struct ini_section *section)
{
	const char *name = section->name + strlen(SETTING_NAMED), *wrong = relay_name_wrong(name);
	struct relay *relay;

	if (wrong != NULL)
		return wrong;
	if (relay_count(config) == CONFIG_RELAYS_MAX)
		return "too many relays: 16 at most";
	config->others = memory_resize(config->others, config->other_count + 1, sizeof(*config->others));
	relay = &config->others[config->other_count++];
	*relay = (struct relay){.name = memory_copy_text(name), .line = section->line};
	return NULL;
}

static const char *
setting_take_section(struct config *config, const struct ini_section *section)
{
	if (section->problem != NULL)
		return section->problem;
	if (strcmp(section->name, "relay") == 0)
		config->relay.line = section->line;
	return setting_kind_of_section(section->name) != section->name ? setting_add_relay(config, section) : NULL;
}

int
setting_take_all(struct config *config, const struct ini *ini, enum config_scope scope,
    struct setting_problem *problem)
{
	char hint[64];

	for (size_t i = 0; i < ini->section_count; i++) {
		const struct ini_section *section = &ini->sections[i];
		const char *wrong = setting_take_section(config, section);

		if (!setting_concerns(scope, section->name, ""))
			continue;
		(void)setting_place(problem, section->line, section->name, "");
		if (wrong != NULL)
			return setting_fail(problem, CAUSE_CONFIG, "%s", wrong);
		if (!setting_is_section(section->name))
			return setting_fail(problem, CAUSE_CONFIG,
			    "unknown section%s (there are relay, relay.NAME, sender, aliases, timeouts, queue and log)",
			    setting_hint(hint, sizeof(hint), section->name, setting_sections));
	}
	for (size_t i = 0; i < ini->entry_count; i++)
		if (setting_take_entry(config, ini, &ini->entries[i], scope, problem) != 0)
			return -1;
	relay_complete(&config->relay);
	for (size_t i = 0; i < config->other_count; i++)
		relay_complete(&config->others[i]);
	if (config->force_from && config->sender_from == NULL) {
		(void)setting_place(problem, 0, "sender", "force_from");
		return setting_fail(problem, CAUSE_CONFIG, "this needs `from` in [sender]: the address that all mail is to come from");
	}
	return 0;
}

static void
setting_relay_section(const struct relay *relay, char section[64])
{
	(void)snprintf(section, 64, "%s%s", relay->name[0] != '\0' ? SETTING_NAMED : "relay", relay->name);
}

int
setting_check(const struct config *config, bool secure, struct setting_problem *problem)
{
	struct relay_tangle tangle;
	char section[64];
	enum cause cause;

	for (size_t i = 0; i < relay_count(config); i++) {
		const struct relay *relay = relay_at(config, i);
		const char *wrong = relay_wrong(relay, secure, &cause);

		setting_relay_section(relay, section);
		/* what is missing has no line, but a section that was written has one */
		(void)setting_place(problem, i == 0 ? 0 : relay->line, section, "");
		if (wrong != NULL)
			return setting_fail(problem, cause, "%s", wrong);
	}
	if (!relay_is_tangled(config, &tangle))
		return 0;
	setting_relay_section(tangle.relay, section);
	(void)setting_place(problem, tangle.line, section, tangle.key);
	return setting_fail(problem, CAUSE_CONFIG, "%s", tangle.text);
}

/* A value in quotes where it needs them. It never holds both kinds: it would not have been read. */
static int
setting_print_text(struct buffer *text, const char *key, const char *value)
{
	size_t length = strlen(value);
	const char *quote = "";

	if (strpbrk(value, "#;") != NULL || strchr(" \t\"'", value[0]) != NULL ||
	    strchr(" \t", value[length - 1]) != NULL)
		quote = strchr(value, '"') == NULL ? "\"" : "'";
	return buffer_append_format(text, "%s = %s%s%s\n", key, quote, value, quote);
}

/* A command may hold a secret too: its first word says enough. */
static int
setting_print_secret(struct buffer *text, const struct setting *setting, const struct relay *relay)
{
	static const char stars[] = "********";

	if (relay->secret_source != setting->source)
		return 0;
	if (setting->source == SECRET_COMMAND)
		return buffer_append_format(text, "%s = %.*s%s%s\n", setting->key, (int)strcspn(relay->secret, " \t\"'"),
		    relay->secret, strpbrk(relay->secret, " \t\"'") != NULL ? " " : "",
		    strpbrk(relay->secret, " \t\"'") != NULL ? stars : "");
	return setting_print_text(text, setting->key, setting->source == SECRET_INLINE ? stars : relay->secret);
}

static int
setting_print_quantity(const struct config *config, const struct relay *relay, const struct setting *setting, struct buffer *text)
{
	const void *value = setting_value(config, relay, setting);
	int result = buffer_append_format(text, "%s = ", setting->key);

	if (result == 0 && setting->kind == SETTING_RETRY)
		result = quantity_print_times(text, config->retry, config->retry_count);
	else if (result == 0 && setting->kind == SETTING_NUMBER)
		result = buffer_append_format(text, "%" PRIu64, *(const uint64_t *)value);
	else if (result == 0 && setting->kind == SETTING_SIZE)
		result = quantity_print_size(text, *(const uint64_t *)value);
	else if (result == 0)
		result = quantity_print_time(text, *(const int64_t *)value);
	return result == 0 ? buffer_append_text(text, "\n") : -1;
}

static int
setting_print_one(const struct config *config, const struct relay *relay, const struct setting *setting, struct buffer *text)
{
	const char *string;

	switch (setting->kind) {
	case SETTING_PORTS:
		return port_print(relay, text);
	case SETTING_FROM:
		return pattern_print(relay, text);
	case SETTING_SECRET:
		return setting_print_secret(text, setting, relay);
	case SETTING_TIMEOUT:
	case SETTING_DURATION:
	case SETTING_RETRY:
	case SETTING_NUMBER:
	case SETTING_SIZE:
		return setting_print_quantity(config, relay, setting, text);
	case SETTING_BOOLEAN:
		return setting_print_text(text, setting->key, *(const bool *)setting_value(config, relay, setting) ? "yes" : "no");
	case SETTING_WORD:
		return setting_print_text(text, setting->key, setting->words[setting_word_index(config, relay, setting)]);
	default:
		string = *(char *const *)setting_value(config, relay, setting);
		return string == NULL ? 0 : setting_print_text(text, setting->key, string);
	}
}

/* All keys of a section: of [relay] once for each relay. */
static int
setting_print_section(const struct config *config, const struct relay *relay, const char *section, struct buffer *text)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "%s", section);
	if (strcmp(section, "relay") == 0)
		setting_relay_section(relay, name);
	if (buffer_append_format(text, "%s[%s]\n", relay == &config->relay && strcmp(section, "relay") == 0 ? "" : "\n", name) != 0)
		return -1;
	for (size_t i = 0; i < SETTING_COUNT; i++)
		if (strcmp(settings[i].section, section) == 0 && setting_print_one(config, relay, &settings[i], text) != 0)
			return -1;
	for (size_t i = 0; strcmp(section, "aliases") == 0 && i < config->alias_count; i++)
		if (setting_print_text(text, config->aliases[i].name, config->aliases[i].list) != 0)
			return -1;
	return 0;
}

int
setting_print(const struct config *config, struct buffer *text)
{
	for (size_t i = 0; setting_sections[i] != NULL; i++) {
		size_t count = strcmp(setting_sections[i], "relay") == 0 ? relay_count(config) : 1;

		for (size_t j = 0; j < count; j++)
			if (setting_print_section(config, relay_at(config, j), setting_sections[i], text) != 0)
				return -1;
	}
	return 0;
}

void
setting_free(struct config *config)
{
	relay_free(&config->relay);
	for (size_t i = 0; i < config->other_count; i++)
		relay_free(&config->others[i]);
	free(config->others);
	free(config->sender_domain);
	free(config->sender_from);
	for (size_t i = 0; i < config->alias_count; i++) {
		free(config->aliases[i].name);
		free(config->aliases[i].list);
	}
	free(config->aliases);
	free(config->aliases_file);
	free(config->spool_directory);
	free(config->notify);
	free(config->log_to);
	memset(config, 0, sizeof(*config));
}
