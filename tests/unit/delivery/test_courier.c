/*
 * What a courier does when the disk fails it, or when another was faster.
 */
#include "../spool/support.h"

#include <sys/syscall.h>

#include "delivery/courier.c"

static int pwrite_turn;		/* the one that fails; 0: none */

/* Comes before the C library's. */
ssize_t
pwrite(int fd, const void *data, size_t length, off_t offset)
{
	if (pwrite_turn > 0 && --pwrite_turn == 0) {
		errno = EIO;
		return -1;
	}
	return syscall(SYS_pwrite64, fd, data, length, offset);
}

static void
outcome_that_can_not_be_written_costs_no_other(void **state)
{
	const struct support *support = *state;
	struct outcome outcomes[3], error;
	size_t indexes[3] = {0, 1, 2};
	struct courier_load load = {.indexes = indexes, .outcomes = outcomes, .count = 3};
	struct courier_answer answer;
	struct spool_entry *entry;
	char id[SPOOL_ID_SIZE];

	for (size_t i = 0; i < 3; i++)
		outcomes[i] = support_outcome(VERDICT_DELIVERED, 250, "Ok");
	support_message(support, 3, id);
	entry = support_claim(support, id);
	assert_int_equal(spool_entry_begin(entry, 5, &error), 0);
	pwrite_turn = 2;
	courier_settle(entry, &load, &answer);
	spool_entry_free(entry);
	/* still in the queue for the one of whom nothing is known */
	assert_int_equal(answer.result, COURIER_ERROR);
	assert_int_equal(answer.outcome.verdict, VERDICT_DEFERRED);
	entry = support_claim(support, id);
	assert_int_equal(spool_entry_recipient(entry, 0)->outcome.verdict, VERDICT_DELIVERED);
	assert_int_equal(spool_entry_recipient(entry, 1)->outcome.verdict, VERDICT_NONE);
	assert_int_equal(spool_entry_recipient(entry, 2)->outcome.verdict, VERDICT_DELIVERED);
	spool_entry_free(entry);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SUPPORT_TEST(outcome_that_can_not_be_written_costs_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
