#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "wire/capabilities.h"

static void
keywords_are_known_in_any_case(void **state)
{
	static const char raw[] = "250-CHUNKING at the relay\r\n250-pipelining\r\n250-Size 35882577\r\n250-StartTLS\r\n250-8BITMIME\r\n"
	    "250-DSN\r\n250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n250-XUSR\r\n250-\r\n250 BINARYMIME\r\n";
	struct capabilities c;

	(void)state;
	capabilities_parse(raw, sizeof(raw) - 1, &c);
	assert_true(c.pipelining && c.size && c.starttls && c.eight_bit_mime && c.dsn && c.smtputf8 && c.binarymime);
	assert_true(c.enhanced_status_codes);
	assert_false(c.chunking);	/* that was the greeting */
	assert_int_equal(c.size_limit, 35882577);
	assert_string_equal(c.auth, "");
}

static void
sizes_are_read_strictly(void **state)
{
	static const struct {
		const char *line;
		uint64_t    limit;
	} rows[] = {{"SIZE", 0}, {"SIZE 0", 0}, {"SIZE 52428800", 52428800}, {"SIZE x", 0}, {"SIZE -1", 0},
	    {"SIZE 99999999999999999999999", 0}};
	struct capabilities c;
	char raw[128];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		(void)snprintf(raw, sizeof(raw), "250-x\r\n250 %s\r\n", rows[i].line);
		capabilities_parse(raw, strlen(raw), &c);
		assert_true(c.size);
		assert_int_equal(c.size_limit, rows[i].limit);
	}
}

static void
mechanisms_are_collected(void **state)
{
	static const struct {
		const char *lines, *auth;
	} rows[] = {
		{"250 AUTH PLAIN LOGIN\r\n", " PLAIN LOGIN "},
		{"250-AUTH plain\r\n250 AUTH=PLAIN LOGIN\r\n", " PLAIN LOGIN "},
		{"250 AUTH=LOGIN\r\n", " LOGIN "},
		{"250 AUTH\r\n", ""},
		{"250 AUTH  SCRAM-SHA-256-PLUS   XOAUTH2 \r\n", " SCRAM-SHA-256-PLUS XOAUTH2 "},
		{"250 AUTH PL\x01IN ../x THIS-NAME-IS-MUCH-TOO-LONG LOGIN\r\n", " LOGIN "},
		{"250 AUTHX PLAIN\r\n", ""},
		{"250 AUTH LOGIN", " LOGIN "},
	};
	struct capabilities c;
	char raw[256];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		(void)snprintf(raw, sizeof(raw), "250-x\r\n%s", rows[i].lines);
		capabilities_parse(raw, strlen(raw), &c);
		assert_string_equal(c.auth, rows[i].auth);
	}
	assert_true(capabilities_has_auth(&c, "LOGIN"));
	assert_false(capabilities_has_auth(&c, "LOGI"));
	assert_false(capabilities_has_auth(&c, ""));
}

static void
floods_do_no_harm(void **state)
{
	static char raw[60000];
	struct capabilities c;
	size_t length;

	(void)state;
	length = (size_t)snprintf(raw, sizeof(raw), "250-x\r\n250 AUTH");
	for (int i = 0; length < sizeof(raw) - 20; i++)
		length += (size_t)snprintf(raw + length, sizeof(raw) - length, " M%d", i);
	capabilities_parse(raw, length, &c);
	assert_true(strlen(c.auth) < sizeof(c.auth) && capabilities_has_auth(&c, "M0"));
	memset(raw, 'A', sizeof(raw));
	capabilities_parse(raw, sizeof(raw), &c);
	memset(raw, '\0', sizeof(raw));
	raw[3] = '\n';
	capabilities_parse(raw, sizeof(raw), &c);
	capabilities_parse(raw, 0, &c);
	assert_string_equal(c.auth, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keywords_are_known_in_any_case),
		cmocka_unit_test(sizes_are_read_strictly),
		cmocka_unit_test(mechanisms_are_collected),
		cmocka_unit_test(floods_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
