/*
 * report: see the header.
 *
 * A REPORT IS A MESSAGE OF ITS OWN in the queue, of the same user, from the null sender, marked in its envelope as a report. What must hold:
 * who failed is reported, or was known to the caller, before the message leaves the queue, whatever dies in between, and not twice.
 *
 *	1 outcomes     written and synced: recipients R, without the T that says "told"
 *	2 the caller   is told, when nobody was or will be served; if it has read that, it knows, and 3 is left out
 *	3 the report   is written, moved into queue/ and synced. Its id is made of the message's id and of the number of the first
 *	               recipient in it
 *	4 told         T for each of them, synced
 *	5 the end      the message moves to failed/, or waits for the others
 *
 * A crash before 3 is complete leaves recipients without T: whoever claims the message next owes them a report, before it tries anything
 * else, so that those are the same recipients as before, and the report has the same id. A crash between 3 and 4: it makes the report again,
 * and finds that one of that id is there (the rename replaces nothing). It could be gone again only if it had been sent; but a report is
 * not sent while its message is in the queue and lacks the T (report_must_wait). So it is sent exactly once. What remains: a caller that
 * read the verdict just before its courier died after 2 gets a report of what it knows already, since its FIFO is gone either way; and
 * where the report can't be made again either (a crash between 3 and 4, then a full disk), mail is tried all the same, and a recipient with
 * a lower number who fails meanwhile gives the second report another id.
 *
 * When 3 fails (a full disk) the message stays in the queue, to be reported and given up later. Whoever is not to be told gets the T
 * without a report. People who have a message in failed/ tried again take the T back with the state.
 *
 * NO LOOP: a report, or a message from nobody, is never reported. It stays in failed/, where status, queue --failed and the digest show it.
 *
 * The other two kinds are a courtesy: "relayed" for NOTIFY=SUCCESS where the relay does not do DSN (a crash right behind the delivery
 * loses it), and "delayed" once, for NOTIFY=DELAY (a crash right behind it may send it twice).
 */
#include "delivery/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/deadline.h"
#include "base/file.h"
#include "base/log.h"
#include "base/relay.h"
#include "base/shape.h"
#include "base/text.h"
#include "delivery/tally.h"
#include "message/address.h"
#include "message/message.h"
#include "message/notification.h"

#define REPORT_HEARD_MS 2000	/* for a caller to read its verdict: it waits for nothing else */
#define REPORT_BLOCK ((size_t)64 * 1024)

/* Recipients that one report is about. */
struct report_list {
	size_t *indexes;
	size_t  count;
};

/* What a report is written with. */
struct report_work {
	struct notification            notification;
	struct notification_recipient *recipients;
	struct spool_draft            *draft;
	struct buffer                  text;
	char                          *header;
	char                           host[REPORT_NAME_SIZE], domain[REPORT_NAME_SIZE];
	int                            fd;	/* of the message */
	bool                           eight_bit;
	size_t                         lane;	/* the number of the relay that the message begins at */
};

/* ---- deciding ---- */

static bool
report_is_nobody(const char *address)
{
	return address[0] == '\0' || text_prefix_nocase(address, "MAILER-DAEMON@");
}

enum report_choice
report_choose(const struct report_case *asked)
{
	if (asked->is_report)
		return REPORT_OF_REPORT;
	if (report_is_nobody(asked->reverse_path))
		return REPORT_NO_SENDER;
	if (asked->is_heard)
		return REPORT_HEARD;
	if (asked->notify != 0 && (asked->notify & DSN_FAILURE) == 0)
		return REPORT_NOT_WANTED;
	if (asked->outcome->cause == CAUSE_RECIPIENT_REFUSED && text_compare_nocase(asked->recipient, asked->reverse_path) == 0)
		return REPORT_SELF;
	return REPORT_SEND;
}

