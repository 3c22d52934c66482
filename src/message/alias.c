/*
 * alias: the table, and the walk through it. A name is walked through at most once a look-up: what comes up again is either a
 * circle (it is being walked through right now) or has given its addresses already. So each look-up ends, after at most as many
 * steps as there are targets in all.
 */
#include "message/alias.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "message/address_scan.h"
#include "message/alias_file.h"
#include "message/envelope.h"
#include "message/remark.h"

struct alias {
	const char *name;	/* lower case; of an included file its path */
	const char *list;
	const char *file;	/* NULL: the settings */
	int         line;
	size_t      order;	/* earlier ones go first */
	unsigned    begun, done;	/* the last look-up that walked through it */
};

struct alias_set {
	char              *file;	/* NULL: none */
	struct buffer     *remarks;
	struct alias      *aliases;	/* sorted once the file was read */
	size_t             count;
	struct alias      *includes;
	size_t             include_count;
	struct alias_file  files[ALIAS_INCLUDES_MAX + 1];
	size_t             file_count;
	char             **strings;	/* of the settings' aliases */
	size_t             string_count;
	bool               is_read;
	unsigned           number;	/* of the look-up */
};

struct alias_walk {
	struct alias_set    *set;
	const struct local  *local;
	struct alias_result *result;
	int                  depth;
};

static void alias_walk_through(struct alias_walk *walk, struct alias *alias);

struct alias_set *
alias_new(const char *file, struct buffer *remarks)
{
	struct alias_set *set = memory_alloc(sizeof(*set));

	set->file = file != NULL ? memory_copy_text(file) : NULL;
	set->remarks = remarks;
	/* included files may be added while one of them is walked through */
	set->includes = memory_alloc(ALIAS_INCLUDES_MAX * sizeof(*set->includes));
	return set;
}

void
alias_free(struct alias_set *set)
{
	if (set == NULL)
		return;
	for (size_t i = 0; i < set->file_count; i++)
		alias_file_close(&set->files[i]);
	for (size_t i = 0; i < set->string_count; i++)
		free(set->strings[i]);
	free(set->strings);
	free(set->aliases);
	free(set->includes);
	free(set->file);
	free(set);
}

void
alias_result_free(struct alias_result *result)
{
	for (size_t i = 0; i < result->count; i++)
		free(result->addresses[i]);
	free(result->addresses);
	*result = (struct alias_result){0};
}

static void
alias_append(struct alias_set *set, const struct alias *alias)
{
	size_t count = set->count;

	if ((count & (count - 1)) == 0)
		set->aliases = memory_resize(set->aliases, count > 0 ? count * 2 : 1, sizeof(*alias));
	set->aliases[count] = *alias;
	set->aliases[count].order = count;
	set->count++;
}

static char *
alias_keep(struct alias_set *set, const char *text)
{
	set->strings = memory_resize(set->strings, set->string_count + 1, sizeof(*set->strings));
	return set->strings[set->string_count++] = memory_copy_text(text);
}

int
alias_add(struct alias_set *set, const char *name, const char *list, const char **why)
{
	struct mailbox_list parsed;
	struct alias alias = {0};
	size_t useful = 0;
	char *lower;

	if (address_list_parse(list, strlen(list), &parsed, why) != 0)
		return -1;
	for (size_t i = 0; i < parsed.count; i++)
		useful += parsed.items[i].address[0] != '\0' && strchr("|/", parsed.items[i].address[0]) == NULL;
	*why = useful < parsed.count || useful == 0 ? "this is not a list of addresses" : NULL;
	address_list_free(&parsed);
	if (*why != NULL)
		return -1;
	lower = alias_keep(set, name);
	text_lower(lower);
	alias.name = lower;
	alias.list = alias_keep(set, list);
	alias_append(set, &alias);
	return 0;
}

/* ---- the file ---- */

static int
alias_compare(const void *a, const void *b)
{
	const struct alias *one = a, *other = b;
	int result = strcmp(one->name, other->name);

	if (result != 0)
		return result;
	return one->order < other->order ? -1 : one->order > other->order;
}

static void
alias_read_file(struct alias_set *set)
{
	struct alias_file *file = &set->files[set->file_count];
	struct alias_line line;
	const char *why;

	if (alias_file_open(file, set->file, &why) != 0) {
		remark_add(set->remarks, "%s: %s; its aliases are not used", set->file, why);
		return;
	}
	set->file_count++;
	while (alias_file_next(file, &line)) {
		struct alias alias = {.name = line.name, .list = line.list, .file = set->file, .line = line.line};

		if (line.why != NULL)
			remark_add(set->remarks, "%s:%d: %s", set->file, line.line, line.why);
		else
			alias_append(set, &alias);
	}
}

