/*
 * check_order: SIGKILL takes nothing back that a power cut would, so what is synced before what is read off the recorded calls. Each rule is then
 * shown the same record without its syncs, one after another: the check must find that wanting, or it proves nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "checks.h"

#define NONE ((size_t)-1)

struct order {
	struct stepper_call *calls;
	size_t               count;
	char                 wrong[200];
};

/* What is looked for; NULL and 0: anything. */
struct order_wish {
	const char *name;	/* of the call; "sync": fsync or fdatasync */
	const char *path;	/* contained in it, or its end with "$" behind */
	const char *data;	/* its beginning; with "*" before it: contained in it */
	unsigned    roles;
};

static bool
order_path_is(const char *path, const char *wanted)
{
	size_t length = strlen(wanted), whole = strlen(path);

	if (length > 0 && wanted[length - 1] == '$')
		return whole >= length - 1 && strncmp(path + whole - (length - 1), wanted, length - 1) == 0;
	return strstr(path, wanted) != NULL;
}

static bool
order_is(const struct stepper_call *call, const struct order_wish *wish)
{
	const char *name = stepper_name(call->number);

	if (call->result < 0 && call->result != -EINPROGRESS)
		return false;
	if (strcmp(wish->name, "sync") == 0 ? strcmp(name, "fsync") != 0 && strcmp(name, "fdatasync") != 0 :
	    strcmp(wish->name, "rename") == 0 ? strncmp(name, "rename", 6) != 0 : strcmp(name, wish->name) != 0)
		return false;
	if (wish->path != NULL && !order_path_is(call->path, wish->path))
		return false;
	if (wish->data != NULL && wish->data[0] == '*' && strstr(call->data, wish->data + 1) == NULL)
		return false;
	if (wish->data != NULL && wish->data[0] != '*' && strncmp(call->data, wish->data, strlen(wish->data)) != 0)
		return false;
	return wish->roles == 0 || (call->role & wish->roles) != 0;
}

/* The first one from `from` on; NONE. */
static size_t
order_first(const struct order *order, size_t from, struct order_wish wish)
{
	for (size_t i = from; from != NONE && i < order->count; i++)
		if (order_is(&order->calls[i], &wish))
			return i;
	return NONE;
}

static size_t
order_last(const struct order *order, struct order_wish wish)
{
	for (size_t i = order->count; i-- > 0;)
		if (order_is(&order->calls[i], &wish))
			return i;
	return NONE;
}

/* Both must be, in this order. */
static bool
order_before(struct order *order, const char *first, size_t a, const char *second, size_t b)
{
	if (a != NONE && b != NONE && a < b)
		return true;
	if (order->wrong[0] == '\0')
		(void)snprintf(order->wrong, sizeof(order->wrong), "%s%s, then %s%s", first, a == NONE ? " (never)" : "", second,
		    b == NONE ? " (never)" : "");
	return false;
}

/* The message is whole in queue/, file and directory are synced, before `promise`. */
static bool
order_stored_before(struct order *order, const char *what, size_t promise)
{
	size_t written = order_last(order, (struct order_wish){"write", "/spool/tmp/", NULL, 0});
	size_t head = order_last(order, (struct order_wish){"pwrite64", "/spool/tmp/", NULL, 0});
	size_t named = order_first(order, 0, (struct order_wish){"rename", "/spool/tmp/", NULL, 0});
	size_t file, directory, end = head != NONE && head > written ? head : written;
	bool good;

	file = order_first(order, end, (struct order_wish){"sync", "/spool/queue/", NULL, 0});
	directory = order_first(order, named, (struct order_wish){"sync", "/spool/queue$", NULL, 0});
	good = order_before(order, "the last octet written", end, "rename into queue/", named);
	good &= order_before(order, "rename into queue/", named, "sync of the directory", directory);
	good &= order_before(order, "the last octet written", end, "sync of the file", file);
	good &= order_before(order, "sync of the file", file, what, promise);
	good &= order_before(order, "sync of the directory", directory, what, promise);
	return good;
}

static size_t
order_exit(const struct order *order, unsigned role)
{
	return order_last(order, (struct order_wish){"exit_group", NULL, NULL, role});
}

static bool
order_queued(struct order *order)
{
	return order_stored_before(order, "exit 0", order_exit(order, ROLE_SENDMAIL));
}

