/*
 * harness: runs message_accept() on a piece of memory that arrives in portions of a given size, and keeps what comes out.
 */
#ifndef MAILCRANE_TEST_HARNESS_H
#define MAILCRANE_TEST_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "message/message.h"

struct harness {
	struct buffer who;		/* "sender > recipient recipient", and "utf8" when SMTPUTF8 is needed */
	struct buffer wire;
	struct outcome outcome;
	bool eight_bit, begun;
	int result;
};

static int
harness_begin(void *context, const struct envelope *envelope, struct outcome *outcome)
{
	struct harness *harness = context;

	(void)outcome;
	assert_false(harness->begun);
	harness->begun = true;
	(void)buffer_append_format(&harness->who, "%s >", envelope->reverse_path);
	for (size_t i = 0; i < envelope->recipient_count; i++)
		(void)buffer_append_format(&harness->who, " %s", envelope->recipients[i]);
	if (envelope->smtputf8)
		(void)buffer_append_text(&harness->who, " utf8");
	return 0;
}

static int
harness_write(void *context, const void *data, size_t length, struct outcome *outcome)
{
	struct harness *harness = context;

	(void)outcome;
	assert_true(harness->begun);
	return buffer_append(&harness->wire, data, length);
}

static inline void
harness_free(struct harness *harness)
{
	buffer_free(&harness->who);
	buffer_free(&harness->wire);
}

/* Each packet of a packet socket is one read(), so the portions are exact. */
static pid_t
harness_feed(const char *input, size_t length, size_t portion, int *fd)
{
	int pair[2];
	pid_t child;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)close(pair[0]);
		(void)alarm(300);	/* a hang guard: valgrind is slow */
		for (size_t at = 0; at < length; at += portion)
			if (send(pair[1], input + at, length - at < portion ? length - at : portion, MSG_NOSIGNAL) < 0)
				_exit(1);
		_exit(0);
	}
	(void)close(pair[1]);
	*fd = pair[0];
	return child;
}

static inline void
harness_run(struct harness *harness, const struct message_request *request, const char *input, size_t length, size_t portion)
{
	struct message_sink sink = {harness, harness_begin, harness_write};
	struct envelope envelope;
	int fd, status;
	pid_t child = harness_feed(input, length, portion, &fd);

	*harness = (struct harness){0};
	buffer_init(&harness->who, 1 << 20);
	buffer_init(&harness->wire, 1 << 26);
	harness->result = message_accept(fd, request, &sink, &envelope, &harness->outcome);
	if (harness->result == 0) {
		harness->eight_bit = envelope.eight_bit;
		envelope_free(&envelope);
	}
	(void)close(fd);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);		/* also on an error the whole input was read */
}

static inline size_t
harness_date(const char *text)
{
	char day[4], month[4], zone[6];
	int date, year, hour, minute, second, end = 0;

	if (sscanf(text, "%3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d %5[-+0-9]%n", day, &date, month, &year, &hour, &minute,
	    &second, zone, &end) != 8 || strlen(zone) != 5)
		return 0;
	return (size_t)end;
}

/* `want` may hold {D} for a date and {I} for the part of a new Message-ID before the "@". */
static inline bool
harness_matches(const char *got, const char *want)
{
	size_t length;

	while (*want != '\0') {
		if (strncmp(want, "{D}", 3) == 0)
			length = harness_date(got);
		else if (strncmp(want, "{I}", 3) == 0)
			length = strspn(got, "0123456789abcdef") == 32 ? 32 : 0;
		else if (*got++ == *want++)
			continue;
		else
			return false;
		if (length == 0)
			return false;
		got += length;
		want += 3;
	}
	return *got == '\0';
}

#endif
