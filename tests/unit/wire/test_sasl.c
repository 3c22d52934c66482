#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "wire/sasl.h"

static struct sasl *
make(const char *mechanism, const char *user, const char *password)
{
	struct buffer secret;
	struct outcome outcome;
	struct sasl *sasl;

	buffer_init(&secret, 8192);
	assert_int_equal(buffer_append_text(&secret, password), 0);
	sasl = sasl_new(mechanism, user, &secret, "mail.example.test", &outcome);
	buffer_wipe(&secret);
	assert_non_null(sasl);
	return sasl;
}

static void
mechanisms_give_their_lines(void **state)
{
	static const struct {
		const char *mechanism, *user, *password;
		const char *challenges[4];	/* "-": none given (initial) */
		const char *lines[4];		/* NULL: refused */
	} rows[] = {
		/* RFC 4616 section 4 */
		{"PLAIN", "tim", "tanstaaftanstaaf", {"-"}, {"AHRpbQB0YW5zdGFhZnRhbnN0YWFm"}},
		{"PLAIN", "tim", "tanstaaftanstaaf", {"-", ""}, {"AHRpbQB0YW5zdGFhZnRhbnN0YWFm", NULL}},
		{"PLAIN", "user", "pa\xc3\x9fwort", {"-"}, {"AHVzZXIAcGHDn3dvcnQ="}},
		{"PLAIN", "user", "latin\xdf", {"-"}, {"AHVzZXIAbGF0aW7f"}},
		{"LOGIN", "user", "secret", {"-", "VXNlcm5hbWU6", "UGFzc3dvcmQ6"}, {"", "dXNlcg==", "c2VjcmV0"}},
		{"LOGIN", "user", "secret", {"-", "", ""}, {"", "dXNlcg==", "c2VjcmV0"}},
		{"LOGIN", "user", "secret", {"-", "VXNlcm5hbWU6", "UGFzc3dvcmQ6", "TW9yZTo="}, {"", "dXNlcg==", "c2VjcmV0", NULL}},
		{"LOGIN", "user", "secret", {"-", "not base64!"}, {"", NULL}},
		{"LOGIN", "us\xc3\xa9r", "\xc3\xa9", {"-", "VXNlcm5hbWU6", "UGFzc3dvcmQ6"}, {"", "dXPDqXI=", "w6k="}},
	};
	struct buffer line;

	(void)state;
	buffer_init(&line, 12288);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sasl *sasl = make(rows[i].mechanism, rows[i].user, rows[i].password);

		for (int step = 0; step < 4 && rows[i].challenges[step] != NULL; step++) {
			const char *challenge = rows[i].challenges[step];
			int result = sasl_step(sasl, challenge[0] == '-' ? NULL : challenge, &line);

			if (rows[i].lines[step] == NULL)
				assert_int_equal(result, -1);
			else
				assert_int_equal(result, 0);
			if (rows[i].lines[step] != NULL)
				assert_string_equal(line.length > 0 ? line.data : "", rows[i].lines[step]);
			buffer_wipe(&line);
		}
		sasl_free(sasl);
	}
	sasl_free(NULL);
}

static void
an_unknown_mechanism_is_refused(void **state)
{
	struct buffer secret = {.limit = 100};
	struct outcome outcome;

	(void)state;
	assert_null(sasl_new("X-NONE", "user", &secret, "h", &outcome));
	assert_int_equal(outcome.cause, CAUSE_AUTH_MECHANISM);
	assert_int_equal(outcome.stage, STAGE_AUTH);
}

static void
a_long_password_fits(void **state)
{
	static char password[8193];
	struct buffer line;
	struct sasl *sasl;

	(void)state;
	memset(password, 'p', sizeof(password) - 1);
	sasl = make("PLAIN", "user@example.test", password);
	buffer_init(&line, 12288 - 13);
	assert_int_equal(sasl_step(sasl, NULL, &line), 0);
	assert_true(line.length > 8192);
	buffer_wipe(&line);
	sasl_free(sasl);
}

static void
the_order_is_ours(void **state)
{
	(void)state;
	assert_string_equal(sasl_preference(RELAY_AUTH_AUTO)[0], "PLAIN");
	assert_string_equal(sasl_preference(RELAY_AUTH_AUTO)[1], "LOGIN");
	assert_null(sasl_preference(RELAY_AUTH_AUTO)[2]);
	assert_string_equal(sasl_preference(RELAY_AUTH_LOGIN)[0], "LOGIN");
	assert_null(sasl_preference(RELAY_AUTH_LOGIN)[1]);
	assert_string_equal(sasl_preference(RELAY_AUTH_PLAIN)[0], "PLAIN");
	assert_null(sasl_preference(RELAY_AUTH_PLAIN)[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mechanisms_give_their_lines),
		cmocka_unit_test(an_unknown_mechanism_is_refused),
		cmocka_unit_test(a_long_password_fits),
		cmocka_unit_test(the_order_is_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
