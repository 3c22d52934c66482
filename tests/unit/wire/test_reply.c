#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "wire/reply.h"

/* Gives a copy without anything behind it, so that the sanitizer sees a read too far. */
static enum reply_status
parse(const char *data, size_t length, size_t *used, struct reply *reply)
{
	char *copy = malloc(length > 0 ? length : 1);
	enum reply_status status;

	assert_non_null(copy);
	memcpy(copy, data, length);
	status = reply_parse(copy, length, used, reply);
	free(copy);
	return status;
}

static const struct {
	const char       *name, *data;
	enum reply_status status;
	int               code;
	const char       *enhanced, *text;
	size_t            left;		/* octets behind the reply */
} rows[] = {
	{"one line", "250 ok\r\n", REPLY_COMPLETE, 250, "", "ok", 0},
	{"code alone", "250\r\n", REPLY_COMPLETE, 250, "", "", 0},
	{"code and blank", "250 \r\n", REPLY_COMPLETE, 250, "", "", 0},
	{"bare LF", "250-a\n250 b\n", REPLY_COMPLETE, 250, "", "a b", 0},
	{"354", "354 go\r\n", REPLY_COMPLETE, 354, "", "go", 0},
	{"several lines", "250-one\r\n250-\r\n250 three\r\n", REPLY_COMPLETE, 250, "", "one three", 0},
	{"octets behind it", "220 go\r\n250 x", REPLY_COMPLETE, 220, "", "go", 5},
	{"enhanced", "550 5.7.1 no\r\n", REPLY_COMPLETE, 550, "5.7.1", "no", 0},
	{"enhanced on each line", "550-5.7.1 no\r\n550 5.7.1 way\r\n", REPLY_COMPLETE, 550, "5.7.1", "no way", 0},
	{"long enhanced", "550 5.252.100 x\r\n", REPLY_COMPLETE, 550, "5.252.100", "x", 0},
	{"enhanced alone", "250 2.1.5\r\n", REPLY_COMPLETE, 250, "2.1.5", "", 0},
	{"enhanced of another class", "450 5.7.1 no\r\n", REPLY_COMPLETE, 450, "", "5.7.1 no", 0},
	{"an address is no enhanced code", "550 5.6.7.8 listed\r\n", REPLY_COMPLETE, 550, "", "5.6.7.8 listed", 0},
	{"digits too many", "550 5.1234.1 x\r\n", REPLY_COMPLETE, 550, "", "5.1234.1 x", 0},
	{"control characters", "250 a\x1b[1mb\tc\r\n", REPLY_COMPLETE, 250, "", "a?[1mb c", 0},
	{"utf-8", "250 gr\xc3\xbc\xc3\x9f\r\n", REPLY_COMPLETE, 250, "", "gr\xc3\xbc\xc3\x9f", 0},
	{"nothing", "", REPLY_MORE, 0, "", "", 0},
	{"half a line", "250 o", REPLY_MORE, 0, "", "", 0},
	{"lines go on", "250-a\r\n250-b\r\n", REPLY_MORE, 0, "", "", 0},
	{"codes that disagree", "250-a\r\n251 b\r\n", REPLY_NONSENSE, 0, "", "251 b", 0},
	{"text", "hello\r\n", REPLY_NONSENSE, 0, "", "hello", 0},
	{"text begins", "HTTP/1.1 4", REPLY_NONSENSE, 0, "", "HTTP/1.1 4", 0},
	{"empty line", "\r\n", REPLY_NONSENSE, 0, "", "", 0},
	{"code too low", "150 x\r\n", REPLY_NONSENSE, 0, "", "150 x", 0},
	{"code too high", "650 x\r\n", REPLY_NONSENSE, 0, "", "650 x", 0},
	{"code too long", "2500 x\r\n", REPLY_NONSENSE, 0, "", "2500 x", 0},
	{"code too short", "25\r\n", REPLY_NONSENSE, 0, "", NULL, 0},
	{"tls alert", "\x15\x03\x01", REPLY_NONSENSE, 0, "", "???", 0},
};

