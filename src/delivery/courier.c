/*
 * courier: one message from claim to settlement.
 *
 *	claim (lock, same inode, checksum, states)
 *	note the attempt in the file: a message over which we die is not tried again at once, and one whose outcome
 *	could not be written is not sent
 *	the relay that its sender uses: open the connection, unless one is open
 *	                                                -> failure: every waiting recipient is put off, or goes on
 *	transaction                                     -> an outcome a recipient
 *	whom the relay certainly did not take, for a reason of its own (policy_next_relay), goes on to its fallback, and so on; what is known
 *	of the others is on the disk before that
 *	settle: outcomes into the file; reports on who failed (report.c); finish or postpone, synced
 *	tell the caller, if one waits; log
 *
 * A caller is told after the disk knows: what it hears survives a crash.
 *
 * Whoever may have been served is bound to the relay that may have done it, until that says yes or no: no answer after the final dot
 * binds a recipient (its outcome is uncertain), and so does a death during a transaction (spool_entry_go has noted the relay).
 */
#include "delivery/courier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/log.h"
#include "base/relay.h"
#include "delivery/chain.h"
#include "delivery/journal.h"
#include "delivery/last.h"
#include "delivery/limit.h"
#include "delivery/load.h"
#include "delivery/policy.h"
#include "delivery/report.h"

struct courier {
	struct config        config;	/* of use only when nothing is broken */
	struct spool        *spool;
	struct nursery      *nursery;
	struct line         *lines[CONFIG_RELAYS_MAX];	/* by the relay's number; NULL: not needed yet */
	struct outcome       broken;	/* why nothing can be sent at all; verdict NONE: it can */
	time_t               again;	/* when relays may be tried again, as far as they are what put the message off; else 0 */
	int                  report;	/* -1: nobody wants to hear it */
	struct deadline      limit;	/* of all attempts: mostly never */
};

struct courier *
courier_new(const char *config_file, bool secure, struct spool *spool, int report)
{
	struct courier *courier = memory_alloc(sizeof(*courier));
	struct outcome reason;

	courier->spool = spool;
	courier->report = report;
	courier->limit = deadline_never();
	courier->nursery = nursery_start(&reason);
	if (courier->nursery != NULL && config_load(config_file, CONFIG_FULL, secure, &courier->config, &reason) == 0)
		return courier;
	log_line(LOG_LEVEL_ERROR, "nothing can be sent: %s", reason.text);
	courier->broken = reason;
	/* whatever it is, the mail waits for it to be mended */
	courier->broken.verdict = VERDICT_DEFERRED;
	return courier;
}

static struct line *
courier_line(struct courier *courier, size_t number)
{
	if (courier->lines[number] == NULL)
		courier->lines[number] = line_new(&courier->config, relay_at(&courier->config, number), courier->nursery, courier->spool);
	return courier->lines[number];
}

/* The relay that the message begins at. */
static size_t
courier_lane(const struct courier *courier, const struct spool_entry *entry)
{
	return relay_of_message(&courier->config, spool_entry_relay(entry), spool_entry_reverse_path(entry));
}

