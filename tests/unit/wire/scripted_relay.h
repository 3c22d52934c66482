/*
 * scripted_relay: an SMTP server in a process of its own on one end of a socketpair, that answers each command as its script says
 * and keeps what it was sent where the test can see it.
 *
 * An answer is a line to send; "-" nothing at all; "x" close; "=TEXT" exactly these octets; "*LINE" that line without
 * end; "#LINE" that line without end, as fast as it goes; "~LINE" an octet each 50 ms; "!N LINE" signal N to the dialogue process, then the line.
 */
#ifndef TESTS_SCRIPTED_RELAY_H
#define TESTS_SCRIPTED_RELAY_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child_of.h"

#define RELAY_BODY_MAX (8UL << 20)
#define RELAY_RECIPIENTS 3

struct relay_script {
	const char *mail, *rcpt[RELAY_RECIPIENTS], *data, *chunk, *final, *rset;
};

/* Shared with the test. */
struct relay_record {
	size_t body_length;		/* of the last message, without its dots */
	int    messages;		/* that ended: LAST, or a dot */
	int    resets, chunks;
	char   commands[8192];		/* without the body */
	char   body[RELAY_BODY_MAX];
};

struct relay_process {
	pid_t  pid, nursery;
	int    fd;
	struct relay_record *record;
};

struct relay_side {
	const struct relay_script *script;
	struct relay_record       *record;
	FILE  *in;
	int    fd;
	pid_t  nursery;
	size_t rcpt;
};

static void
relay_put(struct relay_side *relay, const void *data, size_t length)
{
	if (send(relay->fd, data, length, MSG_NOSIGNAL) < 0)
		_exit(0);
}

static void
relay_line(struct relay_side *relay, const char *line)
{
	char text[1024];

	relay_put(relay, text, (size_t)snprintf(text, sizeof(text), "%s\r\n", line));
}

static void __attribute__((noreturn))
relay_flood(struct relay_side *relay, const char *line)
{
	static char block[65536];
	size_t length = 0;

	while (length + strlen(line) + 2 < sizeof(block))
		length += (size_t)snprintf(block + length, sizeof(block) - length, "%s\r\n", line);
	for (;;)
		relay_put(relay, block, length);
}

static void
relay_answer(struct relay_side *relay, const char *answer)
{
	pid_t target;

	switch (answer[0]) {
	case '-':
		return;
	case 'x':
		_exit(0);
	case '=':
		relay_put(relay, answer + 1, strlen(answer + 1));
		return;
	case '*':
		for (;;)
			relay_line(relay, answer + 1);
	case '#':
		relay_flood(relay, answer + 1);
	case '~':
		for (const char *at = answer + 1; *at != '\0'; at++) {
			relay_put(relay, at, 1);
			(void)usleep(50000);
		}
		relay_line(relay, "");
		return;
	case '!':
		target = child_of(relay->nursery);
		if (target > 0)
			(void)kill(target, atoi(answer + 1));
		relay_line(relay, strchr(answer, ' ') + 1);
		return;
	default:
		relay_line(relay, answer);
	}
}

static void
relay_keep(struct relay_side *relay, const char *data, size_t length)
{
	struct relay_record *record = relay->record;

	if (record->body_length + length > RELAY_BODY_MAX)
		_exit(1);
	memcpy(record->body + record->body_length, data, length);
	record->body_length += length;
}

static void
relay_bdat(struct relay_side *relay, const char *line)
{
	size_t left = strtoul(line + 5, NULL, 10);
	bool   last = strstr(line, "LAST") != NULL;
	char   block[4096];

	while (left > 0) {
		size_t n = fread(block, 1, left < sizeof(block) ? left : sizeof(block), relay->in);

		if (n == 0)
			_exit(0);
		relay_keep(relay, block, n);
		left -= n;
	}
	relay->record->chunks++;
	relay->record->messages += last;
	relay_answer(relay, last ? relay->script->final : relay->script->chunk);
}

static void
relay_body(struct relay_side *relay)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t n;

	while ((n = getline(&line, &room, relay->in)) > 0) {
		if (strcmp(line, ".\r\n") == 0)
			break;
		relay_keep(relay, line[0] == '.' ? line + 1 : line, (size_t)n - (line[0] == '.' ? 1 : 0));
	}
	if (n <= 0)
		_exit(0);
	free(line);
	relay->record->messages++;
	relay_answer(relay, relay->script->final);
}

static void
relay_command(struct relay_side *relay, const char *line)
{
	const struct relay_script *script = relay->script;

	strncat(relay->record->commands, line, sizeof(relay->record->commands) - strlen(relay->record->commands) - 1);
	if (strncmp(line, "MAIL ", 5) == 0) {
		relay_answer(relay, script->mail);
	} else if (strncmp(line, "RCPT ", 5) == 0) {
		relay_answer(relay, script->rcpt[relay->rcpt++ % RELAY_RECIPIENTS]);
	} else if (strncmp(line, "DATA", 4) == 0) {
		relay_answer(relay, script->data);
		if (strstr(script->data, "354") != NULL)
			relay_body(relay);
	} else if (strncmp(line, "BDAT ", 5) == 0) {
		relay_bdat(relay, line);
	} else if (strncmp(line, "RSET", 4) == 0) {
		relay->record->resets++;
		relay_answer(relay, script->rset);
	} else {
		relay_line(relay, "500 what?");
	}
}

static void
relay_main(struct relay_side *relay)
{
	char  *line = NULL;
	size_t room = 0;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)alarm(60);
	relay->in = fdopen(relay->fd, "r");
	while (getline(&line, &room, relay->in) > 0)
		relay_command(relay, line);
	_exit(0);
}

static void
relay_start(struct relay_process *process, const struct relay_script *script, pid_t nursery)
{
	struct relay_side relay = {.script = script, .nursery = nursery};
	int pair[2];

	process->record = mmap(NULL, sizeof(*process->record), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (process->record == MAP_FAILED || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		abort();
	process->pid = fork();
	if (process->pid == 0) {
		(void)close(pair[0]);
		relay.record = process->record;
		relay.fd = pair[1];
		relay_main(&relay);
	}
	(void)close(pair[1]);
	process->fd = pair[0];
}

static void
relay_stop(struct relay_process *process)
{
	(void)close(process->fd);
	(void)kill(process->pid, SIGKILL);
	(void)waitpid(process->pid, NULL, 0);
	(void)munmap(process->record, sizeof(*process->record));
}

#endif
