/*
 * test: sends one message beside the spool and shows each step as it was, with its time, and by what name the relay knows the message.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/provider.h"
#include "base/relay.h"
#include "base/text.h"
#include "command/advice.h"
#include "command/command.h"
#include "command/receipt.h"
#include "delivery/connection.h"
#include "delivery/gate.h"
#include "delivery/journal.h"
#include "delivery/policy.h"
#include "delivery/privilege.h"
#include "message/aliases.h"
#include "message/identity.h"
#include "message/message.h"
#include "message/remark.h"

#define TEST_NAMED 3	/* recipients */

/* ---- the message ---- */

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

static bool
test_is_printable(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 127)
			return false;
	return true;
}

/* A descriptor that reads as the raw message, or -1. What the address is worth is found out later: here it must not end its header. */
static int
test_text(const char *address)
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
	if ((test_is_printable(address) && dprintf(fd, "To: %s\n", address) < 0) || file_write(fd, text, sizeof(text) - 1) != 0 ||
	    lseek(fd, 0, SEEK_SET) != 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* The message in wire form into `fd`, its envelope into *envelope: from whom and to whom sendmail would send it, called by that user. */
static int
test_make(const struct config *config, uid_t caller, const char *address, int fd, struct envelope *envelope, struct outcome *outcome)
{
	const char *const recipients[] = {address};
	struct message_sink sink = {&fd, test_begin, test_write};
	struct message_request request = {.recipients = recipients, .recipient_count = 1};
	struct aliases aliases;
	struct identity identity;
	char *rest, *line;
	int input, result = -1;

	if (aliases_new(&aliases, config, outcome) != 0)
		return -1;
	identity_get(config, caller, &identity);
	identity_fill(&identity, config, &request);
	request.aliases = aliases.set;
	request.remarks = &aliases.remarks;
	input = test_text(address);
	if (input < 0)
		outcome_set(outcome, VERDICT_FAILED, STAGE_INPUT, CAUSE_LOCAL, "test message: %s", strerror(errno));
	else
		result = message_accept(input, &request, &sink, envelope, outcome);
	for (rest = aliases.remarks.data; (line = remark_next(&rest)) != NULL;)
		printf("%-24s %s\n", "remark", line);
	if (input >= 0)
		(void)close(input);
	identity_free(&identity);
	aliases_free(&aliases);
	return result;
}

/* ---- what is said ---- */

/* Ways that came to nothing, or came later than another. */
static void
test_print_other_ways(const struct connection *connection, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct ladder_step *step = &connection->steps[i];
		char times[256];

		journal_times(&step->times, times, sizeof(times));
		if (step->event == LADDER_OVERTAKEN)
			printf("%-24s slower, at %s: %s (ms: %s)\n", step->peer, stage_name(step->outcome.stage), step->outcome.text,
			    times);
		else
			printf("%-24s failed at %s: %s: %s (ms: %s)\n", step->peer, stage_name(step->outcome.stage),
			    cause_text(step->outcome.cause), step->outcome.text, times);
	}
}

