/*
 * runner: scan, serve, wait, leave.
 *
 *	start	take the lock, open the FIFO, scan
 *	serve	one courier process, a message at a time, oldest first
 *	wait	for a poke, for `linger` at most (a service: for the next due time)
 *	leave	close the FIFO, drop the lock, scan once more; when something is due, start again
 *
 * A caller commits before it pokes, and we scan after we let go: one of the two sees the message.
 * SIGTERM: the message under way gets 5 s, no other is begun.
 */
#include "delivery/runner.h"

#include <errno.h>
#include <limits.h>
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
#include "delivery/crew.h"
#include "delivery/policy.h"

#define RUNNER_LAST_MS 5000	/* for the message under way when we are told to end */
#define RUNNER_GRACE_MS 60000	/* behind the courier's own deadline */
#define RUNNER_NAP_MS  30000	/* a service looks at the clock, and stamps, at least this often: half of what callers call stale */
#define RUNNER_LOCK_MS 1000	/* for another runner to begin or to leave */
#define RUNNER_LOCK_TICK_MS 10
#define RUNNER_IDLE_SHIFTS 3	/* so often for new mail that it can't get hold of, then it is the timer's */

struct runner {
	struct spool                *spool;
	const struct runner_options *options;
	struct spool_watch          *watch;	/* NULL in a flush */
	struct crew                 *crew;	/* NULL: no courier at work */
	struct config                config;	/* CONFIG_SUBMIT: no secret in it */
	struct timespec              config_changed;
	int                          signals;	/* signalfd */
	bool                         doubtful;	/* what the courier has may be what is wrong: the next pass gets a new one */
	bool                         ending;
	unsigned                     pass;
	size_t                       served;	/* messages, in this shift */
};

/* An upgrade put another file under our name: the one we run has no name any more. */
static bool
runner_was_replaced(void)
{
	struct stat now;

	return stat("/proc/self/exe", &now) == 0 && now.st_nlink == 0;
}

static void
runner_drop_courier(struct runner *runner)
{
	crew_free(runner->crew);
	runner->crew = NULL;
	runner->doubtful = false;
}

/* Settings that changed since they were read are read again, and by a new courier. The runner itself reads only what
 * holds no secret: its children are forked from this memory. */
static void
runner_refresh(struct runner *runner)
{
	const struct runner_options *options = runner->options;
	struct outcome outcome;
	struct stat now;

	memset(&now, 0, sizeof(now));
	(void)stat(options->config_file, &now);
	/* not the time of writing: chmod and rename mend, too */
	if (runner->crew != NULL && now.st_ctim.tv_sec == runner->config_changed.tv_sec &&
	    now.st_ctim.tv_nsec == runner->config_changed.tv_nsec)
		return;
	runner_drop_courier(runner);
	config_free(&runner->config);
	runner->config_changed = now.st_ctim;
	if (config_load(options->config_file, CONFIG_SUBMIT, options->secure, &runner->config, &outcome) == 0)
		log_open(runner->config.log_to, runner->config.log_level, "mailcrane");
	runner->crew = crew_new(options->config_file, options->secure, runner->spool, runner->watch);
}

/* Looks for a signal, without waiting. */
static bool
runner_told_to_end(struct runner *runner)
{
	struct signalfd_siginfo info;

	if (read(runner->signals, &info, sizeof(info)) > 0)
		runner->ending = true;
	return runner->ending;
}

