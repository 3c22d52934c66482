/*
 * Address lists as people and programs write them. A result is written as "display|address" items joined by " ; ", a bare
 * address with "!" in front, a missing display or the null address as nothing; an error as "ERROR why".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "message/address.h"
#include "message/address_scan.h"

struct row {
	const char *input, *want;
};

#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X242 X50 X50 X50 X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static const struct row rows[] = {
	{"", ""},
	{"   ", ""},
	{",", ""},
	{" , ,, ", ""},
	{"a@b.example", "|a@b.example"},
	{"a@b.example,", "|a@b.example"},
	{",a@b.example", "|a@b.example"},
	{"a@b.example,c@d.example", "|a@b.example ; |c@d.example"},
	{"a@b.example, c@d.example", "|a@b.example ; |c@d.example"},
	{"a@b.example,,c@d.example,", "|a@b.example ; |c@d.example"},
	{"a@b.example,\r\n c@d.example", "|a@b.example ; |c@d.example"},
	{"a@b.example,\r\n\tc@d.example", "|a@b.example ; |c@d.example"},
	{"a@b.example; c@d.example", "|a@b.example ; |c@d.example"},
	{"root", "|!root"},
	{"<root>", "|!root"},
	{"Anacron <root>", "Anacron|!root"},
	{"root (Cron Daemon)", "Cron Daemon|!root"},
	{"admin@example.com, root", "|admin@example.com ; |!root"},
	{"root@localhost", "|root@localhost"},
	{"<>", "|"},
	{"Nobody <>", "Nobody|"},
	{"Bob <bob@example.com>", "Bob|bob@example.com"},
	{"Bob<bob@example.com>", "Bob|bob@example.com"},
	{"  Bob   Q  Public  < bob@example.com >", "Bob Q Public|bob@example.com"},
	{"John Q. Public <j@example.com>", "John Q. Public|j@example.com"},
	{"\"Doe, John\" <j@example.com>", "Doe, John|j@example.com"},
	{"\"a \\\"b\\\" c\" <j@example.com>", "a \"b\" c|j@example.com"},
	{"\"\" <j@example.com>", "|j@example.com"},
	{"\"x\"<j@example.com>", "x|j@example.com"},
	{"bob@example.com <bob@example.com>", "bob@example.com|bob@example.com"},
	{"a@b@c <bob@example.com>", "a@b@c|bob@example.com"},
	{"[ACME] Support <s@example.com>", "[ACME] Support|s@example.com"},
	{"O\\'Neil <o@example.com>", "O\\'Neil|o@example.com"},
	{"o'neil@example.com", "|o'neil@example.com"},
	{"a+b=c@example.com", "|a+b=c@example.com"},
	{"!#$%&'*+-/=?^_`{|}~@example.com", "|!#$%&'*+-/=?^_`{|}~@example.com"},
	{"\"a b\"@example.com", "|\"a b\"@example.com"},
	{"\"a@b\"@example.com", "|\"a@b\"@example.com"},
	{"\"a,b\"@example.com", "|\"a,b\"@example.com"},
	{"<\"a,b\"@example.com>", "|\"a,b\"@example.com"},
	{"\"a\\\"b\"@example.com", "|\"a\\\"b\"@example.com"},
	{"\"a>b\"@example.com, c@d", "|\"a>b\"@example.com ; |c@d"},
	{"\"a\".b@example.com", "|\"a.b\"@example.com"},
	{"a..b@example.com", "|\"a..b\"@example.com"},
	{"a.@example.com", "|\"a.\"@example.com"},
	{".a@example.com", "|\".a\"@example.com"},
	{"a . b @ c . example", "|a.b@c.example"},
	{"a(x)@(y)b.example(z)", "z|a@b.example"},
	{"a@b.example (one (two (three)) \\) four)", "one (two (three)) \\) four|a@b.example"},
	{"(before) a@b.example", "before|a@b.example"},
	{"(just a comment)", ""},
	{"a@b.example (x), c@d.example", "x|a@b.example ; |c@d.example"},
	{"undisclosed-recipients:;", ""},
	{"undisclosed-recipients: ;", ""},
	{"undisclosed-recipients:", ""},
	{"g: a@b.example, c@d.example;", "|a@b.example ; |c@d.example"},
	{"My group: Bob <bob@b.example>;, z@z.example", "Bob|bob@b.example ; |z@z.example"},
	{"\"quoted group\":a@b.example;", "|a@b.example"},
	{"a: b@c.example; d: e@f.example;", "|b@c.example ; |e@f.example"},
	{"=?UTF-8?B?TcOp?= <me@example.org>", "=?UTF-8?B?TcOp?=|me@example.org"},
	{"=?UTF-8?Q?Foo,_Bar?= <me@example.org>", "=?UTF-8?Q?Foo,_Bar?=|me@example.org"},
	{"=?utf-8?q?a@b?= <c@d.example>", "=?utf-8?q?a@b?=|c@d.example"},
	{"=?UTF-8?Q?a?= =?UTF-8?Q?b?= <c@d.example>", "=?UTF-8?Q?a?= =?UTF-8?Q?b?=|c@d.example"},
	{"M\303\251 <me@example.org>", "M\303\251|me@example.org"},
	{"\"M\303\251, x\" <me@example.org>", "M\303\251, x|me@example.org"},
	{"me@example.org (M\303\251)", "M\303\251|me@example.org"},
	{"<@a.example,@b.example:c@d.example>", "|c@d.example"},
	{"X <@a.example:c@d.example>", "X|c@d.example"},
	{"a@[192.0.2.1]", "|a@[192.0.2.1]"},
	{"<a@[IPv6:2001:db8::1]>", "|a@[IPv6:2001:db8::1]"},
	{"a@my_host.example", "|a@my_host.example"},
	{"a@xn--bcher-kva.example", "|a@xn--bcher-kva.example"},
	{"\"Bob\r\n Public\" <b@c.example>", "Bob Public|b@c.example"},
	{X242 "@a.example12", "|" X242 "@a.example12"},
	{X242 "@a.example123", "ERROR longer than 254 octets"},
	{"<" X242 "@a.example123>", "ERROR longer than 254 octets"},
	{"=?UTF-8?Q?a?=", "ERROR malformed address"},
	{"=?u?q?a,b@evil?=@example.com", "ERROR malformed address"},
	{"John Smith", "ERROR two words where an address should be"},
	{"John Smith@example.com", "ERROR two words where an address should be"},
	{"<John Smith@example.com>", "ERROR two words where an address should be"},
	{"\"root\"", "ERROR a name without an address"},
	{"\"bob@example.com\"", "ERROR a name without an address"},
	{"a@b@c", "ERROR more than one @"},
	{"@b", "ERROR nothing before the @"},
	{"a@", "ERROR nothing behind the @"},
	{"a@b c", "ERROR blank in the domain"},
	{"a@b..c", "ERROR malformed domain"},
	{"a@.b", "ERROR malformed domain"},
	{"a@b.", "|a@b"},
	{"Write to bob@example.com., c@d", "ERROR two words where an address should be"},
	{"bob@example.com., c@d", "|bob@example.com ; |c@d"},
	{"a@b..", "ERROR malformed domain"},
	{"a@b\303\274cher.example.", "|a@xn--bcher-kva.example"},
	{"a@b\303\274cher.example\343\200\202", "|a@xn--bcher-kva.example"},
	{"\"\"@b", "|\"\"@b"},
	{"g: <a@b>, ;, c@d", "|a@b ; |c@d"},
	{"< @a , @b : c@d >", "|c@d"},
	{"<@a:>", "ERROR no address"},
	{"a@-b", "ERROR malformed domain"},
	{"a@b'", "ERROR malformed domain"},
	{"a@[]", "ERROR malformed domain"},
	{"a@[1.2", "ERROR unbalanced bracket"},
	{"<a@b", "ERROR missing >"},
	{"<a@b, c@d>", "ERROR missing >"},
	{"<<a@b>>", "ERROR missing >"},
	{"a@b>", "ERROR unbalanced >"},
	{"<a@b> c", "ERROR text behind the >"},
	{"<a@b><c@d>", "ERROR text behind the >"},
	{"<@a", "ERROR malformed route"},
	{"<@a>", "ERROR malformed route"},
	{"\"a@b", "ERROR unbalanced quote"},
	{"(a@b", "ERROR unbalanced parenthesis"},
	{"a@b)", "ERROR unbalanced parenthesis"},
	{"a: b: c@d;", "ERROR colon at a wrong place"},
	{"a@b: c", "ERROR colon at a wrong place"},
	{"a\\b@c", "ERROR malformed address"},
	{"\303\251@example.com", "|\303\251@example.com"},
	{"\"\303\251 x\"@example.com", "|\"\303\251 x\"@example.com"},
	{"M\303\251 <\303\251.b@example.com>", "M\303\251|\303\251.b@example.com"},
	{"\303\251", "|!\303\251"},
	{"\351@example.com", "ERROR neither US-ASCII nor UTF-8"},
	{"\"\351\"@example.com", "ERROR neither US-ASCII nor UTF-8"},
	{"a\302\205b@example.com", "ERROR neither US-ASCII nor UTF-8"},	/* NEL, a control character */
	{"a\342\200\256b@example.com", "ERROR neither US-ASCII nor UTF-8"},	/* turns the line round on a terminal */
	{"\300\200@example.com", "ERROR neither US-ASCII nor UTF-8"},	/* overlong NUL */
	{"a@b\303\274cher.example", "|a@xn--bcher-kva.example"},
	{"a@B\303\234CHER.Example", "|a@xn--bcher-kva.example"},
	{"a@bu\314\210cher.example", "|a@xn--bcher-kva.example"},	/* u and a combining diaeresis */
	{"a@stra\303\237e.example", "|a@xn--strae-oqa.example"},
	{"a@b\303\274cher\343\200\202example", "|a@xn--bcher-kva.example"},	/* ideographic full stop */
	{"a@\344\276\213\343\201\210.\343\203\206\343\202\271\343\203\210", "|a@xn--r8jz45g.xn--zckzah"},
	{"\303\251@b\303\274cher.example", "|\303\251@xn--bcher-kva.example"},
	{"<@r\303\251.example:a@b\303\274cher.example>", "|a@xn--bcher-kva.example"},
	{"a@b\374cher.example", "ERROR a domain outside US-ASCII that can't be one"},
	{"a@\342\200\213.example", "ERROR malformed domain"},	/* zero width space alone */
	{"a@b\303\274cher..example", "ERROR malformed domain"},
	{"a@b\303\274\357\274\240c.example", "ERROR a domain outside US-ASCII that can't be one"},	/* a fullwidth @ stays out */
	{"a@[\303\274]", "ERROR a domain outside US-ASCII that can't be one"},
	{"a@b\r\nBcc: x@y", "ERROR control character"},
	{"a@b\nBcc: x@y", "ERROR control character"},
	{"a@b\n", "ERROR control character"},
	{"\"a\r\nRCPT TO:<x@y>\"@b", "ERROR control character"},
	{"\"a\\\nb\"@b", "ERROR control character"},
	{"\"a\tb\"@c", "ERROR control character in the address"},
	{"a@[1\t2]", "ERROR malformed domain"},
	{"a\001@b", "ERROR control character"},
	{"a@b\177", "ERROR control character"},
	{"a@b (x\001)", "ERROR control character"},
	{"((((((((((((((((((((((((((((((((a))))))))))))))))))))))))))))))))", ""},
	{"(((((((((((((((((((((((((((((((((a)))))))))))))))))))))))))))))))))", "ERROR comments nested too deep"},
};

