/*
 * passage: the state of one transaction on its way from the dialogue to the relay, and the steps that the
 * envelope (splice.c) and the message (transfer.c) have in common. Private to them. Steps give 0 to go on and
 * -1 to stop; the reason is then in the outcomes or in `trouble`.
 */
#ifndef MAILCRANE_PASSAGE_H
#define MAILCRANE_PASSAGE_H

#include "wire/body.h"
#include "wire/exchange.h"
#include "wire/speaker.h"
#include "wire/splice.h"

#define PASSAGE_LINE_MAX (SPEAKER_LINE_MAX + 1000)
#define PASSAGE_WORDS_MAX 100	/* replies that are looked at though nobody waits for them: a relay may never end */

struct passage {
	const struct transaction     *transaction;
	const struct config_timeouts *timeouts;
	const struct capabilities    *relay;
	struct outcome       *outcomes;
	struct splice_report *report;
	struct exchange exchange;
	struct speaker  speaker;
	struct body     body;
	struct outcome  trouble;	/* why it stopped, for those who are open */
	bool     eight_bit, smtputf8, chunking, pipelining, small;
	bool     envelope_known;	/* the replies to MAIL and RCPT are in */
	bool     in_body;		/* the relay is in the middle of the message */
	bool     handed_over;		/* the last octet is out */
	bool     certain;		/* the relay's last word was that it did not take the message */
	bool     settled;		/* nobody is open */
	bool     ended;			/* the relay has ended the transaction: no RSET needed */
	bool     answered;		/* libESMTP knows the end */
	size_t   accepted;		/* recipients with a 2xx */
	size_t   owed;			/* answers to libESMTP's own chunks, not yet given */
	size_t   chunks_due;		/* replies to our chunks but the last */
	uint64_t cut;			/* octets of the message put into our chunks */
	uint64_t chunk_left;		/* of the chunk begun */
};

/* A 2xx. */
bool passage_positive(const struct reply *reply);

/* Those who are open get this outcome; DELIVERED by the reply to the message; or, when all is over,
 * `trouble`, uncertain when the message was handed over and nothing certain is known. */
void passage_settle_open(struct passage *passage, const struct outcome *outcome);
void passage_settle_delivered(struct passage *passage, const struct reply *reply);
void passage_settle_rest(struct passage *passage);

/* The fault is ours: -1, `trouble` says what the dialogue did. */
int passage_dialogue_failed(struct passage *passage, enum stage stage, const char *what);

/* The relay's next reply, under its limit; what is queued, sent whole. */
int passage_take(struct passage *passage, enum stage stage, struct reply *reply);
int passage_flush(struct passage *passage, enum stage stage);

/* Nothing may come from the relay while nothing is due: it would be taken for the reply to what is said next. */
int passage_expect_silence(struct passage *passage, enum stage stage);

/* What a reply to RCPT, or a refused MAIL, means. */
void passage_judge_recipient(struct passage *passage, size_t which, const struct reply *reply);
void passage_refuse_all(struct passage *passage, const struct reply *reply);

/* The replies to a pipelined envelope, passed on: libESMTP was told 250 to MAIL already. */
int passage_envelope_replies(struct passage *passage);

/* Reads the dialogue's next line, which must be `want`, and queues it with `parameters` of ours behind it. */
int passage_pass_line(struct passage *passage, const char *want, const char *parameters, enum stage stage);

#endif
