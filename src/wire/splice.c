/*
 * splice: one transaction (RFC 5321 section 3.3, RFC 1870, 2920, 3030, 6152): what libESMTP says on one side, checked, to the
 * relay on the other, and the outcome of each recipient from what the relay says.
 *
 * The order of steps, with what the relay sees:
 *
 *	                PIPELINING, small         PIPELINING, large       without PIPELINING
 *	CHUNKING        MAIL RCPT... BDAT LAST    MAIL RCPT... | BDAT...  MAIL | RCPT | ... | BDAT | BDAT LAST
 *	no CHUNKING     MAIL RCPT... DATA | body  MAIL RCPT... | DATA |   MAIL | RCPT | ... | DATA | body
 *
 * where | waits for the replies to what went before. A recipient is open until its own fate is known: refused by the reply to MAIL or to
 * its RCPT, else settled by the reply to the message. Whoever is still open when the transaction breaks off is deferred;
 * certain as long as the last octet (BDAT LAST with its data, the final dot) has not been handed over whole, uncertain
 * afterwards. Steps give 0 to go on and -1 to stop; the reason is then in the outcomes or in `trouble`.
 */
#include "wire/splice.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "wire/body.h"
#include "wire/exchange.h"
#include "wire/speaker.h"

#define SPLICE_SMALL       65536	/* envelope and message that go out in one flight */
#define SPLICE_CHUNK       (1UL << 20)
#define SPLICE_PATIENCE_MS 30000	/* with our own dialogue */
#define SPLICE_RESET_MS    5000		/* RSET is a courtesy to the next message: not worth more */
#define SPLICE_FINISH_MS   250

struct splice {
	const struct transaction     *transaction;
	const struct config_timeouts *timeouts;
	const struct capabilities    *relay;
	struct outcome       *outcomes;
	struct splice_report *report;
	struct exchange exchange;
	struct speaker  speaker;
	struct body     body;
	struct outcome  trouble;	/* why it stopped, for those who are open */
	bool     eight_bit, chunking, pipelining, small;
	bool     envelope_known;	/* the replies to MAIL and RCPT are in */
	bool     in_body;		/* the relay is in the middle of the message */
	bool     handed_over;		/* the last octet is out */
	bool     certain;		/* the relay has said, after that, that it did not take the message */
	bool     ended;			/* the relay has ended the transaction: no RSET needed */
	bool     answered;		/* libESMTP knows the end */
	size_t   accepted;		/* recipients with a 2xx */
	size_t   owed;			/* answers to libESMTP's own chunks, not yet given */
	size_t   chunks_due;		/* replies to our chunks but the last */
	uint64_t cut;			/* octets of the message put into our chunks */
	uint64_t chunk_left;		/* of the chunk begun */
};

/* ---- outcomes ---- */

static bool
splice_positive(const struct reply *reply)
{
	return reply->code / 100 == 2;
}

static void
splice_settle_open(struct splice *splice, const struct outcome *outcome)
{
	for (size_t i = 0; i < splice->transaction->recipient_count; i++)
		if (splice->outcomes[i].verdict == VERDICT_NONE)
			splice->outcomes[i] = *outcome;
}

static void
splice_settle_delivered(struct splice *splice, const struct reply *reply)
{
	struct outcome delivered;

	outcome_set(&delivered, VERDICT_DELIVERED, STAGE_FINAL, CAUSE_NONE, "%s", reply->text);
	delivered.reply = reply->code;
	(void)snprintf(delivered.enhanced, sizeof(delivered.enhanced), "%s", reply->enhanced);
	splice_settle_open(splice, &delivered);
}

/* The last word for those who are open when everything is over. */
static void
splice_settle_rest(struct splice *splice)
{
	struct outcome outcome = splice->trouble;

	if (outcome.verdict == VERDICT_NONE)
		outcome_set(&outcome, VERDICT_DEFERRED, STAGE_FINAL, CAUSE_LOCAL, "the transaction ended without a result");
	if (splice->handed_over && !splice->certain) {
		outcome_set(&outcome, VERDICT_DEFERRED, STAGE_FINAL, CAUSE_UNCERTAIN, "no answer to the whole message: %s",
		    splice->trouble.text);
		outcome.uncertain = true;
	}
	splice_settle_open(splice, &outcome);
}

