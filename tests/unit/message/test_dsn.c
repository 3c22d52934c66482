/*
 * dsn: what RFC 3461 allows, and what goes to a relay. Rows of a value and what comes of it; "" for a value that is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "message/dsn.h"
#include "message/envelope.h"

#define TEN "1234567890"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

struct row {
	const char *value, *want;
};

static void
test_notify(void **state)
{
	static const struct row rows[] = {
		{"NEVER", "NEVER"}, {"never", "NEVER"}, {"delay,Success,FAILURE", "SUCCESS,FAILURE,DELAY"}, {"failure", "FAILURE"},
		{"", ""}, {",", ""}, {"failure,", ""}, {",failure", ""}, {"failure,failure", ""}, {"never,failure", ""},
		{"failure,never", ""}, {"always", ""}, {"failure delay", ""}, {" failure", ""}, {"fail", ""}, {"failures", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[DSN_NOTIFY_SIZE] = "";
		unsigned notify = 99;

		if (dsn_parse_notify(rows[i].value, strlen(rows[i].value), &notify) == 0)
			dsn_notify_text(notify, text);
		else
			assert_int_equal(notify, 99);
		assert_string_equal(text, rows[i].want);
	}
}

static void
test_return(void **state)
{
	enum dsn_return ret = DSN_RETURN_NONE;

	(void)state;
	assert_int_equal(dsn_parse_return("HDRSx", 4, &ret), 0);
	assert_string_equal(dsn_return_text(ret), "HDRS");
	assert_int_equal(dsn_parse_return("full", 4, &ret), 0);
	assert_string_equal(dsn_return_text(ret), "FULL");
	assert_int_equal(dsn_parse_return("headers", 7, &ret), -1);
	assert_int_equal(dsn_parse_return("", 0, &ret), -1);
	assert_string_equal(dsn_return_text(ret), "FULL");
}

static void
test_identifiers_become_xtext(void **state)
{
	static const struct row rows[] = {
		{"abc", "abc"}, {"a b", "a+20b"}, {"a+b", "a+2Bb"}, {"a=b", "a+3Db"}, {"a+2Bb", "a+2Bb"}, {"a+2bb", "a+2B2bb"},
		{"a+2B=", "a+2B2B+3D"}, {"<x@y>", "<x@y>"}, {" ", "+20"}, {HUNDRED, HUNDRED},
		{"", ""}, {HUNDRED "1", ""}, {"a\tb", ""}, {"a\r\nRCPT", ""}, {"\x7f", ""}, {"\xc3\xa9", ""},
		/* 98 and three would be one too many */
		{TEN TEN TEN TEN TEN TEN TEN TEN TEN "12345678 ", ""},
		{TEN TEN TEN TEN TEN TEN TEN TEN TEN "1234567 ", TEN TEN TEN TEN TEN TEN TEN TEN TEN "1234567+20"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char envid[DSN_ENVID_MAX + 1] = "";

		assert_int_equal(dsn_envid(rows[i].value, envid), rows[i].want[0] != '\0' ? 0 : -1);
		if (rows[i].want[0] == '\0')
			continue;
		assert_string_equal(envid, rows[i].want);
		assert_true(dsn_is_envid(envid, strlen(envid)));
	}
}

static void
test_xtext_is_decoded_for_reports(void **state)
{
	static const struct row rows[] = {
		{"abc", "abc"}, {"a+20b", "a b"}, {"a+2Bb+3D", "a+b="}, {"", ""}, {HUNDRED, HUNDRED},
		/* what would not be printable, or is no xtext, stays as it is */
		{"a+0D+0Ab", "a+0D+0Ab"}, {"a+FFb", "a+FFb"}, {"a+7Fb", "a+7Fb"}, {"a+2b", "a+2b"}, {"a+", "a+"}, {"a+2bb", "a+2bb"}, {"a=b", "a=b"},
	};
	char text[DSN_ENVID_MAX + 1], small[4];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		dsn_decode(rows[i].value, text, sizeof(text));
		assert_string_equal(text, rows[i].want);
	}
	dsn_decode("a+20bcd", small, sizeof(small));
	assert_string_equal(small, "a+2");
	dsn_decode("a+20b", small, sizeof(small));
	assert_string_equal(small, "a b");
}

static void
test_what_is_passed_on(void **state)
{
	struct dsn_wish wish = {.notify = DSN_SUCCESS | DSN_DELAY, .orcpt = (char[]){"rfc822;a+2Bb@c"}};
	char mail[DSN_MAIL_SIZE], rcpt[DSN_RCPT_SIZE], orcpt[DSN_ORCPT_MAX + 1] = "rfc822;";

	(void)state;
	dsn_mail_parameters(DSN_RETURN_HEADERS, HUNDRED, mail);
	assert_string_equal(mail, " RET=HDRS ENVID=" HUNDRED);
	dsn_mail_parameters(DSN_RETURN_NONE, "x", mail);
	assert_string_equal(mail, " ENVID=x");
	dsn_mail_parameters(DSN_RETURN_NONE, NULL, mail);
	assert_string_equal(mail, "");
	dsn_rcpt_parameters(&wish, rcpt);
	assert_string_equal(rcpt, " NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a+2Bb@c");
	dsn_rcpt_parameters(NULL, rcpt);
	assert_string_equal(rcpt, "");
	memset(orcpt + 7, 'o', DSN_ORCPT_MAX - 7);
	assert_true(dsn_is_orcpt(orcpt, DSN_ORCPT_MAX));
	wish.orcpt = orcpt;
	wish.notify |= DSN_FAILURE;
	dsn_rcpt_parameters(&wish, rcpt);
	assert_int_equal(strlen(rcpt), strlen(" NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=") + DSN_ORCPT_MAX);
}

static void
test_wishes_of_an_envelope(void **state)
{
	struct envelope envelope;

	(void)state;
	envelope_init(&envelope);
	for (int i = 0; i < 5; i++) {
		char address[32];
		size_t before = envelope.recipient_count;

		(void)snprintf(address, sizeof(address), "r%d@example.com", i % 4);
		assert_int_equal(envelope_add(&envelope, address), 0);
		envelope_wish(&envelope, before, 1U << i, i == 2 ? "rfc822;x" : "");
	}
	/* the fifth was the first again */
	assert_int_equal(envelope.recipient_count, 4);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(envelope.wishes[i].notify, 1U << i);
	assert_null(envelope.wishes[1].orcpt);
	assert_string_equal(envelope.wishes[2].orcpt, "rfc822;x");
	envelope_set_envid(&envelope, "y");
	envelope_set_envid(&envelope, "z");
	assert_string_equal(envelope.envid, "z");
	envelope_set_envid(&envelope, "");
	assert_null(envelope.envid);
	envelope_free(&envelope);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_notify),
		cmocka_unit_test(test_return),
		cmocka_unit_test(test_identifiers_become_xtext),
		cmocka_unit_test(test_xtext_is_decoded_for_reports),
		cmocka_unit_test(test_what_is_passed_on),
		cmocka_unit_test(test_wishes_of_an_envelope),
	};

	return cmocka_run_group_tests_name("dsn", tests, NULL, NULL);
}