/* Before the answer itself: the runner may open further connections, for EXPECTS or OPENED. */
static void
courier_say(const struct courier *courier, const struct courier_job *job, const struct line *line, enum courier_result result)
{
	const struct line *first = courier->lines[job->lane];
	struct courier_answer answer;

	if (courier->report < 0)
		return;
	memset(&answer, 0, sizeof(answer));
	memcpy(answer.id, job->id, sizeof(answer.id));
	answer.result = result;
	answer.lane = job->lane;
	answer.is_slowed = gate_is_slowed(&line->gate) || (first != NULL && gate_is_slowed(&first->gate));
	/* lost when there is no room: it only saves time */
	(void)send(courier->report, &answer, sizeof(answer), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* true when every outcome says that the idle connection was dead. */
static bool
courier_was_stale(const struct load_part *part)
{
	for (size_t i = 0; i < part->transaction.recipient_count; i++)
		if (!policy_is_stale(&part->outcomes[i]))
			return false;
	return true;
}

/* When a message is tried again after so many attempts: not long after the relays may be, whatever the message has been through. */
static time_t
courier_due(const struct courier *courier, const char *id, unsigned attempts)
{
	time_t due = time(NULL) + policy_backoff(&courier->config, attempts, id);

	return courier->again != 0 && courier->again < due ? courier->again : due;
}

/* 0, or -1 when the message must stay for the report that it still owes. */
static int
courier_report(const struct courier *courier, struct spool_entry *entry, const struct outcome *verdict)
{
	struct report_desk desk = {.config = &courier->config, .spool = courier->spool};
	struct outcome error;

	for (size_t i = 0; i < CONFIG_RELAYS_MAX; i++) {
		const struct channel *channel = courier->lines[i] != NULL ? courier->lines[i]->connection.channel : NULL;

		desk.lacks_dsn[i] = channel != NULL && !channel_capabilities(channel)->dsn;
	}
	if (report_settle(&desk, entry, verdict, &error) == 0)
		return 0;
	log_line(LOG_LEVEL_ERROR, "%s: stays in the queue for its report: %s", spool_entry_id(entry), error.text);
	return -1;
}

static bool
courier_has_delivered(const struct load *load)
{
	for (size_t i = 0; i < load->count; i++)
		if (!load->is_open[i] && load->outcomes[i].verdict == VERDICT_DELIVERED)
			return true;
	return false;
}

/* Writes the outcomes and ends or postpones the message; what the caller will be told is in answer->outcome. */
static void
courier_settle(const struct courier *courier, struct spool_entry *entry, const struct load *load,
    struct courier_answer *answer)
{
	struct outcome error;
	unsigned attempts = spool_entry_attempts(entry) + 1;
	time_t due;

	if (load_record(load, entry, &error) != 0)
		goto failed;
	spool_entry_verdict(entry, &answer->outcome);
	answer->result = COURIER_FINISHED;
	for (size_t i = 0; i < spool_entry_count(entry); i++) {
		enum verdict verdict = spool_entry_recipient(entry, i)->outcome.verdict;

		if (verdict == VERDICT_NONE || verdict == VERDICT_DEFERRED)
			answer->result = COURIER_DEFERRED;
	}
	if (courier_report(courier, entry, &answer->outcome) != 0)
		answer->result = COURIER_DEFERRED;
	if (answer->result == COURIER_FINISHED) {
		if (spool_entry_finish(entry, &error) != 0)
			goto failed;
		return;
	}
	/* what is perhaps there already comes again later than what is not */
	due = courier_due(courier, spool_entry_id(entry), answer->outcome.uncertain ? attempts + 2 : attempts);
	/* postpone syncs the recipients' outcomes along */
	if (spool_entry_postpone(entry, due, &answer->outcome, &error) != 0)
		goto failed;
	return;
failed:
	log_line(LOG_LEVEL_ERROR, "%s: outcome (%s) could not be recorded%s: %s", spool_entry_id(entry),
	    verdict_name(load->count > 0 ? load->outcomes[0].verdict : VERDICT_NONE),
	    courier_has_delivered(load) ? ", so it may be sent once more, with the same Message-ID, to who has it now" : "", error.text);
	/* it stays in the queue, so this is what the caller may rely on, whatever the relay said */
	error.verdict = VERDICT_DEFERRED;
	answer->outcome = error;
	answer->result = COURIER_ERROR;
}

static void
courier_journal(struct load *load, struct spool_entry *entry, size_t i)
{
	const struct line *line = load->lines[i];

	if (load->is_told[i])
		return;
	load->is_told[i] = true;
	journal_recipient(entry, load->indexes[i], &load->outcomes[i], line != NULL ? &line->connection : NULL,
	    line != NULL && line == load->part.talk ? &load->part.report : NULL, load->attempt, load->script);
}

/* After a transaction, when its outcomes are safe. */
static void
courier_end_talk(struct load *load)
{
	struct load_part *part = &load->part;

	if (part->talk == NULL)
		return;
	connection_settled(&part->talk->connection, &part->fitting.transaction, part->outcomes, &part->report);
	part->talk = NULL;
	if (part->report.differs)
		log_line(LOG_LEVEL_WARNING, "%s: the dialogue saw it otherwise: %s", load->id, part->report.difference);
}

/* Before another transaction with the same message: what this one came to must survive us. */
static void
courier_end_step(struct load *load, struct spool_entry *entry)
{
	struct outcome error;
	bool is_news = false;

	for (size_t i = 0; i < load->count; i++)
		is_news = is_news || !load->is_open[i];
	if (is_news && (load_record(load, entry, &error) != 0 || spool_entry_sync(entry, &error) != 0))
		log_line(LOG_LEVEL_ERROR, "%s: outcomes could not be recorded: %s", load->id, error.text);
	/* what is put off may yet be given up */
	for (size_t i = 0; i < load->count; i++)
		if (!load->is_open[i] && (load->outcomes[i].verdict == VERDICT_DELIVERED || load->outcomes[i].verdict == VERDICT_FAILED))
			courier_journal(load, entry, i);
	courier_end_talk(load);
}

/* New couriers begin at the lane's first relay. That another one took the login says that they may go there in the end; but a login that the
 * first has refused in this attempt they are not to repeat. */
static bool
courier_is_proof(const struct courier *courier, const struct courier_job *job, const struct line *line)
{
	const struct line *first = courier->lines[job->lane];

	return line == first || (first != NULL && first->gate.is_shut && first->gate.route.login_until <= time(NULL));
}

/* 0: the connection is there, and the relay is noted. Or -1 and *outcome. */
static int
courier_reach(struct courier *courier, const struct courier_job *job, struct spool_entry *entry, struct line *line,
    struct deadline deadline, struct outcome *outcome)
{
	const struct config *config = &courier->config;

	if (job->is_unproven && line == courier->lines[job->lane] && !connection_is_alive(&line->connection) && gate_is_proven(&line->gate))
		courier_say(courier, job, line, COURIER_EXPECTS);
	if (line_reach(line, job, deadline, outcome) != 0)
		return -1;
	if (line->was_opened && courier->spool != NULL)
		spool_down_clear(courier->spool, relay_at(config, courier_lane(courier, entry))->name);
	if (job->is_unproven && courier_is_proof(courier, job, line))
		courier_say(courier, job, line, COURIER_OPENED);
	if (relay_count(config) == 1 || spool_entry_go(entry, relay_title(line->relay), outcome) == 0)
		return 0;
	outcome->verdict = VERDICT_DEFERRED;
	return -1;
}

/* The part to one relay. true when there was a transaction: then load->part.talk wants to be ended. */
static bool
courier_talk(struct courier *courier, const struct courier_job *job, struct spool_entry *entry, struct load *load,
    struct line *line, struct deadline reach)
{
	struct load_part *part = &load->part;
	struct outcome outcome;

	for (bool is_first = true;; is_first = false) {
		bool was_used;

		if (courier_reach(courier, job, entry, line, reach, &outcome) != 0) {
			load_part_all(part, &outcome);
			return false;
		}
		if (load_part_leave_out(part, line) != 0)
			return false;
		if (fitting_make(&part->fitting, &part->transaction, channel_capabilities(line->connection.channel), courier->spool, &outcome) != 0) {
			load_part_all(part, &outcome);
			return false;
		}
		was_used = line->connection.used;
		connection_send(&line->connection, &part->fitting.transaction, load->deadline, part->outcomes, &part->report);
		part->talk = line;
		/* BDAT was refused with half a chunk out: nobody would remember it until the next attempt */
		if (!is_first || !(part->report.no_chunking || (was_used && courier_was_stale(part))))
			return true;
		courier_end_talk(load);
		connection_close(&line->connection);
	}
}

/* Many relays take no null sender, which reports have: then once more with another. */
static void
courier_talk_of_report(struct courier *courier, const struct courier_job *job, struct spool_entry *entry, struct load *load,
    struct line *line, struct deadline reach)
{
	struct load_part *part = &load->part;
	bool sent = courier_talk(courier, job, entry, load, line, reach);
	const char *sender = sent ? report_other_sender(&courier->config, line->relay, entry, part->outcomes, part->count) : NULL;

	if (sender != NULL) {
		log_line(LOG_LEVEL_INFO, "%s: a report, whose null sender the relay refuses (%d %s): once more from <%s>", job->id,
		    part->outcomes[0].reply, part->outcomes[0].text, sender);
		courier_end_talk(load);
		part->transaction.reverse_path = sender;
		sent = courier_talk(courier, job, entry, load, line, reach);
		/* another relay may take the null sender */
		part->transaction.reverse_path = spool_entry_reverse_path(entry);
	}
	if (sent)
		gate_heard(&line->gate, job->id, part->outcomes, part->count);
}

static size_t
courier_chain_length(const struct config *config, size_t number)
{
	size_t length = 0;

	for (; number < relay_count(config); number = relay_next(config, number))
		length++;
	return length;
}

/* So long may it take until the relay has taken the login. */
static struct deadline
courier_reach_deadline(const struct courier *courier, const struct load *load, size_t relays)
{
	int64_t share = chain_share(courier->config.timeouts.wait, load->wait.at - deadline_clock(), relays);

	return share == INT64_MAX ? load->deadline : deadline_earlier(deadline_in(share), load->deadline);
}

/* Those who are bound to this relay, or to none, from the relay that is theirs on as far as it takes. */
static void
courier_try_part(struct courier *courier, const struct courier_job *job, struct spool_entry *entry, struct load *load, size_t bound)
{
	const struct config *config = &courier->config;
	size_t lane = courier_lane(courier, entry), number = bound == LOAD_FREE ? lane : bound;
	size_t most = bound == LOAD_FREE ? courier_chain_length(config, lane) : 1, left = most, going = 1;
	bool is_shut = true, has_failed = false;
	time_t again = 0;

	for (; going > 0; left--) {
		struct line *line = courier_line(courier, number);
		struct outcome why;

		load_part_take(load, entry, bound);
		if (line->broken.verdict != VERDICT_NONE) {
			line->gate.is_shut = true;
			load_part_all(&load->part, &line->broken);
		} else {
			courier_talk_of_report(courier, job, entry, load, line, courier_reach_deadline(courier, load, left));
		}
		is_shut = is_shut && line->gate.is_shut;
		has_failed = has_failed || line->has_failed;
		load->is_slowed = load->is_slowed || gate_is_slowed(&line->gate);
		if (line->gate.again != 0 && (again == 0 || line->gate.again < again))
			again = line->gate.again;
		going = load_judge(load, line, most, left > 1, &why);
		if (going == 0)
			break;
		number = relay_next(config, number);
		courier_end_step(load, entry);
		journal_next_relay(load->id, line->relay, relay_at(config, number), going, &why);
	}
	if (!is_shut)
		return;
	if (again != 0 && (courier->again == 0 || again < courier->again))
		courier->again = again;
	/* it says something of other mail when no relay was left out */
	if (bound != LOAD_FREE && (bound != lane || courier_chain_length(config, lane) > 1))
		return;
	load->is_common = true;
	if (has_failed && courier->spool != NULL)
		spool_down_mark(courier->spool, relay_at(config, lane)->name);
}

/* Claimed and noted: to the relays. */
static void
courier_send(struct courier *courier, const struct courier_job *job, struct spool_entry *entry, struct load *load)
{
	size_t count = relay_count(&courier->config);

	load->deadline = deadline_earlier(deadline_in(courier->config.timeouts.attempt), courier->limit);
	load->wait = deadline_earlier(deadline_in(courier->config.timeouts.wait), courier->limit);
	load->tales = memory_alloc((count > 1 ? load->count + 1 : 1) * sizeof(*load->tales));
	for (size_t bound = 0; bound <= count; bound++) {
		size_t whom = bound == 0 ? LOAD_FREE : bound - 1;

		if (!load_has(load, whom))
			continue;
		if (load->part.talk != NULL)
			courier_end_step(load, entry);
		courier_try_part(courier, job, entry, load, whom);
	}
}

/* Whatever there is to be tried. */
static void
courier_try(struct courier *courier, const struct courier_job *job, struct spool_entry *entry, struct load *load)
{
	const struct transaction *transaction = &load->part.transaction;
	time_t due = time(NULL) + policy_backoff(&courier->config, spool_entry_attempts(entry) + 1, job->id);
	struct outcome outcome;

	if (transaction->message_fd < 0) {
		outcome_set(&outcome, VERDICT_DEFERRED, STAGE_SPOOL, CAUSE_LOCAL, "the message can't be opened again: %m");
		load_all(load, entry, &outcome);
	} else if (limit_forbids(&courier->config, entry, transaction->message_fd, transaction->message_offset, &outcome)) {
		load_all(load, entry, &outcome);
	} else if (spool_entry_begin(entry, due, &outcome) != 0) {
		outcome.verdict = VERDICT_DEFERRED;
		load_all(load, entry, &outcome);
	} else if (courier->broken.verdict != VERDICT_NONE) {
		load->is_common = true;
		load_all(load, entry, &courier->broken);
	} else {
		courier_send(courier, job, entry, load);
	}
	limit_apply(&courier->config, entry, load->outcomes, load->count);
}

/* For `mailcrane status`. One recipient's failure stands for all: the file has room for one. */
static void
courier_note(const struct courier *courier, const struct load *load)
{
	const struct outcome *success = NULL, *failure = NULL;

	if (courier->spool == NULL)
		return;
	for (size_t i = 0; i < load->count; i++) {
		if (load->outcomes[i].verdict == VERDICT_DELIVERED)
			success = &load->outcomes[i];
		else
			failure = &load->outcomes[i];
	}
	if (success != NULL)
		last_note(courier->spool, load->id, success);
	if (failure != NULL)
		last_note(courier->spool, load->id, failure);
}

static void
courier_carry(struct courier *courier, const struct courier_job *job, struct spool_entry *entry,
    struct courier_answer *answer)
{
	struct load load;
	int listener = spool_entry_listener(entry);

	log_copy(LOG_LISTENER_CALLER, listener, SPOOL_SAID);
	courier->again = 0;
	for (size_t i = 0; i < CONFIG_RELAYS_MAX; i++)
		if (courier->lines[i] != NULL)
			line_begin(courier->lines[i]);
	load_take(&load, &courier->config, entry);
	if (spool_entry_is_begun(entry) && load.count > 0)
		log_line(LOG_LEVEL_WARNING, "%s: the last attempt ended without a note of its outcome: a relay may have it already", job->id);
	(void)courier_report(courier, entry, NULL);
	/* none is left when a crash fell between the last outcome and its consequence */
	if (load.count > 0)
		courier_try(courier, job, entry, &load);
	courier_settle(courier, entry, &load, answer);
	log_copy(LOG_LISTENER_CALLER, -1, "");
	if (listener >= 0)
		(void)close(listener);
	(void)spool_entry_tell(entry, &answer->outcome);
	for (size_t i = 0; i < load.count; i++)
		courier_journal(&load, entry, i);
	courier_note(courier, &load);
	courier_end_talk(&load);
	answer->is_common = load.is_common;
	answer->is_slowed = load.is_slowed;
	load_free(&load);
}

void
courier_serve(struct courier *courier, const struct courier_job *job, struct courier_answer *answer)
{
	struct spool_entry *entry = NULL;
	enum spool_claim claim;

	memset(answer, 0, sizeof(*answer));
	memcpy(answer->id, job->id, sizeof(answer->id));
	answer->lane = job->lane;
	claim = spool_claim(courier->spool, job->id, &entry, &answer->outcome);
	switch (claim) {
	case SPOOL_CLAIMED:
		/* a list may be minutes old: what another tried since waits its time, and is perhaps at the relay already */
		if (spool_entry_attempts(entry) != job->attempts || spool_entry_is_held(entry) || report_must_wait(courier->spool, entry)) {
			answer->result = COURIER_BUSY;
			break;
		}
		courier_carry(courier, job, entry, answer);
		break;
	case SPOOL_BUSY:
		answer->result = COURIER_BUSY;
		break;
	case SPOOL_GONE:
		answer->result = COURIER_GONE;
		break;
	case SPOOL_DAMAGED:
		answer->result = COURIER_DAMAGED;
		log_line(LOG_LEVEL_ERROR, "%s: damaged, moved aside: %s", job->id, answer->outcome.text);
		break;
	case SPOOL_ERROR:
		answer->result = COURIER_ERROR;
		log_line(LOG_LEVEL_ERROR, "%s: stays in the queue: %s", job->id, answer->outcome.text);
		break;
	}
	spool_entry_free(entry);
}

void
courier_serve_loose(struct courier *courier, struct spool_entry *entry, struct deadline deadline, struct courier_answer *answer)
{
	struct courier_job job = {.attempts = 0, .pass = 1};

	memset(answer, 0, sizeof(*answer));
	memcpy(job.id, spool_entry_id(entry), strlen(spool_entry_id(entry)) + 1);
	memcpy(answer->id, job.id, sizeof(answer->id));
	courier->limit = deadline;
	courier_carry(courier, &job, entry, answer);
}

size_t
courier_idle_fds(const struct courier *courier, int fds[CONFIG_RELAYS_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < CONFIG_RELAYS_MAX; i++)
		if (courier->lines[i] != NULL && courier->lines[i]->connection.channel != NULL)
			fds[count++] = channel_fd(courier->lines[i]->connection.channel);
	return count;
}

void
courier_idle_check(struct courier *courier)
{
	for (size_t i = 0; i < CONFIG_RELAYS_MAX; i++)
		if (courier->lines[i] != NULL && !connection_is_alive(&courier->lines[i]->connection))
			connection_close(&courier->lines[i]->connection);
}

void
courier_idle_end(struct courier *courier)
{
	for (size_t i = 0; i < CONFIG_RELAYS_MAX; i++)
		if (courier->lines[i] != NULL)
			connection_close(&courier->lines[i]->connection);
}

void
courier_free(struct courier *courier)
{
	if (courier == NULL)
		return;
	for (size_t i = 0; i < CONFIG_RELAYS_MAX; i++)
		line_free(courier->lines[i]);
	nursery_stop(courier->nursery);
	config_free(&courier->config);
	free(courier);
}
