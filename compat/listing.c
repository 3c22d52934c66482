/*
 * listing: two lines a message, and a last line in the form that monitoring plug-ins look for ("Mail queue
 * is empty", "-- 12 Kbytes in 3 Requests.").
 */
#include "listing.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/account.h"

static void
listing_item(const struct spool_item *item)
{
	const struct passwd *entry = account_of(item->uid);
	char number[24], when[32];
	struct tm local;

	(void)snprintf(number, sizeof(number), "%lu", (unsigned long)item->uid);
	if (localtime_r(&item->created, &local) == NULL ||
	    strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &local) == 0)
		when[0] = '\0';
	(void)printf("%-*s %9" PRIu64 " %-19s %-12s %zu of %zu\n", SPOOL_ID_SIZE - 1, item->id, item->size,
	    when, entry != NULL ? entry->pw_name : number, item->waiting, item->recipients);
	if (item->last.text[0] != '\0')
		(void)printf("    %s\n", item->last.text);
	else
		(void)printf("    %s\n", item->attempts == 0 ? "not tried yet" : "no reason known");
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
		if (shown == 0)
			(void)printf("%-*s %9s %-19s %-12s %s\n", SPOOL_ID_SIZE - 1, "ID", "SIZE", "ARRIVED",
			    "USER", "RECIPIENTS");
		listing_item(&items[i]);
		octets += items[i].size;
		shown++;
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
