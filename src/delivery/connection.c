/*
 * connection: see the header.
 */
#include "delivery/connection.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/secret.h"
#include "base/text.h"
#include "delivery/policy.h"

static const char *
connection_domain_of(const char *address)
{
	const char *at = address != NULL ? strrchr(address, '@') : NULL;

	return at != NULL && at[1] != '\0' ? at + 1 : NULL;
}

void
connection_ehlo(const struct config *config, const struct relay *relay, char *text, size_t size)
{
	char host[256];
	const char *name = relay->ehlo;

	if (name == NULL && gethostname(host, sizeof(host)) == 0) {
		host[sizeof(host) - 1] = '\0';
		if (strchr(host, '.') != NULL && !text_prefix_nocase(host, "localhost"))
			name = host;
	}
	if (name == NULL)
		name = config->sender_domain;
	if (name == NULL)
		name = connection_domain_of(config->sender_from);
	if (name == NULL)
		name = connection_domain_of(relay->user);
	if (name == NULL)
		name = "[127.0.0.1]";
	text_printable(text, size, name, strlen(name), false);
}

void
connection_init(struct connection *connection, struct nursery *nursery)
{
	memset(connection, 0, sizeof(*connection));
	buffer_init(&connection->secret, 8192);
	connection->nursery = nursery;
}

int
connection_begin(struct connection *connection, const struct config *config, const struct relay *relay, struct outcome *outcome)
{
	connection->config = config;
	connection->relay = relay;
	connection_ehlo(config, relay, connection->ehlo, sizeof(connection->ehlo));
	connection->trust = tls_trust_new(relay->tls_ca_file);
	if (secret_get(relay, &connection->secret, outcome) != 0) {
		/* the mail is queued already, and waits for the settings to be mended */
		outcome->verdict = VERDICT_DEFERRED;
		return -1;
	}
	return 0;
}

int
connection_renew(struct connection *connection, struct outcome *outcome)
{
	connection_close(connection);
	buffer_wipe(&connection->secret);
	tls_trust_free(connection->trust);
	connection->trust = NULL;
	return connection_begin(connection, connection->config, connection->relay, outcome);
}

/* The last one has its place however many there were. */
static void
connection_note(struct connection *connection, const struct ladder_step *step)
{
	if (connection->step_count == CONNECTION_STEPS_MAX)
		connection->step_count--;
	connection->steps[connection->step_count++] = *step;
}

/* Logs in on the channel that won. 0, or -1, the reason in the step, the channel closed. */
static int
connection_login(struct connection *connection, struct deadline deadline, struct ladder_step *step)
{
	const struct config *config = connection->config;
	struct deadline limit = deadline_earlier(deadline_in(config->timeouts.command), deadline);
	int64_t began = deadline_clock(), spent;
	int result;

	result = channel_login(connection->channel, connection->relay, &connection->secret, limit, &step->outcome);
	spent = deadline_clock() - began;
	step->times.ms[STAGE_AUTH] = spent > 0 ? spent : 1;
	if (result != 0) {
		step->event = LADDER_FAILED;
		connection_close(connection);
		return -1;
	}
	/* what was refused on the way to a login that worked in the end is no failure */
	memset(&step->outcome, 0, sizeof(step->outcome));
	return 0;
}

/* The reason with port, address and the time that the stage took, for whoever sees nothing else: queue, -v. The relay's own words stay
 * as they are, and a look-up has said its name. */
static void
connection_explain(const struct ladder_step *step, struct outcome *outcome)
{
	char text[sizeof(step->peer) + sizeof(outcome->text) + 64];

	*outcome = step->outcome;
	/* nothing that happens before MAIL is a refusal of the message */
	outcome->verdict = VERDICT_DEFERRED;
	if (outcome->reply != 0 || outcome->stage == STAGE_DNS)
		return;
	(void)snprintf(text, sizeof(text), "%s, %s after %.1f s: %s", step->peer, stage_name(outcome->stage),
	    (double)step->times.ms[outcome->stage] / 1000, step->outcome.text);
	text_printable(outcome->text, sizeof(outcome->text), text, strlen(text), true);
}

