/*
 * What a courier does with a message it has claimed.
 */
#include <sys/resource.h>

#include "support.h"

static void
message_goes_from_draft_to_gone(void **state)
{
	const struct support *support = *state;
	struct outcome ok = support_outcome(VERDICT_DELIVERED, 250, "2.0.0 Ok"), error;
	char id[SPOOL_ID_SIZE], body[64] = "";
	struct spool_entry *entry;

	support_message(support, 1, id);
	assert_int_equal(support_count(support, "tmp"), 0);
	entry = support_claim(support, id);
	assert_string_equal(spool_entry_id(entry), id);
	assert_int_equal(spool_entry_message_length(entry), strlen(SUPPORT_BODY));
	int fd = spool_entry_reopen(entry);

	assert_int_equal(file_pread(fd, body, sizeof(body), spool_entry_message_offset(entry)), strlen(SUPPORT_BODY));
	assert_string_equal(body, SUPPORT_BODY);
	(void)close(fd);
	assert_int_equal(spool_entry_finish(entry, &error), -1);	/* not served yet */
	assert_int_equal(spool_entry_settle(entry, 0, &ok, &error), 0);
	assert_int_equal(spool_entry_sync(entry, &error), 0);
	assert_int_equal(spool_entry_finish(entry, &error), 0);
	spool_entry_free(entry);
	assert_int_equal(support_count(support, "queue"), 0);
	assert_int_equal(support_count(support, "failed"), 0);
}

/* Recipients first, in the middle, and last: each one's neighbours stay as they were. */
static void
recipients_are_settled_in_place(void **state)
{
	const struct support *support = *state;
	const size_t count = 20, rows[] = {0, 1, 7, 19};
	struct outcome ok = support_outcome(VERDICT_DELIVERED, 250, "2.0.0 Ok"), no = support_outcome(VERDICT_FAILED, 550, "no"), error;
	char id[SPOOL_ID_SIZE];

	support_message(support, count, id);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct spool_entry *entry = support_claim(support, id);

		assert_int_equal(spool_entry_settle(entry, rows[i], i == 1 ? &no : &ok, &error), 0);
		spool_entry_free(entry);
		entry = support_claim(support, id);
		for (size_t r = 0; r < count; r++) {
			enum verdict want = VERDICT_NONE;

			for (size_t k = 0; k <= i; k++)
				if (rows[k] == r)
					want = k == 1 ? VERDICT_FAILED : VERDICT_DELIVERED;
			assert_int_equal(spool_entry_recipient(entry, r)->outcome.verdict, want);
		}
		spool_entry_free(entry);
	}
	struct spool_entry *entry = support_claim(support, id);

	assert_int_equal(spool_entry_settle(entry, 0, &no, &error), -1);	/* final is final */
	assert_int_equal(spool_entry_settle(entry, count, &no, &error), -1);
	assert_null(spool_entry_recipient(entry, count));
	spool_entry_free(entry);
}

static void
postponed_message_says_when_and_why(void **state)
{
	const struct support *support = *state;
	struct outcome later = support_outcome(VERDICT_DEFERRED, 451, "4.7.1 greylisted"), error;
	struct spool_entry *entry;
	struct spool_item *items;
	char id[SPOOL_ID_SIZE];
	size_t count;

	support_message(support, 2, id);
	for (unsigned attempt = 1; attempt <= 3; attempt++) {
		entry = support_claim(support, id);
		assert_int_equal(spool_entry_attempts(entry), attempt - 1);
		assert_int_equal(spool_entry_postpone(entry, 5000000000 + attempt, &later, &error), 0);
		spool_entry_free(entry);
	}
	assert_int_equal(spool_list(support->spool, SPOOL_QUEUE, &items, &count, &error), 0);
	assert_int_equal(count, 1);
	assert_int_equal(items[0].due, 5000000003);
	assert_int_equal(items[0].attempts, 3);
	assert_int_equal(items[0].waiting, 2);
	assert_string_equal(items[0].last.text, "4.7.1 greylisted");
	free(items);
}

