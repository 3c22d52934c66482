/*
 * runner: scan, serve, wait, leave.
 *
 *	start	take the lock, open the FIFO, scan
 *	serve	hand out what is due (schedule) to couriers (team); look at what is new whenever poked
 *	wait	for a poke, for `linger` at most (a service: for the next due time)
 *	leave	close the FIFO, drop the lock, scan once more; when something is due, start again
 *
 * A caller commits before it pokes, and we scan after we let go: one of the two sees the message.
 * SIGTERM: what is under way gets 5 s, no other is begun.
 *
 * One courier to begin with: others are hired when mail has piled up or it is held up, and when it has reached the relay and logged in: a wrong
 * password is tried once, not once a courier. Where it expects that the login is taken, since the last one was, some may try at once, as may
 * those at work when the password file is changed under them.
 *
 * Where there are several relays, the mail that begins at one of them is a lane, with couriers of its own, so that a relay that is down or slow
 * holds up no mail of another. What a relay's fallback is the courier knows.
 */
#include "delivery/runner.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/log.h"
#include "base/relay.h"
#include "delivery/digest.h"
#include "delivery/policy.h"
#include "delivery/schedule.h"
#include "delivery/team.h"

#define RUNNER_LAST_MS 5000	/* for what is under way when we are told to end */
#define RUNNER_GRACE_MS 60000	/* behind the courier's own deadline */
#define RUNNER_NAP_MS  30000	/* a service looks at the clock, and stamps, at least this often: half of what callers call stale */
#define RUNNER_LOCK_MS 1000	/* for another runner to begin or to leave */
#define RUNNER_LOCK_TICK_MS 10
#define RUNNER_IDLE_SHIFTS 3	/* so often for new mail that it can't get hold of, then it is the timer's */
#define RUNNER_BACKLOG 4	/* messages a courier that are worth a further connection, with its handshake and login */
#define RUNNER_EXPECTED 3	/* couriers that may try at once a login that is expected to be taken */
#define RUNNER_HELD_UP_MS 1000	/* a message under way for so long is worth one, too */
#define RUNNER_LOOK_SHARE 4	/* of the time, a fifth at most goes into looking for new mail */
#define RUNNER_LOOK_ALL_SHARE 20	/* and less into looking at all that is known: for what people did to it */
#define RUNNER_SWEEP_MS (60 * 60 * 1000)
#define RUNNER_STALE_S 60	/* without a sign of life another runner is no reason to leave */

/* Mail that begins at one relay. */
struct runner_lane {
	bool is_proven;		/* a courier has reached a relay and logged in */
	bool is_expected;	/* a courier is about to, and the last one that did could */
	bool is_slowed;		/* a relay asked us to slow down */
	bool is_down;		/* what was tried last says that others would be put off, too */
	bool is_doubtful;	/* what the couriers have may be what is wrong: the next pass gets new ones */
};

struct runner {
	struct spool                *spool;
	const struct runner_options *options;
	struct spool_watch          *watch;	/* NULL in a flush */
	struct team                 *team;
	struct schedule             *schedule;
	struct config                config;	/* CONFIG_SUBMIT: no secret in it */
	struct timespec              config_changed;
	int                          signals;	/* signalfd */
	struct runner_lane           lanes[CONFIG_RELAYS_MAX];
	size_t                       lane_count;
	bool                         is_poked;
	bool                         ending;
	unsigned                     pass;
	size_t                       served;	/* messages, in this shift */
	int64_t                      look_all_again;	/* no look at all of it before, ms */
	bool                         owes_look;	/* a poke was answered with a look at what is new alone */
	int64_t                      swept;	/* when, ms */
	int64_t                      look_again;	/* no look for new mail before */
	struct runner_count         *count;	/* NULL but in a flush */
	bool                         print;
	bool                         only_reports;	/* of our own: what else is new has its own runner */
};

/* An upgrade put another file under our name: the one we run has no name any more. */
static bool
runner_was_replaced(void)
{
	struct stat now;

	return stat("/proc/self/exe", &now) == 0 && now.st_nlink == 0;
}

