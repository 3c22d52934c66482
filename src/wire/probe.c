/*
 * probe: one poll() over all of them.
 */
#include "wire/probe.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

#define PROBE_MAX (2 * CONFIG_PORTS_MAX * RESOLVE_MAX + 8)
#define PROBE_CONTROL_AFTER 700		/* ms without an answer to a connection attempt */
#define PROBE_MODE_AFTER 3000		/* ms of silence: not sooner, since some relays greet late on purpose */

struct probe_one {
	struct probe_result     result;
	struct sockaddr_storage address;	/* without port */
	struct opening         *opening;	/* NULL: over */
	size_t                  of;		/* MODE: the candidate whose other mode it is */
	bool                    has_mode;	/* the other mode was tried */
};

struct probe {
	struct probe_plan plan;
	struct probe_one *ones;
	size_t            count;
	bool              has_control;
	bool              is_taken;
};

static struct probe_one *
probe_add(struct probe *probe, enum probe_kind kind, const struct sockaddr_storage *address, struct relay_port port)
{
	struct probe_one *one = &probe->ones[probe->count];
	struct opening_plan plan = {.relay = probe->plan.relay, .timeouts = probe->plan.timeouts, .trust = probe->plan.trust,
	    .ehlo = probe->plan.ehlo, .address = *address, .port = port, .deadline = probe->plan.deadline};

	if (probe->count == PROBE_MAX)
		return NULL;
	probe->count++;
	one->result.kind = kind;
	one->result.port = port;
	one->result.family = address->ss_family;
	one->address = *address;
	one->opening = opening_new(&plan);
	(void)snprintf(one->result.peer, sizeof(one->result.peer), "%s", opening_peer(one->opening));
	return one;
}

static bool
probe_is_relays(const struct probe *probe, uint16_t number)
{
	for (size_t i = 0; i < probe->plan.relay->port_count; i++)
		if (probe->plan.relay->ports[i].number == number)
			return true;
	return false;
}

/* In the order of ladder. */
struct probe *
probe_new(const struct probe_plan *plan)
{
	struct probe *probe = memory_alloc(sizeof(*probe));
	const struct resolved *resolved = plan->resolved;

	probe->plan = *plan;
	probe->ones = memory_alloc(PROBE_MAX * sizeof(*probe->ones));
	for (size_t shift = 0; shift < resolved->count; shift++)
		for (size_t port = 0; port < plan->relay->port_count; port++)
			(void)probe_add(probe, PROBE_PORT, &resolved->addresses[(port + shift) % resolved->count],
			    plan->relay->ports[port]);
	for (size_t i = 0; i < plan->other_count && resolved->count > 0; i++)
		if (!probe_is_relays(probe, plan->others[i].number))
			(void)probe_add(probe, PROBE_OTHER, &resolved->addresses[0], plan->others[i]);
	return probe;
}

/* ---- the ends of a candidate ---- */

static void
probe_note(struct probe_one *one)
{
	struct probe_result *result = &one->result;

	result->times = *opening_times(one->opening);
	result->sight = *opening_sight(one->opening);
	result->is_connected = opening_stage(one->opening) > STAGE_CONNECT;
}

static void
probe_end(struct probe_one *one)
{
	opening_free(one->opening);
	one->opening = NULL;
	one->result.is_over = true;
}

/* The channel stays with the one that would be used, and with no other: relays count connections. */
static void
probe_secured(struct probe *probe, struct probe_one *one)
{
	int chosen;

	one->result.is_secured = true;
	one->result.is_connected = true;
	chosen = probe_chosen(probe);
	for (size_t i = 0; i < probe->count; i++) {
		struct probe_one *other = &probe->ones[i];

		if (!other->result.is_secured || other->opening == NULL)
			continue;
		if (other == one) {
			const struct channel *channel = opening_channel(one->opening);

			(void)snprintf(one->result.tls, sizeof(one->result.tls), "%s", channel_tls(channel));
			one->result.capabilities = *channel_capabilities(channel);
		}
		if ((int)i != chosen)
			probe_end(other);
	}
	one->result.is_over = true;
}

static void
probe_failed(struct probe_one *one)
{
	one->result.outcome = *opening_outcome(one->opening);
	one->result.is_connected = one->result.outcome.stage > STAGE_CONNECT;
	probe_end(one);
}

/* The other mode was answered: that is what the silence of this one meant. */
static void
probe_explain_mode(struct probe *probe, const struct probe_one *mode)
{
	struct probe_one *one = &probe->ones[mode->of];

	if (one->opening != NULL) {
		probe_note(one);
		probe_end(one);
	}
	outcome_set(&one->result.outcome, VERDICT_DEFERRED, mode->result.port.implicit_tls ? STAGE_GREETING : STAGE_TLS, CAUSE_TLS_MODE,
	    mode->result.port.implicit_tls ? "this port speaks TLS from the first octet: write it as %u/tls in `ports`" :
	    "this port speaks clear text first: write it as %u/starttls in `ports`", (unsigned)mode->result.port.number);
}

/* Something that only the right mode brings about. */
static bool
probe_mode_is_right(const struct probe_result *result)
{
	return result->is_secured || result->sight.certificate.until != 0 || (!result->port.implicit_tls && result->sight.greeting != 0);
}

/* true when it has ended. */
static bool
probe_advance(struct probe *probe, struct probe_one *one)
{
	enum opening_state state = opening_advance(one->opening);

	probe_note(one);
	if (one->result.kind == PROBE_CONTROL && one->result.is_connected && state != OPENING_FAILED) {
		probe_end(one);
		return true;
	}
	if (state == OPENING_SECURED)
		probe_secured(probe, one);
	else if (state == OPENING_FAILED)
		probe_failed(one);
	if (one->result.is_over && one->result.kind == PROBE_MODE && probe_mode_is_right(&one->result))
		probe_explain_mode(probe, one);
	return one->result.is_over;
}