const char *
report_choice_text(enum report_choice choice)
{
	static const char *const texts[] = {
		[REPORT_SEND] = "reported to the sender",
		[REPORT_OF_REPORT] = "a report is never reported",
		[REPORT_NO_SENDER] = "there is no sender to tell",
		[REPORT_HEARD] = "its caller was told",
		[REPORT_NOT_WANTED] = "the sender did not want one",
		[REPORT_SELF] = "it is the sender's own address",
	};

	return texts[choice];
}

bool
report_must_wait(struct spool *spool, const struct spool_entry *entry)
{
	const struct spool_report *report = spool_entry_report(entry);
	struct spool_entry *message = NULL;
	struct outcome outcome;
	bool must_wait = false;

	if (spool == NULL || report->kind != SPOOL_REPORT_FAILED ||
	    spool_peek(spool, SPOOL_QUEUE, report->about, &message, &outcome) != SPOOL_CLAIMED)
		return false;
	if (report->first < spool_entry_count(message)) {
		const struct spool_recipient *recipient = spool_entry_recipient(message, report->first);

		must_wait = recipient->outcome.verdict == VERDICT_FAILED && !recipient->is_told;
	}
	spool_entry_free(message);
	return must_wait;
}

/* Was it the sender that the relay did not want? Some say so late, and some in words that can't be told from others; an unknown mailbox
 * can. */
static bool
report_is_about_sender(const struct outcome *outcome)
{
	if (outcome->verdict != VERDICT_FAILED || outcome->reply < 500 || outcome->stage < STAGE_MAIL || outcome->stage > STAGE_FINAL)
		return false;
	if (outcome->cause == CAUSE_TOO_BIG)
		return false;
	return outcome->cause != CAUSE_RECIPIENT_REFUSED || text_prefix_nocase(outcome->enhanced, "5.7.");
}

const char *
report_other_sender(const struct config *config, const struct relay *relay, const struct spool_entry *entry, const struct outcome *outcomes,
    size_t count)
{
	if (spool_entry_report(entry)->kind == SPOOL_REPORT_NONE || spool_entry_reverse_path(entry)[0] != '\0' || count != 1 ||
	    !report_is_about_sender(&outcomes[0]))
		return NULL;
	if (config->sender_from != NULL)
		return config->sender_from;
	return relay->user != NULL && shape_address(relay->user) == NULL ? relay->user : NULL;
}

/* ---- names ---- */

void
report_host(char host[REPORT_NAME_SIZE])
{
	if (gethostname(host, REPORT_NAME_SIZE) != 0)
		host[0] = '\0';
	host[REPORT_NAME_SIZE - 1] = '\0';
	if (!address_domain_ok(host))
		(void)snprintf(host, REPORT_NAME_SIZE, "localhost");
}

static const char *
report_domain_of(const char *address)
{
	const char *at = address != NULL ? strrchr(address, '@') : NULL;

	return at != NULL && address_domain_ok(at + 1) ? at + 1 : NULL;
}

void
report_domain(const struct config *config, const struct relay *relay, const char *to, char domain[REPORT_NAME_SIZE])
{
	char host[REPORT_NAME_SIZE];
	const char *found = config->sender_domain;

	report_host(host);
	if (found == NULL)
		found = report_domain_of(config->sender_from);
	if (found == NULL && strchr(host, '.') != NULL)
		found = host;
	if (found == NULL)
		found = report_domain_of(relay->user);
	if (found == NULL)
		found = report_domain_of(to);
	(void)snprintf(domain, REPORT_NAME_SIZE, "%s", found != NULL ? found : host);
}

/* ---- writing ---- */