static void
runner_renew_lane(struct runner *runner, size_t lane)
{
	if (runner->team != NULL)
		team_renew(runner->team, lane);
	runner->lanes[lane].is_doubtful = false;
	runner->lanes[lane].is_proven = runner->lanes[lane].is_expected = false;
}

static void
runner_size_lane(struct runner *runner, size_t lane)
{
	size_t size = runner->lanes[lane].is_slowed ? 1 : (size_t)runner->config.connections;

	team_limit(runner->team, lane, size > 0 ? size : 1);
}

/* Settings that changed since they were read are read again, and by new couriers. The runner itself reads only what
 * holds no secret: its children are forked from this memory. */
static void
runner_refresh(struct runner *runner)
{
	const struct runner_options *options = runner->options;
	struct config config;
	struct outcome outcome;
	struct stat now;

	memset(&now, 0, sizeof(now));
	(void)stat(options->config_file, &now);
	/* not the time of writing: chmod and rename mend, too */
	if (runner->team != NULL && now.st_ctim.tv_sec == runner->config_changed.tv_sec &&
	    now.st_ctim.tv_nsec == runner->config_changed.tv_nsec)
		return;
	/* of relays that are there no more, too */
	for (size_t i = 0; i < CONFIG_RELAYS_MAX; i++)
		runner_renew_lane(runner, i);
	runner->config_changed = now.st_ctim;
	/* what can't be read is the couriers' to complain of; until it is mended the old ones say how long things are kept */
	if (config_load(options->config_file, CONFIG_SUBMIT, options->secure, &config, &outcome) == 0) {
		config_free(&runner->config);
		runner->config = config;
		log_open(runner->config.log_to, runner->config.log_level, "mailcrane");
	}
	if (runner->team == NULL)
		runner->team = team_new(options->config_file, options->secure, runner->spool, runner->watch);
	runner->lane_count = relay_count(&runner->config);
	schedule_set_relays(runner->schedule, &runner->config);
	team_set(runner->team, runner->lane_count, runner->config.timeouts.attempt + RUNNER_GRACE_MS);
	for (size_t i = 0; i < runner->lane_count; i++)
		runner_size_lane(runner, i);
}

/* Looks for a signal, without waiting. */
static bool
runner_told_to_end(struct runner *runner)
{
	struct signalfd_siginfo info;

	if (runner->ending || read(runner->signals, &info, sizeof(info)) <= 0)
		return runner->ending;
	runner->ending = true;
	if (runner->team != NULL)
		team_hurry(runner->team, RUNNER_LAST_MS);
	return true;
}

static void
runner_want_lane(const struct runner *runner, size_t lane, struct schedule_want *want)
{
	const struct runner_lane *state = &runner->lanes[lane];

	/* would meet the same, at the price of a sync each; but who waits wants to hear it, and who is overdue has waited enough */
	want->lanes[lane].only_awaited = state->is_down && !want->all;
	want->lanes[lane].no_suspect = runner->config.connections > 1 && !state->is_slowed && (state->is_proven || state->is_expected) && runner->team != NULL &&
	    team_free_places(runner->team, lane) == 1;
}

/* What may be served now. */
static struct schedule_want
runner_want(const struct runner *runner)
{
	struct schedule_want want = {.all = runner->count != NULL, .horizon = policy_backoff_most(&runner->config)};

	for (size_t i = 0; i < runner->lane_count; i++)
		runner_want_lane(runner, i, &want);
	want.overdue = runner->config.lifetime > 0 ? time(NULL) - (time_t)(runner->config.lifetime / 1000) : 0;
	want.only_own = runner->options->only_own;
	want.only_reports = runner->only_reports;
	want.own = getuid();
	return want;
}

static bool
runner_may_hire(struct runner *runner, const struct schedule_want *want, size_t lane)
{
	const struct runner_lane *state = &runner->lanes[lane];
	size_t count = team_count(runner->team, lane);

	if (count == 0)
		return team_free_places(runner->team, lane) > 0;
	if (!state->is_proven && !(state->is_expected && count < RUNNER_EXPECTED))
		return false;
	if (state->is_slowed || state->is_down || team_free_places(runner->team, lane) == 0)
		return false;
	if (team_longest(runner->team, lane) >= RUNNER_HELD_UP_MS)
		return schedule_left(runner->schedule, want, lane, 1) > 0;
	return schedule_left(runner->schedule, want, lane, RUNNER_BACKLOG * count) >= RUNNER_BACKLOG * count;
}