/* And nobody is woken for what is not safe yet, as with `wait` may be. */
static bool
order_background(struct order *order)
{
	size_t woken = order_first(order, 0, (struct order_wish){"openat", "/spool/trigger$", NULL, ROLE_SENDMAIL});

	/* nobody reads it, so opening it failed: what matters is when it was tried */
	for (size_t i = 0; woken == NONE && i < order->count; i++)
		if (order_path_is(order->calls[i].path, "/spool/trigger$") && (order->calls[i].role & ROLE_SENDMAIL) != 0 &&
		    strcmp(stepper_name(order->calls[i].number), "openat") == 0)
			woken = i;
	return order_stored_before(order, "waking the runner", woken) && order_queued(order);
}

static bool
order_new_spool(struct order *order)
{
	size_t made = order_last(order, (struct order_wish){"mkdirat", "/spool/", NULL, 0});

	return order_before(order, "making the directories", made, "sync of the spool's",
	           order_first(order, made, (struct order_wish){"sync", "/spool$", NULL, 0})) &&
	    order_before(order, "sync of the spool's", order_first(order, made, (struct order_wish){"sync", "/spool$", NULL, 0}), "exit 0",
	        order_exit(order, ROLE_SENDMAIL)) && order_queued(order);
}

static bool
order_dialogue(struct order *order)
{
	return order_stored_before(order, "250", order_first(order, 0, (struct order_wish){"write", "/out$", "*250 2.0.0 queued", 0}));
}

/* The attempt is noted before anybody is spoken to. */
static bool
order_noted(struct order *order)
{
	return order_before(order, "note of the attempt", order_first(order, 0, (struct order_wish){"pwrite64", "/spool/queue/", "due ", 0}),
	    "connect", order_first(order, 0, (struct order_wish){"connect", NULL, NULL, ROLE_COURIER}));
}

/* The states on disk, then whatever comes of it: `what` at `then`. */
static bool
order_settled(struct order *order, const char *state, const char *what, size_t then)
{
	size_t written = order_last(order, (struct order_wish){"pwrite64", "/spool/queue/", state, 0});
	size_t synced = order_first(order, written, (struct order_wish){"sync", "/spool/queue/", NULL, ROLE_COURIER});

	return order_before(order, "the state written", written, "sync", synced) && order_before(order, "sync of the state", synced, what, then);
}

static bool
order_delivered(struct order *order)
{
	size_t gone = order_last(order, (struct order_wish){"unlinkat", "/spool/queue/", NULL, ROLE_COURIER});

	return order_noted(order) && order_settled(order, "D 250", "unlink", gone) &&
	    order_settled(order, "D 250", "log line", order_last(order, (struct order_wish){"write", "/log$", NULL, ROLE_COURIER}));
}

/* With a caller who waits: it hears nothing before. */
static bool
order_told(struct order *order)
{
	size_t told = order_first(order, 0, (struct order_wish){"write", "/spool/verdict/", "verdict ", ROLE_COURIER});

	return order_delivered(order) && order_settled(order, "D 250", "verdict for the caller", told) &&
	    order_before(order, "verdict for the caller", told, "exit 0", order_exit(order, ROLE_SENDMAIL));
}

static bool
order_failed(struct order *order)
{
	size_t moved = order_last(order, (struct order_wish){"rename", "/spool/queue/", NULL, ROLE_COURIER});
	size_t there = order_first(order, moved, (struct order_wish){"sync", "/spool/failed$", NULL, ROLE_COURIER});

	/* out of the one directory only when it is known to be in the other */
	return order_noted(order) && order_settled(order, "R 550", "rename into failed/", moved) &&
	    order_before(order, "rename into failed/", moved, "sync of failed/", there) &&
	    order_before(order, "sync of failed/", there, "sync of queue/",
	        order_first(order, moved, (struct order_wish){"sync", "/spool/queue$", NULL, ROLE_COURIER}));
}

/* What follows the move is the report, which the same flush delivers. */
static bool
order_both(struct order *order)
{
	size_t count = order->count, moved = order_last(order, (struct order_wish){"rename", "/spool/queue/", NULL, ROLE_COURIER});
	bool good = order_failed(order);

	if (moved != NONE)
		order->count = moved + 1;
	good = good && order_settled(order, "D 250", "rename into failed/", moved);
	order->count = count;
	return good;
}