/* The header of the message, as much as sendmail takes; up to the empty line. */
static int
report_read_header(struct report_work *work, struct spool_entry *entry)
{
	uint64_t whole = spool_entry_message_length(entry);
	size_t most = whole < MESSAGE_HEADER_MAX ? (size_t)whole : MESSAGE_HEADER_MAX;
	const char *end;
	ssize_t length;

	work->fd = spool_entry_reopen(entry);
	if (work->fd < 0)
		return -1;
	work->header = memory_alloc(most + 1);
	length = file_pread(work->fd, work->header, most, spool_entry_message_offset(entry));
	if (length < 0)
		return -1;
	end = memmem(work->header, (size_t)length, "\r\n\r\n", 4);
	work->notification.header = work->header;
	work->notification.header_length = end != NULL ? (size_t)(end - work->header) + 2 : (size_t)length;
	if (length >= 2 && memcmp(work->header, "\r\n", 2) == 0)
		work->notification.header_length = 0;
	return 0;
}

/* The host that the outcome is from; NULL: not known. */
static const char *
report_relay_host(const struct config *config, size_t lane, const struct outcome *outcome)
{
	size_t number = relay_find(config, outcome->relay);

	/* what several relays said (chain) has none either */
	if (outcome->relay[0] == '\0' && outcome->verdict != VERDICT_DELIVERED && relay_next(config, lane) < relay_count(config))
		return NULL;
	return number < relay_count(config) ? relay_at(config, number)->host : NULL;
}

static void
report_take_recipients(struct report_work *work, const struct report_desk *desk, struct spool_entry *entry, const struct report_list *list)
{
	work->recipients = memory_resize(NULL, list->count, sizeof(*work->recipients));
	for (size_t i = 0; i < list->count; i++) {
		const struct spool_recipient *recipient = spool_entry_recipient(entry, list->indexes[i]);

		work->recipients[i] = (struct notification_recipient){recipient->address, recipient->wish.orcpt, &recipient->outcome,
		    report_relay_host(desk->config, work->lane, &recipient->outcome)};
		/* what was too big, or could not be converted, is so again */
		if (recipient->outcome.cause == CAUSE_TOO_BIG || recipient->outcome.cause == CAUSE_INPUT)
			work->notification.is_full = false;
	}
	work->notification.recipients = work->recipients;
	work->notification.recipient_count = list->count;
}

static bool
report_has_eight_bit(const struct notification *notification)
{
	for (size_t i = 0; i < notification->header_length; i++)
		if ((unsigned char)notification->header[i] > 127)
			return true;
	return false;
}

static void
report_fill(struct report_work *work, const struct report_desk *desk, struct spool_entry *entry, enum spool_report_kind kind)
{
	struct notification *notification = &work->notification;
	time_t lifetime = (time_t)(desk->config->lifetime / 1000);

	report_host(work->host);
	work->lane = relay_of_message(desk->config, spool_entry_relay(entry), spool_entry_reverse_path(entry));
	report_domain(desk->config, relay_at(desk->config, work->lane), spool_entry_reverse_path(entry), work->domain);
	notification->action = kind == SPOOL_REPORT_DELAYED ? NOTIFICATION_DELAYED :
	    kind == SPOOL_REPORT_RELAYED ? NOTIFICATION_RELAYED : NOTIFICATION_FAILED;
	notification->id = spool_draft_id(work->draft);
	notification->about = spool_entry_id(entry);
	notification->host = work->host;
	notification->domain = work->domain;
	notification->to = spool_entry_reverse_path(entry);
	notification->envid = spool_entry_envid(entry);
	notification->now = time(NULL);
	notification->arrival = spool_entry_created(entry);
	notification->until = lifetime > 0 ? notification->arrival + lifetime : 0;
	/* RFC 3461 section 4.3: the whole message with failures only */
	notification->is_full = kind == SPOOL_REPORT_FAILED && spool_entry_return(entry) == DSN_RETURN_FULL;
}

static int
report_write_text(struct report_work *work, struct outcome *error)
{
	int result = spool_draft_write(work->draft, work->text.data, work->text.length, error);

	for (size_t i = 0; i < work->text.length; i++)
		work->eight_bit |= (unsigned char)work->text.data[i] > 127;
	work->text.length = 0;
	return result;
}

