/*
 * Aliases: a row is an aliases file, a name, what it stands for, and the first remark (a part of it; NULL: there is none). "@D@" is
 * the directory of the test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "message/alias.h"
#include "message/alias_file.h"
#include "message/remark.h"

static char directory[] = "/tmp/mailcrane-alias-XXXXXX";
static const struct local here = {.domain = "example.com", .host = "web1.host.example"};

struct row {
	const char *file, *name, *want, *remark;
};

static const struct row rows[] = {
	{"root: a@x\n", "root", "a@x", NULL},
	{"root: a@x", "root", "a@x", NULL},
	{"root:a@x\r\n", "root", "a@x", NULL},
	{"\xef\xbb\xbfroot: a@x\n", "root", "a@x", NULL},
	{"Root : a@x\n", "rOOT", "a@x", NULL},
	{"root: a@x, b@x\n", "root", "a@x b@x", NULL},
	{"root: a@x,\n  b@x\n\tc@x\nbob: d@x\n", "root", "a@x b@x c@x", NULL},
	{"root: a@x,\n# not this: z@z,\n\n  b@x\n", "root", "a@x b@x", NULL},
	{"# c\n  # c too\n\nroot: a@x\n", "root", "a@x", NULL},
	{"# c \\\nroot: a@x, \\\nb@x\n", "root", "a@x b@x", NULL},
	{"root: A <a@x>, \"B, C\" <b@x>, c@x (one, two)\n", "root", "a@x b@x c@x", NULL},
	{"root: g: a@x, b@x;\n", "root", "a@x b@x", NULL},
	{"\"mary ann\": m@x\n", "mary ann", "m@x", NULL},
	{"\"Mary:Ann\" : m@x\n", "mary:ann", "m@x", NULL},
	{"caf\303\251: \303\251@x\n", "caf\303\251", "\303\251@x", NULL},
	{"root: a@b\303\274cher.example\n", "root", "a@xn--bcher-kva.example", NULL},
	{"root: bob\nbob: a@x\n", "root", "a@x", NULL},
	{"root: bob\n", "root", "bob", NULL},
	{"root: bob@localhost\nbob: a@x\n", "root", "a@x", NULL},
	{"root: bob@WEB1\nbob: a@x\n", "root", "a@x", NULL},
	{"root: bob@web1.host.example\nbob: a@x\n", "root", "a@x", NULL},
	{"root: bob@example.com\nbob: a@x\n", "root", "bob@example.com", NULL},
	{"root: bob, carol\nbob: a@x\ncarol: a@x, bob\n", "root", "a@x a@x", NULL},
	{"*: a@x\n", "nobody", "a@x", NULL},
	{"*: a@x\nroot: b@x\n", "root", "b@x", NULL},
	{"*: admin\n", "nobody", "admin", NULL},
	{"postmaster: root\n*: a@x\n", "postmaster", "a@x", NULL},
	{"bob: x@y\n", "root", NULL, NULL},
	{"", "root", NULL, NULL},
	/* itself */
	{"bob: bob, c@x\n", "bob", "bob c@x", NULL},
	{"bob: \\bob, c@x\n", "bob", "bob c@x", NULL},
	{"root: \\bob\nbob: c@x\n", "root", "bob", NULL},
	/* circles */
	{"a: b\nb: a\n", "a", "a", ":2: \"a\": this goes round in a circle"},
	{"a: b, x@y\nb: c\nc: a\n", "a", "a x@y", ":3: \"a\": this goes round in a circle"},
	/* what can't be used is left out, and a name with nothing left stands for itself */
	{"root: |/bin/prog, a@x\n", "root", "a@x", ":1: \"|/bin/prog\": commands are never run"},
	{"root: \"|/bin/prog -x, y\", a@x\n", "root", "a@x", "commands are never run"},
	{"root: |/bin/prog\n", "root", NULL, "commands are never run"},
	{"root: a@x,\n\n  /var/mail/root\n", "root", "a@x", ":3: \"/var/mail/root\": files are never written"},
	{"root: |/bin/prog\n*: a@x\n", "root", "a@x", "root: no target of this alias can be used"},
	{"*: |/bin/prog\n", "root", NULL, "*: no target of this alias can be used"},
	{"root: /dev/null\n", "root", NULL, "files are never written"},
	{"root: :blackhole:, a@x\n", "root", "a@x", "only :include: is known"},
	{"root: John Smith, a@x\n", "root", "a@x", ":1: \"John Smith\": two words"},
	{"root: a@@x\n", "root", NULL, "more than one @"},
	{"root: <>, a@x\n", "root", "a@x", "no address"},
	{"root: \"a@x\n", "root", NULL, "unbalanced quote"},
	/* lines that are none */
	{"this is nothing\nroot: a@x\n", "root", "a@x", ":1: this is not a line"},
	{"\nroot a@x\n", "root", NULL, ":2: this is not a line"},
	{"  root: a@x\nbob: b@x\n", "bob", "b@x", ":1: a line that begins with a blank"},
	{"root:\nbob: b@x\n", "bob", "b@x", ":1: there is no address"},
	{"a\n\nb: c@x\nroot@x: y\n", "b", "c@x", ":1: this is not a line"},
	{"root@x: y\n", "root", NULL, ":1: a name with a domain"},
	{": y\n", "root", NULL, ":1: the name is missing"},
	{"\"\": y\n", "root", NULL, ":1: the name is missing"},
	{"mary ann: y\n", "mary ann", NULL, ":1: a name with a blank"},
	{"\"mary: y\n", "mary", NULL, ":1: this is not a line"},
	{"root: a@x\nROOT: b@x\n", "root", "a@x", ":2: root was there before"},
	{"root: a@x\001\n", "root", NULL, "control character"},
	/* included files */
	{"root: :include:@D@/list\n", "root", "i@x j@x bob", NULL},
	{"root: \":include:@D@/list\", a@x\nbob: b@x\n", "root", "i@x j@x b@x a@x", NULL},
	{"root: a@x, :Include: @D@/list\n", "root", "a@x i@x j@x bob", NULL},
	{"root: :include:@D@/missing, a@x\n", "root", "a@x", "No such file"},
	{"root: :include:@D@/missing\n", "root", NULL, "No such file"},
	{"root: :include:list, a@x\n", "root", "a@x", "whole path"},
	{"root: :include:@D@/open, a@x\n", "root", "a@x", "others than its owner can write"},
	{"root: :include:@D@, a@x\n", "root", "a@x", "not a regular file"},
	{"root: :include:@D@/self\n", "root", "s@x", "this file includes itself"},
	/* what somebody forgot to close ends with its line: those behind it get their mail */
	{"root: :include:@D@/open-quote\n", "root", "a@x c@x e@x", "/open-quote:2: "},
	{"root: :include:@D@/wrong\n", "root", "w@x", "/wrong:3: \"a@@b\": more than one @"},
	{"a: :include:@D@/list, :include:@D@/list\n", "a", "i@x j@x bob", NULL},
};