static void
test_print_stage(const struct stage_times *times, enum stage stage, int64_t *total, const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Before MAIL one that took no time was not there; behind it several go in one flight. */
static void
test_print_stage(const struct stage_times *times, enum stage stage, int64_t *total, const char *format, ...)
{
	va_list arguments;

	if (stage < STAGE_MAIL && times->ms[stage] <= 0)
		return;
	*total += times->ms[stage];
	printf("%-10s %7" PRId64 " ms  ", stage_name(stage), times->ms[stage]);
	va_start(arguments, format);
	(void)vprintf(format, arguments);
	va_end(arguments);
	printf("\n");
}

static void
test_print_way(const struct connection *connection, int64_t *total)
{
	const struct relay *relay = connection->relay;
	const struct ladder_step *step = &connection->steps[connection->step_count - 1];
	/* where a token serves as user, too, it is a secret */
	bool is_address = relay->user != NULL && strchr(relay->user, '@') != NULL;

	printf("%-10s %7s\n", "STAGE", "TIME");
	test_print_stage(&step->times, STAGE_DNS, total, "%s", relay->host);
	test_print_stage(&step->times, STAGE_CONNECT, total, "%s", step->peer);
	test_print_stage(&step->times, STAGE_GREETING, total, "%s", "");
	test_print_stage(&step->times, STAGE_EHLO, total, "as %s", connection->ehlo);
	test_print_stage(&step->times, STAGE_STARTTLS, total, "%s", "");
	test_print_stage(&step->times, STAGE_TLS, total, "%s", channel_tls(connection->channel));
	test_print_stage(&step->times, STAGE_AUTH, total, "%s%s%s", channel_mechanism(connection->channel), is_address ? " as " : "",
	    is_address ? relay->user : "");
}

/* The Message-ID of the message in wire form, "" when it is not seen. */
static void
test_find_message_id(int fd, char *id, size_t size)
{
	static const char name[] = "\r\nMessage-ID:";
	char head[4096 + 1];
	const char *at;
	ssize_t length;

	memcpy(head, "\r\n", 2);
	length = file_pread(fd, head + 2, sizeof(head) - 3, 0);
	head[length > 0 ? length + 2 : 2] = '\0';
	at = strcasestr(head, name);
	id[0] = '\0';
	if (at == NULL)
		return;
	at += sizeof(name) - 1;
	at += strspn(at, " \t");
	text_printable(id, size, at, strcspn(at, "\r\n"), true);
}

/* Those who failed weigh most, else the first. */
static const struct outcome *
test_weightiest(const struct outcome *outcomes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (outcomes[i].verdict != VERDICT_DELIVERED)
			return &outcomes[i];
	return outcomes;
}

/* "<a>, <b>, <c> and 2 others" */
static const char *
test_recipients(const struct transaction *transaction, char *text, size_t size)
{
	size_t count = transaction->recipient_count, named = count > TEST_NAMED ? TEST_NAMED : count, used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < named && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s<%s>", i > 0 ? ", " : "", transaction->recipients[i]);
	if (count > named && used < size)
		(void)snprintf(text + used, size - used, " and %zu other%s", count - named, count - named == 1 ? "" : "s");
	return text;
}

/* As far as it went. */
static void
test_print_message(const struct transaction *transaction, const struct splice_report *report, const struct outcome *outcomes, int64_t *total)
{
	enum stage last = STAGE_MAIL;
	char to[(TEST_NAMED + 1) * (ENVELOPE_ADDRESS_MAX + 8)];

	for (size_t i = 0; i < transaction->recipient_count; i++) {
		enum stage stage = outcomes[i].verdict == VERDICT_DELIVERED ? STAGE_FINAL : outcomes[i].stage;

		last = stage > last ? stage : last;
	}
	test_print_stage(&report->times, STAGE_MAIL, total, "from <%s>", transaction->reverse_path);
	if (last >= STAGE_RCPT)
		test_print_stage(&report->times, STAGE_RCPT, total, "to %s", test_recipients(transaction, to, sizeof(to)));
	if (last >= STAGE_DATA)
		test_print_stage(&report->times, STAGE_DATA, total, "%" PRIu64 " octets", transaction->message_length);
	if (last >= STAGE_FINAL)
		test_print_stage(&report->times, STAGE_FINAL, total, "until the relay's reply to the end of the message");
	printf("%-10s %7" PRId64 " ms%s\n", "total", *total, report->flights > 0 && report->times.ms[STAGE_RCPT] == 0 && last >= STAGE_RCPT ?
	    "  (0 ms: went out together with the one before)" : "");
}

/* `recipient` NULL: all have it. */
static void
test_print_reply(const struct outcome *outcome, const char *recipient)
{
	printf("%-10s ", "relay");
	if (recipient != NULL)
		printf("<%s> ", recipient);
	printf("%s%s: ", verdict_name(outcome->verdict), outcome->uncertain ? " (uncertain)" : "");
	if (outcome->reply != 0)
		printf("%03d %s%s", outcome->reply, outcome->enhanced, outcome->enhanced[0] != '\0' ? " " : "");
	printf("%s\n", outcome->text);
}

static void
test_print_replies(const struct transaction *transaction, const struct outcome *outcomes)
{
	size_t count = transaction->recipient_count;
	bool is_one = count == 1 || test_weightiest(outcomes, count)->verdict == VERDICT_DELIVERED;

	printf("\n");
	for (size_t i = 0; i < (is_one ? 1 : count); i++)
		test_print_reply(&outcomes[i], is_one ? NULL : transaction->recipients[i]);
}

/* It has left our hands: by what it is known there, and where to look. */
static void
test_print_traces(const struct relay *relay, const struct envelope *envelope, const struct outcome *outcome, int fd)
{
	const struct provider *provider = provider_of_host(relay->host);
	const char *domain = strrchr(envelope->reverse_path, '@');
	const struct advice_words words = {.host = relay->host, .address = domain != NULL ? domain + 1 : "", .user = envelope->reverse_path};
	char id[160], advice[768];

	if (receipt_id(outcome->text, id, sizeof(id)))
		printf("%-10s %s\n", "queue id", id);
	else
		printf("%-10s none in the relay's reply\n", "queue id");
	test_find_message_id(fd, id, sizeof(id));
	printf("%-10s %s\n", "message-id", id);
	advice_for("not-arrived", provider != NULL ? provider->name : "", &words, advice, sizeof(advice));
	printf("\nThe relay took the message; whether it reaches the mailbox is now up to the relay.\nWhen it does not arrive: %s\n", advice);
}

static void
test_print_advice(const struct outcome *outcome)
{
	const struct advice_reply *reply = NULL;
	char code[8];

	(void)snprintf(code, sizeof(code), "%03d", outcome->reply);
	if (outcome->reply != 0)
		reply = advice_reply(outcome->enhanced[0] != '\0' ? outcome->enhanced : code);
	if (reply != NULL)
		printf("%-10s %s\n%-10s %s\n", "that is", reply->meaning, "what to do", reply->advice);
	else
		printf("%-10s mailcrane check, which looks closer\n", "what to do");
}

/* ---- what is done ---- */

/* What is remembered of the relay. A person goes through a pause, but not to a login that would be refused again, and lock the account. false:
 * not tried, *outcome says why. */
static bool
test_ask(struct gate *gate, const struct courier_job *job, struct outcome *outcome)
{
	const struct route *route = &gate->route;
	struct courier_job bold = *job;

	bold.flush = true;
	(void)gate_ask(gate, &bold, false, outcome);
	if (route->login_until > time(NULL))
		return gate_ask(gate, job, false, outcome);
	if (route->failures > 0)
		printf("%-24s %u time%s in a row not reached, last at %s: %s; tried all the same\n", "remembered", route->failures,
		    route->failures == 1 ? "" : "s", stage_name(route->down.stage), cause_text(route->down.cause));
	if (route->throttles > 0)
		printf("%-24s asked us to slow down %u time%s in a row; tried all the same\n", "remembered", route->throttles,
		    route->throttles == 1 ? "" : "s");
	return true;
}

/* 0 with a connection, or -1 and *outcome: told. */
static int
test_reach(struct connection *connection, const struct config *config, struct gate *gate, const struct courier_job *job,
    struct deadline deadline, struct outcome *outcome)
{
	struct ladder_hint hint, way;
	size_t decided;

	if (!test_ask(gate, job, outcome))
		return -1;
	hint = route_hint(&gate->route, time(NULL));
	if (connection_begin(connection, config, gate->relay, outcome) != 0)
		return -1;
	if (connection_open(connection, &hint, deadline, outcome) != 0) {
		test_print_other_ways(connection, connection->step_count);
		gate_failed(gate, job, outcome);
		if (gate->spool != NULL && gate->relay->fallback == NULL && policy_login_hold(outcome) == 0)
			spool_down_mark(gate->spool, gate->relay->name);
		return -1;
	}
	decided = connection->step_count - 1;
	test_print_other_ways(connection, decided);
	way = connection_way(connection);
	gate_opened(gate, &way, channel_expires(connection->channel));
	if (gate->spool != NULL)
		spool_down_clear(gate->spool, gate->relay->name);
	return 0;
}

/* Over the open connection. */
static enum exitcode
test_talk(struct connection *connection, const struct transaction *transaction, struct gate *gate, const struct courier_job *job,
    struct deadline deadline, const struct envelope *envelope)
{
	struct outcome *outcomes = memory_alloc(transaction->recipient_count * sizeof(*outcomes));
	const struct outcome *weightiest;
	enum exitcode code = EXIT_OK;
	struct splice_report report;
	int64_t total = 0;

	test_print_way(connection, &total);
	connection_send(connection, transaction, deadline, outcomes, &report);
	gate_heard(gate, job->id, outcomes, transaction->recipient_count);
	test_print_message(transaction, &report, outcomes, &total);
	test_print_replies(transaction, outcomes);
	connection_settled(connection, transaction, outcomes, &report);
	weightiest = test_weightiest(outcomes, transaction->recipient_count);
	if (weightiest->verdict != VERDICT_DELIVERED) {
		test_print_advice(weightiest);
		code = EXIT_REFUSED;
	} else {
		test_print_traces(gate->relay, envelope, weightiest, transaction->message_fd);
	}
	free(outcomes);
	return code;
}

static enum exitcode
test_send(struct connection *connection, const struct config *config, struct spool *spool, const struct envelope *envelope, int fd)
{
	struct transaction transaction = {
		.reverse_path = envelope->reverse_path,
		.recipients = (const char *const *)envelope->recipients,
		.recipient_count = envelope->recipient_count,
		.message_fd = fd,
		.message_length = (uint64_t)lseek(fd, 0, SEEK_END),
		.smtputf8 = envelope->smtputf8,
	};
	struct deadline deadline = deadline_in(config->timeouts.attempt);
	const struct courier_job job = {.id = "test"};
	const struct relay *relay = relay_at(config, relay_of_sender(config, envelope->reverse_path));
	struct outcome outcome;
	struct gate gate;

	if (relay_count(config) > 1)
		printf("%-24s [%s] %s, which is that of <%s>\n", "relay", relay_title(relay), relay->host, envelope->reverse_path);
	gate_init(&gate, config, relay, spool);
	if (test_reach(connection, config, &gate, &job, deadline, &outcome) != 0) {
		printf("not sent: %s\n", cause_text(outcome.cause));
		test_print_advice(&outcome);
		if (relay->fallback != NULL)
			printf("Mail would go on to its fallback, [%s].\n", relay_title(relay_at(config, relay_find(config, relay->fallback))));
		(void)fflush(stdout);
		return command_failed(&outcome);
	}
	return test_talk(connection, &transaction, &gate, &job, deadline, envelope);
}

static enum exitcode
test_run(const struct command_place *place, struct connection *connection, struct spool *spool, const struct envelope *envelope, int fd)
{
	struct config config;
	enum exitcode code;

	if (command_settings(place, CONFIG_FULL, &config, &code) != 0)
		return code;
	code = test_send(connection, &config, spool, envelope, fd);
	/* it borrows the settings */
	connection_end(connection);
	config_free(&config);
	return code;
}

/* As the runner would, and as the user that it would be: root reads a password that the runner can't, and has no business in what a
 * relay sends. 0, or -1 with the line on stderr and *code. */
static int
test_become_runner(const struct command_place *place, const struct config *config, struct spool **spool, enum exitcode *code)
{
	struct outcome outcome;

	*spool = NULL;
	if (config->delivery != DELIVERY_DIRECT)
		return command_spool(place, config, spool, code);
	if (privilege_drop_without_spool(&outcome) == 0)
		return 0;
	*code = command_failed(&outcome);
	return -1;
}

/* The message is there: on its way. */
static enum exitcode
test_deliver(const struct command_place *place, const struct config *config, const struct envelope *envelope, int fd)
{
	struct connection connection;
	struct nursery *nursery;
	struct outcome outcome;
	struct spool *spool;
	enum exitcode code;

	if (test_become_runner(place, config, &spool, &code) != 0)
		return code;
	/* before the whole settings, which may hold a password */
	nursery = nursery_start(&outcome);
	connection_init(&connection, nursery);
	if (nursery == NULL)
		code = command_failed(&outcome);
	else
		code = test_run(place, &connection, spool, envelope, fd);
	connection_end(&connection);
	nursery_stop(nursery);
	spool_close(spool);
	return code;
}

enum exitcode
command_test(const struct command_place *place, int argc, char **argv)
{
	struct config config;
	struct envelope envelope;
	struct outcome outcome;
	enum exitcode code;
	int fd;

	if (argc != 2)
		return command_misused("test takes one address");
	if (command_settings(place, CONFIG_SUBMIT, &config, &code) != 0)
		return code;
	fd = memfd_create("mailcrane-test", MFD_CLOEXEC);
	if (fd < 0) {
		outcome_set(&outcome, VERDICT_FAILED, STAGE_INPUT, CAUSE_LOCAL, "memfd: %s", strerror(errno));
		code = command_failed(&outcome);
	} else if (test_make(&config, getuid(), argv[1], fd, &envelope, &outcome) != 0) {
		code = command_failed(&outcome);
	} else {
		code = test_deliver(place, &config, &envelope, fd);
		envelope_free(&envelope);
	}
	if (fd >= 0)
		(void)close(fd);
	config_free(&config);
	return code;
}
