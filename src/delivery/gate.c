/*
 * gate: see the header.
 *
 * Slowing down: each answer that asks for it (policy_is_throttle) counts one more, and the pause that follows grows with the count; the first
 * message that is taken sets the count back to one, GATE_CALM of them in a row to none, until when one connection is used. So a relay that
 * takes so many a minute is tried soon again, and one message that it always puts off costs the others seconds.
 */
#include "delivery/gate.h"

#include <string.h>

#include "base/log.h"
#include "delivery/policy.h"

#define GATE_CALM 10

void
gate_init(struct gate *gate, const struct config *config, const struct relay *relay, struct spool *spool)
{
	memset(gate, 0, sizeof(*gate));
	gate->config = config;
	gate->relay = relay;
	gate->spool = spool;
	gate->stamp = (struct route_stamp){.settings = config->changed, .secret = route_stamp(config, relay).secret};
}

/* What was met with other settings, or another password, than those of now says nothing of these. */
static void
gate_save(const struct gate *gate)
{
	struct route_stamp now = route_stamp(gate->config, gate->relay);

	if (now.settings == gate->stamp.settings && now.secret == gate->stamp.secret)
		route_save(gate->spool, gate->config, gate->relay, &gate->route);
}

static bool
gate_stay(struct gate *gate, time_t again)
{
	gate->is_shut = true;
	gate->again = again;
	return false;
}

/* What is known of the relay as a whole. */
static bool
gate_recall(struct gate *gate, bool is_open, time_t now, struct outcome *outcome)
{
	const struct route *route = &gate->route;

	if (route->throttle_until > now) {
		outcome_set(outcome, VERDICT_DEFERRED, STAGE_MAIL, CAUSE_THROTTLED, "the relay asked us to slow down, not tried for %ld s",
		    (long)(route->throttle_until - now));
		return gate_stay(gate, route->throttle_until);
	}
	if (is_open)
		return true;
	if (route->login_until > now) {
		outcome_set(outcome, VERDICT_DEFERRED, STAGE_AUTH, CAUSE_AUTH_HELD,
		    "login refused lately, not tried again for %ld s: check user and password, then mailcrane flush",
		    (long)(route->login_until - now));
		return gate_stay(gate, route->login_until);
	}
	if (route->down_until > now) {
		outcome_set(outcome, VERDICT_DEFERRED, route->down.stage, route->down.cause,
		    "could not be reached %u time%s in a row, not tried again for %ld s: %s", route->failures,
		    route->failures == 1 ? "" : "s", (long)(route->down_until - now), route->down.text);
		return gate_stay(gate, route->down_until);
	}
	return true;
}

bool
gate_ask(struct gate *gate, const struct courier_job *job, bool is_open, struct outcome *outcome)
{
	gate->is_shut = false;
	gate->again = 0;
	/* another courier may have met something meanwhile */
	route_load(gate->spool, gate->config, gate->relay, &gate->route);
	if (!is_open && gate->down.verdict != VERDICT_NONE && gate->down_pass == job->pass && gate->down_until > time(NULL)) {
		*outcome = gate->down;
		return gate_stay(gate, gate->down_until);
	}
	return job->flush || gate_recall(gate, is_open, time(NULL), outcome);
}

void
gate_opened(struct gate *gate, const struct ladder_hint *way, time_t certificate)
{
	unsigned failures;

	/* another courier may have been told to slow down while this one climbed */
	route_load(gate->spool, gate->config, gate->relay, &gate->route);
	failures = gate->route.failures;
	if (!route_worked(&gate->route, way, certificate, time(NULL)))
		return;
	if (failures > 0)
		log_line(LOG_LEVEL_WARNING, "%s is back, after %u failure%s", gate->relay->host, failures,
		    failures == 1 ? "" : "s");
	gate_save(gate);
}

void
gate_failed(struct gate *gate, const struct courier_job *job, const struct outcome *outcome)
{
	time_t now = time(NULL), hold = policy_login_hold(outcome);
	unsigned known = gate->route.failures;
	bool is_noted;

	route_load(gate->spool, gate->config, gate->relay, &gate->route);
	gate->down = *outcome;
	gate->down_pass = job->pass;
	/* what couriers meet side by side is one failure */
	is_noted = hold == 0 && gate->route.failures > known && gate->route.down_until > now;
	if (hold > 0)
		route_refused(&gate->route, now + hold);
	else if (!is_noted)
		route_failed(&gate->route, outcome, now);
	(void)gate_stay(gate, hold > 0 ? gate->route.login_until : gate->route.down_until);
	gate->down_until = gate->again;
	if (!is_noted)
		gate_save(gate);
}

static void
gate_slow(struct gate *gate, const char *id, const struct outcome *outcome)
{
	time_t hold = policy_throttle_hold(outcome, gate->route.throttles + 1);

	route_throttled(&gate->route, hold, time(NULL));
	/* whatever the settings */
	route_save(gate->spool, gate->config, gate->relay, &gate->route);
	gate->taken = 0;
	log_line(LOG_LEVEL_WARNING, "%s: %s asks us to slow down: %d %s %s; one connection, and no attempt for %ld s", id,
	    gate->relay->host, outcome->reply, outcome->enhanced, outcome->text, (long)hold);
	if (hold > 0)
		(void)gate_stay(gate, gate->route.throttle_until);
}

void
gate_heard(struct gate *gate, const char *id, const struct outcome *outcomes, size_t count)
{
	const struct outcome *throttle = NULL;
	bool is_taken = false;

	/* what another courier was told while this message went out must not be overwritten, and counts */
	route_load(gate->spool, gate->config, gate->relay, &gate->route);
	for (size_t i = 0; i < count; i++) {
		if (throttle == NULL && policy_is_throttle(&outcomes[i]))
			throttle = &outcomes[i];
		is_taken = is_taken || outcomes[i].verdict == VERDICT_DELIVERED;
		/* 421 to anything: the session has ended, and the next message would meet it */
		gate->is_shut = gate->is_shut || policy_is_common(&outcomes[i]);
	}
	if (throttle != NULL) {
		gate_slow(gate, id, throttle);
	} else if (is_taken && gate->route.throttles > 0) {
		gate->taken++;
		if (route_eased(&gate->route, gate->taken >= GATE_CALM))
			gate_save(gate);
	}
}

bool
gate_is_proven(struct gate *gate)
{
	/* a command or a variable may give another password than the last time, and nobody sees it */
	if (gate->relay->secret_source != SECRET_FILE && gate->relay->secret_source != SECRET_INLINE)
		return false;
	route_load(gate->spool, gate->config, gate->relay, &gate->route);
	return gate->route.is_proven && gate->route.throttles == 0;
}

bool
gate_is_slowed(const struct gate *gate)
{
	return gate->route.throttles > 0;
}

void
gate_forget(struct gate *gate)
{
	memset(&gate->down, 0, sizeof(gate->down));
	gate->stamp.secret = route_stamp(gate->config, gate->relay).secret;
}