static void
alias_read(struct alias_set *set)
{
	if (set->is_read)
		return;
	set->is_read = true;
	if (set->file != NULL)
		alias_read_file(set);
	if (set->count > 0)
		qsort(set->aliases, set->count, sizeof(*set->aliases), alias_compare);
	for (size_t i = 1; i < set->count; i++)
		if (set->aliases[i].file != NULL && set->aliases[i - 1].file != NULL &&
		    strcmp(set->aliases[i].name, set->aliases[i - 1].name) == 0)
			remark_add(set->remarks, "%s:%d: %s was there before; the first one counts", set->aliases[i].file,
			    set->aliases[i].line, set->aliases[i].name);
}

/* The first of that name, or NULL. */
static struct alias *
alias_search(struct alias_set *set, const char *name)
{
	size_t low = 0, high = set->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(set->aliases[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < set->count && strcmp(set->aliases[low].name, name) == 0 ? &set->aliases[low] : NULL;
}

static struct alias *
alias_of(struct alias_set *set, const char *name)
{
	char *lower = memory_copy_text(name);
	struct alias *found;

	text_lower(lower);
	found = alias_search(set, lower);
	free(lower);
	return found != NULL ? found : alias_search(set, "*");
}

/* The whole file as one list; NULL with a remark. */
static struct alias *
alias_include(struct alias_set *set, const struct alias *from, int line, const char *path)
{
	struct alias_file *file = &set->files[set->file_count];
	struct alias *alias;
	const char *why = "too many included files";

	for (size_t i = 0; i < set->include_count; i++)
		if (strcmp(set->includes[i].name, path) == 0)
			return &set->includes[i];
	if (set->include_count == ALIAS_INCLUDES_MAX || path[0] != '/' || alias_file_open(file, path, &why) != 0) {
		remark_add(set->remarks, "%s:%d: :include:%s: %s", from->file, line, path,
		    path[0] != '/' ? "this takes a whole path, from / on" : why);
		return NULL;
	}
	set->file_count++;
	alias = &set->includes[set->include_count++];
	*alias = (struct alias){.name = alias_keep(set, path), .list = file->text + file->at, .line = 1};
	alias->file = alias->name;
	return alias;
}

/* ---- the walk ---- */

static void
alias_give(struct alias_walk *walk, const char *address)
{
	struct alias_result *result = walk->result;

	/* one more than any message may have: it is refused for that, and nobody is left out in silence */
	if (result->count > ENVELOPE_RECIPIENTS_MAX)
		return;
	if ((result->count & (result->count - 1)) == 0)
		result->addresses = memory_resize(result->addresses, result->count > 0 ? result->count * 2 : 1,
		    sizeof(*result->addresses));
	result->addresses[result->count++] = memory_copy_text(address);
}

static void
alias_remark(const struct alias_walk *walk, const struct alias *alias, int line, const char *item, const char *why)
{
	if (alias->file != NULL)
		remark_add(walk->set->remarks, "%s:%d: \"%.80s\": %s", alias->file, line, item, why);
	else
		remark_add(walk->set->remarks, "[aliases] %s: \"%.80s\": %s", alias->name, item, why);
}

/* An address; when it is a name of this host, what that stands for. */
static void
alias_walk_address(struct alias_walk *walk, struct alias *alias, int line, const char *address)
{
	char *name = local_name(walk->local, address);
	struct alias *next = name != NULL ? alias_of(walk->set, name) : NULL;

	free(name);
	if (next == NULL || next == alias) {	/* "bob: bob, carol@example.com" */
		alias_give(walk, address);
	} else if (next->done == walk->set->number) {
		return;
	} else if (next->begun == walk->set->number) {
		alias_remark(walk, alias, line, address, "this goes round in a circle; taken as an address");
		alias_give(walk, address);
	} else if (walk->depth >= ALIAS_DEPTH_MAX) {
		alias_remark(walk, alias, line, address, "aliases of aliases go too deep; taken as an address");
		alias_give(walk, address);
	} else {
		alias_walk_through(walk, next);
	}
}

static void
alias_walk_include(struct alias_walk *walk, struct alias *alias, int line, const char *path)
{
	struct alias *next = alias_include(walk->set, alias, line, path);

	if (next == NULL || next->done == walk->set->number)
		return;
	if (next->begun == walk->set->number)
		alias_remark(walk, alias, line, path, "this file includes itself");
	else if (walk->depth >= ALIAS_DEPTH_MAX)
		alias_remark(walk, alias, line, path, "files in files go too deep");
	else
		alias_walk_through(walk, next);
}

/* `is_final`: without further aliases. */
static void
alias_walk_mailboxes(struct alias_walk *walk, struct alias *alias, int line, const char *item, bool is_final)
{
	struct mailbox_list list;
	const char *why;

	if (address_list_parse(item, strlen(item), &list, &why) != 0) {
		alias_remark(walk, alias, line, item, why);
		return;
	}
	for (size_t i = 0; i < list.count; i++) {
		const char *address = list.items[i].address;

		if (address[0] == '\0')
			alias_remark(walk, alias, line, item, "no address");
		else if (is_final)
			alias_give(walk, address);
		else
			alias_walk_address(walk, alias, line, address);
	}
	address_list_free(&list);
}

static void
alias_walk_directive(struct alias_walk *walk, struct alias *alias, int line, const char *text)
{
	static const char include[] = ":include:";

	if (!text_prefix_nocase(text, include)) {
		alias_remark(walk, alias, line, text, "of these only :include: is known");
		return;
	}
	text += sizeof(include) - 1;
	alias_walk_include(walk, alias, line, text + strspn(text, " \t"));
}

/* What is no address may stand in quotes as a whole. */
static void
alias_walk_item(struct alias_walk *walk, struct alias *alias, int line, char *item)
{
	size_t length = strlen(item);
	bool is_quoted = length >= 2 && item[0] == '"' && item[length - 1] == '"';

	switch (item[is_quoted ? 1 : 0]) {
	case '|':
		alias_remark(walk, alias, line, item, "commands are never run");
		break;
	case '/':
		alias_remark(walk, alias, line, item, "files are never written");
		break;
	case ':':
		if (is_quoted)
			item[length - 1] = '\0';
		alias_walk_directive(walk, alias, line, item + (is_quoted ? 1 : 0));
		break;
	case '\\':		/* "\bob": bob himself */
		alias_walk_mailboxes(walk, alias, line, item + 1, true);
		break;
	default:
		alias_walk_mailboxes(walk, alias, line, item, false);
	}
}

static void
alias_walk_through(struct alias_walk *walk, struct alias *alias)
{
	char *copy = memory_copy_text(alias->list), *list = copy, *item;
	int line = alias->line, at;

	alias->begun = walk->set->number;
	walk->depth++;
	while (alias_file_item(&list, &line, &item, &at))
		alias_walk_item(walk, alias, at, item);
	walk->depth--;
	alias->done = walk->set->number;
	free(copy);
}

static void
alias_remark_useless(const struct alias_set *set, const struct alias *alias, const char *name)
{
	remark_add(set->remarks, "%s%s%s: no target of this alias can be used, so %.80s is taken as if it had none",
	    alias->file != NULL ? alias->file : "[aliases]", alias->file != NULL ? ": " : " ", alias->name, name);
}

int
alias_find(struct alias_set *set, const struct local *local, const char *name, struct alias_result *result)
{
	struct alias_walk walk = {.set = set, .local = local, .result = result};
	struct alias *alias, *all;

	*result = (struct alias_result){0};
	alias_read(set);
	alias = alias_of(set, name);
	if (alias == NULL)
		return 0;
	set->number++;
	alias_walk_through(&walk, alias);
	if (result->count > 0)
		return 1;
	alias_remark_useless(set, alias, name);
	all = alias_search(set, "*");
	if (all != NULL && all->begun != set->number)
		alias_walk_through(&walk, all);
	return result->count > 0;
}

void
alias_check(struct alias_set *set)
{
	const struct local nobody = {.domain = "localhost"};
	struct alias_result result;
	const char **names;

	alias_read(set);
	/* as they stand in the file: the first mistake is told first */
	names = memory_alloc((set->count + 1) * sizeof(*names));
	for (size_t i = 0; i < set->count; i++)
		names[set->aliases[i].order] = set->aliases[i].name;
	for (size_t i = 0; i < set->count; i++) {
		(void)alias_find(set, &nobody, names[i], &result);
		alias_result_free(&result);
	}
	free(names);
}
