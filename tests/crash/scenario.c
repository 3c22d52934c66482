/*
 * scenario: see the header.
 */
#include "scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define GOOD "b@example.com"
#define BAD  "bad@example.com"
#define LATER "later@example.com"

#define SENDMAILS (ROLE_SENDMAIL | ROLE_SENDMAILS)
#define DELIVERY  (ROLE_RUNNER | ROLE_COURIER)
#define MAILCRANE (DELIVERY | ROLE_NURSERY | ROLE_DIALOGUE)

#define QUICK    SCENARIO_QUICK
#define EACH     SCENARIO_EACH
#define LOADER   SCENARIO_LOADER
#define NO_SPOOL SCENARIO_NO_SPOOL

/* Nobody runs where the runner is a service. 400 ms: nearly always time enough for a verdict, and little to wait for none. */
const struct scenario scenarios[] = {
	/* name, delivery, runner, wait, what is in the queue, recipients, program, size, end, roles, flags */
	{"enqueue", "wait", "service", "20s", START_NOTHING, GOOD, "sendmail", 0, END_DELIVERED, SENDMAILS, QUICK | EACH | LOADER},
	{"enqueue-big", "wait", "service", "20s", START_NOTHING, GOOD, "sendmail", 200000, END_DELIVERED, SENDMAILS, 0},
	{"enqueue-new-spool", "background", "service", "20s", START_NOTHING, GOOD, "sendmail", 0, END_DELIVERED, SENDMAILS,
	    QUICK | EACH | NO_SPOOL},
	{"enqueue-background", "background", "auto", "20s", START_NOTHING, GOOD, "sendmail", 0, END_DELIVERED, SENDMAILS, QUICK | EACH},
	{"enqueue-dialogue", "wait", "service", "20s", START_NOTHING, GOOD, "dialogue", 0, END_DELIVERED, SENDMAILS, QUICK | EACH},
	{"wait", "wait", "auto", "400ms", START_NOTHING, GOOD, "sendmail", 0, END_DELIVERED, SENDMAILS, QUICK | EACH},
	{"wait-runner", "wait", "auto", "400ms", START_NOTHING, GOOD, "sendmail", 0, END_DELIVERED, DELIVERY, 0},
	{"wait-refused", "wait", "auto", "400ms", START_NOTHING, BAD, "sendmail", 0, END_REFUSED, SENDMAILS | DELIVERY, 0},
	{"deliver", "wait", "service", "20s", START_QUEUED, GOOD, "flush", 0, END_DELIVERED, MAILCRANE, QUICK | EACH | LOADER},
	{"deliver-big", "wait", "service", "20s", START_QUEUED, GOOD, "flush", 200000, END_DELIVERED, MAILCRANE, 0},
	{"run", "wait", "service", "20s", START_QUEUED, GOOD, "run", 0, END_DELIVERED, DELIVERY, 0},
	{"retry", "wait", "service", "20s", START_DEFERRED, GOOD, "run", 0, END_DELIVERED, DELIVERY, EACH},
	{"fail", "wait", "service", "20s", START_QUEUED, BAD, "flush", 0, END_REFUSED, MAILCRANE, 0},
	{"fail-one-of-two", "wait", "service", "20s", START_DEFERRED, GOOD " " BAD, "flush", 0, END_BOTH, DELIVERY, QUICK},
	{"defer", "wait", "service", "20s", START_QUEUED, LATER, "run", 0, END_DEFERRED, DELIVERY, 0},
	{.name = NULL},
};

bool
scenario_has(const struct scenario *scenario, unsigned flag)
{
	return (scenario->flags & flag) != 0;
}

static char *
scenario_body(unsigned size)
{
	static const char line[] = "All work and no play makes Jack a dull boy, and the mail a heavy bag.\r\n";
	size_t width = sizeof(line) - 1, lines = size / width + 1;
	char *body = malloc(lines * width + 1);

	if (body == NULL)
		abort();
	for (size_t i = 0; i < lines; i++)
		memcpy(body + i * width, line, width);
	body[lines * width] = '\0';
	return body;
}

void
scenario_prepare(const struct scenario *scenario, struct place *place)
{
	place_settle_in(place, scenario->delivery, scenario->wait, scenario->runner);
}

/* What the program reads; gives the file's path. */
static const char *
scenario_input(const struct scenario *scenario, const struct place *place, unsigned number)
{
	char *body = scenario_body(scenario->size), *text = NULL;
	const char *path;
	int length;

	if (strcmp(scenario->program, "dialogue") == 0)
		length = asprintf(&text, "EHLO localhost\r\nMAIL FROM:<app@example.com>\r\nRCPT TO:<%s>\r\nDATA\r\nTo: b@example.com\r\n"
		    "Subject: %s\r\n\r\n%s.\r\nQUIT\r\n", scenario->recipients, place_subject(number), body);
	else
		length = asprintf(&text, "To: b@example.com\r\nSubject: %s\r\n\r\n%s", place_subject(number), body);
	if (length < 0)
		abort();
	path = place_file(place, "in", text, (size_t)length);
	free(text);
	free(body);
	return path;
}

