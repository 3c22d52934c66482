/*
 * digest: the file `digest` in the spool says "SENT LOOKED": when the last one was put into the queue and when we looked last, in
 * seconds. It is written after the digest is safe: a crash in between sends a second one, which is better than none. A file that can't be
 * written is found out before: else each runner would send one.
 */
#include "delivery/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/relay.h"
#include "delivery/report.h"
#include "message/notification.h"

#define DIGEST_TEXT_MAX ((size_t)256 * 1024)
#define DIGEST_STAMP_SIZE 48

struct digest_stamp {
	int     fd;
	int64_t sent, looked;		/* 0: never */
};

/* ---- composing ---- */

static bool
digest_is_late(const struct spool_item *item, time_t now)
{
	return now - item->created >= DIGEST_WAITING;
}

static size_t
digest_count(const struct digest_facts *facts, bool is_failed)
{
	size_t count = 0;

	for (size_t i = 0; is_failed && i < facts->failed_count; i++)
		count += facts->failed[i].changed >= facts->since;
	for (size_t i = 0; !is_failed && i < facts->queue_count; i++)
		count += digest_is_late(&facts->queue[i], facts->now);
	return count;
}

static const char *
digest_age(time_t seconds, char text[32])
{
	if (seconds >= 2 * 86400)
		(void)snprintf(text, 32, "%lld days", (long long)seconds / 86400);
	else if (seconds >= 2 * 3600)
		(void)snprintf(text, 32, "%lld hours", (long long)seconds / 3600);
	else
		(void)snprintf(text, 32, "%lld minutes", (long long)(seconds > 0 ? seconds / 60 : 0));
	return text;
}

static int
digest_line(const struct digest_facts *facts, const struct spool_item *item, struct buffer *text)
{
	const struct outcome *last = &item->last;
	char age[32], reply[16] = "";

	if (last->reply != 0)
		(void)snprintf(reply, sizeof(reply), "%d ", last->reply);
	if (buffer_append_format(text, "%s  <%s> to <%s>%s, user %u, %s old%s%s\r\n", item->id, item->from, item->to,
		item->recipients > 1 ? " and others" : "", (unsigned)item->uid, digest_age(facts->now - item->created, age),
		item->is_report ? ", a report of ours" : "", item->is_held ? ", held" : "") != 0)
		return -1;
	return buffer_append_format(text, "    %s%s%s%s\r\n", last->cause != CAUSE_NONE ? cause_text(last->cause) : "",
	    last->cause != CAUSE_NONE ? ": " : "", reply, last->text[0] != '\0' ? last->text : "not tried yet");
}

/* Those of one kind, each with its reason. */
static int
digest_list(const struct digest_facts *facts, bool is_failed, struct buffer *text)
{
	const struct spool_item *items = is_failed ? facts->failed : facts->queue;
	size_t total = is_failed ? facts->failed_count : facts->queue_count, count = digest_count(facts, is_failed), listed = 0;

	if (count == 0)
		return 0;
	if (buffer_append_text(text, is_failed ? "\r\nGiven up, not tried again (mailcrane queue --failed):\r\n\r\n"
					       : "\r\nWaiting for more than an hour (mailcrane check says why):\r\n\r\n") != 0)
		return -1;
	for (size_t i = 0; i < total && listed < DIGEST_LINES; i++) {
		if (is_failed ? items[i].changed < facts->since : !digest_is_late(&items[i], facts->now))
			continue;
		listed++;
		if (digest_line(facts, &items[i], text) != 0)
			return -1;
	}
	return count > listed ? buffer_append_format(text, "and %zu more\r\n", count - listed) : 0;
}

static void
digest_add(char *subject, size_t size, const char *what, size_t count, const char *one, const char *many)
{
	size_t length = strlen(subject);

	if (count > 0)
		(void)snprintf(subject + length, size - length, "%s%zu %s%s", length > 0 ? ", " : "", count, count == 1 ? one : many, what);
}

int
digest_compose(const struct digest_facts *facts, struct buffer *text)
{
	size_t failed = digest_count(facts, true), late = digest_count(facts, false);
	char counts[160] = "", subject[480];

	if (failed + late + facts->damaged_recent == 0)
		return 0;
	digest_add(counts, sizeof(counts), " given up", failed, "message", "messages");
	digest_add(counts, sizeof(counts), " for over an hour", late, "message waits", "messages wait");
	digest_add(counts, sizeof(counts), "", facts->damaged, "damaged file", "damaged files");
	(void)snprintf(subject, sizeof(subject), "mailcrane on %s: %s", facts->host, counts);
	if (notification_header(text, facts->domain, facts->id, facts->to, subject, "auto-generated", facts->now) != 0 ||
	    buffer_append_format(text,
		"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
		"This is the mail system of %s: %s.\r\n", facts->host, counts) != 0 ||
	    digest_list(facts, true, text) != 0 || digest_list(facts, false, text) != 0)
		return -1;
	if (facts->damaged > 0 && buffer_append_text(text,
		"\r\nDamaged files are in damaged/ of the spool: they were never sent, and nothing was\r\n"
		"promised of them. Look at them, then remove them.\r\n") != 0)
		return -1;
	return buffer_append_text(text,
	    "\r\nmailcrane show ID tells the story of a message, mailcrane retry ID tries it again,\r\n"
	    "mailcrane drop ID removes it.\r\n"
	    "This is sent once a day when there is something to say; [queue] notify in the\r\n"
	    "settings names you.\r\n") == 0 ? 1 : -1;
}

/* ---- when ---- */

