/* Passwords from each source; what is wrong with one is told without it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* the limit of 30 s is too long to wait for */
#define SECRET_WAIT_MS 700
#include "../../../src/base/secret.c"

#define WORD "s3kr1tWord"

static char directory[] = "/tmp/mailcrane-secret-XXXXXX";
static char file[64];

static void
write_file(const char *data, size_t length, mode_t mode)
{
	int fd;

	(void)unlink(file);
	fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(file_write(fd, data, length), 0);
	assert_int_equal(fchmod(fd, mode), 0);
	(void)close(fd);
}

/* The secret is `want`, or the text of the failure holds `wrong`. */
static void
expect(enum secret_source source, const char *value, const char *want, const char *wrong)
{
	struct relay relay = {.secret_source = source, .secret = (char *)(uintptr_t)value};
	struct outcome outcome = {.cause = CAUSE_NONE};
	struct buffer secret = {.data = NULL};
	int result = secret_get(&relay, &secret, &outcome);

	if (want != NULL) {
		if (result != 0)
			fail_msg("%s: %s", value, outcome.text);
		assert_int_equal(secret.length, strlen(want));
		assert_memory_equal(secret.data, want, secret.length);
		buffer_wipe(&secret);
		return;
	}
	if (result == 0)
		fail_msg("%s: accepted: %s", value, secret.data);
	assert_int_equal(outcome.verdict, VERDICT_FAILED);
	assert_int_equal(outcome.stage, STAGE_CONFIG);
	assert_int_equal(outcome.cause, CAUSE_SECRET);
	assert_null(secret.data);
	if (strstr(outcome.text, wrong) == NULL || strstr(outcome.text, WORD) != NULL)
		fail_msg("%s: %s", value, outcome.text);
}

static void
no_source_gives_an_empty_buffer(void **state)
{
	struct relay relay = {.secret_source = SECRET_NONE};
	struct outcome outcome;
	struct buffer secret;

	(void)state;
	assert_int_equal(secret_get(&relay, &secret, &outcome), 0);
	assert_int_equal(secret.length, 0);
	buffer_wipe(&secret);
}

static void
inline_and_environment_are_taken_as_they_are(void **state)
{
	(void)state;
	expect(SECRET_INLINE, "pa ss#w;ord", "pa ss#w;ord", NULL);
	assert_int_equal(setenv("MAILCRANE_TEST_SECRET", WORD, 1), 0);
	expect(SECRET_ENVIRONMENT, "MAILCRANE_TEST_SECRET", WORD, NULL);
	assert_int_equal(setenv("MAILCRANE_TEST_SECRET", WORD "\nx", 1), 0);
	expect(SECRET_ENVIRONMENT, "MAILCRANE_TEST_SECRET", NULL, "more than one line");
	assert_int_equal(setenv("MAILCRANE_TEST_SECRET", "", 1), 0);
	expect(SECRET_ENVIRONMENT, "MAILCRANE_TEST_SECRET", NULL, "empty");
	assert_int_equal(unsetenv("MAILCRANE_TEST_SECRET"), 0);
	expect(SECRET_ENVIRONMENT, "MAILCRANE_TEST_" WORD, NULL, "not in the environment");
}

