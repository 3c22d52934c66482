/*
 * alias_file: the lines of an aliases(5) file or of an :include: file. Owns the text; what it gives out points into it.
 */
#ifndef MAILCRANE_ALIAS_FILE_H
#define MAILCRANE_ALIAS_FILE_H

#include <stdbool.h>
#include <stddef.h>

#define ALIAS_FILE_MAX ((size_t)1 << 20)

struct alias_file {
	char  *text;		/* comments blanked, lines that a backslash joins joined */
	size_t length, at;
	int    line;		/* of text[at], from 1 */
};

/* "name: list" with its continuation lines. */
struct alias_line {
	char       *name;	/* lower case, without quotes; "" when why is set */
	char       *list;	/* as written; a newline, and a vertical tab where a backslash joined two, count lines */
	int         line;	/* where the list begins */
	const char *why;	/* NULL, or what is wrong with the line: a constant phrase */
};

/* The file must belong to root (where no set-id is involved also to us), nobody else may write it, and the caller must be able to
 * read it without the group that a set-group-ID gives: else a list of names would be a way to read that group's files. At most
 * ALIAS_FILE_MAX octets, no control characters. 0; or -1 with *why, a text that need not be freed. */
int alias_file_open(struct alias_file *file, const char *path, const char **why);
void alias_file_close(struct alias_file *file);

/* false at the end. Changes the text: ask once. */
bool alias_file_next(struct alias_file *file, struct alias_line *line);

/* One address or other target of a list, cut off in place; false at the end. *line counts on, *at is the item's own. */
bool alias_file_item(char **list, int *line, char **item, int *at);

#endif
