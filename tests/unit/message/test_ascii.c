/*
 * Header text with octets over 127: a reader that decodes gets the same text back. The rules are in the corpus.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "message/ascii.h"
#include "message/mime_word.h"

static uint64_t seed = 7;

static unsigned
chance(unsigned below)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(seed >> 33) % below;
}

static void
decode_word(struct buffer *out, char encoding, const char *text, size_t length)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned bits = 0, count = 0, octet;

	for (size_t i = 0; i < length; i++) {
		char c = text[i];

		if (encoding == 'Q') {
			if (c == '=') {
				assert_int_equal(sscanf(text + i + 1, "%2X", &octet), 1);
				c = (char)octet;
				i += 2;
			} else if (c == '_') {
				c = ' ';
			}
		} else {
			if (c == '=')
				break;
			assert_non_null(strchr(digits, c));
			bits = bits << 6 | (unsigned)(strchr(digits, c) - digits);
			if (++count % 4 == 1)
				continue;
			c = (char)(bits >> (count % 4 == 2 ? 4 : count % 4 == 3 ? 2 : 0));
		}
		(void)buffer_append(out, &c, 1);
	}
}

/* As RFC 2047 section 6.2 says: blanks between two encoded words are not there; folds are no characters. Each word must hold whole
 * characters. */
static void
decode(struct buffer *out, const char *text)
{
	bool after_word = false;
	size_t blanks = 0;

	while (*text != '\0') {
		if (*text == '\r' || *text == '\n') {
			text++;
			continue;
		}
		if (strncmp(text, "=?UTF-8?", 8) == 0) {
			const char *end = strstr(text + 10, "?=");
			struct buffer word;

			assert_non_null(end);
			assert_true(end + 2 - text <= 75);
			if (after_word)
				out->length -= blanks;
			buffer_init(&word, 256);
			decode_word(&word, text[8], text + 10, (size_t)(end - text) - 10);
			assert_true(mime_word_is_valid(word.data, word.length));
			(void)buffer_append(out, word.data, word.length);
			buffer_free(&word);
			text = end + 2;
			after_word = true;
			blanks = 0;
			continue;
		}
		blanks = *text == ' ' || *text == '\t' ? blanks + 1 : 0;
		after_word = after_word && blanks > 0;
		(void)buffer_append(out, text++, 1);
	}
	(void)buffer_append(out, "", 1);
}

static void
check_lines(const char *text)
{
	for (const char *line = text, *next; *line != '\0'; line = next) {
		const char *word;

		next = strchr(line, '\n') != NULL ? strchr(line, '\n') + 1 : line + strlen(line);
		word = strstr(line, "=?UTF-8?");
		/* a single word of ASCII may be longer than a line */
		if (word != NULL && word < next && strstr(line, "aaaaaaaaaaaaaaaaaaaaaaaa") == NULL)
			assert_true(next - line <= 78);
	}
}

static void
a_reader_gets_the_text_back(void **state)
{
	static const char *const words[] = {"caf\xc3\xa9", "\xc3\xa9", "plain", "a", "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", "\xf0\x9f\x98\x80",
	    "=?", "?=", "=?x?=", "_", "=41", "\"q\"", "(c)", "=?UTF-8?Q?pre=C3=A9?=", "=?UTF-8?B?w6k=?="};
	static const char *const blanks[] = {" ", " ", " ", "  ", "\t", "\r\n ", "\r\n\t "};

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct buffer text, made, want, got;
		unsigned count = 1 + chance(round % 10 == 0 ? 60 : 8);

		buffer_init(&text, 1 << 20);
		buffer_init(&made, 1 << 20);
		buffer_init(&want, 1 << 20);
		buffer_init(&got, 1 << 20);
		(void)buffer_append_text(&made, "Subject: ");
		for (unsigned i = 0; i < count; i++) {
			(void)buffer_append_text(&text, words[chance(sizeof(words) / sizeof(words[0]))]);
			if (i + 1 < count)
				(void)buffer_append_text(&text, blanks[chance(sizeof(blanks) / sizeof(blanks[0]))]);
		}
		assert_int_equal(ascii_text(&made, text.data, text.length, 900, "UTF-8"), 0);
		assert_true(ascii_is(made.data, made.length));
		check_lines(made.data);
		decode(&want, text.data);
		decode(&got, made.data + strlen("Subject: "));
		if (got.length != want.length || memcmp(got.data, want.data, got.length) != 0)
			fail_msg("[%s]\n[%s]\n[%s]", text.data, made.data, got.data);
		buffer_free(&text);
		buffer_free(&made);
		buffer_free(&want);
		buffer_free(&got);
	}
}

static void
a_full_buffer_is_an_error(void **state)
{
	struct buffer out;

	(void)state;
	for (size_t room = 0; room < 60; room++) {
		buffer_init(&out, room);
		(void)ascii_headers(&out, "Subject: \xc3\xa9\r\nTo: \xc3\xa9 <a@b>\r\n", 27);
		assert_true(out.length <= room);
		buffer_free(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reader_gets_the_text_back),
		cmocka_unit_test(a_full_buffer_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
