/*
 * options: parses the union of what sendmail(8) and its replacements take, so that no caller has to be
 * changed.
 *
 * Rules (CALLERS.md, "Parsing rules"): options may be bundled, an argument attached or the next word; the
 * last -f wins; an empty argument is an argument. Options stop at the first recipient or at "--". A word
 * behind the first recipient that begins with "-" is an error: mailing to "-f" helps nobody. What is not
 * listed is refused; what is listed as ignored is taken with its argument and has no effect, so that no
 * option can make us read or write a file.
 */
#include "options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"

enum options_argument {
	OPTIONS_NONE,
	OPTIONS_REQUIRED,	/* attached, else the next word */
	OPTIONS_ATTACHED	/* attached or missing; never the next word */
};

enum options_action {
	OPTIONS_IGNORE,
	OPTIONS_TAKE_RECIPIENTS,
	OPTIONS_DOTS_ARE_TEXT,
	OPTIONS_SENDER,
	OPTIONS_FULL_NAME,
	OPTIONS_VERBOSE,
	OPTIONS_MODE,
	OPTIONS_SET,
	OPTIONS_RUN_QUEUE,
	OPTIONS_RUN_ALIASES
};

static const struct options_row {
	char                  letter;
	enum options_argument argument;
	enum options_action   action;
	const char           *placeholder;	/* of the argument */
	const char           *text;
} options_table[] = {
	{'t', OPTIONS_NONE, OPTIONS_TAKE_RECIPIENTS, "",
	    "send to the To, Cc and Bcc addresses of the message, too"},
	{'i', OPTIONS_NONE, OPTIONS_DOTS_ARE_TEXT, "", "a line with a single dot is text, not the end"},
	{'f', OPTIONS_REQUIRED, OPTIONS_SENDER, "address", "envelope sender; '' or '<>' for none"},
	{'r', OPTIONS_REQUIRED, OPTIONS_SENDER, "address", "the same as -f"},
	{'F', OPTIONS_REQUIRED, OPTIONS_FULL_NAME, "name", "full name for a From header that has to be made"},
	{'v', OPTIONS_NONE, OPTIONS_VERBOSE, "", "say on stderr what became of the message"},
	{'b', OPTIONS_REQUIRED, OPTIONS_MODE, "mode",
	    "m send mail, p list the queue, v verify addresses, i check aliases"},
	{'q', OPTIONS_ATTACHED, OPTIONS_RUN_QUEUE, "...", "have the queue looked at now"},
	{'I', OPTIONS_NONE, OPTIONS_RUN_ALIASES, "", "the same as -bi"},
	{'o', OPTIONS_REQUIRED, OPTIONS_SET, "option", "i is -i; any other is ignored"},
	{'A', OPTIONS_REQUIRED, OPTIONS_IGNORE, "c|m", "ignored (which settings)"},
	{'B', OPTIONS_REQUIRED, OPTIONS_IGNORE, "type", "ignored (7BIT or 8BITMIME: seen from the message)"},
	{'C', OPTIONS_REQUIRED, OPTIONS_IGNORE, "file", "ignored (settings)"},
	{'D', OPTIONS_REQUIRED, OPTIONS_IGNORE, "file", "ignored (debugging output)"},
	{'E', OPTIONS_ATTACHED, OPTIONS_IGNORE, "...", "ignored"},
	{'G', OPTIONS_NONE, OPTIONS_IGNORE, "", "ignored (relayed message)"},
	{'J', OPTIONS_ATTACHED, OPTIONS_IGNORE, "...", "ignored"},
	{'L', OPTIONS_REQUIRED, OPTIONS_IGNORE, "tag", "ignored (log tag)"},
	{'M', OPTIONS_REQUIRED, OPTIONS_IGNORE, "macro", "ignored (macro value)"},
	{'N', OPTIONS_REQUIRED, OPTIONS_IGNORE, "when", "ignored (delivery status notification)"},
	{'O', OPTIONS_REQUIRED, OPTIONS_IGNORE, "option=value", "ignored"},
	{'Q', OPTIONS_ATTACHED, OPTIONS_IGNORE, "...", "ignored (quarantine)"},
	{'R', OPTIONS_REQUIRED, OPTIONS_IGNORE, "what", "ignored (what a notification returns)"},
	{'T', OPTIONS_NONE, OPTIONS_IGNORE, "", "ignored"},
	{'U', OPTIONS_NONE, OPTIONS_IGNORE, "", "ignored (first submission)"},
	{'V', OPTIONS_REQUIRED, OPTIONS_IGNORE, "id", "ignored (envelope identifier)"},
	{'X', OPTIONS_REQUIRED, OPTIONS_IGNORE, "file", "ignored (traffic log)"},
	{'c', OPTIONS_NONE, OPTIONS_IGNORE, "", "ignored"},
	{'d', OPTIONS_REQUIRED, OPTIONS_IGNORE, "level", "ignored (debugging)"},
	{'e', OPTIONS_REQUIRED, OPTIONS_IGNORE, "how", "ignored (how errors are told)"},
	{'h', OPTIONS_REQUIRED, OPTIONS_IGNORE, "hops", "ignored (hop count)"},
	{'m', OPTIONS_NONE, OPTIONS_IGNORE, "", "ignored (me too)"},
	{'n', OPTIONS_NONE, OPTIONS_IGNORE, "", "ignored (no aliases)"},
	{'p', OPTIONS_REQUIRED, OPTIONS_IGNORE, "protocol", "ignored (received by)"},
	{'s', OPTIONS_NONE, OPTIONS_IGNORE, "", "ignored"},
	{'x', OPTIONS_NONE, OPTIONS_IGNORE, "", "ignored"},
};

