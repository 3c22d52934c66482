/*
 * opening, channel, tls, login, ladder against a scripted relay: what it does, and at which stage and for which cause we leave. Whoever
 * is not what it should be hears neither the password nor MAIL.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>

#include "peer.h"
#include "wire/channel.h"
#include "wire/ladder.h"
#include "wire/opening.h"

#define SECRET "c0rrect horse"
#define SECRET_PLAIN "AHVzZXIAYzBycmVjdCBob3JzZQ=="	/* \0user\0c0rrect horse */
#define SECRET_LOGIN "YzBycmVjdCBob3JzZQ=="

#define HELLO "S 220 relay", "R"
#define OFFER "S 250-relay|250-PIPELINING|250 STARTTLS"
#define SECURE HELLO, OFFER, "R", "S 220 go"
#define LOGINS "R", "S 250-relay|250-SIZE 1000|250 AUTH PLAIN LOGIN", "R"
#define UP_TO_AUTH SECURE, "T good", LOGINS

struct row {
	const char *name;
	const char *host;	/* NULL: PEER_NAME */
	bool        implicit_tls;
	const char *steps[PEER_STEPS];
	enum stage  stage;	/* STAGE_NONE: it opens */
	enum cause  cause;
	const char *says;	/* part of the outcome's text */
	bool        hears_password;
};

