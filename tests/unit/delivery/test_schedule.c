/*
 * Who is served next: callers that wait, then the others, users in turns, and last what has kept somebody waiting before.
 */
#include "../spool/support.h"

#include "delivery/schedule.h"

/* A message of that user from that sender (NULL: somebody); its id into `id`. */
static void
message_from(const struct support *support, const char *sender, uid_t uid, bool is_awaited, char id[SPOOL_ID_SIZE])
{
	struct spool_draft *draft = NULL;
	struct envelope envelope;
	struct outcome outcome;

	support_envelope(&envelope, 1);
	if (sender != NULL)
		envelope_set_reverse_path(&envelope, sender);
	assert_int_equal(spool_draft_new(support->spool, &draft, &outcome), 0);
	assert_int_equal(spool_draft_begin(draft, &envelope, uid, "test", &outcome), 0);
	if (is_awaited)
		assert_int_equal(spool_draft_expect(draft, &outcome), 0);
	assert_int_equal(spool_draft_commit(draft, false, &outcome), 0);
	(void)snprintf(id, SPOOL_ID_SIZE, "%s", spool_draft_id(draft));
	spool_draft_free(draft);
	envelope_free(&envelope);
}

static void
message_of(const struct support *support, uid_t uid, bool is_awaited, char id[SPOOL_ID_SIZE])
{
	message_from(support, NULL, uid, is_awaited, id);
}

/* As a courier leaves it that could not deliver it. */
static void
put_off(const struct support *support, const char *id, time_t due, enum stage stage, enum cause cause)
{
	struct spool_entry *entry = support_claim(support, id);
	struct outcome reason, error;

	outcome_set(&reason, VERDICT_DEFERRED, stage, cause, "later");
	assert_int_equal(spool_entry_settle(entry, 0, &reason, &error), 0);
	assert_int_equal(spool_entry_postpone(entry, due, &reason, &error), 0);
	spool_entry_free(entry);
}

static struct schedule *
schedule_of(const struct support *support)
{
	struct schedule *schedule = schedule_new();
	struct outcome outcome;

	assert_int_equal(schedule_refresh(schedule, support->spool, false, &outcome), 0);
	return schedule;
}

static void
check_next(struct schedule *schedule, const struct schedule_want *want, const char *id)
{
	const struct schedule_item *item = schedule_take(schedule, want);

	if (id == NULL) {
		assert_null(item);
		return;
	}
	assert_non_null(item);
	assert_string_equal(item->id, id);
}

static void
oldest_goes_first(void **state)
{
	const struct support *support = *state;
	const struct schedule_want want = {.horizon = 10000};
	struct schedule *schedule;
	char ids[3][SPOOL_ID_SIZE];

	for (size_t i = 0; i < 3; i++)
		message_of(support, 1000, false, ids[i]);
	schedule = schedule_of(support);
	assert_int_equal(schedule_left(schedule, &want, 0, 10), 3);
	assert_int_equal(schedule_left(schedule, &want, 0, 2), 2);
	for (size_t i = 0; i < 3; i++)
		check_next(schedule, &want, ids[i]);
	check_next(schedule, &want, NULL);
	schedule_free(schedule);
}

static void
caller_that_waits_goes_before_the_backlog(void **state)
{
	const struct support *support = *state;
	const struct schedule_want want = {.horizon = 10000}, down = {.horizon = 10000, .lanes[0].only_awaited = true};
	struct schedule *schedule;
	char old[SPOOL_ID_SIZE], quiet[SPOOL_ID_SIZE], waiting[SPOOL_ID_SIZE];

	message_of(support, 1000, true, old);
	put_off(support, old, time(NULL) - 5, STAGE_RCPT, CAUSE_THROTTLED);
	message_of(support, 1000, false, quiet);
	message_of(support, 1000, true, waiting);
	schedule = schedule_of(support);
	check_next(schedule, &want, waiting);
	check_next(schedule, &down, NULL);
	check_next(schedule, &want, old);
	check_next(schedule, &want, quiet);
	check_next(schedule, &want, NULL);
	schedule_free(schedule);
}