/* As last.c. 0, or -1 with errno. */
static int
digest_open(const struct spool *spool, struct digest_stamp *stamp)
{
	int directory = open(spool_directory(spool), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char text[DIGEST_STAMP_SIZE + 1] = "", *end;
	struct stat status;

	*stamp = (struct digest_stamp){.fd = -1};
	if (directory < 0)
		return -1;
	stamp->fd = openat(directory, "digest", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
	(void)close(directory);
	if (stamp->fd < 0)
		return -1;
	if (fstat(stamp->fd, &status) != 0 || !S_ISREG(status.st_mode)) {
		(void)close(stamp->fd);
		errno = EINVAL;
		return -1;
	}
	if (status.st_uid == geteuid() && (status.st_mode & 07777) != 0660)
		(void)fchmod(stamp->fd, 0660);
	(void)file_pread(stamp->fd, text, DIGEST_STAMP_SIZE, 0);
	/* what is none of ours is 0, or some moment to come, which counts as none */
	stamp->sent = (int64_t)strtoll(text, &end, 10);
	stamp->looked = (int64_t)strtoll(end, NULL, 10);
	if (stamp->sent < 0 || stamp->looked < 0)
		stamp->sent = stamp->looked = 0;
	return 0;
}

/* A moment to come is a clock that was set back. */
static bool
digest_is_due(const struct digest_stamp *stamp, time_t now)
{
	bool is_early = stamp->sent <= now && now - stamp->sent < DIGEST_PERIOD;

	return !is_early && (stamp->looked > now || now - stamp->looked >= DIGEST_LOOK);
}

static int
digest_write_stamp(const struct digest_stamp *stamp)
{
	char text[DIGEST_STAMP_SIZE + 1];

	(void)snprintf(text, sizeof(text), "%-20" PRId64 " %-20" PRId64 "     \n", stamp->sent, stamp->looked);
	return file_pwrite(stamp->fd, text, strlen(text), 0);
}

static int
digest_store(struct spool *spool, const struct config *config, struct digest_facts *facts, struct outcome *error)
{
	const struct spool_report mark = {.kind = SPOOL_REPORT_DIGEST};
	struct spool_draft *draft = NULL;
	struct envelope envelope;
	struct buffer text;
	int result;

	if (spool_draft_new(spool, &draft, error) != 0)
		return -1;
	buffer_init(&text, DIGEST_TEXT_MAX);
	envelope_init(&envelope);
	envelope_set_reverse_path(&envelope, "");
	(void)envelope_add(&envelope, config->notify);
	envelope_wish(&envelope, 0, DSN_NEVER, NULL);
	envelope.smtputf8 = envelope_is_international(&envelope);
	spool_draft_report(draft, &mark);
	facts->id = spool_draft_id(draft);
	result = digest_compose(facts, &text);
	if (result > 0) {
		if (spool_draft_begin(draft, &envelope, spool_owner(spool), "mailcrane", error) != 0 ||
		    spool_draft_write(draft, text.data, text.length, error) != 0 || spool_draft_commit(draft, true, error) != 0 ||
		    spool_draft_sync(draft, error) != 0)
			result = -1;
		else
			log_line(LOG_LEVEL_INFO, "%s: digest to <%s>", facts->id, config->notify);
	}
	envelope_free(&envelope);
	buffer_free(&text);
	spool_draft_free(draft);
	return result;
}

static int
digest_look(struct spool *spool, const struct config *config, time_t now, time_t since, struct outcome *error)
{
	char host[REPORT_NAME_SIZE], domain[REPORT_NAME_SIZE];
	struct spool_item *queue = NULL, *failed = NULL;
	struct digest_facts facts = {.host = host, .domain = domain, .to = config->notify, .now = now, .since = since};
	int result = -1;

	report_host(host);
	report_domain(config, relay_at(config, relay_of_sender(config, "")), config->notify, domain);
	facts.damaged = spool_damaged(spool, since, &facts.damaged_recent);
	if (spool_list(spool, SPOOL_QUEUE, &queue, &facts.queue_count, error) == 0 &&
	    spool_list(spool, SPOOL_FAILED, &failed, &facts.failed_count, error) == 0) {
		facts.queue = queue;
		facts.failed = failed;
		result = digest_store(spool, config, &facts, error);
	}
	free(queue);
	free(failed);
	return result;
}

void
digest_send(struct spool *spool, const struct config *config)
{
	struct outcome error = {.text = "out of room"};
	time_t now = time(NULL), since;
	struct digest_stamp stamp;
	int result;

	if (config->notify == NULL)
		return;
	if (digest_open(spool, &stamp) != 0) {
		log_line(LOG_LEVEL_WARNING, "no digest to <%s>: %s/digest: %s", config->notify, spool_directory(spool), strerror(errno));
		return;
	}
	if (!digest_is_due(&stamp, now))
		goto out;
	since = stamp.sent > 0 && stamp.sent <= now ? (time_t)stamp.sent : now - DIGEST_PERIOD;
	stamp.looked = (int64_t)now;
	if (digest_write_stamp(&stamp) != 0) {
		log_line(LOG_LEVEL_WARNING, "no digest to <%s>: %s/digest: %s", config->notify, spool_directory(spool), strerror(errno));
		goto out;
	}
	result = digest_look(spool, config, now, since, &error);
	if (result > 0) {
		stamp.sent = (int64_t)now;
		(void)digest_write_stamp(&stamp);
	} else if (result < 0) {
		log_line(LOG_LEVEL_ERROR, "no digest to <%s>: %s", config->notify, error.text);
	}
out:
	(void)close(stamp.fd);
}
