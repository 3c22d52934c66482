/*
 * options: parses the union of what sendmail(8) and the sendmail(1) of Postfix, Exim and OpenSMTPD take, so that no caller
 * has to be changed.
 *
 * Rules (CALLERS.md, "Parsing rules"): options may be bundled, an argument attached or the next word; the
 * last one wins; an empty argument is an argument. Options stop at the first recipient or at "--". A word
 * behind the first recipient that begins with "-" is an error: mailing to "-f" helps nobody. What is not
 * listed is refused; what is listed as ignored is taken with its argument and has no effect, so that no
 * option can make us read or write a file, read other settings or become a server.
 */
#include "options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"

enum options_argument {
	OPTIONS_NONE,
	OPTIONS_REQUIRED,	/* attached, else the next word */
	OPTIONS_ATTACHED,	/* attached or missing; never the next word */
	OPTIONS_NUMBER,		/* attached, or the next word when that begins with a digit */
	OPTIONS_NAMED		/* as REQUIRED; and of Exim's multi-letter ones the value is the next word */
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
	OPTIONS_RUN_ALIASES,
	OPTIONS_NOTIFY,
	OPTIONS_RETURN,
	OPTIONS_ENVID,
	OPTIONS_MACRO
};

/* The one table: parser, --help and the list in sendmail(8), which a test compares. */
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
	{'N', OPTIONS_REQUIRED, OPTIONS_NOTIFY, "when",
	    "notifications wanted: never, or of success,failure,delay"},
	{'R', OPTIONS_REQUIRED, OPTIONS_RETURN, "what", "notifications return full or hdrs"},
	{'V', OPTIONS_REQUIRED, OPTIONS_ENVID, "id", "envelope identifier that notifications carry"},
	{'v', OPTIONS_NONE, OPTIONS_VERBOSE, "", "show the dialogue with the relay on stderr, and what became of the message"},
	{'b', OPTIONS_REQUIRED, OPTIONS_MODE, "mode",
	    "m send mail, s speak SMTP, p list the queue, v verify addresses, i check aliases"},
	{'q', OPTIONS_ATTACHED, OPTIONS_RUN_QUEUE, "...", "have the queue looked at now"},
	{'I', OPTIONS_NONE, OPTIONS_RUN_ALIASES, "", "the same as -bi"},
	{'o', OPTIONS_NAMED, OPTIONS_SET, "option", "i is -i; any other is ignored"},
	{'A', OPTIONS_REQUIRED, OPTIONS_IGNORE, "c|m", "ignored (which settings)"},
	{'B', OPTIONS_REQUIRED, OPTIONS_IGNORE, "type", "ignored (7BIT or 8BITMIME: seen from the message)"},
	{'C', OPTIONS_REQUIRED, OPTIONS_IGNORE, "file", "ignored (settings)"},
	{'D', OPTIONS_REQUIRED, OPTIONS_IGNORE, "file", "ignored (debugging output)"},
	{'E', OPTIONS_ATTACHED, OPTIONS_IGNORE, "...", "ignored"},
	{'G', OPTIONS_NONE, OPTIONS_IGNORE, "", "ignored (relayed message)"},
	{'J', OPTIONS_ATTACHED, OPTIONS_IGNORE, "...", "ignored"},
	{'L', OPTIONS_REQUIRED, OPTIONS_IGNORE, "tag", "ignored (log tag)"},
	{'M', OPTIONS_REQUIRED, OPTIONS_MACRO, "macro", "ignored (macro value)"},
	{'O', OPTIONS_REQUIRED, OPTIONS_IGNORE, "option=value", "ignored"},
	{'Q', OPTIONS_REQUIRED, OPTIONS_IGNORE, "reason", "ignored (quarantine)"},
	{'S', OPTIONS_NONE, OPTIONS_IGNORE, "", "ignored"},
	{'T', OPTIONS_NONE, OPTIONS_IGNORE, "", "ignored"},
	{'U', OPTIONS_NONE, OPTIONS_IGNORE, "", "ignored (first submission)"},
	{'X', OPTIONS_REQUIRED, OPTIONS_IGNORE, "file", "ignored (traffic log)"},
	{'c', OPTIONS_NONE, OPTIONS_IGNORE, "", "ignored"},
	{'d', OPTIONS_NUMBER, OPTIONS_IGNORE, "level", "ignored (debugging)"},
	{'e', OPTIONS_REQUIRED, OPTIONS_IGNORE, "how", "ignored (how errors are told)"},
	{'h', OPTIONS_REQUIRED, OPTIONS_IGNORE, "hops", "ignored (hop count)"},
	{'m', OPTIONS_NONE, OPTIONS_IGNORE, "", "ignored (me too)"},
	{'n', OPTIONS_NONE, OPTIONS_IGNORE, "", "ignored (no aliases)"},
	{'p', OPTIONS_REQUIRED, OPTIONS_IGNORE, "protocol", "ignored (received by)"},
	{'s', OPTIONS_NONE, OPTIONS_IGNORE, "", "ignored"},
	{'x', OPTIONS_NONE, OPTIONS_IGNORE, "", "ignored"},
	{'z', OPTIONS_REQUIRED, OPTIONS_IGNORE, "text", "ignored (a line for the log)"},
};