/* Opens the lanes in which there is or may be a courier for more; may_hire[] says for each if a new one may be had. false: none. */
static bool
runner_open_lanes(struct runner *runner, struct schedule_want *want, bool may_hire[CONFIG_RELAYS_MAX])
{
	bool is_any = false;

	for (size_t i = 0; i < CONFIG_RELAYS_MAX; i++) {
		/* of relays that are gone from the settings: until the next look */
		may_hire[i] = i < runner->lane_count && runner_may_hire(runner, want, i);
		want->lanes[i].is_closed = !may_hire[i] && !team_has_idle(runner->team, i);
		is_any = is_any || !want->lanes[i].is_closed;
	}
	return is_any;
}

static void
runner_count_answer(struct runner_count *count, const struct courier_answer *answer)
{
	switch (answer->result) {
	case COURIER_FINISHED:
		count->finished++;
		break;
	case COURIER_DEFERRED:
		count->deferred++;
		break;
	case COURIER_BUSY:
		count->busy++;
		break;
	case COURIER_GONE:
	case COURIER_EXPECTS:
	case COURIER_OPENED:
		/* somebody else delivered it, or its caller took it back */
		break;
	case COURIER_DAMAGED:
	case COURIER_ERROR:
		count->other++;
		break;
	}
}

/* Did it fail for what the next one would meet, too? One line in the log says enough. Not a full disk: states are written in place. */
static bool
runner_is_read_only(const struct runner *runner)
{
	struct outcome outcome;

	if (spool_probe(runner->spool, &outcome) == 0 || errno != EROFS)
		return false;
	log_line(LOG_LEVEL_ERROR, "nothing can be sent: %s", outcome.text);
	return true;
}

static void
runner_print_answer(const struct courier_answer *answer)
{
	bool is_delivered = answer->outcome.verdict == VERDICT_DELIVERED;

	if (answer->result == COURIER_BUSY)
		printf("%s under way\n", answer->id);
	else if (answer->result == COURIER_ERROR)
		printf("%s stays in the queue: %s\n", answer->id, answer->outcome.text);
	else if (answer->result != COURIER_GONE)
		printf("%s %s%s%s\n", answer->id, verdict_name(answer->outcome.verdict), is_delivered ? "" : ": ",
		    is_delivered ? "" : answer->outcome.text);
}

static void
runner_take_answer(struct runner *runner, const struct courier_answer *answer)
{
	bool is_deferred = answer->result == COURIER_DEFERRED;
	size_t number = answer->lane < CONFIG_RELAYS_MAX ? answer->lane : 0;
	struct runner_lane *lane = &runner->lanes[number];

	if (answer->result == COURIER_EXPECTS) {
		lane->is_expected = true;
		return;
	}
	if (answer->result == COURIER_OPENED) {
		lane->is_proven = true;
		lane->is_slowed = answer->is_slowed;
		runner_size_lane(runner, number);
		return;
	}
	schedule_done(runner->schedule, runner->spool, answer->id);
	if (answer->result == COURIER_ERROR && runner_is_read_only(runner))
		lane->is_down = true;
	if (answer->result == COURIER_FINISHED || is_deferred) {
		runner->served++;
		lane->is_down = is_deferred && answer->is_common;
		lane->is_doubtful = lane->is_doubtful || lane->is_down;
		if (lane->is_slowed != answer->is_slowed) {
			lane->is_slowed = answer->is_slowed;
			runner_size_lane(runner, number);
		}
	}
	if (runner->count == NULL)
		return;
	runner_count_answer(runner->count, answer);
	if (runner->print)
		runner_print_answer(answer);
}

