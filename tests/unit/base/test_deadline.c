/* Moments, what is left of them, and the ends of the range. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <poll.h>

#include "base/deadline.h"

static void
what_is_left_stays_in_range(void **state)
{
	int left = deadline_poll(deadline_in(60000));

	(void)state;
	assert_in_range(left, 1, 60000);
	assert_int_equal(deadline_poll(deadline_in(0)), 0);
	assert_int_equal(deadline_poll(deadline_in(-5)), 0);
	assert_int_equal(deadline_poll(deadline_in((int64_t)INT_MAX * 10)), INT_MAX);
}

static void
never_never_passes(void **state)
{
	(void)state;
	assert_int_equal(deadline_poll(deadline_never()), -1);
	assert_false(deadline_passed(deadline_never()));
	assert_int_equal(deadline_poll(deadline_in(INT64_MAX)), -1);
	assert_true(deadline_passed(deadline_in(-1)));
	assert_true(deadline_passed(deadline_in(INT64_MIN)));
	assert_false(deadline_passed(deadline_in(60000)));
}

static void
the_earlier_of_two_is_taken(void **state)
{
	struct deadline a = deadline_in(1000), b = deadline_in(90000);

	(void)state;
	assert_true(deadline_earlier(a, b).at == a.at);
	assert_true(deadline_earlier(b, a).at == a.at);
	assert_true(deadline_earlier(b, deadline_never()).at == b.at);
}

static void
a_poll_that_times_out_has_reached_it(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		struct deadline deadline = deadline_in(2);

		(void)poll(NULL, 0, deadline_poll(deadline));
		assert_true(deadline_passed(deadline));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_left_stays_in_range),
		cmocka_unit_test(never_never_passes),
		cmocka_unit_test(the_earlier_of_two_is_taken),
		cmocka_unit_test(a_poll_that_times_out_has_reached_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
