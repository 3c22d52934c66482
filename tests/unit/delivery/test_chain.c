/*
 * What several relays said, as one outcome; and the time that each of them has.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "delivery/chain.h"

static struct outcome
said(enum verdict verdict, enum stage stage, const char *text)
{
	struct outcome outcome;

	outcome_set(&outcome, verdict, stage, CAUSE_NONE, "%s", text);
	(void)strcpy(outcome.relay, "x");
	return outcome;
}

static void
one_relay_is_told_as_it_is(void **state)
{
	struct outcome down = said(VERDICT_DEFERRED, STAGE_CONNECT, "refused");
	struct chain_tale tale = {.relays = 0};

	(void)state;
	chain_add(&tale, "relay", 2, &down);
	assert_memory_equal(&tale.outcome, &down, sizeof(down));
}

static void
all_causes_are_told(void **state)
{
	struct outcome down = said(VERDICT_DEFERRED, STAGE_CONNECT, "refused"), login = said(VERDICT_DEFERRED, STAGE_AUTH, "wrong password"),
	    late = said(VERDICT_DEFERRED, STAGE_MAIL, "come back later");
	struct chain_tale tale = {.relays = 0};

	(void)state;
	chain_add(&tale, "relay", 3, &down);
	chain_add(&tale, "backup", 3, &login);
	assert_string_equal(tale.outcome.text, "relay: refused; backup: wrong password");
	assert_int_equal(tale.outcome.stage, STAGE_CONNECT);
	chain_add(&tale, "third", 3, &late);
	assert_string_equal(tale.outcome.text, "relay: refused; backup: wrong password; third: come back later");
	/* nobody's alone */
	assert_string_equal(tale.outcome.relay, "");
}

static void
a_long_story_leaves_the_others_their_room(void **state)
{
	struct outcome one = said(VERDICT_DEFERRED, STAGE_CONNECT, ""), two = said(VERDICT_DEFERRED, STAGE_AUTH, "wrong password");
	struct chain_tale tale = {.relays = 0};

	(void)state;
	memset(one.text, 'x', sizeof(one.text) - 1);
	chain_add(&tale, "relay", 2, &one);
	chain_add(&tale, "backup", 2, &two);
	assert_non_null(strstr(tale.outcome.text, "; backup: wrong password"));
	/* names that leave no room for words are all there still */
	tale = (struct chain_tale){.relays = 0};
	chain_add(&tale, "a-name-of-28-octets-and-more", 8, &one);
	chain_add(&tale, "b-name-of-28-octets-and-more", 8, &one);
	chain_add(&tale, "c-name-of-28-octets-and-more", 8, &one);
	assert_non_null(strstr(tale.outcome.text, "; c-name-of-28"));
	/* as many as there can be, with the longest names */
	tale = (struct chain_tale){.relays = 0};
	for (int i = 0; i < 16; i++)
		chain_add(&tale, "a_name-with-32-octets-not-1-more", 16, &one);
	assert_true(strlen(tale.outcome.text) < sizeof(tale.outcome.text));
}

/* What one of them may take later is not lost because another will not. */
static void
deferred_by_one_is_deferred(void **state)
{
	struct outcome refused = said(VERDICT_FAILED, STAGE_MAIL, "not your sender"), down = said(VERDICT_DEFERRED, STAGE_CONNECT, "refused");
	struct chain_tale tale = {.relays = 0};

	(void)state;
	chain_add(&tale, "relay", 2, &refused);
	chain_add(&tale, "backup", 2, &down);
	assert_int_equal(tale.outcome.verdict, VERDICT_DEFERRED);
	assert_int_equal(tale.outcome.stage, STAGE_CONNECT);
	assert_string_equal(tale.outcome.text, "relay: not your sender; backup: refused");
	tale = (struct chain_tale){.relays = 0};
	chain_add(&tale, "relay", 2, &down);
	chain_add(&tale, "backup", 2, &refused);
	assert_int_equal(tale.outcome.verdict, VERDICT_DEFERRED);
	assert_int_equal(tale.outcome.stage, STAGE_CONNECT);
	tale = (struct chain_tale){.relays = 0};
	chain_add(&tale, "relay", 2, &refused);
	chain_add(&tale, "backup", 2, &refused);
	assert_int_equal(tale.outcome.verdict, VERDICT_FAILED);
}

static void
each_leaves_the_next_its_time(void **state)
{
	int64_t left = 10000, first, second;

	(void)state;
	assert_int_equal(chain_share(10000, 10000, 1), INT64_MAX);
	assert_int_equal(chain_share(10000, 10000, 2), 5000);
	/* one that was known to be down took none */
	first = chain_share(10000, left, 3);
	assert_int_equal(first, 3333);
	second = chain_share(10000, left - first, 2);
	assert_int_equal(second, 3333);
	assert_int_equal(chain_share(10000, 10000, 2), 5000);
	/* nor is the next cut to nothing when one took more than its time, behind the login */
	assert_int_equal(chain_share(10000, -20000, 2), 1250);
	assert_int_equal(chain_share(10000, 0, 1), INT64_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_relay_is_told_as_it_is),
		cmocka_unit_test(all_causes_are_told),
		cmocka_unit_test(a_long_story_leaves_the_others_their_room),
		cmocka_unit_test(deferred_by_one_is_deferred),
		cmocka_unit_test(each_leaves_the_next_its_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
