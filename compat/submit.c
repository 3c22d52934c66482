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
 * Code 0 by queueing is given only after the sync succeeded. With [queue] delivery = background there is no verdict: sync, wake, 0. With
 * direct there is no spool: the verdict within `wait`, or 69; the same when the spool can't be used and direct.h knows why.
 */
#include "submit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/deadline.h"
#include "base/log.h"
#include "base/relay.h"
#include "complaint.h"
#include "direct.h"
#include "message/aliases.h"
#include "message/remark.h"
#include "starter.h"
#include "storage.h"

/* A `wait` shorter than this bounds the wait for the relay, not for the disk: else `wait = 10ms` could store
 * nothing. */
#define SUBMIT_DISK_LEAST 2000
/* Of `wait` at most, kept for taking a message back that could not be stored */
#define SUBMIT_RESERVE 500

struct submit {
	struct spool             *spool;
	const struct config      *config;
	struct identity           identity;
	bool                      is_secure;
	bool                      is_stuck;	/* the disk hangs: don't touch it again */
	bool                      is_direct;	/* without a spool, which is then NULL or not used */
	struct outcome            no_spool;	/* why, where it is not the settings' wish */
	/* of the message at hand: */
	struct spool_draft       *draft;
	struct aliases            aliases;
	struct storage            storage;
	struct deadline           end;		/* of the wait for a verdict */
	struct deadline           patience;	/* the same, less the reserve */
	struct deadline           disk;		/* of the wait for the disk */
	bool                      is_hopeful;	/* a runner was woken, and the relay is not known to be down */
};

static int
submit_write_envelope(void *context, const struct envelope *envelope, struct outcome *outcome)
{
	struct submit *submit = context;

	return spool_draft_begin(submit->draft, envelope, getuid(), submit->identity.program, outcome);
}

static int
submit_write(void *context, const void *data, size_t length, struct outcome *outcome)
{
	struct submit *submit = context;

	return spool_draft_write(submit->draft, data, length, outcome);
}

static int
submit_accept(struct submit *submit, const struct intake_source *source, const struct message_request *asked,
    struct envelope *envelope, struct outcome *outcome)
{
	const struct message_sink sink = {submit, submit_write_envelope, submit_write};
	struct message_request request = *asked;
	char *rest, *line;
	int result;

