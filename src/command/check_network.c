/*
 * check_network: the part of `mailcrane check` that talks: DNS, all ports beside each other, one login, one MAIL that is taken back.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/provider.h"
#include "base/text.h"
#include "command/check.h"
#include "delivery/connection.h"
#include "delivery/policy.h"
#include "message/address.h"
#include "wire/lookup.h"
#include "wire/splice.h"

#define CHECK_TICK_MS 200

static int64_t
check_since(int64_t began)
{
	int64_t spent = deadline_clock() - began;

	return spent > 0 ? spent : 1;
}

/* ---- the name ---- */

/* The resolvers of resolv.conf, "none named" when there is none. */
static void
check_resolvers(char *text, size_t size)
{
	FILE *file = fopen("/etc/resolv.conf", "re");
	char line[512], name[64];
	size_t used = 0;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		int count;

		if (sscanf(line, "nameserver %63s", name) != 1)
			continue;
		count = snprintf(text + used, size - used, "%s%s", used > 0 ? ", " : "", name);
		if (count < 0 || (size_t)count >= size - used)
			break;
		used += (size_t)count;
	}
	if (file != NULL)
		(void)fclose(file);
	text[used] = '\0';
	if (used == 0)
		(void)snprintf(text, size, "none named");
}

static void
check_addresses(const struct resolved *resolved, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < resolved->count && used < size; i++) {
		char name[64];
		int count;

		if (getnameinfo((const struct sockaddr *)&resolved->addresses[i], sizeof(resolved->addresses[i]), name, sizeof(name), NULL, 0,
		    NI_NUMERICHOST) != 0)
			continue;
		count = snprintf(text + used, size - used, "%s%s", used > 0 ? ", " : "", name);
		used += count > 0 ? (size_t)count : 0;
	}
}

/* 0, or -1 and seen.dns. */
static int
check_name(struct check *check)
{
	const struct config *config = &check->config;
	int64_t began = deadline_clock(), limit = config->timeouts.dns < CHECK_DNS_MS ? config->timeouts.dns : CHECK_DNS_MS;
	char addresses[300], resolvers[96];
	int result;

	check_progress(check, "looking up the name");
	result = resolve_host(config->relay.host, config->relay.family, deadline_earlier(deadline_in(limit), check->deadline), &check->resolved,
	    &check->seen.dns);
	check->dns = check_since(began);
	check_resolvers(resolvers, sizeof(resolvers));
	if (result != 0) {
		check->seen.other_name = provider_nearest_host(config->relay.host, check->other_name, sizeof(check->other_name));
		check_line(check, CHECK_BAD, "name", "%s (%lld ms, resolver %s)", check->seen.dns.text, (long long)check->dns, resolvers);
		return -1;
	}
	check_addresses(&check->resolved, addresses, sizeof(addresses));
	if (lookup_literal(config->relay.host, &check->resolved))
		check_line(check, CHECK_OK, "name", "%s: an address, nothing to look up", config->relay.host);
	else
		check_line(check, CHECK_OK, "name", "%s: %s (%lld ms, resolver %s)", config->relay.host, addresses, (long long)check->dns, resolvers);
	return 0;
}

/* ---- the ports ---- */

static void
check_show_probe(const struct check *check, const struct probe *probe)
{
	size_t over = 0, count = probe_count(probe);
	char text[96];

	for (size_t i = 0; i < count; i++)
		over += probe_result(probe, i)->is_over;
	(void)snprintf(text, sizeof(text), "ports: %zu of %zu known, %.1f s", over, count, (double)check_since(check->began) / 1000);
	check_progress(check, text);
}

static struct probe *
check_ports(struct check *check, const char *ehlo)
{
	static const struct relay_port usual[] = {{587, false}, {465, true}, {2525, false}};
	struct probe_plan plan = {.relay = &check->config.relay, .timeouts = &check->config.timeouts, .trust = check->trust, .ehlo = ehlo,
	    .resolved = &check->resolved, .others = usual, .other_count = sizeof(usual) / sizeof(usual[0]),
	    .hint = route_hint(&check->route, time(NULL)), .deadline = {check->began + CHECK_PROBE_MS}};
	struct probe *probe;

	/* a provider's ports are known: others serve nobody */
	if (provider_of_host(check->config.relay.host) != NULL)
		plan.other_count = 0;
	probe = probe_new(&plan);
	while (probe_go_on(probe, CHECK_TICK_MS))
		check_show_probe(check, probe);
	check_progress(check, NULL);
	check->seen.count = probe_count(probe);
	check->results = memory_resize(NULL, check->seen.count + 1, sizeof(*check->results));
	for (size_t i = 0; i < check->seen.count; i++)
		check->results[i] = *probe_result(probe, i);
	check->seen.results = check->results;
	check->seen.chosen = probe_chosen(probe);
	check->first = check->dns + probe_first_time(probe);
	check->next = check->dns + probe_next_time(probe);
	return probe;
}

