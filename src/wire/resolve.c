/*
 * resolve: waits for the look-up until the deadline, and says what went wrong in words that tell what to do. Order of
 * families: RFC 8305 section 4.
 */
#include "wire/resolve.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/provider.h"
#include "wire/lookup.h"

#define RESOLVE_RCODE_SERVFAIL 2	/* RFC 1035 section 4.1.1 */
#define RESOLVE_RCODE_REFUSED 5

/* The look-up, and a second one that asks for IPv4 alone: getaddrinfo() gives nothing until both families are
 * answered, and there are middleboxes that drop the one question and let the other pass. */
struct resolve_race {
	struct lookup   whole, four;
	struct deadline second;		/* when `four` starts; never, when it does not */
	bool            is_done, is_four_done;
	int             result;		/* of `whole`: lookup_read() */
};

static int
resolve_family(enum relay_family family)
{
	return family == RELAY_FAMILY_4 ? AF_INET : family == RELAY_FAMILY_6 ? AF_INET6 : AF_UNSPEC;
}

static int
resolve_fail(struct outcome *outcome, enum cause cause, const char *host, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static int
resolve_fail(struct outcome *outcome, enum cause cause, const char *host, const char *format, ...)
{
	char why[384];
	va_list arguments;

	va_start(arguments, format);
	if (vsnprintf(why, sizeof(why), format, arguments) < 0)
		why[0] = '\0';
	va_end(arguments);
	outcome_set(outcome, VERDICT_DEFERRED, STAGE_DNS, cause, "%.100s: %s", host, why);
	return -1;
}

/* The name does not exist. When it is a provider's it does, though: then somebody on the way lies. */
static int
resolve_no_such_name(const struct lookup_answer *answer, const char *host, struct outcome *outcome)
{
	const struct provider *provider = provider_of_host(host);
	char nearest[PROVIDER_TEXT_MAX];

	if (provider != NULL)
		return resolve_fail(outcome, CAUSE_RESOLVER, host,
		    "no such name here, though it is the relay of %s: the resolver (%s), nsswitch.conf or this network is wrong",
		    provider->name, answer->resolvers);
	if (provider_nearest_host(host, nearest, sizeof(nearest)) != NULL)
		return resolve_fail(outcome, CAUSE_NO_SUCH_NAME, host, "no such name; did you mean %s?", nearest);
	return resolve_fail(outcome, CAUSE_NO_SUCH_NAME, host, "no such name");
}

static int
resolve_no_address(const struct lookup_answer *answer, const char *host, int family, struct outcome *outcome)
{
	if (answer->is_blocked)
		return resolve_fail(outcome, CAUSE_RESOLVER, host,
		    "the answer is 0.0.0.0 or ::, so the name is blocked by the resolver (%s) or in /etc/hosts", answer->resolvers);
	if (family == AF_UNSPEC)
		return resolve_fail(outcome, CAUSE_NO_ADDRESS, host, "the name exists, but has no address: is it a mail domain?");
	return resolve_fail(outcome, CAUSE_NO_ADDRESS, host, "no IPv%c address, as `family = %c` wants it%s%s",
	    family == AF_INET ? '4' : '6', family == AF_INET ? '4' : '6', answer->other[0] != '\0' ? "; there is " : "",
	    answer->other);
}

static int
resolve_no_answer(const struct lookup_answer *answer, const char *host, struct outcome *outcome)
{
	if (answer->state == LOOKUP_UNREACHABLE)
		return resolve_fail(outcome, CAUSE_RESOLVER, host, "the resolver (%s) can't be reached: %s", answer->resolvers,
		    strerror(answer->code));
	if (answer->state == LOOKUP_SILENT)
		return resolve_fail(outcome, CAUSE_RESOLVER, host, "the resolver (%s) does not answer", answer->resolvers);
	if (answer->state == LOOKUP_ANSWERED && answer->code == RESOLVE_RCODE_SERVFAIL)
		return resolve_fail(outcome, CAUSE_RESOLVER, host, "the resolver (%s) answers that it can't find out (SERVFAIL)",
		    answer->resolvers);
	if (answer->state == LOOKUP_ANSWERED && answer->code == RESOLVE_RCODE_REFUSED)
		return resolve_fail(outcome, CAUSE_RESOLVER, host, "the resolver (%s) refuses to answer us (REFUSED)",
		    answer->resolvers);
	return resolve_fail(outcome, CAUSE_RESOLVER, host, "%s (resolver %s)", gai_strerror(answer->error), answer->resolvers);
}

static int
resolve_error(const struct lookup_answer *answer, const char *host, int family, struct outcome *outcome)
{
	switch (answer->error) {
	case EAI_NONAME:
	case EAI_NODATA:
	case EAI_ADDRFAMILY:
		if (answer->error != EAI_NONAME || answer->other[0] != '\0')
			return resolve_no_address(answer, host, family, outcome);
		return resolve_no_such_name(answer, host, outcome);
	case EAI_MEMORY:
		return resolve_fail(outcome, CAUSE_LOCAL, host, "%s", gai_strerror(answer->error));
	case EAI_SYSTEM:
		return resolve_fail(outcome, CAUSE_RESOLVER, host, "%s", strerror(answer->system_error));
	default:
		return resolve_no_answer(answer, host, outcome);
	}
}

/* First, other family, first, other ...; within a family the order stays. */
static void
resolve_interleave(const struct resolved *from, struct resolved *to)
{
	sa_family_t first = from->addresses[0].ss_family;
	size_t next[2] = {0, 0};

	to->count = 0;
	for (int turn = 0; to->count < from->count; turn = !turn) {
		size_t *at = &next[turn];

		while (*at < from->count && (from->addresses[*at].ss_family == first) != (turn == 0))
			(*at)++;
		if (*at < from->count)
			to->addresses[to->count++] = from->addresses[(*at)++];
	}
}

static bool
resolve_has_addresses(const struct lookup *lookup)
{
	return lookup->answer.error == 0 && lookup->answer.resolved.count > 0;
}

/* Until the one or the other gave addresses, or the whole one its failure with no second one under way. */
static bool
resolve_is_over(const struct resolve_race *race)
{
	if (race->is_four_done && resolve_has_addresses(&race->four))
		return true;
	if (!race->is_done)
		return false;
	return race->result != 1 || resolve_has_addresses(&race->whole) || race->four.pid == 0 || race->is_four_done;
}

/* One wait. 0, or -1 when time is up. */
static int
resolve_turn(struct resolve_race *race, const char *host, struct deadline deadline)
{
	struct pollfd waits[2] = {
		{.fd = race->is_done ? -1 : race->whole.fd, .events = POLLIN},
		{.fd = race->four.pid == 0 || race->is_four_done ? -1 : race->four.fd, .events = POLLIN},
	};
	int ready = poll(waits, 2, deadline_poll(deadline_earlier(deadline, race->second)));

	if (ready < 0 && errno != EINTR)
		return -1;
	if (ready > 0 && waits[0].revents != 0) {
		race->result = lookup_read(&race->whole);
		race->is_done = race->result != 0;
	}
	if (ready > 0 && waits[1].revents != 0)
		race->is_four_done = lookup_read(&race->four) != 0;
	if (deadline_passed(race->second)) {
		race->second = deadline_never();
		(void)lookup_start(&race->four, host, AF_INET, deadline);
	}
	return ready == 0 && deadline_passed(deadline) ? -1 : 0;
}

static int
resolve_died(int status, const char *host, struct outcome *outcome)
{
	if (status != -1 && WIFSIGNALED(status))
		return resolve_fail(outcome, CAUSE_LOCAL, host, "the helper that resolves names was killed by signal %d",
		    WTERMSIG(status));
	return resolve_fail(outcome, CAUSE_LOCAL, host, "the helper that resolves names ended without an answer");
}

/* 0 and *answer, -1 and *outcome. */
static int
resolve_ask(const char *host, int family, struct deadline deadline, struct lookup_answer *answer,
    struct outcome *outcome)
{
	struct resolve_race race = {.second = deadline_never()};
	int64_t began = deadline_clock();
	bool is_late = false;
	int status;

	if (lookup_start(&race.whole, host, family, deadline) != 0)
		return resolve_fail(outcome, CAUSE_LOCAL, host, "no process to resolve names: %s", strerror(errno));
	if (family == AF_UNSPEC && deadline.at != deadline_never().at && deadline.at > began)
		race.second = deadline_in((deadline.at - began) / 3);
	while (!is_late && !resolve_is_over(&race))
		is_late = resolve_turn(&race, host, deadline) != 0;
	(void)lookup_end(&race.four);
	status = lookup_end(&race.whole);
	if (race.is_four_done && !(race.is_done && resolve_has_addresses(&race.whole)) && resolve_has_addresses(&race.four)) {
		*answer = race.four.answer;
		return 0;
	}
	*answer = race.whole.answer;
	if (race.is_done && race.result == 1)
		return 0;
	if (is_late)
		return resolve_fail(outcome, CAUSE_RESOLVER, host, "no answer from the resolver (%s) within %.1f s",
		    answer->resolvers[0] != '\0' ? answer->resolvers : "unknown", (double)(deadline_clock() - began) / 1000);
	return resolve_died(status, host, outcome);
}

int
resolve_host(const char *host, enum relay_family family, struct deadline deadline, struct resolved *resolved,
    struct outcome *outcome)
{
	struct lookup_answer answer = {.error = 0};
	int wanted = resolve_family(family);

	if (lookup_literal(host, &answer.resolved)) {
		if (answer.resolved.count == 0 ||
		    (wanted != AF_UNSPEC && answer.resolved.addresses[0].ss_family != wanted))
			return resolve_fail(outcome, CAUSE_NO_ADDRESS, host, "the address %s",
			    answer.resolved.count == 0 ? "stands for no host" : "does not fit `family`");
		*resolved = answer.resolved;
		return 0;
	}
	if (resolve_ask(host, wanted, deadline, &answer, outcome) != 0)
		return -1;
	if (answer.error != 0)
		return resolve_error(&answer, host, wanted, outcome);
	if (answer.resolved.count == 0 || answer.resolved.count > RESOLVE_MAX)
		return resolve_no_address(&answer, host, wanted, outcome);
	resolve_interleave(&answer.resolved, resolved);
	return 0;
}
