/*
 * SELinux and AppArmor: their files, made up in a directory, and what is read out of them.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "command/security.h"

#define NOW 1795600000

static char root[] = "/tmp/security-test-XXXXXX";

static void
put(const char *path, const char *text)
{
	char command[512], whole[256];
	FILE *file;

	(void)snprintf(whole, sizeof(whole), "%s%s", root, path);
	(void)snprintf(command, sizeof(command), "mkdir -p \"$(dirname %s)\"", whole);
	assert_int_equal(system(command), 0);
	file = fopen(whole, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void
begin(void)
{
	(void)strcpy(root, "/tmp/security-test-XXXXXX");
	assert_non_null(mkdtemp(root));
}

static void
look(struct security *security)
{
	char command[64];

	security_look(root, NOW, security);
	(void)snprintf(command, sizeof(command), "rm -rf %s", root);
	assert_int_equal(system(command), 0);
}

static void
says(const char *text, const char *want)
{
	if (strstr(text, want) == NULL)
		fail_msg("'%s' lacks '%s'", text, want);
}

static void
nothing_is_said_where_none_is_on(void **state)
{
	struct security security;

	(void)state;
	begin();
	put("/sys/fs/selinux/enforce", "0");
	put("/var/log/audit/audit.log", "type=AVC msg=audit(1795599990.1:2): avc:  denied  { read } for comm=\"sendmail\" scontext=u:r:httpd_t:s0\n");
	look(&security);
	assert_string_equal(security.state, "");
	assert_string_equal(security.refusal, "");
	assert_false(security.forbids);
}

static void
selinux_is_told_with_what_it_refused(void **state)
{
	struct security security;

	(void)state;
	begin();
	put("/sys/fs/selinux/enforce", "1");
	put("/sys/fs/selinux/booleans/httpd_can_sendmail", "0 0");
	put("/sys/fs/selinux/booleans/httpd_can_network_connect", "0 0");
	put("/proc/self/attr/current", "unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023\n");
	put("/var/log/audit/audit.log",
	    "type=AVC msg=audit(1795500000.100:1): avc:  denied  { write } for  pid=1 comm=\"sendmail\" name=\"old\" scontext=u:r:httpd_t:s0\n"
	    "type=AVC msg=audit(1795599400.100:2): avc:  denied  { name_connect } for  pid=2 comm=\"mailcrane\" dest=587 "
	    "scontext=system_u:system_r:httpd_t:s0 tcontext=system_u:object_r:smtp_port_t:s0 tclass=tcp_socket permissive=0\n"
	    "type=AVC msg=audit(1795599700.100:3): avc:  denied  { read } for  pid=3 comm=\"other\" name=\"x\" scontext=u:r:httpd_t:s0\n"
	    "type=SYSCALL msg=audit(1795599800.100:3): comm=\"sendmail\"\n");
	look(&security);
	says(security.state, "SELinux is on (this runs as unconfined_t)");
	says(security.state, "setsebool -P httpd_can_sendmail on");
	assert_true(security.forbids);
	assert_string_equal(security.refusal, "SELinux refused mailcrane (domain httpd_t): name_connect 587");
	assert_int_equal(security.ago, 600);
}

static void
selinux_that_lets_web_servers_send_is_fine(void **state)
{
	struct security security;

	(void)state;
	begin();
	put("/sys/fs/selinux/enforce", "1");
	put("/sys/fs/selinux/booleans/httpd_can_sendmail", "1 1");
	put("/sys/fs/selinux/booleans/httpd_can_network_connect", "0 0");
	look(&security);
	says(security.state, "lets web servers send mail");
	assert_false(security.forbids);
}

static void
apparmor_is_told_with_what_it_refused(void **state)
{
	struct security security;

	(void)state;
	begin();
	put("/sys/module/apparmor/parameters/enabled", "Y\n");
	put("/sys/kernel/security/apparmor/profiles", "/usr/sbin/cupsd (enforce)\nphp-fpm (enforce)\n/usr/sbin/sendmail (complain)\n");
	put("/proc/self/attr/apparmor/current", "unconfined\n");
	put("/var/log/kern.log",
	    "Nov 28 02:40:00 host kernel: [1.0] audit: type=1400 audit(1795599940.123:45): apparmor=\"DENIED\" operation=\"exec\" class=\"file\" "
	    "profile=\"php-fpm\" name=\"/usr/local/sbin/sendmail\" pid=7 comm=\"php-fpm8.2\" requested_mask=\"x\" denied_mask=\"x\"\n");
	look(&security);
	says(security.state, "AppArmor is on; this runs unconfined; profiles in force that matter: php-fpm");
	assert_null(strstr(security.state, "cupsd"));
	assert_string_equal(security.refusal, "AppArmor refused php-fpm8.2 (profile php-fpm): exec /usr/local/sbin/sendmail");
	assert_int_equal(security.ago, 60);
}

static void
nonsense_in_a_log_is_no_refusal(void **state)
{
	struct security security;

	(void)state;
	begin();
	put("/sys/module/apparmor/parameters/enabled", "Y\n");
	put("/var/log/syslog", "apparmor=\"DENIED\" sendmail\"\naudit(x): avc:  denied mailcrane\naudit(1795599990.1): avc:  denied mailcrane\n"
	    "audit(9999999999.1): apparmor=\"DENIED\" comm=\"sendmail\"\n");
	look(&security);
	/* without fields it is told as far as it goes */
	says(security.refusal, "SELinux refused ");
	assert_int_equal(security.ago, 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_said_where_none_is_on),
		cmocka_unit_test(selinux_is_told_with_what_it_refused),
		cmocka_unit_test(selinux_that_lets_web_servers_send_is_fine),
		cmocka_unit_test(apparmor_is_told_with_what_it_refused),
		cmocka_unit_test(nonsense_in_a_log_is_no_refusal),
	};

	return cmocka_run_group_tests_name("security", tests, NULL, NULL);
}