#define OPTIONS_COUNT (sizeof(options_table) / sizeof(options_table[0]))

/* Modes that somebody may ask for and that we do not have: what to do instead. */
static const struct {
	char        letter;
	const char *text;
} options_refused_modes[] = {
	{'s', "-bs (SMTP on standard input) comes in a later version; use sendmail -t"},
	{'d', "-bd: there is no mail server here; run \"mailcrane run --foreground\" as the service"},
	{'D', "-bD: there is no mail server here; run \"mailcrane run --foreground\" as the service"},
	{'l', "-bl: there is no mail server here; run \"mailcrane run --foreground\" as the service"},
	{'t', "-bt: there are no rewriting rules to test; \"mailcrane config\" prints the settings"},
	{'h', "-bh: no host status is kept; \"mailcrane queue\" lists what waits and why"},
	{'H', "-bH: no host status is kept; \"mailcrane queue\" lists what waits and why"},
	{'P', "-bP: \"mailcrane queue\" lists what waits"},
	{'S', "-bS (batched SMTP) is not supported; use sendmail -t, once a message"},
	{'F', "-bF: nothing to freeze; there is no compiled configuration"},
};

/* Modes by the words that only give one when there is nothing to send: mail is never taken for something
 * else. */
struct options_state {
	struct options   *options;
	bool              has_mode;
	enum options_mode idle_mode;	/* OPTIONS_MAIL: none */
};

