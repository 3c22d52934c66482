/*
 * Callers and runner find each other: pokes, the runner's lock, verdicts; and sweeping up behind callers that died.
 */
#include "support.h"

#include <limits.h>
#include <poll.h>
#include <sys/resource.h>

static void
poke_finds_a_reader_or_says_so(void **state)
{
	const struct support *support = *state;
	struct spool_watch *watch = NULL, *other = NULL;
	struct outcome outcome;
	struct pollfd poller = {.events = POLLIN};

	assert_int_equal(spool_poke(support->spool), 0);
	assert_int_equal(spool_watch_age(support->spool), -1);
	assert_int_equal(spool_watch_start(support->spool, &watch, &outcome), 1);
	assert_int_equal(spool_watch_start(support->spool, &other, &outcome), 0);
	assert_in_range(spool_watch_age(support->spool), 0, 60);
	poller.fd = spool_watch_fd(watch);
	assert_int_equal(poll(&poller, 1, 0), 0);
	for (int i = 0; i < 70000; i++)		/* more than the FIFO holds */
		assert_int_equal(spool_poke(support->spool), 1);
	assert_int_equal(poll(&poller, 1, 0), 1);
	assert_int_equal(poller.revents, POLLIN);
	spool_watch_drain(watch);
	assert_int_equal(poll(&poller, 1, 0), 0);
	spool_watch_stop(watch);
	assert_int_equal(spool_poke(support->spool), 0);
	assert_int_equal(spool_watch_start(support->spool, &watch, &outcome), 1);
	spool_watch_stop(watch);
}

static void
child_that_forgets_leaves_the_lock_with_its_parent(void **state)
{
	const struct support *support = *state;
	struct spool_watch *watch = NULL, *other = NULL;
	struct outcome outcome;
	pid_t child;

	assert_int_equal(spool_watch_start(support->spool, &watch, &outcome), 1);
	if ((child = fork()) == 0) {
		spool_watch_forget(watch);
		_exit(spool_watch_start(support->spool, &other, &outcome));
	}
	assert_int_equal(support_wait(child), 0);
	assert_int_equal(spool_poke(support->spool), 1);
	/* and a child that keeps them can't hold the lock past the stop */
	int gate[2];
	char octet;

	assert_int_equal(pipe(gate), 0);
	if ((child = fork()) == 0) {
		(void)close(gate[1]);
		_exit(read(gate[0], &octet, 1) == 0 ? 0 : 1);
	}
	spool_watch_stop(watch);
	assert_int_equal(spool_watch_start(support->spool, &watch, &outcome), 1);
	spool_watch_stop(watch);
	(void)close(gate[1]);
	assert_int_equal(support_wait(child), 0);
	(void)close(gate[0]);
}

static void
trigger_and_lock_of_other_kinds_are_refused(void **state)
{
	const struct support *support = *state;
	struct spool_watch *watch = NULL;
	struct outcome outcome;
	char path[256];

	support_path(support, path, ".", "trigger");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
	assert_int_equal(spool_poke(support->spool), 0);
	assert_int_equal(spool_watch_start(support->spool, &watch, &outcome), -1);
	support_path(support, path, ".", "lock");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("trigger", path), 0);
	assert_int_equal(spool_watch_start(support->spool, &watch, &outcome), -1);
}

/* Serves all that is there, as a runner does; the number of messages. */
static int
serve(struct spool *spool)
{
	struct outcome ok = support_outcome(VERDICT_DELIVERED, 250, "Ok"), error;
	struct spool_item *items = NULL;
	size_t count = 0;
	int served = 0;

	if (spool_list(spool, SPOOL_QUEUE, &items, &count, &error) != 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct spool_entry *entry = NULL;

		if (spool_claim(spool, items[i].id, &entry, &error) != SPOOL_CLAIMED)
			continue;
		if (spool_entry_settle(entry, 0, &ok, &error) == 0 && spool_entry_finish(entry, &error) == 0)
			served += spool_entry_tell(entry, &ok) == 1;
		spool_entry_free(entry);
	}
	free(items);
	return served;
}

