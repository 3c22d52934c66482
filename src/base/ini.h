/*
 * ini: what a settings file says, line by line, told strictly. It stands beside iniparser, which takes some
 * mistakes for something else without a word: what iniparser reads is held against what was found here.
 * Owns its strings; they are wiped when freed, since one may be a password. Knows no keys.
 */
#ifndef MAILCRANE_INI_H
#define MAILCRANE_INI_H

#include <stdbool.h>
#include <stddef.h>

#define INI_FILE_MAX ((size_t)64 * 1024)
#define INI_LINE_MAX 1022	/* iniparser's line is 1024 with newline and NUL */

struct ini_section {
	char       *name;		/* lower case */
	int         line;
	const char *problem;		/* NULL, or a constant text: what is wrong with it */
};

struct ini_entry {
	size_t      section;		/* index */
	int         line;
	char       *key;		/* lower case; "" when it can't be one */
	char       *value;		/* without quotes and comment; "" when there is a problem */
	bool        has_comment;	/* an unquoted value ended at a blank and # or ; */
	bool        is_repeated;	/* the same key comes again further down */
	const char *problem;
};

struct ini {
	struct ini_section *sections;
	size_t              section_count;
	struct ini_entry   *entries;
	size_t              entry_count;
};

struct ini_mistake {
	int         line;
	const char *text;		/* constant */
};

/* 0, or -1 and *mistake when the file as a whole can't be relied on: BOM, NUL or control characters, over-long
 * lines, a backslash that joins lines, a key outside a section, a line that is nothing. A mistake that concerns
 * one entry or section alone is its `problem` instead. ini_free in both cases. */
int ini_scan(struct ini *ini, const char *text, size_t length, struct ini_mistake *mistake);
void ini_free(struct ini *ini);

#endif
