/*
 * secret: password from the settings, a file, a command or the environment.
 *
 * A command gets nothing of ours: clean environment, /dev/null for input and errors (an error text may quote
 * the secret), own process group so that what it started goes with it. Its output is over when the command
 * has ended and the pipe is empty: an agent that it left behind may keep the pipe open.
 */
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/access.h"
#include "base/account.h"
#include "base/file.h"

#ifndef SECRET_WAIT_MS
#define SECRET_WAIT_MS 30000
#endif

#define SECRET_MAX 8192
#define SECRET_WORDS_MAX 64
#define SECRET_TICK_MS 20
#define SECRET_REAP_MS 1000
#define SECRET_CANT_RUN 127

static int
secret_fail(struct outcome *outcome, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int
secret_fail(struct outcome *outcome, const char *format, ...)
{
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	if (vsnprintf(text, sizeof(text), format, arguments) < 0)
		text[0] = '\0';
	va_end(arguments);
	outcome_set(outcome, VERDICT_FAILED, STAGE_CONFIG, CAUSE_SECRET, "%s", text);
	return -1;
}

static int
secret_from_text(const char *text, struct buffer *secret, const char *source, struct outcome *outcome)
{
	if (buffer_append_text(secret, text) != 0)
		return secret_fail(outcome, "%s: over %d octets", source, SECRET_MAX);
	return 0;
}

static int
secret_from_file(const char *path, struct buffer *secret, struct outcome *outcome)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat status;
	char *text = NULL;
	size_t length;
	int result;

	if (fd < 0)
		return secret_fail(outcome, "password_file %s: %s", path, access_text(errno));
	if (fstat(fd, &status) != 0)
		result = secret_fail(outcome, "password_file %s: %s", path, strerror(errno));
	else if (!S_ISREG(status.st_mode))
		result = secret_fail(outcome, "password_file %s: not a regular file", path);
	else if ((status.st_mode & S_IRWXO) != 0)
		result = secret_fail(outcome, "password_file %s: open to everybody (chmod o-rwx)", path);
	else if ((text = file_slurp(fd, SECRET_MAX + 1, &length)) == NULL)
		result = secret_fail(outcome, "password_file %s: %s", path,
		    errno == EFBIG ? "too long for a password" : strerror(errno));
	else {
		result = buffer_append(secret, text, length);
		explicit_bzero(text, length);
	}
	free(text);
	(void)close(fd);
	return result;
}

/* Cuts a copy of the command into words, in place: they never get longer. Gives the count, -1 when a quote is
 * not closed or there are too many. */
static int
secret_split(char *command, char **words)
{
	char *from = command, *to = command;
	int count = 0;

	for (;;) {
		char quote = '\0';

		while (*from == ' ' || *from == '\t')
			from++;
		if (*from == '\0')
			break;
		if (count == SECRET_WORDS_MAX)
			return -1;
		words[count++] = to;
		for (; *from != '\0' && (quote != '\0' || (*from != ' ' && *from != '\t')); from++) {
			if (quote != '\0' && *from == quote)
				quote = '\0';
			else if (quote == '\0' && (*from == '"' || *from == '\''))
				quote = *from;
			else
				*to++ = *from;
		}
		if (quote != '\0')
			return -1;
		/* not before `from` has left it: the end of a word may be where it stands */
		if (*from != '\0')
			from++;
		*to++ = '\0';
	}
	words[count] = NULL;
	return count;
}

