/*
 * exitcode: sysexits as our callers understand them (DESIGN.md section 2, CALLERS.md).
 * Never 75: some PHP versions count it as success and no caller resubmits.
 */
#ifndef MAILCRANE_EXITCODE_H
#define MAILCRANE_EXITCODE_H

#include "base/outcome.h"

enum exitcode {
	EXIT_OK = 0,		/* relayed, or safely queued */
	EXIT_USAGE = 64,	/* wrong usage */
	EXIT_DATA = 65,		/* unusable input */
	EXIT_REFUSED = 69,	/* refused for good, or neither deliverable nor storable */
	EXIT_SETTINGS = 78	/* settings */
};

/* The code for an outcome that ends a call. DELIVERED and (queued) DEFERRED are 0; a failure goes by
 * its cause; anything unforeseen is EXIT_REFUSED: never "sent". */
enum exitcode exitcode_of(const struct outcome *outcome);

#endif
