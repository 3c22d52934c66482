/*
 * transfer: DATA (RFC 5321 section 4.1.1.4) and BDAT (RFC 3030). libESMTP's chunks are answered here and cut
 * anew: ours are large, and the last one has data and LAST. The last octets stay here until the dialogue has
 * ended its message and all of it was right.
 */
#include "wire/transfer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRANSFER_CHUNK (1UL << 20)

static void
transfer_note_crash(struct splice_report *report)
{
	report->differs = true;
	(void)snprintf(report->difference, sizeof(report->difference), "the dialogue process crashed before the reply");
}

/* ---- the end of the message ---- */

/* A refusal of the whole message, at any point of it. */
static void
transfer_judge_refusal(struct passage *passage, enum stage stage, const struct reply *reply)
{
	struct outcome outcome;

	if (passage->chunking && reply->code >= 500 && reply->code <= 502 && passage->accepted > 0) {
		passage->report->no_chunking = true;
		outcome_set(&outcome, VERDICT_DEFERRED, stage, CAUSE_PROTOCOL, "BDAT refused, though CHUNKING was offered: %s",
		    reply->text);
		outcome.reply = reply->code;
	} else {
		reply_outcome(reply, stage, &outcome);
	}
	passage_settle_open(passage, &outcome);
}

/* A second reply behind a 2xx: some reply before was one too many, and this may be the real one. */
static bool
transfer_contradicted(struct passage *passage)
{
	struct outcome ignored;
	struct reply extra;

	if (!exchange_unsolicited(&passage->exchange))
		return false;
	passage->exchange.broken = true;
	for (int i = 0; i < PASSAGE_WORDS_MAX &&
	    exchange_reply_now(&passage->exchange, STAGE_FINAL, &extra, &ignored) == 1; i++)
		if (extra.code >= 300 && extra.code != 421)
			return true;
	return false;
}

/* Gives the code that libESMTP is told. */
static int
transfer_judge_message(struct passage *passage, const struct reply *reply)
{
	(void)snprintf(passage->report->final_text, sizeof(passage->report->final_text), "%d%s%s %.230s", reply->code,
	    reply->enhanced[0] != '\0' ? " " : "", reply->enhanced, reply->text);
	/* RFC 3030 section 2: after a failed BDAT the state is indeterminate */
	passage->ended = passage_positive(reply) || !passage->chunking;
	if (reply->code < 400 && !passage_positive(reply)) {
		/* neither taken nor refused: as good as no answer */
		passage->exchange.broken = true;
		reply_outcome(reply, STAGE_FINAL, &passage->trouble);
		return 451;
	} else if (!passage_positive(reply)) {
		transfer_judge_refusal(passage, STAGE_FINAL, reply);
	} else if (passage->accepted > 0 && transfer_contradicted(passage)) {
		outcome_set(&passage->trouble, VERDICT_DEFERRED, STAGE_FINAL, CAUSE_PROTOCOL,
		    "more replies than commands, and not all of them good");
		return 451;
	} else {
		passage_settle_delivered(passage, reply);
	}
	return reply->code;
}

static void
transfer_answer_message(struct passage *passage, int code)
{
	for (; passage->owed > 0; passage->owed--)
		speaker_answer(&passage->speaker, 250);
	speaker_answer(&passage->speaker, code);
	/* the reply to its QUIT, ahead of it: nobody waits for that */
	speaker_answer_text(&passage->speaker, "221 bye\r\n");
	passage->answered = speaker_flush(&passage->speaker) == 0;
	if (!passage->answered)
		transfer_note_crash(passage->report);
}

/* Replies to our chunks but the last: those that are there, or all of them. */
static int
transfer_chunk_replies(struct passage *passage, bool wait)
{
	struct reply reply;
	int found;

	while (passage->chunks_due > 0) {
		if (wait)
			found = passage_take(passage, STAGE_DATA, &reply) == 0 ? 1 : -1;
		else
			found = exchange_reply_now(&passage->exchange, STAGE_DATA, &reply, &passage->trouble);
		if (found <= 0)
			return found;
		passage->chunks_due--;
		if (passage_positive(&reply))
			continue;
		if (reply.code == 421)
			passage->exchange.broken = true;
		passage->certain = true;
		transfer_judge_refusal(passage, STAGE_DATA, &reply);
		return -1;
	}
	return 0;
}

/* Of the message itself nothing is shown. */
static void
transfer_trace(const struct passage *passage)
{
	char text[80];
	int length = snprintf(text, sizeof(text), "(the message, %" PRIu64 " octets%s)", passage->transaction->message_length,
	    passage->chunking ? "" : ", and the final dot");

	channel_trace(passage->exchange.channel, 'C', text, length > 0 ? (size_t)length : 0);
}

/* All has been seen and is right: the last octets go, and the relay decides. */
static int
transfer_hand_over(struct passage *passage)
{
	struct reply reply;

	if (passage_expect_silence(passage, STAGE_DATA) != 0)
		return -1;
	if (!passage->chunking)
		exchange_expect(&passage->exchange);
	if (passage_flush(passage, STAGE_DATA) != 0)
		return -1;
	transfer_trace(passage);
	passage->handed_over = true;
	passage->in_body = false;
	if (!passage->envelope_known && passage_envelope_replies(passage) != 0)
		return -1;
	if (transfer_chunk_replies(passage, true) != 0 || passage_take(passage, STAGE_FINAL, &reply) != 0)
		return -1;
	transfer_answer_message(passage, transfer_judge_message(passage, &reply));
	return 0;
}

/* ---- the message, by DATA ---- */

