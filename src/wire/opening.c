/*
 * opening: RFC 5321 (greeting, EHLO), RFC 3207 (STARTTLS), RFC 8314 (TLS from the first octet).
 *
 *	connect -> greeting -> EHLO -> STARTTLS -> handshake -> EHLO
 *	connect -> handshake -> greeting -> EHLO			(implicit TLS)
 *
 * A table of steps and not straight-line code, because candidates race and the winner stays where it was opened: a TLS session can't be
 * handed to another process. Each step has two functions: `begin` says something, `go_on` takes the answer, or comes back later.
 *
 * What was learned before the handshake is forgotten behind it, and what arrives between the 220 to STARTTLS and the handshake ends the
 * connection. There is no way to OPENING_SECURED but through a verified handshake.
 */
#include "wire/opening.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "wire/channel_private.h"

struct opening_step {
	enum stage stage;
	size_t     limit;				/* offset in struct config_timeouts */
	int      (*begin)(struct opening *opening);	/* 0, or -1 and the outcome; NULL: the relay speaks first */
	int      (*go_on)(struct opening *opening);	/* 1 done, 0 later, -1 and the outcome */
	void     (*late)(struct opening *opening);	/* the outcome when its time is over */
};

struct opening {
	struct opening_plan       plan;
	struct channel           *channel;
	const struct opening_step *const *step;	/* NULL-terminated way, where we are on it */
	enum opening_state        state;
	struct deadline           limit;	/* of the step */
	int64_t                   since;
	char                      line[512];	/* what is being sent */
	size_t                    length, sent;
	struct stage_times        times;
	struct opening_sight      sight;
	struct outcome            outcome;
	char                      peer[80];
};

static void
opening_note(const struct opening *opening, const char *text)
{
	channel_trace(opening->channel, '-', text, strlen(text));
}

/* ---- a command and its reply ---- */

static int
opening_say(struct opening *opening, const char *verb, const char *argument)
{
	int length = snprintf(opening->line, sizeof(opening->line), "%s%s\r\n", verb, argument);

	if (length < 0 || (size_t)length >= sizeof(opening->line))
		return channel_fail(&opening->outcome, (*opening->step)->stage, CAUSE_CONFIG, "our name in EHLO can't be used");
	/* a reply that is there before we ask would be taken for the answer */
	if (opening->channel->input.length > 0)
		return channel_fail(&opening->outcome, (*opening->step)->stage, CAUSE_PROTOCOL,
		    "the relay answers before it is asked");
	opening->length = (size_t)length;
	opening->sent = 0;
	channel_trace(opening->channel, 'C', opening->line, opening->length);
	return 0;
}

/* 1: the reply is the first *used octets of the input. */
static int
opening_hear(struct opening *opening, struct reply *reply, size_t *used)
{
	struct channel *channel = opening->channel;
	enum stage stage = (*opening->step)->stage;

	while (opening->sent < opening->length) {
		ssize_t count = channel_write(channel, opening->line + opening->sent, opening->length - opening->sent);

		if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 0;
		if (count <= 0)
			return channel_broken(&opening->outcome, stage, -1);
		opening->sent += (size_t)count;
	}
	return channel_hear(channel, stage, reply, used, &opening->outcome);
}

static void
opening_reply_late(struct opening *opening)
{
	(void)channel_late(opening->channel, (*opening->step)->stage, &opening->outcome);
}

/* ---- connect ---- */

/* `is_ours`: connect() said so at once, and not somebody on the way. */
static int
opening_connect_failed(struct opening *opening, int error, bool is_ours)
{
	enum cause cause = CAUSE_UNREACHABLE;
	const char *advice = "";

	if (error == ECONNREFUSED)
		cause = CAUSE_CONNECT_REFUSED;
	else if (error == ETIMEDOUT)
		cause = CAUSE_CONNECT_TIMEOUT;
	else if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM)
		cause = CAUSE_LOCAL;
	else if ((error == EACCES || error == EPERM) && !is_ours)
		advice = ": a firewall on the way prohibits it";
	else if (error == EACCES || error == EPERM)
		advice = ": forbidden on this machine (firewall? SELinux: setsebool -P "
		    "httpd_can_sendmail on, or httpd_can_network_connect)";
	outcome_set(&opening->outcome, VERDICT_DEFERRED, STAGE_CONNECT, cause, "%s%s", strerror(error), advice);
	return -1;
}

