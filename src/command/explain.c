/*
 * explain: reply codes, enhanced status codes and causes in plain words, and of a message its whole story: what the spool has of it for each
 * recipient, and what the log says of each attempt.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/text.h"
#include "command/advice.h"
#include "command/command.h"

#define EXPLAIN_SHOW_MAX 4194304	/* octets: thousands of recipients */
#define EXPLAIN_LOG_MAX  8388608	/* at the end of a log */
#define EXPLAIN_LINE     2048
#define EXPLAIN_MARGIN   "            "	/* as wide as the first column of show */

/* "550" or "5.7.8" at `text`, with no digit around: its length, else 0. */
static size_t
explain_code(const char *text)
{
	size_t length = 1;

	if (text[0] < '2' || text[0] > '5')
		return 0;
	if (text[1] != '.') {
		length = strspn(text, "0123456789");
		return length == 3 && text[3] != '.' ? 3 : 0;
	}
	for (int part = 0; part < 2; part++) {
		size_t digits = text[length] == '.' ? strspn(text + length + 1, "0123456789") : 0;

		if (digits < 1 || digits > 3)
			return 0;
		length += 1 + digits;
	}
	return text[length] == '.' && isdigit((unsigned char)text[length + 1]) ? 0 : length;
}

static bool
explain_row(const char *margin, const char *code)
{
	const struct advice_reply *reply = advice_reply(code);

	if (reply == NULL)
		return false;
	printf("%s%-9s %s\n%s%-9s what to do: %s\n", margin, code, reply->meaning, margin, "", reply->advice);
	return true;
}

/* Each code in the text, and the name of a cause when it is one. true when there was any. */
static bool
explain_text(const char *margin, const char *text)
{
	enum cause cause = cause_parse(text);
	bool any = false;

	if (cause != CAUSE_NONE) {
		printf("%s%-9s %s\n", margin, text, cause_text(cause));
		any = true;
	}
	for (const char *at = text; *at != '\0';) {
		bool is_begin = at == text || !(isalnum((unsigned char)at[-1]) || at[-1] == '.');
		size_t length = is_begin ? explain_code(at) : 0;
		char code[16];

		if (length == 0 || length >= sizeof(code) || isalnum((unsigned char)at[length])) {
			at++;
			continue;
		}
		memcpy(code, at, length);
		code[length] = '\0';
		any = explain_row(margin, code) || any;
		at += length;
	}
	return any;
}

/* ---- a message ---- */

/* What `mailcrane show` prints of it, by whatever way it gets at the spool: a process of its own, since the way through sendmail leaves none.
 * Gives its exit code; both texts are the caller's to free. */
static int
explain_show(const struct command_place *place, const char *id, char **text, char **error)
{
	int fds[2] = {memfd_create("mailcrane-show", MFD_CLOEXEC), memfd_create("mailcrane-show", MFD_CLOEXEC)}, status = -1;
	char verb[] = "show", *words[] = {verb, memory_copy_text(id), NULL};
	pid_t child = fds[0] >= 0 && fds[1] >= 0 ? fork() : -1;

	if (child == 0) {
		int code = EXIT_REFUSED;

		if (dup2(fds[0], STDOUT_FILENO) >= 0 && dup2(fds[1], STDERR_FILENO) >= 0)
			code = (int)command_hand(place, 2, words);
		(void)fflush(stdout);
		(void)fflush(stderr);
		_exit(code);
	}
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		continue;
	*text = *error = NULL;
	for (int i = 0; i < 2; i++) {
		if (fds[i] < 0)
			continue;
		if (child > 0 && lseek(fds[i], 0, SEEK_SET) == 0)
			*(i == 0 ? text : error) = file_slurp(fds[i], EXPLAIN_SHOW_MAX, NULL);
		(void)close(fds[i]);
	}
	free(words[1]);
	return child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_REFUSED;
}

/* What a recipient's line means, below it. */
static void
explain_recipient(const char *line)
{
	const char *words = strstr(line, "): ");

	if (words != NULL && explain_text(EXPLAIN_MARGIN, words + 3))
		return;
	if (strstr(line, " deferred") != NULL)
		printf(EXPLAIN_MARGIN "what to do: nothing, it is tried again by itself; mailcrane check looks why\n");
}

/* Its lines up to the header of the message. */
static void
explain_story(char *text)
{
	for (char *line = text, *end; (end = strchr(line, '\n')) != NULL && end > line; line = end + 1) {
		*end = '\0';
		puts(line);
		if (strncmp(line, "to ", 3) == 0)
			explain_recipient(line);
	}
}