/* A runner that leaves at once when nothing is there, so that callers meet it in all its states. */
static void
run_runner(struct spool *spool)
{
	struct spool_watch *watch = NULL;
	struct outcome outcome;

	while (spool_watch_start(spool, &watch, &outcome) == 1) {
		struct pollfd poller = {.fd = spool_watch_fd(watch), .events = POLLIN};

		do {
			spool_watch_drain(watch);
			(void)serve(spool);
		} while (poll(&poller, 1, 1) == 1);
		spool_watch_stop(watch);
		struct spool_item *items = NULL;
		size_t count = 0;

		if (spool_list(spool, SPOOL_QUEUE, &items, &count, &outcome) != 0)
			return;
		free(items);
		if (count == 0)
			return;
	}
}

static int
run_caller(const struct support *support)
{
	struct spool_draft *draft = support_draft(support, 1, SUPPORT_BODY);
	struct outcome outcome;
	int result = 1;

	if (spool_draft_expect(draft, &outcome) == 0 && spool_draft_commit(draft, false, &outcome) == 0) {
		if (spool_poke(support->spool) == 0) {
			pid_t runner = fork();

			if (runner == 0) {
				struct spool *own = NULL;

				if (spool_open(support->path, false, &own, &outcome) == 0)
					run_runner(own);
				_exit(0);
			}
			while (waitpid(runner, NULL, 0) < 0 && errno == EINTR)
				continue;
		}
		result = spool_draft_wait(draft, deadline_in(60000), &outcome) == 1 ? 0 : 2;
	}
	spool_draft_free(draft);
	return result;
}

static void
no_wake_up_is_lost(void **state)
{
	enum { CALLERS = 200 };
	const struct support *support = *state;
	pid_t callers[CALLERS];

	for (int i = 0; i < CALLERS; i++) {
		if ((callers[i] = fork()) == 0)
			_exit(run_caller(support));
		(void)usleep((useconds_t)(i * 37 % 3000));
	}
	for (int i = 0; i < CALLERS; i++)
		assert_int_equal(support_wait(callers[i]), 0);
	assert_int_equal(support_count(support, "queue"), 0);
	assert_int_equal(support_count(support, "verdict"), 0);
}

static void
verdict_arrives_before_during_or_never(void **state)
{
	const struct support *support = *state;
	struct outcome no = support_outcome(VERDICT_FAILED, 550, "5.1.1 no such user"), got;
	struct spool_entry *entry;
	char path[256];

	for (int round = 0; round < 3; round++) {
		struct spool_draft *draft = support_draft(support, 1, SUPPORT_BODY);
		pid_t child = 0;

		assert_int_equal(spool_draft_expect(draft, &got), 0);
		assert_int_equal(spool_draft_commit(draft, false, &got), 0);
		entry = support_claim(support, spool_draft_id(draft));
		support_path(support, path, "verdict", spool_draft_id(draft));
		if (round == 1 && (child = fork()) == 0) {
			int fd = open(path, O_WRONLY | O_CLOEXEC);

			/* a hang-up without a word, nonsense, and then the verdict */
			(void)close(open(path, O_WRONLY | O_CLOEXEC));
			(void)!write(fd, "verdict delivered\n\nnonsense\nverdict", 35);
			(void)!write(fd, "\n", 1);
			(void)usleep(50000);
			_exit(spool_entry_tell(entry, &no) == 1 ? 0 : 1);
		}
		if (round == 0)
			assert_int_equal(spool_entry_tell(entry, &no), 1);
		assert_int_equal(spool_draft_wait(draft, deadline_in(round == 2 ? 30 : 60000), &got), round == 2 ? 0 : 1);
		if (round != 2) {
			assert_int_equal(got.verdict, VERDICT_FAILED);
			assert_int_equal(got.reply, 550);
			assert_string_equal(got.enhanced, "5.0.0");
			assert_string_equal(got.text, "5.1.1 no such user");
		}
		if (round == 1)
			assert_int_equal(support_wait(child), 0);
		/* the unlink says that the caller knows; without it, nobody listens */
		spool_draft_free(draft);
		assert_int_equal(access(path, F_OK), round == 2 ? 0 : -1);
		assert_int_equal(spool_entry_tell(entry, &no), 0);
		assert_int_equal(access(path, F_OK), -1);
		spool_entry_free(entry);
	}
}

