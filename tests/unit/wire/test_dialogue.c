/*
 * dialogue and nursery: that libESMTP's connect() is ours, that a dialogue process has nothing but what it was given, and that it ends.
 * What it says is tested with the splice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "child_of.h"
#include "wire/dialogue.h"
#include "wire/nursery.h"

static const char text[] = "From: a@example.com\r\nTo: b@example.com\r\nDate: Tue, 24 Nov 2026 04:00:00 +0000\r\n"
    "Message-ID: <1@example.com>\r\n\r\n.\r\nbody\r\n";
static const char *const recipients[] = {"b@example.com", "c@example.com"};
static struct nursery *nursery;
static pid_t nursery_pid;

static bool
under_valgrind(void)
{
	const char *preload = getenv("LD_PRELOAD");

	return preload != NULL && strstr(preload, "vgpreload") != NULL;
}

static struct transaction
message(void)
{
	struct transaction transaction = {.reverse_path = "a@example.com", .recipients = recipients,
	    .recipient_count = 2, .message_fd = memfd_create("message", MFD_CLOEXEC), .message_length = sizeof(text) - 1};

	assert_int_equal(write(transaction.message_fd, text, sizeof(text) - 1), sizeof(text) - 1);
	return transaction;
}

/* Says a line and waits for what comes back. */
static void
converse(int fd, const char *line, char *answer, size_t room)
{
	struct pollfd event = {fd, POLLIN, 0};
	ssize_t n;

	if (line != NULL)
		assert_int_equal(send(fd, line, strlen(line), MSG_NOSIGNAL), strlen(line));
	assert_int_equal(poll(&event, 1, 10000), 1);
	(void)usleep(20000);
	n = recv(fd, answer, room - 1, 0);
	assert_true(n >= 0);
	answer[n] = '\0';
}

static void
connect_is_ours_and_leaves_others_alone(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(1)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(dialogue_preempts());
	/* outside a dialogue process even that address is the system's business */
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), -1);
	assert_int_equal(errno, ECONNREFUSED);
	(void)close(fd);
}

static void
a_dialogue_speaks_and_has_an_opinion(void **state)
{
	struct transaction transaction = message();
	struct dialogue_opinion opinion;
	struct outcome outcome;
	char answer[4096];
	int  fd;

	(void)state;
	for (int round = 0; round < 3; round++) {
		assert_int_equal(dialogue_start(nursery, &transaction, &fd, &outcome), 0);
		converse(fd, "220 hello\r\n", answer, sizeof(answer));
		assert_string_equal(answer, "EHLO mailcrane.invalid\r\n");
		converse(fd, "250 hello\r\n", answer, sizeof(answer));
		assert_string_equal(answer, "MAIL FROM:<a@example.com>\r\n");
		converse(fd, "250 ok\r\n", answer, sizeof(answer));
		assert_string_equal(answer, "RCPT TO:<b@example.com>\r\n");
		converse(fd, "250 ok\r\n", answer, sizeof(answer));
		assert_string_equal(answer, "RCPT TO:<c@example.com>\r\n");
		converse(fd, "550 no\r\n", answer, sizeof(answer));
		assert_string_equal(answer, "DATA\r\n");
		converse(fd, "354 go\r\n", answer, sizeof(answer));
		assert_non_null(strstr(answer, "\r\n\r\n..\r\nbody\r\n.\r\n"));
		assert_int_equal(send(fd, "250 ok\r\n221 bye\r\n", 17, MSG_NOSIGNAL), 17);
		assert_int_equal(dialogue_finish(nursery, fd, deadline_in(10000), &opinion), 0);
		assert_int_equal(opinion.session, 1);
		assert_int_equal(opinion.mail_code, 250);
		assert_int_equal(opinion.message_code, 250);
		assert_int_equal(opinion.accepted, 1);
	}
	(void)close(transaction.message_fd);
}

static pid_t
dialogue_pid(void)
{
	pid_t pid = 0;

	for (int i = 0; i < 500 && pid == 0; i++) {
		pid = child_of(nursery_pid);
		(void)usleep(10000);
	}
	assert_true(pid > 0);
	return pid;
}

static void
expect_link(pid_t pid, int fd, const char *begins)
{
	char path[64], target[256];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0) {
		fail_msg("descriptor %d is not there", fd);
		return;
	}
	target[n] = '\0';
	if (strstr(target, begins) != target)
		fail_msg("descriptor %d is %s", fd, target);
}

static size_t
count_descriptors(pid_t pid)
{
	char path[64];
	DIR *directory;
	size_t count = 0;
	struct dirent *entry;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	directory = opendir(path);
	assert_non_null(directory);
	while ((entry = readdir(directory)) != NULL)
		count += entry->d_name[0] != '.';
	(void)closedir(directory);
	return count;
}

