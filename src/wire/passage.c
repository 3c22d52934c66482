/*
 * passage: replies, outcomes and lines of one transaction (RFC 5321 section 3.3, RFC 2920).
 *
 * A recipient is open until its own fate is known: refused by the reply to MAIL or to its RCPT, else settled
 * by the reply to the message.
 */
#include "wire/passage.h"

#include <stdio.h>
#include <string.h>

/* ---- outcomes ---- */

bool
passage_positive(const struct reply *reply)
{
	return reply->code / 100 == 2;
}

void
passage_settle_open(struct passage *passage, const struct outcome *outcome)
{
	for (size_t i = 0; i < passage->transaction->recipient_count; i++)
		if (passage->outcomes[i].verdict == VERDICT_NONE)
			passage->outcomes[i] = *outcome;
}

void
passage_settle_delivered(struct passage *passage, const struct reply *reply)
{
	struct outcome delivered;

	outcome_set(&delivered, VERDICT_DELIVERED, STAGE_FINAL, CAUSE_NONE, "%s", reply->text);
	delivered.reply = reply->code;
	(void)snprintf(delivered.enhanced, sizeof(delivered.enhanced), "%s", reply->enhanced);
	passage_settle_open(passage, &delivered);
}

/* The last word for those who are open when everything is over. */
void
passage_settle_rest(struct passage *passage)
{
	struct outcome outcome = passage->trouble;

	if (outcome.verdict == VERDICT_NONE)
		outcome_set(&outcome, VERDICT_DEFERRED, STAGE_FINAL, CAUSE_LOCAL, "the transaction ended without a result");
	if (passage->handed_over && !passage->certain) {
		outcome_set(&outcome, VERDICT_DEFERRED, STAGE_FINAL, CAUSE_UNCERTAIN, "no answer to the whole message: %s",
		    passage->trouble.text);
		outcome.uncertain = true;
	}
	passage_settle_open(passage, &outcome);
}

int
passage_dialogue_failed(struct passage *passage, enum stage stage, const char *what)
{
	outcome_set(&passage->trouble, VERDICT_DEFERRED, stage, CAUSE_LOCAL, "the dialogue process %s", what);
	return -1;
}

/* ---- the relay ---- */

/* The next reply. 421 ends everything, except as the reply to the message, which then is refused for now. */
int
passage_take(struct passage *passage, enum stage stage, struct reply *reply)
{
	int64_t began = deadline_clock();
	int64_t limit = stage == STAGE_FINAL ? passage->timeouts->final : passage->timeouts->command;
	int result = exchange_reply(&passage->exchange, stage, limit, reply, &passage->trouble);

	passage->report->times.ms[stage] += deadline_clock() - began;
	if (result != 0 || reply->code != 421)
		return result;
	passage->exchange.broken = true;
	if (stage == STAGE_FINAL)
		return 0;
	reply_outcome(reply, stage, &passage->trouble);
	passage->certain = true;
	return -1;
}

/* A relay that closes in the middle may have said why. */
static void
passage_last_words(struct passage *passage, enum stage stage)
{
	struct outcome ignored;
	struct reply reply;

	while (exchange_reply_now(&passage->exchange, stage, &reply, &ignored) == 1)
		if (reply.code == 421 || (passage->envelope_known && reply.code >= 400))
			reply_outcome(&reply, stage, &passage->trouble);
}

int
passage_flush(struct passage *passage, enum stage stage)
{
	int64_t began = deadline_clock();
	int64_t limit = passage->in_body ? passage->timeouts->data : passage->timeouts->command;
	int result = exchange_flush(&passage->exchange, stage, limit, &passage->trouble);

	passage->report->times.ms[stage] += deadline_clock() - began;
	if (result != 0)
		passage_last_words(passage, stage);
	return result;
}

int
passage_expect_silence(struct passage *passage, enum stage stage)
{
	if (passage->exchange.due > 0 || !exchange_unsolicited(&passage->exchange))
		return 0;
	outcome_set(&passage->trouble, VERDICT_DEFERRED, stage,
	    passage->exchange.eof ? CAUSE_CLOSED : CAUSE_PROTOCOL, "%s",
	    passage->exchange.eof ? "connection closed" : "a reply that nobody asked for");
	passage_last_words(passage, stage);
	passage->exchange.broken = true;
	return -1;
}

/* ---- the envelope ---- */

void
passage_judge_recipient(struct passage *passage, size_t which, const struct reply *reply)
{
	if (passage_positive(reply))
		passage->accepted++;
	else
		reply_outcome(reply, STAGE_RCPT, &passage->outcomes[which]);
}

void
passage_refuse_all(struct passage *passage, const struct reply *reply)
{
	struct outcome outcome;

	reply_outcome(reply, STAGE_MAIL, &outcome);
	passage_settle_open(passage, &outcome);
}

/* After a refused MAIL the replies to RCPT say nothing of their own. */
int
passage_envelope_replies(struct passage *passage)
{
	struct reply mail, reply;

	if (passage_take(passage, STAGE_MAIL, &mail) != 0)
		return -1;
	if (!passage_positive(&mail))
		passage_refuse_all(passage, &mail);
	for (size_t i = 0; i < passage->transaction->recipient_count; i++) {
		if (passage_take(passage, STAGE_RCPT, &reply) != 0)
			return -1;
		if (passage_positive(&mail))
			passage_judge_recipient(passage, i, &reply);
		speaker_answer(&passage->speaker, passage_positive(&mail) ? reply.code : mail.code);
	}
	passage->envelope_known = true;
	return 0;
}

int
passage_pass_line(struct passage *passage, const char *want, const char *parameter, enum stage stage)
{
	char line[SPEAKER_LINE_MAX];

	if (speaker_line(&passage->speaker, line) != 0)
		return passage_dialogue_failed(passage, stage, "ended or hung");
	if (strcmp(line, want) != 0)
		return passage_dialogue_failed(passage, stage, "said something else than the envelope demands");
	exchange_queue(&passage->exchange, line, strlen(line));
	exchange_command(&passage->exchange, parameter);
	return 0;
}
