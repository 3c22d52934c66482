/*
 * sendmail: the program that callers run as sendmail, mailq and newaliases. It may be set-gid and starts
 * once for every mail() call: no TLS, no network, nothing that costs time before the message is read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/config.h"
#include "base/exitcode.h"
#include "base/file.h"
#include "base/log.h"
#include "complaint.h"
#include "hands/hands.h"
#include "inherit.h"
#include "listing.h"
#include "options.h"
#include "server.h"
#include "spool/spool.h"
#include "starter.h"
#include "submit.h"
#include "verify.h"

/* A writer must not die of SIGPIPE before it can read why; the modes that read no message have nobody to
 * drain. */
static enum exitcode
sendmail_refuse(const struct options *options, const struct outcome *outcome)
{
	if (options->mode == OPTIONS_MAIL)
		complaint_drain();
	complaint_line("%s", outcome->text);
	if (options->mode == OPTIONS_SERVER)
		server_decline(outcome);
	return exitcode_of(outcome);
}

static enum exitcode
sendmail_version(void)
{
	static const char text[] = "sendmail (mailcrane) " MAILCRANE_VERSION "\n";

	(void)file_write(STDOUT_FILENO, text, sizeof(text) - 1);
	return EXIT_OK;
}

/* A user's own settings mean a user's own spool: the group of the system's is given up for good before the
 * file is read. */
static int
sendmail_settings(bool secure, struct config *config, bool *own_file, struct outcome *outcome)
{
	char *file = config_find(secure, own_file, outcome);
	int result;

	if (file == NULL)
		return -1;
	if (*own_file && setresgid(getgid(), getgid(), getgid()) != 0) {
		outcome_set(
		    outcome, VERDICT_FAILED, STAGE_CONFIG, CAUSE_LOCAL, "can't give up the group: %m");
		free(file);
		return -1;
	}
	result = config_load(file, CONFIG_SUBMIT, secure, config, outcome);
	free(file);
	return result;
}

/* -bp and -q */
static enum exitcode
sendmail_look(const struct options *options, const struct config *config, bool own_file, bool secure)
{
	struct outcome outcome;
	struct spool *spool;
	int result = 0;

	if (spool_open(config->spool_directory, own_file, &spool, &outcome) != 0)
		return sendmail_refuse(options, &outcome);
	if (options->mode == OPTIONS_QUEUE)
		result = listing_print(spool, secure && getuid() != 0, &outcome);
	else
		(void)starter_wake(spool, config, secure);
	spool_close(spool);
	return result == 0 ? EXIT_OK : sendmail_refuse(options, &outcome);
}

/* Never to stderr, where some callers take any line for a failure. */
static void
sendmail_log(const struct config *config)
{
	bool on_stderr = strcmp(config->log_to, "stderr") == 0;

	log_open(on_stderr ? "syslog" : config->log_to, config->log_level, "sendmail");
}

/* "sendmail --hand VERB ...": what mailcrane hands on for a user whom the spool is closed to. Each sees and touches messages of
 * their own; a user's own spool is open to its user. */
static enum exitcode
sendmail_hand(bool secure, int argc, char **argv)
{
	struct hands hands = {.program = "mailcrane", .only_own = secure && getuid() != 0};
	const struct options none = {.mode = OPTIONS_QUEUE};
	struct outcome outcome;
	struct config config;
	bool own_file = false;
	enum exitcode code;

	memset(&config, 0, sizeof(config));
	if (sendmail_settings(secure, &config, &own_file, &outcome) != 0 ||
	    spool_open(config.spool_directory, own_file, &hands.spool, &outcome) != 0) {
		code = sendmail_refuse(&none, &outcome);
	} else {
		sendmail_log(&config);
		code = hands_act(&hands, argc, argv);
		(void)fflush(stdout);
		if (hands.is_due)
			(void)starter_wake(hands.spool, &config, secure);
		spool_close(hands.spool);
		log_close();
	}
	config_free(&config);
	return code;
}

/* newaliases is run by the installation of other packages: without settings there is nothing to check. */
static bool
sendmail_has_settings(bool secure)
{
	struct outcome outcome;
	bool own_file;
	char *file = config_find(secure, &own_file, &outcome);

	free(file);
	return file != NULL;
}

static enum exitcode
sendmail_mode(const struct options *options, const struct config *config, bool own_file, bool secure)
{
	switch (options->mode) {
	case OPTIONS_MAIL:
		return submit_message(options, config, own_file, secure);
	case OPTIONS_SERVER:
		return server_run(options, config, own_file, secure);
	case OPTIONS_VERIFY:
		return verify_addresses(options, config);
	case OPTIONS_ALIASES:
		return verify_aliases(config);
	default:
		return sendmail_look(options, config, own_file, secure);
	}
}

static enum exitcode
sendmail_work(const struct options *options, bool secure)
{
	struct outcome outcome;
	struct config config;
	bool own_file = false;
	enum exitcode code;

	memset(&config, 0, sizeof(config));
	if (options->mode == OPTIONS_ALIASES && !sendmail_has_settings(secure))
		return EXIT_OK;
	if (sendmail_settings(secure, &config, &own_file, &outcome) != 0) {
		code = sendmail_refuse(options, &outcome);
	} else {
		sendmail_log(&config);
		code = sendmail_mode(options, &config, own_file, secure);
		log_close();
	}
	config_free(&config);
	return code;
}

int
main(int argc, char **argv)
{
	bool secure = inherit_take_over();
	struct outcome outcome;
	struct options options;
	enum exitcode code;

	if (argc > 2 && strcmp(argv[1], "--hand") == 0 && hands_knows(argv[2]))
		return sendmail_hand(secure, argc - 2, argv + 2);
	if (options_parse(argc, argv, &options, &outcome) != 0)
		return sendmail_refuse(&options, &outcome);
	switch (options.mode) {
	case OPTIONS_HELP:
		options_help(STDOUT_FILENO);
		return EXIT_OK;
	case OPTIONS_VERSION:
		return sendmail_version();
	case OPTIONS_ALIASES:
	case OPTIONS_VERIFY:
	case OPTIONS_MAIL:
	case OPTIONS_SERVER:
	case OPTIONS_QUEUE:
	case OPTIONS_WAKE:
		break;
	}
	code = sendmail_work(&options, secure);
#ifndef __SANITIZE_ADDRESS__	/* its leak checker runs at exit() */
	/* nothing is left to be done, and what libc and loader tidy up is a dozen page faults that the caller waits for */
	if (options.mode == OPTIONS_MAIL)
		_exit((int)code);
#endif
	return code;
}
