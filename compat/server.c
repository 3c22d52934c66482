/*
 * server: the order of commands and the replies (RFC 5321 section 4.1.4, RFC 3463 for the enhanced codes).
 *
 *   idle --MAIL--> sender known --RCPT--> recipients known --DATA--> 354, data, reply to the dot --> idle
 *     RSET, HELO and EHLO lead back to idle from everywhere; MAIL without HELO is taken, as sendmail does
 *
 * What a message holds is never taken for commands: behind a DATA that was refused, text that is there already or is no
 * command ends the session, since the client did not wait for the reply. Within data, dots decides alone.
 */
#include "server.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "complaint.h"
#include "message/address.h"
#include "submit.h"
#include "talk.h"

#define SERVER_MISTAKES_MAX 50	/* commands that are none, or out of order */
#define SERVER_LINGER 1000	/* ms of silence, when we close, before we stop reading */

struct server {
	struct talk           talk;
	struct submit        *submit;
	const struct options *options;
	uint64_t              max_message;
	struct envelope       envelope;		/* reverse_path NULL: no MAIL yet */
	unsigned              mistakes;
	bool                  data_refused;	/* by the last command */
	bool                  is_over;
	enum exitcode         code;
};

/* A client that is still writing must not die of SIGPIPE before it has read the reply; one that waits for us to go must not
 * wait long. */
static void
server_linger(int in)
{
	struct pollfd ready = {.fd = in, .events = POLLIN};
	struct deadline deadline = deadline_in(TALK_PATIENCE);
	char block[4096];

	while (!deadline_passed(deadline) && poll(&ready, 1, SERVER_LINGER) == 1 && read(in, block, sizeof(block)) > 0)
		;
}

/* The session ends and not as it should; `complaint` goes to stderr. */
static void
server_give_up(struct server *server, enum exitcode code, const char *complaint)
{
	server->is_over = true;
	server->code = code;
	complaint_line("%s", complaint);
	if (talk_flush(&server->talk) == 0 && !server->talk.is_at_end)
		server_linger(server->talk.in);
}

static void
server_count_mistake(struct server *server)
{
	if (++server->mistakes < SERVER_MISTAKES_MAX)
		return;
	talk_reply(&server->talk, "421 4.7.0 too many mistakes; closing");
	server_give_up(server, EXIT_DATA, "-bs: too many commands that are none");
}

static void
server_reset(struct server *server)
{
	envelope_free(&server->envelope);
}

static void
server_ehlo(struct server *server)
{
	talk_reply(&server->talk, "250-%s", submit_identity(server->submit)->host);
	talk_reply(&server->talk, "250-PIPELINING");
	talk_reply(&server->talk, "250-8BITMIME");
	talk_reply(&server->talk, "250-SIZE %llu", (unsigned long long)server->max_message);
	talk_reply(&server->talk, "250-SMTPUTF8");
	talk_reply(&server->talk, "250-DSN");
	talk_reply(&server->talk, "250 ENHANCEDSTATUSCODES");
}

/* A bare address stays one, since it may have an alias; but it must be short enough to get a domain. */
static bool
server_can_take(const struct server *server, const struct command *command)
{
	char *whole;

	if (!command->is_bare)
		return true;
	whole = address_qualify(command->address, submit_identity(server->submit)->domain);
	free(whole);
	return whole != NULL;
}

static void
server_mail(struct server *server, const struct command *command)
{
	if (server->envelope.reverse_path != NULL) {
		talk_reply(&server->talk, "503 5.5.1 a sender was given already");
		server_count_mistake(server);
		return;
	}
	if (command->size > server->max_message) {
		talk_reply(&server->talk, "552 5.3.4 the message is longer than %llu octets",
		    (unsigned long long)server->max_message);
		return;
	}
	if (!server_can_take(server, command)) {
		talk_reply(&server->talk, "501 5.1.7 longer than 254 octets with its domain");
		return;
	}
	envelope_set_reverse_path(&server->envelope, command->address);
	server->envelope.ret = command->ret;
	envelope_set_envid(&server->envelope, command->envid);
	talk_reply(&server->talk, "250 2.1.0 OK");
}