#define OPTIONS_COUNT (sizeof(options_table) / sizeof(options_table[0]))

#define OPTIONS_NO_SERVER "there is no mail server here; run \"mailcrane run --foreground\" as the service"
#define OPTIONS_NO_HOSTS "no host status is kept; \"mailcrane queue\" lists what waits and why"
#define OPTIONS_NO_TESTS "there are no rules to test; \"mailcrane config\" prints the settings"
#define OPTIONS_NO_BATCH "batched SMTP is not supported; use sendmail -bs, or sendmail -t once a message"
#define OPTIONS_NO_ITEMS "use mailcrane queue, show, retry, drop or flush"

/* Modes that somebody may ask for and that we do not have: what to do instead. Those behind the first ten are Exim's, but for
 * -ba, -bC and -bz. */
static const struct {
	const char *mode, *text;
} options_refused_modes[] = {
	{"d", OPTIONS_NO_SERVER},
	{"D", OPTIONS_NO_SERVER},
	{"l", OPTIONS_NO_SERVER},
	{"t", OPTIONS_NO_TESTS},
	{"h", OPTIONS_NO_HOSTS},
	{"H", OPTIONS_NO_HOSTS},
	{"P", OPTIONS_NO_ITEMS},
	{"S", OPTIONS_NO_BATCH},
	{"F", OPTIONS_NO_TESTS},
	{"C", OPTIONS_NO_TESTS},
	{"a", "ARPANET's protocol is not spoken; use sendmail -bs"},
	{"dd", OPTIONS_NO_SERVER},
	{"df", OPTIONS_NO_SERVER},
	{"w", OPTIONS_NO_SERVER},
	{"z", OPTIONS_NO_TESTS},
	{"e", OPTIONS_NO_TESTS},
	{"em", OPTIONS_NO_TESTS},
	{"f", OPTIONS_NO_TESTS},
	{"hc", OPTIONS_NO_TESTS},
	{"malware", OPTIONS_NO_TESTS},
	{"rt", OPTIONS_NO_TESTS},
	{"rw", OPTIONS_NO_TESTS},
	{"vs", "use -bv"},
	{"nq", "use sendmail without it: names are completed by [sender] domain"},
	{"pa", OPTIONS_NO_ITEMS}, {"pc", OPTIONS_NO_ITEMS}, {"pi", OPTIONS_NO_ITEMS}, {"pr", OPTIONS_NO_ITEMS},
	{"pra", OPTIONS_NO_ITEMS}, {"pri", OPTIONS_NO_ITEMS}, {"pru", OPTIONS_NO_ITEMS}, {"pu", OPTIONS_NO_ITEMS},
};

/* Exim's -M with one of these is done to messages of the queue, whose names follow: they must not become recipients. */
static const char *const options_exim_items[] = {
	"ar", "C", "c", "es", "f", "g", "G", "mad", "md", "rm", "set", "t", "vb", "vc", "vh", "vl", "vm",
};

/* Exim's -o with one of these has its value in the next word. */
static const char *const options_exim_named[] = {
	"A", "B", "P", "PX", "X", "Ma", "Maa", "Mai", "Mas", "Mi", "Mm", "Mr", "Ms", "Mt",
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
	else if (strcmp(argument, "V") == 0)
		mode = OPTIONS_VERSION;
	else if (strcmp(argument, "s") == 0)
		mode = OPTIONS_SERVER;
	else if (strcmp(argument, "p") == 0)
		mode = OPTIONS_QUEUE;
	else if (strcmp(argument, "i") == 0)
		mode = OPTIONS_ALIASES;
	else if (strcmp(argument, "v") == 0)
		mode = OPTIONS_VERIFY;
	else {
		for (size_t i = 0; i < sizeof(options_refused_modes) / sizeof(options_refused_modes[0]); i++)
			if (strcmp(argument, options_refused_modes[i].mode) == 0)
				return options_refuse(outcome, "-b%s: %s", argument, options_refused_modes[i].text);
		return options_refuse(outcome, "unknown mode -b%.40s; -bm, -bs, -bp, -bv and -bi are known", argument);
	}
	state->options->mode = mode;
	state->has_mode = true;
	return 0;
}

