/*
 * body: what passes as the message in the spool, plain and with transparency dots, in pieces of every size.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "wire/body.h"

struct row {
	const char *name, *message, *stream;
	bool right, ended;
};

static const struct row stuffed[] = {
	{"plain", "a\r\n", "a\r\n.\r\n", true, true},
	{"dots", ".\r\n..a\r\n", "..\r\n...a\r\n.\r\n", true, true},
	{"not-ended", "a\r\n", "a\r\n", true, false},
	{"half-a-dot", "a\r\n", "a\r\n.\r", true, false},
	{"one-octet-other", "abc\r\n", "abd\r\n.\r\n", false, false},
	{"unstuffed", ".\r\na\r\n", ".\r\na\r\n.\r\n", false, false},
	{"too-short", "a\r\nb\r\n", "a\r\n.\r\n", false, false},
	{"too-long", "a\r\n", "a\r\nb\r\n.\r\n", false, false},
	{"something-behind", "a\r\n", "a\r\n.\r\nMAIL", false, false},
	{"dot-cr-other", "a\r\n", "a\r\n.\rx", false, false},
	{"needless-dot", "a\r\n", ".a\r\n.\r\n", true, true},
	{"bare-lf-end", "a\r\n", "a\r\n.\n", false, false},
};

static const struct row plain[] = {
	{"same", "a\r\n.\r\n", "a\r\n.\r\n", true, false},
	{"last-octet-other", "abc\r\n", "abc\r\r", false, false},
	{"first-octet-other", "abc\r\n", "xbc\r\n", false, false},
	{"too-long", "a\r\n", "a\r\n\n", false, false},
};

static void
check(const struct row *row, int (*match)(struct body *, const char *, size_t), size_t piece)
{
	struct transaction transaction = {.message_fd = memfd_create("m", MFD_CLOEXEC), .message_offset = 3,
	    .message_length = strlen(row->message)};
	struct body body;
	size_t length = strlen(row->stream);
	int result = 0;

	assert_int_equal(pwrite(transaction.message_fd, row->message, strlen(row->message), 3), strlen(row->message));
	/* more in the file than belongs to the message */
	assert_int_equal(pwrite(transaction.message_fd, "b\r\n", 3, (off_t)(3 + strlen(row->message))), 3);
	body_init(&body, &transaction);
	for (size_t i = 0; i < length && result == 0; i += piece)
		result = match(&body, row->stream + i, length - i < piece ? length - i : piece);
	if ((result == 0) != row->right)
		fail_msg("%s in pieces of %zu: %d", row->name, piece, result);
	if (row->right)
		assert_int_equal(body_ended(&body), row->ended);
	if (row->right)
		assert_true(body_complete(&body));
	(void)close(transaction.message_fd);
}

static void
a_stream_with_dots_is_compared(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(stuffed) / sizeof(stuffed[0]); i++)
		for (size_t piece = 1; piece < 20; piece++)
			check(&stuffed[i], body_match_stuffed, piece);
}

static void
a_plain_stream_is_compared(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		for (size_t piece = 1; piece < 20; piece++)
			check(&plain[i], body_match, piece);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_with_dots_is_compared),
		cmocka_unit_test(a_plain_stream_is_compared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
