/*
 * run: the verbs that deliver: run and flush.
 */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "command/command.h"
#include "delivery/allowance.h"
#include "delivery/runner.h"

static enum exitcode
run_runner(struct runner_options *options, const struct config *config, struct spool *spool)
{
	const char *lacks = allowance_lacks();
	struct outcome outcome;

	log_open(config->log_to, config->log_level, "mailcrane");
	if (lacks != NULL) {
		log_line(LOG_LEVEL_WARNING, "the limit of %s is too low to carry other people's mail: only that of user %u is", lacks,
		    (unsigned)getuid());
		options->only_own = true;
	}
	if (runner_run(spool, options, &outcome) != 0) {
		log_line(LOG_LEVEL_ERROR, "%s", outcome.text);
		return command_failed(&outcome);
	}
	return EXIT_OK;
}

enum exitcode
command_run(const struct command_place *place, int argc, char **argv)
{
	struct config config;
	struct spool *spool;
	enum exitcode code;
	struct runner_options options = {.config_file = place->config_file, .secure = place->secure};

	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--foreground") == 0)
			options.foreground = true;
		else if (strcmp(argv[i], "--timer") == 0)
			options.no_linger = true;
		else
			return command_misused("run knows --foreground and --timer only");
	/* the rest of the settings is the runner's: when they are wrong it tells waiting callers and the log */
	if (command_settings(place, CONFIG_SUBMIT, &config, &code) != 0)
		return code;
	if (command_spool(place, &config, &spool, &code) == 0) {
		if (options.no_linger)
			spool_timer_stamp(spool);
		code = run_runner(&options, &config, spool);
		spool_close(spool);
	}
	config_free(&config);
	return code;
}

/* A person is waiting here: what is wrong with the settings is said at once. In a child, since the processes that will
 * be forked from this one must not find a password in its memory. */
static enum exitcode
run_check_settings(const struct command_place *place)
{
	struct config config;
	enum exitcode code = EXIT_OK;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (command_settings(place, CONFIG_FULL, &config, &code) == 0)
			config_free(&config);
		_exit(code);
	}
	/* without a child the couriers will say it */
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return EXIT_OK;
	return (enum exitcode)WEXITSTATUS(status);
}

enum exitcode
command_flush(const struct command_place *place, int argc, char **argv)
{
	struct runner_options options = {.config_file = place->config_file, .secure = place->secure};
	struct config config;
	struct spool *spool;
	struct runner_count count;
	struct outcome outcome;
	enum exitcode code;
	bool quiet = false;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--quiet") != 0)
			return command_misused("flush knows --quiet only");
		quiet = true;
	}
	code = run_check_settings(place);
	if (code != EXIT_OK || command_settings(place, CONFIG_SUBMIT, &config, &code) != 0)
		return code;
	if (command_spool(place, &config, &spool, &code) == 0) {
		log_open(config.log_to, config.log_level, "mailcrane");
		if (runner_flush(spool, &options, !quiet, &count, &outcome) != 0)
			code = command_failed(&outcome);
		else
			code = count.deferred + count.other == 0 ? EXIT_OK : EXIT_REFUSED;
		spool_close(spool);
	}
	config_free(&config);
	return code;
}