	identity_fill(&submit->identity, submit->config, &request);
	request.aliases = submit->aliases.set;
	request.remarks = &submit->aliases.remarks;
	if (source != NULL)
		result = message_accept_from(source, &request, &sink, envelope, outcome);
	else
		result = message_accept(STDIN_FILENO, &request, &sink, envelope, outcome);
	for (rest = submit->aliases.remarks.data; (line = remark_next(&rest)) != NULL;)
		log_line(LOG_LEVEL_WARNING, "%s", line);
	/* the next message has its own */
	buffer_free(&submit->aliases.remarks);
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

static bool
submit_is_settled(const struct outcome *outcome)
{
	return outcome->verdict == VERDICT_DELIVERED || outcome->verdict == VERDICT_FAILED;
}

/* A verdict that ends the matter whatever the disk does. */
static enum submit_end
submit_settled(struct submit_result *result, const struct outcome *verdict)
{
	result->outcome = *verdict;
	return verdict->verdict == VERDICT_DELIVERED ? SUBMIT_DELIVERED : SUBMIT_REFUSED;
}

static enum submit_end
submit_not_stored(struct submit_result *result, const struct outcome *reason, const char *addition)
{
	log_line(LOG_LEVEL_ERROR, "%s: can't be stored: %s%s", result->id, reason->text, addition);
	result->outcome = *reason;
	result->addition = addition;
	return SUBMIT_NOT_STORED;
}

/* Nothing may be promised: the message must not be sent later by surprise, as the caller will try again. */
static enum submit_end
submit_take_back(struct submit *submit, const struct outcome *reason, struct submit_result *result)
{
	struct outcome verdict;

	switch (storage_take_back(submit->draft, deadline_in(SUBMIT_RESERVE))) {
	case STORAGE_GONE:
		return submit_not_stored(result, reason, "; it was not sent");
	case STORAGE_UNDER_WAY:
		if (spool_draft_wait(submit->draft, submit->end, &verdict) == 1 &&
		    submit_is_settled(&verdict))
			return submit_settled(result, &verdict);
		return submit_not_stored(result, reason, "; it is under way and may still be sent");
	case STORAGE_STUCK:
		break;
	}
	submit->is_stuck = true;
	return submit_not_stored(result, reason, "; it may still be sent");
}

/* The verdict first: it decides more. The sync runs meanwhile and has mostly ended by then. */
static enum submit_end
submit_await(struct submit *submit, struct submit_result *result)
{
	struct outcome verdict, reason;
	enum storage_status stored;

	memset(&verdict, 0, sizeof(verdict));
	if (submit->is_hopeful && spool_draft_wait(submit->draft, submit->patience, &verdict) == 1 &&
	    submit_is_settled(&verdict))
		return submit_settled(result, &verdict);
	stored = storage_wait(&submit->storage, submit->disk, &reason);
	if (submit->is_hopeful && verdict.verdict == VERDICT_NONE) {
		/* what is left: the reserve when the message is safe, else only what has come in the
		 * meantime */
		struct deadline left = stored == STORAGE_SAFE ? submit->end : deadline_in(0);

		if (spool_draft_wait(submit->draft, left, &verdict) == 1 && submit_is_settled(&verdict))
			return submit_settled(result, &verdict);
	}
	if (stored == STORAGE_SAFE) {
		result->outcome = verdict;
		return SUBMIT_QUEUED;
	}
	return submit_take_back(submit, &reason, result);
}

/* The runner is woken when the message is safe: nobody waits for what it does. */
static enum submit_end
submit_store(struct submit *submit, struct submit_result *result)
{
	enum storage_status stored;
	enum submit_end end;
	struct outcome reason;

	storage_start_alone(&submit->storage, submit->draft);
	stored = storage_wait(&submit->storage, submit->disk, &reason);
	if (stored != STORAGE_SAFE) {
		end = submit_take_back(submit, &reason, result);
		/* who syncs still needs what a healthy disk would let us free */
		submit->is_stuck = submit->is_stuck || stored == STORAGE_UNKNOWN;
		return end;
	}
	(void)starter_wake(submit->spool, submit->config, submit->is_secure);
	return SUBMIT_QUEUED;
}

/* Without a spool. */
static enum submit_end
submit_send_direct(struct submit *submit, struct submit_result *result)
{
	int64_t wait = submit->config->timeouts.wait;
	struct outcome *outcome = &result->outcome;

	direct_send(submit->config, submit->is_secure, submit->draft, wait - submit_reserve(wait), submit->end, outcome);
	if (submit_is_settled(outcome))
		return submit_settled(result, outcome);
	result->sent = spool_draft_count(submit->draft, VERDICT_DELIVERED);
	result->no_spool = submit->no_spool;
	log_line(LOG_LEVEL_ERROR, "%s: %s, and there is no spool: %s (%s): %s", result->id,
	    outcome->uncertain ? "uncertain" : "not sent", cause_text(outcome->cause), stage_name(outcome->stage), outcome->text);
	return SUBMIT_NOT_SENT;
}

/* Is it known that mail from this sender can't be handed to any relay now? */
static bool
submit_is_down(const struct submit *submit, const char *sender)
{
	const struct config *config = submit->config;

	return spool_is_down(submit->spool, relay_at(config, relay_of_sender(config, sender))->name);
}

/* From the octets to the verdict. */
static enum submit_end
submit_send(struct submit *submit, const struct intake_source *source, const struct message_request *request,
    bool is_patient, struct envelope *envelope, struct submit_result *result)
{
	bool is_background = submit->config->delivery == DELIVERY_BACKGROUND && !is_patient;
	enum submit_end end;
	bool is_alone;

	if (submit_accept(submit, source, request, envelope, &result->outcome) != 0)
		return SUBMIT_UNUSABLE;
	is_alone = is_background || (!submit->is_direct && !is_patient && submit_is_down(submit, envelope->reverse_path));
	submit_set_deadlines(submit, submit->config->timeouts.wait);
	/* without a FIFO nothing is heard, but the message is as safe */
	if (!is_alone && !submit->is_direct && spool_draft_expect(submit->draft, &result->outcome) != 0) {
		log_line(LOG_LEVEL_WARNING, "%s: no verdict can be waited for: %s", result->id, result->outcome.text);
		memset(&result->outcome, 0, sizeof(result->outcome));
		is_alone = true;
	}
	if (is_patient && !is_alone && !submit->is_direct)
		spool_draft_listen(submit->draft, STDERR_FILENO);
	if (spool_draft_commit(submit->draft, envelope->eight_bit, &result->outcome) != 0)
		return SUBMIT_UNUSABLE;
	if (submit->is_direct)
		return submit_send_direct(submit, result);
	if (is_background) {
		end = submit_store(submit, result);
	} else {
		submit->is_hopeful = starter_wake(submit->spool, submit->config, submit->is_secure) && !is_alone;
		storage_start(&submit->storage, submit->draft);
		end = submit_await(submit, result);
	}
	storage_end(&submit->storage);
	return end;
}

/* The spool has just failed us: is that a reason to do without? Said in the log, as mail that can't be sent now will not be kept. */
static bool
submit_go_direct(struct submit *submit, const struct outcome *reason)
{
	if (!direct_instead_of(errno))
		return false;
	log_line(LOG_LEVEL_WARNING, "%s: mail is sent directly and not kept", reason->text);
	submit->no_spool = *reason;
	submit->is_direct = true;
	return true;
}

struct submit *
submit_new(const struct config *config, bool may_create, bool secure, struct outcome *outcome)
{
	struct submit *submit = memory_alloc(sizeof(*submit));

	if (aliases_new(&submit->aliases, config, outcome) != 0) {
		free(submit);
		return NULL;
	}
	submit->is_direct = config->delivery == DELIVERY_DIRECT;
	if (!submit->is_direct && spool_open(config->spool_directory, may_create, &submit->spool, outcome) != 0) {
		submit->spool = NULL;
		if (!submit_go_direct(submit, outcome)) {
			aliases_free(&submit->aliases);
			free(submit);
			return NULL;
		}
	}
	submit->config = config;
	submit->is_secure = secure;
	identity_get(config, getuid(), &submit->identity);
	return submit;
}

/* Removing the verdict's FIFO would hang on a disk that hangs; a later sweep finds it. */
static void
submit_forget_draft(struct submit *submit)
{
	if (!submit->is_stuck)
		spool_draft_free(submit->draft);
	submit->draft = NULL;
}

void
submit_free(struct submit *submit)
{
	if (submit == NULL)
		return;
	submit_forget_draft(submit);
	if (!submit->is_stuck && submit->spool != NULL)
		spool_close(submit->spool);
	aliases_free(&submit->aliases);
	identity_free(&submit->identity);
	free(submit);
}

const struct identity *
submit_identity(const struct submit *submit)
{
	return &submit->identity;
}

int
submit_begin(struct submit *submit, struct outcome *outcome)
{
	submit_forget_draft(submit);
	/* those that synced earlier messages */
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	if (submit->is_stuck) {
		outcome_set(outcome, VERDICT_FAILED, STAGE_SPOOL, CAUSE_SPOOL, "the disk does not answer");
		return -1;
	}
	if (!submit->is_direct) {
		if (spool_check_room(submit->spool, submit->config->max_queue, outcome) != 0)
			return -1;
		if (spool_draft_new(submit->spool, &submit->draft, outcome) == 0)
			return 0;
		if (!submit_go_direct(submit, outcome))
			return -1;
	}
	return spool_draft_new_loose(&submit->draft, outcome);
}

void
submit_take(struct submit *submit, const struct intake_source *source, const struct message_request *request,
    bool is_patient, struct submit_result *result)
{
	struct envelope envelope;

	memset(result, 0, sizeof(*result));
	result->addition = "";
	memcpy(result->id, spool_draft_id(submit->draft), strlen(spool_draft_id(submit->draft)) + 1);
	envelope_init(&envelope);
	result->end = submit_send(submit, source, request, is_patient, &envelope, result);
	result->recipients = envelope.recipient_count;
	if ((result->end == SUBMIT_DELIVERED || result->end == SUBMIT_QUEUED) && envelope.recipient_count > 1)
		result->refused = spool_draft_refused(submit->draft, result->recipient, &result->refusal);
	else if (envelope.recipient_count == 1)
		memcpy(result->recipient, envelope.recipients[0], strlen(envelope.recipients[0]) + 1);
	envelope_free(&envelope);
	submit_forget_draft(submit);
}

/* ---- for a caller that looks at exit code and stderr ---- */

/* The relay's words, or ours, and where it happened: one line. */
static void
submit_explain(const struct submit_result *result)
{
	const struct outcome *outcome = &result->outcome;
	bool is_named = outcome->stage == STAGE_RCPT && result->recipient[0] != '\0';
	const char *only = is_named ? result->recipient : "";
	const char *comma = is_named ? ", " : "";

	if (outcome->reply != 0)
		complaint_line("refused by the relay: %d %s%s%s (%s%s%s: %s)", outcome->reply,
		    outcome->enhanced, outcome->enhanced[0] != '\0' ? " " : "", outcome->text,
		    stage_name(outcome->stage), comma, only, cause_text(outcome->cause));
	else
		complaint_line("not sent: %s (%s%s%s): %s", cause_text(outcome->cause),
		    stage_name(outcome->stage), comma, only, outcome->text);
}

static enum exitcode
submit_refuse(const struct outcome *outcome)
{
	complaint_line("%s", outcome->text[0] != '\0' ? outcome->text : cause_text(outcome->cause));
	return exitcode_of(outcome);
}

/* For those who asked. The others are told by a report: exit 0 with a line on stderr is a failure to some callers. */
static void
submit_say_refused(const struct submit_result *result)
{
	const struct outcome *refusal = &result->refusal;

	complaint_line("%s %s, but refused for %zu of %zu recipients: <%s> %d %s %s", result->id,
	    result->end == SUBMIT_DELIVERED ? "delivered" : "queued", result->refused, result->recipients, result->recipient,
	    refusal->reply, refusal->enhanced, refusal->text);
}

static void
submit_say_queued(const struct submit_result *result)
{
	const struct outcome *outcome = &result->outcome;

	if (outcome->verdict == VERDICT_DEFERRED)
		complaint_line("%s queued: %s%s%s", result->id, cause_text(outcome->cause),
		    outcome->text[0] != '\0' ? ": " : "", outcome->text);
	else
		complaint_line("%s queued", result->id);
}

/* Nothing is kept: 69, or 78 where it is the settings. */
static enum exitcode
submit_say_not_sent(const struct submit_result *result)
{
	struct outcome outcome = result->outcome;
	const char *since = result->no_spool.verdict != VERDICT_NONE ? ", since the spool can't be used: " : "";
	char some[64] = "";

	if (result->sent > 0)
		(void)snprintf(some, sizeof(some), "sent to %zu of %zu recipients; the others: ", result->sent, result->recipients);
	if (outcome.uncertain)
		complaint_line("%suncertain, perhaps sent: %s (%s): %s; nothing is kept%s%s", some, cause_text(outcome.cause),
		    stage_name(outcome.stage), outcome.text, since, result->no_spool.text);
	else
		complaint_line("%snot sent: %s (%s): %s; nothing is kept%s%s", some, cause_text(outcome.cause), stage_name(outcome.stage),
		    outcome.text, since, result->no_spool.text);
	outcome.verdict = VERDICT_FAILED;
	return exitcode_of(&outcome);
}

static enum exitcode
submit_tell(const struct submit_result *result, bool verbose)
{
	switch (result->end) {
	case SUBMIT_DELIVERED:
		if (verbose && result->refused > 0)
			submit_say_refused(result);
		else if (verbose)
			complaint_line("%s delivered: %s", result->id, result->outcome.text);
		return EXIT_OK;
	case SUBMIT_QUEUED:
		if (verbose && result->refused > 0)
			submit_say_refused(result);
		else if (verbose)
			submit_say_queued(result);
		return EXIT_OK;
	case SUBMIT_REFUSED:
		submit_explain(result);
		return exitcode_of(&result->outcome);
	case SUBMIT_NOT_STORED:
		complaint_line("can't be stored: %s%s", result->outcome.text, result->addition);
		return EXIT_REFUSED;
	case SUBMIT_NOT_SENT:
		return submit_say_not_sent(result);
	case SUBMIT_UNUSABLE:
		break;
	}
	return submit_refuse(&result->outcome);
}

enum exitcode
submit_message(const struct options *options, const struct config *config, bool may_create, bool secure)
{
	const struct message_request request = {
		.take_recipients = options->take_recipients,
		.dots_are_text = options->dots_are_text,
		.reverse_path = options->reverse_path,
		.full_name = options->full_name,
		.recipients = options->recipients,
		.recipient_count = options->recipient_count,
		.notify = options->notify,
		.ret = options->ret,
		.envid = options->envid,
	};
	struct submit_result result;
	struct outcome outcome;
	struct submit *submit = submit_new(config, may_create, secure, &outcome);

	if (submit == NULL || submit_begin(submit, &outcome) != 0) {
		complaint_drain();
		submit_free(submit);
		return submit_refuse(&outcome);
	}
	/* a person who asked to see what happens has the time */
	submit_take(submit, NULL, &request, options->verbose, &result);
	submit_free(submit);
	return submit_tell(&result, options->verbose);
}
