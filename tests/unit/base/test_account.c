/* A local user is found without the name service, which may hang; another through it. getpwuid() is ours here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/account.h"

static int calls;

struct passwd *
getpwuid(uid_t uid)
{
	static char name[] = "far";
	static struct passwd far = {.pw_name = name};

	calls++;
	far.pw_uid = uid;
	return &far;
}

static void
the_name_service_is_asked_for_others_only(void **state)
{
	const uid_t nowhere = 3999999999U;
	const struct passwd *entry = account_of(0);

	(void)state;
	assert_non_null(entry);
	assert_int_equal(calls, 0);
	assert_string_not_equal(entry->pw_name, "far");
	entry = account_of(nowhere);
	assert_non_null(entry);
	assert_int_equal(calls, 1);
	assert_string_equal(entry->pw_name, "far");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_name_service_is_asked_for_others_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
