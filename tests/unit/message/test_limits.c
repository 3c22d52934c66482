/*
 * Long lines, big messages, and input that fails, stalls or comes from a terminal.
 */
#include "harness.h"

#include <fcntl.h>
#include <pty.h>
#include <sys/resource.h>
#include <termios.h>

#define HEAD "Date: d\r\nMessage-ID: <m>\r\nFrom: f@x\r\n"

static const char *const word = "b@x";

static struct message_request
plain_request(uint64_t most)
{
	return (struct message_request){.default_domain = "host.example", .user_name = "alice", .max_message = most,
	    .dots_are_text = true, .recipients = &word, .recipient_count = 1};
}

/* Runs twice, in small and in large portions, and wants the same. */
static void
run(struct harness *harness, const struct buffer *input)
{
	struct message_request request = plain_request(1 << 22);
	struct harness other;

	harness_run(&other, &request, input->data, input->length, 97);
	harness_run(harness, &request, input->data, input->length, 65536);
	assert_int_equal(harness->result, other.result);
	assert_int_equal(harness->wire.length, other.wire.length);
	assert_memory_equal(harness->wire.data, other.wire.data, other.wire.length);
	harness_free(&other);
}

static void
add(struct buffer *buffer, const char *text, size_t times)
{
	while (times-- > 0)
		assert_int_equal(buffer_append_text(buffer, text), 0);
}

/* No line over 998 octets, each ends in CRLF, no other CR or LF, all header lines are fields or folds with text. */
static void
check_wire(const struct harness *harness)
{
	const char *at = harness->wire.data, *end = at + harness->wire.length, *newline;
	bool in_headers = true;

	for (; at < end; at = newline + 1) {
		newline = memchr(at, '\n', (size_t)(end - at));
		assert_non_null(newline);
		assert_true(newline > at && newline[-1] == '\r');
		assert_null(memchr(at, '\r', (size_t)(newline - 1 - at)));
		assert_true(newline - 1 - at <= MESSAGE_LINE_MAX);
		if (in_headers && newline - at > 1)
			assert_true(strspn(at, " \t") < (size_t)(newline - 1 - at));
		in_headers = in_headers && newline - at > 1;
	}
	assert_false(in_headers);
}

/* Whether the relay can take them is looked at when they are sent. */
static void
body_lines_of_any_length_stay(void **state)
{
	static const struct {
		const char *piece;
		size_t times;
	} table[] = {
		{"x", 998}, {"x", 999}, {"x", 4095}, {"x", 4096}, {"x", 4097}, {"x", 10000}, {"word ", 1000}, {"\303\244", 3000},
		{" ", 9000}, {"\200", 3000}, {".", 999}, {"x", 200000},
	};
	static const char *const ends[] = {"", "\n", "\r\n", "\r\r\r\n", "\r"};
	struct buffer input, want;
	struct harness harness;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]) * 5; i++) {
		buffer_init(&input, 1 << 20);
		buffer_init(&want, 1 << 20);
		add(&want, HEAD "\r\n", 1);
		add(&want, table[i / 5].piece, table[i / 5].times);
		add(&input, want.data, 1);
		add(&input, ends[i % 5], 1);
		add(&want, "\r\n", 1);
		run(&harness, &input);
		assert_string_equal(harness.wire.data, want.data);
		harness_free(&harness);
		buffer_free(&input);
		buffer_free(&want);
	}
}

static void
header_lines_are_folded(void **state)
{
	static const struct {
		const char *start, *piece;
		size_t times;
		const char *fold;	/* what stands where a line was cut, in place of `instead` */
		const char *instead;
	} table[] = {
		{"Subject:", " word", 1000, "\r\n ", " "}, 		{"To: ", "abc@example.com,", 300, "\r\n ", ""}, {"Message-Info: ", "word ", 900, "\r\n ", " "},
		{"References:", " <a@b>", 3000, "\r\n ", " "},
	};
	struct buffer input, line, got;
	struct harness harness;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		buffer_init(&input, 1 << 20);
		buffer_init(&line, 1 << 20);
		buffer_init(&got, 1 << 20);
		add(&line, table[i].start, 1);
		add(&line, table[i].piece, table[i].times);
		add(&input, HEAD, 1);
		add(&input, line.data, 1);
		add(&input, "\n\n", 1);
		run(&harness, &input);
		check_wire(&harness);
		for (const char *text = harness.wire.data + strlen(HEAD), *next; text != NULL; text = next) {
			next = strstr(text, table[i].fold);
			(void)buffer_append(&got, text, next != NULL ? (size_t)(next - text) : strlen(text));
			if (next != NULL) {
				assert_true(((unsigned char)next[3] & 0xC0) != 0x80);
				(void)buffer_append_text(&got, table[i].instead);
				next += strlen(table[i].fold);
				if (table[i].piece[0] == 'a')
					assert_int_equal(strncmp(next, "abc", 3), 0);
			}
		}
		got.data[got.length - 4] = '\0';
		assert_string_equal(got.data, line.data);
		harness_free(&harness);
		buffer_free(&input);
		buffer_free(&line);
		buffer_free(&got);
	}
}

