/*
 * team: see the header.
 */
#include "delivery/team.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/deadline.h"
#include "base/log.h"

struct team_member {
	struct crew       *crew;	/* NULL: the place is free */
	size_t             lane;
	bool               is_busy, is_leaving;
	bool               is_outdated;	/* it leaves since what it has may be wrong */
	struct courier_job job;
	int64_t            since;
	struct deadline    deadline;
};

struct team {
	const char         *config_file;
	bool                secure;
	struct spool       *spool;
	struct spool_watch *watch;
	size_t              lanes;
	size_t              sizes[CONFIG_RELAYS_MAX];	/* of each lane */
	int64_t             patience;
	struct team_member  members[TEAM_MAX];
};

struct team *
team_new(const char *config_file, bool secure, struct spool *spool, struct spool_watch *watch)
{
	struct team *team = memory_alloc(sizeof(*team));

	team->config_file = config_file;
	team->secure = secure;
	team->spool = spool;
	team->watch = watch;
	team->lanes = 1;
	for (size_t i = 0; i < CONFIG_RELAYS_MAX; i++)
		team->sizes[i] = 1;
	return team;
}

static void
team_dismiss(struct team_member *member)
{
	crew_free(member->crew);
	memset(member, 0, sizeof(*member));
}

void
team_free(struct team *team)
{
	if (team == NULL)
		return;
	/* side by side */
	for (size_t i = 0; i < TEAM_MAX; i++)
		if (team->members[i].crew != NULL)
			crew_dismiss(team->members[i].crew);
	for (size_t i = 0; i < TEAM_MAX; i++)
		team_dismiss(&team->members[i]);
	free(team);
}

void
team_set(struct team *team, size_t lanes, int64_t patience)
{
	team->lanes = lanes;
	team->patience = patience;
}

void
team_limit(struct team *team, size_t lane, size_t size)
{
	size_t kept = 0;

	team->sizes[lane] = size;
	for (int busy = 1; busy >= 0; busy--)
		for (size_t i = 0; i < TEAM_MAX; i++) {
			struct team_member *member = &team->members[i];

			if (member->crew == NULL || member->lane != lane || member->is_busy != (busy == 1) || kept++ < size)
				continue;
			if (member->is_busy)
				member->is_leaving = true;
			else
				team_dismiss(member);
		}
}

/* Places that nobody has, and those that an idle courier of another lane would have to leave. */
static size_t
team_places(const struct team *team, size_t lane)
{
	size_t count = 0;

	for (size_t i = 0; i < TEAM_MAX; i++)
		count += team->members[i].crew == NULL || (!team->members[i].is_busy && team->members[i].lane != lane) ? 1 : 0;
	return count;
}

/* With those who are leaving: their connections count until they have left. */
static size_t
team_members(const struct team *team, size_t lane)
{
	size_t count = 0;

	for (size_t i = 0; i < TEAM_MAX; i++)
		count += team->members[i].crew != NULL && team->members[i].lane == lane ? 1 : 0;
	return count;
}

/* A lane's first courier may always be hired: so many places the others leave. */
static bool
team_has_room(const struct team *team, size_t lane)
{
	size_t count = team_members(team, lane), without = 0;

	if (count >= team->sizes[lane])
		return false;
	for (size_t i = 0; count > 0 && i < team->lanes; i++)
		without += team_members(team, i) == 0 ? 1 : 0;
	return team_places(team, lane) > without;
}

static struct team_member *
team_hire(struct team *team, size_t lane)
{
	struct team_member *place = NULL;

	for (size_t i = 0; i < TEAM_MAX; i++) {
		struct team_member *member = &team->members[i];

		if (member->crew == NULL || (place == NULL && !member->is_busy && member->lane != lane))
			place = member;
		if (member->crew == NULL)
			break;
	}
	if (place == NULL)
		return NULL;
	team_dismiss(place);
	place->crew = crew_new(team->config_file, team->secure, team->spool, team->watch);
	place->lane = lane;
	return place->crew != NULL ? place : NULL;
}

static struct team_member *
team_find(struct team *team, size_t lane, bool may_hire)
{
	for (size_t i = 0; i < TEAM_MAX; i++) {
		struct team_member *member = &team->members[i];

		if (member->crew != NULL && !member->is_busy && member->lane == lane)
			return member;
	}
	return may_hire && team_has_room(team, lane) ? team_hire(team, lane) : NULL;
}

