/*
 * What modes and owners allow to somebody who is not us.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "command/permission.h"

#define STRANGER 54321		/* user and group of nobody */

static const struct row {
	const char *name;
	mode_t      top, program, settings, spool, tmp, queue;
	const char *why;	/* what is refused, NULL: nothing */
} rows[] = {
	{"open to all", 0755, 0755, 0644, 0777, 0777, 0777, NULL},
	{"by the set-group-ID bit", 0755, 02755, 0640, 0770, 0770, 0770, NULL},
	{"without it", 0755, 0755, 0640, 0770, 0770, 0770, "can't read"},
	{"settings for the owner alone", 0755, 02755, 0600, 0770, 0770, 0770, "can't read"},
	{"a program that only its group may run", 0755, 02750, 0644, 0777, 0777, 0777, "can't run"},
	{"spool read-only for the group", 0755, 02755, 0640, 0750, 0750, 0770, "can't write to"},
	{"queue read-only for the group", 0755, 02755, 0640, 0770, 0770, 0750, "queue"},
	{"spool not to be passed", 0755, 02755, 0640, 0700, 0770, 0770, "can't pass"},
	{"the directory above not to be passed", 0700, 02755, 0644, 0777, 0777, 0777, "can't pass"},
};

static void
modes_decide(void **state)
{
	char top[] = "/tmp/permission-test-XXXXXX", program[64], settings[64], spool[64], tmp[160], queue[160], command[160], why[300];
	struct permission_places places = {program, settings, spool};

	(void)state;
	assert_non_null(mkdtemp(top));
	(void)snprintf(program, sizeof(program), "%s/sendmail", top);
	(void)snprintf(settings, sizeof(settings), "%s/settings", top);
	(void)snprintf(spool, sizeof(spool), "%s/spool", top);
	(void)snprintf(tmp, sizeof(tmp), "%s/tmp", spool);
	(void)snprintf(queue, sizeof(queue), "%s/queue", spool);
	assert_int_equal(mkdir(spool, 0700) | mkdir(tmp, 0700) | mkdir(queue, 0700), 0);
	(void)snprintf(command, sizeof(command), "touch %s %s", program, settings);
	assert_int_equal(system(command), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool allows;

		assert_int_equal(chmod(tmp, rows[i].tmp) | chmod(queue, rows[i].queue) | chmod(spool, rows[i].spool) | chmod(program,
		    rows[i].program) | chmod(settings, rows[i].settings) | chmod(top, rows[i].top), 0);
		why[0] = '\0';
		/* the places of a directory that is not ours to pass are looked up by us all the same */
		allows = permission_allows(&places, "nobody-of-that-name", STRANGER, STRANGER, why, sizeof(why));
		if (allows != (rows[i].why == NULL) || (rows[i].why != NULL && strstr(why, rows[i].why) == NULL))
			fail_msg("%s: %s, '%s'", rows[i].name, allows ? "allowed" : "refused", why);
		if (!permission_allows(&places, "root", 0, 0, why, sizeof(why)))
			fail_msg("%s: not even root: %s", rows[i].name, why);
	}
	(void)snprintf(command, sizeof(command), "rm -rf %s", top);
	assert_int_equal(system(command), 0);
	assert_false(permission_allows(&places, "root", 0, 0, why, sizeof(why)));
	assert_non_null(strstr(why, "No such file"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modes_decide),
	};

	return cmocka_run_group_tests_name("permission", tests, NULL, NULL);
}