static int
report_write_message(struct report_work *work, struct spool_entry *entry, struct outcome *error)
{
	uint64_t left = spool_entry_message_length(entry);
	off_t offset = spool_entry_message_offset(entry);
	char *block = memory_alloc(REPORT_BLOCK);
	int result = 0;

	while (result == 0 && left > 0) {
		size_t part = left < REPORT_BLOCK ? (size_t)left : REPORT_BLOCK;
		ssize_t n = file_pread(work->fd, block, part, offset);

		if (n != (ssize_t)part) {
			outcome_set(error, VERDICT_FAILED, STAGE_SPOOL, CAUSE_SPOOL, "the message can't be read again: %s",
			    n < 0 ? strerror(errno) : "it ends too early");
			result = -1;
		} else {
			result = spool_draft_write(work->draft, block, part, error);
			offset += n;
			left -= part;
		}
	}
	free(block);
	return result;
}

static int
report_write(struct report_work *work, struct spool_entry *entry, struct outcome *error)
{
	struct notification *notification = &work->notification;

	if (notification_open(notification, &work->text) != 0) {
		errno = ERANGE;
		outcome_set(error, VERDICT_FAILED, STAGE_SPOOL, CAUSE_LOCAL, "a report of %zu recipients is too long",
		    notification->recipient_count);
		return -1;
	}
	if (report_write_text(work, error) != 0 || (notification->is_full && report_write_message(work, entry, error) != 0))
		return -1;
	(void)notification_close(notification, &work->text);
	if (report_write_text(work, error) != 0)
		return -1;
	return spool_draft_commit(work->draft, work->eight_bit || notification->eight_bit, error);
}

/* From the null sender to the sender, over the relay of the message; NEVER: the relay need not tell anybody what became of it. */
static int
report_begin(struct report_work *work, const struct config *config, struct spool_entry *entry, struct outcome *error)
{
	struct envelope envelope;
	int result;

	envelope_init(&envelope);
	envelope_set_reverse_path(&envelope, "");
	if (relay_count(config) > 1)
		envelope_set_relay(&envelope, relay_title(relay_at(config, work->lane)));
	(void)envelope_add(&envelope, spool_entry_reverse_path(entry));
	envelope_wish(&envelope, 0, DSN_NEVER, NULL);
	envelope.smtputf8 = envelope_is_international(&envelope);
	result = spool_draft_begin(work->draft, &envelope, spool_entry_uid(entry), "mailcrane", error);
	envelope_free(&envelope);
	return result;
}

/* The report is in the queue and safe; its id in `id`. */
static int
report_store(const struct report_desk *desk, struct spool_entry *entry, enum spool_report_kind kind, const struct report_list *list,
    char id[SPOOL_ID_SIZE], struct outcome *error)
{
	struct spool_report mark = {.kind = kind, .first = list->indexes[0]};
	struct report_work work = {.fd = -1};
	int result = -1;

	buffer_init(&work.text, NOTIFICATION_MAX);
	if (spool_draft_new(desk->spool, &work.draft, error) != 0)
		goto out;
	(void)snprintf(mark.about, sizeof(mark.about), "%s", spool_entry_id(entry));
	spool_draft_report(work.draft, &mark);
	(void)snprintf(id, SPOOL_ID_SIZE, "%s", spool_draft_id(work.draft));
	if (report_read_header(&work, entry) != 0) {
		outcome_set(error, VERDICT_FAILED, STAGE_SPOOL, CAUSE_SPOOL, "the message can't be read again: %s", strerror(errno));
		goto out;
	}
	report_fill(&work, desk, entry, kind);
	report_take_recipients(&work, desk, entry, list);
	work.notification.eight_bit = work.notification.is_full ? spool_entry_eight_bit(entry) : report_has_eight_bit(&work.notification);
	if (report_begin(&work, desk->config, entry, error) != 0)
		goto out;
	result = report_write(&work, entry, error);
	if (result == 0)
		result = spool_draft_sync(work.draft, error);
	else if (errno == EEXIST)
		result = 0;	/* the one before us died before it could note it */
out:
	if (work.fd >= 0)
		(void)close(work.fd);
	spool_draft_free(work.draft);
	buffer_free(&work.text);
	free(work.recipients);
	free(work.header);
	return result;
}