static void
endless_nonsense_ends_at_the_deadline(void **state)
{
	const struct support *support = *state;
	struct spool_draft *draft = support_draft(support, 1, SUPPORT_BODY);
	struct outcome outcome;
	char path[256], junk[PIPE_BUF];
	pid_t child;

	memset(junk, 'x', sizeof(junk));
	assert_int_equal(spool_draft_expect(draft, &outcome), 0);
	assert_int_equal(spool_draft_commit(draft, false, &outcome), 0);
	support_path(support, path, "verdict", spool_draft_id(draft));
	if ((child = fork()) == 0) {
		int fd = open(path, O_WRONLY | O_CLOEXEC);

		for (;;)
			(void)!write(fd, junk, sizeof(junk));
	}
	assert_int_equal(spool_draft_wait(draft, deadline_in(200), &outcome), 0);
	(void)kill(child, SIGKILL);
	(void)support_wait(child);
	spool_draft_free(draft);
}

static void
sweep_keeps_what_is_held(void **state)
{
	const struct support *support = *state;
	struct spool_draft *held = support_draft(support, 1, SUPPORT_BODY), *waiting = support_draft(support, 1, SUPPORT_BODY);
	struct outcome outcome;
	pid_t child;

	assert_int_equal(spool_draft_expect(held, &outcome), 0);
	assert_int_equal(spool_draft_expect(waiting, &outcome), 0);
	assert_int_equal(spool_draft_commit(waiting, false, &outcome), 0);
	for (int i = 0; i < 2; i++) {
		if ((child = fork()) == 0) {
			struct spool_draft *draft = support_draft(support, 1, SUPPORT_BODY);

			(void)spool_draft_expect(draft, &outcome);
			_exit(i == 1 ? spool_draft_commit(draft, false, &outcome) : 0);
		}
		assert_int_equal(support_wait(child), 0);
	}
	assert_int_equal(support_count(support, "tmp"), 2);
	assert_int_equal(support_count(support, "verdict"), 4);
	(void)spool_sweep(support->spool, 1000);
	assert_int_equal(support_count(support, "tmp"), 1);
	assert_int_equal(support_count(support, "verdict"), 2);
	assert_int_equal(support_count(support, "queue"), 2);
	assert_true(support_exists(support, "tmp", spool_draft_id(held)));
	spool_draft_free(held);
	spool_draft_free(waiting);
}

static void
full_disk_is_a_clear_error(void **state)
{
	const struct support *support = *state;
	const struct rlimit small = {.rlim_cur = 100000, .rlim_max = RLIM_INFINITY};
	struct spool_draft *draft = support_draft(support, 1, SUPPORT_BODY);
	struct outcome outcome = {.verdict = VERDICT_NONE};
	struct rlimit saved;
	static char block[300000];

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &saved), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(spool_draft_write(draft, block, sizeof(block), &outcome), -1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &saved), 0);
	assert_int_equal(outcome.cause, CAUSE_SPOOL);
	assert_non_null(strstr(outcome.text, "File too large"));
	assert_non_null(strstr(outcome.text, support->path));
	spool_draft_free(draft);
	assert_int_equal(support_count(support, "tmp") + support_count(support, "queue"), 0);
}

