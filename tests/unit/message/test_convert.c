/*
 * Conversion for relays of seven bits: whatever a body holds, a reader gets it back; big messages in little memory; what can't
 * be read or written is put off. The rules of MIME are in the corpus.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/file.h"
#include "message/convert.h"
#include "message/message.h"

static uint64_t state = 1;

static unsigned
chance(unsigned below)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(state >> 33) % below;
}

static int
file_of(const struct buffer *text)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(file_write(fd, text->data, text->length), 0);
	return fd;
}

static int
hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* A reader of its own, strict: anything that RFC 2045 section 6.7 forbids fails. */
static void
decode_quoted(struct buffer *out, const char *text, size_t length)
{
	size_t column = 0;

	for (size_t i = 0; i < length; i++) {
		char c = text[i];

		if (c == '\r' && i + 1 < length && text[i + 1] == '\n') {
			assert_true(i == 0 || (text[i - 1] != ' ' && text[i - 1] != '\t'));
			(void)buffer_append(out, "\r\n", 2);
			column = 0;
			i++;
			continue;
		}
		assert_true(++column <= 76);
		if (c != '=') {
			assert_true((c >= ' ' && c < 127) || c == '\t');
			(void)buffer_append(out, &c, 1);
		} else if (i + 2 < length && text[i + 1] == '\r' && text[i + 2] == '\n') {
			i += 2;
			column = 0;
		} else {
			assert_true(i + 2 < length && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0);
			c = (char)(hex(text[i + 1]) * 16 + hex(text[i + 2]));
			(void)buffer_append(out, &c, 1);
			i += 2;
			assert_true((column += 2) <= 76);
		}
	}
}

static void
decode_base64(struct buffer *out, const char *text, size_t length)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned bits = 0, count = 0;
	size_t column = 0;

	for (size_t i = 0; i < length; i++) {
		const char *digit = strchr(digits, text[i]);
		char c;

		if (text[i] == '\r' || text[i] == '\n') {
			column = 0;
			continue;
		}
		assert_true(++column <= 76);
		if (text[i] == '=')
			continue;
		assert_non_null(digit);
		bits = bits << 6 | (unsigned)(digit - digits);
		if (++count % 4 == 1)
			continue;
		c = (char)(bits >> (count % 4 == 2 ? 4 : count % 4 == 3 ? 2 : 0));
		(void)buffer_append(out, &c, 1);
	}
}

/* Lines of any length, with octets that need it and octets that do not, in turns. */
static void
make_body(struct buffer *body)
{
	unsigned lines = 1 + chance(12), odd = chance(3) * 40;

	for (unsigned i = 0; i < lines; i++) {
		unsigned length = chance(8) == 0 ? chance(40000) : chance(120);

		for (unsigned k = 0; k < length; k++) {
			static const char common[] = "abc = \t.-=_F\"";
			char c = chance(100) < odd ? (char)(1 + chance(255)) : common[chance(sizeof(common) - 1)];

			if (c == '\r' || c == '\n')
				c = '=';
			(void)buffer_append(body, &c, 1);
		}
		(void)buffer_append(body, "\r\n", 2);
	}
}

static void
check_wire(const char *text, size_t length)
{
	size_t line = 0;

	for (size_t i = 0; i < length; i++) {
		assert_true((unsigned char)text[i] < 128);
		line = text[i] == '\n' ? 0 : line + 1;
		assert_true(line <= MESSAGE_LINE_MAX + 1);
	}
}