/* One relay is down, or has no courier free: mail of the other goes on, past all that waits. */
static void
lanes_do_not_hold_up_each_other(void **state)
{
	static char pattern[] = "*@news.example", name[] = "news";
	static char *patterns[] = {pattern};
	struct relay news = {.name = name, .line = 5, .from = patterns, .from_count = 1};
	const struct config config = {.others = &news, .other_count = 1};
	const struct support *support = *state;
	const struct schedule_want want = {.horizon = 10000}, down = {.horizon = 10000, .lanes[0].only_awaited = true},
	    busy = {.horizon = 10000, .lanes[1].is_closed = true};
	struct schedule *schedule;
	struct outcome outcome;
	char first[3][SPOOL_ID_SIZE], other[2][SPOOL_ID_SIZE];

	for (size_t i = 0; i < 3; i++)
		message_of(support, 1000, false, first[i]);
	for (size_t i = 0; i < 2; i++)
		message_from(support, "a@News.example", 1000, false, other[i]);
	/* looked at before the settings were known: the next look puts that right */
	schedule = schedule_of(support);
	schedule_set_relays(schedule, &config);
	assert_int_equal(schedule_refresh(schedule, support->spool, false, &outcome), 0);
	assert_int_equal(schedule_left(schedule, &want, 0, 10), 3);
	assert_int_equal(schedule_left(schedule, &want, 1, 10), 2);
	assert_int_equal(schedule_left(schedule, &busy, 1, 10), 2);
	assert_int_equal(schedule_left(schedule, &down, 0, 10), 0);
	check_next(schedule, &down, other[0]);
	check_next(schedule, &busy, first[0]);
	check_next(schedule, &down, other[1]);
	check_next(schedule, &down, NULL);
	check_next(schedule, &want, first[1]);
	schedule_free(schedule);
}

static void
users_take_turns(void **state)
{
	const struct support *support = *state;
	const struct schedule_want want = {.horizon = 10000};
	struct schedule *schedule;
	struct outcome outcome;
	char flood[20][SPOOL_ID_SIZE], other[2][SPOOL_ID_SIZE], late[SPOOL_ID_SIZE];

	for (size_t i = 0; i < 20; i++)
		message_of(support, 1000, true, flood[i]);
	for (size_t i = 0; i < 2; i++)
		message_of(support, 1001, true, other[i]);
	schedule = schedule_of(support);
	check_next(schedule, &want, flood[0]);
	check_next(schedule, &want, other[0]);
	check_next(schedule, &want, flood[1]);
	check_next(schedule, &want, other[1]);
	check_next(schedule, &want, flood[2]);
	check_next(schedule, &want, flood[3]);
	/* and who comes while it goes on has a turn at once */
	message_of(support, 1002, true, late);
	assert_int_equal(schedule_refresh(schedule, support->spool, false, &outcome), 0);
	check_next(schedule, &want, flood[4]);
	check_next(schedule, &want, late);
	check_next(schedule, &want, flood[5]);
	schedule_free(schedule);
}

/* What got no answer, or an uncertain one, or killed its courier. */
static void
what_kept_somebody_waiting_goes_last_and_leaves_a_place(void **state)
{
	const struct support *support = *state;
	const struct schedule_want want = {.horizon = 10000}, one_place = {.horizon = 10000, .lanes[0].no_suspect = true};
	struct schedule *schedule;
	struct spool_entry *entry;
	struct outcome error;
	char silent[SPOOL_ID_SIZE], uncertain[SPOOL_ID_SIZE], deadly[SPOOL_ID_SIZE], refused[SPOOL_ID_SIZE];

	message_of(support, 1000, false, silent);
	put_off(support, silent, time(NULL) - 5, STAGE_DATA, CAUSE_SILENCE);
	message_of(support, 1000, false, uncertain);
	put_off(support, uncertain, time(NULL) - 5, STAGE_FINAL, CAUSE_UNCERTAIN);
	message_of(support, 1000, false, deadly);
	entry = support_claim(support, deadly);
	assert_int_equal(spool_entry_begin(entry, time(NULL) - 5, &error), 0);
	spool_entry_free(entry);
	message_of(support, 1000, false, refused);
	put_off(support, refused, time(NULL) - 5, STAGE_RCPT, CAUSE_THROTTLED);
	schedule = schedule_of(support);
	check_next(schedule, &one_place, refused);
	check_next(schedule, &one_place, NULL);
	check_next(schedule, &want, silent);
	check_next(schedule, &want, uncertain);
	check_next(schedule, &want, deadly);
	schedule_free(schedule);
}

