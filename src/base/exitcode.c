/*
 * exitcode: one table from causes to exit codes. What is not listed is EXIT_REFUSED: an unforeseen failure never says "sent".
 */
#include "base/exitcode.h"

enum exitcode
exitcode_of(const struct outcome *outcome)
{
	if (outcome->verdict == VERDICT_DELIVERED || outcome->verdict == VERDICT_DEFERRED)
		return EXIT_OK;
	switch (outcome->cause) {
	case CAUSE_USAGE:
		return EXIT_USAGE;
	case CAUSE_INPUT:
		return EXIT_DATA;
	case CAUSE_TOO_BIG:
		/* our own limit is the caller's mistake, the relay's is a refusal */
		return outcome->stage == STAGE_INPUT ? EXIT_DATA : EXIT_REFUSED;
	case CAUSE_CONFIG:
	case CAUSE_SECRET:
		return EXIT_SETTINGS;
	default:
		return EXIT_REFUSED;
	}
}