static void
write_file(const char *name, const char *text, mode_t mode)
{
	char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	(void)unlink(path);
	file = fopen(path, "w");
	assert_non_null(file);
	for (const char *c = text; *c != '\0'; c++)
		if (strncmp(c, "@D@", 3) == 0) {
			assert_true(fputs(directory, file) >= 0);
			c += 2;
		} else {
			assert_int_equal(fputc(*c, file), (unsigned char)*c);
		}
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static struct alias_set *
set_of(struct buffer *remarks)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/aliases", directory);
	buffer_init(remarks, REMARK_MAX);
	return alias_new(path, remarks);
}

/* The addresses, a blank between two; NULL for no alias. */
static char *
find(struct alias_set *set, const char *name)
{
	struct alias_result result;
	struct buffer got;

	if (alias_find(set, &here, name, &result) == 0) {
		assert_int_equal(result.count, 0);
		return NULL;
	}
	buffer_init(&got, 1 << 20);
	for (size_t i = 0; i < result.count; i++)
		assert_int_equal(buffer_append_format(&got, "%s%s", i > 0 ? " " : "", result.addresses[i]), 0);
	alias_result_free(&result);
	assert_non_null(got.data);
	return got.data;
}

static void
run_row(const struct row *row)
{
	struct buffer remarks;
	struct alias_set *set;
	char *got;

	write_file("aliases", row->file, 0644);
	set = set_of(&remarks);
	got = find(set, row->name);
	if ((got == NULL) != (row->want == NULL) || (got != NULL && strcmp(got, row->want) != 0))
		fail_msg("[%s]\n got [%s]\nwant [%s]", row->file, got != NULL ? got : "none", row->want != NULL ? row->want : "none");
	if (row->remark == NULL ? remarks.length > 0 : remarks.length == 0 || strstr(remarks.data, row->remark) == NULL)
		fail_msg("[%s] remarks [%s], not [%s]", row->file, remarks.length > 0 ? remarks.data : "",
		    row->remark != NULL ? row->remark : "");
	free(got);
	/* what a look-up does to the text must not show in the next one */
	got = find(set, row->name);
	assert_true((got == NULL) == (row->want == NULL) && (got == NULL || strcmp(got, row->want) == 0));
	free(got);
	alias_free(set);
	buffer_free(&remarks);
}

static void
files_are_read_as_written(void **state)
{
	(void)state;
	write_file("list", "# people\ni@x\nj@x, bob\n", 0644);
	write_file("open", "o@x\n", 0666);
	write_file("open-quote", "a@x\n\"Bob <bob@x>\nc@x\n(d@x\ne@x\n", 0644);
	write_file("self", "s@x\n:include:@D@/self\n", 0644);
	write_file("wrong", "\nw@x,\na@@b\n", 0644);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		run_row(&rows[i]);
}