/* ---- login, sender, recipient ---- */

/* What the relay has shown of itself on the way that would be used. */
static void
check_tell_relay(struct check *check)
{
	const struct probe_result *chosen = &check->results[check->seen.chosen];
	const struct tls_certificate *certificate = &chosen->sight.certificate;
	const struct capabilities *can = &chosen->capabilities;
	char until[32] = "", size[40] = "any size";
	struct tm parts;

	if (gmtime_r(&certificate->until, &parts) != NULL)
		(void)strftime(until, sizeof(until), "%Y-%m-%d", &parts);
	check_line(check, CHECK_OK, "certificate", "for%s%s; issued by %s; chain of %u; until %s", certificate->names[0] == ' ' ? "" : " ",
	    certificate->names, certificate->issuer, (unsigned)certificate->chain, until);
	if (can->size && can->size_limit > 0)
		(void)snprintf(size, sizeof(size), can->size_limit >= 10485760 ? "up to %" PRIu64 " MB" : "up to %" PRIu64 " KB",
		    can->size_limit >= 10485760 ? can->size_limit / 1048576 : can->size_limit / 1024);
	check_line(check, CHECK_OK, "relay", "%.80s: %s%s%s%s%s%s", chosen->sight.banner, size, can->pipelining ? ", PIPELINING" : "",
	    can->chunking ? ", CHUNKING" : "", can->eight_bit_mime ? ", 8BITMIME" : "", can->dsn ? ", DSN" : "", can->smtputf8 ? ", SMTPUTF8" : "");
}

static void
check_hold_login(struct check *check)
{
	time_t hold = policy_login_hold(&check->seen.login);

	if (hold == 0 || check->spool == NULL)
		return;
	/* for the runner, too: another try with the same password brings the lock of the account nearer; but not with other settings */
	if (route_stamp(&check->config, &check->config.relay).settings != check->config.changed)
		return;
	/* as it is by now */
	route_load(check->spool, &check->config, &check->config.relay, &check->route);
	route_refused(&check->route, time(NULL) + hold);
	route_save(check->spool, &check->config, &check->config.relay, &check->route);
}

/* 0, or -1 and seen.login. */
static int
check_login(struct check *check, struct channel *channel)
{
	const struct relay *relay = &check->config.relay;
	const struct probe_result *chosen = &check->results[check->seen.chosen];
	time_t now = time(NULL);
	int64_t began = deadline_clock();

	if (check->route.login_until > now) {
		outcome_set(&check->seen.login, VERDICT_DEFERRED, STAGE_AUTH, CAUSE_AUTH_HELD,
		    "not tried: a login was refused lately, the next is for in %ld s", (long)(check->route.login_until - now));
		check_line(check, CHECK_BAD, "login", "%s", check->seen.login.text);
		return -1;
	}
	check_progress(check, "logging in");
	check->is_login_tried = true;
	if (channel_login(channel, relay, &check->secret, check->deadline, &check->seen.login) != 0) {
		check_progress(check, NULL);
		check_hold_login(check);
		check_line(check, CHECK_BAD, "login", "port %u: %s: %03d %s %s", (unsigned)chosen->port.number, cause_text(check->seen.login.cause),
		    check->seen.login.reply, check->seen.login.enhanced, check->seen.login.text);
		return -1;
	}
	memset(&check->seen.login, 0, sizeof(check->seen.login));
	check_progress(check, NULL);
	check->login = check_since(began);
	check->mechanism = channel_mechanism(channel);
	check_line(check, CHECK_OK, "login", "port %u: accepted, AUTH %s (%lld ms)", (unsigned)chosen->port.number, check->mechanism,
	    (long long)check->login);
	return 0;
}

/* RFC 6531 section 3.4: one address that needs it makes the transaction need it. */
static const char *
check_parameters(const struct check *check, const char *sender)
{
	return address_is_international(sender) || (check->address != NULL && address_is_international(check->address)) ? " SMTPUTF8" : "";
}

/* 0 and its reply is 2xx, or -1 and *outcome. */
static int
check_command(struct check *check, struct channel *channel, enum stage stage, const char *verb, const char *path, const char *parameters,
    struct outcome *outcome)
{
	struct reply reply;
	char line[600];
	int length = snprintf(line, sizeof(line), "%s<%s>%s\r\n", verb, path, parameters);