/* Waits for the courier's answer. false: the courier is gone, or we were told to end and it took too long. */
static bool
runner_await(struct runner *runner, struct courier_answer *answer)
{
	struct deadline deadline = deadline_in(runner->config.timeouts.attempt + RUNNER_GRACE_MS);

	for (;;) {
		struct pollfd polls[2] = {
			{.fd = crew_fd(runner->crew), .events = POLLIN},
			{.fd = runner->ending ? -1 : runner->signals, .events = POLLIN},
		};
		int left = deadline_poll(deadline);
		int n = poll(polls, 2, left < 0 || left > RUNNER_LAST_MS ? RUNNER_LAST_MS : left);

		if (n < 0 && errno != EINTR)
			return false;
		if (runner->watch != NULL)
			spool_watch_stamp(runner->watch);
		if (n > 0 && polls[0].revents != 0)
			return crew_answer(runner->crew, answer) == 0;
		if (n > 0 && polls[1].revents != 0 && runner_told_to_end(runner))
			deadline = deadline_earlier(deadline, deadline_in(RUNNER_LAST_MS));
		if (deadline_passed(deadline))
			return false;
	}
}

/* Hands one message to the courier. The answer's result is ERROR when the courier was lost over it: the message is
 * where it was. */
static void
runner_serve(struct runner *runner, const struct spool_item *item, bool flush, struct courier_answer *answer)
{
	struct courier_job job;

	memset(&job, 0, sizeof(job));
	memcpy(job.id, item->id, sizeof(job.id));
	job.attempts = item->attempts;
	job.pass = runner->pass;
	job.flush = flush;
	runner_refresh(runner);
	if (runner->crew != NULL && crew_give(runner->crew, &job) == 0 && runner_await(runner, answer)) {
		/* without its nursery it would put off all that comes */
		if (answer->result == COURIER_DEFERRED && answer->outcome.cause == CAUSE_LOCAL)
			runner_drop_courier(runner);
		else if (answer->result == COURIER_DEFERRED && policy_is_common(&answer->outcome))
			runner->doubtful = true;
		return;
	}
	log_line(LOG_LEVEL_ERROR, "%s: the courier was lost over it", item->id);
	runner_drop_courier(runner);
	memset(answer, 0, sizeof(*answer));
	memcpy(answer->id, item->id, sizeof(answer->id));
	answer->result = COURIER_ERROR;
	outcome_set(&answer->outcome, VERDICT_DEFERRED, STAGE_NONE, CAUSE_LOCAL, "the delivery process was lost");
}

/* A later version's message is never ours. One due further off than any back-off reaches was put off before the clock was set back. */
static bool
runner_is_due(const struct spool_item *item)
{
	time_t now = time(NULL);

	if (item->due == SPOOL_NEVER)
		return false;
	return item->due <= now || item->due - now > policy_backoff(UINT_MAX);
}

/* One pass over what is due. *next is when the next one will be, 0 when nothing waits. -1: the spool can't be listed. */
static int
runner_pass(struct runner *runner, time_t *next)
{
	struct spool_item *items = NULL;
	struct courier_answer answer;
	struct outcome outcome;
	size_t count = 0;
	bool relay_is_down = false;

	*next = 0;
	if (spool_list(runner->spool, SPOOL_QUEUE, &items, &count, &outcome) != 0) {
		log_line(LOG_LEVEL_ERROR, "%s", outcome.text);
		return -1;
	}
	runner->pass++;
	if (runner->doubtful)
		runner_drop_courier(runner);
	for (size_t i = 0; i < count && !runner_told_to_end(runner); i++) {
		if (!runner_is_due(&items[i])) {
			if (items[i].due != SPOOL_NEVER && (*next == 0 || items[i].due < *next))
				*next = items[i].due;
			continue;
		}
		/* would meet the same, at the price of a sync each; a new one may have a caller who waits to hear it */
		if (relay_is_down && items[i].attempts > 0)
			continue;
		runner_serve(runner, &items[i], false, &answer);
		if (answer.result == COURIER_FINISHED || answer.result == COURIER_DEFERRED)
			runner->served++;
		if (answer.result == COURIER_DEFERRED && (*next == 0 || *next > time(NULL) + policy_backoff(1)))
			*next = time(NULL) + policy_backoff(1);
		relay_is_down = answer.result == COURIER_DEFERRED && policy_is_common(&answer.outcome);
	}
	free(items);
	return 0;
}