static void
replies_are_read(void **state)
{
	struct reply reply;
	size_t used, length;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(&reply, 0, sizeof(reply));
		used = 0;
		length = strlen(rows[i].data);
		if (parse(rows[i].data, length, &used, &reply) != rows[i].status)
			fail_msg("%s: status", rows[i].name);
		if (rows[i].text != NULL && rows[i].status != REPLY_MORE && strcmp(reply.text, rows[i].text) != 0)
			fail_msg("%s: text \"%s\"", rows[i].name, reply.text);
		if (reply.code != rows[i].code || strcmp(reply.enhanced, rows[i].enhanced) != 0)
			fail_msg("%s: %d %s", rows[i].name, reply.code, reply.enhanced);
		if (rows[i].status == REPLY_COMPLETE && length - used != rows[i].left)
			fail_msg("%s: %zu used", rows[i].name, used);
	}
}

static void
a_reply_may_come_in_pieces(void **state)
{
	static const char data[] = "250-2.0.0 a\r\n250-b\n250 c\r\n";
	struct reply reply;
	size_t used;

	(void)state;
	for (size_t i = 0; i < sizeof(data) - 1; i++)
		assert_int_equal(parse(data, i, &used, &reply), REPLY_MORE);
	assert_int_equal(parse(data, sizeof(data) - 1, &used, &reply), REPLY_COMPLETE);
	assert_string_equal(reply.text, "a b c");
}

static void
nul_is_no_end(void **state)
{
	struct reply reply;
	size_t used;

	(void)state;
	assert_int_equal(parse("250 a\0b\r\n", 9, &used, &reply), REPLY_COMPLETE);
	assert_string_equal(reply.text, "a?b");
	assert_int_equal(used, 9);
	assert_int_equal(parse("25\0 a\r\n", 7, &used, &reply), REPLY_NONSENSE);
}

static void
repeat(struct buffer *buffer, const char *text, int times)
{
	buffer_init(buffer, 4 * 1024 * 1024);
	for (int i = 0; i < times; i++)
		assert_int_equal(buffer_append_text(buffer, text), 0);
}

static void
sizes_are_bounded(void **state)
{
	char line[3000];
	struct buffer data;
	struct reply reply;
	size_t used;

	(void)state;
	repeat(&data, "250-and more and more and more\r\n", 99);
	assert_int_equal(parse(data.data, data.length, &used, &reply), REPLY_MORE);
	assert_int_equal(buffer_append_text(&data, "250 end\r\n"), 0);
	assert_int_equal(parse(data.data, data.length, &used, &reply), REPLY_COMPLETE);
	assert_true(strlen(reply.text) < sizeof(reply.text) && strlen(reply.text) > 400);
	buffer_free(&data);
	repeat(&data, "250-more\r\n", 101);
	assert_int_equal(parse(data.data, data.length, &used, &reply), REPLY_NONSENSE);
	buffer_free(&data);
	/* 1 MB without a line end: known to be too much after 4 KB of it */
	repeat(&data, "250 aaaaaaaaaaaaaaaaaaaa", 1024 * 1024 / 24);
	assert_int_equal(parse(data.data, data.length, &used, &reply), REPLY_NONSENSE);
	assert_int_equal(parse(data.data, 4096, &used, &reply), REPLY_NONSENSE);
	assert_int_equal(parse(data.data, 4095, &used, &reply), REPLY_MORE);
	buffer_free(&data);
	memset(line, 'x', sizeof(line));
	memcpy(line, "250-", 4);
	memcpy(line + 2998, "\n", 2);
	repeat(&data, line, 40);
	assert_true(data.length > 64 * 1024);
	assert_int_equal(parse(data.data, data.length, &used, &reply), REPLY_NONSENSE);
	buffer_free(&data);
}