static int
splice_dialogue_failed(struct splice *splice, enum stage stage, const char *what)
{
	outcome_set(&splice->trouble, VERDICT_DEFERRED, stage, CAUSE_LOCAL, "the dialogue process %s", what);
	return -1;
}

/* ---- the relay ---- */

/* The next reply. 421 ends everything, except as the reply to the message, which then is refused for now. */
static int
splice_take(struct splice *splice, enum stage stage, struct reply *reply)
{
	int64_t began = deadline_clock();
	int64_t limit = stage == STAGE_FINAL ? splice->timeouts->final : splice->timeouts->command;
	int result = exchange_reply(&splice->exchange, stage, limit, reply, &splice->trouble);

	splice->report->times.ms[stage] += deadline_clock() - began;
	if (result != 0 || reply->code != 421)
		return result;
	splice->exchange.broken = true;
	if (stage == STAGE_FINAL)
		return 0;
	reply_outcome(reply, stage, &splice->trouble);
	splice->certain = true;
	return -1;
}

/* A relay that closes in the middle may have said why. */
static void
splice_last_words(struct splice *splice, enum stage stage)
{
	struct outcome ignored;
	struct reply reply;

	while (exchange_reply_now(&splice->exchange, stage, &reply, &ignored) == 1)
		if (reply.code == 421 || (splice->envelope_known && reply.code >= 400))
			reply_outcome(&reply, stage, &splice->trouble);
}

static int
splice_flush(struct splice *splice, enum stage stage)
{
	int64_t began = deadline_clock();
	int64_t limit = splice->in_body ? splice->timeouts->data : splice->timeouts->command;
	int result = exchange_flush(&splice->exchange, stage, limit, &splice->trouble);

	splice->report->times.ms[stage] += deadline_clock() - began;
	if (result != 0)
		splice_last_words(splice, stage);
	return result;
}

/* Nothing may come from the relay while nothing is due: it would be taken for the reply to the message. */
static int
splice_expect_silence(struct splice *splice, enum stage stage)
{
	if (splice->exchange.due > 0 || !exchange_unsolicited(&splice->exchange))
		return 0;
	outcome_set(&splice->trouble, VERDICT_DEFERRED, stage,
	    splice->exchange.eof ? CAUSE_CLOSED : CAUSE_PROTOCOL, "%s",
	    splice->exchange.eof ? "connection closed" : "a reply that nobody asked for");
	splice_last_words(splice, stage);
	splice->exchange.broken = true;
	return -1;
}

/* ---- the envelope ---- */

static void
splice_judge_recipient(struct splice *splice, size_t which, const struct reply *reply)
{
	if (splice_positive(reply))
		splice->accepted++;
	else
		reply_outcome(reply, STAGE_RCPT, &splice->outcomes[which]);
}

static void
splice_refuse_all(struct splice *splice, const struct reply *reply)
{
	struct outcome outcome;

	reply_outcome(reply, STAGE_MAIL, &outcome);
	splice_settle_open(splice, &outcome);
}

/* The replies to a pipelined envelope, passed on: libESMTP was told 250 to MAIL already. After a refused MAIL the replies to RCPT say
 * nothing of their own. */
static int
splice_envelope_replies(struct splice *splice)
{
	struct reply mail, reply;

	if (splice_take(splice, STAGE_MAIL, &mail) != 0)
		return -1;
	if (!splice_positive(&mail))
		splice_refuse_all(splice, &mail);
	for (size_t i = 0; i < splice->transaction->recipient_count; i++) {
		if (splice_take(splice, STAGE_RCPT, &reply) != 0)
			return -1;
		if (splice_positive(&mail))
			splice_judge_recipient(splice, i, &reply);
		speaker_answer(&splice->speaker, splice_positive(&mail) ? reply.code : mail.code);
	}
	splice->envelope_known = true;
	return 0;
}

