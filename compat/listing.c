/*
 * listing: Postfix's form of mailq, which most scripts know: a line with identifier ("*" behind it: an attempt was begun, "!": held), size, time
 * and sender; the reason in brackets; the recipients that are still to be served; and the last line in the form that monitoring plug-ins look
 * for ("Mail queue is empty", "-- 12 Kbytes in 3 Requests.").
 */
#include "listing.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void
listing_recipients(struct spool *spool, const struct spool_item *item)
{
	struct spool_entry *entry = NULL;
	struct outcome outcome;

	if (item->waiting <= 1) {
		(void)printf("%*s%s\n", 49, "", item->to);
		return;
	}
	if (spool_peek(spool, SPOOL_QUEUE, item->id, &entry, &outcome) != SPOOL_CLAIMED)
		return;
	for (size_t i = 0; i < spool_entry_count(entry); i++) {
		const struct spool_recipient *recipient = spool_entry_recipient(entry, i);

		if (recipient->outcome.verdict == VERDICT_NONE || recipient->outcome.verdict == VERDICT_DEFERRED)
			(void)printf("%*s%s\n", 49, "", recipient->address);
	}
	spool_entry_free(entry);
}

static void
listing_item(struct spool *spool, const struct spool_item *item)
{
	char when[32];
	struct tm local;

	if (localtime_r(&item->created, &local) == NULL || strftime(when, sizeof(when), "%a %b %e %H:%M:%S", &local) == 0)
		when[0] = '\0';
	(void)printf("%s%c %8" PRIu64 " %-19s  %s\n", item->id, item->is_held ? '!' : item->is_begun ? '*' : ' ', item->size, when,
	    item->from[0] != '\0' ? item->from : "MAILER-DAEMON");
	if (item->last.text[0] != '\0')
		(void)printf("(%s)\n", item->last.text);
	listing_recipients(spool, item);
	(void)printf("\n");
}

int
listing_print(struct spool *spool, bool only_own, struct outcome *outcome)
{
	struct spool_item *items = NULL;
	uint64_t octets = 0;
	size_t count = 0, shown = 0;
	uid_t self = getuid();

	if (spool_list(spool, SPOOL_QUEUE, &items, &count, outcome) != 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (only_own && items[i].uid != self)
			continue;
		if (shown++ == 0)
			(void)printf("----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------\n");
		listing_item(spool, &items[i]);
		octets += items[i].size;
	}
	if (shown == 0)
		(void)printf("Mail queue is empty\n");
	else
		(void)printf("-- %" PRIu64 " Kbytes in %zu Request%s.\n", (octets + 1023) / 1024, shown,
		    shown == 1 ? "" : "s");
	free(items);
	/* a closed stdout is the reader's choice */
	(void)fflush(stdout);
	return 0;
}