static void
a_file_gives_its_one_line(void **state)
{
	static const struct {
		const char *data;
		size_t      length;
		mode_t      mode;
		const char *want;
		const char *wrong;
	} rows[] = {
		{WORD, 10, 0600, WORD, NULL}, {WORD "\n", 11, 0640, WORD, NULL}, {" " WORD " \n", 13, 0400, " " WORD " ", NULL},
		{WORD "\n\n", 12, 0600, NULL, "more than one line"}, {WORD "\r\n", 12, 0600, NULL, "CR"},
		{WORD "\0x", 12, 0600, NULL, "NUL"}, {"", 0, 0600, NULL, "empty"}, {"\n", 1, 0600, NULL, "empty"},
		{WORD, 10, 0604, NULL, "chmod o-rwx"}, {WORD, 10, 0602, NULL, "chmod o-rwx"}, {WORD, 10, 0601, NULL, "chmod"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		write_file(rows[i].data, rows[i].length, rows[i].mode);
		expect(SECRET_FILE, file, rows[i].want, rows[i].wrong);
	}
}

static void
an_unusable_file_is_told_by_name(void **state)
{
	char *long_text = memory_alloc(9001);

	(void)state;
	expect(SECRET_FILE, "/nonexistent/password", NULL, "/nonexistent/password: No such file");
	expect(SECRET_FILE, "/tmp", NULL, "not a regular file");
	expect(SECRET_FILE, "/dev/null", NULL, "not a regular file");
	memset(long_text, 'x', 9000);
	write_file(long_text, 8193, 0600);
	expect(SECRET_FILE, file, NULL, "8192");
	write_file(long_text, 9000, 0600);
	expect(SECRET_FILE, file, NULL, "too long");
	long_text[8192] = '\0';
	write_file(long_text, 8192, 0600);
	expect(SECRET_FILE, file, long_text, NULL);
	free(long_text);
}

static void
a_command_is_split_without_a_shell(void **state)
{
	static const struct {
		const char *command;
		const char *want;
		const char *wrong;
	} rows[] = {
		{"echo " WORD, WORD, NULL}, {"/bin/echo -n " WORD, WORD, NULL}, {"  printf\t'%s-%s'  \"a b\"  c ", "a b-c", NULL},
		{"echo 'a'\"b\"c", "abc", NULL}, {"echo \"it's\" ''x", "it's x", NULL}, {"echo $HOME;*|", "$HOME;*|", NULL},
		{"printf '%s' a''b \"\"", "ab", NULL}, {"echo '" WORD, NULL, "not closed"}, {" ", NULL, "no command"},
		{"mailcrane-no-such-program " WORD, NULL, "no such program"}, {"/nonexistent/" WORD, NULL, "no such program"},
		{"sh -c 'echo " WORD "; exit 3'", NULL, "exit status 3"}, {"sh -c 'echo " WORD "; kill -9 $$'", NULL, "signal 9"},
		{"true", NULL, "empty"}, {"printf 'a\\nb\\n'", NULL, "more than one line"}, {"yes " WORD, NULL, "too long"},
		{"sh -c 'echo " WORD " >&2; exit 1'", NULL, "exit status 1"}, {"cat", NULL, "empty"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect(SECRET_COMMAND, rows[i].command, rows[i].want, rows[i].wrong);
}

static void
a_command_sees_only_path_and_home(void **state)
{
	(void)state;
	assert_int_equal(setenv("MAILCRANE_TEST_SECRET", WORD, 1), 0);
	expect(SECRET_COMMAND, "sh -c 'tr \"\\0\" \"\\n\" </proc/$$/environ | cut -d= -f1 | tr \"\\n\" \" \"'", "PATH HOME ",
	    NULL);
}

static void
a_command_inherits_no_descriptor_and_no_ignored_signal(void **state)
{
	int fd = open("/dev/null", O_RDONLY);	/* on purpose not close-on-exec */
	int high = fcntl(fd, F_DUPFD, 40);

	(void)state;
	assert_true(fd >= 0 && high >= 40);
	assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	expect(SECRET_COMMAND, "sh -c 'test ! -e /proc/$$/fd/40 && pwd && exit 0'", "/", NULL);
	/* 32 and 33 are the C library's own, which no program can reset: some parents leave them ignored */
	expect(SECRET_COMMAND, "sed -n 's/^SigIgn:[^0-9a-f]*0000000[01][08]//p' /proc/self/status", "0000000", NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)close(fd);
	(void)close(high);
}

/* Is the process whose number is in the file gone, soon at least? Dead and not yet reaped counts. */
static bool
is_gone(void)
{
	struct deadline guard = deadline_in(10000);
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	char *number = file_slurp(fd, 32, NULL), path[64], *status;
	bool gone = false;

	assert_non_null(number);
	(void)close(fd);
	(void)snprintf(path, sizeof(path), "/proc/%ld/stat", strtol(number, NULL, 10));
	while (!gone && !deadline_passed(guard)) {
		(void)usleep(10000);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		status = fd >= 0 ? file_slurp(fd, 4096, NULL) : NULL;
		gone = status == NULL || strstr(status, ") Z ") != NULL;
		free(status);
		if (fd >= 0)
			(void)close(fd);
	}
	free(number);
	return gone;
}

static void
a_command_that_hangs_is_killed_with_its_children(void **state)
{
	struct deadline guard = deadline_in(20000);
	char command[128];

	(void)state;
	expect(SECRET_COMMAND, "sleep 60", NULL, "no answer in time");
	expect(SECRET_COMMAND, "sh -c 'exec >/dev/null; sleep 60'", NULL, "no answer in time");
	(void)snprintf(command, sizeof(command), "sh -c 'sleep 61 & echo $! >%s; sleep 61'", file);
	(void)unlink(file);
	expect(SECRET_COMMAND, command, NULL, "no answer in time");
	assert_true(is_gone());
	/* a child that keeps the pipe does not keep us */
	expect(SECRET_COMMAND, "sh -c 'sleep 62 & echo " WORD "'", WORD, NULL);
	assert_false(deadline_passed(guard));
}

static void
a_command_that_left_its_group_is_killed_too(void **state)
{
	struct deadline guard = deadline_in(20000);

	(void)state;
	expect(SECRET_COMMAND, "perl -e 'setpgrp(0, getpgrp(getppid)); sleep 40'", NULL, "no answer in time");
	assert_false(deadline_passed(guard));
}

/* As sudo(8) does it: we may not kill it. */
static void
a_command_that_can_not_be_killed_is_left(void **state)
{
	struct deadline guard = deadline_in(20000);
	char tool[64], command[256];
	int status;
	pid_t child;

	(void)state;
	if (geteuid() != 0)
		skip();
	(void)snprintf(tool, sizeof(tool), "%s/tool", directory);
	(void)snprintf(command, sizeof(command), "cp /usr/bin/perl %s && chmod 4755 %s && chmod 755 %s", tool, tool, directory);
	assert_int_equal(system(command), 0);
	(void)snprintf(command, sizeof(command), "%s -e '$< = 0; sleep 30'", tool);
	child = fork();
	if (child == 0) {
		if (setresuid(65534, 65534, 65534) != 0)
			_exit(1);
		expect(SECRET_COMMAND, command, NULL, "no answer in time");
		_exit(deadline_passed(guard) ? 2 : 0);
	}
	assert_true(child > 0 && waitpid(child, &status, 0) == child);
	(void)unlink(tool);
	assert_int_equal(status, 0);
}

static int
set_up(void **state)
{
	(void)state;
	if (mkdtemp(directory) == NULL)
		return -1;
	(void)snprintf(file, sizeof(file), "%s/password", directory);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	(void)unlink(file);
	return rmdir(directory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_source_gives_an_empty_buffer),
		cmocka_unit_test(inline_and_environment_are_taken_as_they_are),
		cmocka_unit_test(a_file_gives_its_one_line),
		cmocka_unit_test(an_unusable_file_is_told_by_name),
		cmocka_unit_test(a_command_is_split_without_a_shell),
		cmocka_unit_test(a_command_sees_only_path_and_home),
		cmocka_unit_test(a_command_inherits_no_descriptor_and_no_ignored_signal),
		cmocka_unit_test(a_command_that_hangs_is_killed_with_its_children),
		cmocka_unit_test(a_command_that_left_its_group_is_killed_too),
		cmocka_unit_test(a_command_that_can_not_be_killed_is_left),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
