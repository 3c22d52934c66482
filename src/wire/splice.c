/*
 * splice: one transaction (RFC 5321 section 3.3, RFC 1870, 2920, 3030, 6152, 6531): what libESMTP says on one side,
 * checked, to the relay on the other, and the outcome of each recipient from what the relay says. The parameters of
 * DSN (RFC 3461) are added here: libESMTP would encode anew what is xtext already, into a buffer that is too small.
 *
 * The order of steps, with what the relay sees:
 *
 *	                PIPELINING, small         PIPELINING, large       without PIPELINING
 *	CHUNKING        MAIL RCPT... BDAT LAST    MAIL RCPT... | BDAT...  MAIL | RCPT | ... | BDAT | BDAT LAST
 *	no CHUNKING     MAIL RCPT... DATA | body  MAIL RCPT... | DATA |   MAIL | RCPT | ... | DATA | body
 *
 * where | waits for the replies to what went before. A recipient is open until its own fate is known: refused
 * by the reply to MAIL or to its RCPT, else settled by the reply to the message. Whoever is still open when
 * the transaction breaks off is deferred; certain as long as the last octet (BDAT LAST with its data, the
 * final dot) has not been handed over whole, uncertain afterwards.
 */
#include "wire/splice.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buffer.h"
#include "message/address.h"
#include "wire/passage.h"
#include "wire/transfer.h"

#define SPLICE_SMALL       65536	/* envelope and message that go out in one flight */
#define SPLICE_PATIENCE_MS 30000	/* with our own dialogue */
#define SPLICE_RESET_MS    5000		/* RSET is a courtesy to the next message: not worth more */
#define SPLICE_FINISH_MS   250

void
splice_no_smtputf8(struct outcome *outcome, enum stage stage, const char *address)
{
	outcome_set(outcome, VERDICT_FAILED, stage, CAUSE_NO_SMTPUTF8, "the relay has no SMTPUTF8, which %s needs", address);
}

/* ---- the envelope ---- */

static int
splice_mail(struct passage *passage)
{
	const struct transaction *transaction = passage->transaction;
	char  want[SPEAKER_LINE_MAX], size[32] = "", dsn[DSN_MAIL_SIZE] = "", parameters[DSN_MAIL_SIZE + 16];
	struct reply reply;

	if (passage->relay->size)
		(void)snprintf(size, sizeof(size), " SIZE=%" PRIu64, transaction->message_length);
	if ((size_t)snprintf(want, sizeof(want), "MAIL FROM:<%s>%s%s", transaction->reverse_path, size,
	    passage->eight_bit ? " BODY=8BITMIME" : "") >= sizeof(want))
		return passage_dialogue_failed(passage, STAGE_MAIL, "can't take an address of that length");
	if (passage->relay->dsn)
		dsn_mail_parameters(transaction->ret, transaction->envid, dsn);
	(void)snprintf(parameters, sizeof(parameters), "%s%s", dsn, passage->smtputf8 ? " SMTPUTF8" : "");
	if (passage_pass_line(passage, want, parameters, STAGE_MAIL) != 0)
		return -1;
	if (passage->pipelining) {
		speaker_answer(&passage->speaker, 250);
		return 0;
	}
	if (passage_flush(passage, STAGE_MAIL) != 0 || passage_take(passage, STAGE_MAIL, &reply) != 0)
		return -1;
	if (!passage_positive(&reply)) {
		passage_refuse_all(passage, &reply);
		return -1;
	}
	speaker_answer(&passage->speaker, reply.code);
	return 0;
}

static int
splice_recipient(struct passage *passage, size_t which)
{
	const struct dsn_wish *wishes = passage->transaction->wishes;
	char want[SPEAKER_LINE_MAX], dsn[DSN_RCPT_SIZE] = "";
	struct reply reply;

	if ((size_t)snprintf(want, sizeof(want), "RCPT TO:<%s>", passage->transaction->recipients[which]) >= sizeof(want))
		return passage_dialogue_failed(passage, STAGE_RCPT, "can't take an address of that length");
	if (passage->relay->dsn && wishes != NULL)
		dsn_rcpt_parameters(&wishes[which], dsn);
	if (passage_pass_line(passage, want, dsn, STAGE_RCPT) != 0)
		return -1;
	if (passage->pipelining)
		return 0;
	if (passage_flush(passage, STAGE_RCPT) != 0 || passage_take(passage, STAGE_RCPT, &reply) != 0)
		return -1;
	passage_judge_recipient(passage, which, &reply);
	speaker_answer(&passage->speaker, reply.code);
	return 0;
}

