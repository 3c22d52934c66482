/*
 * What a message may not go beyond.
 */
#include "../spool/support.h"

#include "delivery/limit.h"

static struct spool_entry *
entry_with(const struct support *support, const char *text, char id[SPOOL_ID_SIZE])
{
	struct spool_draft *draft = support_draft(support, 1, text);
	struct outcome outcome;

	assert_int_equal(spool_draft_commit(draft, false, &outcome), 0);
	(void)snprintf(id, SPOOL_ID_SIZE, "%s", spool_draft_id(draft));
	spool_draft_free(draft);
	return support_claim(support, id);
}

static bool
is_forbidden(const struct config *config, struct spool_entry *entry, struct outcome *outcome)
{
	int fd = spool_entry_reopen(entry);
	bool result;

	assert_true(fd >= 0);
	result = limit_forbids(config, entry, fd, spool_entry_message_offset(entry), outcome);
	(void)close(fd);
	return result;
}

/* `count` Received lines in different cases, the last one behind `far` octets of another header line; more in the body, which don't count. */
static void
text_with(struct buffer *text, unsigned count, size_t far)
{
	for (unsigned i = 0; i + 1 < count; i++)
		(void)buffer_append_format(text, "%s from a by b\r\n\tfor received: c\r\n", i % 2 == 0 ? "Received:" : "received:");
	(void)buffer_append_text(text, "X-Received: no\r\n");
	if (far > 0)
		(void)buffer_append_format(text, "X-Far: %0*d\r\n", (int)far, 1);
	(void)buffer_append_text(text, "Received: last\r\nSubject: x\r\n\r\n");
	for (int i = 0; i < 60; i++)
		(void)buffer_append_text(text, "Received: in the body\r\n");
}

static void
loop_is_over_fifty_received_lines(void **state)
{
	static const struct {
		unsigned count;
		size_t   far;
		bool     want;
	} rows[] = {{1, 0, false}, {50, 0, false}, {51, 0, true}, {50, 20000, false}, {51, 20000, true}};
	const struct support *support = *state;
	const struct config config = {.lifetime = 0};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buffer text;
		struct spool_entry *entry;
		struct outcome outcome;
		char id[SPOOL_ID_SIZE];

		buffer_init(&text, 100000);
		text_with(&text, rows[i].count, rows[i].far);
		entry = entry_with(support, text.data, id);
		assert_int_equal(is_forbidden(&config, entry, &outcome), rows[i].want);
		if (rows[i].want) {
			assert_int_equal(outcome.verdict, VERDICT_FAILED);
			assert_non_null(strstr(outcome.text, "51 Received lines"));
		}
		spool_entry_free(entry);
		buffer_free(&text);
	}
}

static void
lifetime_counts_from_the_beginning(void **state)
{
	const struct config day = {.lifetime = 86400000}, none = {.lifetime = 0}, short_one = {.lifetime = 2000};
	time_t now = time(NULL);

	(void)state;
	assert_false(limit_is_over(&day, now - 86000));
	assert_false(limit_is_over(&none, now - 86000000));
	assert_true(limit_is_over(&short_one, now - 2));
	assert_false(limit_is_over(&short_one, now));
	/* the clock was set back */
	assert_false(limit_is_over(&short_one, now + 1000));
}

static void
put_off_becomes_given_up_when_time_is_over(void **state)
{
	const struct support *support = *state;
	const struct config config = {.lifetime = 1000};
	struct outcome outcomes[3] = {support_outcome(VERDICT_DEFERRED, 451, "4.3.0 come back"), support_outcome(VERDICT_DELIVERED, 250, "Ok"),
	    support_outcome(VERDICT_FAILED, 550, "no such user")};
	struct spool_entry *entry;
	struct outcome outcome;
	char id[SPOOL_ID_SIZE];

	entry = entry_with(support, SUPPORT_BODY, id);
	limit_apply(&config, entry, outcomes, 3);
	assert_int_equal(outcomes[0].verdict, VERDICT_DEFERRED);
	(void)sleep(2);
	limit_apply(&config, entry, outcomes, 3);
	assert_int_equal(outcomes[0].verdict, VERDICT_FAILED);
	assert_int_equal(outcomes[0].reply, 451);
	assert_string_equal(outcomes[0].text, "given up after 1s: 4.3.0 come back");
	assert_int_equal(outcomes[1].verdict, VERDICT_DELIVERED);
	assert_string_equal(outcomes[2].text, "no such user");
	/* over which somebody died, and that too late to be tried again */
	assert_false(is_forbidden(&config, entry, &outcome));
	assert_int_equal(spool_entry_begin(entry, 5, &outcome), 0);
	spool_entry_free(entry);
	entry = support_claim(support, id);
	assert_true(is_forbidden(&config, entry, &outcome));
	assert_int_equal(outcome.verdict, VERDICT_FAILED);
	spool_entry_free(entry);
}

static void
what_nobody_confirms_is_sent_three_times_at_most(void **state)
{
	const struct support *support = *state;
	const struct config config = {.lifetime = 86400000};
	struct outcome error, outcome = support_outcome(VERDICT_DEFERRED, 0, "no reply");
	struct spool_entry *entry;
	char id[SPOOL_ID_SIZE];

	outcome.uncertain = true;
	entry = entry_with(support, SUPPORT_BODY, id);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(spool_entry_doubts(entry), i);
		limit_apply(&config, entry, &outcome, 1);
		assert_int_equal(outcome.verdict, VERDICT_DEFERRED);
		assert_int_equal(spool_entry_settle(entry, 0, &outcome, &error), 0);
		assert_int_equal(spool_entry_postpone(entry, 5, &outcome, &error), 0);
		spool_entry_free(entry);
		entry = support_claim(support, id);
	}
	/* an attempt that ends otherwise is no doubt more */
	outcome.uncertain = false;
	assert_int_equal(spool_entry_settle(entry, 0, &outcome, &error), 0);
	assert_int_equal(spool_entry_postpone(entry, 5, &outcome, &error), 0);
	assert_int_equal(spool_entry_doubts(entry), 2);
	limit_apply(&config, entry, &outcome, 1);
	assert_int_equal(outcome.verdict, VERDICT_DEFERRED);
	outcome.uncertain = true;
	limit_apply(&config, entry, &outcome, 1);
	assert_int_equal(outcome.verdict, VERDICT_FAILED);
	assert_non_null(strstr(outcome.text, "perhaps delivered"));
	spool_entry_free(entry);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SUPPORT_TEST(loop_is_over_fifty_received_lines),
		cmocka_unit_test(lifetime_counts_from_the_beginning),
		SUPPORT_TEST(put_off_becomes_given_up_when_time_is_over),
		SUPPORT_TEST(what_nobody_confirms_is_sent_three_times_at_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