static const struct row rows[] = {
	{"starttls and PLAIN", NULL, false, {UP_TO_AUTH, "S 235 ok"}, 0, 0, "PLAIN", true},
	{"tls 1.2", NULL, false, {SECURE, "T 1.2", LOGINS, "S 235 ok"}, 0, 0, "PLAIN", true},
	{"implicit tls", NULL, true, {"T good", HELLO, "S 250-relay|250 AUTH PLAIN", "R", "S 235 ok"}, 0, 0, "PLAIN", true},
	{"LOGIN alone", NULL, true, {"T good", HELLO, "S 250-relay|250 AUTH=LOGIN", "R", "S 334 VXNlcm5hbWU6", "R",
	    "S 334 UGFzc3dvcmQ6", "R", "S 235 ok"}, 0, 0, "LOGIN", true},
	{"504 leads to the next mechanism", NULL, false, {UP_TO_AUTH, "S 504 5.7.4 no", "R", "S 334 VXNlcm5hbWU6", "R",
	    "S 334 UGFzc3dvcmQ6", "R", "S 235 ok"}, 0, 0, "LOGIN", true},
	{"wildcard certificate", NULL, false, {SECURE, "T wildcard", LOGINS, "S 235 ok"}, 0, 0, "PLAIN", true},
	{"address certificate", "127.0.0.1", false, {SECURE, "T ip", LOGINS, "S 235 ok"}, 0, 0, "PLAIN", true},
	{"final dot in the name", PEER_NAME ".", false, {SECURE, "T good", LOGINS, "S 235 ok"}, 0, 0, "PLAIN", true},

	{"no greeting", NULL, false, {"Z"}, STAGE_GREETING, CAUSE_SILENCE, "no greeting", false},
	{"greeting drips", NULL, false, {"D 220-still here|"}, STAGE_GREETING, CAUSE_SILENCE, "in time", false},
	{"half a greeting", NULL, false, {"s 220 rel", "Z"}, STAGE_GREETING, CAUSE_SILENCE, "half", false},
	{"closed at once", NULL, false, {"C"}, STAGE_GREETING, CAUSE_CLOSED, "", false},
	{"reset at once", NULL, false, {"X"}, STAGE_GREETING, CAUSE_CLOSED, "", false},
	{"greeting 421", NULL, false, {"S 421 4.3.2 busy"}, STAGE_GREETING, CAUSE_UNAVAILABLE, "busy", false},
	{"greeting 554", NULL, false, {"S 554 no"}, STAGE_GREETING, CAUSE_UNAVAILABLE, "no", false},
	{"greeting 250", NULL, false, {"S 250 ok"}, STAGE_GREETING, CAUSE_PROTOCOL, "250", false},
	{"not smtp", NULL, false, {"S SSH-2.0-x"}, STAGE_GREETING, CAUSE_PROTOCOL, "SSH-2.0-x", false},
	{"tls where clear text is expected", NULL, false, {"s \x15\x03\x01"}, STAGE_GREETING, CAUSE_TLS_MODE, "/tls", false},
	{"clear text where tls is expected", NULL, true, {"S 220 relay ready"}, STAGE_TLS, CAUSE_TLS_MODE, "220 relay ready", false},
	{"two greetings", NULL, false, {"s 220 a|250 STARTTLS|", "Z"}, STAGE_EHLO, CAUSE_PROTOCOL, "before", false},
	{"EHLO refused", NULL, false, {HELLO, "S 502 what?"}, STAGE_EHLO, CAUSE_UNAVAILABLE, "what?", false},
	{"EHLO unanswered", NULL, false, {HELLO, "Z"}, STAGE_EHLO, CAUSE_SILENCE, "no answer", false},
	{"EHLO endless", NULL, false, {HELLO, "D 250-X|"}, STAGE_EHLO, CAUSE_SILENCE, "in time", false},
	{"codes that disagree", NULL, false, {HELLO, "S 250-relay|550 STARTTLS"}, STAGE_EHLO, CAUSE_PROTOCOL, "550", false},
	{"starttls stripped", NULL, false, {HELLO, "S 250-relay|250 AUTH PLAIN LOGIN"}, STAGE_STARTTLS, CAUSE_STARTTLS_MISSING,
	    "not offer", false},
	{"starttls refused", NULL, false, {HELLO, OFFER, "R", "S 454 not now"}, STAGE_STARTTLS, CAUSE_STARTTLS_MISSING, "not now",
	    false},
	{"injected reply", NULL, false, {HELLO, OFFER, "R", "s 220 go|250-x|250 AUTH PLAIN|235 ok|", "T good"}, STAGE_STARTTLS,
	    CAUSE_INJECTION, "AUTH PLAIN", false},
	{"clear text instead of a handshake", NULL, false, {SECURE, "R", "S 500 what?", "Z"}, STAGE_TLS, CAUSE_INJECTION,
	    "500 what?", false},
	{"silent handshake", NULL, false, {SECURE, "Z"}, STAGE_TLS, CAUSE_SILENCE, "no answer", false},
	{"dripping handshake", NULL, true, {"D \x16\x03\x03\x10\x01\x02\x01\x01"}, STAGE_TLS, CAUSE_SILENCE, "not finished", false},
	{"closed in the handshake", NULL, true, {"C"}, STAGE_TLS, CAUSE_CLOSED, "", false},
	{"tls 1.1", NULL, true, {"T old"}, STAGE_TLS, CAUSE_TLS, "", false},
	{"expired", NULL, false, {SECURE, "T expired", LOGINS, "S 235 ok"}, STAGE_TLS, CAUSE_CERT_EXPIRED, "expired", false},
	{"not yet valid", NULL, false, {SECURE, "T not-yet", LOGINS, "S 235 ok"}, STAGE_TLS, CAUSE_CERT_NOT_YET, "clock", false},
	{"self-signed", NULL, true, {"T self-signed", HELLO}, STAGE_TLS, CAUSE_CERT_ISSUER, "self-signed", false},
	{"self-signed and expired", NULL, true, {"T self-signed-expired", HELLO}, STAGE_TLS, CAUSE_CERT_EXPIRED, "self-signed", false},
	{"wrong name", NULL, true, {"T wrong-name", HELLO}, STAGE_TLS, CAUSE_CERT_NAME, "other.example.test", false},
	{"common name only", NULL, true, {"T cn-only", HELLO}, STAGE_TLS, CAUSE_CERT_NAME, "no name", false},
	{"wildcard too high", NULL, true, {"T deep-wildcard", HELLO}, STAGE_TLS, CAUSE_CERT_NAME, "*.test", false},
	{"part of a label", NULL, true, {"T part-wildcard", HELLO}, STAGE_TLS, CAUSE_CERT_NAME, "ma*", false},
	{"address in the common name", "127.0.0.1", true, {"T other-ip", HELLO}, STAGE_TLS, CAUSE_CERT_NAME, "", false},
	{"address as a name", "127.0.0.1", true, {"T ip-as-name", HELLO}, STAGE_TLS, CAUSE_CERT_NAME, "", false},
	{"name for an address certificate", NULL, true, {"T ip", HELLO}, STAGE_TLS, CAUSE_CERT_NAME, "", false},
	{"AUTH only before tls", NULL, false, {HELLO, "S 250-relay|250-STARTTLS|250 AUTH PLAIN", "R", "S 220 go", "T good", "R",
	    "S 250 relay"}, STAGE_AUTH, CAUSE_AUTH_MECHANISM, "no AUTH", false},
	{"no common mechanism", NULL, true, {"T good", HELLO, "S 250-relay|250 AUTH NTLM XPLAIN"}, STAGE_AUTH, CAUSE_AUTH_MECHANISM,
	    "NTLM", false},
	{"wrong password", NULL, false, {UP_TO_AUTH, "S 535 5.7.8 bad"}, STAGE_AUTH, CAUSE_AUTH_REFUSED, "bad", true},
	{"logins down", NULL, false, {UP_TO_AUTH, "S 454 4.7.0 later"}, STAGE_AUTH, CAUSE_AUTH_TEMPORARY, "later", true},
	{"no mechanism works", NULL, false, {UP_TO_AUTH, "S 504 no", "R", "S 504 nor that"}, STAGE_AUTH, CAUSE_AUTH_MECHANISM,
	    "nor that", true},
	{"endless challenges", NULL, true, {"T good", HELLO, "S 250-relay|250 AUTH PLAIN", "R", "S 334 ", "R", "S 334 ", "R",
	    "S 501 ended"}, STAGE_AUTH, CAUSE_PROTOCOL, "no sense", true},
	{"relay that repeats the command", NULL, true, {"T good", HELLO, "S 250-relay|250 AUTH PLAIN", "R",
	    "S 500 5.5.1 Command unrecognized: \"AUTH PLAIN " SECRET_PLAIN "\""}, STAGE_AUTH, CAUSE_AUTH_MECHANISM, "withheld", true},
	{"relay that tells the password in its words", NULL, false, {UP_TO_AUTH, "S 535 5.7.8 " SECRET " is wrong"}, STAGE_AUTH,
	    CAUSE_AUTH_REFUSED, "withheld", true},
	{"relay that tells it in another form than it was sent", NULL, false, {UP_TO_AUTH, "S 535 5.7.8 bad: " SECRET_LOGIN}, STAGE_AUTH,
	    CAUSE_AUTH_REFUSED, "withheld", true},
	{"relay that tells it behind nonsense", NULL, false, {UP_TO_AUTH, "S " SECRET}, STAGE_AUTH, CAUSE_PROTOCOL, "withheld", true},
	{"relay that repeats the password", NULL, true, {"T good", HELLO, "S 250-relay|250 AUTH=LOGIN", "R", "S 334 VXNlcm5hbWU6", "R",
	    "S 334 UGFzc3dvcmQ6", "R", "S 535-5.7.8 not|535 5.7.8 " SECRET_LOGIN}, STAGE_AUTH, CAUSE_AUTH_REFUSED, "withheld", true},
	{"an echo", NULL, true, {"T good", HELLO, "S 250-relay|250 AUTH PLAIN", "R", "S AUTH PLAIN " SECRET_PLAIN}, STAGE_AUTH,
	    CAUSE_PROTOCOL, "withheld", true},
	{"AUTH unanswered", NULL, false, {UP_TO_AUTH, "Z"}, STAGE_AUTH, CAUSE_SILENCE, "no answer", true},
	{"closed at AUTH", NULL, false, {UP_TO_AUTH, "C"}, STAGE_AUTH, CAUSE_CLOSED, "", true},
	{"unasked 235", NULL, true, {"T good", HELLO, "s 250-relay|250 AUTH LOGIN|334 VXNlcm5hbWU6|334 UGFzc3dvcmQ6|235 ok|", "Z"},
	    STAGE_AUTH, CAUSE_PROTOCOL, "before", false},
};