static int
splice_envelope(struct passage *passage)
{
	if (splice_mail(passage) != 0)
		return -1;
	for (size_t i = 0; i < passage->transaction->recipient_count; i++)
		if (splice_recipient(passage, i) != 0)
			return -1;
	if (passage->pipelining && passage->small)
		return 0;
	if (passage->pipelining && (passage_flush(passage, STAGE_MAIL) != 0 || passage_envelope_replies(passage) != 0))
		return -1;
	passage->envelope_known = true;
	return passage->accepted > 0 ? 0 : -1;
}

/* ---- the whole ---- */

/* The relay's capabilities as far as libESMTP may know them. */
static void
splice_capabilities(struct passage *passage)
{
	const struct capabilities *relay = passage->relay;
	char size[64] = "", answer[256];

	if (relay->size)
		(void)snprintf(size, sizeof(size), "250-SIZE %" PRIu64 "\r\n", relay->size_limit);
	(void)snprintf(answer, sizeof(answer), "250-mailcrane.invalid\r\n%s%s%s%s250 HELP\r\n",
	    passage->pipelining ? "250-PIPELINING\r\n" : "", passage->chunking ? "250-CHUNKING\r\n" : "",
	    relay->eight_bit_mime ? "250-8BITMIME\r\n" : "", size);
	speaker_answer_text(&passage->speaker, answer);
}

static void
splice_transact(struct passage *passage)
{
	char line[SPEAKER_LINE_MAX];

	if (passage_expect_silence(passage, STAGE_MAIL) != 0)
		return;
	speaker_answer_text(&passage->speaker, "220 mailcrane.invalid ESMTP\r\n");
	if (speaker_line(&passage->speaker, line) != 0 || strncmp(line, "EHLO ", 5) != 0) {
		(void)passage_dialogue_failed(passage, STAGE_MAIL, "did not begin");
		return;
	}
	splice_capabilities(passage);
	if (splice_envelope(passage) != 0)
		return;
	(void)(passage->chunking ? transfer_by_chunks(passage) : transfer_by_data(passage));
}

/* Brings the connection into a known state, if that can be done: then another message may follow. */
static void
splice_recover(struct passage *passage)
{
	struct exchange *exchange = &passage->exchange;
	int64_t limit = passage->timeouts->command < SPLICE_RESET_MS ? passage->timeouts->command : SPLICE_RESET_MS;
	struct deadline deadline = deadline_in(limit);
	struct outcome ignored;
	struct reply reply = {0};

	if (exchange->broken || passage->in_body)
		return;
	if (!exchange->used) {
		passage->report->reusable = true;
		return;
	}
	/* part of a command, or of the message, is out: what follows would be taken for the rest */
	if (exchange->out.length > 0)
		return;
	exchange->deadline = deadline_earlier(exchange->deadline, deadline);
	while (exchange->due > 0)
		if (exchange_reply(exchange, STAGE_FINAL, limit, &reply, &ignored) != 0 || reply.code == 421)
			return;
	if (!passage->ended) {
		exchange_command(exchange, "RSET");
		if (exchange_unsolicited(exchange) || exchange_flush(exchange, STAGE_FINAL, limit, &ignored) != 0 ||
		    exchange_reply(exchange, STAGE_FINAL, limit, &reply, &ignored) != 0 || !passage_positive(&reply))
			return;
	}
	passage->report->reusable = !exchange_unsolicited(exchange);
}

/* An envelope and message that go out in one flight? */
static bool
splice_is_small(const struct transaction *transaction)
{
	uint64_t octets = strlen(transaction->reverse_path) + transaction->message_length;

	for (size_t i = 0; i < transaction->recipient_count; i++) {
		octets += strlen(transaction->recipients[i]) + sizeof("RCPT TO:<>\r\n");
		if (transaction->wishes != NULL)
			octets += DSN_NOTIFY_SIZE + (transaction->wishes[i].orcpt != NULL ? DSN_ORCPT_MAX : 0);
	}
	return octets <= SPLICE_SMALL;
}

/* An address that the relay can't be told (RFC 6531 section 3.5); NULL for none. */
static const char *
splice_untellable(const struct passage *passage)
{
	const struct transaction *transaction = passage->transaction;

	if (passage->relay->smtputf8)
		return NULL;
	if (address_is_international(transaction->reverse_path))
		return transaction->reverse_path;
	for (size_t i = 0; i < transaction->recipient_count; i++)
		if (address_is_international(transaction->recipients[i]))
			return transaction->recipients[i];
	return NULL;
}

