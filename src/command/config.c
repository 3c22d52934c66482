/*
 * config: prints the effective settings, or says what is wrong with them.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/relay.h"
#include "base/secret.h"
#include "command/command.h"

enum exitcode
command_config(const struct command_place *place, int argc, char **argv)
{
	struct config config;
	struct buffer secret;
	struct outcome outcome;
	enum exitcode code = EXIT_OK;

	(void)argv;
	if (argc > 1)
		return command_misused("config takes no words");
	if (command_settings(place, CONFIG_FULL, &config, &code) != 0)
		return code;
	if (config_print(&config, STDOUT_FILENO) != 0) {
		fprintf(stderr, "mailcrane: stdout: %s\n", strerror(errno));
		code = EXIT_REFUSED;
	}
	/* who asks for the settings wants to know that the passwords can be had, too */
	for (size_t i = 0; i < relay_count(&config); i++) {
		buffer_init(&secret, 8192);
		if (secret_get(relay_at(&config, i), &secret, &outcome) != 0)
			code = command_failed(&outcome);
		buffer_wipe(&secret);
	}
	config_free(&config);
	return code;
}