static const struct config_timeouts limits = {.dns = 3000, .connect = 5000, .race = 5000, .greeting = 600, .tls = 1500, .command = 600};

struct fixture {
	struct relay         relay;
	struct buffer        secret;
	struct tls_trust    *trust;
	struct opening_plan  plan;
	struct stage_times   times;
	struct outcome       outcome;
};

static void
fixture_make(struct fixture *fixture, const char *host, uint16_t port, bool implicit_tls, const char *ca_file)
{
	struct sockaddr_in *address = (struct sockaddr_in *)&fixture->plan.address;

	memset(fixture, 0, sizeof(*fixture));
	fixture->relay.host = memory_copy_text(host != NULL ? host : PEER_NAME);
	fixture->relay.user = memory_copy_text("user");
	fixture->relay.ports[0] = (struct relay_port){port, implicit_tls};
	fixture->relay.port_count = 1;
	buffer_init(&fixture->secret, 8192);
	assert_int_equal(buffer_append_text(&fixture->secret, SECRET), 0);
	fixture->trust = tls_trust_new(ca_file);
	fixture->plan.relay = &fixture->relay;
	fixture->plan.timeouts = &limits;
	fixture->plan.trust = fixture->trust;
	fixture->plan.ehlo = "client.example.test";
	fixture->plan.port = fixture->relay.ports[0];
	fixture->plan.deadline = deadline_in(20000);
	address->sin_family = AF_INET;
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

/* As a race with one runner; then the login. */
static struct channel *
fixture_open(struct fixture *fixture)
{
	struct opening *opening = opening_new(&fixture->plan);
	struct channel *channel = NULL;
	int64_t began;

	while (opening_advance(opening) == OPENING_UNDER_WAY) {
		struct pollfd wait = {.fd = opening_fd(opening), .events = opening_wants(opening)};

		(void)poll(&wait, 1, deadline_poll(opening_limit(opening)));
	}
	fixture->times = *opening_times(opening);
	fixture->outcome = *opening_outcome(opening);
	if (opening_advance(opening) == OPENING_SECURED)
		channel = opening_take(opening);
	opening_free(opening);
	if (channel == NULL)
		return NULL;
	began = deadline_clock();
	if (channel_login(channel, &fixture->relay, &fixture->secret, deadline_in(limits.command), &fixture->outcome) == 0)
		return channel;
	fixture->times.ms[STAGE_AUTH] = deadline_clock() - began + 1;
	channel_close(channel);
	return NULL;
}

static void
fixture_free(struct fixture *fixture)
{
	free(fixture->relay.host);
	free(fixture->relay.user);
	buffer_wipe(&fixture->secret);
	tls_trust_free(fixture->trust);
}

static void
check_failure(const struct row *row, const struct fixture *fixture, int64_t spent)
{
	const struct outcome *outcome = &fixture->outcome;

	if (outcome->stage != row->stage || outcome->cause != row->cause || strstr(outcome->text, row->says) == NULL)
		fail_msg("%s: %s %s %s", row->name, stage_name(outcome->stage), cause_name(outcome->cause), outcome->text);
	if (fixture->times.ms[row->stage] == 0 || fixture->times.ms[STAGE_CONNECT] == 0)
		fail_msg("%s: no time booked", row->name);
	if (strstr(outcome->text, SECRET_PLAIN) != NULL || strstr(outcome->text, SECRET_LOGIN) != NULL)
		fail_msg("%s: the password is in %s", row->name, outcome->text);
	/* a guard, not a measurement: every limit used here is under 2 s */
	if (spent > 10000)
		fail_msg("%s: took %lld ms", row->name, (long long)spent);
}

static void
check_row(const struct row *row)
{
	struct peer peer = peer_start(row->steps);
	int64_t began = deadline_clock();
	struct channel *channel;
	struct fixture fixture;
	bool heard;

	fixture_make(&fixture, row->host, peer.port, row->implicit_tls, peer_ca_file);
	channel = fixture_open(&fixture);
	if (channel == NULL && row->stage == STAGE_NONE)
		fail_msg("%s: %s %s %s", row->name, stage_name(fixture.outcome.stage), cause_name(fixture.outcome.cause),
		    fixture.outcome.text);
	if (channel != NULL && row->stage != STAGE_NONE)
		fail_msg("%s: it opens", row->name);
	if (channel == NULL)
		check_failure(row, &fixture, deadline_clock() - began);
	else
		assert_string_equal(channel_mechanism(channel), row->says);
	if (channel != NULL)
		assert_true(strncmp(channel_tls(channel), "TLS1.", 5) == 0);
	if (channel != NULL)
		assert_true(channel_alive(channel));
	channel_close(channel);
	peer_stop(&peer);
	heard = strstr(peer.heard, SECRET_PLAIN) != NULL || strstr(peer.heard, SECRET_LOGIN) != NULL;
	if (heard != row->hears_password)
		fail_msg("%s: password %s", row->name, heard ? "heard" : "not heard");
	if (strstr(peer.heard, "MAIL") != NULL || strstr(peer.heard, SECRET) != NULL)
		fail_msg("%s: it heard %s", row->name, peer.heard);
	if (row->stage == STAGE_NONE && strstr(peer.heard, "QUIT\r\n") == NULL)
		fail_msg("%s: no QUIT", row->name);
	peer_free(&peer);
	fixture_free(&fixture);
}

static void
each_fault_has_its_stage_and_cause(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(&rows[i]);
}

static void
trust_store_is_required(void **state)
{
	static const struct {
		const char *file;
		enum cause  cause;
		const char *says;
	} cases[] = {
		{"/nonexistent/ca.pem", CAUSE_TRUST_STORE, "No such file"},
		{peer_empty_file, CAUSE_TRUST_STORE, "no PEM certificate"},
		{peer_directory, CAUSE_TRUST_STORE, "directory"},
		{peer_other_file, CAUSE_CERT_ISSUER, "Throwaway CA"},
	};
	static const char *const steps[] = {"T good", HELLO, NULL};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct peer peer = peer_start(steps);
		struct fixture fixture;

		fixture_make(&fixture, NULL, peer.port, true, cases[i].file);
		assert_null(fixture_open(&fixture));
		assert_string_equal(cause_name(fixture.outcome.cause), cause_name(cases[i].cause));
		if (strstr(fixture.outcome.text, cases[i].says) == NULL)
			fail_msg("%s: %s", cases[i].says, fixture.outcome.text);
		assert_int_equal(fixture.outcome.stage, STAGE_TLS);
		peer_stop(&peer);
		peer_free(&peer);
		fixture_free(&fixture);
	}
}