/* Reads the dialogue's next line, which must be `want`, and queues it. */
static int
splice_pass_line(struct splice *splice, const char *want, enum stage stage)
{
	char line[SPEAKER_LINE_MAX];

	if (speaker_line(&splice->speaker, line) != 0)
		return splice_dialogue_failed(splice, stage, "ended or hung");
	if (strcmp(line, want) != 0)
		return splice_dialogue_failed(splice, stage, "said something else than the envelope demands");
	exchange_command(&splice->exchange, line);
	return 0;
}

static int
splice_mail(struct splice *splice)
{
	const struct transaction *transaction = splice->transaction;
	char  want[SPEAKER_LINE_MAX], size[32] = "";
	struct reply reply;

	if (splice->relay->size)
		(void)snprintf(size, sizeof(size), " SIZE=%" PRIu64, transaction->message_length);
	if ((size_t)snprintf(want, sizeof(want), "MAIL FROM:<%s>%s%s", transaction->reverse_path, size,
	    splice->eight_bit ? " BODY=8BITMIME" : "") >= sizeof(want))
		return splice_dialogue_failed(splice, STAGE_MAIL, "can't take an address of that length");
	if (splice_pass_line(splice, want, STAGE_MAIL) != 0)
		return -1;
	if (splice->pipelining) {
		speaker_answer(&splice->speaker, 250);
		return 0;
	}
	if (splice_flush(splice, STAGE_MAIL) != 0 || splice_take(splice, STAGE_MAIL, &reply) != 0)
		return -1;
	if (!splice_positive(&reply)) {
		splice_refuse_all(splice, &reply);
		return -1;
	}
	speaker_answer(&splice->speaker, reply.code);
	return 0;
}

static int
splice_recipient(struct splice *splice, size_t which)
{
	char want[SPEAKER_LINE_MAX];
	struct reply reply;

	if ((size_t)snprintf(want, sizeof(want), "RCPT TO:<%s>", splice->transaction->recipients[which]) >= sizeof(want))
		return splice_dialogue_failed(splice, STAGE_RCPT, "can't take an address of that length");
	if (splice_pass_line(splice, want, STAGE_RCPT) != 0)
		return -1;
	if (splice->pipelining)
		return 0;
	if (splice_flush(splice, STAGE_RCPT) != 0 || splice_take(splice, STAGE_RCPT, &reply) != 0)
		return -1;
	splice_judge_recipient(splice, which, &reply);
	speaker_answer(&splice->speaker, reply.code);
	return 0;
}

static int
splice_envelope(struct splice *splice)
{
	if (splice_mail(splice) != 0)
		return -1;
	for (size_t i = 0; i < splice->transaction->recipient_count; i++)
		if (splice_recipient(splice, i) != 0)
			return -1;
	if (splice->pipelining && splice->small)
		return 0;
	if (splice->pipelining && (splice_flush(splice, STAGE_MAIL) != 0 || splice_envelope_replies(splice) != 0))
		return -1;
	splice->envelope_known = true;
	return splice->accepted > 0 ? 0 : -1;
}

/* ---- the end of the message ---- */

/* A refusal of the whole message, at any point of it. */
static void
splice_judge_refusal(struct splice *splice, enum stage stage, const struct reply *reply)
{
	struct outcome outcome;

	if (splice->chunking && reply->code >= 500 && reply->code <= 502 && splice->accepted > 0) {
		splice->report->no_chunking = true;
		outcome_set(&outcome, VERDICT_DEFERRED, stage, CAUSE_PROTOCOL, "BDAT refused, though CHUNKING was offered: %s",
		    reply->text);
		outcome.reply = reply->code;
	} else {
		reply_outcome(reply, stage, &outcome);
	}
	splice_settle_open(splice, &outcome);
}

