/*
 * What a courier does when the disk fails it, or when another was faster.
 */
#include "../spool/support.h"

#include <sys/syscall.h>

#include "delivery/courier.c"
#include "delivery/load.c"

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
	bool is_open[3] = {false, false, false};
	struct load load = {.indexes = indexes, .outcomes = outcomes, .is_open = is_open, .count = 3};
	const struct courier courier = {.report = -1};
	struct courier_answer answer;
	struct spool_entry *entry;
	char id[SPOOL_ID_SIZE];

	for (size_t i = 0; i < 3; i++)
		outcomes[i] = support_outcome(VERDICT_DELIVERED, 250, "Ok");
	support_message(support, 3, id);
	entry = support_claim(support, id);
	assert_int_equal(spool_entry_begin(entry, 5, &error), 0);
	pwrite_turn = 2;
	courier_settle(&courier, entry, &load, &answer);
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

/* Who was put off because of the relay is tried again soon after the relay is, whatever the message has been through. */
static void
message_of_a_relay_that_was_down_is_due_with_it(void **state)
{
	struct courier courier = {.report = -1};
	time_t now = time(NULL);

	(void)state;
	assert_in_range(courier_due(&courier, "A", 5), now + 1800, now + 2160 + 60);
	courier.again = now + 30;
	assert_int_equal(courier_due(&courier, "A", 5), now + 30);
	courier.again = now + 7200;
	assert_in_range(courier_due(&courier, "A", 5), now + 1800, now + 2160 + 60);
}

/* Who may have been served already is only tried where that was. */
static void
recipient_is_bound_to_the_relay_that_may_have_served_it(void **state)
{
	static char backup[] = "backup";
	static const struct {
		const char  *name;
		enum verdict verdict;
		bool         uncertain, bound;
		const char  *relay, *at;	/* of the outcome; of an attempt over which somebody died */
		size_t       want;
	} rows[] = {
		{"new", VERDICT_NONE, false, false, "", NULL, LOAD_FREE},
		{"put off", VERDICT_DEFERRED, false, false, "backup", NULL, LOAD_FREE},
		{"uncertain at the first", VERDICT_DEFERRED, true, false, "", NULL, 0},
		{"uncertain at the second", VERDICT_DEFERRED, true, false, "backup", NULL, 1},
		{"uncertain before, down now", VERDICT_DEFERRED, false, true, "", NULL, 0},
		{"uncertain at one that is gone", VERDICT_DEFERRED, true, false, "gone", NULL, LOAD_FREE},
		{"died over the first", VERDICT_NONE, false, false, "", "relay", 0},
		{"died over the second", VERDICT_DEFERRED, false, false, "", "backup", 1},
		{"uncertain at the first, died over the second for others", VERDICT_DEFERRED, true, false, "", "backup", 0},
		{"died over one that is gone", VERDICT_NONE, false, false, "", "gone", LOAD_FREE},
	};
	const struct support *support = *state;
	struct relay other = {.name = backup};
	const struct courier courier = {.config = {.others = &other, .other_count = 1}, .report = -1}, broken = {.report = -1};
	const struct outcome trouble = {.verdict = VERDICT_DEFERRED, .stage = STAGE_CONFIG, .cause = CAUSE_CONFIG};
	struct load load;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct outcome outcome = {.verdict = rows[i].verdict, .uncertain = rows[i].uncertain, .bound = rows[i].bound}, error;
		struct spool_entry *entry;
		char id[SPOOL_ID_SIZE];

		(void)snprintf(outcome.relay, sizeof(outcome.relay), "%s", rows[i].relay);
		support_message(support, 1, id);
		entry = support_claim(support, id);
		assert_int_equal(spool_entry_settle(entry, 0, &outcome, &error), 0);
		assert_int_equal(spool_entry_begin(entry, 5, &error), 0);
		if (rows[i].at != NULL)
			assert_int_equal(spool_entry_go(entry, rows[i].at, &error), 0);
		spool_entry_free(entry);
		entry = support_claim(support, id);
		if (load_bound(&courier.config, entry, &spool_entry_recipient(entry, 0)->outcome) != rows[i].want)
			fail_msg("%s", rows[i].name);
		/* and stays so over an attempt that asks no relay, by a courier whose settings are broken */
		load_take(&load, &broken.config, entry);
		load_all(&load, entry, &trouble);
		if (load_bound(&courier.config, entry, &load.outcomes[0]) != rows[i].want)
			fail_msg("%s, after broken settings", rows[i].name);
		load_free(&load);
		spool_entry_free(entry);
	}
}

/* Served by another between the look at the queue and the job. */
static void
message_that_another_has_just_tried_is_left(void **state)
{
	const struct support *support = *state;
	struct courier courier = {.spool = support->spool, .report = -1};
	struct courier_job job = {.attempts = 0, .flush = true};
	struct courier_answer answer;
	struct spool_entry *entry;
	struct outcome later = support_outcome(VERDICT_DEFERRED, 0, "no reply to the final dot"), error;

	support_message(support, 1, job.id);
	outcome_set(&courier.broken, VERDICT_DEFERRED, STAGE_CONFIG, CAUSE_CONFIG, "this courier sends nothing");
	entry = support_claim(support, job.id);
	assert_int_equal(spool_entry_begin(entry, 5, &error), 0);
	assert_int_equal(spool_entry_settle(entry, 0, &later, &error), 0);
	assert_int_equal(spool_entry_postpone(entry, 5, &later, &error), 0);
	spool_entry_free(entry);
	courier_serve(&courier, &job, &answer);
	assert_int_equal(answer.result, COURIER_BUSY);
	job.attempts = 1;
	courier_serve(&courier, &job, &answer);
	assert_int_equal(answer.result, COURIER_DEFERRED);
	entry = support_claim(support, job.id);
	assert_int_equal(spool_entry_attempts(entry), 2);
	spool_entry_free(entry);
}

/* Held between the look at the queue and the job. */
static void
message_that_people_hold_is_left(void **state)
{
	const struct support *support = *state;
	struct courier courier = {.spool = support->spool, .report = -1};
	struct courier_job job = {.attempts = 0, .flush = true};
	struct courier_answer answer;
	struct spool_entry *entry;
	struct outcome error;

	support_message(support, 1, job.id);
	outcome_set(&courier.broken, VERDICT_DEFERRED, STAGE_CONFIG, CAUSE_CONFIG, "this courier sends nothing");
	entry = support_claim(support, job.id);
	assert_int_equal(spool_entry_hold(entry, true, &error), 0);
	spool_entry_free(entry);
	courier_serve(&courier, &job, &answer);
	assert_int_equal(answer.result, COURIER_BUSY);
	entry = support_claim(support, job.id);
	assert_int_equal(spool_entry_attempts(entry), 0);
	assert_int_equal(spool_entry_hold(entry, false, &error), 0);
	spool_entry_free(entry);
	courier_serve(&courier, &job, &answer);
	assert_int_equal(answer.result, COURIER_DEFERRED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(message_of_a_relay_that_was_down_is_due_with_it),
		SUPPORT_TEST(outcome_that_can_not_be_written_costs_no_other),
		SUPPORT_TEST(recipient_is_bound_to_the_relay_that_may_have_served_it),
		SUPPORT_TEST(message_that_another_has_just_tried_is_left),
		SUPPORT_TEST(message_that_people_hold_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
