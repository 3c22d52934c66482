/*
 * ladder: candidates are ports times addresses, the ports in the order of the settings, the addresses as
 * resolve gives them (families interleaved, RFC 8305). The name is looked up once, at the first step.
 */
#include "wire/ladder.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/resolve.h"

struct ladder {
	const struct relay           *relay;
	const struct config_timeouts *timeouts;
	const struct buffer          *secret;
	struct tls_trust             *trust;
	const char                   *ehlo;
	bool                          is_resolved;
	struct resolved               resolved;
	int64_t                       dns;	/* ms that the look-up took */
	size_t                        next;	/* candidate: address next % count of port next / count */
};

struct ladder *
ladder_new(const struct relay *relay, const struct config_timeouts *timeouts, const struct buffer *secret,
    struct tls_trust *trust, const char *ehlo)
{
	struct ladder *ladder = memory_alloc(sizeof(*ladder));

	ladder->relay = relay;
	ladder->timeouts = timeouts;
	ladder->secret = secret;
	ladder->trust = trust;
	ladder->ehlo = ehlo;
	return ladder;
}

static int
ladder_resolve(struct ladder *ladder, struct deadline deadline, struct ladder_step *step)
{
	struct deadline limit = deadline_earlier(deadline_in(ladder->timeouts->dns), deadline);
	int64_t began = deadline_clock();
	int result;

	result = resolve_host(ladder->relay->host, ladder->relay->family, limit, &ladder->resolved,
	    &step->outcome);
	ladder->dns = deadline_clock() - began;
	ladder->is_resolved = result == 0;
	if (result == 0)
		return 0;
	(void)snprintf(step->peer, sizeof(step->peer), "%.79s", ladder->relay->host);
	step->times.ms[STAGE_DNS] = ladder->dns > 0 ? ladder->dns : 1;
	return -1;
}

static void
ladder_name(const struct channel_plan *plan, struct ladder_step *step)
{
	bool is_6 = plan->address.ss_family == AF_INET6;
	socklen_t length = is_6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	char host[60];

	if (getnameinfo((const struct sockaddr *)&plan->address, length, host, sizeof(host), NULL, 0,
	    NI_NUMERICHOST) != 0)
		(void)snprintf(host, sizeof(host), "?");
	(void)snprintf(step->peer, sizeof(step->peer), is_6 ? "[%s]:%u" : "%s:%u", host,
	    (unsigned)plan->port.number);
	step->port = plan->port.number;
}

int
ladder_next(struct ladder *ladder, struct deadline deadline, struct channel **channel,
    struct ladder_step *step)
{
	struct channel_plan plan = {.relay = ladder->relay, .timeouts = ladder->timeouts,
	    .secret = ladder->secret, .trust = ladder->trust, .ehlo = ladder->ehlo};
	struct channel *opened;
	size_t addresses;

	if (!ladder->is_resolved && ladder_resolve(ladder, deadline, step) != 0)
		return -1;
	addresses = ladder->resolved.count;
	if (addresses == 0 || ladder->next / addresses >= ladder->relay->port_count)
		return -1;
	memset(step, 0, sizeof(*step));
	plan.address = ladder->resolved.addresses[ladder->next % addresses];
	plan.port = ladder->relay->ports[ladder->next / addresses];
	ladder_name(&plan, step);
	opened = channel_open(&plan, deadline, &step->times, &step->outcome);
	/* the look-up is part of the first candidate's way */
	if (ladder->next++ == 0)
		step->times.ms[STAGE_DNS] = ladder->dns > 0 ? ladder->dns : 1;
	if (opened == NULL)
		return 0;
	*channel = opened;
	return 1;
}

void
ladder_free(struct ladder *ladder)
{
	free(ladder);
}