static void
attempt_that_was_begun_counts_once(void **state)
{
	const struct support *support = *state;
	struct outcome later = support_outcome(VERDICT_DEFERRED, 451, "4.7.1 greylisted"), error;
	struct spool_entry *entry;
	char id[SPOOL_ID_SIZE];

	support_message(support, 2, id);
	entry = support_claim(support, id);
	assert_int_equal(spool_entry_begin(entry, 5000000001, &error), 0);
	/* its courier dies here */
	spool_entry_free(entry);
	entry = support_claim(support, id);
	assert_int_equal(spool_entry_attempts(entry), 1);
	assert_int_equal(spool_entry_due(entry), 5000000001);
	assert_int_equal(spool_entry_recipient(entry, 1)->outcome.verdict, VERDICT_NONE);
	assert_int_equal(spool_entry_begin(entry, 5000000002, &error), 0);
	assert_int_equal(spool_entry_postpone(entry, 5000000003, &later, &error), 0);
	spool_entry_free(entry);
	entry = support_claim(support, id);
	assert_int_equal(spool_entry_attempts(entry), 2);
	assert_int_equal(spool_entry_due(entry), 5000000003);
	spool_entry_free(entry);
}

/* People see in failed/ how often it was tried. */
/* Who dies over a transaction leaves behind at which relay it was; an attempt that came to an end does not. */
static void
relay_of_an_attempt_is_known_after_a_death(void **state)
{
	const struct support *support = *state;
	struct outcome later = support_outcome(VERDICT_DEFERRED, 451, "later"), error;
	struct spool_entry *entry;
	char id[SPOOL_ID_SIZE];

	support_message(support, 1, id);
	entry = support_claim(support, id);
	assert_null(spool_entry_at(entry));
	assert_int_equal(spool_entry_begin(entry, 5, &error), 0);
	spool_entry_free(entry);
	entry = support_claim(support, id);
	assert_true(spool_entry_is_begun(entry));
	assert_null(spool_entry_at(entry));
	assert_int_equal(spool_entry_begin(entry, 5, &error), 0);
	assert_int_equal(spool_entry_go(entry, "relay", &error), 0);
	assert_int_equal(spool_entry_go(entry, "backup", &error), 0);
	spool_entry_free(entry);
	entry = support_claim(support, id);
	assert_int_equal(spool_entry_attempts(entry), 2);
	assert_string_equal(spool_entry_at(entry), "backup");
	/* also when the next attempt dies before it gets as far */
	assert_int_equal(spool_entry_begin(entry, 5, &error), 0);
	spool_entry_free(entry);
	entry = support_claim(support, id);
	assert_string_equal(spool_entry_at(entry), "backup");
	assert_int_equal(spool_entry_begin(entry, 5, &error), 0);
	assert_int_equal(spool_entry_go(entry, "backup", &error), 0);
	assert_int_equal(spool_entry_postpone(entry, 5, &later, &error), 0);
	spool_entry_free(entry);
	entry = support_claim(support, id);
	assert_null(spool_entry_at(entry));
	assert_int_equal(spool_entry_attempts(entry), 4);
	spool_entry_free(entry);
}

static void
message_can_name_its_relay(void **state)
{
	static const struct {
		const char *name, *want;
	} rows[] = {{NULL, NULL}, {"", NULL}, {"backup", "backup"}, {"relay", "relay"}, {"a\nto b", NULL}, {"../x", NULL}};
	const struct support *support = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct spool_draft *draft = NULL;
		struct spool_entry *entry;
		struct spool_item item;
		struct envelope envelope;
		struct outcome outcome;

		support_envelope(&envelope, 2);
		envelope_set_relay(&envelope, rows[i].name);
		envelope_set_envid(&envelope, "x");	/* has nothing to do with it */
		assert_int_equal(spool_draft_new(support->spool, &draft, &outcome), 0);
		assert_int_equal(spool_draft_begin(draft, &envelope, 1000, "test", &outcome), 0);
		assert_int_equal(spool_draft_commit(draft, false, &outcome), 0);
		entry = support_claim(support, spool_draft_id(draft));
		if (rows[i].want == NULL)
			assert_null(spool_entry_relay(entry));
		else
			assert_string_equal(spool_entry_relay(entry), rows[i].want);
		assert_true(spool_look(support->spool, SPOOL_QUEUE, spool_draft_id(draft), &item));
		assert_string_equal(item.relay, rows[i].want != NULL ? rows[i].want : "");
		spool_entry_free(entry);
		spool_draft_free(draft);
		envelope_free(&envelope);
	}
}