static void
floods_of_blanks_leave_no_empty_line(void **state)
{
	static const char *const ends[] = {"", "y", "\n z"};
	struct buffer input;
	struct harness harness;

	(void)state;
	for (size_t times = 480; times < 3200; times += 247)
		for (size_t i = 0; i < 3; i++) {
			buffer_init(&input, 1 << 20);
			add(&input, HEAD "X: x\n", 1);
			add(&input, " ", times);
			add(&input, "a", 1);
			add(&input, " ", times);
			add(&input, ends[i], 1);
			add(&input, "\n\nbody\n", 1);
			run(&harness, &input);
			check_wire(&harness);
			assert_non_null(strstr(harness.wire.data, "a"));
			assert_non_null(strstr(harness.wire.data, "\r\n\r\nbody\r\n"));
			harness_free(&harness);
			buffer_free(&input);
		}
}

static void
headers_have_a_cap(void **state)
{
	struct message_request request = plain_request(1 << 24);
	struct buffer input;
	struct harness harness;

	(void)state;
	for (size_t lines = 250; lines <= 270; lines += 20) {
		buffer_init(&input, 1 << 20);
		for (size_t i = 0; i < lines; i++)
			add(&input, i == 0 ? "X: " : " ", 1), add(&input, "0123456789abcdef", 64), add(&input, "\n", 1);
		add(&input, "\nbody\n", 1);
		harness_run(&harness, &request, input.data, input.length, 4096);
		assert_int_equal(harness.result, lines == 250 ? 0 : -1);
		if (lines > 250) {
			assert_int_equal(harness.outcome.cause, CAUSE_INPUT);
			assert_false(harness.begun);
			assert_string_equal(harness.outcome.text, "the headers are longer than 256 KB");
		}
		harness_free(&harness);
		buffer_free(&input);
	}
}

static void
the_limit_counts_wire_octets(void **state)
{
	struct message_request request = plain_request(strlen(HEAD) + 2 + 6);
	struct harness harness;

	(void)state;
	harness_run(&harness, &request, HEAD "\na\nb", strlen(HEAD) + 4, 5);
	assert_int_equal(harness.result, 0);
	assert_int_equal(harness.wire.length, strlen(HEAD) + 8);
	harness_free(&harness);
	harness_run(&harness, &request, HEAD "\na\nb\n\n\nmore", strlen(HEAD) + 12, 5);
	assert_int_equal(harness.result, -1);
	assert_int_equal(harness.outcome.cause, CAUSE_TOO_BIG);
	assert_int_equal(harness.outcome.stage, STAGE_INPUT);
	assert_non_null(strstr(harness.outcome.text, "[queue] max_message"));
	harness_free(&harness);
}

static void
a_failed_read_is_no_end_of_input(void **state)
{
	struct message_request request = plain_request(1 << 20);
	struct harness harness = {0};
	struct message_sink sink = {&harness, harness_begin, harness_write};
	struct envelope envelope;
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);		/* EISDIR */

	(void)state;
	assert_int_equal(message_accept(fd, &request, &sink, &envelope, &harness.outcome), -1);
	assert_int_equal(harness.outcome.cause, CAUSE_INPUT);
	assert_false(harness.begun);
	(void)close(fd);
}

static int
accept_into(struct harness *harness, int fd, bool dots_are_text)
{
	struct message_request request = plain_request(1 << 20);
	struct message_sink sink = {harness, harness_begin, harness_write};
	struct envelope envelope;
	int result;

	*harness = (struct harness){0};
	buffer_init(&harness->who, 1 << 20);
	buffer_init(&harness->wire, 1 << 20);
	request.dots_are_text = dots_are_text;
	(void)alarm(30);
	result = message_accept(fd, &request, &sink, &envelope, &harness->outcome);
	(void)alarm(0);
	if (result == 0)
		envelope_free(&envelope);
	return result;
}

