/*
 * hand: the verbs that look at messages and change them (hands). A user whom the spool is closed to does it through sendmail, which is set-gid
 * and lets each see and touch messages of their own.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "command/command.h"
#include "hands/hands.h"

#define HAND_SENDMAIL "sendmail"

/* Does not come back when there is a sendmail to become: beside this program, else where it was installed. */
static void
hand_through_sendmail(int argc, char **argv)
{
	char path[PATH_MAX], name[] = HAND_SENDMAIL, option[] = "--hand";
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - sizeof(HAND_SENDMAIL));
	char **words = memory_alloc(((size_t)argc + 3) * sizeof(*words));
	char *slash;

	words[0] = name;
	words[1] = option;
	for (int i = 0; i < argc; i++)
		words[i + 2] = argv[i];
	if (length > 0) {
		path[length] = '\0';
		slash = strrchr(path, '/');
		if (slash != NULL) {
			memcpy(slash + 1, HAND_SENDMAIL, sizeof(HAND_SENDMAIL));
			(void)execv(path, words);
		}
	}
	(void)execv(MAILCRANE_SBINDIR "/" HAND_SENDMAIL, words);
	free(words);
}

/* Like the runner that a call starts: nobody waits for it. */
static void
hand_start_runner(void)
{
	char name[] = "mailcrane", verb[] = "run";
	char *const words[] = {name, verb, NULL};
	pid_t child = fork();

	if (child == 0) {
		(void)setsid();
		if (fork() == 0) {
			file_close_from(0);
			if (file_ensure_standard() == 0)
				(void)execv("/proc/self/exe", words);
		}
		_exit(0);
	}
	while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
		continue;
}

enum exitcode
command_hand(const struct command_place *place, int argc, char **argv)
{
	struct hands hands = {.program = "mailcrane"};
	struct config config;
	struct outcome outcome;
	enum exitcode code;

	/* without the settings nobody knows where the spool is; they may be closed to a user, too */
	if (config_load(place->config_file, CONFIG_SUBMIT, place->secure, &config, &outcome) != 0) {
		if (geteuid() != 0 && !place->own_file && access(place->config_file, R_OK) != 0)
			hand_through_sendmail(argc, argv);
		return command_failed(&outcome);
	}
	if (geteuid() != 0 && !place->own_file && access(config.spool_directory, R_OK | W_OK | X_OK) != 0 && errno == EACCES)
		hand_through_sendmail(argc, argv);
	if (command_spool(place, &config, &hands.spool, &code) == 0) {
		code = hands_act(&hands, argc, argv);
		(void)fflush(stdout);
		if (hands.is_due && spool_poke(hands.spool) == 0 && !config.runner_is_service)
			hand_start_runner();
		spool_close(hands.spool);
	}
	config_free(&config);
	return code;
}