/* What can be known before anything is said. */
static int
splice_refuse_beforehand(struct passage *passage)
{
	uint64_t limit = passage->relay->size ? passage->relay->size_limit : 0;
	const char *untellable = splice_untellable(passage);

	passage->report->reusable = true;
	if (passage->transaction->message_length == 0) {
		outcome_set(&passage->trouble, VERDICT_FAILED, STAGE_MAIL, CAUSE_LOCAL, "the message is empty");
		return -1;
	}
	if (limit > 0 && passage->transaction->message_length > limit) {
		outcome_set(&passage->trouble, VERDICT_FAILED, STAGE_MAIL, CAUSE_TOO_BIG,
		    "the message has %" PRIu64 " octets, the relay takes %" PRIu64, passage->transaction->message_length,
		    limit);
		return -1;
	}
	if (untellable != NULL) {
		splice_no_smtputf8(&passage->trouble, STAGE_MAIL, untellable);
		return -1;
	}
	passage->report->reusable = false;
	return 0;
}

/* With the dialogue running: its end stays open for splice_finish when libESMTP got an answer to everything.
 * */
static void
splice_with_dialogue(struct passage *passage, struct nursery *nursery, int fd, struct deadline deadline)
{
	int64_t patience = passage->timeouts->data < SPLICE_PATIENCE_MS ? passage->timeouts->data : SPLICE_PATIENCE_MS;
	struct dialogue_opinion opinion;

	speaker_init(&passage->speaker, fd, patience, deadline);
	body_init(&passage->body, passage->transaction);
	splice_transact(passage);
	speaker_clear(&passage->speaker);
	if (passage->answered) {
		passage->report->dialogue = fd;
	} else {
		/* cut short: it can't have a sensible opinion */
		(void)dialogue_finish(nursery, fd, deadline_in(0), &opinion);
	}
}

void
splice_run(struct channel *channel, struct nursery *nursery, const struct transaction *transaction,
    const struct config_timeouts *timeouts, bool use_chunking, struct deadline deadline,
    struct outcome *outcomes, struct splice_report *report)
{
	struct passage *passage = memory_alloc(sizeof(*passage));
	struct transaction told = *transaction;
	int fd;

	memset(report, 0, sizeof(*report));
	memset(outcomes, 0, transaction->recipient_count * sizeof(*outcomes));
	report->dialogue = -1;
	passage->transaction = transaction;
	passage->timeouts = timeouts;
	passage->outcomes = outcomes;
	passage->report = report;
	passage->relay = channel_capabilities(channel);
	passage->chunking = use_chunking && passage->relay->chunking;
	passage->pipelining = passage->relay->pipelining;
	passage->small = splice_is_small(transaction);
	passage->smtputf8 = transaction->smtputf8 && passage->relay->smtputf8;
	passage->eight_bit = told.eight_bit = transaction->eight_bit && passage->relay->eight_bit_mime;
	exchange_init(&passage->exchange, channel, deadline);
	if (splice_refuse_beforehand(passage) == 0) {
		if (dialogue_start(nursery, &told, &fd, &passage->trouble) == 0)
			splice_with_dialogue(passage, nursery, fd, deadline);
		splice_recover(passage);
	}
	/* QUIT would be taken for the rest of a chunk, or take the rest of a TLS record along: a message that
	 * "was certainly not sent" would be complete */
	if (!report->reusable)
		(void)shutdown(channel_fd(channel), SHUT_WR);
	passage_settle_rest(passage);
	report->flights = passage->exchange.flights;
	exchange_clear(&passage->exchange);
	free(passage);
}

void
splice_finish(struct nursery *nursery, const struct transaction *transaction, const struct outcome *outcomes,
    struct splice_report *report)
{
	struct dialogue_opinion opinion;
	size_t delivered = 0;

	if (report->dialogue < 0)
		return;
	for (size_t i = 0; i < transaction->recipient_count; i++)
		if (outcomes[i].verdict == VERDICT_DELIVERED)
			delivered++;
	if (dialogue_finish(nursery, report->dialogue, deadline_in(SPLICE_FINISH_MS), &opinion) != 0) {
		report->differs = true;
		(void)snprintf(report->difference, sizeof(report->difference),
		    "the dialogue process crashed or hung at its end");
	} else if (opinion.accepted < 0 || (size_t)opinion.accepted != delivered) {
		report->differs = true;
		(void)snprintf(report->difference, sizeof(report->difference),
		    "libESMTP counts %d accepted (mail %d, message %d), the relay took %zu: %.60s", opinion.accepted,
		    opinion.mail_code, opinion.message_code, delivered, opinion.error);
	}
	report->dialogue = -1;
}
