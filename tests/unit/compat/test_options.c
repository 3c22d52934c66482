/*
 * options: how command lines are understood. A row is a command line, words parted by "|", and what it
 * means:
 *   mode, letters of what is set, f=reverse-path, F=full name, then the recipients; or "64" and words of the complaint.
 * The first table holds every command line recorded from real callers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "compat/options.h"

#define WORDS_MAX 32
#define MEANING_MAX 512

struct row {
	const char *line;
	const char *want;
};

static const struct row recorded[] = {
	{"sendmail|-i|alice", "mail i [alice]"},
	{"sendmail|-i|root", "mail i [root]"},
	{"sendmail|-i|-t", "mail t i []"},
	{"sendmail|-i|-t|-f|me@example.org", "mail t i f=me@example.org []"},
	{"sendmail|-i|-t|-v", "mail t i v []"},
	{"/usr/sbin/sendmail|-FCronDaemon|-i|-B8BITMIME|-oem|alice", "mail i F=CronDaemon [alice]"},
	{"/usr/sbin/sendmail|-FCronDaemon|-i|-B8BITMIME|-oem|bob@example.com,carol@example.com",
	    "mail i F=CronDaemon [bob@example.com,carol@example.com]"},
	{"/usr/sbin/sendmail|-f|bounce@example.org|-i|bob@example.com|me@example.org",
	    "mail i f=bounce@example.org [bob@example.com me@example.org]"},
	{"/usr/sbin/sendmail|-i|bob@example.com|me@example.org", "mail i [bob@example.com me@example.org]"},
	{"/usr/sbin/sendmail|-v|-i|bob@example.com|me@example.org", "mail i v [bob@example.com me@example.org]"},
	{"/usr/sbin/sendmail|-oi|-f|root@rechost.example.org|-t", "mail t i f=root@rechost.example.org []"},
	{"sendmail|-oem|-oi|--|bob@example.com|al@example.com", "mail i [bob@example.com al@example.com]"},
	{"sendmail|-oem|-oi|-f|bounce@example.org|-N|failure,delay|-R|hdrs|--|bob@example.com",
	    "mail i f=bounce@example.org [bob@example.com]"},
	{"/usr/sbin/sendmail|-i|-i|-t|bob@example.com|al@example.com", "mail t i [bob@example.com al@example.com]"},
	{"sendmail|-i|-f|me@example.org|bob@example.com", "mail i f=me@example.org [bob@example.com]"},
	{"/usr/sbin/sendmail|-t|-i", "mail t i []"},
	{"/usr/sbin/sendmail|-i|-fme@example.org|--|bob@example.com", "mail i f=me@example.org [bob@example.com]"},
	{"/usr/sbin/sendmail|-i|-f|<>|--|bob@example.com", "mail i f=<> [bob@example.com]"},
	{"/usr/sbin/sendmail|-t", "mail t []"},
	{"/usr/sbin/sendmail|-t|-oi|-oem", "mail t i []"},
	{"/usr/lib/sendmail|-t|-oi|-oem|-fme@example.org", "mail t i f=me@example.org []"},
	{"/usr/sbin/sendmail|-t|-i|-fbounce@example.org", "mail t i f=bounce@example.org []"},
	{"/usr/sbin/sendmail|-t|-i|-f|oneil@example.org'|-F|Some One|-oi", "mail t i f=oneil@example.org' F=Some One []"},
	{"/usr/sbin/sendmail|-oi|bob@example.com|carol@example.com", "mail i [bob@example.com carol@example.com]"},
	{"/usr/sbin/sendmail|-i|-t|-f|me@example.org|--|bob@example.com", "mail t i f=me@example.org [bob@example.com]"},
	{"/usr/sbin/sendmail|[-i]|-f|me@example.org|--|bob@example.com", "mail i f=me@example.org [bob@example.com]"},
	{"sendmail|-i|--|bob@example.com", "mail i [bob@example.com]"},
	{"sendmail|bob@example.com", "mail [bob@example.com]"},
	{"/usr/sbin/sendmail|root", "mail [root]"},
	{"/usr/lib/sendmail|-t|-f|", "mail t f= []"},
	{"/usr/sbin/sendmail|-fme@example.org|--|bob@example.com|alice@example.com",
	    "mail f=me@example.org [bob@example.com alice@example.com]"},
	{"/usr/sbin/sendmail|-oi|-fbounce@example.org|--|bob@example.com", "mail i f=bounce@example.org [bob@example.com]"},
	{"sendmail|-i|-B8BITMIME|bob@example.com", "mail i [bob@example.com]"},
	{"sendmail|-f|alice|--|bob@example.com", "mail f=alice [bob@example.com]"},
};

static const struct row rules[] = {
	/* bundles and arguments */
	{"sendmail|-ti", "mail t i []"},
	{"sendmail|-tif|a@b", "mail t i f=a@b []"},
	{"sendmail|-tifa@b|c@d", "mail t i f=a@b [c@d]"},
	{"sendmail|-o|i|-t", "mail t i []"},
	{"sendmail|-t|-oii", "mail t []"},
	{"sendmail|-f|a@b|-r|c@d|-t", "mail t f=c@d []"},
	{"sendmail|-f|-t|x@y", "mail f=-t [x@y]"},
	{"sendmail|-F||-t", "mail t F= []"},
	{"sendmail|-t||", "mail t [ ]"},
	/* ignored, with what belongs to them */
	{"sendmail|-C|/etc/x|-X|/tmp/y|-D|/tmp/z|-d|0.4|-O|QueueDirectory=/x|-t", "mail t []"},
	{"sendmail|-C/etc/x|-X/tmp/y|-D/tmp/z|-d0.4|-OErrorMode=m|-oQ/x|-oA/y|-o7|-t", "mail t []"},
	{"sendmail|-A|c|-B|7BIT|-L|tag|-M|x|-N|never|-R|full|-V|id|-e|m|-h|3|-p|ESMTP|bob", "mail [bob]"},
	{"sendmail|-Ac|-Am|-em|-h3|-pESMTP|-GIUTcmnsx|-E|-J|-Q|bob", "mail [bob]"},
	{"sendmail|-odb|-oep|-oem|-odi|-odq|-oo|-om|-t", "mail t []"},
	{"sendmail|-bm|bob", "mail [bob]"},
	/* where options end */
	{"sendmail|--|-bob", "mail [-bob]"},
	{"sendmail|-t|--", "mail t []"},
	{"sendmail|-i|--|--", "mail i [--]"},
	{"sendmail|bob|-i", "64 -i behind a recipient"},
	{"sendmail|bob|--|carol", "64 -- behind a recipient"},
	{"sendmail|bob|-f|s@example.org", "64 -f behind a recipient"},
	{"sendmail|-", "64 neither an option"},
	/* other modes */
	{"sendmail|-bp", "queue []"},
	{"sendmail|-b|p", "queue []"},
	{"mailq", "queue []"},
	{"/usr/bin/mailq|-v|-Ac", "queue v []"},
	{"newaliases", "aliases []"},
	{"sendmail|-bi", "aliases []"},
	{"sendmail|-I", "aliases []"},
	{"sendmail|-bv|bob|carol@x", "verify [bob carol@x]"},
	{"sendmail|-bv|-fx@y|--|-bob", "verify f=x@y [-bob]"},
	{"sendmail|-q", "wake []"},
	{"sendmail|-q15m", "wake []"},
	{"sendmail|-qRexample.com", "wake []"},
	{"sendmail|--help", "help []"},
	{"sendmail|-t|--version|-Z", "version t []"},
	/* mail is never taken for something else */
	{"sendmail|-q|bob", "mail [bob]"},
	{"sendmail|-I|-t", "mail t []"},
	{"mailqueue|bob", "mail [bob]"},
	{"mailq/|bob", "mail [bob]"},
	/* refused */
	{"sendmail", "64 no recipients"},
	{"sendmail|-i", "64 no recipients"},
	{"sendmail|-i|--", "64 no recipients"},
	{"sendmail|-f", "64 option -f needs an argument"},
	{"sendmail|-t|-F", "64 option -F needs an argument"},
	{"sendmail|-to", "64 option -o needs an argument"},
	{"sendmail|-Z", "64 unknown option -Z"},
	{"sendmail|-tZ", "64 unknown option -Z"},
	{"sendmail|--foo", "64 unknown option --foo"},
	{"sendmail|-t|--helper", "64 unknown option --helper"},
	{"sendmail|-bs", "64 comes in a later version"},
	{"sendmail|-bv", "64 no addresses"},
	{"sendmail|-bv|-t", "64 no addresses"},
	{"sendmail|-bd|-q30m", "64 mailcrane run --foreground"},
	{"sendmail|-q30m|-bd", "64 mailcrane run --foreground"},
	{"sendmail|-bt", "64 mailcrane config"},
	{"sendmail|-b|", "64 unknown mode -b"},
	{"sendmail|-bpp", "64 unknown mode -bpp"},
	{"sendmail|-bm", "64 no recipients"},
};

