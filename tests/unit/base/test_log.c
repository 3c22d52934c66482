/* Lines to syslog, to a file, to stderr; what can't be logged holds nobody up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char socket_path[64];
#define LOG_SOCKET socket_path
#include "../../../src/base/log.c"

#include "base/buffer.h"
#include "base/deadline.h"
#include "base/file.h"

static char directory[] = "/tmp/mailcrane-log-XXXXXX";
static char file[64];

static int
listen_as_syslog(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)unlink(socket_path);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void
receive(int fd, char *line, size_t size)
{
	ssize_t n = recv(fd, line, size - 1, 0);

	line[n > 0 ? n : 0] = '\0';
}

static char *
logged(void)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	char *text = file_slurp(fd, 65536, NULL);

	assert_non_null(text);
	(void)close(fd);
	return text;
}

static void
syslog_gets_one_packet_a_line(void **state)
{
	int fd = listen_as_syslog();
	char line[4096], pid[32];

	(void)state;
	log_open("syslog", LOG_LEVEL_INFO, "mailcrane");
	(void)snprintf(pid, sizeof(pid), " mailcrane[%ld]: ", (long)getpid());
	errno = 77;
	log_line(LOG_LEVEL_WARNING, "relay\r\n%s\x1b", "slow");
	assert_int_equal(errno, 77);
	receive(fd, line, sizeof(line));
	assert_int_equal(strncmp(line, "<20>", 4), 0);
	assert_non_null(strstr(line, pid));
	assert_string_equal(strstr(line, "]: "), "]: relay slow?");
	log_line(LOG_LEVEL_DEBUG, "too fine");
	receive(fd, line, sizeof(line));
	assert_string_equal(line, "");
	log_line(LOG_LEVEL_ERROR, "bad");
	receive(fd, line, sizeof(line));
	assert_int_equal(strncmp(line, "<19>", 4), 0);
	log_close();
	log_line(LOG_LEVEL_ERROR, "nowhere");
	receive(fd, line, sizeof(line));
	assert_string_equal(line, "");
	(void)close(fd);
	(void)unlink(socket_path);
}

static void
a_daemon_that_does_not_read_holds_nobody_up(void **state)
{
	struct deadline guard;
	int fd = listen_as_syslog();

	(void)state;
	log_open("syslog", LOG_LEVEL_INFO, "mailcrane");
	guard = deadline_in(60000);
	for (int i = 0; i < 20; i++) {
		struct sockaddr_un address = {.sun_family = AF_UNIX};
		int full = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		/* fill its queue, then log */
		(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
		assert_int_equal(connect(full, (struct sockaddr *)&address, sizeof(address)), 0);
		while (send(full, "x", 1, 0) == 1)
			;
		(void)close(full);
		log_line(LOG_LEVEL_INFO, "lost");
	}
	assert_false(deadline_passed(guard));
	(void)close(fd);
	(void)unlink(socket_path);
	log_line(LOG_LEVEL_INFO, "nobody there");
	log_close();
}

static void
a_file_gets_time_program_level_and_text(void **state)
{
	char *text, want[64];

	(void)state;
	log_open(file, LOG_LEVEL_INFO, "mailcrane");
	log_line(LOG_LEVEL_INFO, "first %d", 1);
	log_line(LOG_LEVEL_DEBUG, "too fine");
	log_line(LOG_LEVEL_ERROR, "second\nline");
	log_close();
	text = logged();
	(void)snprintf(want, sizeof(want), "Z mailcrane[%ld]: info: first 1\n", (long)getpid());
	assert_true(text[4] == '-' && text[10] == 'T' && text[19] == '.');
	assert_int_equal(strncmp(text + 23, want, strlen(want)), 0);
	assert_non_null(strstr(text, "]: error: second line\n"));
	assert_null(strstr(text, "too fine"));
	free(text);
	(void)unlink(file);
}

static void
long_lines_are_cut(void **state)
{
	char *long_text = memory_alloc(9000), *text;

	(void)state;
	memset(long_text, 'x', 8999);
	log_open(file, LOG_LEVEL_INFO, "mailcrane");
	log_line(LOG_LEVEL_INFO, "%s", long_text);
	log_close();
	text = logged();
	assert_int_equal(strspn(strchr(text, 'x'), "x"), 1500);
	free(text);
	free(long_text);
	(void)unlink(file);
}