/* Mail that nobody has tried yet: its caller may have poked us while we left. */
static bool
runner_something_new(struct runner *runner)
{
	struct spool_item *items = NULL;
	struct outcome outcome;
	size_t count = 0;
	bool is_new = false;

	if (spool_list(runner->spool, SPOOL_QUEUE, &items, &count, &outcome) != 0)
		return false;
	for (size_t i = 0; i < count; i++)
		is_new = is_new || (items[i].attempts == 0 && runner_is_due(&items[i]));
	free(items);
	return is_new;
}

/* true: poked, or something falls due; false: time to leave. */
static bool
runner_wait(struct runner *runner, time_t next)
{
	struct deadline deadline = deadline_in(runner->config.linger);

	if (runner->options->foreground) {
		int64_t until = next == 0 ? RUNNER_NAP_MS : (int64_t)(next - time(NULL)) * 1000;

		deadline = deadline_in(until > RUNNER_NAP_MS ? RUNNER_NAP_MS : until);
	}
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
		if (n == 0)
			return runner->options->foreground;
	}
	return false;
}

/* From lock to lock. */
static void
runner_shift(struct runner *runner)
{
	time_t next;

	spool_sweep(runner->spool);
	do {
		spool_watch_stamp(runner->watch);
		if (runner_pass(runner, &next) != 0)
			break;
	} while (!runner->ending && !runner_was_replaced() && runner_wait(runner, next));
	runner_drop_courier(runner);
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

int
runner_run(struct spool *spool, const struct runner_options *options, struct outcome *outcome)
{
	struct runner runner = {.spool = spool, .options = options};
	int result, idle_shifts = 0;

	runner.signals = runner_watch_signals();
	if (runner.signals < 0) {
		outcome_set(outcome, VERDICT_DEFERRED, STAGE_NONE, CAUSE_LOCAL, "signalfd: %s", strerror(errno));
		return -1;
	}
	do {
		result = runner_begin_shift(&runner, outcome);
		if (result <= 0)
			break;
		runner.served = 0;
		runner_shift(&runner);
		spool_watch_stop(runner.watch);
		runner.watch = NULL;
		idle_shifts = runner.served > 0 ? 0 : idle_shifts + 1;
	} while (!runner.ending && idle_shifts < RUNNER_IDLE_SHIFTS && runner_something_new(&runner));
	config_free(&runner.config);
	(void)close(runner.signals);
	return result < 0 ? -1 : 0;
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
		/* somebody else delivered it, or its caller took it back */
		break;
	case COURIER_DAMAGED:
	case COURIER_ERROR:
		count->other++;
		break;
	}
}

int
runner_flush(struct spool *spool, const struct runner_options *options, bool print, struct runner_count *count,
    struct outcome *outcome)
{
	struct runner runner = {.spool = spool, .options = options, .pass = 1};
	struct spool_item *items = NULL;
	struct courier_answer answer;
	size_t total = 0;

	memset(count, 0, sizeof(*count));
	if (spool_list(spool, SPOOL_QUEUE, &items, &total, outcome) != 0)
		return -1;
	runner.signals = runner_watch_signals();
	for (size_t i = 0; i < total && !runner_told_to_end(&runner); i++) {
		runner_serve(&runner, &items[i], true, &answer);
		runner_count_answer(count, &answer);
		if (!print)
			continue;
		if (answer.result == COURIER_BUSY)
			printf("%s under way\n", items[i].id);
		else if (answer.result != COURIER_GONE)
			printf("%s %s%s%s\n", items[i].id, verdict_name(answer.outcome.verdict),
			    answer.outcome.verdict == VERDICT_DELIVERED ? "" : ": ",
			    answer.outcome.verdict == VERDICT_DELIVERED ? "" : answer.outcome.text);
	}
	free(items);
	crew_free(runner.crew);
	config_free(&runner.config);
	if (runner.signals >= 0)
		(void)close(runner.signals);
	return 0;
}