/* Gives to each free courier what it can do. */
static void
runner_hand_out(struct runner *runner)
{
	while (!runner_told_to_end(runner)) {
		const struct schedule_item *item;
		struct schedule_want want;
		struct courier_answer lost;
		struct courier_job job;
		bool may_hire[CONFIG_RELAYS_MAX];

		runner_refresh(runner);
		want = runner_want(runner);
		if (!runner_open_lanes(runner, &want, may_hire))
			return;
		item = schedule_take(runner->schedule, &want);
		if (item == NULL)
			return;
		memset(&job, 0, sizeof(job));
		memcpy(job.id, item->id, sizeof(job.id));
		job.attempts = item->attempts;
		job.pass = runner->pass;
		job.lane = item->lane;
		job.is_unproven = !runner->lanes[item->lane].is_proven;
		job.flush = want.all;
		/* an idle one may have died: the next may be hired */
		if (team_give(runner->team, &job, may_hire[job.lane]) || team_give(runner->team, &job, true))
			continue;
		log_line(LOG_LEVEL_ERROR, "%s: no process to deliver it", job.id);
		memset(&lost, 0, sizeof(lost));
		memcpy(lost.id, job.id, sizeof(lost.id));
		lost.lane = job.lane;
		lost.result = COURIER_ERROR;
		outcome_set(&lost.outcome, VERDICT_DEFERRED, STAGE_NONE, CAUSE_LOCAL, "no process to deliver it");
		runner_take_answer(runner, &lost);
		/* nor for the next, unless somebody waits for it */
		runner->lanes[job.lane].is_down = true;
	}
}

/* New mail: at once, but with many messages in the queue a look at their names takes time. */
static void
runner_look(struct runner *runner)
{
	int64_t began = deadline_clock(), took;
	bool everything = began >= runner->look_all_again;
	struct outcome outcome;

	if (began < runner->look_again)
		return;
	if (schedule_refresh(runner->schedule, runner->spool, everything, &outcome) != 0)
		log_line(LOG_LEVEL_ERROR, "%s", outcome.text);
	took = deadline_clock() - began;
	runner->look_again = began + took + took * RUNNER_LOOK_SHARE;
	if (everything)
		runner->look_all_again = began + took + took * RUNNER_LOOK_ALL_SHARE;
	runner->owes_look = !everything;
	runner->is_poked = false;
}

/* Until a courier has answered, or somebody has poked, or it is time to hire. */
static void
runner_await(struct runner *runner)
{
	struct pollfd polls[TEAM_MAX + 2];
	struct courier_answer answer;
	int wait = runner->is_poked ? RUNNER_LOCK_TICK_MS : RUNNER_HELD_UP_MS;

	team_polls(runner->team, polls);
	polls[TEAM_MAX] = (struct pollfd){.fd = runner->ending ? -1 : runner->signals, .events = POLLIN};
	polls[TEAM_MAX + 1] = (struct pollfd){.fd = runner->watch != NULL && !runner->is_poked ? spool_watch_fd(runner->watch) : -1,
	    .events = POLLIN};
	if (poll(polls, TEAM_MAX + 2, wait) < 0)
		for (size_t i = 0; i < TEAM_MAX + 2; i++)
			polls[i].revents = 0;
	if (runner->watch != NULL)
		spool_watch_stamp(runner->watch);
	if (polls[TEAM_MAX].revents != 0)
		(void)runner_told_to_end(runner);
	if (polls[TEAM_MAX + 1].revents != 0) {
		spool_watch_drain(runner->watch);
		runner->is_poked = true;
	}
	while (team_collect(runner->team, &answer))
		runner_take_answer(runner, &answer);
	if (runner->is_poked && !runner->ending)
		runner_look(runner);
}

/* Until nothing more is to be had. */
static void
runner_serve(struct runner *runner)
{
	for (;;) {
		runner_hand_out(runner);
		if (team_busy(runner->team) == 0 && (!runner->is_poked || runner->ending))
			break;
		runner_await(runner);
	}
}

/* The reports that the couriers have put into the queue meanwhile, by one whom nobody can poke for them. Once is enough: no report has a report. */
static void
runner_serve_reports(struct runner *runner)
{
	struct outcome outcome;

	if (schedule_refresh(runner->schedule, runner->spool, false, &outcome) != 0) {
		log_line(LOG_LEVEL_ERROR, "%s", outcome.text);
		return;
	}
	runner->only_reports = true;
	runner_serve(runner);
	runner->only_reports = false;
}