static void
a_rotated_file_is_made_anew(void **state)
{
	char *text;

	(void)state;
	log_open(file, LOG_LEVEL_INFO, "mailcrane");
	log_line(LOG_LEVEL_INFO, "before");
	(void)unlink(file);
	log_line(LOG_LEVEL_INFO, "after");
	text = logged();
	assert_non_null(strstr(text, "after"));
	free(text);
	log_close();
	(void)unlink(file);
}

static void
a_file_that_can_not_be_used_is_told_to_syslog(void **state)
{
	static const char *const targets[] = {"/nonexistent/log", "/tmp", "relative", NULL};
	int fd = listen_as_syslog();
	char line[4096];

	char other[80];

	(void)state;
	(void)snprintf(other, sizeof(other), "%s.other", file);
	assert_int_equal(close(open(other, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
	assert_int_equal(symlink(other, file), 0);
	for (size_t i = 0; i < 4; i++) {
		log_open(targets[i] != NULL ? targets[i] : file, LOG_LEVEL_INFO, "mailcrane");
		receive(fd, line, sizeof(line));
		assert_non_null(strstr(line, "logging to syslog"));
		log_line(LOG_LEVEL_INFO, "here");
		receive(fd, line, sizeof(line));
		assert_non_null(strstr(line, "]: here"));
	}
	log_close();
	(void)close(fd);
	(void)unlink(socket_path);
	(void)unlink(other);
	(void)unlink(file);
}

static void
stderr_that_nobody_reads_holds_nobody_up(void **state)
{
	struct deadline guard = deadline_in(60000);
	int ends[2], saved = dup(STDERR_FILENO);
	char data[4096] = "";
	ssize_t n;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	log_open("stderr", LOG_LEVEL_INFO, "mailcrane");
	log_line(LOG_LEVEL_INFO, "to the pipe");
	n = read(ends[0], data, sizeof(data) - 1);
	assert_int_equal(file_set_nonblocking(ends[1], 1), 0);
	while (write(ends[1], data, sizeof(data)) > 0)
		;
	assert_int_equal(file_set_nonblocking(ends[1], 0), 0);
	log_line(LOG_LEVEL_INFO, "lost");
	log_close();
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	(void)close(saved);
	(void)close(ends[0]);
	(void)close(ends[1]);
	assert_true(n > 0);
	data[n] = '\0';
	assert_non_null(strstr(data, "]: info: to the pipe\n"));
	assert_false(deadline_passed(guard));
}

static void
levels_are_parsed_by_name(void **state)
{
	static const char *const names[] = {"error", "warning", "info", "debug"};
	enum log_level level = LOG_LEVEL_DEBUG;

	(void)state;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(log_level_parse(names[i], &level), 0);
		assert_int_equal(level, i);
	}
	assert_int_equal(log_level_parse("warn", &level), -1);
	assert_int_equal(log_level_parse("", &level), -1);
	assert_int_equal(level, LOG_LEVEL_DEBUG);
}

static int
set_up(void **state)
{
	(void)state;
	if (mkdtemp(directory) == NULL)
		return -1;
	(void)snprintf(file, sizeof(file), "%s/log", directory);
	(void)snprintf(socket_path, sizeof(socket_path), "%s/socket", directory);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	(void)unlink(file);
	(void)unlink(socket_path);
	return rmdir(directory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(syslog_gets_one_packet_a_line),
		cmocka_unit_test(a_daemon_that_does_not_read_holds_nobody_up),
		cmocka_unit_test(a_file_gets_time_program_level_and_text),
		cmocka_unit_test(long_lines_are_cut),
		cmocka_unit_test(a_rotated_file_is_made_anew),
		cmocka_unit_test(a_file_that_can_not_be_used_is_told_to_syslog),
		cmocka_unit_test(stderr_that_nobody_reads_holds_nobody_up),
		cmocka_unit_test(levels_are_parsed_by_name),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
