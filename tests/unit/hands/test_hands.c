/*
 * Behind set-gid each sees and touches messages of their own; all others are as if they were not there.
 */
#include "../spool/support.h"

#include <sys/mman.h>

#include "hands/hands.h"

/* A message of that user; its id into `id`. */
static void
message_of(const struct support *support, uid_t uid, char id[SPOOL_ID_SIZE])
{
	struct spool_draft *draft = NULL;
	struct envelope envelope;
	struct outcome outcome;

	support_envelope(&envelope, 1);
	assert_int_equal(spool_draft_new(support->spool, &draft, &outcome), 0);
	assert_int_equal(spool_draft_begin(draft, &envelope, uid, "test", &outcome), 0);
	assert_int_equal(spool_draft_write(draft, SUPPORT_BODY, strlen(SUPPORT_BODY), &outcome), 0);
	assert_int_equal(spool_draft_commit(draft, false, &outcome), 0);
	(void)snprintf(id, SPOOL_ID_SIZE, "%s", spool_draft_id(draft));
	spool_draft_free(draft);
	envelope_free(&envelope);
}

/* hands_act, with stdout and stderr into `text`. */
static enum exitcode
act(struct hands *hands, const char *verb, const char *id, char *text, size_t size)
{
	char one[16], two[SPOOL_ID_SIZE];
	char *argv[] = {one, two, NULL};
	int file = memfd_create("output", MFD_CLOEXEC), out, err;
	enum exitcode code;
	ssize_t n;

	(void)snprintf(one, sizeof(one), "%s", verb);
	(void)snprintf(two, sizeof(two), "%s", id);
	(void)fflush(stdout);
	(void)fflush(stderr);
	out = dup(STDOUT_FILENO);
	err = dup(STDERR_FILENO);
	(void)dup2(file, STDOUT_FILENO);
	(void)dup2(file, STDERR_FILENO);
	code = hands_act(hands, id[0] != '\0' ? 2 : 1, argv);
	(void)fflush(stdout);
	(void)fflush(stderr);
	(void)dup2(out, STDOUT_FILENO);
	(void)dup2(err, STDERR_FILENO);
	(void)close(out);
	(void)close(err);
	n = pread(file, text, size - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	(void)close(file);
	return code;
}

static void
others_messages_are_not_there(void **state)
{
	static const char *const verbs[] = {"show", "retry", "hold", "release", "drop"};
	const struct support *support = *state;
	struct hands own = {.spool = support->spool, .program = "test", .only_own = true}, all = {.spool = support->spool, .program = "test"};
	char mine[SPOOL_ID_SIZE], other[SPOOL_ID_SIZE], text[4096], none[4096];

	message_of(support, getuid(), mine);
	message_of(support, getuid() + 1, other);
	assert_int_equal(act(&own, "queue", "", text, sizeof(text)), EXIT_OK);
	assert_non_null(strstr(text, mine));
	assert_null(strstr(text, other));
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		assert_int_equal(act(&own, verbs[i], other, text, sizeof(text)), EXIT_REFUSED);
		assert_int_equal(act(&own, verbs[i], "0NoSuchMessage", none, sizeof(none)), EXIT_REFUSED);
		/* the same words, so that nobody learns which ids there are */
		assert_string_equal(strstr(text, "there is"), strstr(none, "there is"));
		assert_true(support_exists(support, "queue", other));
	}
	assert_int_equal(act(&own, "hold", "all", text, sizeof(text)), EXIT_OK);
	assert_null(strstr(text, other));
	assert_int_equal(act(&all, "queue", "", text, sizeof(text)), EXIT_OK);
	assert_non_null(strstr(text, other));
	/* one line is held, and it is ours */
	assert_non_null(strstr(strstr(text, mine), "held"));
	assert_null(strstr(strstr(text, other), "held"));
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		assert_int_equal(act(&own, verbs[i], mine, text, sizeof(text)), EXIT_OK);
	assert_false(support_exists(support, "queue", mine));
}

static void
message_under_way_is_left_alone(void **state)
{
	const struct support *support = *state;
	struct hands hands = {.spool = support->spool, .program = "test"};
	char id[SPOOL_ID_SIZE], text[4096];
	struct spool_entry *entry;

	message_of(support, 1000, id);
	entry = support_claim(support, id);
	assert_int_equal(act(&hands, "drop", id, text, sizeof(text)), EXIT_REFUSED);
	assert_non_null(strstr(text, "under way"));
	/* looking needs no lock */
	assert_int_equal(act(&hands, "show", id, text, sizeof(text)), EXIT_OK);
	assert_non_null(strstr(text, "Subject: test"));
	spool_entry_free(entry);
	assert_true(support_exists(support, "queue", id));
}

static void
given_up_message_is_tried_again_for_whom_it_was_refused(void **state)
{
	const struct support *support = *state;
	struct outcome good = support_outcome(VERDICT_DELIVERED, 250, "Ok"), bad = support_outcome(VERDICT_FAILED, 550, "no"), error;
	struct hands hands = {.spool = support->spool, .program = "test"};
	struct spool_entry *entry;
	char id[SPOOL_ID_SIZE], text[4096];

	support_message(support, 2, id);
	entry = support_claim(support, id);
	assert_int_equal(spool_entry_settle(entry, 0, &good, &error), 0);
	assert_int_equal(spool_entry_settle(entry, 1, &bad, &error), 0);
	assert_int_equal(spool_entry_finish(entry, &error), 0);
	spool_entry_free(entry);
	/* all of the queue does not mean what was given up */
	assert_int_equal(act(&hands, "retry", "all", text, sizeof(text)), EXIT_OK);
	assert_true(support_exists(support, "failed", id));
	assert_false(hands.is_due);
	assert_int_equal(act(&hands, "retry", id, text, sizeof(text)), EXIT_OK);
	assert_true(hands.is_due);
	assert_false(support_exists(support, "failed", id));
	entry = support_claim(support, id);
	assert_int_equal(spool_entry_recipient(entry, 0)->outcome.verdict, VERDICT_DELIVERED);
	assert_int_equal(spool_entry_recipient(entry, 1)->outcome.verdict, VERDICT_NONE);
	assert_int_equal(spool_entry_attempts(entry), 0);
	spool_entry_free(entry);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SUPPORT_TEST(others_messages_are_not_there),
		SUPPORT_TEST(message_under_way_is_left_alone),
		SUPPORT_TEST(given_up_message_is_tried_again_for_whom_it_was_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
