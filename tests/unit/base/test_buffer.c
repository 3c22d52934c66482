/* Growth up to the cap and not an octet further. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/exitcode.h"

static void
it_grows_to_its_cap_and_no_further(void **state)
{
	struct buffer buffer;

	(void)state;
	buffer_init(&buffer, 1000);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(buffer_append(&buffer, "x", 1), 0);
	errno = 0;
	assert_int_equal(buffer_append(&buffer, "x", 1), -1);
	assert_int_equal(errno, ERANGE);
	assert_int_equal(buffer_append(&buffer, "", 0), 0);
	assert_int_equal(buffer_append_text(&buffer, "x"), -1);
	assert_int_equal(buffer_append_format(&buffer, "%d", 1), -1);
	assert_int_equal(buffer.length, 1000);
	assert_int_equal(strlen(buffer.data), 1000);
	assert_int_equal(buffer_append(&buffer, "x", SIZE_MAX), -1);
	buffer_free(&buffer);
	assert_null(buffer.data);
	assert_int_equal(buffer.limit, 1000);
	assert_int_equal(buffer_append_text(&buffer, "again"), 0);
	buffer_wipe(&buffer);
	buffer_free(NULL);
	buffer_wipe(NULL);
}

static void
text_and_format_join(void **state)
{
	struct buffer buffer;

	(void)state;
	buffer_init(&buffer, 100);
	assert_int_equal(buffer_append_text(&buffer, "RCPT TO:"), 0);
	assert_int_equal(buffer_append_format(&buffer, "<%s> %d", "a@b", 7), 0);
	assert_int_equal(buffer_append(&buffer, "\0z", 2), 0);
	assert_int_equal(buffer.length, 17);
	assert_memory_equal(buffer.data, "RCPT TO:<a@b> 7\0z", 18);
	buffer_free(&buffer);
}

static void
consuming_keeps_the_rest(void **state)
{
	struct buffer buffer;

	(void)state;
	buffer_init(&buffer, 100);
	buffer_consume(&buffer, 5);
	assert_int_equal(buffer_append_text(&buffer, "abcdef"), 0);
	buffer_consume(&buffer, 0);
	buffer_consume(&buffer, 2);
	assert_string_equal(buffer.data, "cdef");
	buffer_consume(&buffer, 99);
	assert_int_equal(buffer.length, 0);
	assert_string_equal(buffer.data, "");
	buffer_free(&buffer);
}

static void
memory_is_zeroed_and_copied(void **state)
{
	char *zero = memory_alloc(16), *copy = memory_copy("a\0b", 3), *text = memory_copy_text("abc");

	(void)state;
	assert_memory_equal(zero, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	assert_memory_equal(copy, "a\0b", 4);
	assert_string_equal(text, "abc");
	free(memory_alloc(0));
	zero = memory_resize(zero, 8, 8);
	free(zero);
	free(copy);
	free(text);
}

static void
running_out_ends_the_process_with_69(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0) {
		(void)close(STDERR_FILENO);
		(void)memory_copy("x", strlen("") - 1);
		_exit(0);
	}
	assert_true(child > 0 && waitpid(child, &status, 0) == child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EXIT_REFUSED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_grows_to_its_cap_and_no_further),
		cmocka_unit_test(text_and_format_join),
		cmocka_unit_test(consuming_keeps_the_rest),
		cmocka_unit_test(memory_is_zeroed_and_copied),
		cmocka_unit_test(running_out_ends_the_process_with_69),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
