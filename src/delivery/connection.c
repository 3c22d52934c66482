/*
 * connection: see the header. What is forked first knows no secret.
 */
#include "delivery/connection.h"

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

/* The host's name when it has a dot, else the sender's domain, else an address literal; never "localhost", which relays
 * refuse, and never a look-up, which may hang (RFC 5321 section 4.1.1.1). */
static void
connection_choose_ehlo(struct connection *connection)
{
	const struct config *config = connection->config;
	char host[256];
	const char *name = config->relay.ehlo;

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
		name = connection_domain_of(config->relay.user);
	if (name == NULL)
		name = "[127.0.0.1]";
	text_printable(connection->ehlo, sizeof(connection->ehlo), name, strlen(name), false);
}

int
connection_prepare(struct connection *connection, struct outcome *outcome)
{
	memset(connection, 0, sizeof(*connection));
	buffer_init(&connection->secret, 8192);
	connection->nursery = nursery_start(outcome);
	return connection->nursery != NULL ? 0 : -1;
}

int
connection_begin(struct connection *connection, const struct config *config, struct outcome *outcome)
{
	connection->config = config;
	connection_choose_ehlo(connection);
	connection->trust = tls_trust_new(config->relay.tls_ca_file);
	if (secret_get(&config->relay, &connection->secret, outcome) != 0) {
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
	return connection_begin(connection, connection->config, outcome);
}

static int
connection_climb(struct connection *connection, struct ladder *ladder, struct deadline deadline, struct outcome *outcome)
{
	struct outcome kept = {.verdict = VERDICT_NONE};
	struct ladder_step step;
	int result;

	for (;;) {
		memset(&step, 0, sizeof(step));
		result = ladder_next(ladder, deadline, &connection->channel, &step);
		/* what was refused on the way to a login that worked in the end is no failure */
		if (result > 0)
			memset(&step.outcome, 0, sizeof(step.outcome));
		if ((result >= 0 || step.outcome.verdict != VERDICT_NONE) &&
		    connection->step_count < CONNECTION_STEPS_MAX)
			connection->steps[connection->step_count++] = step;
		if (result > 0)
			return 0;
		if (step.outcome.verdict != VERDICT_NONE && policy_tells_more(&step.outcome, &kept))
			kept = step.outcome;
		if (result < 0)
			break;
		if (!policy_next_candidate(&step.outcome)) {
			kept = step.outcome;
			break;
		}
		if (deadline_passed(deadline))
			break;
	}
	if (kept.verdict == VERDICT_NONE)
		outcome_set(&kept, VERDICT_DEFERRED, STAGE_CONNECT, CAUSE_UNREACHABLE, "%s has no address that fits `family`",
		    connection->config->relay.host);
	/* nothing that happens before MAIL is a refusal of the message */
	kept.verdict = VERDICT_DEFERRED;
	*outcome = kept;
	return -1;
}

int
connection_open(struct connection *connection, struct deadline deadline, struct outcome *outcome)
{
	const struct config *config = connection->config;
	struct ladder *ladder;
	int result;

	if (connection->channel != NULL && channel_alive(connection->channel))
		return 0;
	connection_close(connection);
	connection->step_count = 0;
	ladder = ladder_new(&config->relay, &config->timeouts, &connection->secret, connection->trust, connection->ehlo);
	result = connection_climb(connection, ladder, deadline, outcome);
	ladder_free(ladder);
	return result;
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
	nursery_stop(connection->nursery);
	connection->trust = NULL;
	connection->nursery = NULL;
}