static bool
order_deferred(struct order *order)
{
	size_t slot = order_last(order, (struct order_wish){"pwrite64", "/spool/queue/", "due ", ROLE_COURIER});

	return order_noted(order) && order_settled(order, "Q 450", "log line",
	    order_last(order, (struct order_wish){"write", "/log$", NULL, ROLE_COURIER})) &&
	    order_before(order, "when it is due again", slot, "sync",
	        order_first(order, slot, (struct order_wish){"sync", "/spool/queue/", NULL, ROLE_COURIER}));
}

static const struct order_rule {
	const char *scenario, *what;
	bool      (*holds)(struct order *order);
} order_rules[] = {
	{"enqueue", "exit 0 after file and directory are synced", order_queued},
	{"enqueue-big", "exit 0 after file and directory are synced", order_queued},
	{"enqueue-new-spool", "a new directory is synced where its name stands", order_new_spool},
	{"enqueue-background", "safe before the runner is woken", order_background},
	{"enqueue-dialogue", "250 after file and directory are synced", order_dialogue},
	{"wait", "the caller hears of a delivery that the disk knows", order_told},
	{"deliver", "delivered is synced before the file goes", order_delivered},
	{"run", "delivered is synced before the file goes", order_delivered},
	{"retry", "delivered is synced before the file goes", order_delivered},
	{"fail", "refused is synced before the file moves, and failed/ before queue/", order_failed},
	{"fail-one-of-two", "both states are synced before the file moves", order_both},
	{"defer", "put off is synced before anybody is told", order_deferred},
};

/* As if each sync in turn had not been: the rule must mind one of them at least, and those that it minds are counted. */
static unsigned
order_misses(const struct order *order, const struct order_rule *rule)
{
	unsigned minded = 0;

	for (size_t i = 0; i < order->count; i++) {
		const char *name = stepper_name(order->calls[i].number);
		struct order without = *order;
		int64_t saved = order->calls[i].result;

		if (saved != 0 || (strcmp(name, "fsync") != 0 && strcmp(name, "fdatasync") != 0))
			continue;
		order->calls[i].result = -EIO;
		minded += rule->holds(&without) ? 0 : 1;
		order->calls[i].result = saved;
	}
	return minded;
}

static void
order_check(struct checks *checks, const struct scenario *scenario, const struct order_rule *rule)
{
	const struct stepper_plan plan = {.mode = STEPPER_COUNT, .roles = ROLE_ANY, .record = true};
	struct scenario_run run;
	struct order order;
	unsigned minded = 0;

	/* a caller who waits shall hear the verdict, however slow it is to be watched */
	place_settle_in(&checks->place, scenario->delivery, "20s", scenario->runner);
	if (scenario_run(scenario, &checks->place, &plan, &run) != 0 || run.stepped.hung) {
		check_failed(checks, "%s: can't be run", scenario->name);
		return;
	}
	order = (struct order){.calls = run.stepped.calls, .count = run.stepped.count};
	if (!run.is_answered)
		check_failed(checks, "%s: not answered with 0", scenario->name);
	else if (!rule->holds(&order))
		check_failed(checks, "%s: %s: wrong is %s", scenario->name, rule->what, order.wrong);
	else if ((minded = order_misses(&order, rule)) == 0)
		check_failed(checks, "%s: %s: the rule does not mind when nothing is synced", scenario->name, rule->what);
	else
		checks->passed++;
	if (order.wrong[0] == '\0')
		printf("order %-20s %s (%zu system calls, %u syncs that matter)\n", scenario->name, rule->what, order.count, minded);
	if (check_is_verbose())
		for (size_t i = 0; i < order.count; i++)
			if (order.calls[i].path[0] != '\0')
				printf("  %s %s %s %s %s = %ld\n", stepper_role(order.calls[i].role), stepper_name(order.calls[i].number),
				    order.calls[i].path, order.calls[i].other, order.calls[i].data, (long)order.calls[i].result);
	free(run.stepped.calls);
}

void
check_order(struct checks *checks)
{
	for (size_t i = 0; i < sizeof(order_rules) / sizeof(order_rules[0]); i++)
		for (const struct scenario *scenario = scenarios; scenario->name != NULL; scenario++)
			if (strcmp(scenario->name, order_rules[i].scenario) == 0 && i % checks->shares == checks->share &&
			    (checks->only == NULL || strcmp(checks->only, scenario->name) == 0))
				order_check(checks, scenario, &order_rules[i]);
}