static void
a_reader_gets_every_octet_back(void **unused)
{
	static const char *const heads[] = {"Content-Type: text/plain; charset=x\r\n\r\n", "Content-Type: a/b\r\n\r\n", "X: y\r\n\r\n"};
	unsigned quoted = 0, based = 0;

	(void)unused;
	for (int round = 0; round < 1500; round++) {
		struct buffer whole, body, back;
		struct convert_needs found;
		struct outcome outcome;
		uint64_t length = 0;
		const char *start;
		char *made;
		size_t size;
		int from, to = memfd_create("to", MFD_CLOEXEC);

		buffer_init(&whole, 1 << 22);
		buffer_init(&body, 1 << 22);
		buffer_init(&back, 1 << 22);
		(void)buffer_append_text(&whole, heads[round % 3]);
		make_body(&body);
		(void)buffer_append(&body, "\xff\r\n", 3);
		(void)buffer_append(&whole, body.data, body.length);
		from = file_of(&whole);
		assert_int_equal(convert_look(from, 0, whole.length, &found), 0);
		assert_true(found.eight_bit);
		assert_int_equal(convert_message(from, 0, whole.length, true, to, &length, &outcome), 0);
		assert_int_equal(lseek(to, 0, SEEK_SET), 0);
		made = file_slurp(to, 1 << 24, &size);
		assert_non_null(made);
		assert_int_equal(size, length);
		check_wire(made, size);
		start = strstr(made, "\r\n\r\n") + 4;
		if (strstr(made, "Content-Transfer-Encoding: base64\r\n") != NULL) {
			decode_base64(&back, start, size - (size_t)(start - made));
			based++;
		} else {
			assert_non_null(strstr(made, "Content-Transfer-Encoding: quoted-printable\r\n"));
			decode_quoted(&back, start, size - (size_t)(start - made));
			quoted++;
		}
		assert_int_equal(back.length, body.length);
		assert_memory_equal(back.data, body.data, body.length);
		free(made);
		buffer_free(&whole);
		buffer_free(&body);
		buffer_free(&back);
		(void)close(from);
		(void)close(to);
	}
	assert_true(quoted > 100 && based > 100);
}

