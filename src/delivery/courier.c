/*
 * courier: one message from claim to settlement.
 *
 *	claim (lock, same inode, checksum, states)
 *	note the attempt in the file: a message over which we die is not tried again at once, and one whose outcome
 *	could not be written is not sent
 *	open the connection, unless one is open         -> failure: every waiting recipient is put off
 *	transaction                                     -> an outcome a recipient
 *	settle: outcomes into the file; reports on who failed (report.c); finish or postpone, synced
 *	tell the caller, if one waits; log
 *
 * A caller is told after the disk knows: what it hears survives a crash.
 */
#include "delivery/courier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/log.h"
#include "delivery/connection.h"
#include "delivery/fitting.h"
#include "delivery/gate.h"
#include "delivery/journal.h"
#include "delivery/last.h"
#include "delivery/limit.h"
#include "delivery/policy.h"
#include "delivery/report.h"
#include "message/address.h"

struct courier {
	struct config        config;	/* of use only when nothing is broken */
	struct spool        *spool;
	struct connection    connection;
	struct outcome       broken;	/* why nothing can be sent at all; verdict NONE: it can */
	struct gate          gate;
	int                  report;	/* -1: nobody wants to hear it */
	struct deadline      limit;	/* of all attempts: mostly never */
	int64_t              password, authorities;	/* when these files were last changed, as they were read (ns) */
};

/* The recipients that are still to be served, as a transaction has them. */
struct courier_load {
	struct transaction transaction;
	struct fitting     fitting;		/* what goes over the wire */
	const char       **addresses;
	struct dsn_wish   *wishes;
	size_t            *indexes;	/* in the entry */
	struct outcome    *outcomes;
	size_t             count;
	char               id[SPOOL_ID_SIZE];
};

static int64_t
courier_changed(const char *file)
{
	struct stat status;

	if (file == NULL || stat(file, &status) != 0)
		return 0;
	return (int64_t)status.st_ctim.tv_sec * 1000000000 + status.st_ctim.tv_nsec;
}

/* Who mends the password file or the authorities need not restart a service. The nursery is there already and learns nothing. */
static void
courier_refresh(struct courier *courier)
{
	const struct relay *relay = &courier->config.relay;
	int64_t password = courier_changed(relay->secret_source == SECRET_FILE ? relay->secret : NULL);
	int64_t authorities = courier_changed(relay->tls_ca_file);

	if (password == courier->password && authorities == courier->authorities)
		return;
	/* looked at before they are read: a change in between is seen the next time */
	courier->password = password;
	courier->authorities = authorities;
	if (connection_renew(&courier->connection, &courier->broken) == 0)
		memset(&courier->broken, 0, sizeof(courier->broken));
	gate_forget(&courier->gate);
}

struct courier *
courier_new(const char *config_file, bool secure, struct spool *spool, int report)
{
	struct courier *courier = memory_alloc(sizeof(*courier));
	struct outcome reason;

	courier->spool = spool;
	courier->report = report;
	courier->limit = deadline_never();
	gate_init(&courier->gate, &courier->config, spool);
	if (connection_prepare(&courier->connection, &reason) == 0 &&
	    config_load(config_file, CONFIG_FULL, secure, &courier->config, &reason) == 0) {
		const struct relay *relay = &courier->config.relay;

		courier->password = courier_changed(relay->secret_source == SECRET_FILE ? relay->secret : NULL);
		courier->authorities = courier_changed(relay->tls_ca_file);
		if (connection_begin(&courier->connection, &courier->config, &reason) == 0)
			return courier;
	}
	log_line(LOG_LEVEL_ERROR, "nothing can be sent: %s", reason.text);
	courier->broken = reason;
	/* whatever it is, the mail waits for it to be mended */
	courier->broken.verdict = VERDICT_DEFERRED;
	return courier;
}

static void
courier_load_free(struct courier_load *load)
{
	if (load->transaction.message_fd >= 0)
		(void)close(load->transaction.message_fd);
	fitting_free(&load->fitting);
	free(load->addresses);
	free(load->wishes);
	free(load->indexes);
	free(load->outcomes);
}