static void
a_dialogue_has_its_own_descriptors_only(void **state)
{
	struct transaction transaction = message();
	struct dialogue_opinion opinion;
	struct outcome outcome;
	char  answer[512];
	int   fd;
	pid_t pid;

	(void)state;
	/* it keeps descriptors of its own */
	if (under_valgrind())
		skip();
	if (geteuid() != 0)
		skip();	/* what is not dumpable can only be looked into by root */
	assert_int_equal(dialogue_start(nursery, &transaction, &fd, &outcome), 0);
	converse(fd, "220 hello\r\n", answer, sizeof(answer));
	pid = dialogue_pid();
	for (int i = 0; i < 3; i++)
		expect_link(pid, i, "/dev/null");
	expect_link(pid, NURSERY_MESSAGE, "/memfd:message");
	expect_link(pid, NURSERY_OPINION, "pipe:");
	/* libESMTP's socket: the socketpair in the place of the one it made, which took the first free number */
	expect_link(pid, NURSERY_ENVELOPE, "socket:");
	assert_int_equal(count_descriptors(pid), 6);
	assert_int_equal(count_descriptors(nursery_pid), 5);
	assert_int_equal(dialogue_finish(nursery, fd, deadline_in(10000), &opinion), 0);
	(void)close(transaction.message_fd);
}

/* That what the filter does is right is tested with the sandbox. */
static void
a_dialogue_is_in_the_sandbox(void **state)
{
	struct transaction transaction = message();
	struct dialogue_opinion opinion;
	struct outcome outcome;
	char  answer[512], path[64], line[256];
	bool  is_in = false;
	FILE *status;
	int   fd;

	(void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	skip();
#endif
	if (under_valgrind())
		skip();
	assert_int_equal(dialogue_start(nursery, &transaction, &fd, &outcome), 0);
	converse(fd, "220 hello\r\n", answer, sizeof(answer));
	(void)snprintf(path, sizeof(path), "/proc/%d/status", dialogue_pid());
	status = fopen(path, "re");
	assert_non_null(status);
	while (fgets(line, sizeof(line), status) != NULL)
		is_in = is_in || strcmp(line, "Seccomp:\t2\n") == 0;
	(void)fclose(status);
	assert_true(is_in);
	assert_int_equal(dialogue_finish(nursery, fd, deadline_in(10000), &opinion), 0);
	(void)close(transaction.message_fd);
}

/* Looks for a string in all that a process can read of itself. */
static bool
memory_holds(pid_t pid, const char *needle, size_t length, size_t *seen)
{
	char path[64], line[512];
	FILE *maps;
	int   memory;
	bool  found = false;

	(void)snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	memory = open(path, O_RDONLY | O_CLOEXEC);
	(void)snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	assert_true(memory >= 0 && maps != NULL);
	while (fgets(line, sizeof(line), maps) != NULL) {
		unsigned long from, to;
		char  rights[5];
		char *block;
		ssize_t n;

		if (sscanf(line, "%lx-%lx %4s", &from, &to, rights) != 3 || rights[0] != 'r' || to - from > (64UL << 20))
			continue;
		block = malloc(to - from);
		n = pread(memory, block, to - from, (off_t)from);
		if (n > 0)
			*seen += (size_t)n;
		found = found || (n > 0 && memmem(block, (size_t)n, needle, length) != NULL);
		explicit_bzero(block, to - from);
		free(block);
	}
	(void)fclose(maps);
	(void)close(memory);
	return found;
}

static void
a_dialogue_does_not_hold_what_its_parent_learned_later(void **state)
{
	struct transaction transaction = message();
	struct dialogue_opinion opinion;
	struct outcome outcome;
	char   answer[512], *secret = malloc(33), public[33];
	size_t seen = 0;
	int    fd;
	pid_t  pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	/* made now, so that neither the program's text nor its stack held it at the fork */
	for (int i = 0; i < 32; i++)
		secret[i] = (char)('A' + (i * 7 + getpid()) % 26);
	secret[32] = '\0';
	(void)snprintf(public, sizeof(public), "b@example.com");
	assert_int_equal(dialogue_start(nursery, &transaction, &fd, &outcome), 0);
	converse(fd, "220 hello\r\n", answer, sizeof(answer));
	pid = dialogue_pid();
	assert_true(memory_holds(getpid(), secret, 32, &seen));
	seen = 0;
	assert_false(memory_holds(pid, secret, 32, &seen));
	assert_true(seen > 100000);
	assert_true(memory_holds(pid, public, strlen(public), &seen));
	assert_false(memory_holds(nursery_pid, secret, 32, &seen));
	assert_int_equal(dialogue_finish(nursery, fd, deadline_in(10000), &opinion), 0);
	explicit_bzero(secret, 33);
	free(secret);
	(void)close(transaction.message_fd);
}

/* `password_env`: what the program was started with is in its memory from the beginning. */
static void
a_dialogue_does_not_hold_the_environment(void **state)
{
	struct transaction transaction = message();
	struct dialogue_opinion opinion;
	struct outcome outcome;
	const char *longest = "";
	char   answer[512];
	size_t seen = 0;
	int    fd;
	pid_t  pid;

	(void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	skip();		/* it reads /proc/self/environ into memory of its own */
#endif
	for (char **entry = environ; *entry != NULL; entry++)
		longest = strlen(*entry) > strlen(longest) ? *entry : longest;
	if (geteuid() != 0 || under_valgrind() || strlen(longest) < 16)
		skip();
	assert_int_equal(dialogue_start(nursery, &transaction, &fd, &outcome), 0);
	converse(fd, "220 hello\r\n", answer, sizeof(answer));
	pid = dialogue_pid();
	assert_true(memory_holds(getpid(), longest, strlen(longest), &seen));
	assert_false(memory_holds(nursery_pid, longest, strlen(longest), &seen));
	assert_false(memory_holds(pid, longest, strlen(longest), &seen));
	assert_int_equal(dialogue_finish(nursery, fd, deadline_in(10000), &opinion), 0);
	(void)close(transaction.message_fd);
}

static void
a_killed_dialogue_has_no_opinion_and_the_next_one_works(void **state)
{
	static const int signals[] = {SIGSEGV, SIGKILL, SIGSTOP};
	struct transaction transaction = message();
	struct dialogue_opinion opinion;
	struct outcome outcome;
	char answer[512];
	int  fd;

	(void)state;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		assert_int_equal(dialogue_start(nursery, &transaction, &fd, &outcome), 0);
		converse(fd, "220 hello\r\n", answer, sizeof(answer));
		assert_int_equal(kill(dialogue_pid(), signals[i]), 0);
		assert_int_equal(dialogue_finish(nursery, fd, deadline_in(300), &opinion), -1);
		assert_int_equal(child_of(nursery_pid), 0);
	}
	(void)close(transaction.message_fd);
	a_dialogue_speaks_and_has_an_opinion(state);
}

static void
signals_of_a_stopping_service_do_not_end_it(void **state)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		assert_int_equal(kill(nursery_pid, signals[i]), 0);
	a_dialogue_speaks_and_has_an_opinion(state);
}

