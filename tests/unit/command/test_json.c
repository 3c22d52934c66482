/*
 * What is written is JSON whatever the text.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "command/json.h"

static void
texts_are_escaped(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"", "{\"a\":\"\"}"}, {"a\"b\\c", "{\"a\":\"a\\\"b\\\\c\"}"}, {"\r\n\t\x01\x7f", "{\"a\":\"\\u000d\\u000a\\u0009\\u0001\\u007f\"}"},
		{"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "{\"a\":\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"}"},
		/* cut, overlong, a surrogate, beyond the last plane */
		{"\xc3", "{\"a\":\"\\ufffd\"}"}, {"\xc0\x80x", "{\"a\":\"\\ufffd\\ufffdx\"}"}, {"\xed\xa0\x80", "{\"a\":\"\\ufffd\\ufffd\\ufffd\"}"},
		{"\xf4\x90\x80\x80", "{\"a\":\"\\ufffd\\ufffd\\ufffd\\ufffd\"}"}, {NULL, "{\"a\":\"\"}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buffer json;

		buffer_init(&json, 4096);
		json_open(&json, NULL, '{');
		json_text(&json, "a", cases[i].text);
		json_close(&json, '}');
		assert_string_equal(json.data, cases[i].want);
		buffer_free(&json);
	}
}

static void
commas_stand_between(void **state)
{
	struct buffer json;

	(void)state;
	buffer_init(&json, 4096);
	json_open(&json, NULL, '{');
	json_number(&json, "n", INT64_MIN);
	json_open(&json, "list", '[');
	json_boolean(&json, NULL, true);
	json_open(&json, NULL, '{');
	json_close(&json, '}');
	json_open(&json, NULL, '[');
	json_close(&json, ']');
	json_text(&json, NULL, "{");
	json_number(&json, NULL, 1);
	json_close(&json, ']');
	json_boolean(&json, "b", false);
	json_close(&json, '}');
	assert_string_equal(json.data, "{\"n\":-9223372036854775808,\"list\":[true,{},[],\"{\",1],\"b\":false}");
	buffer_free(&json);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_escaped),
		cmocka_unit_test(commas_stand_between),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
