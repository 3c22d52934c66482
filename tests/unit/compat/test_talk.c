/*
 * talk: lines as they arrive, replies that nobody reads, data that breaks off.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/deadline.h"
#include "base/file.h"
#include "compat/talk.h"

struct pipes {
	struct talk *talk;
	int to, from;		/* the client's ends, -1 when closed */
};

static struct pipes
pipes_open(int64_t patience)
{
	struct pipes pipes = {.talk = memory_alloc(sizeof(struct talk))};
	int in[2], out[2];

	(void)signal(SIGPIPE, SIG_IGN);
	(void)alarm(60);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	talk_init(pipes.talk, in[0], out[1], patience);
	pipes.to = in[1];
	pipes.from = out[0];
	return pipes;
}

static void
pipes_shut(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static void
pipes_close(struct pipes *pipes)
{
	pipes_shut(&pipes->to);
	pipes_shut(&pipes->from);
	(void)close(pipes->talk->in);
	(void)close(pipes->talk->out);
	talk_free(pipes->talk);
	free(pipes->talk);
}

static void
say(struct pipes *pipes, const char *text)
{
	assert_int_equal(file_write(pipes->to, text, strlen(text)), 0);
}

static void
expect_line(struct pipes *pipes, const char *want)
{
	const char *line;
	size_t length;

	assert_int_equal(talk_line(pipes->talk, &line, &length), TALK_LINE);
	assert_int_equal(length, strlen(want));
	assert_memory_equal(line, want, length);
}

static void
expect_result(struct pipes *pipes, enum talk_result want)
{
	const char *line;
	size_t length;

	assert_int_equal(talk_line(pipes->talk, &line, &length), want);
}

static void
test_lines_of_a_crlf_client(void **state)
{
	struct pipes pipes = pipes_open(1000);

	(void)state;
	say(&pipes, "one\r\n\r\ntwo\r\r\nthree");
	expect_line(&pipes, "one");
	expect_line(&pipes, "");
	expect_line(&pipes, "two\r");
	say(&pipes, "\nfour\r\n");
	expect_result(&pipes, TALK_BARE_LF);
	pipes_close(&pipes);
}

static void
test_lines_of_an_lf_client(void **state)
{
	struct pipes pipes = pipes_open(1000);

	(void)state;
	say(&pipes, "one\ntwo\r\nthree\nfour");
	pipes_shut(&pipes.to);
	expect_line(&pipes, "one");
	expect_line(&pipes, "two");
	expect_line(&pipes, "three");
	expect_result(&pipes, TALK_END);	/* no line end: it was cut off */
	expect_result(&pipes, TALK_END);
	pipes_close(&pipes);
}

static void
test_a_line_too_long_is_one_result(void **state)
{
	static const size_t lengths[] = {2046, 2047, 2048, 4096, 32768, 65000, 100000};
	char *text = memory_alloc(100001);

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct pipes pipes = pipes_open(1000);

		memset(text, 'a', lengths[i]);
		text[lengths[i]] = '\0';
		(void)fcntl(pipes.to, F_SETPIPE_SZ, 1 << 20);
		say(&pipes, text);
		say(&pipes, "\r\nnext\r\n");
		if (lengths[i] + 2 <= COMMAND_LINE_MAX)
			expect_line(&pipes, text);
		else
			expect_result(&pipes, TALK_TOO_LONG);
		expect_line(&pipes, "next");
		pipes_close(&pipes);
	}
	free(text);
}

static void
test_has_more_does_not_wait(void **state)
{
	struct pipes pipes = pipes_open(1000);

	(void)state;
	assert_false(talk_has_more(pipes.talk));
	say(&pipes, "a\r\nb");
	expect_line(&pipes, "a");
	assert_true(talk_has_more(pipes.talk));
	say(&pipes, "\r\n");
	expect_line(&pipes, "b");
	assert_false(talk_has_more(pipes.talk));
	say(&pipes, "c");
	assert_true(talk_has_more(pipes.talk));
	pipes_shut(&pipes.to);
	expect_result(&pipes, TALK_END);
	pipes_close(&pipes);
}

static void
expect_said(struct pipes *pipes, const char *want)
{
	char text[1024];
	ssize_t n = read(pipes->from, text, sizeof(text) - 1);

	assert_true(n >= 0);
	text[n] = '\0';
	assert_string_equal(text, want);
}

static void
test_replies_are_whole_printable_lines(void **state)
{
	struct pipes pipes = pipes_open(1000);
	char long_text[2000];

	(void)state;
	talk_reply(pipes.talk, "250 %s", "a\r\n250 b\001\xc3\xa9");
	assert_int_equal(talk_flush(pipes.talk), 0);
	expect_said(&pipes, "250 a 250 b???\r\n");
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	talk_reply(pipes.talk, "250 %s", long_text);
	assert_int_equal(talk_flush(pipes.talk), 0);
	memcpy(long_text, "250 ", 4);
	memcpy(long_text + 510, "\r\n", 3);
	expect_said(&pipes, long_text);
	pipes_close(&pipes);
}