/* 354 though nobody is there to send to: an empty message ends it (RFC 2920 section 3.1). */
static void
transfer_empty_data(struct passage *passage)
{
	struct reply reply;

	exchange_command(&passage->exchange, ".");
	if (passage_flush(passage, STAGE_DATA) != 0 || passage_take(passage, STAGE_FINAL, &reply) != 0)
		return;
	passage->in_body = false;
	passage->ended = true;
}

static int
transfer_data_command(struct passage *passage)
{
	struct outcome outcome;
	struct reply reply;

	if (passage_pass_line(passage, "DATA", "", STAGE_DATA) != 0 || passage_flush(passage, STAGE_DATA) != 0)
		return -1;
	if (!passage->envelope_known && passage_envelope_replies(passage) != 0)
		return -1;
	if (passage_take(passage, STAGE_DATA, &reply) != 0)
		return -1;
	passage->in_body = reply.code == 354;
	if (reply.code != 354) {
		reply_outcome(&reply, STAGE_DATA, &outcome);
		passage_settle_open(passage, &outcome);
		return -1;
	}
	if (passage->accepted == 0) {
		transfer_empty_data(passage);
		return -1;
	}
	speaker_answer(&passage->speaker, 354);
	return 0;
}

int
transfer_by_data(struct passage *passage)
{
	const char *data;
	ssize_t n;

	if (transfer_data_command(passage) != 0)
		return -1;
	while (!body_ended(&passage->body)) {
		n = speaker_octets(&passage->speaker, BODY_BLOCK, &data);
		if (n < 0)
			return passage_dialogue_failed(passage, STAGE_DATA, "ended or hung in the message");
		if (body_match_stuffed(&passage->body, data, (size_t)n) != 0)
			return passage_dialogue_failed(passage, STAGE_DATA, "changed the message");
		exchange_queue(&passage->exchange, data, (size_t)n);
		/* what belongs to the last line stays until the dot is seen */
		if (!body_complete(&passage->body) &&
		    (passage_flush(passage, STAGE_DATA) != 0 || passage_expect_silence(passage, STAGE_DATA) != 0))
			return -1;
	}
	return transfer_hand_over(passage);
}

/* ---- the message, by BDAT ---- */

/* Begins the next of our chunks; their sizes follow from the length alone. */
static int
transfer_begin_chunk(struct passage *passage)
{
	uint64_t left = passage->transaction->message_length - passage->cut;
	bool last = left <= TRANSFER_CHUNK + TRANSFER_CHUNK / 2;
	char line[64];

	if (passage_expect_silence(passage, STAGE_DATA) != 0)
		return -1;
	passage->chunk_left = last ? left : TRANSFER_CHUNK;
	(void)snprintf(line, sizeof(line), "BDAT %" PRIu64 "%s", passage->chunk_left, last ? " LAST" : "");
	exchange_command(&passage->exchange, line);
	if (!last)
		passage->chunks_due++;
	return 0;
}

/* Puts checked octets into our chunks. Without PIPELINING each chunk waits for the reply to the one before.
 * */
static int
transfer_cut(struct passage *passage, const char *data, size_t length)
{
	while (length > 0) {
		size_t n;

		if (passage->chunk_left == 0) {
			if (!passage->pipelining && passage->chunks_due > 0 &&
			    (passage_flush(passage, STAGE_DATA) != 0 || transfer_chunk_replies(passage, true) != 0))
				return -1;
			if (transfer_begin_chunk(passage) != 0)
				return -1;
		}
		n = passage->chunk_left < length ? (size_t)passage->chunk_left : length;
		exchange_queue(&passage->exchange, data, n);
		passage->chunk_left -= n;
		passage->cut += n;
		data += n;
		length -= n;
	}
	return 0;
}

/* One chunk of libESMTP's, `length` octets. The last octets of the message stay here until its LAST is seen.
 * */
static int
transfer_chunk(struct passage *passage, uint64_t length)
{
	const char *data;
	ssize_t n;

	for (; length > 0; length -= (uint64_t)n) {
		n = speaker_octets(&passage->speaker, length < BODY_BLOCK ? (size_t)length : BODY_BLOCK, &data);
		if (n < 0)
			return passage_dialogue_failed(passage, STAGE_DATA, "ended or hung in the message");
		if (body_match(&passage->body, data, (size_t)n) != 0)
			return passage_dialogue_failed(passage, STAGE_DATA, "changed the message");
		if (transfer_cut(passage, data, (size_t)n) != 0)
			return -1;
		if (passage->small || body_complete(&passage->body))
			continue;
		passage->in_body = true;
		if (passage_flush(passage, STAGE_DATA) != 0 || transfer_chunk_replies(passage, false) != 0)
			return -1;
	}
	return 0;
}

/* "BDAT <size>" or "BDAT 0 LAST" as libESMTP writes them. 0, or -1. */
static int
transfer_parse_chunk(const char *line, uint64_t *size, bool *last)
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

int
transfer_by_chunks(struct passage *passage)
{
	char line[SPEAKER_LINE_MAX];
	uint64_t size;
	bool last = false;

	while (!last) {
		if (speaker_line(&passage->speaker, line) != 0)
			return passage_dialogue_failed(passage, STAGE_DATA, "ended or hung in the message");
		if (transfer_parse_chunk(line, &size, &last) != 0)
			return passage_dialogue_failed(passage, STAGE_DATA, "said something else than BDAT");
		if (transfer_chunk(passage, size) != 0)
			return -1;
		if (last)
			break;
		/* answers come in the order of the commands: those to a pipelined RCPT are still out */
		if (passage->envelope_known)
			speaker_answer(&passage->speaker, 250);
		else
			passage->owed++;
	}
	if (!body_complete(&passage->body))
		return passage_dialogue_failed(passage, STAGE_DATA, "ended the message too early");
	return transfer_hand_over(passage);
}