static size_t
scenario_arguments(const struct scenario *scenario, struct place *place, char *recipients, char **argv)
{
	static char words[6][24] = {"-i", "-bs", "flush", "run", "--timer", "-f"}, from[] = "app@example.com";
	size_t count = 0;

	if (strcmp(scenario->program, "flush") == 0 || strcmp(scenario->program, "run") == 0) {
		argv[count++] = place->mailcrane;
		argv[count++] = scenario->program[0] == 'f' ? words[2] : words[3];
		if (scenario->program[0] == 'r')
			argv[count++] = words[4];
	} else {
		argv[count++] = place->sendmail;
		if (strcmp(scenario->program, "dialogue") == 0) {
			argv[count++] = words[1];
		} else {
			argv[count++] = words[0];
			argv[count++] = words[5];
			argv[count++] = from;
			while ((argv[count] = strsep(&recipients, " ")) != NULL)
				count++;
		}
	}
	argv[count] = NULL;
	return count;
}

/* The reply to the final dot: that behind 354. */
static bool
scenario_was_taken(const struct place *place)
{
	char path[600], line[600];
	bool is_dot = false, is_taken = false;
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/out", place->directory);
	file = fopen(path, "re");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		if (is_dot)
			is_taken = strncmp(line, "250", 3) == 0;
		is_dot = strncmp(line, "354", 3) == 0;
	}
	if (file != NULL)
		(void)fclose(file);
	return is_taken;
}

int
scenario_run(const struct scenario *scenario, struct place *place, const struct stepper_plan *plan, struct scenario_run *run)
{
	static unsigned number;
	char in[512], out[512], err[512], recipients[256], *argv[16];
	struct stepper_plan whole = *plan;
	char *body = scenario_body(scenario->size);

	memset(run, 0, sizeof(*run));
	run->number = ++number;
	run->violations = place_lines(place, "relay/violations");
	place_clear(place, !scenario_has(scenario, NO_SPOOL));
	if (scenario->start != START_NOTHING)
		(void)place_put(place, number, scenario->recipients, scenario->start == START_DEFERRED, body);
	free(body);
	(void)snprintf(in, sizeof(in), "%s", scenario_input(scenario, place, number));
	(void)snprintf(out, sizeof(out), "%s", place_file(place, "out", "", 0));
	(void)snprintf(err, sizeof(err), "%s", place_file(place, "err", "", 0));
	(void)snprintf(recipients, sizeof(recipients), "%s", scenario->recipients);
	(void)scenario_arguments(scenario, place, recipients, argv);
	whole.in = in;
	whole.out = out;
	whole.err = err;
	whole.guard = whole.guard > 0 ? whole.guard : 30;
	if (stepper_run(argv, place->environment, &whole, &run->stepped) != 0)
		return -1;
	run->code = WIFEXITED(run->stepped.status) ? WEXITSTATUS(run->stepped.status) : -1;
	run->is_answered = scenario->start != START_NOTHING || run->code == 0;
	if (strcmp(scenario->program, "dialogue") == 0)
		run->is_answered = scenario_was_taken(place);
	place_look(place, &run->sight);
	run->was_marked = run->sight.is_marked;
	return 0;
}

unsigned
scenario_most(const struct scenario *scenario, const struct scenario_run *run)
{
	if (scenario->end == END_REFUSED || scenario->end == END_DEFERRED)
		return 0;
	return run->was_marked ? 2 : 1;
}

const char *
scenario_settle(const struct scenario *scenario, struct place *place, struct scenario_run *run)
{
	const struct place_sight before = run->sight;
	bool must_be = run->is_answered && (scenario->end == END_DELIVERED || scenario->end == END_BOTH);
	size_t waits = scenario->end == END_DEFERRED ? 1 : 0;
	int code = 0;

	if (run->stepped.hung)
		return "it did not come to an end";
	/* a QUIT behind what was not answered is none where a living connection was called dead */
	if (place_lines(place, "relay/violations") > run->violations && strncmp(run->stepped.path, "socket:", 7) != 0)
		return "the relay saw a breach of the protocol";
	if (before.boxes[PLACE_DAMAGED] > 0)
		return "a file is damaged";
	/* with nothing left in the spool there is nothing that a flush could do */
	if (before.boxes[PLACE_QUEUE] + before.boxes[PLACE_TMP] + before.boxes[PLACE_VERDICT] > 0) {
		code = place_flush(place, scenario->end == END_DEFERRED ? 1 : 3);
		place_look(place, &run->sight);
	}
	run->copies = place_copies(place, run->number);
	run->failed = (unsigned)run->sight.boxes[PLACE_FAILED];
	if (code != 0 && (code < 0 || waits == 0))
		return code < 0 ? "flush hangs" : "flush failed";
	if (run->sight.boxes[PLACE_DAMAGED] > 0)
		return "a file is damaged";
	if (!run->sight.is_kept && !scenario_has(scenario, NO_SPOOL))
		return "LOST: what was given up an hour ago is no longer kept";
	if (run->sight.boxes[PLACE_QUEUE] < waits && run->is_answered)
		return "LOST: it was promised, and is not in the queue";
	if (run->sight.boxes[PLACE_QUEUE] > waits)
		return "the queue is not empty after a flush";
	if (run->sight.boxes[PLACE_TMP] > 0)
		return "something is left in tmp/ after a flush";
	if (run->sight.boxes[PLACE_VERDICT] > 0)
		return "something is left in verdict/ after a flush";
	if (must_be && run->copies == 0)
		return "LOST: it was promised, and is not at the relay";
	if (run->copies > scenario_most(scenario, run))
		return "sent twice, and nothing in the spool said that it could be";
	if (scenario->end != END_DELIVERED && waits == 0 && (run->is_answered || run->copies > 0) && run->failed != 1)
		return "what the relay refused is not in failed/";
	if (run->failed > (scenario->end == END_DELIVERED || waits > 0 ? 0U : 1U))
		return "too much in failed/";
	return NULL;
}