/* One pass over what is due, and what comes meanwhile. */
static void
runner_pass(struct runner *runner)
{
	runner->pass++;
	for (size_t i = 0; i < CONFIG_RELAYS_MAX; i++) {
		runner->lanes[i].is_down = false;
		if (runner->lanes[i].is_doubtful)
			runner_renew_lane(runner, i);
	}
	runner_refresh(runner);
	schedule_begin_pass(runner->schedule);
	runner->look_again = 0;
	runner_look(runner);
	runner_serve(runner);
	if (runner->watch == NULL || spool_watch_fd(runner->watch) < 0)
		runner_serve_reports(runner);
}

/* A caller waits that perhaps poked us while we left. */
static bool
runner_something_new(struct runner *runner)
{
	struct schedule_want want = runner_want(runner);
	struct outcome outcome;

	if (schedule_refresh(runner->schedule, runner->spool, false, &outcome) != 0)
		return false;
	want.overdue = 0;
	schedule_begin_pass(runner->schedule);
	for (size_t i = 0; i < CONFIG_RELAYS_MAX; i++) {
		want.lanes[i].only_awaited = true;
		if (schedule_left(runner->schedule, &want, i, 1) > 0)
			return true;
	}
	return false;
}

/* A service needs one courier a lane while there is nothing to do; when mail comes again, the password may be another. */
static void
runner_rest_team(struct runner *runner)
{
	for (size_t i = 0; i < runner->lane_count; i++) {
		runner->lanes[i].is_proven = runner->lanes[i].is_expected = false;
		team_limit(runner->team, i, 1);
		runner_size_lane(runner, i);
	}
}

/* true: poked, or something falls due; false: time to leave. */
static bool
runner_wait(struct runner *runner)
{
	struct deadline deadline = deadline_in(runner->options->no_linger ? 0 : runner->config.linger);

	if (runner->options->foreground) {
		time_t next = schedule_next_due(runner->schedule);
		int64_t until = next == 0 ? RUNNER_NAP_MS : (int64_t)(next - time(NULL)) * 1000;

		deadline = deadline_in(until > RUNNER_NAP_MS ? RUNNER_NAP_MS : until);
	}
	/* who poked may have changed what was known already */
	if (runner->owes_look)
		deadline = deadline_in(runner->look_all_again - deadline_clock());
	while (!runner->ending) {
		struct pollfd polls[2] = {
			{.fd = spool_watch_fd(runner->watch), .events = POLLIN},
			{.fd = runner->signals, .events = POLLIN},
		};
		int n = poll(polls, 2, deadline_poll(deadline));

		spool_watch_stamp(runner->watch);
		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0 && polls[1].revents != 0 && runner_told_to_end(runner))
			return false;
		if (n > 0 && polls[0].revents != 0) {
			spool_watch_drain(runner->watch);
			return true;
		}
		if (n == 0 && !runner->owes_look && runner->options->foreground)
			runner_rest_team(runner);
		if (n == 0)
			return runner->options->foreground || runner->owes_look;
	}
	return false;
}

static void
runner_sweep(struct runner *runner)
{
	int64_t now = deadline_clock();
	/* without settings nothing is too old */
	time_t keep = runner->config.file != NULL ? (time_t)(runner->config.keep_failed / 1000) : SPOOL_NEVER;
	size_t gone;

	if (runner->swept != 0 && now - runner->swept < RUNNER_SWEEP_MS)
		return;
	runner->swept = now;
	if (!runner->options->only_own)
		digest_send(runner->spool, &runner->config);
	gone = spool_sweep(runner->spool, keep);
	if (gone > 0)
		log_line(LOG_LEVEL_INFO, "%zu message%s given up more than keep_failed ago removed", gone, gone == 1 ? "" : "s");
}

