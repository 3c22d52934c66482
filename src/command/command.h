/*
 * command: the verbs of program mailcrane. Each takes its own words (argv[0] is the verb) and gives an exit code.
 */
#ifndef MAILCRANE_COMMAND_H
#define MAILCRANE_COMMAND_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/config.h"
#include "base/deadline.h"
#include "base/exitcode.h"
#include "spool/spool.h"

struct command_place {
	char *config_file;
	bool  own_file;		/* the user's own settings */
	bool  secure;
};

/* Settings as far as the scope goes; one line on stderr and the exit code in *code when they are no good. */
int command_settings(const struct command_place *place, enum config_scope scope, struct config *config, enum exitcode *code);

/* The spool of these settings, root given up when it is not root's. Line and code as above. */
int command_spool(const struct command_place *place, const struct config *config, struct spool **spool, enum exitcode *code);

/* "mailcrane: TEXT" on stderr; gives exitcode_of(). */
enum exitcode command_failed(const struct outcome *outcome);
enum exitcode command_misused(const char *text);

/* A child that does the work of a verb, and may hang. */
struct command_child {
	pid_t pid;
	int   readers[2];	/* what it writes to stdout and stderr, for us to write on; -1: it does so itself */
	bool  has_hung;
};

/* fork(2), of a child that dies with us: 0 in the child, 1 in the parent, or -1. */
int command_fork(struct command_child *child);

/* Waits for it, writing on what it says: its exit code, EXIT_REFUSED when that can't be written. Or -1: it died, or it has not ended by then
 * (has_hung) and is killed, but not waited for. */
int command_await(struct command_child *child, struct deadline deadline);

enum exitcode command_check(const struct command_place *place, int argc, char **argv);
enum exitcode command_explain(const struct command_place *place, int argc, char **argv);
enum exitcode command_status(const struct command_place *place, int argc, char **argv);
enum exitcode command_run(const struct command_place *place, int argc, char **argv);
enum exitcode command_direct(const struct command_place *place, int argc, char **argv);
enum exitcode command_flush(const struct command_place *place, int argc, char **argv);
enum exitcode command_hand(const struct command_place *place, int argc, char **argv);
enum exitcode command_test(const struct command_place *place, int argc, char **argv);
enum exitcode command_providers(const struct command_place *place, int argc, char **argv);
enum exitcode command_config(const struct command_place *place, int argc, char **argv);

#endif