static void
bytes_pass_both_ways_and_the_end_is_seen(void **state)
{
	static const char *const steps[] = {UP_TO_AUTH, "S 235 ok", "R", "S 250-one|250 2.0.0 two", "s 2", "s 50 three|", "R",
	    "S 421 4.4.2 bye", "C", NULL};
	struct peer peer = peer_start(steps);
	struct channel *channel;
	struct fixture fixture;
	struct reply reply;

	(void)state;
	fixture_make(&fixture, NULL, peer.port, false, peer_ca_file);
	channel = fixture_open(&fixture);
	assert_non_null(channel);
	assert_int_equal(channel_capabilities(channel)->size_limit, 1000);
	assert_false(channel_capabilities(channel)->pipelining);	/* that was before TLS */
	assert_int_equal(channel_send(channel, "NOOP\r\n", 6, STAGE_MAIL, deadline_in(5000), &fixture.outcome), 0);
	assert_int_equal(channel_reply(channel, STAGE_MAIL, deadline_in(5000), &reply, &fixture.outcome), 0);
	assert_string_equal(reply.text, "one 2.0.0 two");
	assert_int_equal(channel_reply(channel, STAGE_MAIL, deadline_in(5000), &reply, &fixture.outcome), 0);
	assert_string_equal(reply.text, "three");
	assert_int_equal(channel_send(channel, "NOOP\r\n", 6, STAGE_MAIL, deadline_in(5000), &fixture.outcome), 0);
	assert_int_equal(channel_reply(channel, STAGE_MAIL, deadline_in(5000), &reply, &fixture.outcome), 0);
	assert_int_equal(reply.code, 421);
	/* closed without close_notify: the end, not a TLS error */
	assert_int_equal(channel_reply(channel, STAGE_RCPT, deadline_in(5000), &reply, &fixture.outcome), -1);
	assert_int_equal(fixture.outcome.cause, CAUSE_CLOSED);
	assert_int_equal(fixture.outcome.stage, STAGE_RCPT);
	assert_false(channel_alive(channel));
	channel_close(channel);
	peer_stop(&peer);
	peer_free(&peer);
	fixture_free(&fixture);
}