static void
each_is_tried_once_a_pass_and_when_it_is_due(void **state)
{
	const struct support *support = *state;
	const struct schedule_want want = {.horizon = 10000}, all = {.all = true};
	time_t later = time(NULL) + 100;
	struct schedule *schedule;
	char id[SPOOL_ID_SIZE], skewed[SPOOL_ID_SIZE];

	message_of(support, 1000, false, id);
	schedule = schedule_of(support);
	check_next(schedule, &want, id);
	put_off(support, id, time(NULL) - 1, STAGE_RCPT, CAUSE_THROTTLED);
	schedule_done(schedule, support->spool, id);
	check_next(schedule, &want, NULL);
	schedule_begin_pass(schedule);
	check_next(schedule, &want, id);
	put_off(support, id, later, STAGE_RCPT, CAUSE_THROTTLED);
	schedule_done(schedule, support->spool, id);
	schedule_begin_pass(schedule);
	check_next(schedule, &want, NULL);
	assert_int_equal(schedule_next_due(schedule), later);
	/* a flush asks for no time */
	schedule_begin_pass(schedule);
	check_next(schedule, &all, id);
	schedule_free(schedule);
	/* due further off than any back-off reaches: the clock was set back since */
	message_of(support, 1000, false, skewed);
	put_off(support, skewed, time(NULL) + 20000, STAGE_RCPT, CAUSE_THROTTLED);
	schedule = schedule_of(support);
	check_next(schedule, &want, skewed);
	schedule_free(schedule);
}

static void
look_at_everything_sees_what_others_did(void **state)
{
	const struct support *support = *state;
	const struct schedule_want want = {.horizon = 10000}, own = {.horizon = 10000, .only_own = true, .own = 1001};
	struct schedule *schedule;
	struct outcome outcome;
	char gone[SPOOL_ID_SIZE], off[SPOOL_ID_SIZE], other[SPOOL_ID_SIZE], path[256];

	message_of(support, 1000, false, gone);
	message_of(support, 1000, false, off);
	message_of(support, 1001, false, other);
	schedule = schedule_of(support);
	put_off(support, off, time(NULL) + 100, STAGE_RCPT, CAUSE_THROTTLED);
	support_path(support, path, "queue", gone);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(schedule_refresh(schedule, support->spool, true, &outcome), 0);
	check_next(schedule, &own, other);
	check_next(schedule, &want, NULL);
	schedule_free(schedule);
}

static void
reports_alone_when_they_are_what_is_wanted(void **state)
{
	const struct support *support = *state;
	const struct schedule_want want = {.all = true}, reports = {.all = true, .only_reports = true};
	struct spool_report mark = {.kind = SPOOL_REPORT_FAILED};
	struct spool_draft *draft = NULL;
	struct schedule *schedule;
	struct envelope envelope;
	struct outcome outcome;
	char tried[SPOOL_ID_SIZE], later[SPOOL_ID_SIZE], report[SPOOL_ID_SIZE];

	message_of(support, 1000, false, tried);
	schedule = schedule_of(support);
	check_next(schedule, &want, tried);
	schedule_done(schedule, support->spool, tried);
	(void)snprintf(mark.about, sizeof(mark.about), "%s", tried);
	support_envelope(&envelope, 1);
	assert_int_equal(spool_draft_new(support->spool, &draft, &outcome), 0);
	spool_draft_report(draft, &mark);
	assert_int_equal(spool_draft_begin(draft, &envelope, 1000, "test", &outcome), 0);
	assert_int_equal(spool_draft_commit(draft, false, &outcome), 0);
	(void)snprintf(report, sizeof(report), "%s", spool_draft_id(draft));
	spool_draft_free(draft);
	envelope_free(&envelope);
	message_of(support, 1000, false, later);
	/* in the same pass: what was tried is over */
	assert_int_equal(schedule_refresh(schedule, support->spool, false, &outcome), 0);
	check_next(schedule, &reports, report);
	check_next(schedule, &reports, NULL);
	schedule_free(schedule);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SUPPORT_TEST(oldest_goes_first),
		SUPPORT_TEST(caller_that_waits_goes_before_the_backlog),
		SUPPORT_TEST(lanes_do_not_hold_up_each_other),
		SUPPORT_TEST(users_take_turns),
		SUPPORT_TEST(what_kept_somebody_waiting_goes_last_and_leaves_a_place),
		SUPPORT_TEST(each_is_tried_once_a_pass_and_when_it_is_due),
		SUPPORT_TEST(look_at_everything_sees_what_others_did),
		SUPPORT_TEST(reports_alone_when_they_are_what_is_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