static void
ten_thousand_messages_are_listed_in_order(void **state)
{
	enum { MESSAGES = 10000 };
	const struct support *support = *state;
	struct spool_item *items;
	struct outcome outcome;
	char id[SPOOL_ID_SIZE], path[256];
	size_t count;
	int64_t start;

	for (int i = 0; i < MESSAGES; i++)
		support_message(support, 1, id);
	support_path(support, path, "queue", "0BROKEN");
	assert_int_equal(close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
	start = deadline_clock();
	assert_int_equal(spool_list(support->spool, SPOOL_QUEUE, &items, &count, &outcome), 0);
	print_message("listed in %d ms\n", (int)(deadline_clock() - start));
	assert_true(deadline_clock() - start < 10000);
	assert_int_equal(count, MESSAGES + 1);
	assert_string_equal(items[0].last.text, "damaged");
	assert_int_equal(items[0].due, 0);
	for (size_t i = 1; i < count; i++) {
		assert_true(strcmp(items[i - 1].id, items[i].id) < 0);
		assert_int_equal(items[i].recipients, 1);
		assert_int_equal(items[i].waiting, 1);
		assert_int_equal(items[i].size, strlen(SUPPORT_BODY));
	}
	free(items);
}

static void
open_refuses_what_others_could_write_to(void **state)
{
	static const struct {
		mode_t mode;
		int    want;
	} rows[] = {{0700, 0}, {02770, 0}, {0770, 0}, {0701, -1}, {0704, -1}, {0702, -1}, {02775, -1}, {01777, -1}};
	const struct support *support = *state;
	struct outcome outcome;
	char path[256], link[300];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct spool *spool = NULL;
		struct stat status;

		(void)snprintf(path, sizeof(path), "%s/top%zu", support->directory, i);
		assert_int_equal(mkdir(path, 0700), 0);
		assert_int_equal(chmod(path, rows[i].mode), 0);
		assert_int_equal(spool_open(path, false, &spool, &outcome), rows[i].want);
		if (rows[i].want != 0) {
			assert_non_null(strstr(outcome.text, path));
			continue;
		}
		(void)snprintf(link, sizeof(link), "%s/queue", path);
		assert_int_equal(stat(link, &status), 0);
		assert_int_equal(status.st_mode & 0777, rows[i].mode & 070 ? 0770 : 0700);
		spool_close(spool);
	}
	struct spool *spool = NULL;

	(void)snprintf(link, sizeof(link), "%s/link", support->directory);
	assert_int_equal(symlink(support->path, link), 0);
	assert_int_equal(spool_open(link, true, &spool, &outcome), -1);
	(void)snprintf(link, sizeof(link), "%s/missing/a/b", support->directory);
	assert_int_equal(spool_open(link, false, &spool, &outcome), -1);
	assert_non_null(strstr(outcome.text, "make install"));
	assert_int_equal(spool_open(link, true, &spool, &outcome), 0);
	spool_close(spool);
	/* a queue that is a link */
	(void)snprintf(link, sizeof(link), "%s/missing/a/b/queue", support->directory);
	assert_int_equal(rmdir(link), 0);
	assert_int_equal(symlink(path, link), 0);
	link[strlen(link) - strlen("/queue")] = '\0';
	assert_int_equal(spool_open(link, true, &spool, &outcome), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SUPPORT_TEST(poke_finds_a_reader_or_says_so),
		SUPPORT_TEST(child_that_forgets_leaves_the_lock_with_its_parent),
		SUPPORT_TEST(trigger_and_lock_of_other_kinds_are_refused),
		SUPPORT_TEST(no_wake_up_is_lost),
		SUPPORT_TEST(verdict_arrives_before_during_or_never),
		SUPPORT_TEST(endless_nonsense_ends_at_the_deadline),
		SUPPORT_TEST(sweep_keeps_what_is_held),
		SUPPORT_TEST(full_disk_is_a_clear_error),
		SUPPORT_TEST(ten_thousand_messages_are_listed_in_order),
		SUPPORT_TEST(open_refuses_what_others_could_write_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
