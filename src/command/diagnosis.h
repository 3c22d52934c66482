/*
 * diagnosis: from what was seen of all ports, of login and sender, to one cause and one advice (DESIGN.md section 8). Pure: no clock, no
 * network, no files.
 */
#ifndef MAILCRANE_DIAGNOSIS_H
#define MAILCRANE_DIAGNOSIS_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "base/outcome.h"
#include "wire/probe.h"

#define DIAGNOSIS_SOON 14	/* days */
#define DIAGNOSIS_SMALL 1048576	/* octets: a relay that takes less refuses ordinary mail with attachments */

/* An outcome with verdict NONE: nothing is wrong there, or it was not tried. */
struct observations {
	const char                *host, *provider, *user;	/* NULL: none */
	const char                *other_name;	/* of a provider's host, when the name does not exist and is like it; NULL */
	struct outcome             unfinished, settings, secret, spool, queue, service, permissions, dns;
	bool                       is_closed;	/* the settings can't be read by who asks, and need not be */
	const char                *security;	/* what SELinux or AppArmor refused lately, or will, NULL: nothing */
	const char                *timer;	/* what is wrong with the timer, NULL: nothing */
	const struct probe_result *results;
	size_t                     count;
	int                        chosen;	/* index, -1: none was secured */
	struct outcome             login, sender, recipient;
	time_t                     now;
	bool                       clock_is_free;	/* nothing sets this machine's clock */
};

struct diagnosis {
	bool        flows;
	const char *cause;	/* constant, a cause of conf/advice; "none": nothing to say */
	char        text[512];	/* the cause in one sentence */
	char        advice[768];
};

void diagnosis_make(const struct observations *seen, struct diagnosis *diagnosis);

/* "587 465 2525/tls": the ports of the settings for which `wanted` is true, each once, as `ports` takes them. */
size_t diagnosis_ports(const struct observations *seen, bool (*wanted)(const struct observations *, struct relay_port), char *text,
    size_t size);

#endif