/* A parent that is killed leaves nothing behind. */
static void
nursery_and_dialogue_die_with_their_parent(void **state)
{
	struct outcome outcome;
	pid_t parent, child, grandchild;
	int   pipes[2];
	char  byte;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	parent = fork();
	if (parent == 0) {
		struct nursery *own = nursery_start(&outcome);
		struct transaction transaction = message();
		int fd;

		if (own != NULL && dialogue_start(own, &transaction, &fd, &outcome) == 0 && write(pipes[1], "x", 1) == 1)
			(void)pause();
		_exit(1);
	}
	assert_int_equal(read(pipes[0], &byte, 1), 1);
	child = child_of(parent);
	assert_true(child > 0);
	grandchild = 0;
	for (int i = 0; i < 500 && grandchild == 0; i++) {
		grandchild = child_of(child);
		(void)usleep(10000);
	}
	assert_true(grandchild > 0);
	(void)kill(parent, SIGKILL);
	(void)waitpid(parent, NULL, 0);
	for (int i = 0; i < 1000 && (kill(child, 0) == 0 || kill(grandchild, 0) == 0); i++)
		(void)usleep(10000);
	assert_int_equal(kill(child, 0), -1);
	assert_int_equal(kill(grandchild, 0), -1);
	(void)close(pipes[0]);
	(void)close(pipes[1]);
}

static int
begin(void **state)
{
	struct outcome outcome;

	(void)state;
	(void)alarm(120);
	nursery = nursery_start(&outcome);
	nursery_pid = child_of(getpid());
	return nursery != NULL && nursery_pid > 0 ? 0 : -1;
}

static int
end(void **state)
{
	(void)state;
	nursery_stop(nursery);
	return kill(nursery_pid, 0) == 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connect_is_ours_and_leaves_others_alone),
		cmocka_unit_test(a_dialogue_speaks_and_has_an_opinion),
		cmocka_unit_test(a_dialogue_has_its_own_descriptors_only),
		cmocka_unit_test(a_dialogue_is_in_the_sandbox),
		cmocka_unit_test(a_dialogue_does_not_hold_what_its_parent_learned_later),
		cmocka_unit_test(a_dialogue_does_not_hold_the_environment),
		cmocka_unit_test(a_killed_dialogue_has_no_opinion_and_the_next_one_works),
		cmocka_unit_test(signals_of_a_stopping_service_do_not_end_it),
		cmocka_unit_test(nursery_and_dialogue_die_with_their_parent),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
