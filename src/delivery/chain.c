/*
 * chain: see the header.
 *
 * The budget: a caller waits for `wait`, whatever the number of relays. Each relay that has another behind it gets its part of what is
 * left, so that a silent one leaves the next its time. A relay that is known to be down (gate) takes none, so a caller pays that part
 * once, and once more each time that the gate lets a message try.
 */
#include "delivery/chain.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define CHAIN_ROOM 250		/* octets for the words of all: as much as the spool keeps */
#define CHAIN_LEAST 4		/* a relay gets no less than this part of its share, whatever those before it took */

static void
chain_piece(char *text, size_t size, const char *title, size_t most, const struct outcome *outcome)
{
	int room = (int)(CHAIN_ROOM / (most > 0 ? most : 1)) - (int)strlen(title) - 4;

	(void)snprintf(text, size, "%s: %.*s", title, room > 0 ? room : 0, outcome->text);
}

void
chain_add(struct chain_tale *tale, const char *title, size_t most, const struct outcome *outcome)
{
	char text[sizeof(outcome->text) * 2 + 8], first[sizeof(outcome->text)], next[sizeof(outcome->text)];

	if (tale->relays++ == 0) {
		tale->outcome = *outcome;
		tale->title = title;
		return;
	}
	if (tale->relays == 2)
		chain_piece(first, sizeof(first), tale->title, most, &tale->outcome);
	else
		(void)snprintf(first, sizeof(first), "%s", tale->outcome.text);
	chain_piece(next, sizeof(next), title, most, outcome);
	if (tale->outcome.verdict == VERDICT_FAILED && outcome->verdict == VERDICT_DEFERRED)
		tale->outcome = *outcome;
	/* the words name them */
	tale->outcome.relay[0] = '\0';
	(void)snprintf(text, sizeof(text), "%s; %s", first, next);
	text_printable(tale->outcome.text, sizeof(tale->outcome.text), text, strlen(text), true);
}

int64_t
chain_share(int64_t wait, int64_t left, size_t relays)
{
	int64_t share, least;

	if (relays <= 1)
		return INT64_MAX;
	share = left / (int64_t)relays;
	least = wait / (int64_t)relays / CHAIN_LEAST;
	return share > least ? share : least;
}