/* The lines of a log that are about this message: "... mailcrane[1]: warning: ID: to=<...". How many. */
static size_t
explain_log(const char *path, const char *id)
{
	char mark[80], *text;
	struct stat status;
	size_t count = 0;
	ssize_t length;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return 0;
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || (text = malloc(EXPLAIN_LOG_MAX + 1)) == NULL) {
		(void)close(fd);
		return 0;
	}
	length = file_pread(fd, text, EXPLAIN_LOG_MAX, status.st_size > EXPLAIN_LOG_MAX ? status.st_size - EXPLAIN_LOG_MAX : 0);
	(void)close(fd);
	text[length > 0 ? length : 0] = '\0';
	(void)snprintf(mark, sizeof(mark), " %.60s: ", id);
	for (char *line = text, *rest; line != NULL && *line != '\0'; line = rest) {
		char shown[EXPLAIN_LINE];

		rest = strchr(line, '\n');
		if (rest != NULL)
			*rest++ = '\0';
		if (strstr(line, mark) == NULL)
			continue;
		if (count++ == 0)
			printf("\nlog %s:\n", path);
		printf("  %s\n", text_printable(shown, sizeof(shown), line, strlen(line), true));
	}
	free(text);
	return count;
}

/* The attempts so far, and of one that was delivered all that there is. */
static size_t
explain_logs(const char *log_to, const char *id)
{
	static const char *const usual[] = {"/var/log/mail.log", "/var/log/maillog", "/var/log/syslog", "/var/log/messages"};
	size_t count = 0;

	if (log_to[0] == '/')
		return explain_log(log_to, id);
	if (strcmp(log_to, "syslog") != 0)
		return 0;
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]) && count == 0; i++)
		count = explain_log(usual[i], id);
	return count;
}

/* The command that finds a message's lines where we don't. */
static void
explain_where(const char *log_to, const char *id, char *text, size_t size)
{
	if (log_to[0] == '/')
		(void)snprintf(text, size, "grep %.40s %s", id, log_to);
	else
		(void)snprintf(text, size, "journalctl -t mailcrane -g %.40s", id);
}

static enum exitcode
explain_id(const struct command_place *place, const char *id)
{
	struct command_place here = *place;
	char *text = NULL, *error = NULL, *log_to, where[512];
	struct outcome outcome;
	struct config config;
	size_t lines;
	int code;

	here.config_file = config_find(here.secure, &here.own_file, &outcome);
	if (here.config_file == NULL) {
		fprintf(stderr, "mailcrane: %s is no code that is known; were it a message: %s\n", id, outcome.text);
		return EXIT_DATA;
	}
	code = explain_show(&here, id, &text, &error);
	if (code == EXIT_OK && text != NULL)
		explain_story(text);
	log_to = memory_copy_text(config_load(here.config_file, CONFIG_SUBMIT, here.secure, &config, &outcome) == 0 ? config.log_to : "syslog");
	config_free(&config);
	lines = explain_logs(log_to, id);
	explain_where(log_to, id, where, sizeof(where));
	if (lines == 0 && code == EXIT_OK)
		printf("\nEach attempt has a line in the log: %s\n", where);
	if (lines == 0 && code != EXIT_OK)
		fprintf(stderr, "%smailcrane: %s is no code that is known, and no message in the spool that is yours: delivered, or never there; the log "
		    "may know: %s\n", error != NULL && strstr(error, "no such message") == NULL ? error : "", id, where);
	else if (code != EXIT_OK)
		printf("\nNo longer in the spool: delivered to those for whom the log says status=delivered.\n");
	free(log_to);
	free(text);
	free(error);
	free(here.config_file);
	return code == EXIT_OK || lines > 0 ? EXIT_OK : EXIT_DATA;
}

enum exitcode
command_explain(const struct command_place *place, int argc, char **argv)
{
	struct buffer text;
	enum exitcode code = EXIT_OK;

	if (argc < 2)
		return command_misused("explain takes a code, a text or the id of a message");
	buffer_init(&text, 8192);
	for (int i = 1; i < argc; i++)
		if (buffer_append_format(&text, "%s%s", i > 1 ? " " : "", argv[i]) != 0)
			break;
	if (text.length == 0)
		code = command_misused("explain takes a code, a text or the id of a message");
	else if (!explain_text("", text.data))
		code = argc == 2 && strchr(text.data, ' ') == NULL ? explain_id(place, text.data) : EXIT_DATA;
	if (code == EXIT_DATA && (argc > 2 || strchr(text.data, ' ') != NULL))
		fprintf(stderr, "mailcrane: no code in this text\n");
	buffer_free(&text);
	return code;
}
