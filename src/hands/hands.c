/*
 * hands: see the header. Whatever changes a message is done under its lock; a message under way is left alone.
 */
#include "hands/hands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hands/story.h"
#include "hands/table.h"

enum hands_verb { HANDS_QUEUE, HANDS_SHOW, HANDS_RETRY, HANDS_DROP, HANDS_HOLD, HANDS_RELEASE, HANDS_VERBS };

static const char *const hands_verbs[HANDS_VERBS] = {"queue", "show", "retry", "drop", "hold", "release"};

static enum hands_verb
hands_verb(const char *name)
{
	int verb = 0;

	while (verb < HANDS_VERBS && strcmp(hands_verbs[verb], name) != 0)
		verb++;
	return (enum hands_verb)verb;
}

bool
hands_knows(const char *verb)
{
	return hands_verb(verb) != HANDS_VERBS;
}

bool
hands_may(const struct hands *hands, uid_t uid)
{
	return !hands->only_own || uid == getuid();
}

static enum exitcode
hands_complain(const struct hands *hands, enum exitcode code, const char *what, const char *text)
{
	(void)fflush(stdout);
	fprintf(stderr, "%s: %s%s%s\n", hands->program, what, what[0] != '\0' ? ": " : "", text);
	return code;
}

static enum exitcode
hands_queue(struct hands *hands, int argc, char **argv)
{
	enum spool_box box = SPOOL_QUEUE;
	struct outcome outcome;
	bool json = false;

	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--failed") == 0)
			box = SPOOL_FAILED;
		else if (strcmp(argv[i], "--json") == 0)
			json = true;
		else
			return hands_complain(hands, EXIT_USAGE, "", "queue knows --failed and --json only");
	if (table_print(hands, box, json, &outcome) != 0)
		return hands_complain(hands, EXIT_REFUSED, "", outcome.text);
	/* who looks at the queue wonders why nothing moves; the list itself is as good as ever, also when the probe hangs with the disk */
	if (fflush(stdout) != 0)
		return EXIT_REFUSED;
	return spool_probe(hands->spool, &outcome) == 0 ? EXIT_OK : hands_complain(hands, EXIT_OK, "", outcome.text);
}

/* Not there, for whoever may not know that it is. */
static enum exitcode
hands_missing(const struct hands *hands, const char *id)
{
	return hands_complain(hands, EXIT_REFUSED, id, "there is no such message");
}

static enum exitcode
hands_show(struct hands *hands, const char *id, bool body)
{
	static const enum spool_box boxes[] = {SPOOL_QUEUE, SPOOL_FAILED};
	struct spool_entry *entry = NULL;
	struct outcome outcome;
	enum spool_claim found = SPOOL_GONE;
	enum spool_box box = SPOOL_QUEUE;
	enum exitcode code = EXIT_OK;

	for (size_t i = 0; found == SPOOL_GONE && i < 2; i++) {
		box = boxes[i];
		found = spool_peek(hands->spool, box, id, &entry, &outcome);
	}
	if (found == SPOOL_GONE)
		return hands_missing(hands, id);
	if (found != SPOOL_CLAIMED)
		return hands->only_own ? hands_missing(hands, id) : hands_complain(hands, EXIT_REFUSED, id, outcome.text);
	if (!hands_may(hands, spool_entry_uid(entry)))
		code = hands_missing(hands, id);
	else if (story_print(entry, box, body, &outcome) != 0)
		code = hands_complain(hands, EXIT_REFUSED, id, outcome.text);
	spool_entry_free(entry);
	return code;
}

/* What the verb does to a message that is claimed. */
static int
hands_change(struct hands *hands, enum hands_verb verb, enum spool_box box, struct spool_entry *entry, struct outcome *outcome)
{
	int result;

	switch (verb) {
	case HANDS_RETRY:
		hands->is_due = true;
		/* who wants it tried does not want it held */
		if (box == SPOOL_QUEUE && spool_entry_is_held(entry) && spool_entry_hold(entry, false, outcome) != 0)
			return -1;
		result = box == SPOOL_FAILED ? spool_entry_restore(entry, outcome) : spool_entry_hasten(entry, outcome);
		break;
	case HANDS_DROP:
		result = spool_entry_remove(entry, outcome);
		break;
	case HANDS_HOLD:
		result = spool_entry_hold(entry, true, outcome);
		break;
	case HANDS_RELEASE:
		hands->is_due = true;
		result = spool_entry_hold(entry, false, outcome);
		break;
	default:
		return -1;
	}
	return result;
}

