/*
 * story: see the header. What a stranger wrote does not reach a terminal as it is: control characters become '?'.
 */
#include "hands/story.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "hands/table.h"

#define STORY_LINE 1200		/* the longest line of the wire form, and some */

static void
story_print_time(const char *name, time_t when, time_t now)
{
	char text[40] = "", span[24];
	struct tm local;

	if (localtime_r(&when, &local) != NULL)
		(void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &local);
	table_span(when <= now ? now - when : when - now, span, sizeof(span));
	printf("%-11s %s (%s%s%s)\n", name, text, when <= now ? "" : "in ", span, when <= now ? " ago" : "");
}

static void
story_print_outcome(const struct outcome *outcome)
{
	if (outcome->verdict == VERDICT_NONE) {
		printf("waiting");
		return;
	}
	printf("%s%s", verdict_name(outcome->verdict), outcome->uncertain ? ", uncertain" : "");
	if (outcome->relay[0] != '\0')
		printf(" by relay %s", outcome->relay);
	printf(" (%s: %s): ", stage_name(outcome->stage), cause_text(outcome->cause));
	if (outcome->reply != 0)
		printf("%d %s%s", outcome->reply, outcome->enhanced, outcome->enhanced[0] != '\0' ? " " : "");
	printf("%s", outcome->text);
}

static void
story_print_states(struct spool_entry *entry, enum spool_box box)
{
	struct table_users users = {.users = {{.is_known = false}}};
	time_t now = time(NULL);

	printf("%-11s %s\n", "message", spool_entry_id(entry));
	printf("%-11s %s%s\n", "state", box == SPOOL_FAILED ? "given up" : spool_entry_is_held(entry) ? "held" : "in the queue",
	    spool_entry_is_begun(entry) ? ", an attempt was begun" : "");
	printf("%-11s <%s>\n", "from", spool_entry_reverse_path(entry));
	if (spool_entry_report(entry)->kind == SPOOL_REPORT_DIGEST)
		printf("%-11s digest for the administrator\n", "report");
	else if (spool_entry_report(entry)->kind != SPOOL_REPORT_NONE)
		printf("%-11s on message %s\n", "report", spool_entry_report(entry)->about);
	printf("%-11s %s (uid %lu), program %s\n", "user", table_user(&users, spool_entry_uid(entry)), (unsigned long)spool_entry_uid(entry),
	    spool_entry_program(entry));
	printf("%-11s %" PRIu64 " octets\n", "size", spool_entry_message_length(entry));
	story_print_time("created", spool_entry_created(entry), now);
	printf("%-11s %u%s\n", "attempts", spool_entry_attempts(entry), spool_entry_doubts(entry) > 0 ? ", some with no certain end" : "");
	if (box == SPOOL_QUEUE && !spool_entry_is_held(entry) && spool_entry_due(entry) > now)
		story_print_time("due", spool_entry_due(entry), now);
	else if (box == SPOOL_QUEUE && !spool_entry_is_held(entry))
		printf("%-11s now\n", "due");
	for (size_t i = 0; i < spool_entry_count(entry); i++) {
		const struct spool_recipient *recipient = spool_entry_recipient(entry, i);

		printf("%-11s <%s> ", "to", recipient->address);
		story_print_outcome(&recipient->outcome);
		if (recipient->outcome.bound)
			printf(" (perhaps delivered before: no other relay is tried)");
		putchar('\n');
	}
}

static void
story_print_line(const char *line, size_t length, bool is_raw)
{
	char text[STORY_LINE];

	if (is_raw)
		(void)fwrite(line, 1, length, stdout);
	else
		(void)fputs(text_printable(text, sizeof(text), line, length, true), stdout);
	putchar('\n');
}

/* Line by line; the blank line behind the header is the end unless the body is wanted. */
static int
story_print_text(struct spool_entry *entry, bool body)
{
	int fd = spool_entry_reopen(entry);
	bool is_raw = isatty(STDOUT_FILENO) == 0, is_over = false;
	off_t offset = spool_entry_message_offset(entry);
	char block[STORY_LINE];
	ssize_t n = 0;

	if (fd < 0)
		return -1;
	while (!is_over && (n = file_pread(fd, block, sizeof(block) - 1, offset)) > 0) {
		const char *end = memmem(block, (size_t)n, "\r\n", 2);
		size_t length = end != NULL ? (size_t)(end - block) : (size_t)n;

		is_over = length == 0 && !body;
		if (!is_over)
			story_print_line(block, length, is_raw);
		offset += (off_t)(end != NULL ? length + 2 : length);
	}
	(void)close(fd);
	return n < 0 ? -1 : 0;
}

int
story_print(struct spool_entry *entry, enum spool_box box, bool body, struct outcome *outcome)
{
	story_print_states(entry, box);
	putchar('\n');
	if (story_print_text(entry, body) == 0)
		return 0;
	outcome_set(outcome, VERDICT_FAILED, STAGE_SPOOL, CAUSE_SPOOL, "message %s: %s", spool_entry_id(entry), strerror(errno));
	return -1;
}
