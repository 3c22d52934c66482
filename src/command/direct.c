/*
 * direct: delivers one message that is in no spool ([queue] delivery = direct). sendmail starts it with the message on descriptor 3, the pipe
 * for the verdict on 4, and the milliseconds that are left.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "command/command.h"
#include "delivery/courier.h"
#include "delivery/privilege.h"
#include "spool/verdict.h"

#define DIRECT_MESSAGE 3
#define DIRECT_VERDICT 4
#define DIRECT_LONGEST (60 * 60 * 1000)	/* ms */

static void
direct_tell(const struct outcome *outcome)
{
	char line[VERDICT_LINE_MAX];
	size_t length = spool_verdict_format(line, outcome);

	(void)file_write(DIRECT_VERDICT, line, length);
	(void)close(DIRECT_VERDICT);
}

/* The courier is this process itself. */
static void
direct_deliver(const struct command_place *place, struct deadline deadline)
{
	struct spool_entry *entry = NULL;
	struct courier_answer answer;
	struct courier *courier;

	if (spool_claim_loose(DIRECT_MESSAGE, &entry, &answer.outcome) != SPOOL_CLAIMED) {
		answer.outcome.verdict = VERDICT_DEFERRED;
		direct_tell(&answer.outcome);
		return;
	}
	courier = courier_new(place->config_file, place->secure, NULL, -1);
	courier_serve_loose(courier, entry, deadline, &answer);
	direct_tell(&answer.outcome);
	/* says QUIT, which nobody has to wait for */
	courier_free(courier);
	spool_entry_free(entry);
}

enum exitcode
command_direct(const struct command_place *place, int argc, char **argv)
{
	struct deadline deadline;
	struct config config;
	struct outcome outcome;
	uint64_t ms;

	if (argc != 2 || text_to_number(argv[1], 1, DIRECT_LONGEST, &ms) != 0 || file_set_cloexec(DIRECT_MESSAGE, 1) != 0 ||
	    file_set_cloexec(DIRECT_VERDICT, 1) != 0)
		return command_misused("direct is for sendmail");
	deadline = deadline_in((int64_t)ms);
	if (privilege_drop_without_spool(&outcome) != 0) {
		direct_tell(&outcome);
		return EXIT_REFUSED;
	}
	if (config_load(place->config_file, CONFIG_SUBMIT, place->secure, &config, &outcome) != 0) {
		direct_tell(&outcome);
		return EXIT_SETTINGS;
	}
	log_open(config.log_to, config.log_level, "mailcrane");
	config_free(&config);
	direct_deliver(place, deadline);
	return EXIT_OK;
}