/* In the child. Only what may be called between fork and exec. */
static void
secret_run(char **words, char *home, pid_t parent, int output)
{
	char path[512];
	char *environment[] = {(char[]){"PATH=/usr/bin:/bin"}, home, NULL};
	int null = open("/dev/null", O_RDWR);
	sigset_t none;

	if (null < 0 || setpgid(0, 0) != 0 || dup2(null, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
	    dup2(null, STDERR_FILENO) < 0 || chdir("/") != 0)
		_exit(SECRET_CANT_RUN);
	file_close_from(STDERR_FILENO + 1);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		_exit(SECRET_CANT_RUN);
	for (int number = 1; number < NSIG; number++)
		(void)signal(number, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (strchr(words[0], '/') != NULL)
		execve(words[0], words, environment);
	else if (snprintf(path, sizeof(path), "/usr/bin/%s", words[0]) < (int)sizeof(path)) {
		execve(path, words, environment);
		execve(path + strlen("/usr"), words, environment);
	}
	_exit(SECRET_CANT_RUN);
}

/* The child, its output on *output, or -1 with errno. */
static pid_t
secret_start(char **words, int *output)
{
	const struct passwd *user = account_of(geteuid());
	pid_t child, parent = getpid();
	char home[1024];
	int ends[2];

	if (snprintf(home, sizeof(home), "HOME=%s", user != NULL ? user->pw_dir : "/") >= (int)sizeof(home))
		(void)snprintf(home, sizeof(home), "HOME=/");
	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	child = fork();
	if (child == 0)
		secret_run(words, home, parent, ends[1]);
	(void)close(ends[1]);
	if (child < 0) {
		(void)close(ends[0]);
		return -1;
	}
	/* here too, so that the group is there whichever of the two comes first */
	(void)setpgid(child, child);
	*output = ends[0];
	return child;
}

/* What is there now. 1: more may come, 0: end of file, -1: too much or an error. */
static int
secret_read(int fd, struct buffer *secret)
{
	char block[512];
	ssize_t n;

	while ((n = read(fd, block, sizeof(block))) > 0) {
		int result = buffer_append(secret, block, (size_t)n);

		explicit_bzero(block, sizeof(block));
		if (result != 0)
			return -1;
	}
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return -1;
	return n == 0 ? 0 : 1;
}

static bool
secret_has_ended(pid_t child)
{
	siginfo_t info = {.si_pid = 0};

	/* left unreaped, so that its number stays its own until the group is killed */
	return waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == child;
}

/* Until the command has ended and its output is read. NULL, or what went wrong. */
static const char *
secret_collect(pid_t child, int fd, struct deadline deadline, struct buffer *secret)
{
	bool is_open = true, has_ended = false;

	while (!has_ended) {
		struct pollfd pollfd = {.fd = is_open ? fd : -1, .events = POLLIN};
		int result = 1;

		if (poll(&pollfd, 1, deadline_poll(deadline_earlier(deadline, deadline_in(SECRET_TICK_MS)))) < 0 &&
		    errno != EINTR)
			return "can't be waited for";
		has_ended = secret_has_ended(child);
		if (is_open)
			result = secret_read(fd, secret);
		if (result < 0)
			return "too long for a password";
		is_open = is_open && result > 0;
		if (!has_ended && deadline_passed(deadline))
			return "no answer in time";
	}
	return NULL;
}

/* Ends the command and its whole group and takes its status; -1 when it does not end, be it that it is another user's by now, as
 * with sudo(8), or that a system call holds it: then it is left. */
static int
secret_reap(pid_t child)
{
	struct deadline deadline = deadline_in(SECRET_REAP_MS);
	int status = -1;
	pid_t ended;

	(void)kill(-child, SIGKILL);
	/* it may have left its group */
	(void)kill(child, SIGKILL);
	while ((ended = waitpid(child, &status, WNOHANG)) == 0 && !deadline_passed(deadline))
		(void)poll(NULL, 0, SECRET_TICK_MS);
	return ended == child ? status : -1;
}

int
secret_ask(const struct relay *relay, struct secret_question *question, struct outcome *outcome)
{
	char *words[SECRET_WORDS_MAX + 1], *command;
	int result = 0;

	question->child = 0;
	question->output = -1;
	if (relay->secret_source != SECRET_COMMAND)
		return 0;
	command = memory_copy_text(relay->secret);
	if (secret_split(command, words) < 1)
		result = secret_fail(outcome, "password_command: a quote is not closed, or no command is there");
	else if ((question->child = secret_start(words, &question->output)) < 0)
		result = secret_fail(outcome, "password_command: can't be started: %s", strerror(errno));
	explicit_bzero(command, strlen(relay->secret));
	free(command);
	return result;
}

static int
secret_from_command(struct secret_question *question, struct deadline deadline, struct buffer *secret, struct outcome *outcome)
{
	const char *wrong = "can't be waited for";
	int status;

	if (file_set_nonblocking(question->output, 1) == 0)
		wrong = secret_collect(question->child, question->output, deadline, secret);
	status = secret_reap(question->child);
	(void)close(question->output);
	question->child = 0;
	if (wrong != NULL)
		return secret_fail(outcome, "password_command: %s", wrong);
	if (WIFEXITED(status) && WEXITSTATUS(status) == SECRET_CANT_RUN)
		return secret_fail(outcome, "password_command: there is no such program, or it can't be run (no shell "
		    "is used; it is looked for in /usr/bin and /bin)");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return secret_fail(outcome, "password_command: the command failed (%s %d)", WIFSIGNALED(status) ? "signal" : "exit status",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static int
secret_from_environment(const char *name, struct buffer *secret, struct outcome *outcome)
{
	const char *value = getenv(name);

	/* not named: somebody may have written the password there */
	if (value == NULL)
		return secret_fail(outcome, "password_env: the variable that it names is not in the environment");
	return secret_from_text(value, secret, "password_env", outcome);
}

static int
secret_check(const char *source, struct buffer *secret, struct outcome *outcome)
{
	if (secret->length > 0 && secret->data[secret->length - 1] == '\n')
		secret->data[--secret->length] = '\0';
	if (secret->length == 0)
		return secret_fail(outcome, "%s: the password is empty", source);
	if (secret->length > SECRET_MAX)
		return secret_fail(outcome, "%s: over %d octets", source, SECRET_MAX);
	if (memchr(secret->data, '\0', secret->length) != NULL)
		return secret_fail(outcome, "%s: the password holds a NUL", source);
	if (memchr(secret->data, '\r', secret->length) != NULL || memchr(secret->data, '\n', secret->length) != NULL)
		return secret_fail(outcome, "%s: more than one line, or a CR at its end", source);
	return 0;
}

int
secret_answer(const struct relay *relay, struct secret_question *question, struct deadline deadline, struct buffer *secret,
    struct outcome *outcome)
{
	static const char *const sources[] = {[SECRET_NONE] = "", [SECRET_INLINE] = "password",
	    [SECRET_FILE] = "password_file", [SECRET_COMMAND] = "password_command",
	    [SECRET_ENVIRONMENT] = "password_env"};
	struct buffer found;
	int result = 0;

	/* one more for the newline */
	buffer_init(&found, SECRET_MAX + 1);
	switch (relay->secret_source) {
	case SECRET_INLINE:
		result = secret_from_text(relay->secret, &found, "password", outcome);
		break;
	case SECRET_FILE:
		result = secret_from_file(relay->secret, &found, outcome);
		break;
	case SECRET_COMMAND:
		result = secret_from_command(question, deadline, &found, outcome);
		break;
	case SECRET_ENVIRONMENT:
		result = secret_from_environment(relay->secret, &found, outcome);
		break;
	case SECRET_NONE:
		break;
	}
	if (result == 0 && relay->secret_source != SECRET_NONE)
		result = secret_check(sources[relay->secret_source], &found, outcome);
	if (result != 0) {
		buffer_wipe(&found);
		return -1;
	}
	*secret = found;
	return 0;
}

int
secret_get(const struct relay *relay, struct buffer *secret, struct outcome *outcome)
{
	struct secret_question question;

	if (secret_ask(relay, &question, outcome) != 0)
		return -1;
	return secret_answer(relay, &question, deadline_in(SECRET_WAIT_MS), secret, outcome);
}
