/*
 * ladder: the order of the candidates and their race.
 *
 * Order: neighbours differ in port and in address, so that neither a blocked port nor a dead address is met twice in a row: (587, a), (465, b),
 * (2525, a), (587, b) ... The addresses come from resolve with their families interleaved. What won the last time goes first.
 */
#include "wire/ladder.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "wire/resolve.h"

#define LADDER_MAX (CONFIG_PORTS_MAX * RESOLVE_MAX)
#define LADDER_ABREAST 24	/* under way at once: as many as `race` starts within `connect` by default, and some */

enum candidate_state {
	CANDIDATE_WAITING,	/* not tried */
	CANDIDATE_RUNNING,
	CANDIDATE_OVERTAKEN,	/* closed, to be told, then WAITING again */
	CANDIDATE_SPENT
};

struct candidate {
	enum candidate_state    state;
	struct sockaddr_storage address;	/* without port */
	struct relay_port       port;
	struct opening         *opening;	/* RUNNING */
	struct ladder_step      overtaken;
};

struct ladder {
	struct ladder_plan plan;
	bool               is_resolved;
	int64_t            dns;		/* ms that the look-up took, until it is booked */
	struct channel    *won;		/* to be told when the overtaken ones are */
	struct ladder_step won_step;
	struct candidate   candidates[LADDER_MAX];
	size_t             count;
};

struct ladder *
ladder_new(const struct ladder_plan *plan)
{
	struct ladder *ladder = memory_alloc(sizeof(*ladder));

	ladder->plan = *plan;
	return ladder;
}

/* ---- order ---- */

static bool
ladder_is_hinted(const struct ladder *ladder, const struct candidate *candidate)
{
	return candidate->port.number == ladder->plan.hint.port && candidate->address.ss_family == ladder->plan.hint.family;
}

/* The first that fits goes to the front; the others keep their order behind it. */
static void
ladder_prefer(struct ladder *ladder)
{
	struct candidate first;

	for (size_t i = 0; i < ladder->count; i++) {
		if (!ladder_is_hinted(ladder, &ladder->candidates[i]))
			continue;
		first = ladder->candidates[i];
		memmove(&ladder->candidates[1], &ladder->candidates[0], i * sizeof(first));
		ladder->candidates[0] = first;
		return;
	}
}

static void
ladder_line_up(struct ladder *ladder, const struct resolved *resolved)
{
	const struct relay *relay = ladder->plan.relay;

	for (size_t shift = 0; shift < resolved->count; shift++) {
		for (size_t port = 0; port < relay->port_count && ladder->count < LADDER_MAX; port++) {
			struct candidate *candidate = &ladder->candidates[ladder->count++];

			candidate->address = resolved->addresses[(port + shift) % resolved->count];
			candidate->port = relay->ports[port];
		}
	}
	ladder_prefer(ladder);
}

static int
ladder_resolve(struct ladder *ladder, struct deadline deadline, struct ladder_step *step)
{
	struct deadline limit = deadline_earlier(deadline_in(ladder->plan.timeouts->dns), deadline);
	int64_t began = deadline_clock(), spent;
	struct resolved resolved;
	int result;

	result = resolve_host(ladder->plan.relay->host, ladder->plan.relay->family, limit, &resolved, &step->outcome);
	spent = deadline_clock() - began;
	ladder->dns = spent > 0 ? spent : 1;
	if (result == 0) {
		ladder->is_resolved = true;
		ladder_line_up(ladder, &resolved);
		return 0;
	}
	(void)snprintf(step->peer, sizeof(step->peer), "%.79s", ladder->plan.relay->host);
	step->times.ms[STAGE_DNS] = ladder->dns;
	return -1;
}

/* ---- race ---- */

static void
ladder_start(struct ladder *ladder, struct candidate *candidate, struct deadline deadline)
{
	struct opening_plan plan = {.relay = ladder->plan.relay, .timeouts = ladder->plan.timeouts, .trust = ladder->plan.trust,
	    .ehlo = ladder->plan.ehlo, .address = candidate->address, .port = candidate->port, .deadline = deadline};

	candidate->opening = opening_new(&plan);
	candidate->state = CANDIDATE_RUNNING;
}

static struct candidate *
ladder_waiting(struct ladder *ladder)
{
	for (size_t i = 0; i < ladder->count; i++)
		if (ladder->candidates[i].state == CANDIDATE_WAITING)
			return &ladder->candidates[i];
	return NULL;
}

/* How long one may be in a stage before it gets company. */
static int64_t
ladder_patience(const struct ladder *ladder)
{
	int64_t race = ladder->plan.timeouts->race, far = 2 * ladder->plan.hint.round_trip;

	return race > far ? race : far;
}

/* Starts the next one when it is time. Gives the moment at which that will be, never when there is none. *running: how many are. */
static struct deadline
ladder_keep_company(struct ladder *ladder, struct deadline deadline, size_t *running)
{
	int64_t race = ladder_patience(ladder);
	struct candidate *next = ladder_waiting(ladder);
	struct deadline moment;
	int64_t moved = 0;

	*running = 0;
	for (size_t i = 0; i < ladder->count; i++) {
		const struct candidate *candidate = &ladder->candidates[i];

		if (candidate->state != CANDIDATE_RUNNING)
			continue;
		++*running;
		if (opening_since(candidate->opening) > moved)
			moved = opening_since(candidate->opening);
	}
	if (next == NULL || *running >= LADDER_ABREAST || deadline_passed(deadline))
		return deadline_never();
	moment.at = moved + race;
	if (*running > 0 && !deadline_passed(moment))
		return moment;
	ladder_start(ladder, next, deadline);
	++*running;
	return deadline_in(race);
}