/* A second reply behind a 2xx: some reply before was one too many, and this may be the real one. */
static bool
splice_contradicted(struct splice *splice)
{
	struct outcome ignored;
	struct reply extra;

	if (!exchange_unsolicited(&splice->exchange))
		return false;
	splice->exchange.broken = true;
	while (exchange_reply_now(&splice->exchange, STAGE_FINAL, &extra, &ignored) == 1)
		if (extra.code >= 300 && extra.code != 421)
			return true;
	return false;
}

/* Gives the code that libESMTP is told. */
static int
splice_judge_message(struct splice *splice, const struct reply *reply)
{
	(void)snprintf(splice->report->final_text, sizeof(splice->report->final_text), "%d%s%s %.230s", reply->code,
	    reply->enhanced[0] != '\0' ? " " : "", reply->enhanced, reply->text);
	/* RFC 3030 section 2: after a failed BDAT the state is indeterminate */
	splice->ended = splice_positive(reply) || !splice->chunking;
	if (!splice_positive(reply)) {
		splice_judge_refusal(splice, STAGE_FINAL, reply);
	} else if (splice->accepted > 0 && splice_contradicted(splice)) {
		outcome_set(&splice->trouble, VERDICT_DEFERRED, STAGE_FINAL, CAUSE_PROTOCOL,
		    "more replies than commands, and not all of them good");
		return 451;
	} else {
		splice_settle_delivered(splice, reply);
	}
	return reply->code;
}

static void
splice_note_crash(struct splice_report *report)
{
	report->differs = true;
	(void)snprintf(report->difference, sizeof(report->difference), "the dialogue process crashed or hung at its end");
}

static void
splice_answer_message(struct splice *splice, int code)
{
	for (; splice->owed > 0; splice->owed--)
		speaker_answer(&splice->speaker, 250);
	speaker_answer(&splice->speaker, code);
	/* the reply to its QUIT, ahead of it: nobody waits for that */
	speaker_answer_text(&splice->speaker, "221 bye\r\n");
	splice->answered = speaker_flush(&splice->speaker) == 0;
	if (!splice->answered)
		splice_note_crash(splice->report);
}

/* Replies to our chunks but the last: those that are there, or all of them. */
static int
splice_chunk_replies(struct splice *splice, bool wait)
{
	struct reply reply;
	int found;

	while (splice->chunks_due > 0) {
		if (wait)
			found = splice_take(splice, STAGE_DATA, &reply) == 0 ? 1 : -1;
		else
			found = exchange_reply_now(&splice->exchange, STAGE_DATA, &reply, &splice->trouble);
		if (found <= 0)
			return found;
		splice->chunks_due--;
		if (splice_positive(&reply))
			continue;
		if (reply.code == 421)
			splice->exchange.broken = true;
		splice->certain = true;
		splice_judge_refusal(splice, STAGE_DATA, &reply);
		return -1;
	}
	return 0;
}

/* All has been seen and is right: the last octets go, and the relay decides. */
static int
splice_hand_over(struct splice *splice)
{
	struct reply reply;

	if (splice_expect_silence(splice, STAGE_DATA) != 0)
		return -1;
	if (!splice->chunking)
		exchange_expect(&splice->exchange);
	if (splice_flush(splice, STAGE_DATA) != 0)
		return -1;
	splice->handed_over = true;
	splice->in_body = false;
	if (!splice->envelope_known && splice_envelope_replies(splice) != 0)
		return -1;
	if (splice_chunk_replies(splice, true) != 0 || splice_take(splice, STAGE_FINAL, &reply) != 0)
		return -1;
	splice_answer_message(splice, splice_judge_message(splice, &reply));
	return 0;
}

/* ---- the message, by DATA ---- */

/* 354 though nobody is there to send to: an empty message ends it (RFC 2920 section 3.1). */
static void
splice_empty_data(struct splice *splice)
{
	struct reply reply;

	exchange_command(&splice->exchange, ".");
	if (splice_flush(splice, STAGE_DATA) != 0 || splice_take(splice, STAGE_FINAL, &reply) != 0)
		return;
	splice->in_body = false;
	splice->ended = true;
}