bool
team_give(struct team *team, const struct courier_job *job, bool may_hire)
{
	struct team_member *member = team_find(team, job->lane, may_hire);

	if (member == NULL)
		return false;
	if (crew_give(member->crew, job) != 0) {
		team_dismiss(member);
		return false;
	}
	member->is_busy = true;
	member->job = *job;
	member->since = deadline_clock();
	member->deadline = deadline_in(team->patience);
	return true;
}

bool
team_has_idle(const struct team *team, size_t lane)
{
	for (size_t i = 0; i < TEAM_MAX; i++)
		if (team->members[i].crew != NULL && !team->members[i].is_busy && team->members[i].lane == lane)
			return true;
	return false;
}

size_t
team_count(const struct team *team, size_t lane)
{
	size_t count = 0;

	for (size_t i = 0; i < TEAM_MAX; i++)
		count += team->members[i].crew != NULL && team->members[i].lane == lane && !team->members[i].is_leaving ? 1 : 0;
	return count;
}

size_t
team_busy(const struct team *team)
{
	size_t count = 0;

	for (size_t i = 0; i < TEAM_MAX; i++)
		count += team->members[i].is_busy ? 1 : 0;
	return count;
}

size_t
team_free_places(const struct team *team, size_t lane)
{
	size_t busy = 0;

	for (size_t i = 0; i < TEAM_MAX; i++)
		busy += team->members[i].is_busy && team->members[i].lane == lane ? 1 : 0;
	return busy < team->sizes[lane] ? team->sizes[lane] - busy : 0;
}

int64_t
team_longest(const struct team *team, size_t lane)
{
	int64_t longest = 0, now = deadline_clock();

	for (size_t i = 0; i < TEAM_MAX; i++)
		if (team->members[i].is_busy && team->members[i].lane == lane && now - team->members[i].since > longest)
			longest = now - team->members[i].since;
	return longest;
}

void
team_polls(const struct team *team, struct pollfd *polls)
{
	for (size_t i = 0; i < TEAM_MAX; i++)
		polls[i] = (struct pollfd){.fd = team->members[i].is_busy ? crew_fd(team->members[i].crew) : -1, .events = POLLIN};
}

static void
team_lose(struct team_member *member, struct courier_answer *answer)
{
	log_line(LOG_LEVEL_ERROR, "%s: the courier was lost over it", member->job.id);
	memset(answer, 0, sizeof(*answer));
	memcpy(answer->id, member->job.id, sizeof(answer->id));
	answer->lane = member->job.lane;
	answer->result = COURIER_ERROR;
	outcome_set(&answer->outcome, VERDICT_DEFERRED, STAGE_NONE, CAUSE_LOCAL, "the delivery process was lost");
	team_dismiss(member);
}

/* Has this one answered? */
static bool
team_hear(struct team_member *member, struct courier_answer *answer)
{
	struct pollfd ready = {.fd = crew_fd(member->crew), .events = POLLIN};

	if (poll(&ready, 1, 0) <= 0) {
		if (!deadline_passed(member->deadline))
			return false;
		team_lose(member, answer);
		return true;
	}
	if (crew_answer(member->crew, answer) != 0) {
		team_lose(member, answer);
		return true;
	}
	/* what one found with settings of before says nothing of those of now */
	if (member->is_outdated)
		answer->is_common = false;
	if (answer->result == COURIER_EXPECTS || answer->result == COURIER_OPENED)
		return !member->is_outdated;
	member->is_busy = false;
	/* without its nursery it would put off all that comes */
	if (member->is_leaving || (answer->result == COURIER_DEFERRED && answer->outcome.cause == CAUSE_LOCAL))
		team_dismiss(member);
	return true;
}

bool
team_collect(struct team *team, struct courier_answer *answer)
{
	for (size_t i = 0; i < TEAM_MAX; i++)
		if (team->members[i].is_busy && team_hear(&team->members[i], answer))
			return true;
	return false;
}

void
team_renew(struct team *team, size_t lane)
{
	for (size_t i = 0; i < TEAM_MAX; i++) {
		if (team->members[i].crew == NULL || team->members[i].lane != lane)
			continue;
		if (team->members[i].is_busy)
			team->members[i].is_leaving = team->members[i].is_outdated = true;
		else
			team_dismiss(&team->members[i]);
	}
}

void
team_hurry(struct team *team, int64_t ms)
{
	for (size_t i = 0; i < TEAM_MAX; i++)
		team->members[i].deadline = deadline_earlier(team->members[i].deadline, deadline_in(ms));
}