/* ---- settling ---- */

/* One report on all of the list, unless its receiver has had many. */
static int
report_send(const struct report_desk *desk, struct spool_entry *entry, enum spool_report_kind kind, const struct report_list *list,
    struct outcome *error)
{
	static const char *const kinds[] = {"", "failed", "delayed", "relayed", ""};
	const char *to = spool_entry_reverse_path(entry);
	char id[SPOOL_ID_SIZE] = "";

	if (list->count == 0)
		return 0;
	if (!tally_allows(desk->spool, to, time(NULL))) {
		log_line(LOG_LEVEL_WARNING, "%s: no report to <%s> on %zu of %zu recipients (%s): it has had %d within the hour",
		    spool_entry_id(entry), to, list->count, spool_entry_count(entry), kinds[kind], TALLY_MOST);
		return 0;
	}
	if (report_store(desk, entry, kind, list, id, error) != 0) {
		log_line(LOG_LEVEL_ERROR, "%s: the report to <%s> can't be stored: %s", spool_entry_id(entry), to, error->text);
		return -1;
	}
	tally_count(desk->spool, to, time(NULL));
	log_line(LOG_LEVEL_INFO, "%s: report %s to <%s> on %zu of %zu recipients (%s)", spool_entry_id(entry), id, to, list->count,
	    spool_entry_count(entry), kinds[kind]);
	return 0;
}

static int
report_note_told(struct spool_entry *entry, const struct report_list *list, struct outcome *error)
{
	/* the first one last: it is what the report waits for (report_must_wait) */
	for (size_t i = list->count; i-- > 0;)
		if (spool_entry_note_told(entry, list->indexes[i], error) != 0)
			return -1;
	return list->count > 0 ? spool_entry_sync(entry, error) : 0;
}

/* Those who failed and of whom nobody was told. */
static int
report_failures(const struct report_desk *desk, struct spool_entry *entry, bool is_heard, const struct report_list *owed,
    struct outcome *error)
{
	struct report_list list = {.indexes = memory_resize(NULL, owed->count, sizeof(*list.indexes))};
	int result;

	for (size_t i = 0; i < owed->count; i++) {
		const struct spool_recipient *recipient = spool_entry_recipient(entry, owed->indexes[i]);
		const struct report_case asked = {spool_entry_reverse_path(entry), spool_entry_report(entry)->kind != SPOOL_REPORT_NONE,
		    is_heard, recipient->address, recipient->wish.notify, &recipient->outcome};
		enum report_choice choice = report_choose(&asked);

		if (choice == REPORT_SEND)
			list.indexes[list.count++] = owed->indexes[i];
		else
			log_line(LOG_LEVEL_INFO, "%s: no report on <%s>: %s", spool_entry_id(entry), recipient->address,
			    report_choice_text(choice));
	}
	result = report_send(desk, entry, SPOOL_REPORT_FAILED, &list, error);
	if (result == 0)
		result = report_note_told(entry, owed, error);
	free(list.indexes);
	return result;
}