static void
last_attempt_counts_in_failed(void **state)
{
	const struct support *support = *state;
	struct outcome no = support_outcome(VERDICT_FAILED, 550, "no"), later = support_outcome(VERDICT_DEFERRED, 451, "later"), error;
	struct spool_entry *entry;
	struct spool_item *items;
	char id[SPOOL_ID_SIZE];
	size_t count;

	support_message(support, 1, id);
	entry = support_claim(support, id);
	assert_int_equal(spool_entry_begin(entry, 5, &error), 0);
	assert_int_equal(spool_entry_postpone(entry, 5, &later, &error), 0);
	spool_entry_free(entry);
	entry = support_claim(support, id);
	assert_int_equal(spool_entry_begin(entry, 6, &error), 0);
	assert_int_equal(spool_entry_settle(entry, 0, &no, &error), 0);
	assert_int_equal(spool_entry_finish(entry, &error), 0);
	spool_entry_free(entry);
	assert_int_equal(spool_list(support->spool, SPOOL_FAILED, &items, &count, &error), 0);
	assert_int_equal(count, 1);
	assert_int_equal(items[0].attempts, 2);
	free(items);
}

static void
attempt_is_not_begun_when_an_outcome_could_not_be_written(void **state)
{
	const struct support *support = *state;
	struct rlimit limit = {FORMAT_ENVELOPE_OFFSET + 1000, FORMAT_ENVELOPE_OFFSET + 1000};
	struct spool_entry *entry;
	struct outcome error;
	char id[SPOOL_ID_SIZE];
	pid_t child;

	support_message(support, 10, id);
	child = fork();
	if (child == 0) {
		if (setrlimit(RLIMIT_FSIZE, &limit) != 0 || spool_claim(support->spool, id, &entry, &error) != SPOOL_CLAIMED)
			_exit(2);
		_exit(spool_entry_begin(entry, 1, &error) == 0 ? 1 : 0);
	}
	assert_int_equal(support_wait(child), 0);
}

static void
message_with_one_refusal_is_kept_with_its_reason(void **state)
{
	const struct support *support = *state;
	struct outcome ok = support_outcome(VERDICT_DELIVERED, 250, "Ok"), no = support_outcome(VERDICT_FAILED, 550, "no such user"), error;
	struct spool_entry *entry;
	struct spool_item *items;
	char id[SPOOL_ID_SIZE];
	size_t count;

	support_message(support, 2, id);
	entry = support_claim(support, id);
	assert_int_equal(spool_entry_settle(entry, 0, &ok, &error), 0);
	assert_int_equal(spool_entry_settle(entry, 1, &no, &error), 0);
	assert_int_equal(spool_entry_finish(entry, &error), 0);
	assert_int_equal(spool_entry_reopen(entry), -1);
	spool_entry_free(entry);
	assert_int_equal(spool_claim(support->spool, id, &entry, &error), SPOOL_GONE);
	assert_int_equal(spool_list(support->spool, SPOOL_FAILED, &items, &count, &error), 0);
	assert_int_equal(count, 1);
	assert_string_equal(items[0].id, id);
	assert_int_equal(items[0].waiting, 0);
	assert_string_equal(items[0].last.text, "no such user");
	free(items);
}

