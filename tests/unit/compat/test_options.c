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
#define NINETY "123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"
#define HUNDRED NINETY "1234567890"

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
	    "mail i f=bounce@example.org N=12 R=2 [bob@example.com]"},
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
	/* what begins with a dash is no sender, however it came there */
	{"sendmail|-f|-t|x@y", "64 \"-t\" is no sender"},
	{"sendmail|-t|-i|-f|-X/var/www/x.php", "64 \"-X/var/www/x.php\" is no sender"},
	{"sendmail|-t|-f-oQ/tmp", "64 \"-oQ/tmp\" is no sender"},
	{"sendmail|-r|-be|x@y", "64 \"-be\" is no sender"},
	/* the published attacks on PHP's fifth parameter: nothing but sender and recipients is left of them */
	{"sendmail|-t|-i|-fattacker\\|-oQ/tmp/|-X/var/www/cache/phpcode.php|some\"@email.com",
	    "mail t i f=attacker\\ [some\"@email.com]"},
	{"sendmail|-t|-i|-f|a@b|-C/tmp/x.cf|-OQueueDirectory=/tmp|-X/var/www/x.php|-D/tmp/y", "mail t i f=a@b []"},
	{"sendmail|-t|-i|-f|a@b|-be|${run{/bin/id}}", "64 -be: there are no rules"},
	{"sendmail|-t|-i|-bd|-f|a@b", "64 -bd: there is no mail server"},
	{"sendmail|-i|--|-X/tmp/x@example.com|-bs", "mail i [-X/tmp/x@example.com -bs]"},
	{"sendmail|-i|bob@example.com|-X/tmp/x", "64 -X/tmp/x behind a recipient"},
	{"sendmail|bob@example.com|--help", "64 --help behind a recipient"},
	/* notifications */
	{"sendmail|-N|never|bob", "mail N=1 [bob]"},
	{"sendmail|-Nsuccess,FAILURE,Delay|-Rfull|-Vabc|bob", "mail N=14 R=1 V=abc [bob]"},
	{"sendmail|-N|failure|-N|delay|-R|full|-R|HDRS|-V|x|-V|y|bob", "mail N=8 R=2 V=y [bob]"},
	{"sendmail|-V|a b+c=d|bob", "mail V=a+20b+2Bc+3Dd [bob]"},
	{"sendmail|-V|a+2Bb|bob", "mail V=a+2Bb [bob]"},
	{"sendmail|-V|a+2b|bob", "mail V=a+2B2b [bob]"},
	{"sendmail|-V|" HUNDRED "|bob", "mail V=" HUNDRED " [bob]"},
	{"sendmail|-V|" HUNDRED "x|bob", "64 at most 100"},
	{"sendmail|-V|" NINETY "12345678 |bob", "64 at most 100"},
	{"sendmail|-V||bob", "64 at most 100"},
	{"sendmail|-V|a\tb|bob", "64 at most 100"},
	{"sendmail|-V|\xc3\xa9|bob", "64 at most 100"},
	{"sendmail|-N|bob|carol", "64 -N bob"},
	{"sendmail|-N|never,delay|bob", "64 -N never,delay"},
	{"sendmail|-N||bob", "64 -N :"},
	{"sendmail|-R|bob|carol", "64 -R bob"},
	{"sendmail|-N", "64 option -N needs an argument"},
	{"sendmail|-F||-t", "mail t F= []"},
	{"sendmail|-t||", "mail t [ ]"},
	/* ignored, with what belongs to them */
	{"sendmail|-C|/etc/x|-X|/tmp/y|-D|/tmp/z|-d|0.4|-O|QueueDirectory=/x|-t", "mail t []"},
	{"sendmail|-C/etc/x|-X/tmp/y|-D/tmp/z|-d0.4|-OErrorMode=m|-oQ/x|-oA/y|-o7|-t", "mail t []"},
	{"sendmail|-A|c|-B|7BIT|-L|tag|-M|x|-e|m|-h|3|-p|ESMTP|-Q|why|-z|text|bob", "mail [bob]"},
	{"sendmail|-Ac|-Am|-em|-h3|-pESMTP|-GIUTScmnsx|-E|-J|-Qwhy|-ztext|-BBINARY|bob", "mail [bob]"},
	{"sendmail|-O|DeliveryMode=b|-OErrorMode=m|-O|x|bob", "mail [bob]"},
	{"sendmail|-d|bob", "mail [bob]"},
	{"sendmail|-d|8.99,38.99|bob", "mail [bob]"},
	{"sendmail|-d+all|bob", "mail [bob]"},
	{"sendmail|-d", "64 no recipients"},
	{"sendmail|-oMr|smtp|-oX|25|-oA|/etc/aliases|-oMrsmtp|-oAx|bob", "mail [bob]"},
	{"sendmail|-oem|-oep|-oeq|-oew|-oee|-o7|-o8|-oT5d|-o|db|bob", "mail [bob]"},
	{"sendmail|-Mrm|1abc-2|1abd-3", "64 -Mrm: use mailcrane queue"},
	{"sendmail|-M|f|bob", "64 -Mf: use mailcrane queue"},
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
	{"sendmail|-bs", "server []"},
	{"/usr/lib/sendmail|-bs|-odb|-oem|-om", "server []"},
	{"sendmail|-t|-f|a@b|-bs", "server t f=a@b []"},
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
	{"sendmail|-bs|bob", "64 recipients from RCPT"},
	{"sendmail|-bv", "64 no addresses"},
	{"sendmail|-bv|-t", "64 no addresses"},
	{"sendmail|-bd|-q30m", "64 mailcrane run --foreground"},
	{"sendmail|-q30m|-bd", "64 mailcrane run --foreground"},
	{"sendmail|-bt", "64 mailcrane config"},
	{"sendmail|-b|", "64 unknown mode -b"},
	{"sendmail|-bpp", "64 unknown mode -bpp"},
	{"sendmail|-bpc", "64 use mailcrane queue"},
	{"sendmail|-bS", "64 sendmail -bs"},
	{"sendmail|-bV", "version []"},
	{"sendmail|-bm", "64 no recipients"},
};

