/*
 * submit: what exit code 0 rests on (DESIGN.md sections 1 and 7).
 *
 *   accept     nothing is kept and nothing is sent unless the input ended well
 *   commit     the message is in queue/; the runner is woken; from here on it may be sent at any moment
 *   sync       beside that, in a child (storage)
 *   verdict    until `wait` after the end of the input:
 *                delivered        0, whether the sync has ended or not
 *                failed           69, with the relay's words; a relay that is known to be down is not waited for
 *                deferred, none   0 if the sync succeeded; else it is taken back and the caller told 69;
 *                                 when it can't be taken back because it is under way, the verdict decides
 *
 * Code 0 by queueing is given only after the sync succeeded.
 */
#include "submit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "aliases.h"
#include "base/deadline.h"
#include "base/log.h"
#include "complaint.h"
#include "identity.h"
#include "message/message.h"
#include "spool/spool.h"
#include "starter.h"
#include "storage.h"

/* A `wait` shorter than this bounds the wait for the relay, not for the disk: else `wait = 10ms` could store
 * nothing. */
#define SUBMIT_DISK_LEAST 2000
/* Of `wait` at most, kept for taking a message back that could not be stored */
#define SUBMIT_RESERVE 500

struct submit {
	struct spool             *spool;
	struct spool_draft       *draft;
	const struct identity    *identity;
	struct aliases            aliases;
	const struct options     *options;
	const struct envelope    *envelope;
	struct storage            storage;
	struct deadline           end;		/* of the wait for a verdict */
	struct deadline           patience;	/* the same, less the reserve */
	struct deadline           disk;		/* of the wait for the disk */
	bool                      is_hopeful;	/* a runner was woken, and the relay is not known to be down */
	bool                      is_stuck;	/* the disk hangs: don't touch it again */
};

static int
submit_begin(void *context, const struct envelope *envelope, struct outcome *outcome)
{
	struct submit *submit = context;

	return spool_draft_begin(submit->draft, envelope, getuid(), submit->identity->program, outcome);
}

static int
submit_write(void *context, const void *data, size_t length, struct outcome *outcome)
{
	struct submit *submit = context;

	return spool_draft_write(submit->draft, data, length, outcome);
}

static int
submit_accept(
    struct submit *submit, const struct config *config, struct envelope *envelope, struct outcome *outcome)
{
	const struct message_sink sink = {submit, submit_begin, submit_write};
	const struct message_request request = {
		.take_recipients = submit->options->take_recipients,
		.dots_are_text = submit->options->dots_are_text,
		.reverse_path = submit->options->reverse_path,
		.full_name = submit->options->full_name,
		.recipients = submit->options->recipients,
		.recipient_count = submit->options->recipient_count,
		.default_from = config->sender_from,
		.default_domain = submit->identity->domain,
		.host_name = aliases_host(config, submit->identity),
		.aliases = submit->aliases.set,
		.remarks = &submit->aliases.remarks,
		.user_name = submit->identity->user,
		.user_full_name = submit->identity->full_name,
		.max_message = config->max_message,
	};
	int result;

	result = message_accept(STDIN_FILENO, &request, &sink, envelope, outcome);

	aliases_log(&submit->aliases);
	return result;
}

static int64_t
submit_reserve(int64_t wait)
{
	return wait / 4 < SUBMIT_RESERVE ? wait / 4 : SUBMIT_RESERVE;
}

static void
submit_set_deadlines(struct submit *submit, int64_t wait)
{
	int64_t disk = wait > SUBMIT_DISK_LEAST ? wait : SUBMIT_DISK_LEAST;

	submit->end = deadline_in(wait);
	submit->patience = deadline_in(wait - submit_reserve(wait));
	submit->disk = deadline_in(disk - submit_reserve(disk));
}

/* The relay's words, or ours, and where it happened: one line. */
static void
submit_explain(const struct submit *submit, const struct outcome *outcome)
{
	const char *only = submit->envelope->recipient_count == 1 ? submit->envelope->recipients[0] : "";
	bool is_named = outcome->stage == STAGE_RCPT && only[0] != '\0';
	const char *comma = is_named ? ", " : "";

	if (!is_named)
		only = "";
	if (outcome->reply != 0)
		complaint_line("refused by the relay: %d %s%s%s (%s%s%s: %s)", outcome->reply,
		    outcome->enhanced, outcome->enhanced[0] != '\0' ? " " : "", outcome->text,
		    stage_name(outcome->stage), comma, only, cause_text(outcome->cause));
	else
		complaint_line("not sent: %s (%s%s%s): %s", cause_text(outcome->cause),
		    stage_name(outcome->stage), comma, only, outcome->text);
}

static enum exitcode
submit_queued(const struct submit *submit, const struct outcome *outcome)
{
	if (submit->options->verbose && outcome->verdict == VERDICT_DEFERRED)
		complaint_line("%s queued: %s%s%s", spool_draft_id(submit->draft), cause_text(outcome->cause),
		    outcome->text[0] != '\0' ? ": " : "", outcome->text);
	else if (submit->options->verbose)
		complaint_line("%s queued", spool_draft_id(submit->draft));
	return EXIT_OK;
}