	if (length < 0 || (size_t)length >= sizeof(line) || strpbrk(path, "\r\n") != NULL) {
		outcome_set(outcome, VERDICT_FAILED, stage, CAUSE_INPUT, "the address can't be used");
		return -1;
	}
	channel_trace(channel, 'C', line, (size_t)length);
	if (channel_send(channel, line, (size_t)length, stage, check->deadline, outcome) != 0 ||
	    channel_reply(channel, stage, check->deadline, &reply, outcome) != 0)
		return -1;
	if (reply.code / 100 == 2) {
		memset(outcome, 0, sizeof(*outcome));
		return 0;
	}
	reply_outcome(&reply, stage, outcome);
	return -1;
}

/* The login must be worth something: the relay is asked whether it takes our sender, and that is taken back. */
static void
check_envelope(struct check *check, struct channel *channel)
{
	const char *sender = check->sender != NULL ? check->sender : "", *parameters = check_parameters(check, sender);
	int64_t began = deadline_clock();
	struct outcome nothing;
	struct reply reply;

	if (check->sender == NULL && check->address == NULL)
		return;
	if (parameters[0] != '\0' && !channel_capabilities(channel)->smtputf8) {
		bool is_sender = address_is_international(sender);

		splice_no_smtputf8(is_sender ? &check->seen.sender : &check->seen.recipient, is_sender ? STAGE_MAIL : STAGE_RCPT,
		    is_sender ? sender : check->address);
		check_line(check, CHECK_BAD, "message", "%s", is_sender ? check->seen.sender.text : check->seen.recipient.text);
		return;
	}
	check->is_sender_asked = true;
	if (check_command(check, channel, STAGE_MAIL, "MAIL FROM:", sender, parameters, &check->seen.sender) != 0) {
		check_line(check, CHECK_BAD, "message", "from <%s>: %03d %s %s", sender, check->seen.sender.reply,
		    check->seen.sender.enhanced, check->seen.sender.text);
		return;
	}
	check->mail = check_since(began);
	check->is_recipient_asked = check->address != NULL;
	if (check->address != NULL && check_command(check, channel, STAGE_RCPT, "RCPT TO:", check->address, "", &check->seen.recipient) != 0)
		check_line(check, CHECK_BAD, "message", "to <%s>: %03d %s %s", check->address, check->seen.recipient.reply,
		    check->seen.recipient.enhanced, check->seen.recipient.text);
	channel_trace(channel, 'C', "RSET", 4);
	/* else some relays count a message that never came */
	if (channel_send(channel, "RSET\r\n", 6, STAGE_QUIT, check->deadline, &nothing) == 0)
		(void)channel_reply(channel, STAGE_QUIT, check->deadline, &reply, &nothing);
}

/* What a message takes: commands and body go out in flights of about one round trip each. */
static void
check_tell_time(struct check *check)
{
	const struct probe_result *chosen = &check->results[check->seen.chosen];
	int64_t rest = check->login + 3 * check->mail;

	check->first += rest;
	check->next += rest;
	check_line(check, CHECK_OK, "message", "goes to %s over %s, %s; about %lld ms, or %lld ms when nothing is remembered of the relay%s%s",
	    chosen->peer, chosen->tls, chosen->port.implicit_tls ? "TLS from the start" : "STARTTLS", (long long)check->next,
	    (long long)check->first, check->is_recipient_asked ? "; the relay takes the recipient " : "", check->is_recipient_asked ? check->address : "");
}

void
check_network(struct check *check)
{
	struct channel *channel;
	struct probe *probe;
	char ehlo[256];

	if (check_name(check) != 0)
		return;
	connection_ehlo(&check->config, &check->config.relay, ehlo, sizeof(ehlo));
	probe = check_ports(check, ehlo);
	check_print_ports(check);
	if (check->seen.chosen >= 0)
		check_tell_relay(check);
	check_secret(check);
	channel = probe_take(probe);
	/* the same that mail would meet: no login without a certificate that is right */
	if (channel != NULL && check->relay == NULL && check->seen.secret.verdict == VERDICT_NONE && check_login(check, channel) == 0)
		check_envelope(check, channel);
	channel_close(channel);
	probe_free(probe);
	if (check->seen.chosen >= 0 && check->seen.login.verdict == VERDICT_NONE && check->seen.sender.verdict == VERDICT_NONE &&
	    check->seen.recipient.verdict == VERDICT_NONE && check->seen.secret.verdict == VERDICT_NONE)
		check_tell_time(check);
}