static int options_refuse(struct outcome *outcome, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int
options_refuse(struct outcome *outcome, const char *format, ...)
{
	char text[sizeof(outcome->text)];
	va_list arguments;

	va_start(arguments, format);
	if (vsnprintf(text, sizeof(text), format, arguments) < 0)
		text[0] = '\0';
	va_end(arguments);
	outcome_set(outcome, VERDICT_FAILED, STAGE_INPUT, CAUSE_USAGE, "%s", text);
	return -1;
}

static const struct options_row *
options_find(char letter)
{
	for (size_t i = 0; i < OPTIONS_COUNT; i++)
		if (options_table[i].letter == letter)
			return &options_table[i];
	return NULL;
}

/* Modes by the name that we were called with. */
static enum options_mode
options_named_mode(const char *name)
{
	const char *slash;

	if (name == NULL)
		return OPTIONS_MAIL;
	slash = strrchr(name, '/');
	if (slash != NULL)
		name = slash + 1;
	if (strcmp(name, "mailq") == 0)
		return OPTIONS_QUEUE;
	return strcmp(name, "newaliases") == 0 ? OPTIONS_ALIASES : OPTIONS_MAIL;
}

static int
options_set_mode(struct options_state *state, const char *argument, struct outcome *outcome)
{
	enum options_mode mode;

	if (strcmp(argument, "m") == 0)
		mode = OPTIONS_MAIL;
	else if (strcmp(argument, "p") == 0)
		mode = OPTIONS_QUEUE;
	else if (strcmp(argument, "i") == 0)
		mode = OPTIONS_ALIASES;
	else if (strcmp(argument, "v") == 0)
		mode = OPTIONS_VERIFY;
	else {
		for (size_t i = 0; i < sizeof(options_refused_modes) / sizeof(options_refused_modes[0]); i++)
			if (argument[0] == options_refused_modes[i].letter && argument[1] == '\0')
				return options_refuse(outcome, "%s", options_refused_modes[i].text);
		return options_refuse(outcome, "unknown mode -b%.40s; -bm, -bp, -bv and -bi are known", argument);
	}
	state->options->mode = mode;
	state->has_mode = true;
	return 0;
}

static int
options_apply(struct options_state *state, const struct options_row *row, const char *argument,
    struct outcome *outcome)
{
	struct options *options = state->options;

	switch (row->action) {
	case OPTIONS_IGNORE:
		break;
	case OPTIONS_TAKE_RECIPIENTS:
		options->take_recipients = true;
		break;
	case OPTIONS_DOTS_ARE_TEXT:
		options->dots_are_text = true;
		break;
	case OPTIONS_SENDER:
		options->reverse_path = argument;
		break;
	case OPTIONS_FULL_NAME:
		options->full_name = argument;
		break;
	case OPTIONS_VERBOSE:
		options->verbose = true;
		break;
	case OPTIONS_MODE:
		return options_set_mode(state, argument, outcome);
	case OPTIONS_SET:
		if (strcmp(argument, "i") == 0)
			options->dots_are_text = true;
		break;
	case OPTIONS_RUN_QUEUE:
		state->idle_mode = OPTIONS_WAKE;
		break;
	case OPTIONS_RUN_ALIASES:
		state->idle_mode = OPTIONS_ALIASES;
		break;
	}
	return 0;
}

/* One word of options, perhaps with the next word as argument of its last letter; *used says how many it
 * took. */
static int
options_word(
    struct options_state *state, const char *word, const char *next, int *used, struct outcome *outcome)
{
	*used = 1;
	for (const char *at = word + 1; *at != '\0'; at++) {
		const struct options_row *row = options_find(*at);
		const char *argument = "";
		bool has_argument = row != NULL && row->argument != OPTIONS_NONE && at[1] != '\0';

		if (row == NULL)
			return options_refuse(
			    outcome, "unknown option -%c; sendmail --help lists the options", *at);
		if (has_argument)
			argument = at + 1;
		else if (row->argument == OPTIONS_REQUIRED) {
			if (next == NULL)
				return options_refuse(
				    outcome, "option -%c needs an argument (%s)", *at, row->placeholder);
			argument = next;
			*used = 2;
		}
		if (options_apply(state, row, argument, outcome) != 0)
			return -1;
		if (has_argument || *used > 1)
			break;
	}
	return 0;
}

/* 1 when the word is done with, 0 when it is not a long option. */
static int
options_long_word(struct options_state *state, const char *word, struct outcome *outcome)
{
	if (strncmp(word, "--", 2) != 0)
		return 0;
	if (strcmp(word, "--help") == 0)
		state->options->mode = OPTIONS_HELP;
	else if (strcmp(word, "--version") == 0)
		state->options->mode = OPTIONS_VERSION;
	else
		return options_refuse(
		    outcome, "unknown option %.60s; sendmail --help lists the options", word);
	state->has_mode = true;
	return 1;
}

/* Gives the index of the first recipient, or -1. */
static int
options_walk(struct options_state *state, int argc, char **argv, struct outcome *outcome)
{
	int i = 1;

	while (i < argc) {
		const char *word = argv[i];
		int used = 1, is_long;

		if (strcmp(word, "--") == 0)
			return i + 1;
		/* how an array of options arrives from Rails 7 with version 2.7 of the mail gem; no
		 * address begins with "[" */
		if (strcmp(word, "[-i]") == 0)
			word = "-i";
		if (word[0] != '-')
			break;
		if (word[1] == '\0')
			return options_refuse(outcome, "\"-\" is neither an option nor an address");
		is_long = options_long_word(state, word, outcome);
		if (is_long < 0)
			return -1;
		if (is_long == 0 &&
		    options_word(state, word, i + 1 < argc ? argv[i + 1] : NULL, &used, outcome) != 0)
			return -1;
		if (state->options->mode == OPTIONS_HELP || state->options->mode == OPTIONS_VERSION)
			return argc;
		i += used;
	}
	for (int later = i; later < argc; later++)
		if (argv[later][0] == '-')
			return options_refuse(outcome, "%.60s behind a recipient: options come first; "
			    "put -- before addresses that begin with a dash", argv[later]);
	return i;
}

int
options_parse(int argc, char **argv, struct options *options, struct outcome *outcome)
{
	struct options_state state = {.options = options, .idle_mode = OPTIONS_MAIL};
	int first;

	memset(options, 0, sizeof(*options));
	options->mode = options_named_mode(argc > 0 ? argv[0] : NULL);
	state.has_mode = options->mode != OPTIONS_MAIL;
	first = options_walk(&state, argc, argv, outcome);
	if (first < 0)
		return -1;
	if (first < argc) {
		options->recipients = (const char *const *)argv + first;
		options->recipient_count = (size_t)(argc - first);
	}
	if (!state.has_mode && !options->take_recipients && options->recipient_count == 0)
		options->mode = state.idle_mode;
	if (options->mode == OPTIONS_VERIFY && options->recipient_count == 0)
		return options_refuse(outcome, "-bv: no addresses: name them behind the options");
	if (options->mode == OPTIONS_MAIL && !options->take_recipients && options->recipient_count == 0)
		return options_refuse(outcome, "no recipients: name them behind the options, or use -t; "
		    "sendmail --help lists the options");
	return 0;
}

void
options_help(int fd)
{
	static const char head[] =
	    "usage: sendmail [options] [--] [address ...] < message\n"
	    "       mailq\n"
	    "       newaliases\n"
	    "\n"
	    "Takes a message, keeps it safe, and has it sent through the relay of the settings.\n"
	    "Says nothing when all is well.\n\n";
	static const char tail[] =
	    "  --help             this text\n"
	    "  --version          the version\n"
	    "\nExit codes: 0 sent or safely queued, 64 usage, 65 unusable message or address,\n"
	    "69 refused by the relay or not storable, 78 settings. See sendmail(8).\n";

	(void)file_write(fd, head, sizeof(head) - 1);
	for (size_t i = 0; i < OPTIONS_COUNT; i++) {
		const struct options_row *row = &options_table[i];
		char line[200], option[40];
		int length;

		(void)snprintf(option, sizeof(option), "-%c%s%s", row->letter,
		    row->argument == OPTIONS_REQUIRED ? " " : "", row->placeholder);
		length = snprintf(line, sizeof(line), "  %-18s %s\n", option, row->text);
		if (length > 0 && (size_t)length < sizeof(line))
			(void)file_write(fd, line, (size_t)length);
	}
	(void)file_write(fd, tail, sizeof(tail) - 1);
}