/* What is quoted-printable already says the same afterwards. */
static void
mended_quoted_printable_says_the_same(void **unused)
{
	static const char *const pieces[] = {"x", "=41", "=C3=A9", "=\r\n", "\r\n", "\xff", ".", "\xc3\xa9", "abcdefghij"};

	(void)unused;
	for (int round = 0; round < 500; round++) {
		struct buffer whole, want, back, plain;
		struct outcome outcome;
		uint64_t length = 0;
		const char *start;
		char *made;
		size_t size, head;
		int from, to = memfd_create("to", MFD_CLOEXEC);

		buffer_init(&whole, 1 << 22);
		buffer_init(&want, 1 << 22);
		buffer_init(&back, 1 << 22);
		buffer_init(&plain, 1 << 22);
		(void)buffer_append_text(&whole, "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
		head = whole.length;
		for (unsigned i = chance(900); i > 0; i--)
			(void)buffer_append_text(&whole, pieces[chance(round % 2 == 0 ? 9 : 3)]);
		(void)buffer_append_text(&whole, "\xff\r\n");
		/* by a reader who takes raw octets as they are, and lines of any length */
		for (size_t i = head; i < whole.length; i++) {
			char c = whole.data[i];

			if (c == '=' && whole.data[i + 1] == '\r') {
				i += 2;
				continue;
			}
			if (c == '=') {
				c = (char)(hex(whole.data[i + 1]) * 16 + hex(whole.data[i + 2]));
				i += 2;
			}
			(void)buffer_append(&want, &c, 1);
		}
		from = file_of(&whole);
		assert_int_equal(convert_message(from, 0, whole.length, true, to, &length, &outcome), 0);
		assert_int_equal(lseek(to, 0, SEEK_SET), 0);
		made = file_slurp(to, 1 << 24, &size);
		assert_non_null(made);
		check_wire(made, size);
		start = strstr(made, "\r\n\r\n") + 4;
		for (const char *at = start; at < made + size; at++) {
			char c = *at;

			if (c == '=' && at[1] == '\r') {
				at += 2;
				continue;
			}
			if (c == '=') {
				c = (char)(hex(at[1]) * 16 + hex(at[2]));
				at += 2;
			}
			(void)buffer_append(&back, &c, 1);
		}
		assert_int_equal(back.length, want.length);
		assert_memory_equal(back.data, want.data, want.length);
		free(made);
		buffer_free(&whole);
		buffer_free(&want);
		buffer_free(&back);
		buffer_free(&plain);
		(void)close(from);
		(void)close(to);
	}
}

/* The boundary of the window must not matter: a line with its CRLF at every place near it. */
static void
lines_at_the_edge_of_the_window(void **unused)
{
	(void)unused;
	for (size_t size = 16300; size < 16460; size++) {
		struct buffer whole;
		struct outcome outcome;
		uint64_t length = 0;
		char *made;
		int from, to = memfd_create("to", MFD_CLOEXEC);

		buffer_init(&whole, 1 << 20);
		(void)buffer_append_text(&whole, "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: a/b\r\n\r\n");
		while (whole.length < size)
			(void)buffer_append_text(&whole, "x");
		(void)buffer_append_text(&whole, "\r\n--b\r\n\r\n\xff some text\r\n--b--\r\n");
		from = file_of(&whole);
		assert_int_equal(convert_message(from, 0, whole.length, true, to, &length, &outcome), 0);
		assert_int_equal(lseek(to, 0, SEEK_SET), 0);
		made = file_slurp(to, 1 << 24, NULL);
		assert_non_null(made);
		assert_non_null(strstr(made, "\r\n--b\r\nContent-Type: text/plain; charset=unknown-8bit\r\n"
		    "Content-Transfer-Encoding: quoted-printable\r\n\r\n=FF some text\r\n--b--\r\n"));
		free(made);
		buffer_free(&whole);
		(void)close(from);
		(void)close(to);
	}
}

static void
a_big_message_needs_little_memory(void **unused)
{
	static const char head[] = "Content-Type: text/plain\r\n\r\n", line[] = "gr\xc3\xbc\xc3\x9f " "dich, all work and no play makes Jack a dull boy\r\n";
	int from = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), to = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct buffer block;
	struct rusage before, after;
	struct outcome outcome;
	uint64_t length = strlen(head), written = 0;

	(void)unused;
	assert_true(from >= 0 && to >= 0);
	buffer_init(&block, 1 << 20);
	while (block.length < 65536)
		(void)buffer_append_text(&block, line);
	assert_int_equal(file_write(from, head, strlen(head)), 0);
	for (int i = 0; i < 50 * 16; i++) {
		assert_int_equal(file_write(from, block.data, block.length), 0);
		length += block.length;
	}
	buffer_free(&block);
	(void)getrusage(RUSAGE_SELF, &before);
	assert_int_equal(convert_message(from, 0, length, true, to, &written, &outcome), 0);
	(void)getrusage(RUSAGE_SELF, &after);
	assert_true(written > length);
	assert_true(after.ru_maxrss - before.ru_maxrss < 4096);
	print_message("50 MB: %ld ms, %ld KB more\n", (after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000 +
	    (after.ru_utime.tv_usec - before.ru_utime.tv_usec) / 1000, after.ru_maxrss - before.ru_maxrss);
	(void)close(from);
	(void)close(to);
}

static void
failures_put_the_message_off(void **unused)
{
	struct buffer whole;
	struct convert_needs found;
	struct outcome outcome;
	uint64_t written;
	int from, full = open("/dev/full", O_WRONLY | O_CLOEXEC), to = memfd_create("to", MFD_CLOEXEC);

	(void)unused;
	buffer_init(&whole, 1 << 10);
	(void)buffer_append_text(&whole, "X: y\r\n\r\n\xff\r\n");
	from = file_of(&whole);
	assert_int_equal(convert_message(from, 0, whole.length, true, full, &written, &outcome), -1);
	assert_int_equal(outcome.verdict, VERDICT_DEFERRED);
	assert_non_null(strstr(outcome.text, "No space left"));
	assert_int_equal(convert_message(from, 0, whole.length + 1, true, to, &written, &outcome), -1);
	assert_int_equal(outcome.verdict, VERDICT_DEFERRED);
	assert_int_equal(convert_look(from, 0, whole.length + 1, &found), -1);
	buffer_free(&whole);
	(void)close(from);
	(void)close(full);
	(void)close(to);
}

static void
what_a_message_holds_is_seen(void **unused)
{
	static const struct {
		size_t line;
		const char *end;
		bool long_lines;
	} rows[] = {{998, "\r\n", false}, {999, "\r\n", true}, {998, "", false}, {999, "", true}, {16384, "\r\n", true}, {0, "\r\n", false}};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t before = 0; before < 17000; before += 997) {
			struct buffer whole;
			struct convert_needs found;
			int fd;

			buffer_init(&whole, 1 << 20);
			while (whole.length < before)
				(void)buffer_append_text(&whole, "0123456789\r\n");
			for (size_t k = 0; k < rows[i].line; k++)
				(void)buffer_append_text(&whole, "x");
			(void)buffer_append_text(&whole, rows[i].end);
			fd = file_of(&whole);
			assert_int_equal(convert_look(fd, 0, whole.length, &found), 0);
			assert_int_equal(found.long_lines, rows[i].long_lines);
			assert_false(found.eight_bit);
			buffer_free(&whole);
			(void)close(fd);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reader_gets_every_octet_back),
		cmocka_unit_test(mended_quoted_printable_says_the_same),
		cmocka_unit_test(lines_at_the_edge_of_the_window),
		cmocka_unit_test(a_big_message_needs_little_memory),
		cmocka_unit_test(failures_put_the_message_off),
		cmocka_unit_test(what_a_message_holds_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
