/*
 * schedule: see the header. `items` is sorted by id, which is by age; `order` lists what is to be had in the order in which it is to be had.
 */
#include "delivery/schedule.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/relay.h"

struct schedule {
	struct schedule_item  *items;
	size_t                 count;
	struct schedule_item **order;	/* into items */
	size_t                 ordered, first;	/* before `first` nothing is to be had any more */
	bool                   is_ordered;
	unsigned               pass;
	const struct config   *config;	/* NULL: one lane */
	bool                   is_stale;	/* lanes were told by other settings */
};

struct schedule *
schedule_new(void)
{
	struct schedule *schedule = memory_alloc(sizeof(*schedule));

	schedule->pass = 1;
	return schedule;
}

void
schedule_free(struct schedule *schedule)
{
	if (schedule == NULL)
		return;
	free(schedule->order);
	free(schedule->items);
	free(schedule);
}

void
schedule_set_relays(struct schedule *schedule, const struct config *config)
{
	schedule->config = config;
	schedule->is_stale = true;
}

/* Whoever was kept waiting by it without an end may be again. */
static bool
schedule_is_suspect(const struct spool_item *item)
{
	if (item->recipients == 0 || (item->is_begun && item->attempts > 0))
		return true;
	return item->last.stage >= STAGE_MAIL && (item->last.cause == CAUSE_SILENCE || item->last.cause == CAUSE_UNCERTAIN);
}

static void
schedule_set(const struct schedule *schedule, struct schedule_item *item, const struct spool_item *found)
{
	item->lane = schedule->config != NULL ? relay_of_message(schedule->config, found->relay, found->from) : 0;
	item->uid = found->uid;
	item->created = found->created;
	item->due = found->due;
	item->attempts = found->attempts;
	item->is_awaited = found->is_awaited;
	item->is_suspect = schedule_is_suspect(found);
	item->is_held = found->is_held;
	item->is_report = found->is_report;
}

/* The line of that name: the old one, looked at again if wanted, or a new one. false: there is no such message. */
static bool
schedule_line(const struct schedule *schedule, const struct spool *spool, const char *name, const struct schedule_item *old, bool look,
    struct schedule_item *line)
{
	struct spool_item found;

	if (old != NULL)
		*line = *old;
	else
		memset(line, 0, sizeof(*line));
	if (old != NULL && (old->is_given || !look))
		return true;
	if (!spool_look(spool, SPOOL_QUEUE, name, &found))
		return false;
	memcpy(line->id, name, SPOOL_ID_SIZE);
	schedule_set(schedule, line, &found);
	return true;
}

int
schedule_refresh(struct schedule *schedule, struct spool *spool, bool everything, struct outcome *outcome)
{
	char (*names)[SPOOL_ID_SIZE] = NULL;
	struct schedule_item *lines = NULL;
	size_t total = 0, used = 0, old = 0;

	if (spool_names(spool, SPOOL_QUEUE, &names, &total, outcome) != 0)
		return -1;
	if (total > 0)
		lines = memory_resize(NULL, total, sizeof(*lines));
	for (size_t i = 0; i < total; i++) {
		const struct schedule_item *same = NULL;

		while (old < schedule->count && strcmp(schedule->items[old].id, names[i]) < 0)
			old++;
		if (old < schedule->count && strcmp(schedule->items[old].id, names[i]) == 0)
			same = &schedule->items[old];
		used += schedule_line(schedule, spool, names[i], same, everything || schedule->is_stale, &lines[used]) ? 1 : 0;
	}
	schedule->is_stale = false;
	free(names);
	free(schedule->items);
	schedule->items = lines;
	schedule->count = used;
	schedule->is_ordered = false;
	return 0;
}

void
schedule_begin_pass(struct schedule *schedule)
{
	schedule->pass++;
	schedule->is_ordered = false;
}

/* Had already, or being had. */
static bool
schedule_is_over(const struct schedule *schedule, const struct schedule_item *item)
{
	return item->is_given || item->pass == schedule->pass;
}

static bool
schedule_fits(const struct schedule *schedule, const struct schedule_item *item, const struct schedule_want *want, time_t now)
{
	if (item->is_held || item->due == SPOOL_NEVER || schedule_is_over(schedule, item))
		return false;
	if ((want->only_own && item->uid != want->own) || (want->only_reports && !item->is_report))
		return false;
	return want->all || item->due <= now || item->due - now > want->horizon;
}

/* What may change between two calls without a new order. */
static bool
schedule_may(const struct schedule *schedule, const struct schedule_item *item, const struct schedule_want *want)
{
	const struct schedule_lane *lane = &want->lanes[item->lane < CONFIG_RELAYS_MAX ? item->lane : 0];

	if (schedule_is_over(schedule, item))
		return false;
	if (lane->no_suspect && item->is_suspect)
		return false;
	return !lane->only_awaited || item->is_awaited || item->created <= want->overdue;
}

