/*
 * dots: what ends the data and what is unstuffed. A row is what a client sends, what comes out, and what is left behind the
 * final dot (NULL: it did not come). Each row is run cut at every place, and with an output that takes two octets at a time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "compat/dots.h"

struct row {
	const char *in;
	const char *want;
	const char *rest;
};

static const struct row crlf[] = {
	{"text\r\n.\r\n", "text\r\n", ""},
	{".\r\n", "", ""},
	{".\r\nQUIT\r\n", "", "QUIT\r\n"},
	{"text\r\n.\r\n.\r\n", "text\r\n", ".\r\n"},
	{"text", "text", NULL},
	{"text\r\n", "text\r\n", NULL},
	{"text\r\n.", "text\r\n", NULL},
	{"text\r\n.\r", "text\r\n", NULL},
	{"..\r\n.\r\n", ".\r\n", ""},
	{"...\r\n.\r\n", "..\r\n", ""},
	{".x\r\n.\r\n", "x\r\n", ""},
	{"x.\r\n.\r\n", "x.\r\n", ""},
	{"a\r\n\r\n.\r\n", "a\r\n\r\n", ""},
	/* what is the end elsewhere */
	{"a\n.\nb", "a\n.\nb", NULL},
	{"a\n.\r\nb", "a\n.\r\nb", NULL},
	{"a\r\n.\nb", "a\r\n\nb", NULL},
	{"a\r.\rb", "a\r.\rb", NULL},
	{"a\r\n.\rb", "a\r\n\rb", NULL},
	{"a\r.\r\nb", "a\r.\r\nb", NULL},
	{"a\n\r.\r\nb", "a\n\r.\r\nb", NULL},
	{"a\r\n.\r\r\nb", "a\r\n\r\r\nb", NULL},
	{"a\r\n.\r.\r\nb", "a\r\n\r.\r\nb", NULL},
	{"a\r\n. \r\nb", "a\r\n \r\nb", NULL},
	{"a\n\n.\n\nb", "a\n\n.\n\nb", NULL},
	/* and these are the end in spite of what stands before */
	{"a\r\r\n.\r\nb", "a\r\r\n", "b"},
	{"a\n\r\n.\r\nb", "a\n\r\n", "b"},
	{"\r\n.\r\nb", "\r\n", "b"},
	/* a stuffed dot behind a bare LF is none of ours */
	{"a\n..\r\n.\r\n", "a\n..\r\n", ""},
};

static const struct row lf[] = {
	{"text\n.\n", "text\n", ""},
	{".\nQUIT\n", "", "QUIT\n"},
	{"a\n..\n.\n", "a\n.\n", ""},
	{"a\r\n.\r\nb", "a\r\n", "b"},
	{"a\r\n.\nb", "a\r\n", "b"},
	{"a\n.\r\nb", "a\n", "b"},
	{"a\r.\r\nb", "a\r.\r\nb", NULL},
	{"a\n.\rb", "a\n\rb", NULL},
	{"a\n.b\n", "a\nb\n", NULL},
	{"a\n.", "a\n", NULL},
};

/* In portions that end at `cut` and at the end. */
static void
check(const struct row *row, bool lf_ends, size_t cut, size_t room)
{
	size_t length = strlen(row->in), at = 0, written = 0;
	char out[256];
	struct dots dots;

	dots_init(&dots, lf_ends);
	while (at < length && dots.place != DOTS_END) {
		size_t part = (at < cut ? cut : length) - at;

		assert_true(written + room < sizeof(out));
		written += dots_take(&dots, row->in + at, &part, out + written, room);
		at += part;
	}
	out[written] = '\0';
	if (strcmp(out, row->want) != 0 || (dots.place == DOTS_END) != (row->rest != NULL) ||
	    (row->rest != NULL && strcmp(row->in + at, row->rest) != 0))
		fail_msg("'%s' cut at %zu: '%s', %s, rest '%s'", row->in, cut, out,
		    dots.place == DOTS_END ? "ended" : "open", row->in + at);
}

static void
check_table(const struct row *rows, size_t count, bool lf_ends)
{
	for (size_t i = 0; i < count; i++)
		for (size_t cut = 0; cut <= strlen(rows[i].in); cut++) {
			check(&rows[i], lf_ends, cut, 200);
			check(&rows[i], lf_ends, cut, 2);
			check(&rows[i], lf_ends, cut, 3);
		}
}

static void
test_crlf_client(void **state)
{
	(void)state;
	check_table(crlf, sizeof(crlf) / sizeof(crlf[0]), false);
}

static void
test_lf_client(void **state)
{
	(void)state;
	check_table(lf, sizeof(lf) / sizeof(lf[0]), true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crlf_client),
		cmocka_unit_test(test_lf_client),
	};

	return cmocka_run_group_tests_name("dots", tests, NULL, NULL);
}
