/*
 * table: see the header. In JSON, text is UTF-8 as the spool has it made printable; times are seconds since 1970.
 */
#include "hands/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/account.h"

void
table_span(time_t seconds, char *text, size_t size)
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

const char *
table_user(struct table_users *users, uid_t uid)
{
	const struct passwd *entry;
	size_t at = uid % TABLE_USERS;

	if (users->users[at].is_known && users->users[at].uid == uid)
		return users->users[at].name;
	entry = account_of(uid);
	if (entry != NULL && entry->pw_name[0] != '\0')
		(void)snprintf(users->users[at].name, sizeof(users->users[at].name), "%s", entry->pw_name);
	else
		(void)snprintf(users->users[at].name, sizeof(users->users[at].name), "%lu", (unsigned long)uid);
	users->users[at].is_known = true;
	users->users[at].uid = uid;
	return users->users[at].name;
}

static void
table_print_line(const struct spool_item *item, enum spool_box box, struct table_users *users)
{
	time_t now = time(NULL);
	char age[24], due[24], more[24] = "";

	table_span(now - item->created, age, sizeof(age));
	if (box == SPOOL_FAILED || item->due == SPOOL_NEVER)
		(void)snprintf(due, sizeof(due), "-");
	else if (item->is_held)
		(void)snprintf(due, sizeof(due), "held");
	else if (item->due <= now)
		(void)snprintf(due, sizeof(due), "now");
	else
		table_span(item->due - now, due, sizeof(due));
	if (item->waiting > 1)
		(void)snprintf(more, sizeof(more), " +%zu", item->waiting - 1);
	printf("%-17s %5s %9" PRIu64 " %-12s %5u %5s  %s%s  %s%s%s\n", item->id, age, item->size, table_user(users, item->uid), item->attempts, due,
	    item->to[0] != '\0' ? item->to : "?", more, item->last.relay, item->last.relay[0] != '\0' ? ": " : "",
	    item->last.text[0] != '\0' ? item->last.text : "not tried yet");
}

static void
table_print_string(const char *key, const char *value, const char *after)
{
	printf("\"%s\":\"", key);
	for (; *value != '\0'; value++) {
		if (*value == '"' || *value == '\\')
			putchar('\\');
		putchar(*value);
	}
	printf("\"%s", after);
}

static void
table_print_json(const struct spool_item *item, enum spool_box box, struct table_users *users, const char *before)
{
	const struct outcome *last = &item->last;
	const char *state = box == SPOOL_FAILED ? "failed" : item->is_held ? "held" : item->is_begun ? "begun" : "queued";

	printf("%s{", before);
	table_print_string("id", item->id, ",");
	table_print_string("state", state, ",");
	printf("\"created\":%" PRId64 ",\"size\":%" PRIu64 ",\"uid\":%lu,", (int64_t)item->created, item->size, (unsigned long)item->uid);
	table_print_string("user", table_user(users, item->uid), ",");
	table_print_string("from", item->from, ",");
	table_print_string("to", item->to, ",");
	printf("\"recipients\":%zu,\"waiting\":%zu,\"attempts\":%u,", item->recipients, item->waiting, item->attempts);
	if (box == SPOOL_QUEUE && !item->is_held && item->due != SPOOL_NEVER)
		printf("\"due\":%" PRId64 ",", (int64_t)item->due);
	else
		printf("\"due\":null,");
	printf("\"last\":{");
	table_print_string("verdict", verdict_name(last->verdict), ",");
	table_print_string("stage", stage_name(last->stage), ",");
	table_print_string("cause", cause_name(last->cause), ",");
	printf("\"reply\":%d,\"uncertain\":%s,", last->reply, last->uncertain ? "true" : "false");
	table_print_string("enhanced", last->enhanced, ",");
	table_print_string("relay", last->relay, ",");
	table_print_string("text", last->text, "}");
	putchar('}');
}

/* One after another: 10,000 of them need not stand in memory at once. */
int
table_print(const struct hands *hands, enum spool_box box, bool json, struct outcome *outcome)
{
	char (*names)[SPOOL_ID_SIZE] = NULL;
	struct table_users users = {.users = {{.is_known = false}}};
	struct spool_item item;
	size_t count = 0, shown = 0;

	if (spool_names(hands->spool, box, &names, &count, outcome) != 0)
		return -1;
	if (json)
		printf("[\n");
	for (size_t i = 0; i < count; i++) {
		if (!spool_glance(hands->spool, box, names[i], &item) || !hands_may(hands, item.uid))
			continue;
		if (json)
			table_print_json(&item, box, &users, shown > 0 ? ",\n" : "");
		else if (shown == 0)
			printf("%-17s %5s %9s %-12s %5s %5s  %s\n", "ID", "AGE", "SIZE", "USER", "TRIES", "DUE", "TO, LAST REPLY");
		if (!json)
			table_print_line(&item, box, &users);
		shown++;
	}
	if (json)
		printf("%s]\n", shown > 0 ? "\n" : "");
	else if (shown == 0)
		printf(box == SPOOL_QUEUE ? "The queue is empty.\n" : "Nothing was given up.\n");
	free(names);
	return 0;
}