#define FLOOD 16000000

/* The peer reads late, so records are cut off in the middle; every octet must arrive, once. */
static void
a_write_that_would_block_is_taken_up_again(void **state)
{
	static const char *const steps[] = {UP_TO_AUTH, "S 235 ok", "N 16000000", "S 250 right", NULL};
	struct peer peer = peer_start(steps);
	struct channel *channel;
	struct fixture fixture;
	struct reply reply;
	unsigned char *data = memory_alloc(FLOOD);

	(void)state;
	for (size_t i = 0; i < FLOOD; i++)
		data[i] = (unsigned char)(i % 251);
	fixture_make(&fixture, NULL, peer.port, false, peer_ca_file);
	channel = fixture_open(&fixture);
	assert_non_null(channel);
	assert_int_equal(channel_send(channel, data, FLOOD, STAGE_DATA, deadline_in(30000), &fixture.outcome), 0);
	assert_int_equal(channel_reply(channel, STAGE_FINAL, deadline_in(30000), &reply, &fixture.outcome), 0);
	assert_string_equal(reply.text, "right");
	channel_close(channel);
	free(data);
	peer_stop(&peer);
	peer_free(&peer);
	fixture_free(&fixture);
}

/* The relay asks for new keys while a record of ours is cut off in the middle, and we read as the splice does. */
static void
new_keys_in_the_middle_of_a_write(void **state)
{
	static const char *const steps[] = {UP_TO_AUTH, "S 235 ok", "K", "N 16000000", "S 250 right", NULL};
	struct peer peer = peer_start(steps);
	struct channel *channel;
	struct fixture fixture;
	struct reply reply;
	unsigned char *data = memory_alloc(FLOOD);
	char   other[64];
	size_t sent = 0;
	ssize_t n;

	(void)state;
	for (size_t i = 0; i < FLOOD; i++)
		data[i] = (unsigned char)(i % 251);
	fixture_make(&fixture, NULL, peer.port, false, peer_ca_file);
	channel = fixture_open(&fixture);
	assert_non_null(channel);
	while (sent < FLOOD) {
		struct pollfd wait = {channel_fd(channel), POLLIN, 0};

		n = channel_write(channel, data + sent, FLOOD - sent);
		if (n > 0)
			sent += (size_t)n;
		else if (n == 0 || errno != EAGAIN)
			fail_msg("%zu octets, then %zd %s", sent, n, strerror(errno));
		wait.events |= n < 0 ? channel_wants(channel) : 0;
		if (n < 0) {
			assert_int_equal(channel_read(channel, other, sizeof(other)), -1);
			assert_int_equal(errno, EAGAIN);
			assert_true(poll(&wait, 1, 10000) > 0);
		}
	}
	assert_int_equal(channel_reply(channel, STAGE_FINAL, deadline_in(30000), &reply, &fixture.outcome), 0);
	assert_string_equal(reply.text, "right");
	channel_close(channel);
	free(data);
	peer_stop(&peer);
	peer_free(&peer);
	fixture_free(&fixture);
}