/* Wrong mode, sick disk; here: no descriptor left. A queue that looks empty would hide mail that was promised. */
static void
message_that_can_not_be_read_is_listed(void **state)
{
	const struct support *support = *state;
	char id[SPOOL_ID_SIZE];
	pid_t child;

	support_message(support, 1, id);
	child = fork();
	if (child == 0) {
		struct rlimit limit;
		struct spool_item item;
		int lowest = dup(STDIN_FILENO);

		/* none left */
		(void)getrlimit(RLIMIT_NOFILE, &limit);
		limit.rlim_cur = (rlim_t)lowest;
		(void)close(lowest);
		if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || !spool_look(support->spool, SPOOL_QUEUE, id, &item))
			_exit(1);
		_exit(strcmp(item.id, id) == 0 && item.recipients == 0 && strstr(item.last.text, "can't be read") != NULL ? 0 : 2);
	}
	assert_int_equal(support_wait(child), 0);
}

static void
verdict_is_failed_only_when_all_were_refused(void **state)
{
	static const struct {
		const char  *recipients;	/* as in the file: W D Q R */
		enum verdict want;
		int          reply;
	} rows[] = {
		{"D", VERDICT_DELIVERED, 250}, {"R", VERDICT_FAILED, 550}, {"Q", VERDICT_DEFERRED, 451}, {"W", VERDICT_DEFERRED, 0},
		{"DR", VERDICT_DELIVERED, 250}, {"RD", VERDICT_DELIVERED, 250}, {"RR", VERDICT_FAILED, 550},
		{"RQ", VERDICT_DEFERRED, 451}, {"DQ", VERDICT_DEFERRED, 451}, {"WQR", VERDICT_DEFERRED, 451}, {"DW", VERDICT_DEFERRED, 0},
	};
	const struct support *support = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct outcome outcome, error;
		struct spool_entry *entry;
		char id[SPOOL_ID_SIZE];

		support_message(support, strlen(rows[i].recipients), id);
		entry = support_claim(support, id);
		for (size_t r = 0; rows[i].recipients[r] != '\0'; r++) {
			char octet = rows[i].recipients[r];

			outcome = octet == 'D' ? support_outcome(VERDICT_DELIVERED, 250, "Ok") :
			    octet == 'R' ? support_outcome(VERDICT_FAILED, 550, "no") : support_outcome(VERDICT_DEFERRED, 451, "later");
			if (octet != 'W')
				assert_int_equal(spool_entry_settle(entry, r, &outcome, &error), 0);
		}
		spool_entry_verdict(entry, &outcome);
		assert_int_equal(outcome.verdict, rows[i].want);
		assert_int_equal(outcome.reply, rows[i].reply);
		spool_entry_free(entry);
	}
}

static void
child_with_the_reopened_descriptor_holds_no_lock(void **state)
{
	const struct support *support = *state;
	struct spool_entry *entry;
	char id[SPOOL_ID_SIZE];
	int gate[2], fd;
	pid_t child;

	support_message(support, 1, id);
	entry = support_claim(support, id);
	fd = spool_entry_reopen(entry);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(pipe(gate), 0);
	child = fork();
	if (child == 0) {
		char octet;

		/* the child gives up the descriptor with the lock, as it must, and lives on with the other */
		(void)close(gate[1]);
		spool_entry_free(entry);
		_exit(read(gate[0], &octet, 1) == 0 ? 0 : 1);
	}
	(void)close(gate[0]);
	(void)close(fd);
	spool_entry_free(entry);
	/* only the child's own copy of the locked description could be in the way: wait until it is closed */
	for (int i = 0; i < 1000; i++) {
		struct outcome outcome;
		enum spool_claim result = spool_claim(support->spool, id, &entry, &outcome);

		if (result == SPOOL_CLAIMED)
			break;
		assert_int_equal(result, SPOOL_BUSY);
		assert_true(i < 999);
		(void)usleep(10000);
	}
	(void)close(gate[1]);
	assert_int_equal(support_wait(child), 0);
	spool_entry_free(entry);
}

