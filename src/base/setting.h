/*
 * setting: one row per key of the settings file: what it takes, where it goes, what it is when not set, how it is
 * printed. Fills struct config, which owns the strings. Never prints a secret and never puts one into a problem.
 */
#ifndef MAILCRANE_SETTING_H
#define MAILCRANE_SETTING_H

#include "base/buffer.h"
#include "base/config.h"
#include "base/ini.h"

struct setting_problem {
	enum cause cause;	/* CONFIG or SECRET */
	int        line;	/* 0: none */
	char       where[96];	/* section and key */
	char       text[256];
};

/* Every field that has a default gets it, but the ports, which setting_take_all completes; the rest is zero. */
void setting_defaults(struct config *config, const char *spool_directory);

/* Takes what the scan found. 0, or -1 and *problem: the first mistake that concerns the scope. In CONFIG_SUBMIT a
 * mistake outside [sender], [aliases], [queue] and `wait` leaves its field at the default, and the password is not kept. */
int setting_take_all(struct config *config, const struct ini *ini, enum config_scope scope,
    struct setting_problem *problem);

/* What only shows when all keys are in: host and login are there, one secret, allowed where `secure`. */
int setting_check(const struct config *config, bool secure, struct setting_problem *problem);

/* Appends the effective settings as an ini text, secrets as stars. 0, or -1 with errno ERANGE. */
int setting_print(const struct config *config, struct buffer *text);

/* Frees what it owns, the secret wiped. */
void setting_free(struct config *config);

#endif