/* One event of the race. 1: logged in; 0: go on; -1: no use. */
static int
connection_step(struct connection *connection, struct ladder *ladder, struct deadline deadline, struct ladder_step *kept)
{
	struct ladder_step step;
	enum ladder_event event;

	memset(&step, 0, sizeof(step));
	event = ladder_next(ladder, deadline, &connection->channel, &step);
	if (event == LADDER_END)
		return -1;
	if (event == LADDER_SECURED && connection_login(connection, deadline, &step) == 0) {
		connection_note(connection, &step);
		return 1;
	}
	connection_note(connection, &step);
	if (event == LADDER_OVERTAKEN)
		return 0;
	if (event == LADDER_UNRESOLVED || !policy_next_candidate(&step.outcome)) {
		*kept = step;
		return -1;
	}
	if (policy_tells_more(&step.outcome, &kept->outcome))
		*kept = step;
	return deadline_passed(deadline) ? -1 : 0;
}

bool
connection_is_alive(struct connection *connection)
{
	return connection->channel != NULL && channel_alive(connection->channel);
}

int
connection_open(struct connection *connection, const struct ladder_hint *hint, struct deadline deadline, struct outcome *outcome)
{
	struct ladder_plan plan = {.relay = connection->relay, .timeouts = &connection->config->timeouts, .trust = connection->trust,
	    .ehlo = connection->ehlo, .hint = *hint};
	struct ladder_step kept;
	struct ladder *ladder;
	int result;

	if (connection_is_alive(connection))
		return 0;
	connection_close(connection);
	connection->step_count = 0;
	memset(&kept, 0, sizeof(kept));
	ladder = ladder_new(&plan);
	do {
		result = connection_step(connection, ladder, deadline, &kept);
	} while (result == 0);
	ladder_free(ladder);
	if (result > 0)
		return 0;
	if (kept.outcome.verdict == VERDICT_NONE)
		outcome_set(outcome, VERDICT_DEFERRED, STAGE_CONNECT, CAUSE_UNREACHABLE, "%s has no address that fits `family`",
		    connection->relay->host);
	else
		connection_explain(&kept, outcome);
	return -1;
}

struct ladder_hint
connection_way(const struct connection *connection)
{
	const struct ladder_step *last = &connection->steps[connection->step_count - 1];

	return (struct ladder_hint){last->port, last->family, last->times.ms[STAGE_CONNECT]};
}

void
connection_send(struct connection *connection, const struct transaction *transaction, struct deadline deadline,
    struct outcome *outcomes, struct splice_report *report)
{
	const struct config_timeouts *timeouts = &connection->config->timeouts;

	splice_run(connection->channel, connection->nursery, transaction, timeouts, !connection->no_chunking, deadline,
	    outcomes, report);
	if (report->no_chunking && !connection->no_chunking && report->reusable) {
		connection->no_chunking = true;
		splice_finish(connection->nursery, transaction, outcomes, report);
		splice_run(connection->channel, connection->nursery, transaction, timeouts, false, deadline, outcomes,
		    report);
	}
	connection->used = true;
	if (report->no_chunking)
		connection->no_chunking = true;
}

void
connection_settled(struct connection *connection, const struct transaction *transaction, const struct outcome *outcomes,
    struct splice_report *report)
{
	splice_finish(connection->nursery, transaction, outcomes, report);
	if (!report->reusable)
		connection_close(connection);
}

void
connection_close(struct connection *connection)
{
	channel_close(connection->channel);
	connection->channel = NULL;
	connection->used = false;
}

void
connection_end(struct connection *connection)
{
	connection_close(connection);
	buffer_wipe(&connection->secret);
	tls_trust_free(connection->trust);
	connection->trust = NULL;
}