static int
splice_data_command(struct splice *splice)
{
	struct outcome outcome;
	struct reply reply;

	if (splice_pass_line(splice, "DATA", STAGE_DATA) != 0 || splice_flush(splice, STAGE_DATA) != 0)
		return -1;
	if (!splice->envelope_known && splice_envelope_replies(splice) != 0)
		return -1;
	if (splice_take(splice, STAGE_DATA, &reply) != 0)
		return -1;
	splice->in_body = reply.code == 354;
	if (reply.code != 354) {
		reply_outcome(&reply, STAGE_DATA, &outcome);
		splice_settle_open(splice, &outcome);
		return -1;
	}
	if (splice->accepted == 0) {
		splice_empty_data(splice);
		return -1;
	}
	speaker_answer(&splice->speaker, 354);
	return 0;
}

static int
splice_data(struct splice *splice)
{
	const char *data;
	ssize_t n;

	if (splice_data_command(splice) != 0)
		return -1;
	while (!body_ended(&splice->body)) {
		n = speaker_octets(&splice->speaker, BODY_BLOCK, &data);
		if (n < 0)
			return splice_dialogue_failed(splice, STAGE_DATA, "ended or hung in the message");
		if (body_match_stuffed(&splice->body, data, (size_t)n) != 0)
			return splice_dialogue_failed(splice, STAGE_DATA, "changed the message");
		exchange_queue(&splice->exchange, data, (size_t)n);
		/* what belongs to the last line stays until the dot is seen */
		if (!body_complete(&splice->body) &&
		    (splice_flush(splice, STAGE_DATA) != 0 || splice_expect_silence(splice, STAGE_DATA) != 0))
			return -1;
	}
	return splice_hand_over(splice);
}

/* ---- the message, by BDAT ---- */

/* Begins the next of our chunks; their sizes follow from the length alone. */
static void
splice_begin_chunk(struct splice *splice)
{
	uint64_t left = splice->transaction->message_length - splice->cut;
	bool last = left <= SPLICE_CHUNK + SPLICE_CHUNK / 2;
	char line[64];

	splice->chunk_left = last ? left : SPLICE_CHUNK;
	(void)snprintf(line, sizeof(line), "BDAT %" PRIu64 "%s", splice->chunk_left, last ? " LAST" : "");
	exchange_command(&splice->exchange, line);
	if (!last)
		splice->chunks_due++;
}

/* Puts checked octets into our chunks. Without PIPELINING each chunk waits for the reply to the one before. */
static int
splice_cut(struct splice *splice, const char *data, size_t length)
{
	while (length > 0) {
		size_t n;

		if (splice->chunk_left == 0) {
			if (!splice->pipelining && splice->chunks_due > 0 &&
			    (splice_flush(splice, STAGE_DATA) != 0 || splice_chunk_replies(splice, true) != 0))
				return -1;
			splice_begin_chunk(splice);
		}
		n = splice->chunk_left < length ? (size_t)splice->chunk_left : length;
		exchange_queue(&splice->exchange, data, n);
		splice->chunk_left -= n;
		splice->cut += n;
		data += n;
		length -= n;
	}
	return 0;
}

/* One chunk of libESMTP's, `length` octets. The last octets of the message stay here until its LAST is seen. */
static int
splice_chunk(struct splice *splice, uint64_t length)
{
	const char *data;
	ssize_t n;

	for (; length > 0; length -= (uint64_t)n) {
		n = speaker_octets(&splice->speaker, length < BODY_BLOCK ? (size_t)length : BODY_BLOCK, &data);
		if (n < 0)
			return splice_dialogue_failed(splice, STAGE_DATA, "ended or hung in the message");
		if (body_match(&splice->body, data, (size_t)n) != 0)
			return splice_dialogue_failed(splice, STAGE_DATA, "changed the message");
		if (splice_cut(splice, data, (size_t)n) != 0)
			return -1;
		if (splice->small || body_complete(&splice->body))
			continue;
		splice->in_body = true;
		if (splice_flush(splice, STAGE_DATA) != 0 || splice_chunk_replies(splice, false) != 0)
			return -1;
	}
	return 0;
}