static const char *const mode_names[] = {
	[OPTIONS_MAIL] = "mail",
	[OPTIONS_QUEUE] = "queue",
	[OPTIONS_ALIASES] = "aliases",
	[OPTIONS_VERIFY] = "verify",
	[OPTIONS_WAKE] = "wake",
	[OPTIONS_HELP] = "help",
	[OPTIONS_VERSION] = "version",
};

static void
add(char *meaning, const char *a, const char *b)
{
	size_t length = strlen(meaning);

	(void)snprintf(meaning + length, MEANING_MAX - length, "%s%s", a, b);
}

static void
describe(const struct options *options, char *meaning)
{
	add(meaning, mode_names[options->mode], "");
	add(meaning, options->take_recipients ? " t" : "", options->dots_are_text ? " i" : "");
	add(meaning, options->verbose ? " v" : "", "");
	if (options->reverse_path != NULL)
		add(meaning, " f=", options->reverse_path);
	if (options->full_name != NULL)
		add(meaning, " F=", options->full_name);
	add(meaning, " [", "");
	for (size_t i = 0; i < options->recipient_count; i++)
		add(meaning, i > 0 ? " " : "", options->recipients[i]);
	add(meaning, "]", "");
}

static int
split(char *line, char **words)
{
	int count = 0;

	while (line != NULL) {
		assert_true(count < WORDS_MAX - 1);
		words[count++] = strsep(&line, "|");
	}
	words[count] = NULL;
	return count;
}