static void
failures_have_causes(void **state)
{
	static const struct {
		const char  *line;
		enum stage   stage;
		enum verdict verdict;
		enum cause   cause;
	} cases[] = {
		{"421 4.3.2 bye", STAGE_GREETING, VERDICT_DEFERRED, CAUSE_UNAVAILABLE},
		{"554 no", STAGE_GREETING, VERDICT_FAILED, CAUSE_UNAVAILABLE},
		{"421 bye", STAGE_RCPT, VERDICT_DEFERRED, CAUSE_UNAVAILABLE},
		{"454 no", STAGE_STARTTLS, VERDICT_DEFERRED, CAUSE_STARTTLS_MISSING},
		{"535 5.7.8 no", STAGE_AUTH, VERDICT_FAILED, CAUSE_AUTH_REFUSED},
		{"534 5.7.9 app password", STAGE_AUTH, VERDICT_FAILED, CAUSE_AUTH_REFUSED},
		{"550 5.7.30 basic", STAGE_AUTH, VERDICT_FAILED, CAUSE_AUTH_REFUSED},
		{"504 5.7.4 x", STAGE_AUTH, VERDICT_FAILED, CAUSE_AUTH_MECHANISM},
		{"454 4.7.0 x", STAGE_AUTH, VERDICT_DEFERRED, CAUSE_AUTH_TEMPORARY},
		{"421 x", STAGE_AUTH, VERDICT_DEFERRED, CAUSE_AUTH_TEMPORARY},
		{"550 5.1.0 no", STAGE_MAIL, VERDICT_FAILED, CAUSE_SENDER_REFUSED},
		{"552 5.3.4 big", STAGE_MAIL, VERDICT_FAILED, CAUSE_TOO_BIG},
		{"552 big", STAGE_FINAL, VERDICT_FAILED, CAUSE_TOO_BIG},
		{"552 5.2.2 full", STAGE_RCPT, VERDICT_FAILED, CAUSE_RECIPIENT_REFUSED},
		{"552 5.2.2 full", STAGE_FINAL, VERDICT_FAILED, CAUSE_MESSAGE_REFUSED},
		{"550 5.1.1 who?", STAGE_RCPT, VERDICT_FAILED, CAUSE_RECIPIENT_REFUSED},
		{"553 5.7.1 <a@b>: Sender address rejected: not owned", STAGE_RCPT, VERDICT_FAILED, CAUSE_SENDER_REFUSED},
		{"554 5.2.252 SendAsDenied", STAGE_FINAL, VERDICT_FAILED, CAUSE_SENDER_REFUSED},
		{"432 4.3.2 slow", STAGE_DATA, VERDICT_DEFERRED, CAUSE_THROTTLED},
		{"450 x", STAGE_RCPT, VERDICT_DEFERRED, CAUSE_THROTTLED},
		{"452 4.3.1 x", STAGE_MAIL, VERDICT_DEFERRED, CAUSE_THROTTLED},
		{"554 spam", STAGE_FINAL, VERDICT_FAILED, CAUSE_MESSAGE_REFUSED},
		{"250 ok", STAGE_DATA, VERDICT_DEFERRED, CAUSE_PROTOCOL},
		{"354 go", STAGE_RCPT, VERDICT_DEFERRED, CAUSE_PROTOCOL},
	};
	struct outcome outcome;
	struct reply reply;
	char line[128];
	size_t used;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)snprintf(line, sizeof(line), "%s\r\n", cases[i].line);
		assert_int_equal(parse(line, strlen(line), &used, &reply), REPLY_COMPLETE);
		reply_outcome(&reply, cases[i].stage, &outcome);
		if (outcome.verdict != cases[i].verdict || outcome.cause != cases[i].cause || outcome.stage != cases[i].stage)
			fail_msg("%s: %s %s", cases[i].line, verdict_name(outcome.verdict), cause_name(outcome.cause));
		assert_int_equal(outcome.reply, reply.code);
		assert_string_equal(outcome.enhanced, reply.enhanced);
		assert_true(outcome.text[0] != '\0' && strstr(outcome.text, reply.text) != NULL);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies_are_read),
		cmocka_unit_test(a_reply_may_come_in_pieces),
		cmocka_unit_test(nul_is_no_end),
		cmocka_unit_test(sizes_are_bounded),
		cmocka_unit_test(failures_have_causes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