static void
reopen_gives_the_claimed_inode_or_nothing(void **state)
{
	const struct support *support = *state;
	struct spool_entry *entry;
	char id[SPOOL_ID_SIZE], path[256], aside[256];

	support_message(support, 1, id);
	entry = support_claim(support, id);
	support_path(support, path, "queue", id);
	support_path(support, aside, "failed", id);
	assert_int_equal(rename(path, aside), 0);
	assert_int_equal(symlink(aside, path), 0);
	assert_int_equal(spool_entry_reopen(entry), -1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
	assert_int_equal(spool_entry_reopen(entry), -1);
	spool_entry_free(entry);
}

/* In no spool: what the one writes into it the other reads, and its end touches no file. */
static void
loose_message_carries_its_outcomes_back(void **state)
{
	const struct support *support = *state;
	struct outcome good = support_outcome(VERDICT_DELIVERED, 250, "Ok"), bad = support_outcome(VERDICT_FAILED, 550, "no"), outcome;
	struct spool_draft *draft = NULL;
	struct spool_entry *entry = NULL;
	struct envelope envelope;
	char address[ENVELOPE_ADDRESS_MAX + 1];
	char octets[8] = "";
	int fd;

	support_envelope(&envelope, 2);
	assert_int_equal(spool_draft_new_loose(&draft, &outcome), 0);
	assert_int_equal(spool_draft_begin(draft, &envelope, 1000, "test", &outcome), 0);
	assert_int_equal(spool_draft_write(draft, SUPPORT_BODY, strlen(SUPPORT_BODY), &outcome), 0);
	assert_int_equal(spool_draft_commit(draft, false, &outcome), 0);
	envelope_free(&envelope);
	assert_int_equal(spool_claim_loose(dup(spool_draft_fd(draft)), &entry, &outcome), SPOOL_CLAIMED);
	assert_string_equal(spool_entry_id(entry), spool_draft_id(draft));
	fd = spool_entry_reopen(entry);
	assert_int_equal(pread(fd, octets, 7, spool_entry_message_offset(entry)), 7);
	assert_string_equal(octets, "Subject");
	(void)close(fd);
	assert_int_equal(spool_entry_begin(entry, 5, &outcome), 0);
	assert_int_equal(spool_entry_settle(entry, 0, &good, &outcome), 0);
	assert_int_equal(spool_entry_settle(entry, 1, &bad, &outcome), 0);
	assert_int_equal(spool_entry_finish(entry, &outcome), 0);
	assert_int_equal(spool_entry_tell(entry, &good), 0);
	spool_entry_free(entry);
	assert_int_equal(spool_draft_count(draft, VERDICT_DELIVERED), 1);
	assert_int_equal(spool_draft_refused(draft, address, &outcome), 1);
	assert_string_equal(address, "r1@example.com");
	spool_draft_free(draft);
	assert_int_equal(support_count(support, "queue") + support_count(support, "tmp") + support_count(support, "failed"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SUPPORT_TEST(message_goes_from_draft_to_gone),
		SUPPORT_TEST(recipients_are_settled_in_place),
		SUPPORT_TEST(postponed_message_says_when_and_why),
		SUPPORT_TEST(attempt_that_was_begun_counts_once),
		SUPPORT_TEST(relay_of_an_attempt_is_known_after_a_death),
		SUPPORT_TEST(message_can_name_its_relay),
		SUPPORT_TEST(last_attempt_counts_in_failed),
		SUPPORT_TEST(attempt_is_not_begun_when_an_outcome_could_not_be_written),
		SUPPORT_TEST(message_with_one_refusal_is_kept_with_its_reason),
		SUPPORT_TEST(message_that_can_not_be_read_is_listed),
		SUPPORT_TEST(loose_message_carries_its_outcomes_back),
		SUPPORT_TEST(verdict_is_failed_only_when_all_were_refused),
		SUPPORT_TEST(child_with_the_reopened_descriptor_holds_no_lock),
		SUPPORT_TEST(reopen_gives_the_claimed_inode_or_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
