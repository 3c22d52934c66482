/*
 * fill: puts messages into a spool, for benches: fill DIRECTORY COUNT USERS. Each user's are spread over all of them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spool/spool.h"

static int
fill_one(struct spool *spool, unsigned number, unsigned users)
{
	static const char text[] = "Date: Wed, 25 Nov 2026 12:00:00 +0000\r\nFrom: sender@example.org\r\nTo: r@example.com\r\n"
	    "Message-ID: <bench@example.org>\r\nSubject: bench\r\n\r\nAll work and no play makes Jack a dull boy.\r\n";
	struct spool_draft *draft = NULL;
	struct envelope envelope;
	struct outcome outcome;
	char address[64];
	int result;

	(void)snprintf(address, sizeof(address), "r%u@example.com", number);
	envelope_init(&envelope);
	envelope_set_reverse_path(&envelope, "sender@example.org");
	result = envelope_add(&envelope, address);
	if (result == 0)
		result = spool_draft_new(spool, &draft, &outcome);
	if (result == 0)
		result = spool_draft_begin(draft, &envelope, 1000 + number % users, "fill", &outcome);
	if (result == 0)
		result = spool_draft_write(draft, text, sizeof(text) - 1, &outcome);
	if (result == 0)
		result = spool_draft_commit(draft, false, &outcome);
	spool_draft_free(draft);
	envelope_free(&envelope);
	return result;
}

int
main(int argc, char **argv)
{
	struct outcome outcome;
	struct spool *spool;

	if (argc != 4 || spool_open(argv[1], true, &spool, &outcome) != 0) {
		fprintf(stderr, "usage: fill DIRECTORY COUNT USERS\n");
		return 64;
	}
	for (unsigned i = 0; i < (unsigned)atoi(argv[2]); i++)
		if (fill_one(spool, i, (unsigned)atoi(argv[3])) != 0)
			return 1;
	spool_close(spool);
	return 0;
}