/* Those whom the relay took, and who want to hear of it. A relay with DSN says it itself (RFC 3461 section 5.2.1). */
static int
report_successes(const struct report_desk *desk, struct spool_entry *entry, const struct report_list *list, struct outcome *error)
{
	struct report_list ours = {.indexes = memory_resize(NULL, list->count, sizeof(*ours.indexes))};
	bool is_wanted = spool_entry_report(entry)->kind == SPOOL_REPORT_NONE && !report_is_nobody(spool_entry_reverse_path(entry));
	int result;

	for (size_t i = 0; is_wanted && i < list->count; i++) {
		size_t number = relay_find(desk->config, spool_entry_recipient(entry, list->indexes[i])->outcome.relay);

		if (number < relay_count(desk->config) && desk->lacks_dsn[number])
			ours.indexes[ours.count++] = list->indexes[i];
	}
	result = report_send(desk, entry, SPOOL_REPORT_RELAYED, &ours, error);
	if (result == 0)
		result = report_note_told(entry, list, error);
	free(ours.indexes);
	return result;
}

static int
report_delay(const struct report_desk *desk, struct spool_entry *entry, const struct report_list *list, struct outcome *error)
{
	if (spool_entry_report(entry)->kind == SPOOL_REPORT_NONE && !report_is_nobody(spool_entry_reverse_path(entry)) &&
	    report_send(desk, entry, SPOOL_REPORT_DELAYED, list, error) != 0)
		return -1;
	spool_entry_note_warned(entry);
	return 0;
}

/* Nobody is left to be served: the caller may know what became of it, since the disk does. true: it has read that all was refused. */
static bool
report_tell(struct spool_entry *entry, const struct outcome *verdict)
{
	if (verdict == NULL || (verdict->verdict != VERDICT_FAILED && verdict->verdict != VERDICT_DELIVERED))
		return false;
	return spool_entry_tell(entry, verdict) == 1 && verdict->verdict == VERDICT_FAILED &&
	    spool_entry_was_heard(entry, deadline_in(REPORT_HEARD_MS));
}

static void
report_sort(struct spool_entry *entry, struct report_list *failed, struct report_list *relayed, struct report_list *delayed)
{
	size_t count = spool_entry_count(entry);
	bool is_late = time(NULL) - spool_entry_created(entry) >= REPORT_LATE && !spool_entry_is_warned(entry);

	failed->indexes = memory_resize(NULL, count, sizeof(size_t));
	relayed->indexes = memory_resize(NULL, count, sizeof(size_t));
	delayed->indexes = memory_resize(NULL, count, sizeof(size_t));
	for (size_t i = 0; i < count; i++) {
		const struct spool_recipient *recipient = spool_entry_recipient(entry, i);
		enum verdict verdict = recipient->outcome.verdict;

		if (verdict == VERDICT_FAILED && !recipient->is_told)
			failed->indexes[failed->count++] = i;
		if (verdict == VERDICT_DELIVERED && !recipient->is_told && (recipient->wish.notify & DSN_SUCCESS) != 0)
			relayed->indexes[relayed->count++] = i;
		if (verdict == VERDICT_DEFERRED && is_late && (recipient->wish.notify & DSN_DELAY) != 0)
			delayed->indexes[delayed->count++] = i;
	}
}

int
report_settle(const struct report_desk *desk, struct spool_entry *entry, const struct outcome *verdict, struct outcome *error)
{
	struct report_list failed = {.count = 0}, relayed = {.count = 0}, delayed = {.count = 0};
	int result = 0;

	if (desk->spool == NULL)
		return 0;
	report_sort(entry, &failed, &relayed, &delayed);
	if (verdict == NULL)
		relayed.count = delayed.count = 0;
	if (failed.count + relayed.count + delayed.count == 0)
		goto out;
	result = spool_entry_sync(entry, error);
	if (result == 0 && failed.count > 0)
		result = report_failures(desk, entry, report_tell(entry, verdict), &failed, error);
	if (result == 0 && relayed.count > 0)
		result = report_successes(desk, entry, &relayed, error);
	if (result == 0 && delayed.count > 0)
		result = report_delay(desk, entry, &delayed, error);
	/* the runner looks for it when it next looks */
	(void)spool_poke(desk->spool);
out:
	free(failed.indexes);
	free(relayed.indexes);
	free(delayed.indexes);
	return result;
}
