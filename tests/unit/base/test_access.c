/*
 * access: a file that anybody may name is opened with the caller's rights: never with those of a set-group-ID. The second part needs
 * root, to become somebody else; each in a child.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/access.h"

#define CALLER 65534
#define GROUP  12345

static char directory[] = "/tmp/mailcrane-access-XXXXXX";

static void
make_file(char path[64], const char *name, mode_t mode, uid_t user, gid_t group)
{
	int fd;

	(void)snprintf(path, 64, "%s/%s", directory, name);
	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	if (geteuid() == 0)
		assert_int_equal(fchown(fd, user, group), 0);
	(void)close(fd);
}

static void
plain_files_that_nobody_else_can_write(void **state)
{
	static const struct {
		mode_t mode;
		const char *why;
	} table[] = {{0644, NULL}, {0600, NULL}, {0664, "others than its owner can write"}, {0646, "others than its owner can write"}};
	char path[64];
	const char *why;
	int fd;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		make_file(path, "f", table[i].mode, 0, 0);
		fd = access_open_public(path, &why);
		assert_true((fd >= 0) == (table[i].why == NULL));
		if (fd >= 0)
			(void)close(fd);
		else
			assert_non_null(strstr(why, table[i].why));
	}
	assert_int_equal(access_open_public(directory, &why), -1);
	assert_string_equal(why, "not a regular file");
	assert_int_equal(access_open_public("/dev/null", &why), -1);
	(void)unlink(path);
	assert_int_equal(access_open_public(path, &why), -1);
	assert_string_equal(why, "No such file or directory");
}

/* Opens as a set-group-ID program of GROUP would that CALLER runs; gives what went wrong in a word, "" for nothing. */
static void
open_as_set_group_id(const char *path, char said[128])
{
	int pair[2], status;
	pid_t child;
	ssize_t n;

	assert_int_equal(pipe(pair), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		const char *why = "";
		int fd = -1;

		if (setresgid(CALLER, GROUP, GROUP) != 0 || setresuid(CALLER, CALLER, CALLER) != 0)
			_exit(1);
		(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
		fd = access_open_public(path, &why);
		/* the group is there again afterwards, and no core file will be */
		if (getegid() != GROUP || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
			_exit(2);
		if (fd < 0 && write(pair[1], why, strlen(why)) < 0)
			_exit(3);
		_exit(0);
	}
	(void)close(pair[1]);
	n = read(pair[0], said, 127);
	(void)close(pair[0]);
	assert_true(n >= 0);
	said[n] = '\0';
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void
the_group_opens_nothing(void **state)
{
	static const struct {
		mode_t mode;
		uid_t user;
		gid_t group;
		const char *why;
	} table[] = {
		{0644, 0, GROUP, ""},
		{0640, 0, GROUP, "permission denied"},
		{0640, 0, CALLER, ""},
		{0600, 0, 0, "permission denied"},
		{0644, CALLER, CALLER, "does not belong to root"},
	};
	char path[64], said[128];

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(chmod(directory, 0755), 0);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		make_file(path, "f", table[i].mode, table[i].user, table[i].group);
		open_as_set_group_id(path, said);
		if (table[i].why[0] == '\0' ? said[0] != '\0' : strstr(said, table[i].why) == NULL)
			fail_msg("row %zu: [%s], not [%s]", i, said, table[i].why);
	}
	(void)unlink(path);
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
	(void)state;
	return rmdir(directory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_files_that_nobody_else_can_write),
		cmocka_unit_test(the_group_opens_nothing),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
