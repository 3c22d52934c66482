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

static void
the_password_is_known_in_whatever_form(void **state)
{
	static const struct {
		const char *text;
		bool        told;
	} rows[] = {
		{"535 5.7.8 Authentication failed", false}, {"", false}, {"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5 abc=", false},
		{"Sesam-0pen/You+7 refused", true}, {"<Sesam-0pen>", true}, {"Sesam-0", false},
		/* as LOGIN sends it, and its beginning */
		{"no: U2VzYW0tMHBlbi9Zb3UrNw==", true}, {"U2VzYW0tM", true},
		/* as PLAIN sends it, for users of each length modulo three, and cut at its beginning */
		{"AGFwcABTZXNhbS0wcGVuL1lvdSs3", true}, {"AGFwcDEAU2VzYW0tMHBlbi9Zb3UrNw==", true}, {"AGFwcDEyAFNlc2FtLTBwZW4vWW91Kzc=", true},
		{"GFwcDEyAFNlc2FtLTBwZW4vWW91Kzc=", true}, {"FwcDEyAFNlc2FtLTBwZW4vWW91Kzc=", true}, {"wcDEyAFNlc2FtLTBwZW4vWW91Kzc=", true},
		{"AGFwcDEyAFNlc2Fm", false},
	};
	struct buffer secret;

	(void)state;
	buffer_init(&secret, 8192);
	assert_int_equal(buffer_append_text(&secret, "Sesam-0pen/You+7"), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (sasl_is_told(&secret, rows[i].text) != rows[i].told)
			fail_msg("'%s': %s", rows[i].text, rows[i].told ? "not known" : "known");
	buffer_wipe(&secret);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mechanisms_give_their_lines),
		cmocka_unit_test(an_unknown_mechanism_is_refused),
		cmocka_unit_test(a_long_password_fits),
		cmocka_unit_test(the_order_is_ours),
		cmocka_unit_test(the_password_is_known_in_whatever_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