static void
courier_load_take(struct courier_load *load, struct spool_entry *entry)
{
	size_t total = spool_entry_count(entry);

	memset(load, 0, sizeof(*load));
	fitting_init(&load->fitting);
	load->addresses = memory_resize(NULL, total, sizeof(*load->addresses));
	load->wishes = memory_resize(NULL, total, sizeof(*load->wishes));
	load->indexes = memory_resize(NULL, total, sizeof(*load->indexes));
	load->outcomes = memory_alloc((total > 0 ? total : 1) * sizeof(*load->outcomes));
	for (size_t i = 0; i < total; i++) {
		const struct spool_recipient *recipient = spool_entry_recipient(entry, i);

		if (recipient->outcome.verdict != VERDICT_NONE && recipient->outcome.verdict != VERDICT_DEFERRED)
			continue;
		load->addresses[load->count] = recipient->address;
		load->wishes[load->count] = recipient->wish;
		load->indexes[load->count++] = i;
	}
	(void)snprintf(load->id, sizeof(load->id), "%s", spool_entry_id(entry));
	load->transaction.reverse_path = spool_entry_reverse_path(entry);
	load->transaction.recipients = load->addresses;
	load->transaction.wishes = load->wishes;
	load->transaction.ret = spool_entry_return(entry);
	load->transaction.envid = spool_entry_envid(entry);
	load->transaction.recipient_count = load->count;
	load->transaction.message_fd = spool_entry_reopen(entry);
	load->transaction.message_offset = spool_entry_message_offset(entry);
	load->transaction.message_length = spool_entry_message_length(entry);
	load->transaction.eight_bit = spool_entry_eight_bit(entry);
	load->transaction.smtputf8 = spool_entry_smtputf8(entry);
}

static void
courier_all(struct courier_load *load, const struct outcome *outcome)
{
	for (size_t i = 0; i < load->count; i++)
		load->outcomes[i] = *outcome;
}