static void
write_list(char *text, size_t size, const char *input, size_t length)
{
	struct mailbox_list list;
	const char *why = NULL;
	size_t at = 0;

	text[0] = '\0';
	if (address_list_parse(input, length, &list, &why) != 0) {
		(void)snprintf(text, size, "ERROR %s", why);
		return;
	}
	for (size_t i = 0; i < list.count && at < size; i++)
		at += (size_t)snprintf(text + at, size - at, "%s%s|%s%s", i > 0 ? " ; " : "",
		    list.items[i].display != NULL ? list.items[i].display : "", list.items[i].is_bare ? "!" : "",
		    list.items[i].address);
	address_list_free(&list);
}

static void
lists_are_read_as_written(void **state)
{
	char got[4096], *exact;
	size_t length;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		length = strlen(rows[i].input);
		exact = malloc(length > 0 ? length : 1);	/* no NUL behind it: reading over the end shows */
		assert_non_null(exact);
		memcpy(exact, rows[i].input, length);
		write_list(got, sizeof(got), exact, length);
		free(exact);
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("row %zu [%s]\n got [%s]\nwant [%s]", i, rows[i].input, got, rows[i].want);
	}
}

static void
nul_is_a_control_character(void **state)
{
	char got[256];

	(void)state;
	write_list(got, sizeof(got), "a\0b@c", 5);
	assert_string_equal(got, "ERROR control character");
}

