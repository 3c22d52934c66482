/*
 * limit: see the header.
 */
#include "delivery/limit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/quantity.h"

#define LIMIT_HEADER ((size_t)256 * 1024)	/* as much as sendmail takes */
#define LIMIT_BLOCK ((size_t)8 * 1024)
#define LIMIT_SETTLED 3600		/* s after a start; of a short lifetime a part */

bool
limit_is_over(const struct config *config, time_t created)
{
	time_t lifetime = (time_t)(config->lifetime / 1000), settled = lifetime / 120;
	struct timespec up;

	if (config->lifetime <= 0 || time(NULL) - created < lifetime)
		return false;
	return clock_gettime(CLOCK_MONOTONIC, &up) != 0 || up.tv_sec >= (settled < LIMIT_SETTLED ? settled : LIMIT_SETTLED);
}

/* Received lines in a block of the header; *is_over when the header ends in it. */
static unsigned
limit_count(const char *block, bool *is_over)
{
	unsigned count = 0;

	for (const char *line = block; line != NULL && *line != '\0'; line = strchr(line, '\n')) {
		line += *line == '\n' ? 1 : 0;
		if (strncmp(line, "\r\n", 2) == 0) {
			*is_over = true;
			break;
		}
		count += strncasecmp(line, "Received:", 9) == 0 ? 1 : 0;
	}
	return count;
}

/* Most headers end in the first block; a longer one is read again, whole. */
static unsigned
limit_received(int fd, off_t offset)
{
	static const size_t sizes[] = {LIMIT_BLOCK, LIMIT_HEADER};
	unsigned count = 0;
	bool is_over = false;

	for (size_t i = 0; !is_over && i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *block = memory_alloc(sizes[i] + 1);
		ssize_t n = file_pread(fd, block, sizes[i], offset);

		is_over = n < (ssize_t)sizes[i];
		count = limit_count(block, &is_over);
		free(block);
	}
	return count;
}

bool
limit_forbids(const struct config *config, const struct spool_entry *entry, int fd, off_t offset, struct outcome *outcome)
{
	unsigned received = limit_received(fd, offset);

	if (received > LIMIT_RECEIVED) {
		outcome_set(outcome, VERDICT_FAILED, STAGE_INPUT, CAUSE_MESSAGE_REFUSED,
		    "%u Received lines: this message goes round in a loop", received);
		return true;
	}
	if (spool_entry_is_begun(entry) && limit_is_over(config, spool_entry_created(entry))) {
		outcome_set(outcome, VERDICT_FAILED, STAGE_SPOOL, CAUSE_LOCAL,
		    "given up after %u attempts, of which the last one ended without a note of its outcome", spool_entry_attempts(entry));
		return true;
	}
	return false;
}

/* Keeps stage, cause and reply, and as much of the text as fits. */
static void
limit_fail(struct outcome *outcome, const char *why)
{
	char text[sizeof(outcome->text)];

	outcome->verdict = VERDICT_FAILED;
	(void)snprintf(text, sizeof(text), "%s: %.160s", why, outcome->text);
	memcpy(outcome->text, text, sizeof(text));
}

void
limit_apply(const struct config *config, const struct spool_entry *entry, struct outcome *outcomes, size_t count)
{
	bool is_over = limit_is_over(config, spool_entry_created(entry));
	struct buffer why;

	buffer_init(&why, 128);
	(void)buffer_append_text(&why, "given up after ");
	(void)quantity_print_time(&why, config->lifetime);
	for (size_t i = 0; i < count; i++) {
		if (outcomes[i].verdict != VERDICT_DEFERRED)
			continue;
		if (is_over)
			limit_fail(&outcomes[i], why.data);
		else if (outcomes[i].uncertain && spool_entry_doubts(entry) + 1 >= LIMIT_DOUBTS)
			limit_fail(&outcomes[i], "perhaps delivered, up to 3 times, and not tried again");
	}
	buffer_free(&why);
}