/* The runner may open further connections now. */
static void
courier_say_opened(const struct courier *courier, const struct courier_job *job)
{
	struct courier_answer answer;

	if (courier->report < 0)
		return;
	memset(&answer, 0, sizeof(answer));
	memcpy(answer.id, job->id, sizeof(answer.id));
	answer.result = COURIER_OPENED;
	answer.is_slowed = gate_is_slowed(&courier->gate);
	/* lost when there is no room: it only saves time */
	(void)send(courier->report, &answer, sizeof(answer), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* 0 with an open connection, or -1 with the reason in *outcome. */
static int
courier_reach(struct courier *courier, const struct courier_job *job, struct deadline deadline, struct outcome *outcome)
{
	bool is_open = connection_is_alive(&courier->connection);
	struct ladder_hint hint, way;

	courier->connection.step_count = 0;
	if (!gate_ask(&courier->gate, job, is_open, outcome))
		return -1;
	if (is_open)
		return 0;
	hint = route_hint(&courier->gate.route, time(NULL));
	if (connection_open(&courier->connection, &hint, deadline, outcome) != 0) {
		journal_ladder(job->id, &courier->connection);
		gate_failed(&courier->gate, job, outcome);
		return -1;
	}
	journal_ladder(job->id, &courier->connection);
	way = connection_way(&courier->connection);
	gate_opened(&courier->gate, &way);
	courier_say_opened(courier, job);
	return 0;
}

/* true when every outcome says that the idle connection was dead. */
static bool
courier_was_stale(const struct courier_load *load)
{
	for (size_t i = 0; i < load->transaction.recipient_count; i++)
		if (!policy_is_stale(&load->outcomes[i]))
			return false;
	return true;
}

/* When a message is tried again after so many attempts: not long after the relay may be, whatever the message has been through. */
static time_t
courier_due(const struct courier *courier, const char *id, unsigned attempts)
{
	time_t due = time(NULL) + policy_backoff(&courier->config, attempts, id);

	return courier->gate.again != 0 && courier->gate.again < due ? courier->gate.again : due;
}

/* 0, or -1 and *error. One outcome that can't be written is no reason to lose the others, too: who is known to have the message
 * must not get it again. */
static int
courier_record(struct spool_entry *entry, const struct courier_load *load, struct outcome *error)
{
	struct outcome this;
	int result = 0;

	for (size_t i = 0; i < load->count; i++)
		if (spool_entry_settle(entry, load->indexes[i], &load->outcomes[i], &this) != 0) {
			*error = this;
			result = -1;
		}
	if (result != 0)
		(void)spool_entry_sync(entry, &this);
	return result;
}

/* 0, or -1 when the message must stay for the report that it still owes. */
static int
courier_report(const struct courier *courier, struct spool_entry *entry, const struct outcome *verdict)
{
	const struct channel *channel = courier->connection.channel;
	const struct report_desk desk = {&courier->config, courier->spool, channel != NULL,
	    channel != NULL && channel_capabilities(channel)->dsn};
	struct outcome error;

	if (report_settle(&desk, entry, verdict, &error) == 0)
		return 0;
	log_line(LOG_LEVEL_ERROR, "%s: stays in the queue for its report: %s", spool_entry_id(entry), error.text);
	return -1;
}

/* Writes the outcomes and ends or postpones the message; what the caller will be told is in answer->outcome. */
static void
courier_settle(const struct courier *courier, struct spool_entry *entry, const struct courier_load *load,
    struct courier_answer *answer)
{
	struct outcome error;
	unsigned attempts = spool_entry_attempts(entry) + 1;
	time_t due;

	if (courier_record(entry, load, &error) != 0)
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
	log_line(LOG_LEVEL_ERROR, "%s: outcome (%s) could not be recorded: %s", spool_entry_id(entry),
	    verdict_name(load->count > 0 ? load->outcomes[0].verdict : VERDICT_NONE), error.text);
	/* it stays in the queue, so this is what the caller may rely on, whatever the relay said */
	error.verdict = VERDICT_DEFERRED;
	answer->outcome = error;
	answer->result = COURIER_ERROR;
}

static int
courier_fit(struct courier *courier, struct courier_load *load, struct outcome *outcome)
{
	return fitting_make(&load->fitting, &load->transaction, channel_capabilities(courier->connection.channel),
	    courier->spool, outcome);
}

static void
courier_load_swap(struct courier_load *load, size_t a, size_t b)
{
	const char *address = load->addresses[a];
	size_t index = load->indexes[a];
	struct dsn_wish wish = load->wishes[a];

	load->addresses[a] = load->addresses[b];
	load->addresses[b] = address;
	load->wishes[a] = load->wishes[b];
	load->wishes[b] = wish;
	load->indexes[a] = load->indexes[b];
	load->indexes[b] = index;
}

/* Addresses that this relay can't be told (RFC 6531) are refused here and go behind the others, which are served. 0, or -1 when
 * nobody is left. */
static int
courier_leave_out(struct courier *courier, struct courier_load *load)
{
	struct transaction *transaction = &load->transaction;
	struct outcome outcome;

	transaction->recipient_count = load->count;
	if (channel_capabilities(courier->connection.channel)->smtputf8)
		return 0;
	if (address_is_international(transaction->reverse_path)) {
		splice_no_smtputf8(&outcome, STAGE_MAIL, transaction->reverse_path);
		courier_all(load, &outcome);
		return -1;
	}
	for (size_t i = 0; i < transaction->recipient_count;) {
		if (!address_is_international(load->addresses[i])) {
			i++;
			continue;
		}
		courier_load_swap(load, i, --transaction->recipient_count);
		splice_no_smtputf8(&load->outcomes[transaction->recipient_count], STAGE_RCPT,
		    load->addresses[transaction->recipient_count]);
	}
	return transaction->recipient_count > 0 ? 0 : -1;
}

/* Claimed and noted: to the relay. true when there was a transaction: then *report is filled and wants to be settled. */
static bool
courier_send(struct courier *courier, const struct courier_job *job, struct courier_load *load, struct splice_report *report)
{
	struct deadline deadline = deadline_earlier(deadline_in(courier->config.timeouts.attempt), courier->limit);
	struct outcome outcome;

	for (bool is_first = true;; is_first = false) {
		bool was_used;

		if (courier_reach(courier, job, deadline, &outcome) != 0) {
			courier_all(load, &outcome);
			return false;
		}
		if (courier_leave_out(courier, load) != 0)
			return false;
		if (courier_fit(courier, load, &outcome) != 0) {
			courier_all(load, &outcome);
			return false;
		}
		was_used = courier->connection.used;
		connection_send(&courier->connection, &load->fitting.transaction, deadline, load->outcomes, report);
		/* BDAT was refused with half a chunk out: nobody would remember it until the next attempt */
		if (!is_first || !(report->no_chunking || (was_used && courier_was_stale(load))))
			return true;
		connection_settled(&courier->connection, &load->fitting.transaction, load->outcomes, report);
		connection_close(&courier->connection);
	}
}

/* Many relays take no null sender, which reports have: then once more with another. */
static bool
courier_send_report(struct courier *courier, const struct courier_job *job, struct spool_entry *entry, struct courier_load *load,
    struct splice_report *report)
{
	bool sent = courier_send(courier, job, load, report);
	const char *sender = sent ? report_other_sender(&courier->config, entry, load->outcomes, load->count) : NULL;

	if (sender == NULL)
		return sent;
	log_line(LOG_LEVEL_INFO, "%s: a report, whose null sender the relay refuses (%d %s): once more from <%s>", job->id,
	    load->outcomes[0].reply, load->outcomes[0].text, sender);
	connection_settled(&courier->connection, &load->transaction, load->outcomes, report);
	load->transaction.reverse_path = sender;
	return courier_send(courier, job, load, report);
}

/* Whatever there is to be tried. true when there was a transaction, as courier_send. */
static bool
courier_try(struct courier *courier, const struct courier_job *job, struct spool_entry *entry, struct courier_load *load,
    struct splice_report *report)
{
	time_t due = time(NULL) + policy_backoff(&courier->config, spool_entry_attempts(entry) + 1, job->id);
	struct outcome outcome;
	bool sent = false;

	if (load->transaction.message_fd < 0) {
		outcome_set(&outcome, VERDICT_DEFERRED, STAGE_SPOOL, CAUSE_LOCAL, "the message can't be opened again: %m");
		courier_all(load, &outcome);
	} else if (limit_forbids(&courier->config, entry, load->transaction.message_fd, load->transaction.message_offset, &outcome)) {
		courier_all(load, &outcome);
	} else if (spool_entry_begin(entry, due, &outcome) != 0) {
		outcome.verdict = VERDICT_DEFERRED;
		courier_all(load, &outcome);
	} else if (courier->broken.verdict != VERDICT_NONE) {
		courier->gate.is_shut = true;
		courier_all(load, &courier->broken);
	} else {
		sent = courier_send_report(courier, job, entry, load, report);
		if (sent)
			gate_heard(&courier->gate, job->id, load->outcomes, load->count);
	}
	limit_apply(&courier->config, entry, load->outcomes, load->count);
	return sent;
}

/* For `mailcrane status`. One recipient's failure stands for all: the file has room for one. */
static void
courier_note(const struct courier *courier, const struct courier_load *load)
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
	if (courier->connection.channel != NULL)
		last_note_certificate(courier->spool, channel_expires(courier->connection.channel));
}

static void
courier_carry(struct courier *courier, const struct courier_job *job, struct spool_entry *entry,
    struct courier_answer *answer)
{
	struct courier_load load;
	struct splice_report report;
	char script[128];
	bool sent = false;
	unsigned number = spool_entry_attempts(entry) + 1;
	int listener = spool_entry_listener(entry);

	log_copy(LOG_LISTENER_CALLER, listener, SPOOL_SAID);
	courier->gate.again = 0;
	courier->gate.is_shut = false;
	courier_load_take(&load, entry);
	(void)courier_report(courier, entry, NULL);
	/* none is left when a crash fell between the last outcome and its consequence */
	if (load.count > 0)
		sent = courier_try(courier, job, entry, &load, &report);
	courier_settle(courier, entry, &load, answer);
	log_copy(LOG_LISTENER_CALLER, -1, "");
	if (listener >= 0)
		(void)close(listener);
	(void)spool_entry_tell(entry, &answer->outcome);
	journal_script(load.transaction.message_fd, load.transaction.message_offset, script, sizeof(script));
	for (size_t i = 0; i < load.count; i++)
		journal_recipient(entry, load.indexes[i], &courier->connection, sent ? &report : NULL,
		    number, script);
	courier_note(courier, &load);
	if (sent) {
		connection_settled(&courier->connection, &load.fitting.transaction, load.outcomes, &report);
		if (report.differs)
			log_line(LOG_LEVEL_WARNING, "%s: the dialogue saw it otherwise: %s", job->id, report.difference);
	}
	answer->is_common = courier->gate.is_shut;
	answer->is_slowed = gate_is_slowed(&courier->gate);
	courier_load_free(&load);
}

void
courier_serve(struct courier *courier, const struct courier_job *job, struct courier_answer *answer)
{
	struct spool_entry *entry = NULL;
	enum spool_claim claim;

	memset(answer, 0, sizeof(*answer));
	memcpy(answer->id, job->id, sizeof(answer->id));
	claim = spool_claim(courier->spool, job->id, &entry, &answer->outcome);
	switch (claim) {
	case SPOOL_CLAIMED:
		/* a list may be minutes old: what another tried since waits its time, and is perhaps at the relay already */
		if (spool_entry_attempts(entry) != job->attempts || spool_entry_is_held(entry) || report_must_wait(courier->spool, entry)) {
			answer->result = COURIER_BUSY;
			break;
		}
		courier_refresh(courier);
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
		log_line(LOG_LEVEL_ERROR, "%s: can't be read: %s", job->id, answer->outcome.text);
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

int
courier_idle_fd(const struct courier *courier)
{
	return courier->connection.channel != NULL ? channel_fd(courier->connection.channel) : -1;
}

void
courier_idle_check(struct courier *courier)
{
	if (courier->connection.channel != NULL && !channel_alive(courier->connection.channel))
		connection_close(&courier->connection);
}

void
courier_idle_end(struct courier *courier)
{
	connection_close(&courier->connection);
}

void
courier_free(struct courier *courier)
{
	if (courier == NULL)
		return;
	connection_end(&courier->connection);
	config_free(&courier->config);
	free(courier);
}
