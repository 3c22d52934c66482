/*
 * test: sends one message beside the spool and shows each step as it was, with times.
 */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/log.h"
#include "base/relay.h"
#include "command/command.h"
#include "delivery/connection.h"
#include "delivery/journal.h"
#include "message/message.h"

static int
test_begin(void *context, const struct envelope *envelope, struct outcome *outcome)
{
	(void)context;
	(void)envelope;
	(void)outcome;
	return 0;
}

static int
test_write(void *context, const void *data, size_t length, struct outcome *outcome)
{
	if (file_write(*(int *)context, data, length) == 0)
		return 0;
	outcome_set(outcome, VERDICT_FAILED, STAGE_INPUT, CAUSE_LOCAL, "test message: %s", strerror(errno));
	return -1;
}

/* A descriptor that reads as the raw message, or -1. */
static int
test_text(void)
{
	static const char text[] =
	    "Subject: mailcrane test message\n"
	    "Auto-Submitted: auto-generated\n"
	    "\n"
	    "This is a test message from mailcrane.\n"
	    "\n"
	    "If you can read it, mail from this host goes out.\n";
	int fd = memfd_create("mailcrane-test", MFD_CLOEXEC);

	if (fd < 0)
		return -1;
	if (file_write(fd, text, sizeof(text) - 1) != 0 || lseek(fd, 0, SEEK_SET) != 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* The message in wire form into `fd`, its envelope into *envelope. */
static int
test_make(const struct config *config, const char *address, int fd, struct envelope *envelope, struct outcome *outcome)
{
	const char *const recipients[] = {address};
	struct message_sink sink = {&fd, test_begin, test_write};
	struct message_request request = {
		.recipients = recipients,
		.recipient_count = 1,
		.default_from = config->sender_from,
		.default_domain = config->sender_domain,
		.user_name = "root",
		.full_name = "mailcrane",
		.max_message = config->max_message,
	};
	const struct passwd *user = getpwuid(getuid());
	char host[256] = "localhost";
	int input, result;

	if (user != NULL)
		request.user_name = user->pw_name;
	if (request.default_domain == NULL && config->sender_from != NULL) {
		const char *at = strrchr(config->sender_from, '@');

		request.default_domain = at != NULL ? at + 1 : NULL;
	}
	(void)gethostname(host, sizeof(host) - 1);
	if (request.default_domain == NULL)
		request.default_domain = host;
	/* without a sender in the settings the relay's user is the best guess at one that it accepts */
	if (request.default_from == NULL && config->relay.user != NULL && strchr(config->relay.user, '@') != NULL)
		request.default_from = config->relay.user;
	input = test_text();
	if (input < 0) {
		outcome_set(outcome, VERDICT_FAILED, STAGE_INPUT, CAUSE_LOCAL, "test message: %s", strerror(errno));
		return -1;
	}
	result = message_accept(input, &request, &sink, envelope, outcome);
	(void)close(input);
	return result;
}

static void
test_print_steps(const struct connection *connection)
{
	char times[256];

	for (size_t i = 0; i < connection->step_count; i++) {
		const struct ladder_step *step = &connection->steps[i];

		journal_times(&step->times, times, sizeof(times));
		if (step->outcome.verdict == VERDICT_NONE || step->outcome.verdict == VERDICT_DELIVERED)
			printf("%-24s secured and logged in (ms: %s)\n", step->peer, times);
		else if (step->event == LADDER_OVERTAKEN)
			printf("%-24s slower, at %s: %s (ms: %s)\n", step->peer, stage_name(step->outcome.stage), step->outcome.text,
			    times);
		else
			printf("%-24s failed at %s: %s: %s (ms: %s)\n", step->peer, stage_name(step->outcome.stage),
			    cause_text(step->outcome.cause), step->outcome.text, times);
	}
}

static enum exitcode
test_send(struct connection *connection, const struct config *config, const struct envelope *envelope, int fd)
{
	const char *recipient = envelope->recipients[0];
	struct transaction transaction = {
		.reverse_path = envelope->reverse_path,
		.recipients = &recipient,
		.recipient_count = 1,
		.message_fd = fd,
		.message_length = (uint64_t)lseek(fd, 0, SEEK_END),
	};
	struct deadline deadline = deadline_in(config->timeouts.attempt);
	const struct ladder_hint none = {0};
	const struct relay *relay = relay_at(config, relay_of_sender(config, envelope->reverse_path));
	struct splice_report report;
	struct outcome outcome;
	char times[256];

	if (relay_count(config) > 1)
		printf("%-24s [%s] %s, which is that of <%s>\n", "relay", relay_title(relay), relay->host, envelope->reverse_path);
	if (connection_begin(connection, config, relay, &outcome) != 0 ||
	    connection_open(connection, &none, deadline, &outcome) != 0) {
		test_print_steps(connection);
		printf("not sent: %s\n", cause_text(outcome.cause));
		if (relay->fallback != NULL)
			printf("Mail would go on to its fallback, [%s].\n", relay_title(relay_at(config, relay_find(config, relay->fallback))));
		(void)fflush(stdout);
		return command_failed(&outcome);
	}
	test_print_steps(connection);
	printf("%-24s %s, AUTH %s as %s, EHLO %s\n", "", channel_tls(connection->channel),
	    channel_mechanism(connection->channel), relay->user, connection->ehlo);
	connection_send(connection, &transaction, deadline, &outcome, &report);
	journal_times(&report.times, times, sizeof(times));
	printf("%-24s from <%s> to <%s> (ms: %s)\n", "message", envelope->reverse_path, recipient, times);
	printf("%-24s %s%s: %03d %s\n", "relay", verdict_name(outcome.verdict), outcome.uncertain ? " (uncertain)" : "",
	    outcome.reply, outcome.text);
	connection_settled(connection, &transaction, &outcome, &report);
	if (outcome.verdict != VERDICT_DELIVERED)
		return EXIT_REFUSED;
	printf("The relay took the message; whether it reaches the mailbox is now up to the relay.\n");
	return EXIT_OK;
}

static enum exitcode
test_run(const struct command_place *place, struct connection *connection, const char *address)
{
	struct config config;
	struct envelope envelope;
	struct outcome outcome;
	enum exitcode code;
	int fd;

	if (command_settings(place, CONFIG_FULL, &config, &code) != 0)
		return code;
	fd = memfd_create("mailcrane-test", MFD_CLOEXEC);
	if (fd < 0) {
		outcome_set(&outcome, VERDICT_FAILED, STAGE_INPUT, CAUSE_LOCAL, "memfd: %s", strerror(errno));
		code = command_failed(&outcome);
	} else if (test_make(&config, address, fd, &envelope, &outcome) != 0) {
		code = command_failed(&outcome);
	} else {
		code = test_send(connection, &config, &envelope, fd);
		envelope_free(&envelope);
	}
	if (fd >= 0)
		(void)close(fd);
	/* it borrows the settings */
	connection_end(connection);
	config_free(&config);
	return code;
}

/* As the runner would, and as the user that it would be: root reads a password that the runner can't, and has no business in what a
 * relay sends. 0, or -1 with the line on stderr and *code. */
static int
test_become_runner(const struct command_place *place, enum exitcode *code)
{
	struct config config;
	struct spool *spool;

	if (command_settings(place, CONFIG_SUBMIT, &config, code) != 0)
		return -1;
	if (command_spool(place, &config, &spool, code) != 0) {
		config_free(&config);
		return -1;
	}
	spool_close(spool);
	config_free(&config);
	return 0;
}

enum exitcode
command_test(const struct command_place *place, int argc, char **argv)
{
	struct connection connection;
	struct nursery *nursery;
	struct outcome outcome;
	enum exitcode code;

	if (argc != 2)
		return command_misused("test takes one address");
	if (test_become_runner(place, &code) != 0)
		return code;
	/* before the whole settings, which may hold a password */
	nursery = nursery_start(&outcome);
	connection_init(&connection, nursery);
	if (nursery == NULL)
		code = command_failed(&outcome);
	else
		code = test_run(place, &connection, argv[1]);
	connection_end(&connection);
	nursery_stop(nursery);
	return code;
}
