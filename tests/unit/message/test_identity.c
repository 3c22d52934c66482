/*
 * From whom and for which domain messages are made, by settings and user; and the remarks line by line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/account.h"
#include "message/identity.h"
#include "message/remark.h"

static void
domain_is_that_of_the_settings_else_the_host(void **state)
{
	static struct {
		char domain[24], from[24], want[24];	/* "": not set; want "": the host's name */
	} rows[] = {
		{"example.com", "", "example.com"}, {"example.com", "a@example.net", "example.com"}, {"", "a@example.net", "example.net"},
		{"", "\"a@b\"@example.org", "example.org"}, {"", "", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config config = {.max_message = 7, .force_from = true};
		struct message_request request = {.recipient_count = 3};
		struct identity identity;

		config.sender_domain = rows[i].domain[0] != '\0' ? rows[i].domain : NULL;
		config.sender_from = rows[i].from[0] != '\0' ? rows[i].from : NULL;
		identity_get(&config, getuid(), &identity);
		identity_fill(&identity, &config, &request);
		assert_string_equal(request.default_domain, rows[i].want[0] != '\0' ? rows[i].want : identity.host);
		assert_ptr_equal(request.default_from, config.sender_from);
		assert_true(request.force_from);
		assert_int_equal(request.max_message, 7);
		/* what does not follow from them is left alone */
		assert_int_equal(request.recipient_count, 3);
		assert_string_equal(request.host_name, identity.host);
		identity_free(&identity);
	}
}

/* Its mailboxes are at the provider then, and no names of this host. */
static void
host_is_no_host_when_the_settings_name_it_as_domain(void **state)
{
	struct config config = {.max_message = 7};
	struct message_request request = {.recipient_count = 0};
	struct identity host, identity;

	(void)state;
	identity_get(&config, getuid(), &host);
	config.sender_domain = host.host;
	identity_get(&config, getuid(), &identity);
	identity_fill(&identity, &config, &request);
	assert_null(request.host_name);
	identity_free(&identity);
	identity_free(&host);
}

static void
user_is_the_one_asked_for(void **state)
{
	struct config config = {.max_message = 7};
	struct identity identity;

	(void)state;
	identity_get(&config, 0, &identity);
	assert_string_equal(identity.user, "root");
	identity_free(&identity);
	if (account_of(4294900000U) != NULL)
		return;
	identity_get(&config, 4294900000U, &identity);
	assert_string_equal(identity.user, "4294900000");
	assert_null(identity.full_name);
	identity_free(&identity);
}

static void
remarks_come_line_by_line(void **state)
{
	struct buffer remarks;
	char *rest;

	(void)state;
	buffer_init(&remarks, REMARK_MAX);
	rest = remarks.data;
	assert_null(remark_next(&rest));
	remark_add(&remarks, "one");
	remark_add(&remarks, "two %d", 2);
	rest = remarks.data;
	assert_string_equal(remark_next(&rest), "one");
	assert_string_equal(remark_next(&rest), "two 2");
	assert_null(remark_next(&rest));
	buffer_free(&remarks);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(domain_is_that_of_the_settings_else_the_host),
		cmocka_unit_test(host_is_no_host_when_the_settings_name_it_as_domain),
		cmocka_unit_test(user_is_the_one_asked_for),
		cmocka_unit_test(remarks_come_line_by_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