static const char *
hands_done(enum hands_verb verb, enum spool_box box)
{
	switch (verb) {
	case HANDS_RETRY:
		return box == SPOOL_FAILED ? "back in the queue" : "due now";
	case HANDS_DROP:
		return "removed";
	case HANDS_HOLD:
		return "held";
	default:
		return "released";
	}
}

/* One message of one box; GONE when it is not there, or not this caller's. */
static enum spool_claim
hands_change_in(struct hands *hands, enum hands_verb verb, enum spool_box box, const char *id, enum exitcode *code)
{
	struct spool_entry *entry = NULL;
	struct spool_item item;
	struct outcome outcome;
	enum spool_claim found;

	/* before it is locked: another's message is not to be disturbed */
	if (hands->only_own && (!spool_look(hands->spool, box, id, &item) || !hands_may(hands, item.uid)))
		return SPOOL_GONE;
	found = spool_claim_box(hands->spool, box, id, &entry, &outcome);
	if (found == SPOOL_BUSY)
		*code = hands_complain(hands, EXIT_REFUSED, id, "under way, try again");
	else if (found == SPOOL_DAMAGED || found == SPOOL_ERROR)
		*code = hands_complain(hands, EXIT_REFUSED, id, outcome.text);
	else if (found == SPOOL_CLAIMED && !hands_may(hands, spool_entry_uid(entry)))
		found = SPOOL_GONE;
	else if (found == SPOOL_CLAIMED && hands_change(hands, verb, box, entry, &outcome) != 0)
		*code = hands_complain(hands, EXIT_REFUSED, id, outcome.text);
	else if (found == SPOOL_CLAIMED)
		printf("%s %s\n", id, hands_done(verb, box));
	spool_entry_free(entry);
	return found;
}

static enum exitcode
hands_change_one(struct hands *hands, enum hands_verb verb, const char *id)
{
	enum exitcode code = EXIT_OK;
	enum spool_claim found = hands_change_in(hands, verb, SPOOL_QUEUE, id, &code);

	if (found == SPOOL_GONE && (verb == HANDS_RETRY || verb == HANDS_DROP))
		found = hands_change_in(hands, verb, SPOOL_FAILED, id, &code);
	return found == SPOOL_GONE ? hands_missing(hands, id) : code;
}

/* All of the queue; what was given up stays so unless it is named. */
static enum exitcode
hands_change_all(struct hands *hands, enum hands_verb verb)
{
	char (*names)[SPOOL_ID_SIZE] = NULL;
	enum exitcode code = EXIT_OK;
	struct outcome outcome;
	size_t count = 0;

	if (spool_names(hands->spool, SPOOL_QUEUE, &names, &count, &outcome) != 0)
		return hands_complain(hands, EXIT_REFUSED, "", outcome.text);
	for (size_t i = 0; i < count; i++)
		(void)hands_change_in(hands, verb, SPOOL_QUEUE, names[i], &code);
	free(names);
	return code;
}

enum exitcode
hands_act(struct hands *hands, int argc, char **argv)
{
	enum hands_verb verb = hands_verb(argv[0]);
	enum exitcode code = EXIT_OK, one;
	bool body = verb == HANDS_SHOW && argc > 1 && strcmp(argv[1], "--body") == 0;

	if (verb == HANDS_QUEUE)
		return hands_queue(hands, argc, argv);
	if (argc < (body ? 3 : 2))
		return hands_complain(hands, EXIT_USAGE, argv[0], "name a message: mailcrane queue lists them");
	for (int i = body ? 2 : 1; i < argc; i++) {
		if (verb == HANDS_SHOW)
			one = hands_show(hands, argv[i], body);
		else if (strcmp(argv[i], "all") == 0 && verb != HANDS_DROP)
			one = hands_change_all(hands, verb);
		else
			one = hands_change_one(hands, verb, argv[i]);
		code = one != EXIT_OK ? one : code;
	}
	return code;
}