/* ---- those that come later ---- */

static int64_t
probe_waits(const struct probe_one *one)
{
	return deadline_clock() - opening_since(one->opening);
}

static bool
probe_wants_mode(const struct probe_one *one)
{
	enum stage first = one->result.port.implicit_tls ? STAGE_TLS : STAGE_GREETING;

	if (one->result.kind != PROBE_PORT || one->has_mode)
		return false;
	if (one->opening == NULL)
		return one->result.outcome.cause == CAUSE_TLS_MODE;
	return !one->result.is_over && opening_stage(one->opening) == first && probe_waits(one) >= PROBE_MODE_AFTER;
}

static void
probe_start_mode(struct probe *probe, size_t of)
{
	struct probe_one *one = &probe->ones[of], *mode;
	struct relay_port port = one->result.port;

	port.implicit_tls = !port.implicit_tls;
	one->has_mode = true;
	mode = probe_add(probe, PROBE_MODE, &one->address, port);
	if (mode != NULL)
		mode->of = of;
}

static void
probe_start_late_ones(struct probe *probe)
{
	static const struct relay_port web[] = {{443, true}, {80, true}};
	size_t count = probe->count;
	bool is_silent = false;

	for (size_t i = 0; i < count; i++) {
		struct probe_one *one = &probe->ones[i];

		if (probe_wants_mode(one))
			probe_start_mode(probe, i);
		if (one->opening != NULL && !one->result.is_over && opening_stage(one->opening) == STAGE_CONNECT &&
		    probe_waits(one) >= PROBE_CONTROL_AFTER)
			is_silent = true;
	}
	if (!is_silent || probe->has_control)
		return;
	probe->has_control = true;
	for (size_t i = 0; i < sizeof(web) / sizeof(web[0]); i++)
		(void)probe_add(probe, PROBE_CONTROL, &probe->plan.resolved->addresses[0], web[i]);
}

/* ---- the loop ---- */

static size_t
probe_wait(const struct probe *probe, struct deadline moment)
{
	struct pollfd *polls = memory_alloc((probe->count + 1) * sizeof(*polls));
	nfds_t running = 0;

	for (size_t i = 0; i < probe->count; i++) {
		const struct probe_one *one = &probe->ones[i];

		if (one->result.is_over)
			continue;
		moment = deadline_earlier(moment, opening_limit(one->opening));
		polls[running].fd = opening_fd(one->opening);
		polls[running++].events = opening_wants(one->opening);
	}
	if (running > 0)
		(void)poll(polls, running, deadline_poll(moment));
	free(polls);
	return running;
}

bool
probe_go_on(struct probe *probe, int64_t ms)
{
	struct deadline moment = deadline_in(ms);
	bool has_ended = false;

	for (;;) {
		for (size_t i = 0; i < probe->count; i++)
			if (!probe->ones[i].result.is_over && probe_advance(probe, &probe->ones[i]))
				has_ended = true;
		probe_start_late_ones(probe);
		if (has_ended || deadline_passed(moment))
			break;
		/* what comes late is looked for now and then */
		if (probe_wait(probe, deadline_earlier(moment, deadline_in(100))) == 0)
			break;
	}
	for (size_t i = 0; i < probe->count; i++)
		if (!probe->ones[i].result.is_over)
			return true;
	return false;
}

/* ---- what came of it ---- */

size_t
probe_count(const struct probe *probe)
{
	return probe->count;
}

const struct probe_result *
probe_result(const struct probe *probe, size_t i)
{
	return &probe->ones[i].result;
}

int
probe_chosen(const struct probe *probe)
{
	int chosen = -1;

	for (size_t i = 0; i < probe->count; i++) {
		const struct probe_result *result = &probe->ones[i].result;

		if (result->kind != PROBE_PORT || !result->is_secured)
			continue;
		if (result->port.number == probe->plan.hint.port && result->family == probe->plan.hint.family)
			return (int)i;
		if (chosen < 0)
			chosen = (int)i;
	}
	return chosen;
}

struct channel *
probe_take(struct probe *probe)
{
	int chosen = probe_chosen(probe);

	if (chosen < 0 || probe->is_taken || probe->ones[chosen].opening == NULL)
		return NULL;
	probe->is_taken = true;
	return opening_take(probe->ones[chosen].opening);
}

static int64_t
probe_spent(const struct probe_result *result)
{
	int64_t spent = 0;

	for (int stage = STAGE_CONNECT; stage <= STAGE_TLS; stage++)
		spent += result->times.ms[stage];
	return spent;
}

int64_t
probe_next_time(const struct probe *probe)
{
	int chosen = probe_chosen(probe);

	return chosen >= 0 ? probe_spent(&probe->ones[chosen].result) : 0;
}

int64_t
probe_first_time(const struct probe *probe)
{
	int chosen = probe_chosen(probe);
	int64_t lost = 0;

	for (int i = 0; i < chosen; i++) {
		int64_t spent = probe_spent(&probe->ones[i].result);

		/* no later than `race` the next one has started */
		if (probe->ones[i].result.kind == PROBE_PORT && !probe->ones[i].result.is_secured)
			lost += spent < probe->plan.timeouts->race ? spent : probe->plan.timeouts->race;
	}
	return lost + probe_next_time(probe);
}

void
probe_free(struct probe *probe)
{
	if (probe == NULL)
		return;
	for (size_t i = 0; i < probe->count; i++)
		opening_free(probe->ones[i].opening);
	free(probe->ones);
	free(probe);
}
