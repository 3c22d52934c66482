/*
 * The tables of conf/, and what is looked up in them.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/provider.h"
#include "command/advice.h"

static void
the_providers_own_advice_goes_first(void **state)
{
	const struct advice_words words = {.host = "smtp.example.com", .ports = "587 465"};
	char text[800], other[800];

	(void)state;
	advice_for("login-refused", "postmark-broadcasts", &words, text, sizeof(text));
	assert_non_null(strstr(text, "token"));
	advice_for("login-refused", "", &words, other, sizeof(other));
	assert_string_not_equal(text, other);
	advice_for("outbound-firewall", "", &words, text, sizeof(text));
	assert_non_null(strstr(text, "TCP to smtp.example.com on one of the ports 587 465"));
	advice_for("no such cause", "", &words, text, sizeof(text));
	assert_string_equal(text, "");
}

static void
advice_is_cut_to_fit(void **state)
{
	const struct advice_words words = {.host = "smtp.example.com"};
	char text[40];

	(void)state;
	for (size_t size = 1; size <= sizeof(text); size++) {
		memset(text, 'x', sizeof(text));
		advice_for("outbound-firewall", "", &words, text, size);
		assert_true(memchr(text, '\0', size) != NULL);
	}
}

static void
traps_are_seen(void **state)
{
	(void)state;
	assert_non_null(advice_trap("sendgrid", "user", "app@example.com"));
	assert_null(advice_trap("sendgrid", "user", "apikey"));
	assert_non_null(advice_trap("sendgrid", "password", "secret"));
	assert_null(advice_trap("sendgrid", "password", "SG.abc"));
	assert_null(advice_trap("gmail", "password", "abcd efgh ijkl mnop"));
	assert_non_null(advice_trap("gmail", "password", "Pa55word"));
	assert_non_null(advice_trap("gmail", "user", "app"));
	assert_non_null(advice_trap("ses-REGION", "password", "0123456789012345678901234567890123456789"));
	assert_null(advice_trap("", "user", "app"));
}

static void
codes_are_found_by_what_fits_best(void **state)
{
	static const struct {
		const char *code, *row;
	} cases[] = {
		{"535", "535"}, {"599", "5"}, {"450", "450"}, {"499", "4"}, {"250", "250"}, {"5.7.8", "X.7.8"}, {"4.7.8", "X.7.8"},
		{"5.7.139", "X.7.139"}, {"5.7.13", "X.7"}, {"5.7.1", "X.7.1"}, {"5.9.9", "5"}, {"2.0.0", "X.0.0"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct advice_reply *reply = advice_reply(cases[i].code);

		if (reply == NULL || strcmp(reply->code, cases[i].row) != 0)
			fail_msg("%s: %s, not %s", cases[i].code, reply != NULL ? reply->code : "nothing", cases[i].row);
	}
	assert_null(advice_reply("999"));
	assert_null(advice_reply(""));
}

static void
interceptors_are_known_by_their_issuer(void **state)
{
	(void)state;
	assert_non_null(advice_interceptor("CN=FortiGate CA,O=Fortinet"));
	assert_null(advice_interceptor("CN=R11,O=Let's Encrypt,C=US"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_providers_own_advice_goes_first),
		cmocka_unit_test(advice_is_cut_to_fit),
		cmocka_unit_test(traps_are_seen),
		cmocka_unit_test(codes_are_found_by_what_fits_best),
		cmocka_unit_test(interceptors_are_known_by_their_issuer),
	};

	return cmocka_run_group_tests_name("advice", tests, NULL, NULL);
}
