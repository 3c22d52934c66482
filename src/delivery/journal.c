/*
 * journal: lines that an operator greps for. The shape is Postfix's: `ID: to=<...>, relay=..., status=...`.
 */
#include "delivery/journal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/relay.h"
#include "base/text.h"

#define JOURNAL_HEAD 16384	/* octets of a message in which its header is looked for */

void
journal_times(const struct stage_times *times, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (int stage = STAGE_DNS; stage < STAGE_MAX; stage++) {
		int n;

		if (times->ms[stage] <= 0)
			continue;
		n = snprintf(text + used, size - used, "%s%s=%" PRId64, used > 0 ? " " : "",
		    stage_name((enum stage)stage), times->ms[stage]);
		if (n < 0 || (size_t)n >= size - used) {
			text[used] = '\0';
			return;
		}
		used += (size_t)n;
	}
}

/* "587 no answer for 0.3 s, 465 connection refused, using 2525": the line that a person looks for. A port is named with its address where
 * that makes the difference; who was only slower is not named. */
static void
journal_way(const char *id, const struct connection *connection)
{
	const struct ladder_step *last = &connection->steps[connection->step_count - 1];
	char text[512] = "";
	size_t used = 0;

	for (const struct ladder_step *step = connection->steps; step < last && used < sizeof(text); step++) {
		char port[sizeof(step->peer)];

		if (step->outcome.cause == CAUSE_NONE)
			continue;
		(void)snprintf(port, sizeof(port), "%u", (unsigned)step->port);
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s %s, ", step->port == last->port ? step->peer : port,
		    step->event == LADDER_OVERTAKEN ? step->outcome.text : cause_text(step->outcome.cause));
	}
	if (used > 0)
		log_line(LOG_LEVEL_WARNING, "%s: %susing %u (%s[%s])", id, text, (unsigned)last->port,
		    connection->relay->host, last->peer);
}

void
journal_ladder(const char *id, const struct connection *connection)
{
	char times[256];

	for (size_t i = 0; i < connection->step_count; i++) {
		const struct ladder_step *step = &connection->steps[i];

		if (step->outcome.verdict == VERDICT_NONE)
			continue;
		journal_times(&step->times, times, sizeof(times));
		log_line(step->event == LADDER_OVERTAKEN ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
		    "%s: relay=%s[%s], stage=%s, cause=%s, delays=\"%s\", reason=\"%s\"", id, connection->relay->host,
		    step->peer, stage_name(step->outcome.stage), cause_name(step->outcome.cause), times, step->outcome.text);
	}
	if (connection->channel != NULL && connection->step_count > 1)
		journal_way(id, connection);
}

/* Quotes would end the value. */
static void
journal_unquote(char *text)
{
	for (; *text != '\0'; text++)
		if (*text == '"')
			*text = '\'';
}

void
journal_script(int fd, off_t offset, char *script, size_t size)
{
	static const char name[] = "\nX-PHP-Originating-Script:";
	char head[JOURNAL_HEAD + 1];
	char *end, *found;
	ssize_t length = fd >= 0 ? file_pread(fd, head + 1, sizeof(head) - 2, offset) : -1;

	script[0] = '\0';
	if (length <= 0)
		return;
	head[0] = '\n';
	head[length + 1] = '\0';
	end = strstr(head, "\n\r\n");
	if (end != NULL)
		*end = '\0';
	found = strcasestr(head, name);
	if (found == NULL)
		return;
	found += sizeof(name) - 1;
	found += strspn(found, " \t");
	text_printable(script, size, found, strcspn(found, "\r\n"), true);
	journal_unquote(script);
}

/* Host, way and the name of the relay, where it has one. NULL: there was none. */
static void
journal_relay(const struct connection *connection, char *text, size_t size)
{
	const struct relay *relay = connection != NULL ? connection->relay : NULL;
	const char *name = relay != NULL && relay->name != NULL ? relay->name : "", *key = name[0] != '\0' ? ", via=" : "";

	if (relay == NULL)
		(void)snprintf(text, size, "?");
	else if (connection->channel != NULL)
		(void)snprintf(text, size, "%s[%s]%s%s, tls=\"%s\", auth=%s", relay->host, channel_peer(connection->channel), key, name,
		    channel_tls(connection->channel), channel_mechanism(connection->channel));
	else
		(void)snprintf(text, size, "%s%s%s", relay->host, key, name);
}

void
journal_next_relay(const char *id, const struct relay *from, const struct relay *to, size_t count, const struct outcome *why)
{
	log_line(LOG_LEVEL_WARNING, "%s: %zu recipient%s on from [%s] %s to [%s] %s, stage=%s, cause=%s, dsn=%s, reply=\"%03d %s\"", id, count,
	    count == 1 ? " goes" : "s go", relay_title(from), from->host, relay_title(to), to->host, stage_name(why->stage),
	    cause_name(why->cause), why->enhanced[0] != '\0' ? why->enhanced : "-", why->reply, why->text);
}

void
journal_recipient(struct spool_entry *entry, size_t recipient, const struct outcome *outcome, const struct connection *connection,
    const struct splice_report *report, unsigned attempt, const char *script)
{
	const struct spool_recipient *to = spool_entry_recipient(entry, recipient);
	enum log_level level = outcome->verdict == VERDICT_DELIVERED ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING;
	char times[256] = "", way[320] = "", open_times[256] = "", program[64];

	if (report != NULL) {
		journal_times(&report->times, times, sizeof(times));
		if (connection->step_count > 0)
			journal_times(&connection->steps[connection->step_count - 1].times, open_times,
			    sizeof(open_times));
	}
	journal_relay(connection, way, sizeof(way));
	(void)snprintf(program, sizeof(program), "%s", spool_entry_program(entry));
	journal_unquote(program);
	log_line(level,
	    "%s: from=<%s>, to=<%s>, uid=%u, program=\"%s\", %s%s%ssize=%" PRIu64 ", relay=%s, attempt=%u, delays=\"%s%s%s\", stage=%s, cause=%s, "
	    "dsn=%s, status=%s%s, reply=\"%03d %s\"",
	    spool_entry_id(entry), spool_entry_reverse_path(entry), to->address, (unsigned)spool_entry_uid(entry), program,
	    script[0] != '\0' ? "script=\"" : "", script, script[0] != '\0' ? "\", " : "",
	    spool_entry_message_length(entry), way, attempt, open_times,
	    open_times[0] != '\0' && times[0] != '\0' ? " " : "", times, stage_name(outcome->stage),
	    cause_name(outcome->cause), outcome->enhanced[0] != '\0' ? outcome->enhanced : "-",
	    verdict_name(outcome->verdict), outcome->uncertain ? " (uncertain)" : "", outcome->reply, outcome->text);
}
