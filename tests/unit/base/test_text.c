/* Strict conversions, foreign text, nearest words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <locale.h>
#include <string.h>

#include "base/text.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static void
numbers_are_plain_decimals(void **state)
{
	static const struct {
		const char *input;
		uint64_t    want;
		int         result;
	} rows[] = {
		{"0", 0, 0}, {"1", 1, 0}, {"587", 587, 0}, {"65535", 65535, 0}, {"65536", 0, -1}, {"0587", 0, -1}, {"00", 0, -1},
		{"12x", 0, -1}, {" 5", 0, -1}, {"5 ", 0, -1}, {"", 0, -1}, {"-1", 0, -1}, {"+1", 0, -1}, {"0x10", 0, -1},
		{"1e3", 0, -1}, {"18446744073709551616", 0, -1}, {"99999999999999999999999", 0, -1},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t value = 4711;

		assert_int_equal(text_to_number(rows[i].input, 0, 65535, &value), rows[i].result);
		assert_int_equal(value, rows[i].result == 0 ? rows[i].want : 4711);
	}
	uint64_t value = 0;

	assert_int_equal(text_to_number("18446744073709551615", 1, UINT64_MAX, &value), 0);
	assert_true(value == UINT64_MAX);
	assert_int_equal(text_to_number("0", 1, 9, &value), -1);
}

static void
durations_need_a_unit(void **state)
{
	static const struct {
		const char *input;
		int64_t     want;
		int         result;
	} rows[] = {
		{"250ms", 250, 0}, {"0s", 0, 0}, {"10s", 10000, 0}, {"2m", 120000, 0}, {"1h", 3600000, 0},
		{"365d", INT64_C(31536000000), 0}, {"366d", 0, -1}, {"10", 0, -1}, {"s", 0, -1}, {"", 0, -1}, {"10S", 0, -1},
		{"1M", 0, -1}, {"10 s", 0, -1}, {"010s", 0, -1}, {"-1s", 0, -1}, {"1.5s", 0, -1}, {"1s ", 0, -1}, {"1h30m", 0, -1},
		{"18446744073709551615d", 0, -1}, {"213503982335d", 0, -1},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t value = 4711;

		assert_int_equal(text_to_duration(rows[i].input, &value), rows[i].result);
		assert_int_equal(value, rows[i].result == 0 ? rows[i].want : 4711);
	}
}

static void
sizes_take_binary_units(void **state)
{
	static const struct {
		const char *input;
		uint64_t    want;
		int         result;
	} rows[] = {
		{"0", 0, 0}, {"1024", 1024, 0}, {"1K", 1024, 0}, {"50M", 52428800, 0}, {"2G", UINT64_C(2147483648), 0},
		{"50m", 0, -1}, {"50MB", 0, -1}, {"K", 0, -1}, {"", 0, -1}, {"1 K", 0, -1}, {"01K", 0, -1}, {"-1K", 0, -1},
		{"18446744073709551615G", 0, -1}, {"17179869184G", 0, -1},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t value = 4711;

		assert_int_equal(text_to_size(rows[i].input, &value), rows[i].result);
		assert_int_equal(value, rows[i].result == 0 ? rows[i].want : 4711);
	}
}

static void
booleans_are_eight_words(void **state)
{
	static const char *const yes[] = {"yes", "TRUE", "On", "1"}, *const no[] = {"no", "False", "oFF", "0"};
	static const char *const wrong[] = {"", "y", "n", "2", "yes ", "enable", "01"};
	bool value;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		value = false;
		assert_int_equal(text_to_boolean(yes[i], &value), 0);
		assert_true(value);
		assert_int_equal(text_to_boolean(no[i], &value), 0);
		assert_false(value);
	}
	value = true;
	for (size_t i = 0; i < COUNT(wrong); i++)
		assert_int_equal(text_to_boolean(wrong[i], &value), -1);
	assert_true(value);
}

static void
foreign_text_becomes_printable(void **state)
{
	static const struct {
		const char *input;
		const char *ascii;
		const char *utf8;
	} rows[] = {
		{"plain ~", "plain ~", "plain ~"}, {"a\r\nb\tc\n", "a b c ", "a b c "}, {"\x1b[31m\x7f", "?[31m?", "?[31m?"},
		{"gr\xc3\xbc\xc3\x9f", "gr????", "gr\xc3\xbc\xc3\x9f"}, {"\xe2\x82\xac", "???", "\xe2\x82\xac"},
		{"\xf0\x9f\x9a\x82", "????", "\xf0\x9f\x9a\x82"}, {"\xfc", "?", "?"}, {"\xc3", "?", "?"}, {"\xc3(", "?(", "?("},
		{"\xc0\xaf", "??", "??"}, {"\xe0\x80\xaf", "???", "???"}, {"\xed\xa0\x80", "???", "???"},
		{"\xf4\x90\x80\x80", "????", "????"}, {"\xf5\x80\x80\x80", "????", "????"}, {"\xc2\x9b" "1m", "??1m", "?1m"},
		{"\xe2\x80\xae" "x", "???x", "?x"}, {"\xe2\x80\xa8", "???", "?"},
	};
	char target[64];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t length = strlen(rows[i].input);

		assert_string_equal(text_printable(target, sizeof(target), rows[i].input, length, false), rows[i].ascii);
		assert_string_equal(text_printable(target, sizeof(target), rows[i].input, length, true), rows[i].utf8);
	}
	assert_string_equal(text_printable(target, sizeof(target), "a\0b", 3, true), "a?b");
	assert_string_equal(text_printable(target, sizeof(target), "", 0, true), "");
}

static void
what_does_not_fit_is_cut_at_a_character(void **state)
{
	char target[8];

	(void)state;
	memset(target, 'X', sizeof(target));
	assert_string_equal(text_printable(target, 4, "abcdef", 6, true), "abc");
	assert_int_equal(target[4], 'X');
	assert_string_equal(text_printable(target, 4, "ab\xc3\xbc", 4, true), "ab");
	assert_string_equal(text_printable(target, 5, "ab\xc3\xbc", 4, true), "ab\xc3\xbc");
	assert_string_equal(text_printable(target, 4, "abc\xe2\x82\xac", 6, true), "abc");
	assert_string_equal(text_printable(target, 1, "abc", 3, true), "");
	target[0] = 'X';
	assert_ptr_equal(text_printable(target, 0, "abc", 3, true), target);
	assert_int_equal(target[0], 'X');
}

static size_t line(char *target, size_t size, const char *ending, const char *format, ...) __attribute__((format(printf, 4, 5)));

static size_t
line(char *target, size_t size, const char *ending, const char *format, ...)
{
	va_list arguments;
	size_t length;

	va_start(arguments, format);
	length = text_line(target, size, true, ending, format, arguments);
	va_end(arguments);
	return length;
}

static void
a_line_keeps_its_ending(void **state)
{
	char target[12];

	(void)state;
	assert_int_equal(line(target, sizeof(target), "\n", "%d\r\n%s", 250, "ok"), 7);
	assert_string_equal(target, "250 ok\n");
	assert_int_equal(line(target, sizeof(target), "\r\n", "%s", "0123456789abc"), 11);
	assert_string_equal(target, "012345678\r\n");
	assert_int_equal(line(target, 3, "\r\n", "%s", "x"), 2);
	assert_string_equal(target, "\r\n");
}

static void
the_nearest_word_is_near(void **state)
{
	static const char *const words[] = {"host", "ports", "password", "password_file", "user", NULL};
	static const struct {
		const char *input;
		const char *want;
	} rows[] = {
		{"hots", "host"}, {"hosts", "host"}, {"port", "ports"}, {"Host", "host"}, {"pasword", "password"},
		{"passwordfile", "password_file"}, {"password_fiel", "password_file"}, {"usre", "user"}, {"x", NULL}, {"", NULL},
		{"zz", NULL}, {"provider", NULL}, {"tsoh", NULL},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *nearest = text_nearest(rows[i].input, words);

		if (rows[i].want == NULL)
			assert_null(nearest);
		else {
			assert_non_null(nearest);
			assert_string_equal(nearest, rows[i].want);
		}
	}
}

static void
case_is_ascii_whatever_the_locale(void **state)
{
	char text[] = "StartTLS\xc3\x84I";

	(void)state;
	(void)setlocale(LC_ALL, "tr_TR.UTF-8");
	assert_int_equal(text_compare_nocase("STARTTLS", "starttls"), 0);
	assert_int_equal(text_compare_nocase("PIPELINING", "pipelining"), 0);
	assert_true(text_compare_nocase("a", "b") < 0);
	assert_true(text_compare_nocase("ab", "a") > 0);
	assert_true(text_compare_nocase("a", "AB") < 0);
	assert_true(text_compare_nocase("\xc3", "a") > 0);
	assert_true(text_prefix_nocase("Received: x", "received:"));
	assert_false(text_prefix_nocase("Rec", "received:"));
	assert_true(text_prefix_nocase("x", ""));
	text_lower(text);
	assert_string_equal(text, "starttls\xc3\x84i");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_plain_decimals),
		cmocka_unit_test(durations_need_a_unit),
		cmocka_unit_test(sizes_take_binary_units),
		cmocka_unit_test(booleans_are_eight_words),
		cmocka_unit_test(foreign_text_becomes_printable),
		cmocka_unit_test(what_does_not_fit_is_cut_at_a_character),
		cmocka_unit_test(a_line_keeps_its_ending),
		cmocka_unit_test(the_nearest_word_is_near),
		cmocka_unit_test(case_is_ascii_whatever_the_locale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
