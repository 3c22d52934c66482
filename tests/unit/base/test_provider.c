/* The table of providers is sound, and typos find their way to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/port.h"
#include "base/provider.h"
#include "base/shape.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static void
each_row_is_sound(void **state)
{
	size_t count;
	const struct provider *rows = provider_table(&count);

	(void)state;
	assert_true(count >= 20);
	for (size_t i = 0; i < count; i++) {
		char host[PROVIDER_TEXT_MAX], wrong[128];
		struct relay relay = {.port_count = 0};

		if (port_parse(rows[i].ports, &relay, wrong, sizeof(wrong)) != 0)
			fail_msg("%s: %s", rows[i].name, wrong);
		if (shape_host(rows[i].host) != NULL)
			fail_msg("%s: %s", rows[i].name, shape_host(rows[i].host));
		assert_true(rows[i].note[0] != '\0');
		/* a region in both or in none */
		assert_int_equal(strstr(rows[i].name, "REGION") != NULL, strstr(rows[i].host, "REGION") != NULL);
		if (strstr(rows[i].name, "REGION") == NULL) {
			assert_ptr_equal(provider_find(rows[i].name, host, sizeof(host)), &rows[i]);
			assert_string_equal(host, rows[i].host);
		}
		for (size_t j = 0; j < i; j++) {
			assert_string_not_equal(rows[i].name, rows[j].name);
			assert_string_not_equal(rows[i].host, rows[j].host);
		}
	}
}

/* Where a port is not served, trying it costs each first message its time. */
static void
ports_that_are_not_served_are_not_listed(void **state)
{
	static const struct {
		const char *name;
		uint16_t    port;
	} rows[] = {
		{"postmark", 465}, {"sparkpost", 465}, {"icloud", 465}, {"microsoft365", 465}, {"gmail", 2525},
		{"microsoft365", 2525}, {"zoho", 2525}, {"fastmail", 2525},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char host[PROVIDER_TEXT_MAX], wrong[128];
		struct relay relay = {.port_count = 0};
		const struct provider *provider = provider_find(rows[i].name, host, sizeof(host));

		assert_non_null(provider);
		assert_int_equal(port_parse(provider->ports, &relay, wrong, sizeof(wrong)), 0);
		assert_true(relay.port_count > 0);
		for (size_t j = 0; j < relay.port_count; j++)
			assert_int_not_equal(relay.ports[j].number, rows[i].port);
	}
}

static void
a_region_is_put_in(void **state)
{
	static const struct {
		const char *name;
		const char *host;	/* NULL: no such provider */
	} rows[] = {
		{"ses-eu-west-1", "email-smtp.eu-west-1.amazonaws.com"}, {"ses-us-gov-west-1", "email-smtp.us-gov-west-1.amazonaws.com"},
		{"ses", NULL}, {"ses-", NULL}, {"ses-REGION", NULL}, {"ses-eu west", NULL}, {"ses-eu.west", NULL}, {"xses-eu-west-1", NULL},
		{"gmail-eu", NULL}, {"", NULL}, {"Gmail", NULL}, {"gmai", NULL},
		{"ses-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		    "aaaaaaaaaaaaaaaaaaaaa", NULL},
	};
	char host[PROVIDER_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct provider *provider = provider_find(rows[i].name, host, sizeof(host));

		if ((provider != NULL) != (rows[i].host != NULL))
			fail_msg("\"%s\"", rows[i].name);
		if (provider != NULL)
			assert_string_equal(host, rows[i].host);
	}
}

static void
typos_find_the_nearest(void **state)
{
	static const struct {
		const char *word;
		const char *want;
	} names[] = {
		{"gmial", "gmail"}, {"Gmail", "gmail"}, {"mailgun-ue", "mailgun-eu"}, {"ses", "ses-REGION"}, {"SES", "ses-REGION"},
		{"sse-eu-west-1", "ses-eu-west-1"}, {"sendgird", "sendgrid"}, {"nonesuch", NULL}, {"", NULL}, {"-", NULL},
	}, hosts[] = {
		{"stmp.gmail.com", "smtp.gmail.com"}, {"smtp.gmial.com", "smtp.gmail.com"}, {"smtp.gmail.con", "smtp.gmail.com"},
		{"smtp.ofice365.com", "smtp.office365.com"}, {"SMTP.Gmail.cm", "smtp.gmail.com"},
		{"email-stmp.eu-west-1.amazonaws.com", "email-smtp.eu-west-1.amazonaws.com"},
		{"email-smtp.eu-west-1.amazonws.com", "email-smtp.eu-west-1.amazonaws.com"},
		/* right already: another one is no better */
		{"smtp.gmail.com", NULL}, {"smtp.zoho.eu", NULL}, {"email-smtp.eu-west-1.amazonaws.com", NULL},
		{"relay.example.com", NULL}, {"smtp.example.com", NULL}, {"localhost", NULL}, {"", NULL}, {".", NULL},
	};
	char nearest[PROVIDER_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(names) + COUNT(hosts); i++) {
		bool        is_name = i < COUNT(names);
		const char *word = is_name ? names[i].word : hosts[i - COUNT(names)].word;
		const char *want = is_name ? names[i].want : hosts[i - COUNT(names)].want;
		const char *found = is_name ? provider_nearest_name(word, nearest, sizeof(nearest)) :
		    provider_nearest_host(word, nearest, sizeof(nearest));

		if ((found == NULL) != (want == NULL) || (want != NULL && strcmp(found, want) != 0))
			fail_msg("\"%s\" gives %s", word, found != NULL ? found : "nothing");
	}
}

static void
a_host_is_known_again(void **state)
{
	(void)state;
	assert_string_equal(provider_of_host("smtp.gmail.com")->name, "gmail");
	assert_string_equal(provider_of_host("SMTP.GMAIL.COM")->name, "gmail");
	assert_string_equal(provider_of_host("Email-SMTP.us-east-1.amazonaws.com")->name, "ses-REGION");
	assert_null(provider_of_host("email-smtp..amazonaws.com"));
	assert_null(provider_of_host("smtp.gmail.com.example"));
	assert_null(provider_of_host(""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_is_sound),
		cmocka_unit_test(ports_that_are_not_served_are_not_listed),
		cmocka_unit_test(a_region_is_put_in),
		cmocka_unit_test(typos_find_the_nearest),
		cmocka_unit_test(a_host_is_known_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