/* What can't be understood is passed over: the rest of the list is as good as without it. */
static void
a_scan_goes_on_behind_a_mistake(void **state)
{
	static const struct row table[] = {
		{"-f, bob@x, Full Name, me@y", "-f bob@x (Full Name) me@y"},
		{"a@@b, c@d", "(a@@b) c@d"},
		{"c@d, a@@b", "c@d (a@@b)"},
		{"<a@b> c, d@e", "(<a@b> c) d@e"},
		{"<a@b, c@d>, e@f", "(<a@b) (c@d>) e@f"},
		{"g: a b, c@d;, e@f", "(a b) c@d e@f"},
		{"g: c@d, a b; e@f", "c@d (a b) e@f"},
		{"a@b, \"x, c@d", "a@b (\"x, c@d)"},
		{"a@b, (x, c@d", "a@b ((x, c@d)"},
		{"a@b, c@d)", "a@b (c@d))"},
		{"a: b: c@d, e@f", "(b: c@d) e@f"},
		{"\351@x, c@d", "(\351@x) c@d"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct address_scan scan;
		struct mailbox mailbox;
		char got[256] = "";
		size_t at = 0;
		int result;

		address_scan_init(&scan, table[i].input, strlen(table[i].input));
		while ((result = address_scan_next(&scan, &mailbox)) != 0) {
			if (result > 0) {
				at += (size_t)snprintf(got + at, sizeof(got) - at, "%s%s", at > 0 ? " " : "", mailbox.address);
				address_scan_free(&mailbox);
				continue;
			}
			address_scan_resume(&scan);
			at += (size_t)snprintf(got + at, sizeof(got) - at, "%s(%.*s)", at > 0 ? " " : "",
			    (int)(scan.item_end - scan.item_start), table[i].input + scan.item_start);
		}
		if (strcmp(got, table[i].want) != 0)
			fail_msg("[%s]\n got [%s]\nwant [%s]", table[i].input, got, table[i].want);
	}
}

static void
a_list_has_an_end(void **state)
{
	char got[256], *text = malloc(2 * 10001);

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < 10001; i++)
		memcpy(text + 2 * i, "a,", 2);
	write_list(got, sizeof(got), text, 2 * 10001);
	assert_string_equal(got, "ERROR too many addresses");
	free(text);
}