static void
server_rcpt(struct server *server, const struct command *command)
{
	size_t before = server->envelope.recipient_count;

	if (server->envelope.reverse_path == NULL) {
		talk_reply(&server->talk, "503 5.5.1 MAIL comes first");
		server_count_mistake(server);
		return;
	}
	if (!server_can_take(server, command))
		talk_reply(&server->talk, "501 5.1.3 longer than 254 octets with its domain");
	else if (envelope_add(&server->envelope, command->address) != 0)
		talk_reply(&server->talk, "452 4.5.3 more than %d recipients", ENVELOPE_RECIPIENTS_MAX);
	else
		talk_reply(&server->talk, "250 2.1.5 OK");
	/* who is named twice is there as at first */
	envelope_wish(&server->envelope, before, command->notify, command->orcpt);
}

/* "5.1.1" when it fits the reply code, else the code's class with nothing more to say (RFC 2034 section 4). */
static const char *
server_enhanced(const struct outcome *outcome, int code)
{
	static const char *const plain[] = {"2.0.0", "4.0.0", "5.0.0"};

	if (outcome->enhanced[0] == '0' + code / 100 && outcome->enhanced[1] == '.')
		return outcome->enhanced;
	return plain[code < 400 ? 0 : code / 100 - 3];
}

static void
server_say_delivered(struct server *server, const struct submit_result *result)
{
	const struct outcome *outcome = &result->outcome, *refusal = &result->refusal;

	if (result->refused > 0)
		talk_reply(&server->talk, "250 2.0.0 sent, but refused for %zu of %zu recipients: <%s> %d %s %s",
		    result->refused, result->recipients, result->recipient, refusal->reply,
		    refusal->enhanced, refusal->text);
	else
		talk_reply(&server->talk, "250 %s %s", server_enhanced(outcome, 250),
		    outcome->text[0] != '\0' ? outcome->text : "the relay has it");
}

static void
server_say_queued(struct server *server, const struct submit_result *result)
{
	const struct outcome *outcome = &result->outcome, *refusal = &result->refusal;
	bool is_deferred = outcome->verdict == VERDICT_DEFERRED;

	if (result->refused > 0)
		talk_reply(&server->talk, "250 2.0.0 queued as %s, but refused for %zu of %zu recipients: <%s> %d %s %s",
		    result->id, result->refused, result->recipients, result->recipient, refusal->reply,
		    refusal->enhanced, refusal->text);
	else
		talk_reply(&server->talk, "250 2.0.0 queued as %s%s%s%s%s", result->id, is_deferred ? ": " : "",
		    is_deferred ? cause_text(outcome->cause) : "",
		    is_deferred && outcome->text[0] != '\0' ? ": " : "", is_deferred ? outcome->text : "");
}

static void
server_say_refused(struct server *server, const struct outcome *outcome)
{
	int code = outcome->reply;

	if (code >= 400 && code <= 599)
		talk_reply(&server->talk, "%d %s %s", code, server_enhanced(outcome, code), outcome->text);
	else
		talk_reply(&server->talk, "554 5.0.0 not sent: %s (%s): %s", cause_text(outcome->cause),
		    stage_name(outcome->stage), outcome->text);
}

static void
server_say_unusable(struct server *server, const struct outcome *outcome)
{
	const char *text = outcome->text[0] != '\0' ? outcome->text : cause_text(outcome->cause);
	const char *code = "451 4.3.0";

	if (outcome->cause == CAUSE_TOO_BIG)
		code = "552 5.3.4";
	else if (outcome->cause == CAUSE_INPUT)
		code = "554 5.6.0";
	else if (outcome->cause == CAUSE_SPOOL)
		code = "452 4.3.1";
	talk_reply(&server->talk, "%s %s", code, text);
}