/* A verdict that ends the matter whatever the disk does. */
static enum exitcode
submit_settled(const struct submit *submit, const struct outcome *outcome)
{
	if (outcome->verdict == VERDICT_DELIVERED) {
		if (submit->options->verbose)
			complaint_line("%s delivered: %s", spool_draft_id(submit->draft), outcome->text);
		return EXIT_OK;
	}
	submit_explain(submit, outcome);
	return exitcode_of(outcome);
}

static bool
submit_is_settled(const struct outcome *outcome)
{
	return outcome->verdict == VERDICT_DELIVERED || outcome->verdict == VERDICT_FAILED;
}

static enum exitcode
submit_not_stored(struct submit *submit, const struct outcome *reason, const char *addition)
{
	complaint_line("can't be stored: %s%s", reason->text, addition);
	log_line(LOG_LEVEL_ERROR, "%s: can't be stored: %s%s", spool_draft_id(submit->draft), reason->text,
	    addition);
	return EXIT_REFUSED;
}

/* Nothing may be promised: the message must not be sent later by surprise, as the caller will try again. */
static enum exitcode
submit_take_back(struct submit *submit, const struct outcome *reason)
{
	struct outcome verdict;

	switch (storage_take_back(submit->draft, deadline_in(SUBMIT_RESERVE))) {
	case STORAGE_GONE:
		return submit_not_stored(submit, reason, "; it was not sent");
	case STORAGE_UNDER_WAY:
		if (spool_draft_wait(submit->draft, submit->end, &verdict) == 1 &&
		    submit_is_settled(&verdict))
			return submit_settled(submit, &verdict);
		return submit_not_stored(submit, reason, "; it is under way and may still be sent");
	case STORAGE_STUCK:
		break;
	}
	submit->is_stuck = true;
	return submit_not_stored(submit, reason, "; it may still be sent");
}

/* The verdict first: it decides more. The sync runs meanwhile and has mostly ended by then. */
static enum exitcode
submit_await(struct submit *submit)
{
	struct outcome verdict, reason;
	enum storage_status stored;

	memset(&verdict, 0, sizeof(verdict));
	if (submit->is_hopeful && spool_draft_wait(submit->draft, submit->patience, &verdict) == 1 &&
	    submit_is_settled(&verdict))
		return submit_settled(submit, &verdict);
	stored = storage_wait(&submit->storage, submit->disk, &reason);
	if (submit->is_hopeful && verdict.verdict == VERDICT_NONE) {
		/* what is left: the reserve when the message is safe, else only what has come in the
		 * meantime */
		struct deadline left = stored == STORAGE_SAFE ? submit->end : deadline_in(0);

		if (spool_draft_wait(submit->draft, left, &verdict) == 1 && submit_is_settled(&verdict))
			return submit_settled(submit, &verdict);
	}
	if (stored == STORAGE_SAFE)
		return submit_queued(submit, &verdict);
	return submit_take_back(submit, &reason);
}

static enum exitcode
submit_refuse(const struct outcome *outcome)
{
	complaint_line("%s", outcome->text[0] != '\0' ? outcome->text : cause_text(outcome->cause));
	return exitcode_of(outcome);
}

static enum exitcode
submit_send(struct submit *submit, const struct config *config, struct envelope *envelope, bool secure)
{
	/* a person who asked to see what happens has the time */
	bool is_down = !submit->options->verbose && spool_is_down(submit->spool);
	struct outcome outcome;
	enum exitcode code;

	if (spool_draft_new(submit->spool, &submit->draft, &outcome) != 0) {
		complaint_drain();
		return submit_refuse(&outcome);
	}
	if (submit_accept(submit, config, envelope, &outcome) != 0)
		return submit_refuse(&outcome);
	submit_set_deadlines(submit, config->timeouts.wait);
	if ((!is_down && spool_draft_expect(submit->draft, &outcome) != 0)
	    || spool_draft_commit(submit->draft, envelope->eight_bit, &outcome) != 0)
		return submit_refuse(&outcome);
	submit->is_hopeful = starter_wake(submit->spool, config, secure) && !is_down;
	storage_start(&submit->storage, submit->draft);
	code = submit_await(submit);
	storage_end(&submit->storage);
	return code;
}

enum exitcode
submit_message(const struct options *options, const struct config *config, bool may_create, bool secure)
{
	struct submit submit = {.options = options};
	struct identity identity;
	struct envelope envelope;
	struct outcome outcome;
	enum exitcode code;

	if (aliases_new(&submit.aliases, config, &outcome) != 0) {
		complaint_drain();
		return submit_refuse(&outcome);
	}
	if (spool_open(config->spool_directory, may_create, &submit.spool, &outcome) != 0) {
		complaint_drain();
		aliases_free(&submit.aliases);
		return submit_refuse(&outcome);
	}
	envelope_init(&envelope);
	identity_get(config, &identity);
	submit.identity = &identity;
	submit.envelope = &envelope;
	code = submit_send(&submit, config, &envelope, secure);
	/* removing the verdict's FIFO would hang on a disk that hangs; a later sweep finds it */
	if (!submit.is_stuck) {
		spool_draft_free(submit.draft);
		spool_close(submit.spool);
	}
	aliases_free(&submit.aliases);
	identity_free(&identity);
	envelope_free(&envelope);
	return code;
}