static int
schedule_class(const struct schedule_item *item)
{
	if (item->is_suspect)
		return 2;
	return item->is_awaited ? 0 : 1;
}

static int
schedule_compare_users(const void *a, const void *b)
{
	const struct schedule_item *one = *(struct schedule_item *const *)a, *two = *(struct schedule_item *const *)b;

	if (schedule_class(one) != schedule_class(two))
		return schedule_class(one) - schedule_class(two);
	if (one->uid != two->uid)
		return one->uid < two->uid ? -1 : 1;
	return strcmp(one->id, two->id);
}

static int
schedule_compare_turns(const void *a, const void *b)
{
	const struct schedule_item *one = *(struct schedule_item *const *)a, *two = *(struct schedule_item *const *)b;

	if (schedule_class(one) != schedule_class(two))
		return schedule_class(one) - schedule_class(two);
	if (one->rank != two->rank)
		return one->rank < two->rank ? -1 : 1;
	return strcmp(one->id, two->id);
}

/* By users first, to number each one's messages, then by turns. */
static void
schedule_make_order(struct schedule *schedule, const struct schedule_want *want)
{
	time_t now = time(NULL);
	size_t count = 0;

	schedule->order = memory_resize(schedule->order, schedule->count + 1, sizeof(struct schedule_item *));
	for (size_t i = 0; i < schedule->count; i++)
		if (schedule_fits(schedule, &schedule->items[i], want, now))
			schedule->order[count++] = &schedule->items[i];
	qsort(schedule->order, count, sizeof(struct schedule_item *), schedule_compare_users);
	for (size_t i = 0; i < count; i++) {
		struct schedule_item *item = schedule->order[i], *before = i > 0 ? schedule->order[i - 1] : NULL;

		item->rank = before != NULL && before->uid == item->uid && schedule_class(before) == schedule_class(item) ?
		    before->rank + 1 : 0;
	}
	qsort(schedule->order, count, sizeof(struct schedule_item *), schedule_compare_turns);
	schedule->ordered = count;
	schedule->first = 0;
	schedule->is_ordered = true;
}

/* The place in the order of the next one that may be had, `ordered` when there is none. */
static size_t
schedule_find(struct schedule *schedule, const struct schedule_want *want)
{
	size_t at;

	if (!schedule->is_ordered)
		schedule_make_order(schedule, want);
	while (schedule->first < schedule->ordered && schedule_is_over(schedule, schedule->order[schedule->first]))
		schedule->first++;
	for (at = schedule->first; at < schedule->ordered; at++)
		if (!want->lanes[schedule->order[at]->lane].is_closed && schedule_may(schedule, schedule->order[at], want))
			break;
	return at;
}

const struct schedule_item *
schedule_take(struct schedule *schedule, const struct schedule_want *want)
{
	size_t at = schedule_find(schedule, want);
	struct schedule_item *item;

	if (at == schedule->ordered)
		return NULL;
	item = schedule->order[at];
	item->is_given = true;
	return item;
}

static int
schedule_compare_id(const void *id, const void *item)
{
	return strcmp(id, ((const struct schedule_item *)item)->id);
}

void
schedule_done(struct schedule *schedule, struct spool *spool, const char *id)
{
	struct schedule_item *item = NULL;
	struct spool_item found;

	if (schedule->count > 0)
		item = bsearch(id, schedule->items, schedule->count, sizeof(*schedule->items), schedule_compare_id);
	if (item == NULL)
		return;
	item->is_given = false;
	item->pass = schedule->pass;
	if (spool_look(spool, SPOOL_QUEUE, id, &found))
		schedule_set(schedule, item, &found);
	else
		item->due = SPOOL_NEVER;
}

size_t
schedule_left(struct schedule *schedule, const struct schedule_want *want, size_t lane, size_t most)
{
	size_t count = 0;

	if (!schedule->is_ordered)
		schedule_make_order(schedule, want);
	for (size_t at = schedule->first; at < schedule->ordered && count < most; at++)
		count += schedule->order[at]->lane == lane && schedule_may(schedule, schedule->order[at], want) ? 1 : 0;
	return count;
}

time_t
schedule_next_due(const struct schedule *schedule)
{
	time_t next = 0, now = time(NULL);

	for (size_t i = 0; i < schedule->count; i++) {
		const struct schedule_item *item = &schedule->items[i];

		if (item->is_held || item->due == SPOOL_NEVER || item->due <= now)
			continue;
		if (next == 0 || item->due < next)
			next = item->due;
	}
	return next;
}