static bool
options_is_one_of(const char *argument, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(argument, words[i]) == 0)
			return true;
	return false;
}

/* What begins with a dash is an option that lost its place, or somebody's try to smuggle one in. */
static int
options_set_sender(struct options *options, const char *argument, struct outcome *outcome)
{
	if (argument[0] == '-')
		return options_refuse(outcome, "\"%.60s\" is no sender: -f needs an address; -f '' is the null sender", argument);
	options->reverse_path = argument;
	return 0;
}

/* -N, -R, -V: wrong ones are refused, since the next word may have been swallowed instead of the value. */
static int
options_set_dsn(struct options *options, enum options_action action, const char *argument, struct outcome *outcome)
{
	size_t length = strlen(argument);

	if (action == OPTIONS_NOTIFY && dsn_parse_notify(argument, length, &options->notify) != 0)
		return options_refuse(outcome, "-N %.60s: \"never\", or some of \"success,failure,delay\"", argument);
	if (action == OPTIONS_RETURN && dsn_parse_return(argument, length, &options->ret) != 0)
		return options_refuse(outcome, "-R %.60s: \"full\" or \"hdrs\"", argument);
	if (action == OPTIONS_ENVID && dsn_envid(argument, options->envid) != 0)
		return options_refuse(outcome, "-V %.60s: at most %d printable characters", argument, DSN_ENVID_MAX);
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
		return options_set_sender(options, argument, outcome);
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
	case OPTIONS_NOTIFY:
	case OPTIONS_RETURN:
	case OPTIONS_ENVID:
		return options_set_dsn(options, row->action, argument, outcome);
	case OPTIONS_MACRO:
		if (options_is_one_of(argument, options_exim_items, sizeof(options_exim_items) / sizeof(options_exim_items[0])))
			return options_refuse(outcome, "-M%s: " OPTIONS_NO_ITEMS, argument);
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

/* Does the option, the last of its word, take the next word as its argument? */
static bool
options_takes_next(const struct options_row *row, const char *next)
{
	if (row->argument == OPTIONS_NUMBER)
		return next != NULL && next[0] >= '0' && next[0] <= '9';
	return row->argument == OPTIONS_REQUIRED || row->argument == OPTIONS_NAMED;
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
		if (has_argument) {
			argument = at + 1;
		} else if (options_takes_next(row, next)) {
			if (next == NULL)
				return options_refuse(
				    outcome, "option -%c needs an argument (%s)", *at, row->placeholder);
			argument = next;
			*used = 2;
		}
		if (row->argument == OPTIONS_NAMED && has_argument && next != NULL && options_is_one_of(argument,
		    options_exim_named, sizeof(options_exim_named) / sizeof(options_exim_named[0])))
			*used = 2;
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

/* A client that waits for a greeting must not wait for ever because of a mistake in front of "-bs". */
static void
options_look_for_server(int argc, char **argv, struct options *options)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "-bs") == 0)
			options->mode = OPTIONS_SERVER;
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
	if (first < 0) {
		options_look_for_server(argc, argv, options);
		return -1;
	}
	if (first < argc) {
		options->recipients = (const char *const *)argv + first;
		options->recipient_count = (size_t)(argc - first);
	}
	if (!state.has_mode && !options->take_recipients && options->recipient_count == 0)
		options->mode = state.idle_mode;
	if (options->mode == OPTIONS_SERVER && options->recipient_count > 0)
		return options_refuse(outcome, "-bs takes recipients from RCPT commands, not from the command line");
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
	/* around the argument, in the order of enum options_argument */
	static const char *const before[] = {"", " ", "[", " [", " "}, *const behind[] = {"", "", "]", "]", ""};
	static const char head[] =
	    "usage: sendmail [options] [--] [address ...] < message\n"
	    "       sendmail -bs\n"
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

		(void)snprintf(option, sizeof(option), "-%c%s%s%s", row->letter, before[row->argument], row->placeholder,
		    behind[row->argument]);
		length = snprintf(line, sizeof(line), "  %-18s %s\n", option, row->text);
		if (length > 0 && (size_t)length < sizeof(line))
			(void)file_write(fd, line, (size_t)length);
	}
	(void)file_write(fd, tail, sizeof(tail) - 1);
}