/* From lock to lock. */
static void
runner_shift(struct runner *runner)
{
	runner_refresh(runner);
	do {
		runner_sweep(runner);
		spool_watch_stamp(runner->watch);
		runner_pass(runner);
	} while (!runner->ending && !runner_was_replaced() && runner_wait(runner));
	team_free(runner->team);
	runner->team = NULL;
	for (size_t i = 0; i < CONFIG_RELAYS_MAX; i++)
		runner->lanes[i].is_proven = runner->lanes[i].is_expected = false;
}

/* SIGTERM and SIGINT become readable instead of interrupting; children take them normally again (crew). */
static int
runner_watch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* As spool_watch_start. Who has the lock without reading the FIFO begins right now, or leaves and has perhaps looked at the queue
 * for the last time: our caller found no reader and relies on us, so we wait for it to be one or the other. */
static int
runner_begin_shift(struct runner *runner, struct outcome *outcome)
{
	struct deadline deadline = deadline_in(RUNNER_LOCK_MS);

	for (;;) {
		int result = spool_watch_start(runner->spool, &runner->watch, outcome);

		if (result != 0 || spool_poke(runner->spool) == 1 || deadline_passed(deadline) || runner_told_to_end(runner))
			return result;
		(void)poll(NULL, 0, RUNNER_LOCK_TICK_MS);
	}
}

static int
runner_prepare(struct runner *runner, struct outcome *outcome)
{
	runner->signals = runner_watch_signals();
	if (runner->signals < 0) {
		outcome_set(outcome, VERDICT_DEFERRED, STAGE_NONE, CAUSE_LOCAL, "signalfd: %s", strerror(errno));
		return -1;
	}
	runner->schedule = schedule_new();
	return 0;
}

static void
runner_end(struct runner *runner)
{
	team_free(runner->team);
	schedule_free(runner->schedule);
	config_free(&runner->config);
	(void)close(runner->signals);
}

/* One pass beside a runner that has stopped (SIGSTOP, a frozen cgroup, a disk that hangs): safety rests on each message's lock. */
static int
runner_work_beside(struct runner *runner, struct outcome *outcome)
{
	long age = spool_watch_age(runner->spool);
	int result;

	if (age <= RUNNER_STALE_S)
		return 0;
	result = spool_watch_start_beside(runner->spool, &runner->watch, outcome);
	if (result <= 0)
		return result;
	log_line(LOG_LEVEL_WARNING, "the runner has given no sign of life for %ld s: its work is done beside it", age);
	runner_pass(runner);
	spool_watch_stop(runner->watch);
	runner->watch = NULL;
	return 0;
}

int
runner_run(struct spool *spool, const struct runner_options *options, struct outcome *outcome)
{
	struct runner runner = {.spool = spool, .options = options};
	int result, idle_shifts = 0;

	if (runner_prepare(&runner, outcome) != 0)
		return -1;
	if (options->only_own) {
		runner_pass(&runner);
		runner_end(&runner);
		return 0;
	}
	do {
		result = runner_begin_shift(&runner, outcome);
		if (result == 0)
			result = runner_work_beside(&runner, outcome);
		if (result <= 0)
			break;
		runner.served = 0;
		runner_shift(&runner);
		spool_watch_stop(runner.watch);
		runner.watch = NULL;
		idle_shifts = runner.served > 0 ? 0 : idle_shifts + 1;
	} while (!runner.ending && idle_shifts < RUNNER_IDLE_SHIFTS && runner_something_new(&runner));
	runner_end(&runner);
	return result < 0 ? -1 : 0;
}

int
runner_flush(struct spool *spool, const struct runner_options *options, bool print, struct runner_count *count,
    struct outcome *outcome)
{
	struct runner runner = {.spool = spool, .options = options, .count = count, .print = print};
	int result;

	memset(count, 0, sizeof(*count));
	if (runner_prepare(&runner, outcome) != 0)
		return -1;
	runner_refresh(&runner);
	/* who comes after a crash to see that all is well wants no left-overs either */
	runner_sweep(&runner);
	/* the queue as it is now: what comes later has its own runner */
	result = schedule_refresh(runner.schedule, spool, true, outcome);
	runner.look_all_again = deadline_clock() + RUNNER_NAP_MS;
	if (result == 0)
		runner_pass(&runner);
	runner_end(&runner);
	return result;
}
