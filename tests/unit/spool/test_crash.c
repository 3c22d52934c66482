/*
 * Killed at, and failing in, every system call that changes the spool. The calls are defined here and so come before the C
 * library's: the one whose turn it is kills the process, or fails. What must hold afterwards stands at the head of spool.c.
 */
#include "support.h"

#include <sys/syscall.h>

enum { PLAN_NONE, PLAN_KILL, PLAN_FAIL };

static int plan, plan_turn, plan_errno, plan_calls;

/* true: fail with errno. */
static bool
plan_step(void)
{
	if (plan == PLAN_NONE || ++plan_calls != plan_turn)
		return false;
	if (plan == PLAN_KILL)
		(void)kill(getpid(), SIGKILL);
	errno = plan_errno;
	return true;
}

ssize_t write(int fd, const void *data, size_t length);
ssize_t
write(int fd, const void *data, size_t length)
{
	return plan_step() ? -1 : syscall(SYS_write, fd, data, length);
}

ssize_t
pwrite(int fd, const void *data, size_t length, off_t offset)
{
	return plan_step() ? -1 : syscall(SYS_pwrite64, fd, data, length, offset);
}

int
fsync(int fd)
{
	return plan_step() ? -1 : (int)syscall(SYS_fsync, fd);
}

int
fdatasync(int fd)
{
	return plan_step() ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int
flock(int fd, int operation)
{
	return plan_step() ? -1 : (int)syscall(SYS_flock, fd, operation);
}

int
fchmod(int fd, mode_t mode)
{
	return plan_step() ? -1 : (int)syscall(SYS_fchmod, fd, mode);
}

int
renameat2(int from, const char *name, int to, const char *new_name, unsigned flags)
{
	return plan_step() ? -1 : (int)syscall(SYS_renameat2, from, name, to, new_name, flags);
}

int
renameat(int from, const char *name, int to, const char *new_name)
{
	return plan_step() ? -1 : (int)syscall(SYS_renameat2, from, name, to, new_name, 0);
}

int
unlinkat(int directory, const char *name, int flags)
{
	return plan_step() ? -1 : (int)syscall(SYS_unlinkat, directory, name, flags);
}

/* What a child promised, in memory that outlives it. */
struct promise {
	bool   committed, synced, settled, finished;
	char   id[SPOOL_ID_SIZE];
	int    calls;
};

/* Draft to sync, with a body over one block when `big`. */
static int
run_caller(struct spool *spool, bool big, struct promise *promise)
{
	struct spool_draft *draft = NULL;
	struct envelope envelope;
	struct outcome outcome = {.verdict = VERDICT_NONE};
	static char body[100000];
	int result = 1;

	memset(body, 'x', sizeof(body));
	support_envelope(&envelope, 2);
	if (spool_draft_new(spool, &draft, &outcome) != 0)
		goto out;
	(void)snprintf(promise->id, sizeof(promise->id), "%s", spool_draft_id(draft));
	if (spool_draft_begin(draft, &envelope, 1, "test", &outcome) != 0 ||
	    spool_draft_write(draft, body, big ? sizeof(body) : 100, &outcome) != 0 ||
	    spool_draft_expect(draft, &outcome) != 0 || spool_draft_commit(draft, false, &outcome) != 0)
		goto out;
	promise->committed = true;
	if (spool_draft_sync(draft, &outcome) != 0) {
		result = spool_draft_withdraw(draft) == 0 ? 1 : 2;
		goto out;
	}
	promise->synced = true;
	result = 0;
out:
	if (result != 0 && outcome.text[0] == '\0')
		result = 3;	/* an error without words */
	spool_draft_free(draft);
	envelope_free(&envelope);
	return result;
}

/* One delivered, one refused: settle, sync, finish. */
static int
run_courier(struct spool *spool, struct promise *promise)
{
	struct outcome ok = support_outcome(VERDICT_DELIVERED, 250, "Ok"), no = support_outcome(VERDICT_FAILED, 550, "no"), error;
	struct spool_entry *entry = NULL;
	int result = 1;

	if (spool_claim(spool, promise->id, &entry, &error) != SPOOL_CLAIMED)
		return 1;
	if (spool_entry_postpone(entry, 5, &no, &error) == 0 && spool_entry_settle(entry, 0, &ok, &error) == 0 &&
	    spool_entry_settle(entry, 1, &no, &error) == 0 && spool_entry_sync(entry, &error) == 0) {
		promise->settled = true;
		if (spool_entry_finish(entry, &error) == 0) {
			promise->finished = true;
			result = 0;
		}
	}
	spool_entry_free(entry);
	return result;
}

static struct promise *
share(void)
{
	/* a file's page, shared with the child */
	FILE *file = tmpfile();
	struct promise *promise;

	assert_non_null(file);
	assert_int_equal(ftruncate(fileno(file), sizeof(*promise)), 0);
	promise = (struct promise *)syscall(SYS_mmap, NULL, sizeof(*promise), 3, 1, fileno(file), 0);
	assert_ptr_not_equal(promise, (void *)-1);
	(void)fclose(file);
	return promise;
}

/* Runs one of the two in a child under a plan; its exit code, or 256 + signal. */
static int
run_planned(struct spool *spool, bool is_courier, bool big, struct promise *promise, int kind, int turn, int number)
{
	pid_t child = fork();

	if (child == 0) {
		plan_calls = 0;
		plan_turn = turn;
		plan_errno = number;
		plan = kind;
		int result = is_courier ? run_courier(spool, promise) : run_caller(spool, big, promise);

		promise->calls = plan_calls;
		_exit(result);
	}
	return support_wait(child);
}

static void
assert_caller_left_order(const struct support *support, const struct promise *promise, int result)
{
	struct spool_entry *entry = NULL;
	struct outcome outcome;
	enum spool_claim claim;

	assert_int_not_equal(result, 3);
	(void)spool_sweep(support->spool, 1000);
	assert_int_equal(support_count(support, "tmp"), 0);
	assert_int_equal(support_count(support, "verdict"), 0);
	claim = spool_claim(support->spool, promise->id[0] != '\0' ? promise->id : "0", &entry, &outcome);
	/* there as a whole, or not at all; there for certain when it was promised, gone when it was taken back */
	assert_true(claim == SPOOL_CLAIMED || claim == SPOOL_GONE);
	if (promise->synced || result == 2)
		assert_int_equal(claim, SPOOL_CLAIMED);
	if (result == 1)
		assert_int_equal(claim, SPOOL_GONE);
	if (claim == SPOOL_CLAIMED) {
		assert_int_equal(spool_entry_count(entry), 2);
		struct outcome ok = support_outcome(VERDICT_DELIVERED, 250, "Ok");

		for (size_t i = 0; i < 2; i++)
			assert_int_equal(spool_entry_settle(entry, i, &ok, &outcome), 0);
		assert_int_equal(spool_entry_finish(entry, &outcome), 0);
	}
	spool_entry_free(entry);
}

static int
try_caller(const struct support *support, bool big, int kind, int number)
{
	struct promise *promise = share();
	int turn = 0, result;

	do {
		memset(promise, 0, sizeof(*promise));
		result = run_planned(support->spool, false, big, promise, kind, ++turn, number);
		assert_caller_left_order(support, promise, result);
	} while (promise->calls == 0 || promise->calls >= turn);
	assert_int_equal(result, 0);
	assert_true(turn > 8);
	return turn - 1;
}

static int
try_courier(const struct support *support, int kind, int number)
{
	struct promise *promise = share();
	int turn = 0, result;

	do {
		struct spool_entry *entry = NULL;
		struct outcome outcome;

		memset(promise, 0, sizeof(*promise));
		support_message(support, 2, promise->id);
		result = run_planned(support->spool, true, false, promise, kind, ++turn, number);
		bool queued = support_exists(support, "queue", promise->id);

		/* one name, always; what was synced is seen by the next one */
		assert_int_equal(queued + support_exists(support, "failed", promise->id), 1);
		/* whoever hears "could not be recorded" may rely on it being in the queue */
		assert_true(promise->finished || kind == PLAN_KILL ? !(promise->finished && queued) : queued);
		if (queued) {
			entry = support_claim(support, promise->id);
			if (promise->settled) {
				assert_int_equal(spool_entry_recipient(entry, 0)->outcome.verdict, VERDICT_DELIVERED);
				assert_int_equal(spool_entry_finish(entry, &outcome), 0);
			}
			spool_entry_free(entry);
		}
	} while (promise->calls == 0 || promise->calls >= turn);
	assert_int_equal(result, 0);
	assert_true(turn > 8);
	return turn - 1;
}

static void
killed_at_every_step(void **state)
{
	const struct support *support = *state;
	int points = try_caller(support, false, PLAN_KILL, 0) + try_caller(support, true, PLAN_KILL, 0) +
	    try_courier(support, PLAN_KILL, 0);

	print_message("kill points tried: %d\n", points);
}

static void
failing_calls_lose_nothing(void **state)
{
	static const int numbers[] = {ENOSPC, EIO, EDQUOT, EROFS};
	const struct support *support = *state;
	int points = 0;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		points += try_caller(support, false, PLAN_FAIL, numbers[i]) + try_caller(support, true, PLAN_FAIL, numbers[i]) +
		    try_courier(support, PLAN_FAIL, numbers[i]);
	print_message("failing calls tried: %d\n", points);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SUPPORT_TEST(killed_at_every_step),
		SUPPORT_TEST(failing_calls_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