static const char *const mode_names[] = {
	[OPTIONS_MAIL] = "mail",
	[OPTIONS_SERVER] = "server",
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
	char number[12];

	add(meaning, mode_names[options->mode], "");
	add(meaning, options->take_recipients ? " t" : "", options->dots_are_text ? " i" : "");
	add(meaning, options->verbose ? " v" : "", "");
	if (options->reverse_path != NULL)
		add(meaning, " f=", options->reverse_path);
	if (options->full_name != NULL)
		add(meaning, " F=", options->full_name);
	if (options->notify != 0) {
		(void)snprintf(number, sizeof(number), "%u", options->notify);
		add(meaning, " N=", number);
	}
	if (options->ret != DSN_RETURN_NONE)
		add(meaning, " R=", options->ret == DSN_RETURN_FULL ? "1" : "2");
	if (options->envid[0] != '\0')
		add(meaning, " V=", options->envid);
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

/* ---- the manual ---- */

#define LISTED_MAX 64

struct listed {			/* an option as --help or the manual has it */
	char item[300], text[300];
};

static size_t
read_help(struct listed *listed)
{
	char line[256];
	FILE *file = tmpfile();
	size_t count = 0;

	assert_non_null(file);
	options_help(fileno(file));
	rewind(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		char letter, argument[32] = "", *text, *end;

		if (strncmp(line, "  -", 3) != 0 || line[3] == '-')
			continue;
		assert_true(count < LISTED_MAX);
		letter = line[3];
		text = line + 3 + strcspn(line + 3, "\n");
		*text = '\0';
		assert_true(strlen(line) > 21);
		text = line + 21;
		end = line + 20;
		while (end > line + 4 && end[-1] == ' ')
			end--;
		(void)snprintf(argument, sizeof(argument), "%.*s", (int)(end - line - 4), line + 4);
		if (argument[0] == '\0')
			(void)snprintf(listed[count].item, sizeof(listed[count].item), ".It Fl %c", letter);
		else if (argument[0] == '[')
			(void)snprintf(listed[count].item, sizeof(listed[count].item), ".It Fl %c Ns Op Ar %.*s", letter,
			    (int)strlen(argument) - 2, argument + 1);
		else if (argument[1] == '[')
			(void)snprintf(listed[count].item, sizeof(listed[count].item), ".It Fl %c Op Ar %.*s", letter,
			    (int)strlen(argument) - 3, argument + 2);
		else
			(void)snprintf(listed[count].item, sizeof(listed[count].item), ".It Fl %c Ar %s", letter, argument + 1);
		(void)snprintf(listed[count].text, sizeof(listed[count].text), "%s", text);
		count++;
	}
	(void)fclose(file);
	return count;
}

/* Each item with the first line of its text. */
static size_t
read_manual(struct listed *listed)
{
	FILE *file = fopen("man/sendmail.8", "r");
	char line[256];
	size_t count = 0;
	bool is_new = false;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL && strncmp(line, ".Sh ENVIRONMENT", 15) != 0) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, ".It Fl ", 7) == 0) {
			assert_true(count < LISTED_MAX);
			(void)snprintf(listed[count].item, sizeof(listed[count].item), "%s", line);
			listed[count++].text[0] = '\0';
		} else if (is_new && line[0] != '.') {
			(void)snprintf(listed[count - 1].text, sizeof(listed[count - 1].text), "%s", line);
		}
		is_new = strncmp(line, ".It Fl ", 7) == 0;
	}
	(void)fclose(file);
	return count;
}

/* "ignored (debugging)" is "Debugging." there, and "ignored" nothing. */
static void
check_ignored(const char *help, const char *manual)
{
	size_t length = strlen(help);

	if (strcmp(help, "ignored") == 0) {
		assert_string_equal(manual, "");
		return;
	}
	assert_int_equal(length - 10, strlen(manual) - 1);
	assert_int_equal(help[9] & ~('a' - 'A') & 0x7f, manual[0] & ~('a' - 'A') & 0x7f);
	assert_memory_equal(help + 10, manual + 1, length - 11);
}

static void
test_help_and_manual_have_the_same_options(void **state)
{
	struct listed help[LISTED_MAX], manual[LISTED_MAX];
	size_t helps = read_help(help), manuals = read_manual(manual), long_ones = 0;

	(void)state;
	assert_true(helps > 30);
	for (size_t i = 0; i < helps; i++) {
		size_t j = 0;

		while (j < manuals && strcmp(help[i].item, manual[j].item) != 0)
			j++;
		if (j == manuals)
			fail_msg("not in man/sendmail.8: %s", help[i].item);
		if (strncmp(help[i].text, "ignored", 7) == 0)
			check_ignored(help[i].text, manual[j].text);
	}
	for (size_t j = 0; j < manuals; j++)
		long_ones += strncmp(manual[j].item, ".It Fl -", 8) == 0;
	assert_int_equal(long_ones, 2);
	assert_int_equal(manuals, helps + long_ones);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_recorded_command_line_is_understood),
		cmocka_unit_test(test_command_lines_follow_the_rules),
		cmocka_unit_test(test_an_empty_argument_vector_is_refused_not_followed),
		cmocka_unit_test(test_help_and_manual_have_the_same_options),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
