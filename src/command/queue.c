/*
 * queue: lists what waits, and what was given up, for people.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command/command.h"

static void
queue_age(time_t seconds, char *text, size_t size)
{
	if (seconds < 0)
		seconds = 0;
	if (seconds < 120)
		(void)snprintf(text, size, "%lds", (long)seconds);
	else if (seconds < 7200)
		(void)snprintf(text, size, "%ldm", (long)seconds / 60);
	else if (seconds < 172800)
		(void)snprintf(text, size, "%ldh", (long)seconds / 3600);
	else
		(void)snprintf(text, size, "%ldd", (long)seconds / 86400);
}

static void
queue_print(const struct spool_item *item, enum spool_box box)
{
	time_t now = time(NULL);
	char age[24], due[24];

	queue_age(now - item->created, age, sizeof(age));
	if (box == SPOOL_FAILED)
		(void)snprintf(due, sizeof(due), "-");
	else if (item->due <= now)
		(void)snprintf(due, sizeof(due), "now");
	else
		queue_age(item->due - now, due, sizeof(due));
	printf("%-20s %6s %8" PRIu64 " %4zu/%-4zu %5u %6s  %s\n", item->id, age, item->size, item->waiting, item->recipients,
	    item->attempts, due, item->last.text[0] != '\0' ? item->last.text : "not tried yet");
}

enum exitcode
command_queue(const struct command_place *place, int argc, char **argv)
{
	enum spool_box box = SPOOL_QUEUE;
	struct config config;
	struct spool *spool;
	struct spool_item *items = NULL;
	struct outcome outcome;
	enum exitcode code;
	size_t count = 0;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--failed") != 0)
			return command_misused("queue knows --failed only");
		box = SPOOL_FAILED;
	}
	if (command_settings(place, CONFIG_SUBMIT, &config, &code) != 0)
		return code;
	if (command_spool(place, &config, &spool, &code) != 0) {
		config_free(&config);
		return code;
	}
	code = EXIT_OK;
	if (spool_list(spool, box, &items, &count, &outcome) != 0)
		code = command_failed(&outcome);
	else if (count == 0)
		printf(box == SPOOL_QUEUE ? "The queue is empty.\n" : "Nothing was given up.\n");
	else
		printf("%-20s %6s %8s %-9s %5s %6s  %s\n", "ID", "AGE", "SIZE", "WAIT/ALL", "TRIES", "DUE", "LAST");
	for (size_t i = 0; i < count; i++)
		queue_print(&items[i], box);
	free(items);
	spool_close(spool);
	config_free(&config);
	return code;
}