static void
server_say(struct server *server, const struct submit_result *result)
{
	char some[64] = "";

	switch (result->end) {
	case SUBMIT_DELIVERED:
		server_say_delivered(server, result);
		break;
	case SUBMIT_QUEUED:
		server_say_queued(server, result);
		break;
	case SUBMIT_REFUSED:
		server_say_refused(server, &result->outcome);
		break;
	case SUBMIT_NOT_STORED:
		talk_reply(&server->talk, "451 4.3.0 can't be stored: %s%s", result->outcome.text, result->addition);
		break;
	case SUBMIT_NOT_SENT:
		if (result->sent > 0)
			(void)snprintf(some, sizeof(some), "sent to %zu of %zu recipients; the others: ", result->sent, result->recipients);
		talk_reply(&server->talk, "451 %s %s%s: %s (%s): %s%s%s", server_enhanced(&result->outcome, 451), some,
		    result->outcome.uncertain ? "uncertain, perhaps sent" : "not sent", cause_text(result->outcome.cause),
		    stage_name(result->outcome.stage), result->outcome.text,
		    result->no_spool.verdict != VERDICT_NONE ? "; the spool can't be used: " : "", result->no_spool.text);
		break;
	case SUBMIT_UNUSABLE:
		server_say_unusable(server, &result->outcome);
		break;
	}
}

/* What was said behind a DATA that was refused shows that the client did not wait for the reply. */
static void
server_close_stray(struct server *server)
{
	talk_reply(&server->talk, "421 4.7.0 more came behind the DATA that was refused; closing");
	server_give_up(server, EXIT_DATA, "-bs: more came behind a DATA that was refused");
}

/* A reply was noted. */
static void
server_refuse_data(struct server *server)
{
	server->data_refused = true;
	server_count_mistake(server);
	if (!server->is_over && talk_has_more(&server->talk))
		server_close_stray(server);
}

static void
server_take_message(struct server *server)
{
	const struct intake_source source = {&server->talk, talk_data};
	const struct message_request request = {
		.reverse_path = server->envelope.reverse_path,
		.full_name = server->options->full_name,
		.recipients = (const char *const *)server->envelope.recipients,
		.recipient_count = server->envelope.recipient_count,
		.wishes = server->envelope.wishes,
		.ret = server->envelope.ret,
		.envid = server->envelope.envid,
	};
	struct submit_result result;

	talk_reply(&server->talk, "354 end with <CRLF>.<CRLF>");
	talk_data_begin(&server->talk);
	submit_take(server->submit, &source, &request, false, &result);
	server_reset(server);
	if (server->talk.dots.place == DOTS_END)
		server_say(server, &result);
	else if (server->talk.is_deaf)
		server_give_up(server, EXIT_REFUSED, "-bs: nobody reads the replies; nothing was sent");
	else
		server_give_up(server, EXIT_DATA, "-bs: the input ended before the final dot; nothing was sent");
}

static void
server_data(struct server *server)
{
	struct outcome outcome;

	if (server->envelope.reverse_path == NULL) {
		talk_reply(&server->talk, "503 5.5.1 MAIL comes first");
		server_refuse_data(server);
	} else if (server->envelope.recipient_count == 0) {
		talk_reply(&server->talk, "503 5.5.1 no valid recipients");
		server_refuse_data(server);
	} else if (submit_begin(server->submit, &outcome) != 0) {
		server_say_unusable(server, &outcome);
		server_refuse_data(server);
	} else {
		server_take_message(server);
	}
}