static void
a_closed_window_does_not_hold_us(void **state)
{
	static const char *const steps[] = {UP_TO_AUTH, "S 235 ok", "Z", NULL};
	struct peer peer = peer_start(steps);
	struct channel *channel;
	struct fixture fixture;
	char *data = memory_alloc(FLOOD);
	int64_t began;

	(void)state;
	fixture_make(&fixture, NULL, peer.port, false, peer_ca_file);
	channel = fixture_open(&fixture);
	assert_non_null(channel);
	began = deadline_clock();
	assert_int_equal(channel_send(channel, data, FLOOD, STAGE_DATA, deadline_in(300), &fixture.outcome), -1);
	assert_int_equal(fixture.outcome.cause, CAUSE_SILENCE);
	for (int i = 0; i < 10000 && channel_write(channel, data, FLOOD) > 0; i++)
		continue;
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(channel_wants(channel), POLLOUT);
	channel_close(channel);
	assert_true(deadline_clock() - began < 10000);
	free(data);
	peer_stop(&peer);
	peer_free(&peer);
	fixture_free(&fixture);
}

static uint16_t
closed_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	(void)close(fd);
	return ntohs(address.sin_port);
}

/* ---- the race ---- */

#define RACERS 3

/* One relay for each port, all implicit TLS, with their addresses in the fixture's settings. */
struct race {
	struct peer            peers[RACERS];
	size_t                 count;
	struct fixture         fixture;
	struct config_timeouts limits;
	struct ladder_plan     plan;
	struct ladder         *ladder;
	struct channel        *channel;
	struct ladder_step     step;
};

#define GOOD {"T ip", HELLO, "S 250-relay|250 AUTH PLAIN", "R", "S 221 bye", NULL}
#define LATE {"W 2200", "T ip", HELLO, "S 250-relay|250 AUTH PLAIN", "R", "S 221 bye", NULL}
#define SILENT {"Z", NULL}
#define CLOSES {"C", NULL}

static void
race_start(struct race *race, const char *const steps[][PEER_STEPS], size_t count, int64_t interval)
{
	memset(race, 0, sizeof(*race));
	race->count = count;
	for (size_t i = 0; i < count; i++)
		race->peers[i] = peer_start(steps[i]);
	fixture_make(&race->fixture, "127.0.0.1", 0, true, peer_ca_file);
	race->fixture.relay.port_count = count;
	for (size_t i = 0; i < count; i++)
		race->fixture.relay.ports[i] = (struct relay_port){race->peers[i].port, true};
	race->limits = limits;
	race->limits.tls = 20000;
	race->limits.race = interval;
	race->plan = (struct ladder_plan){.relay = &race->fixture.relay, .timeouts = &race->limits, .trust = race->fixture.trust,
	    .ehlo = "client.example.test"};
}