static void
domains(void **state)
{
	static const char *const good[] = {"a", "a.b", "a-b.c", "1.example", "[1.2.3.4]", "[IPv6:::1]", "my_host"};
	static const char *const bad[] = {"", ".", "a.", ".a", "a..b", "-a", "a-", "a-.b", "a b", "a@b", "[", "[]", "[a", "[a]b",
	    "a\nb", X50 "aaaaaaaaaaaaaa.b"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(address_domain_ok(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (address_domain_ok(bad[i]))
			fail_msg("[%s] passed", bad[i]);
}

static void
names_are_quoted_or_encoded_as_needed(void **state)
{
	static const struct {
		const char *display, *want;
	} table[] = {
		{NULL, "a@b"}, {"", "a@b"}, {"  ", "a@b"},
		{"Bob", "Bob <a@b>"},
		{"Some One", "Some One <a@b>"},
		{"O'Neil \"Q\" (z), x", "\"O'Neil \\\"Q\\\" (z), x\" <a@b>"},
		{"J. Doe", "\"J. Doe\" <a@b>"},
		{"back\\slash", "\"back\\\\slash\" <a@b>"},
		{"M\303\251", "=?UTF-8?Q?M=C3=A9?= <a@b>"},
		{"M\303\251 X", "=?UTF-8?Q?M=C3=A9_X?= <a@b>"},
		{"M\351", "=?ISO-8859-1?Q?M=E9?= <a@b>"},
		{"=?UTF-8?Q?M=C3=A9?=", "=?UTF-8?Q?M=C3=A9?= <a@b>"},
		{"=?UTF-8?Q?M._C=C3=A9?=", "=?UTF-8?Q?M._C=C3=A9?= <a@b>"},
		{"=?, x@y <z@w>", "\"=?, x@y <z@w>\" <a@b>"},
		{"x\r\nBcc: y@z", "\"x  Bcc: y@z\" <a@b>"},
	};
	char *got;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		got = address_format(table[i].display, "a@b");
		assert_string_equal(got, table[i].want);
		free(got);
	}
}

static void
long_names_become_several_words(void **state)
{
	char name[101], *got;

	(void)state;
	for (size_t i = 0; i < 100; i += 2)
		memcpy(name + i, "\303\244", 2);
	name[100] = '\0';
	got = address_format(name, "a@b");
	for (char *line = strtok(got, "\r\n"); line != NULL; line = strtok(NULL, "\r\n")) {
		assert_true(strlen(line) <= 76);
		assert_non_null(strstr(line, "?="));
	}
	free(got);
}

static void
qualified_addresses_fit_the_limit(void **state)
{
	char *got = address_qualify("root", "example.com");

	(void)state;
	assert_string_equal(got, "root@example.com");
	free(got);
	assert_null(address_qualify(X242, "a.example1234"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_are_read_as_written),
		cmocka_unit_test(nul_is_a_control_character),
		cmocka_unit_test(a_scan_goes_on_behind_a_mistake),
		cmocka_unit_test(a_list_has_an_end),
		cmocka_unit_test(domains),
		cmocka_unit_test(names_are_quoted_or_encoded_as_needed),
		cmocka_unit_test(long_names_become_several_words),
		cmocka_unit_test(qualified_addresses_fit_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