static void
opening_name_peer(struct opening *opening, const struct sockaddr_storage *address, socklen_t length)
{
	char host[60], port[8];

	if (getnameinfo((const struct sockaddr *)address, length, host, sizeof(host), port, sizeof(port),
	    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		(void)snprintf(opening->peer, sizeof(opening->peer), "?");
	else
		(void)snprintf(opening->peer, sizeof(opening->peer),
		    address->ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
	memcpy(opening->channel->peer, opening->peer, sizeof(opening->channel->peer));
}

static int
opening_connect(struct opening *opening)
{
	struct sockaddr_storage address = opening->plan.address;
	struct channel *channel = opening->channel;
	bool is_6 = address.ss_family == AF_INET6;
	socklen_t length = is_6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	int on = 1;

	if (is_6)
		((struct sockaddr_in6 *)&address)->sin6_port = htons(opening->plan.port.number);
	else
		((struct sockaddr_in *)&address)->sin_port = htons(opening->plan.port.number);
	opening_name_peer(opening, &address, length);
	channel->wants = POLLOUT;
	channel->fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (channel->fd < 0)
		return opening_connect_failed(opening, errno, true);
	/* small writes that wait for each other's acknowledgement cost 40 ms each; it works without, too */
	(void)setsockopt(channel->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(channel->fd, (const struct sockaddr *)&address, length) != 0 && errno != EINPROGRESS && errno != EINTR)
		return opening_connect_failed(opening, errno, true);
	/* done here, the 10-25 ms that a system store takes pass while the SYN travels */
	return tls_trust_load(opening->plan.trust, &opening->outcome);
}

static int
opening_connected(struct opening *opening)
{
	struct pollfd poll_fd = {.fd = opening->channel->fd, .events = POLLOUT};
	socklen_t size = sizeof(int);
	int error = 0;

	if (poll(&poll_fd, 1, 0) <= 0)
		return 0;
	if (getsockopt(opening->channel->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
		error = errno;
	/* a reset comes from whoever had accepted (before that it would be a refusal): the next read tells */
	if (error != 0 && error != ECONNRESET)
		return opening_connect_failed(opening, error, false);
	opening_note(opening, "connected");
	return 1;
}

static void
opening_connect_late(struct opening *opening)
{
	(void)channel_fail(&opening->outcome, STAGE_CONNECT, CAUSE_CONNECT_TIMEOUT, "no answer to the connection attempt");
}

/* ---- greeting ---- */

static int
opening_greeted(struct opening *opening)
{
	struct channel *channel = opening->channel;
	struct outcome *outcome = &opening->outcome;
	struct reply reply = {0};
	size_t used = 0;
	int heard = channel_hear(channel, STAGE_GREETING, &reply, &used, outcome);

	if (heard < 0 && outcome->cause == CAUSE_PROTOCOL && channel->input.length > 0 &&
	    (channel->input.data[0] == 0x16 || channel->input.data[0] == 0x15))
		return channel_fail(outcome, STAGE_GREETING, CAUSE_TLS_MODE,
		    "this port speaks TLS from the first octet: write it as PORT/tls in `ports`");
	if (heard <= 0)
		return heard;
	buffer_consume(&channel->input, used);
	opening->sight.greeting = reply.code;
	(void)snprintf(opening->sight.banner, sizeof(opening->sight.banner), "%.127s", reply.text);
	if (reply.code != 220) {
		reply_outcome(&reply, STAGE_GREETING, outcome);
		return -1;
	}
	channel->is_mute = false;
	return 1;
}

static void
opening_greeting_late(struct opening *opening)
{
	if (opening->channel->tls == NULL && opening->channel->input.length == 0)
		(void)channel_fail(&opening->outcome, STAGE_GREETING, CAUSE_SILENCE,
		    "connected, but no greeting (a port that wants TLS at once is written as PORT/tls in `ports`)");
	else
		opening_reply_late(opening);
}

/* ---- EHLO ---- */

static int
opening_ehlo(struct opening *opening)
{
	memset(&opening->channel->capabilities, 0, sizeof(opening->channel->capabilities));
	if (strpbrk(opening->plan.ehlo, "\r\n") != NULL)
		return channel_fail(&opening->outcome, STAGE_EHLO, CAUSE_CONFIG, "our name in EHLO can't be used");
	return opening_say(opening, "EHLO ", opening->plan.ehlo);
}

static int
opening_capable(struct opening *opening)
{
	struct channel *channel = opening->channel;
	struct reply reply = {0};
	size_t used = 0;
	int heard = opening_hear(opening, &reply, &used);

	if (heard <= 0)
		return heard;
	/* no HELO after a refusal: it knows neither STARTTLS nor AUTH */
	if (reply.code != 250) {
		reply_outcome(&reply, STAGE_EHLO, &opening->outcome);
		return -1;
	}
	capabilities_parse(channel->input.data, used, &channel->capabilities);
	buffer_consume(&channel->input, used);
	return 1;
}

/* ---- STARTTLS ---- */

static int
opening_starttls(struct opening *opening)
{
	if (!opening->channel->capabilities.starttls)
		return channel_fail(&opening->outcome, STAGE_STARTTLS, CAUSE_STARTTLS_MISSING,
		    "the relay does not offer STARTTLS on this port; nothing is sent in clear");
	return opening_say(opening, "STARTTLS", "");
}

/* Clear text that lies behind the 220 was put there by somebody who wants it to be read as if it came through TLS. */
static int
opening_check_injection(struct opening *opening)
{
	struct channel *channel = opening->channel;
	char data[200], text[200];
	ssize_t count;

	if (channel->input.length > 0) {
		text_printable(text, sizeof(text), channel->input.data, channel->input.length, true);
	} else {
		count = recv(channel->fd, data, sizeof(data), MSG_PEEK | MSG_DONTWAIT);
		if (count <= 0)
			return 1;
		text_printable(text, sizeof(text), data, (size_t)count, true);
	}
	outcome_set(&opening->outcome, VERDICT_DEFERRED, STAGE_STARTTLS, CAUSE_INJECTION,
	    "behind the reply to STARTTLS: %s", text);
	channel->is_mute = true;
	return -1;
}

static int
opening_ready_for_tls(struct opening *opening)
{
	struct channel *channel = opening->channel;
	struct reply reply = {0};
	size_t used = 0;
	int heard = opening_hear(opening, &reply, &used);

	if (heard <= 0)
		return heard;
	buffer_consume(&channel->input, used);
	if (reply.code != 220) {
		reply_outcome(&reply, STAGE_STARTTLS, &opening->outcome);
		return -1;
	}
	memset(&channel->capabilities, 0, sizeof(channel->capabilities));
	return opening_check_injection(opening);
}

/* ---- handshake ---- */

static int
opening_tls(struct opening *opening)
{
	struct channel *channel = opening->channel;

	channel->is_mute = true;
	channel->tls = tls_begin(channel->fd, opening->plan.relay->host, opening->plan.trust, &opening->outcome);
	return channel->tls != NULL ? 0 : -1;
}

static int
opening_tls_shaken(struct opening *opening)
{
	struct channel *channel = opening->channel;
	int shaken = tls_handshake(channel->tls, &opening->outcome);

	channel->wants = tls_wants(channel->tls);
	if (shaken != 0)
		opening->sight.certificate = *tls_certificate(channel->tls);
	if (shaken > 0) {
		channel->is_mute = opening->plan.port.implicit_tls;
		opening_note(opening, tls_description(channel->tls));
	}
	/* the 220 said TLS, so clear text behind it is not the wrong port but somebody else's */
	if (shaken < 0 && opening->outcome.cause == CAUSE_TLS_MODE && !opening->plan.port.implicit_tls)
		opening->outcome.cause = CAUSE_INJECTION;
	return shaken;
}

static void
opening_tls_late(struct opening *opening)
{
	(void)channel_fail(&opening->outcome, STAGE_TLS, CAUSE_SILENCE, tls_was_heard(opening->channel->tls) ?
	    "the TLS handshake was not finished in time" : "no answer to the TLS handshake");
}

/* ---- the whole ---- */

#define LIMIT(field) offsetof(struct config_timeouts, field)

static const struct opening_step
	step_connect = {STAGE_CONNECT, LIMIT(connect), opening_connect, opening_connected, opening_connect_late},
	step_greeting = {STAGE_GREETING, LIMIT(greeting), NULL, opening_greeted, opening_greeting_late},
	step_ehlo = {STAGE_EHLO, LIMIT(command), opening_ehlo, opening_capable, opening_reply_late},
	step_starttls = {STAGE_STARTTLS, LIMIT(command), opening_starttls, opening_ready_for_tls, opening_reply_late},
	step_tls = {STAGE_TLS, LIMIT(tls), opening_tls, opening_tls_shaken, opening_tls_late};

static const struct opening_step *const way_starttls[] = {&step_connect, &step_greeting, &step_ehlo, &step_starttls, &step_tls,
    &step_ehlo, NULL};
static const struct opening_step *const way_tls[] = {&step_connect, &step_tls, &step_greeting, &step_ehlo, NULL};

/* Books the stage's time; 0 means "not reached", so a stage that took none is given one ms. */
static void
opening_book(struct opening *opening)
{
	int64_t spent = deadline_clock() - opening->since;

	opening->times.ms[(*opening->step)->stage] += spent > 0 ? spent : 1;
}

static void
opening_fail(struct opening *opening)
{
	opening_book(opening);
	opening->state = OPENING_FAILED;
	opening_note(opening, opening->outcome.text);
	channel_close(opening->channel);
	opening->channel = NULL;
}

static void
opening_begin_step(struct opening *opening)
{
	const struct opening_step *step = *opening->step;
	int64_t limit = *(const int64_t *)((const char *)opening->plan.timeouts + step->limit);

	opening->since = deadline_clock();
	opening->limit = deadline_earlier(deadline_in(limit), opening->plan.deadline);
	opening->length = opening->sent = 0;
	if (step->begin != NULL && step->begin(opening) != 0)
		opening_fail(opening);
}

struct opening *
opening_new(const struct opening_plan *plan)
{
	struct opening *opening = memory_alloc(sizeof(*opening));

	opening->plan = *plan;
	opening->channel = channel_new();
	opening->step = plan->port.implicit_tls ? way_tls : way_starttls;
	opening_begin_step(opening);
	return opening;
}

enum opening_state
opening_advance(struct opening *opening)
{
	while (opening->state == OPENING_UNDER_WAY) {
		int result = (*opening->step)->go_on(opening);

		if (result == 0 && !deadline_passed(opening->limit))
			break;
		if (result == 0)
			(*opening->step)->late(opening);
		if (result <= 0) {
			opening_fail(opening);
			break;
		}
		opening_book(opening);
		if (*++opening->step == NULL)
			opening->state = OPENING_SECURED;
		else
			opening_begin_step(opening);
	}
	return opening->state;
}

int
opening_fd(const struct opening *opening)
{
	return opening->channel != NULL ? opening->channel->fd : -1;
}

short
opening_wants(const struct opening *opening)
{
	return opening->channel != NULL ? channel_wants(opening->channel) : POLLIN;
}

struct deadline
opening_limit(const struct opening *opening)
{
	return opening->limit;
}

int64_t
opening_since(const struct opening *opening)
{
	return opening->since;
}

enum stage
opening_stage(const struct opening *opening)
{
	return *opening->step != NULL ? (*opening->step)->stage : STAGE_AUTH;
}

const char *
opening_peer(const struct opening *opening)
{
	return opening->peer;
}

const struct outcome *
opening_outcome(const struct opening *opening)
{
	return &opening->outcome;
}

const struct stage_times *
opening_times(const struct opening *opening)
{
	return &opening->times;
}

const struct opening_sight *
opening_sight(const struct opening *opening)
{
	return &opening->sight;
}

const struct channel *
opening_channel(const struct opening *opening)
{
	return opening->channel;
}

struct channel *
opening_take(struct opening *opening)
{
	struct channel *channel = opening->channel;

	opening->channel = NULL;
	return channel;
}

void
opening_free(struct opening *opening)
{
	if (opening == NULL)
		return;
	channel_close(opening->channel);
	free(opening);
}