static void
ladder_wait(struct ladder *ladder, struct deadline moment)
{
	struct pollfd polls[LADDER_ABREAST];
	nfds_t count = 0;

	for (size_t i = 0; i < ladder->count && count < LADDER_ABREAST; i++) {
		const struct candidate *candidate = &ladder->candidates[i];

		if (candidate->state != CANDIDATE_RUNNING)
			continue;
		moment = deadline_earlier(moment, opening_limit(candidate->opening));
		polls[count].fd = opening_fd(candidate->opening);
		polls[count].events = opening_wants(candidate->opening);
		polls[count++].revents = 0;
	}
	/* whoever is ready is found by trying */
	(void)poll(polls, count, deadline_poll(moment));
}

/* ---- events ---- */

static void
ladder_report(struct ladder *ladder, const struct candidate *candidate, struct ladder_step *step)
{
	memset(step, 0, sizeof(*step));
	(void)snprintf(step->peer, sizeof(step->peer), "%s", opening_peer(candidate->opening));
	step->port = candidate->port.number;
	step->family = candidate->address.ss_family;
	step->outcome = *opening_outcome(candidate->opening);
	step->times = *opening_times(candidate->opening);
	/* the look-up is part of the way of whoever is told first */
	step->times.ms[STAGE_DNS] = ladder->dns;
	ladder->dns = 0;
}

static void
ladder_end_candidate(struct candidate *candidate, enum candidate_state state)
{
	opening_free(candidate->opening);
	candidate->opening = NULL;
	candidate->state = state;
}

static void
ladder_overtake(struct ladder *ladder, struct candidate *candidate)
{
	int64_t spent = deadline_clock() - opening_since(candidate->opening);
	enum stage stage = opening_stage(candidate->opening);

	ladder_report(ladder, candidate, &candidate->overtaken);
	candidate->overtaken.times.ms[stage] += spent > 0 ? spent : 1;
	/* who was getting on has done nothing wrong */
	if (spent < ladder_patience(ladder))
		outcome_set(&candidate->overtaken.outcome, VERDICT_DEFERRED, stage, CAUSE_NONE, "slower than another");
	else
		outcome_set(&candidate->overtaken.outcome, VERDICT_DEFERRED, stage,
		    stage == STAGE_CONNECT ? CAUSE_CONNECT_TIMEOUT : CAUSE_SILENCE, "no answer for %.1f s", (double)spent / 1000);
	ladder_end_candidate(candidate, CANDIDATE_OVERTAKEN);
}

static void
ladder_win(struct ladder *ladder, struct candidate *winner)
{
	ladder_report(ladder, winner, &ladder->won_step);
	ladder->won = opening_take(winner->opening);
	ladder_end_candidate(winner, CANDIDATE_SPENT);
	for (size_t i = 0; i < ladder->count; i++)
		if (ladder->candidates[i].state == CANDIDATE_RUNNING)
			ladder_overtake(ladder, &ladder->candidates[i]);
}

/* What is to be told after a win: first who was overtaken, then who won. */
static enum ladder_event
ladder_tell_win(struct ladder *ladder, struct channel **channel, struct ladder_step *step)
{
	for (size_t i = 0; i < ladder->count; i++) {
		struct candidate *candidate = &ladder->candidates[i];

		if (candidate->state != CANDIDATE_OVERTAKEN)
			continue;
		*step = candidate->overtaken;
		candidate->state = CANDIDATE_WAITING;
		return step->event = LADDER_OVERTAKEN;
	}
	*step = ladder->won_step;
	*channel = ladder->won;
	ladder->won = NULL;
	return step->event = LADDER_SECURED;
}

/* Lets everybody go as far as it can. true: there is something to tell (a failure is in *step). */
static bool
ladder_advance(struct ladder *ladder, struct ladder_step *step)
{
	for (size_t i = 0; i < ladder->count; i++) {
		struct candidate *candidate = &ladder->candidates[i];

		if (candidate->state != CANDIDATE_RUNNING)
			continue;
		switch (opening_advance(candidate->opening)) {
		case OPENING_UNDER_WAY:
			break;
		case OPENING_SECURED:
			ladder_win(ladder, candidate);
			return true;
		case OPENING_FAILED:
			ladder_report(ladder, candidate, step);
			step->event = LADDER_FAILED;
			ladder_end_candidate(candidate, CANDIDATE_SPENT);
			return true;
		}
	}
	return false;
}

enum ladder_event
ladder_next(struct ladder *ladder, struct deadline deadline, struct channel **channel, struct ladder_step *step)
{
	if (!ladder->is_resolved && ladder_resolve(ladder, deadline, step) != 0)
		return step->event = LADDER_UNRESOLVED;
	for (;;) {
		struct deadline moment;
		size_t running;

		if (ladder->won != NULL)
			return ladder_tell_win(ladder, channel, step);
		moment = ladder_keep_company(ladder, deadline, &running);
		if (running == 0)
			return LADDER_END;
		if (ladder_advance(ladder, step)) {
			if (ladder->won == NULL)
				return LADDER_FAILED;
			continue;
		}
		ladder_wait(ladder, moment);
	}
}

void
ladder_free(struct ladder *ladder)
{
	if (ladder == NULL)
		return;
	channel_close(ladder->won);
	for (size_t i = 0; i < ladder->count; i++)
		opening_free(ladder->candidates[i].opening);
	free(ladder);
}
