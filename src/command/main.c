/*
 * main: program mailcrane: one table of verbs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "base/log.h"
#include "command/command.h"
#include "delivery/privilege.h"

static const struct verb {
	const char *name;
	const char *words;
	const char *help;
	enum exitcode (*act)(const struct command_place *, int, char **);
	bool without_settings;	/* of use before there are any */
} verbs[] = {
	{"check", "[RELAY] [--json] [--to ADDRESS]", "does mail flow, and if not, why? looks at settings, name, ports, TLS and login",
	    command_check, true},
	{"run", "[--foreground|--timer]", "deliver what is due, wait a little for more, leave; --foreground stays, for a service",
	    command_run, false},
	{"flush", "[--quiet]", "try every queued message now", command_flush, false},
	{"queue", "[--failed] [--json]", "list queued messages, or those given up", command_hand, false},
	{"show", "[--body] ID", "show a message: what became of it, and its header", command_hand, false},
	{"retry", "ID|all", "have it tried now; also one that was given up", command_hand, false},
	{"hold", "ID|all", "keep it in the queue, untried", command_hand, false},
	{"release", "ID|all", "end that", command_hand, false},
	{"drop", "ID", "remove it", command_hand, false},
	{"status", "[--json|--metrics]", "how it goes: exit 0 well, 1 warning, 2 critical, as monitoring plug-ins do", command_status, true},
	{"explain", "CODE|TEXT|ID", "a reply or its code in plain words; for a message what became of it", command_explain, true},
	{"test", "ADDRESS", "send a test message to ADDRESS and show each step", command_test, false},
	{"config", "", "print the effective settings, secrets masked", command_config, false},
	/* for sendmail alone: not in the help */
	{"direct", NULL, NULL, command_direct, false},
	{"providers", "", "list the providers that `provider = NAME` knows, with host and ports", command_providers, true},
};

#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

static void
usage(FILE *stream)
{
	fprintf(stream, "usage: mailcrane VERB [WORDS]\n\n");
	for (size_t i = 0; i < VERBS; i++) {
		char left[48];

		if (verbs[i].help == NULL)
			continue;
		(void)snprintf(left, sizeof(left), "%s %s", verbs[i].name, verbs[i].words);
		fprintf(stream, "  %-37s %s\n", left, verbs[i].help);
	}
	fprintf(stream, "  %-37s with test, check, run and flush: the dialogue with the relay on stderr, each line with its time\n", "-v, --verbose");
	fprintf(stream, "  %-37s this text\n  %-37s the version\n\n", "--help", "--version");
	fprintf(stream, "Settings: $MAILCRANE_CONFIG, else " CONFIG_SYSTEM_FILE ", else ~/.config/mailcrane.ini;\n"
	    "see mailcrane(8) and mailcrane.ini(5). Programs hand in mail with sendmail(8).\n");
}

enum exitcode
command_failed(const struct outcome *outcome)
{
	enum exitcode code = exitcode_of(outcome);

	fprintf(stderr, "mailcrane: %s\n", outcome->text);
	return code != EXIT_OK ? code : EXIT_REFUSED;
}

enum exitcode
command_misused(const char *text)
{
	fprintf(stderr, "mailcrane: %s; see mailcrane --help\n", text);
	return EXIT_USAGE;
}

int
command_settings(const struct command_place *place, enum config_scope scope, struct config *config, enum exitcode *code)
{
	struct outcome outcome;

	if (config_load(place->config_file, scope, place->secure, config, &outcome) == 0)
		return 0;
	config_free(config);
	*code = command_failed(&outcome);
	return -1;
}

int
command_spool(const struct command_place *place, const struct config *config, struct spool **spool, enum exitcode *code)
{
	struct outcome outcome;

	if (spool_open(config->spool_directory, place->own_file, spool, &outcome) != 0) {
		*code = command_failed(&outcome);
		return -1;
	}
	if (privilege_drop(*spool, &outcome) != 0) {
		spool_close(*spool);
		*spool = NULL;
		*code = command_failed(&outcome);
		return -1;
	}
	return 0;
}

static enum exitcode
act(const struct verb *verb, int argc, char **argv)
{
	struct command_place place = {.secure = getauxval(AT_SECURE) != 0};
	struct outcome outcome;
	enum exitcode code;

	if (verb->without_settings)
		return verb->act(&place, argc, argv);
	place.config_file = config_find(place.secure, &place.own_file, &outcome);
	if (place.config_file == NULL)
		return command_failed(&outcome);
	code = verb->act(&place, argc, argv);
	free(place.config_file);
	return code;
}

/* Takes -v out of the words, wherever it stands. true when it was there. */
static bool
take_verbose(int *argc, char **argv)
{
	bool found = false;
	int kept = 1;

	for (int i = 1; i < *argc; i++)
		if (strcmp(argv[i], "-v") == 0 || strcmp(argv[i], "--verbose") == 0)
			found = true;
		else
			argv[kept++] = argv[i];
	argv[kept] = NULL;
	*argc = kept;
	return found;
}

int
main(int argc, char **argv)
{
	enum exitcode code;

	privilege_begin();
	log_open("syslog", LOG_LEVEL_INFO, "mailcrane");
	if (take_verbose(&argc, argv))
		log_copy(LOG_LISTENER_PERSON, STDERR_FILENO, "");
	if (argc < 2) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		usage(stdout);
		return fflush(stdout) == 0 ? EXIT_OK : EXIT_REFUSED;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("mailcrane %s\n", MAILCRANE_VERSION);
		return fflush(stdout) == 0 ? EXIT_OK : EXIT_REFUSED;
	}
	for (size_t i = 0; i < VERBS; i++) {
		if (strcmp(argv[1], verbs[i].name) != 0)
			continue;
		code = act(&verbs[i], argc - 1, argv + 1);
		if (fflush(stdout) != 0 && code == EXIT_OK)
			code = EXIT_REFUSED;
		log_close();
		return code;
	}
	fprintf(stderr, "mailcrane: no verb '%s'; see mailcrane --help\n", argv[1]);
	return EXIT_USAGE;
}