static enum ladder_event
race_next(struct race *race)
{
	if (race->ladder == NULL)
		race->ladder = ladder_new(&race->plan);
	return ladder_next(race->ladder, deadline_in(20000), &race->channel, &race->step);
}

static uint16_t
race_port(const struct race *race, size_t i)
{
	return race->peers[i].port;
}

static void
race_end(struct race *race)
{
	ladder_free(race->ladder);
	channel_close(race->channel);
	for (size_t i = 0; i < race->count; i++) {
		peer_stop(&race->peers[i]);
		peer_free(&race->peers[i]);
	}
	fixture_free(&race->fixture);
}

static void
a_silent_port_gets_company_and_is_overtaken(void **state)
{
	static const char *const steps[][PEER_STEPS] = {SILENT, GOOD};
	int64_t began = deadline_clock();
	struct race race;

	(void)state;
	race_start(&race, steps, 2, 100);
	assert_int_equal(race_next(&race), LADDER_OVERTAKEN);
	assert_int_equal(race.step.port, race_port(&race, 0));
	assert_int_equal(race.step.outcome.stage, STAGE_TLS);
	assert_int_equal(race.step.outcome.cause, CAUSE_SILENCE);
	assert_non_null(strstr(race.step.outcome.text, "no answer for 0."));
	assert_true(race.step.times.ms[STAGE_TLS] >= 100);
	assert_int_equal(race_next(&race), LADDER_SECURED);
	assert_int_equal(race.step.port, race_port(&race, 1));
	assert_int_equal(race.step.family, AF_INET);
	assert_int_equal(race.step.outcome.verdict, VERDICT_NONE);
	assert_non_null(race.channel);
	/* a guard, not a measurement: it did not wait for the silent one's own limit of 20 s */
	assert_true(deadline_clock() - began < 10000);
	race_end(&race);
}

/* It was started as company, and the first got on after all: the loser has done nothing wrong. */
static void
who_was_only_slower_is_not_blamed(void **state)
{
	static const char *const steps[][PEER_STEPS] = {LATE, SILENT};
	struct race race;

	(void)state;
	race_start(&race, steps, 2, 2000);
	assert_int_equal(race_next(&race), LADDER_OVERTAKEN);
	assert_int_equal(race.step.port, race_port(&race, 1));
	assert_int_equal(race.step.outcome.cause, CAUSE_NONE);
	assert_string_equal(race.step.outcome.text, "slower than another");
	assert_int_equal(race_next(&race), LADDER_SECURED);
	assert_int_equal(race.step.port, race_port(&race, 0));
	race_end(&race);
}

static void
who_gets_on_is_left_alone(void **state)
{
	static const char *const steps[][PEER_STEPS] = {GOOD, GOOD};
	struct race race;

	(void)state;
	race_start(&race, steps, 2, 10000);
	assert_int_equal(race_next(&race), LADDER_SECURED);
	assert_int_equal(race.step.port, race_port(&race, 0));
	assert_string_equal(race.peers[1].heard, "");
	assert_string_not_equal(race.peers[0].heard, "");
	race_end(&race);
}

static void
a_failure_starts_the_next_at_once(void **state)
{
	static const char *const steps[][PEER_STEPS] = {CLOSES, GOOD};
	int64_t began = deadline_clock();
	struct race race;

	(void)state;
	race_start(&race, steps, 2, 10000);
	race.fixture.relay.ports[2] = (struct relay_port){closed_port(), true};
	race.fixture.relay.port_count = 3;
	assert_int_equal(race_next(&race), LADDER_FAILED);
	assert_int_equal(race.step.port, race_port(&race, 0));
	assert_int_equal(race.step.outcome.cause, CAUSE_CLOSED);
	assert_int_equal(race_next(&race), LADDER_SECURED);
	assert_int_equal(race.step.port, race_port(&race, 1));
	channel_close(race.channel);
	race.channel = NULL;
	assert_int_equal(race_next(&race), LADDER_FAILED);
	assert_int_equal(race.step.outcome.cause, CAUSE_CONNECT_REFUSED);
	assert_int_equal(race_next(&race), LADDER_END);
	assert_true(deadline_clock() - began < 8000);
	race_end(&race);
}

static void
what_won_the_last_time_goes_first(void **state)
{
	static const char *const steps[][PEER_STEPS] = {SILENT, SILENT, GOOD};
	struct race race;

	(void)state;
	race_start(&race, steps, 3, 10000);
	race.plan.hint = (struct ladder_hint){race_port(&race, 2), AF_INET, 1};
	assert_int_equal(race_next(&race), LADDER_SECURED);
	assert_int_equal(race.step.port, race_port(&race, 2));
	race_end(&race);
}