/* "BDAT <size>" or "BDAT 0 LAST" as libESMTP writes them. 0, or -1. */
static int
splice_parse_chunk(const char *line, uint64_t *size, bool *last)
{
	char want[64];
	unsigned long long number;

	if (strncmp(line, "BDAT ", 5) != 0)
		return -1;
	number = strtoull(line + 5, NULL, 10);
	*last = strstr(line, " LAST") != NULL;
	/* written back it must be the same: no sign, no blanks, nothing behind */
	(void)snprintf(want, sizeof(want), "BDAT %llu%s", number, *last ? " LAST" : "");
	*size = number;
	return strcmp(line, want) == 0 && (number > 0 || *last) ? 0 : -1;
}

static int
splice_chunks(struct splice *splice)
{
	char line[SPEAKER_LINE_MAX];
	uint64_t size;
	bool last = false;

	while (!last) {
		if (speaker_line(&splice->speaker, line) != 0)
			return splice_dialogue_failed(splice, STAGE_DATA, "ended or hung in the message");
		if (splice_parse_chunk(line, &size, &last) != 0)
			return splice_dialogue_failed(splice, STAGE_DATA, "said something else than BDAT");
		if (splice_chunk(splice, size) != 0)
			return -1;
		if (last)
			break;
		/* answers come in the order of the commands: those to a pipelined RCPT are still out */
		if (splice->envelope_known)
			speaker_answer(&splice->speaker, 250);
		else
			splice->owed++;
	}
	if (!body_complete(&splice->body))
		return splice_dialogue_failed(splice, STAGE_DATA, "ended the message too early");
	return splice_hand_over(splice);
}

/* ---- the whole ---- */

/* The relay's capabilities as far as libESMTP may know them. */
static void
splice_capabilities(struct splice *splice)
{
	const struct capabilities *relay = splice->relay;
	char size[64] = "", answer[256];

	if (relay->size)
		(void)snprintf(size, sizeof(size), "250-SIZE %" PRIu64 "\r\n", relay->size_limit);
	(void)snprintf(answer, sizeof(answer), "250-mailcrane.invalid\r\n%s%s%s%s%s250 HELP\r\n",
	    splice->pipelining ? "250-PIPELINING\r\n" : "", splice->chunking ? "250-CHUNKING\r\n" : "",
	    relay->eight_bit_mime ? "250-8BITMIME\r\n" : "", relay->dsn ? "250-DSN\r\n" : "", size);
	speaker_answer_text(&splice->speaker, answer);
}

static void
splice_transact(struct splice *splice)
{
	char line[SPEAKER_LINE_MAX];

	if (splice_expect_silence(splice, STAGE_MAIL) != 0)
		return;
	speaker_answer_text(&splice->speaker, "220 mailcrane.invalid ESMTP\r\n");
	if (speaker_line(&splice->speaker, line) != 0 || strncmp(line, "EHLO ", 5) != 0) {
		(void)splice_dialogue_failed(splice, STAGE_MAIL, "did not begin");
		return;
	}
	splice_capabilities(splice);
	if (splice_envelope(splice) != 0)
		return;
	(void)(splice->chunking ? splice_chunks(splice) : splice_data(splice));
}

/* Brings the connection into a known state, if that can be done: then another message may follow. */
static void
splice_recover(struct splice *splice)
{
	struct exchange *exchange = &splice->exchange;
	int64_t limit = splice->timeouts->command < SPLICE_RESET_MS ? splice->timeouts->command : SPLICE_RESET_MS;
	struct deadline deadline = deadline_in(limit);
	struct outcome ignored;
	struct reply reply = {0};

	if (exchange->broken || splice->in_body)
		return;
	if (!exchange->used) {
		splice->report->reusable = true;
		return;
	}
	/* part of a command, or of the message, is out: what follows would be taken for the rest */
	if (exchange->out.length > 0)
		return;
	exchange->deadline = deadline_earlier(exchange->deadline, deadline);
	while (exchange->due > 0)
		if (exchange_reply(exchange, STAGE_FINAL, limit, &reply, &ignored) != 0 || reply.code == 421)
			return;
	if (!splice->ended) {
		exchange_command(exchange, "RSET");
		if (exchange_unsolicited(exchange) || exchange_flush(exchange, STAGE_FINAL, limit, &ignored) != 0 ||
		    exchange_reply(exchange, STAGE_FINAL, limit, &reply, &ignored) != 0 || !splice_positive(&reply))
			return;
	}
	splice->report->reusable = !exchange_unsolicited(exchange);
}

