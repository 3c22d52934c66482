/*
 * command: how lines of SMTP clients are understood. A row is a line and what it means: verb, <address>, '~' when it is
 * bare, what the parameters say; or the refusal, whole.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "compat/command.h"

#define TEXT_50 "12345678901234567890123456789012345678901234567890"
#define TEXT_100 TEXT_50 TEXT_50
#define TEXT_500 TEXT_100 TEXT_100 TEXT_100 TEXT_100 TEXT_100

struct row {
	const char *line;
	const char *want;
};

static const struct row verbs[] = {
	{"HELO x", "HELO"},
	{"HELO [127.0.0.1]", "HELO"},
	{"helo x y z", "HELO"},
	{"HELO", "501 5.5.4 a name is missing"},
	{"EHLO ", "501 5.5.4 a name is missing"},
	{"EHLO x", "EHLO"},
	{"EHLOx", "UNKNOWN"},
	{"data", "DATA"},
	{"DATA ", "DATA"},
	{"DATA\t", "DATA"},
	{"DATA x", "501 5.5.4 no parameters here"},
	{"DaTa", "DATA"},
	{"RSET", "RSET"},
	{"RSET x", "501 5.5.4 no parameters here"},
	{"NOOP", "NOOP"},
	{"NOOP anything <at> all", "NOOP"},
	{"VRFY bob", "VRFY"},
	{"VRFY", "501 5.5.4 an address is missing"},
	{"HELP", "HELP"},
	{"HELP MAIL", "HELP"},
	{"QUIT", "QUIT"},
	{"QUIT now", "501 5.5.4 no parameters here"},
	{"EXPN list", "FOREIGN"},
	{"STARTTLS", "FOREIGN"},
	{"AUTH PLAIN AGEAYg==", "FOREIGN"},
	{"BDAT 10 LAST", "FOREIGN"},
	{"", "UNKNOWN"},
	{" ", "UNKNOWN"},
	{" DATA", "UNKNOWN"},
	{".", "UNKNOWN"},
	{"DAT", "UNKNOWN"},
	{"From: a@b", "UNKNOWN"},
	{"MAILFROM:<a@b>", "UNKNOWN"},
	{"QUIT\r", "UNKNOWN"},
	{"QUIT\rDATA", "UNKNOWN"},
	{"NOOP \x7f", "UNKNOWN"},
	{"NOOP \xc3\xa9", "501 5.6.7 octets outside US-ASCII"},
	{"\xc3\xa9", "UNKNOWN"},
};

static const struct row paths[] = {
	{"MAIL FROM:<a@example.com>", "MAIL <a@example.com>"},
	{"mail from:<a@example.com>", "MAIL <a@example.com>"},
	{"MAIL FROM: <a@example.com> ", "MAIL <a@example.com>"},
	{"MAIL FROM : <a@example.com>", "MAIL <a@example.com>"},
	{"MAIL  FROM:a@example.com", "MAIL <a@example.com>"},
	{"MAIL FROM:a@example.com SIZE=5", "MAIL <a@example.com> size=5"},
	{"MAIL FROM:<>", "MAIL <>"},
	{"MAIL FROM: <> SIZE=5", "MAIL <> size=5"},
	{"MAIL FROM:<root>", "MAIL <root>~"},
	{"MAIL FROM:<@relay.example,@b.example:a@example.com>", "MAIL <a@example.com>"},
	{"RCPT TO:<\"a b\"@example.com>", "RCPT <\"a b\"@example.com>"},
	{"RCPT TO:<\"a>b\"@example.com> NOTIFY=NEVER", "RCPT <\"a>b\"@example.com> notify=1"},
	{"RCPT TO:<\"a\\\"b\"@example.com>", "RCPT <\"a\\\"b\"@example.com>"},
	{"RCPT TO:<a@[192.0.2.1]>", "RCPT <a@[192.0.2.1]>"},
	{"RCPT TO:<a@[IPv6:2001:db8::1]>", "RCPT <a@[IPv6:2001:db8::1]>"},
	{"RCPT TO:<postmaster>", "RCPT <postmaster>~"},
	{"RCPT TO:<>", "501 5.1.3 nobody is no recipient"},
	{"RCPT TO:", "501 5.5.4 an address is missing"},
	{"RCPT TO: ", "501 5.5.4 an address is missing"},
	{"RCPT", "501 5.5.4 RCPT TO:<address> wanted"},
	{"RCPT <a@example.com>", "501 5.5.4 RCPT TO:<address> wanted"},
	{"RCPT FROM:<a@example.com>", "501 5.5.4 RCPT TO:<address> wanted"},
	{"RCPT TO <a@example.com>", "501 5.5.4 RCPT TO:<address> wanted"},
	{"MAIL TO:<a@example.com>", "501 5.5.4 MAIL FROM:<address> wanted"},
	{"RCPT TO:<a@example.com", "501 5.1.3 malformed address"},
	{"RCPT TO:a@example.com>", "501 5.1.3 malformed address"},
	{"RCPT TO:<\"a@example.com>", "501 5.1.3 malformed address"},
	{"RCPT TO:<a@example.com>x", "501 5.1.3 malformed address: text behind it"},
	{"RCPT TO:<a@example.com><b@example.com>", "501 5.1.3 malformed address: text behind it"},
	{"RCPT TO:<a@example.com,b@example.com>", "501 5.1.3 malformed address*"},
	{"RCPT TO:a@example.com,b@example.com", "501 5.1.3 malformed address"},
	{"RCPT TO:group:a@example.com;", "501 5.1.3 malformed address"},
	{"RCPT TO:<a@example.com (comment)>", "501 5.1.3 malformed address"},
	{"RCPT TO:Bob <a@example.com>", "555 5.5.4 unknown parameter <a@example.com>"},
	{"RCPT TO:<Bob <a@example.com>>", "501 5.1.3 malformed address*"},
	{"RCPT TO:<a@@example.com>", "501 5.1.3 malformed address: *"},
	{"RCPT TO:<a b@example.com>", "501 5.1.3 malformed address: *"},
	{"RCPT TO:<@example.com>", "501 5.1.3 malformed address: *"},
	{"RCPT TO:<a@>", "501 5.1.3 malformed address: *"},
	{"RCPT TO:<m\xc3\xa9@example.com>", "RCPT <m\xc3\xa9@example.com>"},
	{"MAIL FROM:<m@b\xc3\xbc.example> SMTPUTF8", "MAIL <m@xn--b-eha.example>"},
	{"RCPT TO:<m\xc3@example.com>", "501 5.1.3 malformed address: neither US-ASCII nor UTF-8"},
	{"RCPT TO:<m@example.com> \xc3\xa9", "555 5.5.4 unknown parameter ??"},
	{"MAIL FROM:<a@b> ENVID=\xc3\xa9", "501 5.5.4 wrong value of ENVID"},
	{"RCPT TO:<a@" TEXT_100 "." TEXT_100 "." TEXT_100 ".example>", "501 5.1.3 malformed address: *"},
};

static const struct row parameters[] = {
	{"MAIL FROM:<a@b> SIZE=0", "MAIL <a@b>"},
	{"MAIL FROM:<a@b> SIZE=52428800", "MAIL <a@b> size=52428800"},
	{"MAIL FROM:<a@b> SIZE=00000000000000000010", "MAIL <a@b> size=10"},
	{"MAIL FROM:<a@b> SIZE=18446744073709551615", "MAIL <a@b> size=18446744073709551615"},
	{"MAIL FROM:<a@b> SIZE=99999999999999999999", "MAIL <a@b> size=18446744073709551615"},
	{"MAIL FROM:<a@b> SIZE=100000000000000000000", "501 5.5.4 wrong value of SIZE"},
	{"MAIL FROM:<a@b> SIZE=", "501 5.5.4 wrong value of SIZE"},
	{"MAIL FROM:<a@b> SIZE", "501 5.5.4 wrong value of SIZE"},
	{"MAIL FROM:<a@b> SIZE=-1", "501 5.5.4 wrong value of SIZE"},
	{"MAIL FROM:<a@b> SIZE=1k", "501 5.5.4 wrong value of SIZE"},
	{"MAIL FROM:<a@b> SIZE=1 SIZE=1", "501 5.5.4 SIZE twice"},
	{"MAIL FROM:<a@b> SMTPUTF8", "MAIL <a@b>"},
	{"MAIL FROM:<a@b> smtputf8 BODY=8BITMIME", "MAIL <a@b> 8bit"},
	{"MAIL FROM:<a@b> SMTPUTF8=", "501 5.5.4 wrong value of SMTPUTF8"},
	{"MAIL FROM:<a@b> SMTPUTF8 SMTPUTF8", "501 5.5.4 SMTPUTF8 twice"},
	{"RCPT TO:<a@b> SMTPUTF8", "555 5.5.4 unknown parameter SMTPUTF8"},
	{"MAIL FROM:<a@b> BODY=8BITMIME", "MAIL <a@b> 8bit"},
	{"MAIL FROM:<a@b> body=8bitmime", "MAIL <a@b> 8bit"},
	{"MAIL FROM:<a@b> BODY=7BIT", "MAIL <a@b>"},
	{"MAIL FROM:<a@b> BODY=BINARYMIME", "501 5.5.4 wrong value of BODY"},
	{"MAIL FROM:<a@b> BODY", "501 5.5.4 wrong value of BODY"},
	{"MAIL FROM:<a@b> RET=FULL ENVID=x+2By", "MAIL <a@b> ret=full envid=x+2By"},
	{"MAIL FROM:<a@b>\tRET=hdrs", "MAIL <a@b> ret=hdrs"},
	{"MAIL FROM:<a@b>RET=hdrs", "501 5.1.3 malformed address: text behind it"},
	{"MAIL FROM:<a@b> RET=ALL", "501 5.5.4 wrong value of RET"},
	{"MAIL FROM:<a@b> RET=FULL RET=HDRS", "501 5.5.4 RET twice"},
	{"MAIL FROM:<a@b> ENVID=", "501 5.5.4 wrong value of ENVID"},
	{"MAIL FROM:<a@b> ENVID=a=b", "501 5.5.4 wrong value of ENVID"},
	{"MAIL FROM:<a@b> ENVID=a+", "501 5.5.4 wrong value of ENVID"},
	{"MAIL FROM:<a@b> ENVID=a+2", "501 5.5.4 wrong value of ENVID"},
	{"MAIL FROM:<a@b> ENVID=a+2b", "501 5.5.4 wrong value of ENVID"},
	{"MAIL FROM:<a@b> ENVID=a+2B", "MAIL <a@b> envid=a+2B"},
	{"MAIL FROM:<a@b> ENVID=" TEXT_100, "MAIL <a@b> envid=" TEXT_100},
	{"MAIL FROM:<a@b> ENVID=" TEXT_100 "1", "501 5.5.4 wrong value of ENVID"},
	{"MAIL FROM:<a@b> NOTIFY=NEVER", "555 5.5.4 unknown parameter NOTIFY"},
	{"MAIL FROM:<a@b> AUTH=<>", "555 5.5.4 unknown parameter AUTH"},
	{"MAIL FROM:<a@b> =x", "555 5.5.4 unknown parameter "},
	{"MAIL FROM:<a@b> SIZES=1", "555 5.5.4 unknown parameter SIZES"},
	{"RCPT TO:<a@b> NOTIFY=NEVER", "RCPT <a@b> notify=1"},
	{"RCPT TO:<a@b> NOTIFY=SUCCESS,failure,DELAY", "RCPT <a@b> notify=14"},
	{"RCPT TO:<a@b> NOTIFY=DELAY", "RCPT <a@b> notify=8"},
	{"RCPT TO:<a@b> NOTIFY=NEVER,DELAY", "501 5.5.4 wrong value of NOTIFY"},
	{"RCPT TO:<a@b> NOTIFY=DELAY,NEVER", "501 5.5.4 wrong value of NOTIFY"},
	{"RCPT TO:<a@b> NOTIFY=DELAY,DELAY", "501 5.5.4 wrong value of NOTIFY"},
	{"RCPT TO:<a@b> NOTIFY=DELAY,", "501 5.5.4 wrong value of NOTIFY"},
	{"RCPT TO:<a@b> NOTIFY=,DELAY", "501 5.5.4 wrong value of NOTIFY"},
	{"RCPT TO:<a@b> NOTIFY=", "501 5.5.4 wrong value of NOTIFY"},
	{"RCPT TO:<a@b> NOTIFY=ALWAYS", "501 5.5.4 wrong value of NOTIFY"},
	{"RCPT TO:<a@b> ORCPT=rfc822;c+2Bd@e NOTIFY=FAILURE", "RCPT <a@b> notify=4 orcpt=rfc822;c+2Bd@e"},
	{"RCPT TO:<a@b> ORCPT=rfc822", "501 5.5.4 wrong value of ORCPT"},
	{"RCPT TO:<a@b> ORCPT=;x", "501 5.5.4 wrong value of ORCPT"},
	{"RCPT TO:<a@b> ORCPT=rfc822;", "501 5.5.4 wrong value of ORCPT"},
	{"RCPT TO:<a@b> ORCPT=rfc.822;x", "501 5.5.4 wrong value of ORCPT"},
	{"RCPT TO:<a@b> ORCPT=rfc822;x=y", "501 5.5.4 wrong value of ORCPT"},
	{"RCPT TO:<a@b> ORCPT=x;" TEXT_500, "501 5.5.4 wrong value of ORCPT"},
	{"RCPT TO:<a@b> ORCPT=x;x ORCPT=x;y", "501 5.5.4 ORCPT twice"},
	{"RCPT TO:<a@b> RET=FULL", "555 5.5.4 unknown parameter RET"},
	{"RCPT TO:<a@b> SIZE=1", "555 5.5.4 unknown parameter SIZE"},
};

static const char *const verb_names[] = {
	[COMMAND_UNKNOWN] = "UNKNOWN", [COMMAND_FOREIGN] = "FOREIGN", [COMMAND_HELO] = "HELO", [COMMAND_EHLO] = "EHLO",
	[COMMAND_MAIL] = "MAIL", [COMMAND_RCPT] = "RCPT", [COMMAND_DATA] = "DATA", [COMMAND_RSET] = "RSET",
	[COMMAND_NOOP] = "NOOP", [COMMAND_VRFY] = "VRFY", [COMMAND_HELP] = "HELP", [COMMAND_QUIT] = "QUIT",
};

static void
describe(const char *line, size_t length, struct buffer *text)
{
	static const char *const rets[] = {"", " ret=full", " ret=hdrs"};
	char refusal[COMMAND_REFUSAL_SIZE];
	struct command command;

	buffer_init(text, 4096);
	if (command_parse(line, length, &command, refusal) != 0) {
		(void)buffer_append_text(text, refusal);
		assert_null(command.address);
		return;
	}
	(void)buffer_append_text(text, verb_names[command.verb]);
	if (command.address != NULL)
		(void)buffer_append_format(text, " <%s>%s", command.address, command.is_bare ? "~" : "");
	if (command.size != 0)
		(void)buffer_append_format(text, " size=%" PRIu64, command.size);
	(void)buffer_append_format(text, "%s%s", command.eight_bit ? " 8bit" : "", rets[command.ret]);
	if (command.envid[0] != '\0')
		(void)buffer_append_format(text, " envid=%s", command.envid);
	if (command.notify != 0)
		(void)buffer_append_format(text, " notify=%u", command.notify);
	if (command.orcpt[0] != '\0')
		(void)buffer_append_format(text, " orcpt=%s", command.orcpt);
	command_free(&command);
}

/* "*" at the end of what is wanted stands for anything. */
static void
check(const struct row *row)
{
	size_t length = strlen(row->want);
	char *exact = memory_copy(row->line, strlen(row->line));	/* so that a sanitizer sees a step too far */
	struct buffer got;
	bool matches;

	describe(exact, strlen(row->line), &got);
	if (length > 0 && row->want[length - 1] == '*')
		matches = strncmp(got.data, row->want, length - 1) == 0;
	else
		matches = strcmp(got.data, row->want) == 0;
	if (!matches)
		fail_msg("'%s': want '%s', got '%s'", row->line, row->want, got.data);
	buffer_free(&got);
	free(exact);
}

static void
check_table(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		check(&rows[i]);
}

static void
test_verbs(void **state)
{
	(void)state;
	check_table(verbs, sizeof(verbs) / sizeof(verbs[0]));
}

static void
test_paths(void **state)
{
	(void)state;
	check_table(paths, sizeof(paths) / sizeof(paths[0]));
}

static void
test_parameters(void **state)
{
	(void)state;
	check_table(parameters, sizeof(parameters) / sizeof(parameters[0]));
}

static void
test_nul_is_no_command(void **state)
{
	struct buffer got;

	(void)state;
	describe("QUIT\0", 5, &got);
	assert_string_equal(got.data, "UNKNOWN");
	buffer_free(&got);
	describe("QUIT\0DATA", 4, &got);
	assert_string_equal(got.data, "QUIT");
	buffer_free(&got);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verbs),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_parameters),
		cmocka_unit_test(test_nul_is_no_command),
	};

	return cmocka_run_group_tests_name("command", tests, NULL, NULL);
}
