/*
 * A full queue is seen before the disk is, at a price that does not grow with the queue.
 */
#include "support.h"

#include <sys/resource.h>

static void
queue_is_full_at_its_limit(void **state)
{
	const struct support *support = *state;
	struct outcome outcome;
	char id[SPOOL_ID_SIZE], path[256];
	struct stat status;

	assert_int_equal(spool_check_room(support->spool, 1, &outcome), 0);
	support_message(support, 1, id);
	support_path(support, path, "queue", id);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(spool_check_room(support->spool, (uint64_t)status.st_size + 1, &outcome), 0);
	errno = 0;
	assert_int_equal(spool_check_room(support->spool, (uint64_t)status.st_size, &outcome), -1);
	assert_int_equal(errno, EDQUOT);
	assert_int_equal(outcome.verdict, VERDICT_FAILED);
	assert_int_equal(outcome.cause, CAUSE_SPOOL);
	assert_non_null(strstr(outcome.text, "the queue is full: 1 messages"));
	/* few are counted each time: no file */
	assert_false(support_exists(support, "", "load"));
}

static void
with_many_a_fresh_figure_is_enough_while_it_is_far_from_the_limit(void **state)
{
	const struct support *support = *state;
	const struct timespec old[2] = {{.tv_sec = time(NULL) - 6}, {.tv_sec = time(NULL) - 6}};
	struct outcome outcome;
	char path[256], name[32];
	int fd;

	for (int i = 0; i < 60; i++) {
		(void)snprintf(name, sizeof(name), "M%d", i);
		support_path(support, path, "queue", name);
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		assert_true(fd >= 0 && ftruncate(fd, 1000) == 0);
		(void)close(fd);
	}
	assert_int_equal(spool_check_room(support->spool, 1000000, &outcome), 0);
	assert_true(support_exists(support, "", "load"));
	/* 60000 octets are noted: this is not seen ... */
	support_path(support, path, "queue", "M0");
	assert_int_equal(truncate(path, 2000000), 0);
	assert_int_equal(spool_check_room(support->spool, 1000000, &outcome), 0);
	/* ... where the limit is near it is, and later it is */
	assert_int_equal(spool_check_room(support->spool, 61000, &outcome), -1);
	assert_int_equal(truncate(path, 1000), 0);
	assert_int_equal(spool_check_room(support->spool, 61000, &outcome), 0);
	assert_int_equal(truncate(path, 2000000), 0);
	support_path(support, path, "", "load");
	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
	assert_int_equal(spool_check_room(support->spool, 1000000, &outcome), -1);
}

static void
what_was_given_up_goes_when_its_time_is_over(void **state)
{
	const struct support *support = *state;
	struct timespec old[2] = {{.tv_sec = time(NULL) - 1001}, {.tv_sec = time(NULL) - 1001}};
	char path[256];
	const char *const names[] = {"Old", "New", "Locked"};
	int fd = -1;

	for (size_t i = 0; i < 3; i++) {
		support_path(support, path, "failed", names[i]);
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		assert_true(fd >= 0);
		if (i != 1)
			assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
		if (i == 2)
			assert_int_equal(flock(fd, LOCK_EX), 0);
		else
			(void)close(fd);
	}
	assert_int_equal(spool_sweep(support->spool, 1000), 1);
	assert_false(support_exists(support, "failed", "Old"));
	assert_true(support_exists(support, "failed", "New"));
	assert_true(support_exists(support, "failed", "Locked"));
	(void)close(fd);
	assert_int_equal(spool_sweep(support->spool, 1000), 1);
	assert_true(support_exists(support, "failed", "New"));
}

static void
probe_writes_and_leaves_nothing(void **state)
{
	const struct support *support = *state;
	struct rlimit none, before;
	struct outcome outcome;
	char path[256];

	assert_int_equal(spool_probe(support->spool, &outcome), 0);
	/* that it can be opened is not enough */
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	errno = 0;
	assert_int_equal(spool_probe(support->spool, &outcome), -1);
	assert_int_equal(errno, EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(outcome.cause, CAUSE_SPOOL);
	assert_non_null(strstr(outcome.text, "no new mail can be kept"));
	support_path(support, path, "tmp", "");
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SUPPORT_TEST(queue_is_full_at_its_limit),
		SUPPORT_TEST(with_many_a_fresh_figure_is_enough_while_it_is_far_from_the_limit),
		SUPPORT_TEST(probe_writes_and_leaves_nothing),
		SUPPORT_TEST(what_was_given_up_goes_when_its_time_is_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