/* An envelope and message that go out in one flight? */
static bool
splice_is_small(const struct transaction *transaction)
{
	uint64_t octets = strlen(transaction->reverse_path) + transaction->message_length;

	for (size_t i = 0; i < transaction->recipient_count; i++)
		octets += strlen(transaction->recipients[i]) + sizeof("RCPT TO:<>\r\n");
	return octets <= SPLICE_SMALL;
}

/* What can be known before anything is said. */
static int
splice_refuse_beforehand(struct splice *splice)
{
	uint64_t limit = splice->relay->size ? splice->relay->size_limit : 0;

	splice->report->reusable = true;
	if (splice->transaction->message_length == 0) {
		outcome_set(&splice->trouble, VERDICT_FAILED, STAGE_MAIL, CAUSE_LOCAL, "the message is empty");
		return -1;
	}
	if (limit > 0 && splice->transaction->message_length > limit) {
		outcome_set(&splice->trouble, VERDICT_FAILED, STAGE_MAIL, CAUSE_TOO_BIG,
		    "the message has %" PRIu64 " octets, the relay takes %" PRIu64, splice->transaction->message_length,
		    limit);
		return -1;
	}
	splice->report->reusable = false;
	return 0;
}

/* With the dialogue running: its end stays open for splice_finish when libESMTP got an answer to everything. */
static void
splice_with_dialogue(struct splice *splice, struct nursery *nursery, int fd, struct deadline deadline)
{
	int64_t patience = splice->timeouts->data < SPLICE_PATIENCE_MS ? splice->timeouts->data : SPLICE_PATIENCE_MS;
	struct dialogue_opinion opinion;

	speaker_init(&splice->speaker, fd, patience, deadline);
	body_init(&splice->body, splice->transaction);
	splice_transact(splice);
	speaker_clear(&splice->speaker);
	if (splice->answered) {
		splice->report->dialogue = fd;
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
	struct splice *splice = memory_alloc(sizeof(*splice));
	struct transaction told = *transaction;
	int fd;

	memset(report, 0, sizeof(*report));
	memset(outcomes, 0, transaction->recipient_count * sizeof(*outcomes));
	report->dialogue = -1;
	splice->transaction = transaction;
	splice->timeouts = timeouts;
	splice->outcomes = outcomes;
	splice->report = report;
	splice->relay = channel_capabilities(channel);
	splice->chunking = use_chunking && splice->relay->chunking;
	splice->pipelining = splice->relay->pipelining;
	splice->small = splice_is_small(transaction);
	splice->eight_bit = told.eight_bit = transaction->eight_bit && splice->relay->eight_bit_mime;
	exchange_init(&splice->exchange, channel, deadline);
	if (splice_refuse_beforehand(splice) == 0) {
		if (dialogue_start(nursery, &told, &fd, &splice->trouble) == 0)
			splice_with_dialogue(splice, nursery, fd, deadline);
		splice_recover(splice);
	}
	splice_settle_rest(splice);
	report->flights = splice->exchange.flights;
	exchange_clear(&splice->exchange);
	free(splice);
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
		splice_note_crash(report);
	} else if (opinion.accepted < 0 || (size_t)opinion.accepted != delivered) {
		report->differs = true;
		(void)snprintf(report->difference, sizeof(report->difference),
		    "libESMTP counts %d accepted (mail %d, message %d), the relay took %zu: %.60s", opinion.accepted,
		    opinion.mail_code, opinion.message_code, delivered, opinion.error);
	}
	report->dialogue = -1;
}