static void
a_nonblocking_input_is_waited_for(void **state)
{
	struct harness harness;
	int pipes[2], status;
	pid_t child;

	(void)state;
	assert_int_equal(pipe2(pipes, O_CLOEXEC | O_NONBLOCK), 0);
	child = fork();
	if (child == 0) {
		for (int i = 0; i < 5; i++) {
			(void)usleep(20000);
			if (write(pipes[1], "x\n", 2) != 2)
				_exit(1);
		}
		_exit(0);
	}
	(void)close(pipes[1]);
	assert_int_equal(accept_into(&harness, pipes[0], true), 0);
	assert_non_null(strstr(harness.wire.data, "\r\n\r\nx\r\nx\r\nx\r\nx\r\nx\r\n"));
	assert_int_equal(waitpid(child, &status, 0), child);
	(void)close(pipes[0]);
	harness_free(&harness);
}

static void
a_dot_on_a_terminal_ends_at_once(void **state)
{
	struct harness harness;
	int master, terminal;

	(void)state;
	if (openpty(&master, &terminal, NULL, NULL, NULL) != 0)
		skip();
	assert_int_equal(write(master, "hello\n.\nnever read\n", 19), 19);
	assert_int_equal(accept_into(&harness, terminal, false), 0);
	assert_non_null(strstr(harness.wire.data, "\r\n\r\nhello\r\n"));
	assert_null(strstr(harness.wire.data, "never"));
	harness_free(&harness);
	(void)close(master);
	(void)close(terminal);
}

static int
refusing_write(void *context, const void *data, size_t length, struct outcome *outcome)
{
	(void)context;
	(void)data;
	(void)length;
	outcome_set(outcome, VERDICT_FAILED, STAGE_SPOOL, CAUSE_SPOOL, "full");
	return -1;
}

static int
counting_write(void *context, const void *data, size_t length, struct outcome *outcome)
{
	(void)data;
	(void)outcome;
	*(uint64_t *)context += length;
	return 0;
}

static int
quiet_begin(void *context, const struct envelope *envelope, struct outcome *outcome)
{
	(void)context;
	(void)envelope;
	(void)outcome;
	return 0;
}

static int
stream_fd(size_t megabytes)
{
	char block[65536];
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = i % 72 == 71 ? '\n' : 'a';
	for (size_t i = 0; i < megabytes * 16; i++)
		assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void
what_the_sink_says_is_passed_on_and_the_input_drained(void **state)
{
	struct message_request request = plain_request(1 << 26);
	struct message_sink sink = {NULL, quiet_begin, refusing_write};
	struct envelope envelope;
	struct outcome outcome = {0};
	int fd = stream_fd(1);

	(void)state;
	assert_int_equal(message_accept(fd, &request, &sink, &envelope, &outcome), -1);
	assert_int_equal(outcome.cause, CAUSE_SPOOL);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 1 << 20);
	(void)close(fd);
}

static void
a_big_message_needs_little_memory(void **state)
{
	uint64_t total = 0;
	struct message_request request = plain_request(1 << 27);
	struct message_sink sink = {&total, quiet_begin, counting_write};
	struct envelope envelope;
	struct outcome outcome;
	struct rusage before, after;
	int fd = stream_fd(50);

	(void)state;
	(void)getrusage(RUSAGE_SELF, &before);
	assert_int_equal(message_accept(fd, &request, &sink, &envelope, &outcome), 0);
	(void)getrusage(RUSAGE_SELF, &after);
	envelope_free(&envelope);
	assert_true(total > 50 << 20);
	assert_true(after.ru_maxrss - before.ru_maxrss < 4096);
	print_message("50 MB: %ld ms of CPU, %ld KB more\n",
	    (after.ru_utime.tv_sec - before.ru_utime.tv_sec + after.ru_stime.tv_sec - before.ru_stime.tv_sec) * 1000 +
	    (after.ru_utime.tv_usec - before.ru_utime.tv_usec + after.ru_stime.tv_usec - before.ru_stime.tv_usec) / 1000,
	    after.ru_maxrss - before.ru_maxrss);
	(void)close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(body_lines_of_any_length_stay),
		cmocka_unit_test(header_lines_are_folded),
		cmocka_unit_test(floods_of_blanks_leave_no_empty_line),
		cmocka_unit_test(headers_have_a_cap),
		cmocka_unit_test(the_limit_counts_wire_octets),
		cmocka_unit_test(a_failed_read_is_no_end_of_input),
		cmocka_unit_test(a_nonblocking_input_is_waited_for),
		cmocka_unit_test(a_dot_on_a_terminal_ends_at_once),
		cmocka_unit_test(what_the_sink_says_is_passed_on_and_the_input_drained),
		cmocka_unit_test(a_big_message_needs_little_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