static void
check_row(const struct row *row)
{
	char line[MEANING_MAX], meaning[MEANING_MAX] = "";
	char *words[WORDS_MAX];
	struct options options;
	struct outcome outcome;
	int count;

	(void)snprintf(line, sizeof(line), "%s", row->line);
	count = split(line, words);
	if (options_parse(count, words, &options, &outcome) == 0) {
		describe(&options, meaning);
	} else {
		assert_int_equal(outcome.cause, CAUSE_USAGE);
		assert_int_equal(outcome.verdict, VERDICT_FAILED);
		(void)snprintf(meaning, sizeof(meaning), "64 %s", outcome.text);
		if (strncmp(row->want, "64 ", 3) == 0 && strstr(outcome.text, row->want + 3) != NULL)
			return;
	}
	if (strcmp(meaning, row->want) != 0)
		fail_msg("%s\n  gives %s\n  not   %s", row->line, meaning, row->want);
}

static void
test_every_recorded_command_line_is_understood(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(recorded) / sizeof(recorded[0]); i++)
		check_row(&recorded[i]);
}

static void
test_command_lines_follow_the_rules(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		check_row(&rules[i]);
}

static void
test_an_empty_argument_vector_is_refused_not_followed(void **state)
{
	char *none[] = {NULL};
	struct options options;
	struct outcome outcome;

	(void)state;
	assert_int_equal(options_parse(0, none, &options, &outcome), -1);
	assert_int_equal(outcome.cause, CAUSE_USAGE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_recorded_command_line_is_understood),
		cmocka_unit_test(test_command_lines_follow_the_rules),
		cmocka_unit_test(test_an_empty_argument_vector_is_refused_not_followed),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
