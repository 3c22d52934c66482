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

/* In the order in which they are printed. */
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

static void *
setting_field(struct config *config, const struct setting *setting)
{
	return (char *)config + setting->offset;
}

static const void *
setting_value(const struct config *config, const struct setting *setting)
{
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
	config->connections = 2;
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
setting_keep(struct config *config, const struct setting *setting, const char *value)
{
	char **field = setting_field(config, setting);

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
setting_take_word(struct config *config, const struct setting *setting, const char *value,
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
		config->runner_is_service = index == 1;
	else
		*(unsigned *)setting_field(config, setting) = (unsigned)index;
	return 0;
}

/* The others are enums, which are unsigned int where no value is negative. */
static size_t
setting_word_index(const struct config *config, const struct setting *setting)
{
	if (setting->words == setting_runners)
		return config->runner_is_service ? 1 : 0;
	return *(const unsigned *)setting_value(config, setting);
}

static int
setting_take_secret(struct config *config, const struct setting *setting, const struct ini_entry *entry,
    struct setting_problem *problem)
{
	struct relay *relay = &config->relay;
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
setting_take_shaped(struct config *config, const struct setting *setting, const char *value,
    const char *wrong, struct setting_problem *problem)
{
	if (wrong != NULL)
		return setting_fail(problem, CAUSE_CONFIG, "%s", wrong);
	setting_keep(config, setting, value);
	return 0;
}

static int
setting_take_provider(struct config *config, const struct setting *setting, const char *value,
    struct setting_problem *problem)
{
	char host[PROVIDER_TEXT_MAX], nearest[PROVIDER_TEXT_MAX];

	if (provider_find(value, host, sizeof(host)) != NULL) {
		setting_keep(config, setting, value);
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
setting_take_host(struct config *config, const struct setting *setting, const char *value,
    struct setting_problem *problem)
{
	size_t length = strlen(value);

	if (setting_take_shaped(config, setting, value, shape_host(value), problem) != 0)
		return -1;
	/* the resolver and the certificate want the address without its brackets */
	if (value[0] == '[') {
		memmove(config->relay.host, value + 1, length - 2);
		config->relay.host[length - 2] = '\0';
	}
	return 0;
}

static int
setting_take_log(struct config *config, const struct setting *setting, const char *value,
    struct setting_problem *problem)
{
	char hint[64];

	if (strcmp(value, setting_logs[0]) != 0 && strcmp(value, setting_logs[1]) != 0 && shape_path(value) != NULL)
		return setting_fail(problem, CAUSE_CONFIG, "the log goes to syslog, stderr or /a/file%s",
		    setting_hint(hint, sizeof(hint), value, setting_logs));
	setting_keep(config, setting, value);
	return 0;
}

static int
setting_take_duration(struct config *config, const struct setting *setting, const char *value,
    struct setting_problem *problem)
{
	int64_t *field = setting_field(config, setting), ms;

	if (text_to_duration(value, &ms) != 0)
		return setting_fail(problem, CAUSE_CONFIG,
		    "\"%.32s\" is not a time: write a number and ms, s, m, h or d, as in 10s", value);
	if (ms == 0 && setting->kind == SETTING_TIMEOUT)
		return setting_fail(problem, CAUSE_CONFIG, "this must be more than zero");
	if (field == &config->timeouts.wait && ms > SETTING_WAIT_MAX)
		return setting_fail(problem, CAUSE_CONFIG, "at most 1h: the calling program stands still that long");
	*field = ms;
	return 0;
}

static int
setting_take_retry(struct config *config, const char *value, struct setting_problem *problem)
{
	int64_t list[CONFIG_RETRIES_MAX];
	size_t count = quantity_parse_times(value, list, CONFIG_RETRIES_MAX, problem->text, sizeof(problem->text));

	problem->cause = CAUSE_CONFIG;
	if (count == 0)
		return -1;
	memcpy(config->retry, list, count * sizeof(list[0]));
	config->retry_count = count;
	return 0;
}

static int
setting_take_number(struct config *config, const struct setting *setting, const char *value,
    struct setting_problem *problem)
{
	if (text_to_number(value, 1, CONFIG_CONNECTIONS_MAX, setting_field(config, setting)) != 0)
		return setting_fail(problem, CAUSE_CONFIG, "\"%.32s\" is not a number from 1 to %d", value,
		    CONFIG_CONNECTIONS_MAX);
	return 0;
}

static int
setting_take_size(struct config *config, const struct setting *setting, const char *value,
    struct setting_problem *problem)
{
	uint64_t *field = setting_field(config, setting), size;

	if (text_to_size(value, &size) != 0 || size == 0)
		return setting_fail(problem, CAUSE_CONFIG,
		    "\"%.32s\" is not a size: write a number over zero, with K, M or G if you like, as in 50M", value);
	*field = size;
	return 0;
}

static int
setting_take_boolean(struct config *config, const struct setting *setting, const char *value,
    struct setting_problem *problem)
{
	if (text_to_boolean(value, setting_field(config, setting)) != 0)
		return setting_fail(problem, CAUSE_CONFIG, "\"%.32s\" is neither yes nor no", value);
	return 0;
}

static int
setting_take(struct config *config, const struct setting *setting, const struct ini_entry *entry,
    struct setting_problem *problem)
{
	const char *value = entry->value;

	switch (setting->kind) {
	case SETTING_TEXT:
		return setting_take_shaped(config, setting, value, shape_plain(value), problem);
	case SETTING_PROVIDER:
		return setting_take_provider(config, setting, value, problem);
	case SETTING_HOST:
		return setting_take_host(config, setting, value, problem);
	case SETTING_DOMAIN:
		return setting_take_shaped(config, setting, value, shape_domain(value), problem);
	case SETTING_EHLO:
		return setting_take_shaped(config, setting, value, shape_ehlo(value), problem);
	case SETTING_ADDRESS:
		return setting_take_shaped(config, setting, value, shape_address(value), problem);
	case SETTING_PATH:
		return setting_take_shaped(config, setting, value, shape_path(value), problem);
	case SETTING_LOG:
		return setting_take_log(config, setting, value, problem);
	case SETTING_PORTS:
		problem->cause = CAUSE_CONFIG;
		return port_parse(value, &config->relay, problem->text, sizeof(problem->text));
	case SETTING_SECRET:
		return setting_take_secret(config, setting, entry, problem);
	case SETTING_TIMEOUT:
	case SETTING_DURATION:
		return setting_take_duration(config, setting, value, problem);
	case SETTING_RETRY:
		return setting_take_retry(config, value, problem);
	case SETTING_NUMBER:
		return setting_take_number(config, setting, value, problem);
	case SETTING_SIZE:
		return setting_take_size(config, setting, value, problem);
	case SETTING_BOOLEAN:
		return setting_take_boolean(config, setting, value, problem);
	case SETTING_WORD:
		return setting_take_word(config, setting, value, problem);
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

static const struct setting *
setting_find(const char *section, const char *key)
{
	for (size_t i = 0; i < SETTING_COUNT; i++)
		if (strcmp(settings[i].section, section) == 0 && strcmp(settings[i].key, key) == 0)
			return &settings[i];
	return NULL;
}

static bool
setting_is_section(const char *name)
{
	for (size_t i = 0; setting_sections[i] != NULL; i++)
		if (strcmp(setting_sections[i], name) == 0)
			return true;
	return false;
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
		if (strcmp(settings[i].section, section) == 0)
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
	(void)snprintf(problem->where, sizeof(problem->where), "[%.32s]%s%.48s", section, key[0] != '\0' ? " " : "",
	    key);
	return -1;
}

static int
setting_take_entry(struct config *config, const struct ini *ini, const struct ini_entry *entry,
    enum config_scope scope, struct setting_problem *problem)
{
	const char *section = ini->sections[entry->section].name;
	const struct setting *setting = setting_find(section, entry->key);
	int result = 0;

	if (!setting_is_section(section))
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
		result = setting_take(config, setting, entry, problem);
	if (result == 0 || !setting_concerns(scope, section, entry->key))
		return 0;
	return setting_place(problem, entry->line, section, entry->key);
}

int
setting_take_all(struct config *config, const struct ini *ini, enum config_scope scope,
    struct setting_problem *problem)
{
	char hint[64];

	for (size_t i = 0; i < ini->section_count; i++) {
		const struct ini_section *section = &ini->sections[i];

		if (!setting_concerns(scope, section->name, ""))
			continue;
		(void)setting_place(problem, section->line, section->name, "");
		if (section->problem != NULL)
			return setting_fail(problem, CAUSE_CONFIG, "%s", section->problem);
		if (!setting_is_section(section->name))
			return setting_fail(problem, CAUSE_CONFIG,
			    "unknown section%s (there are relay, sender, aliases, timeouts, queue and log)",
			    setting_hint(hint, sizeof(hint), section->name, setting_sections));
	}
	for (size_t i = 0; i < ini->entry_count; i++)
		if (setting_take_entry(config, ini, &ini->entries[i], scope, problem) != 0)
			return -1;
	relay_complete(&config->relay);
	if (config->force_from && config->sender_from == NULL) {
		(void)setting_place(problem, 0, "sender", "force_from");
		return setting_fail(problem, CAUSE_CONFIG, "this needs `from` in [sender]: the address that all mail is to come from");
	}
	return 0;
}

int
setting_check(const struct config *config, bool secure, struct setting_problem *problem)
{
	enum cause cause;
	const char *wrong = relay_wrong(&config->relay, secure, &cause);

	(void)setting_place(problem, 0, "relay", "");
	return wrong != NULL ? setting_fail(problem, cause, "%s", wrong) : 0;
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
setting_print_quantity(const struct config *config, const struct setting *setting, struct buffer *text)
{
	const void *value = setting_value(config, setting);
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
setting_print_one(const struct config *config, const struct setting *setting, struct buffer *text)
{
	const char *string;

	switch (setting->kind) {
	case SETTING_PORTS:
		return port_print(&config->relay, text);
	case SETTING_SECRET:
		return setting_print_secret(text, setting, &config->relay);
	case SETTING_TIMEOUT:
	case SETTING_DURATION:
	case SETTING_RETRY:
	case SETTING_NUMBER:
	case SETTING_SIZE:
		return setting_print_quantity(config, setting, text);
	case SETTING_BOOLEAN:
		return setting_print_text(text, setting->key, *(const bool *)setting_value(config, setting) ? "yes" : "no");
	case SETTING_WORD:
		return setting_print_text(text, setting->key, setting->words[setting_word_index(config, setting)]);
	default:
		string = *(char *const *)setting_value(config, setting);
		return string == NULL ? 0 : setting_print_text(text, setting->key, string);
	}
}

int
setting_print(const struct config *config, struct buffer *text)
{
	const char *section = "";

	for (size_t i = 0; i < SETTING_COUNT; i++) {
		if (strcmp(section, settings[i].section) != 0 &&
		    buffer_append_format(text, "%s[%s]\n", i > 0 ? "\n" : "", settings[i].section) != 0)
			return -1;
		section = settings[i].section;
		if (setting_print_one(config, &settings[i], text) != 0)
			return -1;
		if (strcmp(section, "aliases") != 0)
			continue;
		for (size_t k = 0; k < config->alias_count; k++)
			if (setting_print_text(text, config->aliases[k].name, config->aliases[k].list) != 0)
				return -1;
	}
	return 0;
}

void
setting_free(struct config *config)
{
	relay_free(&config->relay);
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