/* What the client has not said yet is waited for only after what we have to say was written. */
static void
test_replies_go_out_before_waiting(void **state)
{
	struct pipes pipes = pipes_open(1000);

	(void)state;
	say(&pipes, "a\r\nb\r\n");
	expect_line(&pipes, "a");
	talk_reply(pipes.talk, "250 a");
	expect_line(&pipes, "b");
	talk_reply(pipes.talk, "250 b");
	pipes_shut(&pipes.to);
	expect_result(&pipes, TALK_END);
	expect_said(&pipes, "250 a\r\n250 b\r\n");
	pipes_close(&pipes);
}

static void
test_a_client_that_does_not_read_is_given_up(void **state)
{
	struct pipes pipes = pipes_open(200);
	int64_t start = deadline_clock();

	(void)state;
	for (int i = 0; i < 10000; i++)
		talk_reply(pipes.talk, "250 2.1.5 OK");
	assert_int_equal(talk_flush(pipes.talk), -1);
	assert_true(pipes.talk->is_deaf);
	assert_in_range(deadline_clock() - start, 200, 20000);
	expect_result(&pipes, TALK_DEAF);
	pipes_close(&pipes);
}

/* It may write, though, while there is room for the replies. */
static void
test_unread_replies_do_not_stop_reading(void **state)
{
	struct pipes pipes = pipes_open(10000);

	(void)state;
	for (int i = 0; i < 20000; i++) {
		say(&pipes, "x\r\n");
		expect_line(&pipes, "x");
		talk_reply(pipes.talk, "250 2.1.5 OK");
	}
	assert_true(pipes.talk->replies.length > 64 * 1024);
	assert_false(pipes.talk->is_deaf);
	pipes_close(&pipes);
}

static void
test_a_closed_reader_is_deaf(void **state)
{
	struct pipes pipes = pipes_open(10000);

	(void)state;
	pipes_shut(&pipes.from);
	talk_reply(pipes.talk, "220 x");
	say(&pipes, "EHLO x\r\n");
	expect_result(&pipes, TALK_DEAF);
	assert_int_equal(talk_flush(pipes.talk), -1);
	pipes_close(&pipes);
}

static void
test_a_socket_is_as_good(void **state)
{
	struct talk *talk = memory_alloc(sizeof(*talk));
	int pair[2];
	char text[64];
	int64_t start = deadline_clock();

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	talk_init(talk, pair[0], pair[0], 200);
	talk_reply(talk, "220 x");
	assert_int_equal(talk_flush(talk), 0);
	assert_int_equal(read(pair[1], text, sizeof(text)), 7);
	for (int i = 0; i < 70000 && talk->replies.length < TALK_REPLIES_MAX; i++)
		talk_reply(talk, "250 2.1.5 OK");
	assert_int_equal(talk_flush(talk), -1);
	assert_in_range(deadline_clock() - start, 200, 20000);
	(void)close(pair[0]);
	(void)close(pair[1]);
	talk_free(talk);
	free(talk);
}

static void
test_data_up_to_the_dot(void **state)
{
	struct pipes pipes = pipes_open(1000);
	char text[64];

	(void)state;
	say(&pipes, "DATA\r\n..x\r\ny\n.\n\r\n.\r\nQUIT\r\n");
	expect_line(&pipes, "DATA");
	talk_data_begin(pipes.talk);
	assert_int_equal(talk_data(pipes.talk, text, sizeof(text)), 10);
	assert_memory_equal(text, ".x\r\ny\n.\n\r\n", 10);
	assert_int_equal(talk_data(pipes.talk, text, sizeof(text)), 0);
	assert_int_equal(talk_data(pipes.talk, text, sizeof(text)), 0);
	expect_line(&pipes, "QUIT");
	pipes_close(&pipes);
}

static void
test_data_that_breaks_off(void **state)
{
	struct pipes pipes = pipes_open(1000);
	char text[64];

	(void)state;
	say(&pipes, "DATA\r\ntext\r\n.");
	pipes_shut(&pipes.to);
	expect_line(&pipes, "DATA");
	talk_data_begin(pipes.talk);
	assert_int_equal(talk_data(pipes.talk, text, sizeof(text)), 6);
	assert_int_equal(talk_data(pipes.talk, text, sizeof(text)), -1);
	assert_int_equal(errno, ECONNRESET);
	assert_int_equal(talk_data(pipes.talk, text, sizeof(text)), -1);
	assert_true(pipes.talk->dots.place != DOTS_END);
	pipes_close(&pipes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_of_a_crlf_client),
		cmocka_unit_test(test_lines_of_an_lf_client),
		cmocka_unit_test(test_a_line_too_long_is_one_result),
		cmocka_unit_test(test_has_more_does_not_wait),
		cmocka_unit_test(test_replies_are_whole_printable_lines),
		cmocka_unit_test(test_replies_go_out_before_waiting),
		cmocka_unit_test(test_a_client_that_does_not_read_is_given_up),
		cmocka_unit_test(test_unread_replies_do_not_stop_reading),
		cmocka_unit_test(test_a_closed_reader_is_deaf),
		cmocka_unit_test(test_a_socket_is_as_good),
		cmocka_unit_test(test_data_up_to_the_dot),
		cmocka_unit_test(test_data_that_breaks_off),
	};

	return cmocka_run_group_tests_name("talk", tests, NULL, NULL);
}
