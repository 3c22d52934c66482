/*
 * storage: a disk that is well, sick or dead. fsync() is ours here: the whole program, its libraries
 * included, is linked with it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "compat/storage.h"
#include "spool/spool.h"

#define GUARD_MS 20000	/* far more than anything here takes, far less than a disk that hangs */

enum disk { DISK_WELL, DISK_SICK, DISK_DEAD };

/* one test at a time, and the children inherit it */
static enum disk disk;
/* a pipe; the dead disk answers when its writing end is closed, by the test or by its end */
static int repair[2];

int
fsync(int fd)
{
	char octet;

	(void)fd;
	if (disk == DISK_DEAD) {
		(void)close(repair[1]);
		while (read(repair[0], &octet, 1) > 0)
			;
	}
	errno = EIO;
	return disk == DISK_WELL ? 0 : -1;
}

struct place {
	char                directory[64];
	struct spool       *spool;
	struct spool_draft *draft;
	struct storage      storage;
};

static int
make_message(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	struct envelope envelope;
	struct outcome outcome;

	disk = DISK_WELL;
	assert_int_equal(pipe(repair), 0);
	assert_non_null(place);
	(void)snprintf(place->directory, sizeof(place->directory), "/tmp/mailcrane-storage-XXXXXX");
	assert_non_null(mkdtemp(place->directory));
	assert_int_equal(spool_open(place->directory, false, &place->spool, &outcome), 0);
	envelope_init(&envelope);
	envelope_set_reverse_path(&envelope, "alice@example.org");
	assert_int_equal(envelope_add(&envelope, "bob@example.com"), 0);
	assert_int_equal(spool_draft_new(place->spool, &place->draft, &outcome), 0);
	assert_int_equal(spool_draft_begin(place->draft, &envelope, getuid(), "test", &outcome), 0);
	assert_int_equal(
	    spool_draft_write(place->draft, "To: bob@example.com\r\n\r\nx\r\n", 26, &outcome), 0);
	assert_int_equal(spool_draft_expect(place->draft, &outcome), 0);
	assert_int_equal(spool_draft_commit(place->draft, false, &outcome), 0);
	envelope_free(&envelope);
	place->storage.report = -1;
	*state = place;
	return 0;
}

static int
remove_message(void **state)
{
	struct place *place = *state;
	char command[128];

	/* No test leaves a thread in vfork(): the leak sanitizer, at the end of the program, would wait for it with a lock that its child wants. */
	(void)close(repair[1]);
	while (waitpid(-1, NULL, 0) > 0)
		;
	(void)close(repair[0]);
	storage_end(&place->storage);
	spool_draft_free(place->draft);
	spool_close(place->spool);
	(void)snprintf(command, sizeof(command), "rm -rf %s", place->directory);
	assert_int_equal(system(command), 0);
	free(place);
	return 0;
}

static size_t
queued(const struct place *place)
{
	struct spool_item *items;
	struct outcome outcome;
	size_t count;

	assert_int_equal(spool_list(place->spool, SPOOL_QUEUE, &items, &count, &outcome), 0);
	free(items);
	return count;
}

static void
test_a_synced_message_is_safe(void **state)
{
	struct place *place = *state;
	struct outcome outcome;

	storage_start(&place->storage, place->draft);
	assert_int_equal(storage_wait(&place->storage, deadline_in(GUARD_MS), &outcome), STORAGE_SAFE);
	assert_int_equal(storage_wait(&place->storage, deadline_in(0), &outcome), STORAGE_SAFE);
	assert_int_equal(queued(place), 1);
}

static void
test_a_failed_sync_says_why(void **state)
{
	struct place *place = *state;
	struct outcome outcome;

	disk = DISK_SICK;
	storage_start(&place->storage, place->draft);
	assert_int_equal(storage_wait(&place->storage, deadline_in(GUARD_MS), &outcome), STORAGE_FAILED);
	assert_int_equal(outcome.cause, CAUSE_SPOOL);
	assert_non_null(strstr(outcome.text, strerror(EIO)));
}

static void
test_a_sync_that_hangs_ends_with_the_deadline(void **state)
{
	struct place *place = *state;
	struct outcome outcome;
	int64_t start = deadline_clock();

	disk = DISK_DEAD;
	storage_start(&place->storage, place->draft);
	assert_int_equal(storage_wait(&place->storage, deadline_in(50), &outcome), STORAGE_UNKNOWN);
	assert_non_null(strstr(outcome.text, "does not answer"));
	assert_true(deadline_clock() - start < GUARD_MS);
}

static void
test_alone_it_is_the_same(void **state)
{
	static const struct {
		enum disk           disk;
		int64_t             ms;
		enum storage_status want;
	} rows[] = {
		/* the last one hangs until the test ends */
		{DISK_WELL, GUARD_MS, STORAGE_SAFE}, {DISK_SICK, GUARD_MS, STORAGE_FAILED}, {DISK_WELL, GUARD_MS, STORAGE_SAFE},
		{DISK_DEAD, 50, STORAGE_UNKNOWN},
	};
	struct place *place = *state;
	struct outcome outcome;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		disk = rows[i].disk;
		storage_start_alone(&place->storage, place->draft);
		assert_int_equal(storage_wait(&place->storage, deadline_in(rows[i].ms), &outcome), rows[i].want);
		if (rows[i].want == STORAGE_FAILED)
			assert_non_null(strstr(outcome.text, strerror(EIO)));
	}
}

static void
test_a_message_nobody_serves_is_taken_back(void **state)
{
	struct place *place = *state;

	assert_int_equal(storage_take_back(place->draft, deadline_in(GUARD_MS)), STORAGE_GONE);
	assert_int_equal(queued(place), 0);
}

static void
test_a_message_that_is_served_is_under_way(void **state)
{
	struct place *place = *state;
	struct spool_entry *entry;
	struct outcome outcome;

	assert_int_equal(
	    spool_claim(place->spool, spool_draft_id(place->draft), &entry, &outcome), SPOOL_CLAIMED);
	assert_int_equal(storage_take_back(place->draft, deadline_in(GUARD_MS)), STORAGE_UNDER_WAY);
	spool_entry_free(entry);
	assert_int_equal(queued(place), 1);
}

static void
test_taking_back_ends_with_the_deadline_too(void **state)
{
	struct place *place = *state;

	disk = DISK_DEAD;
	assert_int_equal(storage_take_back(place->draft, deadline_in(50)), STORAGE_STUCK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_a_synced_message_is_safe, make_message, remove_message),
	    cmocka_unit_test_setup_teardown(test_a_failed_sync_says_why, make_message, remove_message),
	    cmocka_unit_test_setup_teardown(
		test_a_sync_that_hangs_ends_with_the_deadline, make_message, remove_message),
	    cmocka_unit_test_setup_teardown(test_alone_it_is_the_same, make_message, remove_message),
	    cmocka_unit_test_setup_teardown(
		test_a_message_nobody_serves_is_taken_back, make_message, remove_message),
	    cmocka_unit_test_setup_teardown(
		test_a_message_that_is_served_is_under_way, make_message, remove_message),
	    cmocka_unit_test_setup_teardown(
		test_taking_back_ends_with_the_deadline_too, make_message, remove_message),
	};

	return cmocka_run_group_tests_name("storage", tests, NULL, NULL);
}
