/*
 * config: the settings file, from disk to struct config.
 *
 * The file is opened once, looked at on the descriptor and read into memory. The strict scan (base/ini) goes
 * first, then iniparser gets the same octets, through a memory file since 4.1 takes only a path. A value is
 * used when both say the same of it; a difference is an error and never a silent change.
 */
#include "base/config.h"

#include <errno.h>
#include <fcntl.h>
#include <iniparser/iniparser.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/access.h"
#include "base/account.h"
#include "base/buffer.h"
#include "base/file.h"
#include "base/ini.h"
#include "base/relay.h"
#include "base/setting.h"

#define CONFIG_OWN_FILE ".config/mailcrane.ini"
#define CONFIG_OWN_SPOOL ".local/state/mailcrane"
#define CONFIG_PRINT_MAX ((size_t)64 * 1024)

static int
config_fail(struct outcome *outcome, enum cause cause, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Always -1, so that it can be returned. */
static int
config_fail(struct outcome *outcome, enum cause cause, const char *format, ...)
{
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	if (vsnprintf(text, sizeof(text), format, arguments) < 0)
		text[0] = '\0';
	va_end(arguments);
	outcome_set(outcome, VERDICT_FAILED, STAGE_CONFIG, cause, "%s", text);
	return -1;
}

/* A file in the real user's home directory, or NULL when there is none. The caller frees. */
static char *
config_home(const char *name)
{
	const struct passwd *user = account_of(getuid());
	char *path;

	if (user == NULL || user->pw_dir == NULL || user->pw_dir[0] != '/')
		return NULL;
	if (asprintf(&path, "%s/%s", user->pw_dir, name) < 0)
		memory_fail();
	return path;
}

/* The password database is asked only about a file that has the name: each call of sendmail comes by here. */
static bool
config_is_own(const char *file)
{
	size_t length = strlen(file), name = strlen(CONFIG_OWN_FILE);
	char *own = length > name && strcmp(file + length - name, CONFIG_OWN_FILE) == 0 ? config_home(CONFIG_OWN_FILE) : NULL;
	bool is_own = own != NULL && strcmp(own, file) == 0;

	free(own);
	return is_own;
}

static bool
config_is_there(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

char *
config_find(bool secure, bool *own_file, struct outcome *outcome)
{
	const char *given = secure ? NULL : getenv("MAILCRANE_CONFIG");
	struct stat status;
	char *path;

	if (given != NULL && given[0] != '\0') {
		*own_file = config_is_own(given);
		return memory_copy_text(given);
	}
	if (config_is_there(CONFIG_SYSTEM_FILE)) {
		*own_file = false;
		return memory_copy_text(CONFIG_SYSTEM_FILE);
	}
	path = config_home(CONFIG_OWN_FILE);
	if (path == NULL || stat(path, &status) != 0) {
		(void)config_fail(outcome, CAUSE_CONFIG,
		    "no settings file: write %s; four lines are enough, see mailcrane.ini(5)", CONFIG_SYSTEM_FILE);
		free(path);
		return NULL;
	}
	if (status.st_uid != getuid()) {
		(void)config_fail(outcome, CAUSE_CONFIG, "%s: not used, since it belongs to another user", path);
		free(path);
		return NULL;
	}
	*own_file = true;
	return path;
}

/* Looks at what was opened, so that nobody can swap the file in between. */
static int
config_check_file(const char *file, int fd, struct stat *status, struct outcome *outcome)
{
	if (fstat(fd, status) != 0)
		return config_fail(outcome, CAUSE_CONFIG, "%s: %s", file, strerror(errno));
	if (!S_ISREG(status->st_mode))
		return config_fail(outcome, CAUSE_CONFIG, "%s: this is %s, not a settings file", file,
		    S_ISDIR(status->st_mode) ? "a directory" : "no regular file");
	if (status->st_uid != 0 && status->st_uid != geteuid() && status->st_uid != getuid())
		return config_fail(outcome, CAUSE_CONFIG,
		    "%s: belongs to user %lu; it must be root's or your own (chown root)", file,
		    (unsigned long)status->st_uid);
	if ((status->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return config_fail(outcome, CAUSE_CONFIG, "%s: others than its owner can write it (chmod go-w)", file);
	return 0;
}

/* The whole file; the caller wipes and frees it. */
static char *
config_read(const char *file, size_t *length, struct stat *status, struct outcome *outcome)
{
	/* not to hang on a FIFO */
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char *text = NULL;

	if (fd < 0 && errno == ENOENT)
		(void)config_fail(outcome, CAUSE_CONFIG,
		    "%s: no such file; four lines are enough, see mailcrane.ini(5)", file);
	else if (fd < 0)
		(void)config_fail(outcome, CAUSE_CONFIG, "%s: %s", file, access_text(errno));
	else if (config_check_file(file, fd, status, outcome) == 0) {
		text = file_slurp(fd, INI_FILE_MAX, length);
		if (text == NULL)
			(void)config_fail(outcome, CAUSE_CONFIG, "%s: %s", file,
			    errno == EFBIG ? "over 64 KB: this can't be a settings file" : strerror(errno));
	}
	if (fd >= 0)
		(void)close(fd);
	return text;
}

/* iniparser's own complaints quote the line, which may hold a password. */
static int
config_silence(const char *format, ...)
{
	(void)format;
	return 0;
}

static dictionary *
config_parse(const char *text, size_t length)
{
	int fd = memfd_create("mailcrane.ini", MFD_CLOEXEC);
	dictionary *dictionary = NULL;
	char path[64];

	if (fd < 0)
		return NULL;
	if (file_write(fd, text, length) == 0) {
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		iniparser_set_error_callback(config_silence);
		dictionary = iniparser_load(path);
	}
	(void)close(fd);
	return dictionary;
}

static int
config_count(const dictionary *dictionary)
{
	int count = 0, sections = iniparser_getnsec(dictionary);

	for (int i = 0; i < sections; i++)
		count += iniparser_getsecnkeys(dictionary, iniparser_getsecname(dictionary, i));
	return count;
}

/* 0, or the line of which iniparser and the scan say different things. */
static int
config_compare(const struct ini *ini, const dictionary *dictionary)
{
	bool faultless = true;
	char name[INI_LINE_MAX * 2 + 2];

	for (size_t i = 0; i < ini->entry_count; i++) {
		const struct ini_entry *entry = &ini->entries[i];
		const char *value;

		faultless = faultless && entry->problem == NULL;
		if (entry->problem != NULL || entry->is_repeated)
			continue;
		(void)snprintf(name, sizeof(name), "%s:%s", ini->sections[entry->section].name, entry->key);
		value = iniparser_getstring(dictionary, name, NULL);
		if (value == NULL || strcmp(value, entry->value) != 0)
			return entry->line;
	}
	if (faultless && (size_t)config_count(dictionary) != ini->entry_count)
		return 1;
	return 0;
}

/* The dictionary's copies of the values, one of which may be a password. */
static void
config_wipe(const struct ini *ini, dictionary *dictionary)
{
	char name[INI_LINE_MAX * 2 + 2];

	for (size_t i = 0; i < ini->entry_count; i++) {
		char *value;

		(void)snprintf(name, sizeof(name), "%s:%s", ini->sections[ini->entries[i].section].name,
		    ini->entries[i].key);
		value = (char *)iniparser_getstring(dictionary, name, NULL);
		if (value != NULL)
			explicit_bzero(value, strlen(value));
	}
	iniparser_freedict(dictionary);
}

static int
config_scan(const char *file, const char *text, size_t length, struct ini *ini, struct outcome *outcome)
{
	struct ini_mistake mistake;
	dictionary *dictionary;
	int line;

	if (ini_scan(ini, text, length, &mistake) != 0)
		return config_fail(outcome, CAUSE_CONFIG, "%s:%d: %s", file, mistake.line, mistake.text);
	dictionary = config_parse(text, length);
	if (dictionary == NULL)
		return config_fail(outcome, CAUSE_CONFIG, "%s: the file can't be parsed", file);
	line = config_compare(ini, dictionary);
	config_wipe(ini, dictionary);
	if (line != 0)
		return config_fail(outcome, CAUSE_CONFIG,
		    "%s:%d: this line can be read in two ways; put the value in quotes", file, line);
	return 0;
}

static char *
config_spool(const char *file)
{
	char *spool = config_is_own(file) ? config_home(CONFIG_OWN_SPOOL) : NULL;

	return spool != NULL ? spool : memory_copy_text(MAILCRANE_SPOOL);
}

static int
config_take(const char *file, const struct ini *ini, enum config_scope scope, bool secure, mode_t mode,
    struct config *config, struct outcome *outcome)
{
	struct setting_problem problem = {.cause = CAUSE_CONFIG};
	int result = setting_take_all(config, ini, scope, &problem);

	if (result == 0 && scope == CONFIG_FULL)
		result = setting_check(config, secure, &problem);
	if (result != 0 && problem.line > 0)
		return config_fail(outcome, problem.cause, "%s:%d: %s: %s", file, problem.line, problem.where,
		    problem.text);
	if (result != 0)
		return config_fail(outcome, problem.cause, "%s: %s: %s", file, problem.where, problem.text);
	for (size_t i = 0; i < relay_count(config); i++)
		if (relay_at(config, i)->secret_source == SECRET_INLINE && (mode & S_IRWXO) != 0)
			return config_fail(outcome, CAUSE_SECRET,
			    "%s: holds the password and everybody can read it (chmod o-rwx, or use password_file)", file);
	return 0;
}

/* The end of the line that `text` begins, at most `end`. */
static char *
config_line_end(char *text, char *end)
{
	char *found = memchr(text, '\n', (size_t)(end - text));

	return found != NULL ? found : end;
}

/* "password_env": its value is a name. */
static bool
config_is_variable(const char *key, size_t length)
{
	while (length > 0 && (key[length - 1] == ' ' || key[length - 1] == '\t'))
		length--;
	return length == strlen("password_env") && strncasecmp(key, "password_env", length) == 0;
}

/* Blanks what stands behind "password... =": iniparser leaves copies of each line in freed memory, and who asks for less
 * than the whole settings (the runner, from whose memory others are forked) shall not have the password anywhere. */
static void
config_mask(char *text, size_t length)
{
	char *end = text + length, *line_end, *equals;

	for (char *line = text; line < end; line = line_end + 1) {
		line_end = config_line_end(line, end);
		while (line < line_end && (*line == ' ' || *line == '\t'))
			line++;
		equals = memchr(line, '=', (size_t)(line_end - line));
		if (equals == NULL || equals - line < 8 || strncasecmp(line, "password", 8) != 0 ||
		    config_is_variable(line, (size_t)(equals - line)))
			continue;
		for (char *at = equals + 1; at < line_end; at++)
			*at = at == equals + 1 ? 'x' : ' ';
	}
}

int
config_load(const char *file, enum config_scope scope, bool secure, struct config *config,
    struct outcome *outcome)
{
	struct ini ini = {.entry_count = 0};
	char *text, *spool;
	size_t length = 0;
	struct stat status;
	int result = -1;

	memset(config, 0, sizeof(*config));
	text = config_read(file, &length, &status, outcome);
	if (text == NULL)
		return -1;
	if (scope == CONFIG_SUBMIT)
		config_mask(text, length);
	if (config_scan(file, text, length, &ini, outcome) != 0)
		goto out;
	spool = config_spool(file);
	setting_defaults(config, spool);
	free(spool);
	config->file = memory_copy_text(file);
	config->changed = (int64_t)status.st_ctim.tv_sec * 1000000000 + status.st_ctim.tv_nsec;
	result = config_take(file, &ini, scope, secure, status.st_mode, config, outcome);
out:
	explicit_bzero(text, length);
	free(text);
	ini_free(&ini);
	if (result != 0)
		config_free(config);
	return result;
}

void
config_free(struct config *config)
{
	char *file;

	if (config == NULL)
		return;
	file = config->file;
	setting_free(config);
	free(file);
}

int
config_print(const struct config *config, int fd)
{
	struct buffer text;
	int result = -1;

	buffer_init(&text, CONFIG_PRINT_MAX);
	if (buffer_append_format(&text, "# %s\n", config->file) == 0 && setting_print(config, &text) == 0)
		result = file_write(fd, text.data, text.length);
	buffer_wipe(&text);
	return result;
}
