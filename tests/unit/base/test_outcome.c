/* Names of verdicts, stages and causes are complete, different and come back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/outcome.h"

static void
assert_word(const char *name)
{
	assert_non_null(name);
	assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz-"), strlen(name));
	assert_true(name[0] != '\0');
}

static void
names_come_back_as_the_same_value(void **state)
{
	(void)state;
	for (int i = 0; i < VERDICT_MAX; i++) {
		assert_word(verdict_name((enum verdict)i));
		assert_int_equal(verdict_parse(verdict_name((enum verdict)i)), i);
	}
	for (int i = 0; i < STAGE_MAX; i++) {
		assert_word(stage_name((enum stage)i));
		assert_int_equal(stage_parse(stage_name((enum stage)i)), i);
	}
	for (int i = 0; i < CAUSE_MAX; i++) {
		assert_word(cause_name((enum cause)i));
		assert_int_equal(cause_parse(cause_name((enum cause)i)), i);
	}
}

static void
every_cause_has_a_text_of_its_own(void **state)
{
	(void)state;
	for (int i = 0; i < CAUSE_MAX; i++) {
		assert_non_null(cause_text((enum cause)i));
		assert_true(strlen(cause_text((enum cause)i)) > 5);
		for (int j = 0; j < i; j++)
			assert_string_not_equal(cause_text((enum cause)i), cause_text((enum cause)j));
	}
}

static void
unknown_names_and_values_are_harmless(void **state)
{
	(void)state;
	assert_int_equal(verdict_parse("x"), VERDICT_NONE);
	assert_int_equal(stage_parse(""), STAGE_NONE);
	assert_int_equal(cause_parse("Config"), CAUSE_NONE);
	assert_string_equal(verdict_name(VERDICT_MAX), "?");
	assert_string_equal(stage_name((enum stage)-1), "?");
	assert_string_equal(cause_name((enum cause)9999), "?");
	assert_true(cause_text((enum cause)9999)[0] != '\0');
}

static void
setting_fills_every_field_and_makes_the_text_safe(void **state)
{
	struct outcome outcome;
	char text[600];

	(void)state;
	memset(&outcome, 0xff, sizeof(outcome));
	outcome_set(&outcome, VERDICT_FAILED, STAGE_RCPT, CAUSE_RECIPIENT_REFUSED, "no\r\n%s\x1b[1m", "such");
	assert_int_equal(outcome.verdict, VERDICT_FAILED);
	assert_int_equal(outcome.stage, STAGE_RCPT);
	assert_int_equal(outcome.cause, CAUSE_RECIPIENT_REFUSED);
	assert_int_equal(outcome.reply, 0);
	assert_string_equal(outcome.enhanced, "");
	assert_false(outcome.uncertain);
	assert_string_equal(outcome.text, "no such?[1m");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	outcome_set(&outcome, VERDICT_DEFERRED, STAGE_DATA, CAUSE_CLOSED, "%s", text);
	assert_int_equal(strlen(outcome.text), sizeof(outcome.text) - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_come_back_as_the_same_value),
		cmocka_unit_test(every_cause_has_a_text_of_its_own),
		cmocka_unit_test(unknown_names_and_values_are_harmless),
		cmocka_unit_test(setting_fills_every_field_and_makes_the_text_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
