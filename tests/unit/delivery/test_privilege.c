/*
 * Root is given up whole and for good, or the program does not go on. Needs root: nobody else has anything to give up.
 */
#include "../spool/support.h"

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>

#include "delivery/privilege.h"

#define PLAYED 54321	/* uid and gid */

static bool is_user_there, is_null_there = true;

/* These come before the C library's. */
struct passwd *
getpwnam(const char *name)
{
	static struct passwd user = {.pw_uid = PLAYED, .pw_gid = PLAYED};

	return is_user_there && strcmp(name, PRIVILEGE_USER) == 0 ? &user : NULL;
}

int
open(const char *path, int flags, ...)
{
	return is_null_there || strcmp(path, "/dev/null") != 0 ? openat(AT_FDCWD, path, flags, 0600) : -1;
}

/* privilege_drop in a child: 0, what is wrong afterwards, or 100 when it fails. */
static int
drop(const struct support *support, gid_t group)
{
	pid_t child;

	if (chown(support->path, 0, group) != 0 || chmod(support->path, 02770) != 0)
		return 101;
	child = fork();
	if (child == 0) {
		const gid_t others[] = {0, 4, 5};
		struct outcome outcome;
		struct spool *spool;
		gid_t groups[8];
		uid_t real, effective, saved;

		if (setgroups(3, others) != 0 || spool_open(support->path, false, &spool, &outcome) != 0)
			_exit(102);
		if (privilege_drop(spool, &outcome) != 0)
			_exit(outcome.text[0] != '\0' ? 100 : 103);
		if (group == 0)
			_exit(geteuid() == 0 ? 0 : 1);
		if (getresuid(&real, &effective, &saved) != 0 || real != PLAYED || effective != PLAYED || saved != PLAYED)
			_exit(2);
		if (getresgid(&real, &effective, &saved) != 0 || real != PLAYED || effective != PLAYED || saved != PLAYED)
			_exit(3);
		if (getgroups(8, groups) != 1 || groups[0] != PLAYED)
			_exit(4);
		if (setgid(0) == 0 || setuid(0) == 0)
			_exit(5);
		_exit(prctl(PR_GET_DUMPABLE) == 0 ? 0 : 6);
	}
	return support_wait(child);
}

static void
root_is_given_up_whole(void **state)
{
	const struct support *support = *state;

	if (geteuid() != 0)
		skip();
	is_user_there = true;
	assert_int_equal(drop(support, PLAYED), 0);
	/* a spool that is root's alone is served as root */
	assert_int_equal(drop(support, 0), 0);
	is_user_there = false;
	assert_int_equal(drop(support, PLAYED), 100);
}

/* The next file, of the spool perhaps, would become stderr. */
static void
without_standard_descriptors_it_ends(void **state)
{
	(void)state;
	for (int there = 0; there < 2; there++) {
		pid_t child = fork();

		if (child == 0) {
			(void)close(STDERR_FILENO);
			is_null_there = there == 1;
			privilege_begin();
			_exit(fcntl(STDERR_FILENO, F_GETFD) >= 0 ? 0 : 1);
		}
		assert_int_equal(support_wait(child), there == 1 ? 0 : 69);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SUPPORT_TEST(root_is_given_up_whole),
		SUPPORT_TEST(without_standard_descriptors_it_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