/* Of another family it is another way. */
static void
a_hint_that_fits_nothing_changes_nothing(void **state)
{
	static const char *const steps[][PEER_STEPS] = {GOOD, SILENT};
	struct race race;

	(void)state;
	race_start(&race, steps, 2, 10000);
	race.plan.hint = (struct ladder_hint){race_port(&race, 1), AF_INET6, 1};
	assert_int_equal(race_next(&race), LADDER_SECURED);
	assert_int_equal(race.step.port, race_port(&race, 0));
	race_end(&race);
}

static void
a_far_relay_gets_more_time(void **state)
{
	static const char *const steps[][PEER_STEPS] = {SILENT, GOOD};
	struct race race;
	int64_t began = deadline_clock();

	(void)state;
	race_start(&race, steps, 2, 1);
	race.plan.hint.round_trip = 200;
	assert_int_equal(race_next(&race), LADDER_OVERTAKEN);
	assert_true(deadline_clock() - began >= 400);
	race_end(&race);
}

static void
all_silent_ends_with_the_slowest_limit(void **state)
{
	static const char *const steps[][PEER_STEPS] = {SILENT, SILENT, SILENT};
	int64_t began = deadline_clock();
	struct race race;

	(void)state;
	race_start(&race, steps, 3, 50);
	race.limits.tls = 2000;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(race_next(&race), LADDER_FAILED);
		assert_int_equal(race.step.outcome.cause, CAUSE_SILENCE);
		assert_int_equal(race.step.port, race_port(&race, i));
	}
	assert_int_equal(race_next(&race), LADDER_END);
	/* side by side: one after another it would be 6 s at least */
	assert_true(deadline_clock() - began < 5000);
	race_end(&race);
}

static void
the_deadline_ends_all(void **state)
{
	static const char *const steps[][PEER_STEPS] = {SILENT, SILENT};
	struct race race;

	(void)state;
	race_start(&race, steps, 2, 10000);
	race.ladder = ladder_new(&race.plan);
	assert_int_equal(ladder_next(race.ladder, deadline_in(200), &race.channel, &race.step), LADDER_FAILED);
	assert_int_equal(ladder_next(race.ladder, deadline_in(0), &race.channel, &race.step), LADDER_END);
	race_end(&race);
}

/* The winner's login broke: who was overtaken is still to be had. */
static void
an_overtaken_one_can_be_tried_again(void **state)
{
	static const char *const steps[][PEER_STEPS] = {SILENT, GOOD};
	struct race race;

	(void)state;
	race_start(&race, steps, 2, 100);
	assert_int_equal(race_next(&race), LADDER_OVERTAKEN);
	assert_int_equal(race_next(&race), LADDER_SECURED);
	channel_close(race.channel);
	race.channel = NULL;
	/* it served one connection only */
	assert_int_equal(race_next(&race), LADDER_FAILED);
	assert_int_equal(race.step.port, race_port(&race, 0));
	assert_int_equal(race_next(&race), LADDER_END);
	race_end(&race);
}

static int
set_up(void **state)
{
	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	(void)alarm(120);
	peer_set_up();
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	peer_tear_down();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_fault_has_its_stage_and_cause),
		cmocka_unit_test(trust_store_is_required),
		cmocka_unit_test(bytes_pass_both_ways_and_the_end_is_seen),
		cmocka_unit_test(a_write_that_would_block_is_taken_up_again),
		cmocka_unit_test(new_keys_in_the_middle_of_a_write),
		cmocka_unit_test(a_closed_window_does_not_hold_us),
		cmocka_unit_test(a_silent_port_gets_company_and_is_overtaken),
		cmocka_unit_test(who_was_only_slower_is_not_blamed),
		cmocka_unit_test(who_gets_on_is_left_alone),
		cmocka_unit_test(a_failure_starts_the_next_at_once),
		cmocka_unit_test(what_won_the_last_time_goes_first),
		cmocka_unit_test(a_hint_that_fits_nothing_changes_nothing),
		cmocka_unit_test(a_far_relay_gets_more_time),
		cmocka_unit_test(all_silent_ends_with_the_slowest_limit),
		cmocka_unit_test(the_deadline_ends_all),
		cmocka_unit_test(an_overtaken_one_can_be_tried_again),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
