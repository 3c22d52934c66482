/*
 * Which addresses are of this host, and what becomes of them in the envelope, in a header and as a sender. The aliases: root for one,
 * team for two, "*" for none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "message/local.h"
#include "message/target.h"


static const struct {
	const char *domain, *host, *address, *name;	/* name NULL: elsewhere */
	const char *to, *shown, *sender;
} table[] = {
	{"example.com", "web1.host.example", "root", "root", "admin@x", "admin@x", "root@example.com"},
	{"example.com", "web1.host.example", "ROOT@Localhost", "ROOT", "admin@x", "admin@x", "ROOT@example.com"},
	{"example.com", "web1.host.example", "root@localhost.localdomain", "root", "admin@x", "admin@x", "root@example.com"},
	{"example.com", "web1.host.example", "root@web1", "root", "admin@x", "admin@x", "root@example.com"},
	{"example.com", "web1.host.example", "root@web1.host.example", "root", "admin@x", "admin@x", "root@web1.host.example"},
	{"example.com", "web1.host.example", "bob@web1.host.example", "bob", "bob@web1.host.example", "bob@web1.host.example",
	    "bob@web1.host.example"},
	{"example.com", "web1.host.example", "bob@web1", "bob", "bob@example.com", "bob@example.com", "bob@example.com"},
	{"example.com", "web1.host.example", "bob@web", NULL, "bob@web", "bob@web", "bob@web"},
	{"example.com", "web1.host.example", "bob@web12", NULL, "bob@web12", "bob@web12", "bob@web12"},
	{"example.com", "web1.host.example", "root@example.com", NULL, "root@example.com", "root@example.com", "root@example.com"},
	{"example.com", NULL, "root@example.com", NULL, "root@example.com", "root@example.com", "root@example.com"},
	{"example.com", "web1.host.example", "team", "team", "a@x b@x", "team@example.com", "team@example.com"},
	{"example.com", "web1.host.example", "\"team\"@localhost", "team", "a@x b@x", "\"team\"@example.com", "\"team\"@example.com"},
	{"example.com", "web1.host.example", "\"a@localhost\"@x.example", NULL, "\"a@localhost\"@x.example",
	    "\"a@localhost\"@x.example", "\"a@localhost\"@x.example"},
	{"example.com", "web1.host.example", "bob@[127.0.0.1]", NULL, "bob@[127.0.0.1]", "bob@[127.0.0.1]", "bob@[127.0.0.1]"},
	/* the settings say nothing: the domain is the host's name */
	{"web1.host.example", "web1.host.example", "root@web1.host.example", "root", "admin@x", "admin@x", "root@web1.host.example"},
	{"web1", "web1", "root@web1", "root", "admin@x", "admin@x", "root@web1"},
	{"web1", "web1", "bob", "bob", "bob@web1", "bob@web1", "bob@web1"},
	{"web1", "web1", "root", "root", "admin@x", "admin@x", "admin@x"},
	{"web1", "web1", "team", "team", "a@x b@x", "team@web1", "a@x"},
	{"localhost", "localhost", "root@localhost", "root", "admin@x", "admin@x", "root@localhost"},
	{"localhost", "localhost", "bob@localhost", "bob", "bob@localhost", "bob@localhost", "bob@localhost"},
};

static void
joined(const struct alias_result *result, char text[256])
{
	text[0] = '\0';
	for (size_t i = 0; i < result->count; i++) {
		if (i > 0)
			(void)strncat(text, " ", 255 - strlen(text));
		(void)strncat(text, result->addresses[i], 255 - strlen(text));
	}
}

static void
every_address(void **state)
{
	struct alias_set *set = alias_new(NULL, NULL);
	const char *why;

	(void)state;
	assert_int_equal(alias_add(set, "root", "admin@x", &why), 0);
	assert_int_equal(alias_add(set, "team", "a@x, b@x", &why), 0);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct local local = {.domain = table[i].domain, .host = table[i].host};
		const struct message_request request = {.default_domain = table[i].domain, .host_name = table[i].host, .aliases = set};
		char *name = local_name(&local, table[i].address), *shown = target_shown(&request, table[i].address),
		    *sender = target_sender(&request, table[i].address), to[256];
		struct alias_result result;

		assert_int_equal(target_of(&request, table[i].address, &result), 0);
		joined(&result, to);
		if ((name == NULL) != (table[i].name == NULL) || (name != NULL && strcmp(name, table[i].name) != 0) ||
		    strcmp(to, table[i].to) != 0 || strcmp(shown, table[i].shown) != 0 || strcmp(sender, table[i].sender) != 0)
			fail_msg("row %zu, %s: name [%s] to [%s] shown [%s] sender [%s]", i, table[i].address,
			    name != NULL ? name : "none", to, shown, sender);
		alias_result_free(&result);
		free(name);
		free(shown);
		free(sender);
	}
	alias_free(set);
}

static void
too_long_with_the_domain(void **state)
{
	const struct message_request request = {.default_domain = "example.com"};
	struct alias_result result;
	char address[256];

	(void)state;
	memset(address, 'a', sizeof(address) - 1);
	address[243] = '\0';
	assert_int_equal(target_of(&request, address, &result), -1);
	assert_null(target_shown(&request, address));
	address[242] = '\0';
	assert_int_equal(target_of(&request, address, &result), 0);
	assert_int_equal(strlen(result.addresses[0]), 254);
	alias_result_free(&result);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_address),
		cmocka_unit_test(too_long_with_the_domain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
