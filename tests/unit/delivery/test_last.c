/*
 * The last success and failure, and a file that is none of ours.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "delivery/last.h"

static char directory[64], file[96];
static struct spool *spool;

static int
set_up(void **state)
{
	struct outcome outcome;

	(void)state;
	(void)snprintf(directory, sizeof(directory), "/tmp/last-test-XXXXXX");
	if (mkdtemp(directory) == NULL)
		return -1;
	(void)snprintf(file, sizeof(file), "%s/last", directory);
	return spool_open(directory, true, &spool, &outcome);
}

static int
tear_down(void **state)
{
	char command[128];

	(void)state;
	spool_close(spool);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", directory);
	return system(command);
}

static void
each_has_its_place(void **state)
{
	struct outcome failure, success = {.verdict = VERDICT_DELIVERED};
	struct last last;
	struct stat status;

	(void)state;
	last_load(spool, &last);
	assert_int_equal(last.success, 0);
	outcome_set(&failure, VERDICT_DEFERRED, STAGE_AUTH, CAUSE_AUTH_REFUSED, "no such \"user\"  here");
	failure.reply = 535;
	last_note(spool, "0abcDEF", &failure);
	last_load(spool, &last);
	assert_int_equal(last.success, 0);
	assert_true(last.failure > 1000000000);
	assert_string_equal(last.failure_id, "0abcDEF");
	assert_int_equal(last.why.stage, STAGE_AUTH);
	assert_int_equal(last.why.cause, CAUSE_AUTH_REFUSED);
	assert_int_equal(last.why.reply, 535);
	assert_string_equal(last.why.text, "no such \"user\"  here");
	last_note(spool, "1xyz", &success);
	last_load(spool, &last);
	assert_string_equal(last.success_id, "1xyz");
	assert_string_equal(last.failure_id, "0abcDEF");
	/* the group's, as all of the spool */
	assert_int_equal(stat(file, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0660);
	assert_int_equal(status.st_size, 1024);
}

static void
a_long_text_stays_in_its_place(void **state)
{
	const struct outcome success = {.verdict = VERDICT_DELIVERED};
	struct outcome failure;
	struct last last;

	(void)state;
	last_note(spool, "0", &success);
	outcome_set(&failure, VERDICT_FAILED, STAGE_RCPT, CAUSE_RECIPIENT_REFUSED, "%0300d", 7);
	last_note(spool, "0123456789012345678901234567890", &failure);
	last_load(spool, &last);
	assert_string_equal(last.success_id, "0");
	assert_int_equal(last.why.cause, CAUSE_RECIPIENT_REFUSED);
	assert_int_equal(strlen(last.why.text), sizeof(last.why.text) - 1);
}

static void
a_held_login_is_no_news(void **state)
{
	struct outcome failure;
	struct last last;

	(void)state;
	outcome_set(&failure, VERDICT_DEFERRED, STAGE_AUTH, CAUSE_AUTH_REFUSED, "wrong");
	last_note(spool, "1", &failure);
	outcome_set(&failure, VERDICT_DEFERRED, STAGE_AUTH, CAUSE_AUTH_HELD, "held");
	last_note(spool, "2", &failure);
	last_load(spool, &last);
	assert_string_equal(last.failure_id, "1");
}

static void
what_is_none_of_ours_counts_as_nothing(void **state)
{
	static const char *const texts[] = {"", "garbage", "12", "1800000000 \033[2J x y z w"};
	struct last last;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

		assert_true(fd >= 0);
		assert_int_equal(file_write(fd, texts[i], strlen(texts[i])), 0);
		assert_int_equal(close(fd), 0);
		last_load(spool, &last);
		assert_string_equal(last.success_id, "");
		assert_int_equal(last.failure, 0);
	}
	assert_int_equal(unlink(file), 0);
	assert_int_equal(symlink("/etc/passwd", file), 0);
	last_load(spool, &last);
	last_note(spool, "1", &(const struct outcome){.verdict = VERDICT_DELIVERED});
	assert_int_equal(last.success, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_has_its_place, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_long_text_stays_in_its_place, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_held_login_is_no_news, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_none_of_ours_counts_as_nothing, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("last", tests, NULL, NULL);
}
