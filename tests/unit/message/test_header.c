/*
 * Header blocks: what begins a field, and how a block is walked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "message/header.h"

static void
field_lines_are_told_from_text(void **state)
{
	static const struct {
		const char *line;
		bool want;
	} rows[] = {
		{"To: x", true}, {"To:", true}, {"To:\r\n", true}, {"To : x", true}, {"To\t :x", true}, {"X-a_b.c!: ", true},
		{"From : x", true}, {"", false}, {"\r\n", false}, {":", false}, {": x", false}, {" To: x", false},
		{"\tTo: x", false}, {"To", false}, {"To x: y", false}, {"hello there: text", false},
		{"From alice Mon Nov 23 10:00", false}, {"T\303\266: x", false}, {"T\001: x", false}, {"T\177: x", false},
		{"To \r\n", false},
	};
	char name[1001];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (header_is_field(rows[i].line, strlen(rows[i].line)) != rows[i].want)
			fail_msg("[%s]", rows[i].line);
	memset(name, 'a', sizeof(name));
	name[899] = ':';
	assert_true(header_is_field(name, sizeof(name)));
	name[899] = 'a';
	name[990] = ':';
	assert_false(header_is_field(name, sizeof(name)));
}

static void
a_block_is_walked_field_by_field(void **state)
{
	static const char block[] = "To: a,\r\n b\r\nSubject:\r\nX-Y : z\r\n\tz2\r\nEnd: e";
	struct header_field field;
	size_t offset = 0;

	(void)state;
	assert_true(header_next(block, strlen(block), &offset, &field));
	assert_true(header_is(&field, "to"));
	assert_int_equal(field.length, 12);
	assert_memory_equal(field.value, " a,\r\n b", field.value_length);
	assert_int_equal(field.value_length, 7);
	assert_true(header_next(block, strlen(block), &offset, &field));
	assert_true(header_is(&field, "SUBJECT"));
	assert_false(header_is(&field, "Subjec"));
	assert_int_equal(field.value_length, 0);
	assert_true(header_is_empty(&field));
	assert_true(header_next(block, strlen(block), &offset, &field));
	assert_true(header_is(&field, "X-Y"));
	assert_int_equal(field.value_length, 7);
	assert_true(header_next(block, strlen(block), &offset, &field));
	assert_int_equal(field.value_length, 2);
	assert_false(header_next(block, strlen(block), &offset, &field));
}

static void
empty_fields_are_not_found(void **state)
{
	static const char block[] = "To: \r\n \r\nto: x\r\nCc:\r\n";
	struct header_field field;

	(void)state;
	assert_true(header_find(block, strlen(block), "To", &field));
	assert_ptr_equal(field.start, strstr(block, "to:"));
	assert_false(header_find(block, strlen(block), "Cc", &field));
	assert_false(header_find(NULL, 0, "Cc", &field));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(field_lines_are_told_from_text),
		cmocka_unit_test(a_block_is_walked_field_by_field),
		cmocka_unit_test(empty_fields_are_not_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