static void
a_file_that_can_not_be_used(void **state)
{
	static const struct {
		mode_t mode;
		const char *remark;
	} table[] = {{0666, "others than its owner can write"}, {0664, "others than its owner can write"}, {0, "No such file"}};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct buffer remarks;
		struct alias_set *set;
		char path[128];

		write_file("aliases", "root: a@x\n", table[i].mode);
		(void)snprintf(path, sizeof(path), "%s/aliases", directory);
		if (table[i].mode == 0)
			(void)unlink(path);
		set = set_of(&remarks);
		assert_null(find(set, "root"));
		assert_non_null(strstr(remarks.data, table[i].remark));
		assert_non_null(strstr(remarks.data, "/aliases: "));
		alias_free(set);
		buffer_free(&remarks);
	}
}

/* Chains are cut at some depth, and many ways to the same name cost no more than one. */
static void
deep_and_wide(void **state)
{
	struct buffer text, remarks;
	struct alias_set *set;
	char *got;

	(void)state;
	buffer_init(&text, 1 << 20);
	for (int i = 0; i < 1000; i++)
		(void)buffer_append_format(&text, "a%d: a%d, a%d, a%d\n", i, i + 1, i + 1, i + 1);
	write_file("aliases", text.data, 0644);
	set = set_of(&remarks);
	got = find(set, "a0");
	assert_string_equal(got, "a32 a32 a32");
	free(got);
	assert_non_null(strstr(remarks.data, "go too deep"));
	got = find(set, "a990");
	assert_string_equal(got, "a1000 a1000 a1000");
	free(got);
	alias_free(set);
	buffer_free(&remarks);
	buffer_free(&text);
}

static void
settings_go_before_the_file(void **state)
{
	struct buffer remarks;
	struct alias_set *set;
	const char *why = NULL;
	char *got;

	(void)state;
	write_file("aliases", "root: f@x\nbob: root\n*: f@y\n", 0644);
	set = set_of(&remarks);
	assert_int_equal(alias_add(set, "Root", "s@x, Carol <carol>", &why), 0);
	got = find(set, "bob");
	assert_string_equal(got, "s@x f@y");
	free(got);
	assert_int_equal(remarks.length, 0);
	alias_free(set);
	buffer_free(&remarks);
}

static void
settings_take_addresses_alone(void **state)
{
	static const char *const wrong[] = {"John Smith", "|/bin/prog", "/dev/null", ":include:/etc/list", "", "<>", "a@@b", "a@x, /f"};
	struct alias_set *set = alias_new(NULL, NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		const char *why = NULL;

		if (alias_add(set, "root", wrong[i], &why) == 0 || why == NULL)
			fail_msg("[%s] passed", wrong[i]);
	}
	assert_null(find(set, "root"));
	alias_free(set);
}

static void
a_check_reads_everything(void **state)
{
	struct buffer remarks;
	struct alias_set *set;

	(void)state;
	write_file("list", "i@x\nno body\n", 0644);
	write_file("aliases", "root: :include:@D@/list\nbob: carol\n", 0644);
	set = set_of(&remarks);
	alias_check(set);
	assert_non_null(strstr(remarks.data, "/list:2: \"no body\": two words"));
	alias_free(set);
	buffer_free(&remarks);
	write_file("aliases", "root: |x\nbob: |x\n", 0644);
	set = set_of(&remarks);
	alias_check(set);
	assert_non_null(strstr(remarks.data, "/aliases:1: "));
	assert_true(strstr(remarks.data, "/aliases:1: ") < strstr(remarks.data, "/aliases:2: "));
	alias_free(set);
	buffer_free(&remarks);
	write_file("aliases", "root: a@x\nbob: root, bob\n", 0644);
	set = set_of(&remarks);
	alias_check(set);
	assert_int_equal(remarks.length, 0);
	alias_free(set);
	buffer_free(&remarks);
}

static void
a_large_file(void **state)
{
	struct buffer text, remarks;
	struct alias_set *set;
	char *got;

	(void)state;
	buffer_init(&text, 2 << 20);
	for (int i = 0; i < 20000; i++)
		(void)buffer_append_format(&text, "user%d: u%d@example.com\n", i, i);
	write_file("aliases", text.data, 0644);
	set = set_of(&remarks);
	got = find(set, "user19999");
	assert_string_equal(got, "u19999@example.com");
	free(got);
	alias_free(set);
	while (text.length <= ALIAS_FILE_MAX)
		(void)buffer_append_text(&text, "# and more\n");
	write_file("aliases", text.data, 0644);
	set = set_of(&remarks);
	assert_null(find(set, "user19999"));
	assert_non_null(strstr(remarks.data, "over 1 MB"));
	alias_free(set);
	buffer_free(&remarks);
	buffer_free(&text);
}

static int
make_directory(void **state)
{
	(void)state;
	return mkdtemp(directory) != NULL ? 0 : -1;
}

static int
remove_directory(void **state)
{
	static const char *const names[] = {"aliases", "list", "open", "self", "wrong"};
	char path[128];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		(void)unlink(path);
	}
	return rmdir(directory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_read_as_written),
		cmocka_unit_test(a_file_that_can_not_be_used),
		cmocka_unit_test(deep_and_wide),
		cmocka_unit_test(settings_go_before_the_file),
		cmocka_unit_test(settings_take_addresses_alone),
		cmocka_unit_test(a_check_reads_everything),
		cmocka_unit_test(a_large_file),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
