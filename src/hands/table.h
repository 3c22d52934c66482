/*
 * table: the queue, or what was given up, as a table for people and as JSON for programs.
 */
#ifndef MAILCRANE_TABLE_H
#define MAILCRANE_TABLE_H

#include <stddef.h>
#include <sys/types.h>
#include <time.h>

#include "hands/hands.h"

/* 0, or -1 with *outcome. */
int table_print(const struct hands *hands, enum spool_box box, bool json, struct outcome *outcome);

/* "90s", "3h": for people; negative counts as 0. */
void table_span(time_t seconds, char *text, size_t size);

#define TABLE_USERS 64

/* Names that were looked up: the password database is read from its beginning each time, and thousands of messages are a few users'. */
struct table_users {
	struct {
		bool  is_known;
		uid_t uid;
		char  name[33];
	} users[TABLE_USERS];
};

/* The user's name, or the number. Valid until the next call. */
const char *table_user(struct table_users *users, uid_t uid);

#endif