static void
server_obey(struct server *server, const struct command *command)
{
	struct talk *talk = &server->talk;

	switch (command->verb) {
	case COMMAND_UNKNOWN:
		talk_reply(talk, "500 5.5.2 no such command");
		server_count_mistake(server);
		break;
	case COMMAND_FOREIGN:
		talk_reply(talk, "502 5.5.1 not done here");
		server_count_mistake(server);
		break;
	case COMMAND_HELO:
		server_reset(server);
		talk_reply(talk, "250 %s", submit_identity(server->submit)->host);
		break;
	case COMMAND_EHLO:
		server_reset(server);
		server_ehlo(server);
		break;
	case COMMAND_MAIL:
		server_mail(server, command);
		break;
	case COMMAND_RCPT:
		server_rcpt(server, command);
		break;
	case COMMAND_DATA:
		server_data(server);
		break;
	case COMMAND_RSET:
		server_reset(server);
		talk_reply(talk, "250 2.0.0 OK");
		break;
	case COMMAND_NOOP:
		talk_reply(talk, "250 2.0.0 OK");
		break;
	case COMMAND_VRFY:
		talk_reply(talk, "252 2.1.5 can't be told before it is sent");
		break;
	case COMMAND_HELP:
		talk_reply(talk, "214 2.0.0 HELO EHLO MAIL RCPT DATA RSET NOOP VRFY HELP QUIT; see sendmail(8)");
		break;
	case COMMAND_QUIT:
		talk_reply(talk, "221 2.0.0 bye");
		server->is_over = true;
		break;
	}
}

static void
server_line(struct server *server, const char *line, size_t length)
{
	bool is_stray = server->data_refused;
	char refusal[COMMAND_REFUSAL_SIZE];
	struct command command;

	server->data_refused = false;
	if (command_parse(line, length, &command, refusal) != 0) {
		talk_reply(&server->talk, "%s", refusal);
		if (command.verb == COMMAND_DATA)
			server_refuse_data(server);
		return;
	}
	if (is_stray && command.verb == COMMAND_UNKNOWN)
		server_close_stray(server);
	else
		server_obey(server, &command);
	command_free(&command);
}

static void
server_converse(struct server *server)
{
	const char *line;
	size_t length;

	talk_reply(&server->talk, "220 %s ESMTP mailcrane", submit_identity(server->submit)->host);
	while (!server->is_over) {
		switch (talk_line(&server->talk, &line, &length)) {
		case TALK_LINE:
			server_line(server, line, length);
			break;
		case TALK_TOO_LONG:
			if (server->data_refused) {
				server_close_stray(server);
				break;
			}
			talk_reply(&server->talk, "500 5.5.2 line longer than %d octets", COMMAND_LINE_MAX);
			server_count_mistake(server);
			break;
		case TALK_BARE_LF:
			talk_reply(&server->talk, "521 5.5.2 a command line ends in LF alone; closing");
			server_give_up(server, EXIT_DATA, "-bs: a command line ends in LF alone, others in CRLF");
			break;
		case TALK_END:
			server->is_over = true;
			break;
		case TALK_DEAF:
			server_give_up(server, EXIT_REFUSED, "-bs: nobody reads the replies");
			break;
		}
	}
	(void)talk_flush(&server->talk);
}

enum exitcode
server_run(const struct options *options, const struct config *config, bool may_create, bool secure)
{
	struct server server = {.options = options, .max_message = config->max_message};
	struct outcome outcome;

	server.submit = submit_new(config, may_create, secure, &outcome);
	if (server.submit == NULL) {
		complaint_line("%s", outcome.text);
		server_decline(&outcome);
		return exitcode_of(&outcome);
	}
	talk_init(&server.talk, STDIN_FILENO, STDOUT_FILENO, TALK_PATIENCE);
	envelope_init(&server.envelope);
	server_converse(&server);
	talk_free(&server.talk);
	server_reset(&server);
	submit_free(server.submit);
	return server.code;
}

void
server_decline(const struct outcome *outcome)
{
	struct talk talk;

	talk_init(&talk, STDIN_FILENO, STDOUT_FILENO, TALK_PATIENCE);
	talk_reply(&talk, "421 4.3.0 %s", outcome->text[0] != '\0' ? outcome->text : cause_text(outcome->cause));
	if (talk_flush(&talk) == 0)
		server_linger(STDIN_FILENO);
	talk_free(&talk);
}
