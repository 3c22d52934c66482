/*
 * channel: RFC 5321 (greeting, EHLO), RFC 3207 (STARTTLS), RFC 8314 (TLS from the first octet), RFC 4954
 * (AUTH).
 *
 * channel_open reads like the RFCs, one stage after the other:
 *
 *   connect -> greeting -> EHLO -> STARTTLS -> handshake -> EHLO -> AUTH
 *   connect -> handshake -> greeting -> EHLO -> AUTH                       (implicit TLS)
 *
 * Each stage has one moment by which it must be over, however many octets have come by then: a relay that
 * drips gets no more time than one that is silent. What was learned before the handshake is forgotten
 * behind it, and what arrives between the 220 to STARTTLS and the handshake ends the connection. There is
 * no way past the handshake to AUTH.
 */
#include "wire/channel.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "wire/login.h"

#define CHANNEL_INPUT_MAX (65536 + 4096)

struct channel {
	int                 fd;
	struct tls         *tls;
	struct buffer       input;	/* octets behind the last reply */
	struct capabilities capabilities;
	const char         *mechanism;
	short               wants;
	bool                is_mute;	/* no QUIT: before the greeting, or behind a failed handshake */
	char                peer[80];
};

/* What the steps of channel_open share. */
struct opening {
	struct channel            *channel;
	const struct channel_plan *plan;
	struct deadline            deadline;	/* of the whole */
	struct deadline            limit;	/* of the stage under way */
	int64_t                    began;	/* the stage */
	struct stage_times        *times;
	struct outcome            *outcome;
};

/* ---- octets ---- */

/* From the wire, past the input. */
static ssize_t
channel_receive(struct channel *channel, void *data, size_t size)
{
	ssize_t count;

	if (channel->tls != NULL) {
		count = tls_read(channel->tls, data, size);
		channel->wants = tls_wants(channel->tls);
		return count;
	}
	channel->wants = POLLIN;
	do {
		count = recv(channel->fd, data, size, 0);
	} while (count < 0 && errno == EINTR);
	return count;
}

ssize_t
channel_read(struct channel *channel, void *data, size_t size)
{
	if (channel->input.length == 0)
		return channel_receive(channel, data, size);
	if (size > channel->input.length)
		size = channel->input.length;
	memcpy(data, channel->input.data, size);
	buffer_consume(&channel->input, size);
	return (ssize_t)size;
}

ssize_t
channel_write(struct channel *channel, const void *data, size_t length)
{
	ssize_t count;

	if (channel->tls != NULL) {
		count = tls_write(channel->tls, data, length);
		channel->wants = tls_wants(channel->tls);
		return count;
	}
	channel->wants = POLLOUT;
	do {
		count = send(channel->fd, data, length, MSG_NOSIGNAL);
	} while (count < 0 && errno == EINTR);
	return count;
}

/* 0 when ready for what is wanted, -1 when the deadline has passed. */
static int
channel_wait(const struct channel *channel, short events, struct deadline deadline)
{
	struct pollfd wait = {.fd = channel->fd, .events = events};
	int ready;

	do {
		ready = poll(&wait, 1, deadline_poll(deadline));
	} while (ready < 0 && errno == EINTR);
	return ready > 0 ? 0 : -1;
}

static int
channel_fail(struct outcome *outcome, enum stage stage, enum cause cause, const char *text)
{
	outcome_set(outcome, VERDICT_DEFERRED, stage, cause, "%s", text);
	return -1;
}

/* For a read or write that gave -1, or 0. */
static int
channel_broken(struct outcome *outcome, enum stage stage, ssize_t count)
{
	if (count == 0)
		return channel_fail(outcome, stage, CAUSE_CLOSED, "the relay closed the connection");
	if (errno == EPROTO)
		return channel_fail(outcome, stage, CAUSE_TLS, "TLS broke off");
	return channel_fail(outcome, stage, CAUSE_CLOSED, strerror(errno));
}

int
channel_send(struct channel *channel, const void *data, size_t length, enum stage stage,
    struct deadline deadline, struct outcome *outcome)
{
	const char *at = data;
	ssize_t count;

	while (length > 0) {
		count = channel_write(channel, at, length);
		if (count > 0) {
			at += count;
			length -= (size_t)count;
			continue;
		}
		if (count == 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
			return channel_broken(outcome, stage, -1);
		if (deadline_passed(deadline) || channel_wait(channel, channel->wants, deadline) != 0)
			return channel_fail(outcome, stage, CAUSE_SILENCE,
			    "the relay does not read what we send");
	}
	return 0;
}

/* Waits for more and puts it behind the input. */
static int
channel_fill(struct channel *channel, enum stage stage, struct deadline deadline, struct outcome *outcome)
{
	char data[4096];
	ssize_t count;

	for (;;) {
		count = channel_receive(channel, data, sizeof(data));
		if (count > 0)
			break;
		if (count == 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
			return channel_broken(outcome, stage, count);
		if (deadline_passed(deadline) || channel_wait(channel, channel->wants, deadline) != 0)
			return channel_fail(outcome, stage, CAUSE_SILENCE,
			    channel->input.length > 0 ? "half an answer, and no end of it in time" :
			    "no answer in time");
	}
	if (buffer_append(&channel->input, data, (size_t)count) != 0)
		return channel_fail(outcome, stage, CAUSE_PROTOCOL, "the answer is too long");
	return 0;
}

/* A whole reply, left in the input: *used octets of it. */
static int
channel_await(struct channel *channel, enum stage stage, struct deadline deadline, struct reply *reply,
    size_t *used, struct outcome *outcome)
{
	enum reply_status status = REPLY_MORE;

	for (;;) {
		if (channel->input.length > 0)
			status = reply_parse(channel->input.data, channel->input.length, used, reply);
		if (status == REPLY_COMPLETE)
			return 0;
		if (status == REPLY_NONSENSE) {
			outcome_set(outcome, VERDICT_DEFERRED, stage, CAUSE_PROTOCOL, "no SMTP reply: %s",
			    reply->text);
			return -1;
		}
		if (deadline_passed(deadline))
			return channel_fail(outcome, stage, CAUSE_SILENCE, "no end of the answer in time");
		if (channel_fill(channel, stage, deadline, outcome) != 0)
			return -1;
	}
}

int
channel_reply(struct channel *channel, enum stage stage, struct deadline deadline, struct reply *reply,
    struct outcome *outcome)
{
	size_t used = 0;

	if (channel_await(channel, stage, deadline, reply, &used, outcome) != 0)
		return -1;
	buffer_consume(&channel->input, used);
	return 0;
}

/* ---- stages ---- */

static void
channel_begin(struct opening *opening, int64_t limit)
{
	opening->began = deadline_clock();
	opening->limit = deadline_earlier(deadline_in(limit), opening->deadline);
}

/* Sends a line and takes the reply. A reply that is there before we asked would be taken for the answer. */
static int
channel_ask(struct opening *opening, enum stage stage, const char *line, size_t length, struct reply *reply)
{
	struct channel *channel = opening->channel;

	if (channel->input.length > 0)
		return channel_fail(opening->outcome, stage, CAUSE_PROTOCOL,
		    "the relay answers before it is asked");
	if (channel_send(channel, line, length, stage, opening->limit, opening->outcome) != 0)
		return -1;
	return channel_reply(channel, stage, opening->limit, reply, opening->outcome);
}

static int
channel_connect_failed(struct opening *opening, int error)
{
	enum cause cause = CAUSE_UNREACHABLE;
	const char *advice = "";

	if (error == ECONNREFUSED)
		cause = CAUSE_CONNECT_REFUSED;
	else if (error == ETIMEDOUT)
		cause = CAUSE_CONNECT_TIMEOUT;
	else if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM)
		cause = CAUSE_LOCAL;
	else if (error == EACCES || error == EPERM)
		advice = ": forbidden on this machine (firewall? SELinux: setsebool -P "
		    "httpd_can_sendmail on, or httpd_can_network_connect)";
	outcome_set(opening->outcome, VERDICT_DEFERRED, STAGE_CONNECT, cause, "%s%s", strerror(error),
	    advice);
	return -1;
}

static void
channel_name_peer(struct channel *channel, const struct sockaddr_storage *address, socklen_t length)
{
	char host[60], port[8];

	if (getnameinfo((const struct sockaddr *)address, length, host, sizeof(host), port, sizeof(port),
	    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		(void)snprintf(channel->peer, sizeof(channel->peer), "?");
	else
		(void)snprintf(channel->peer, sizeof(channel->peer),
		    address->ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

/* Starts it; 0 also when it is under way. */
static int
channel_dial(struct opening *opening)
{
	struct sockaddr_storage address = opening->plan->address;
	struct channel *channel = opening->channel;
	bool is_6 = address.ss_family == AF_INET6;
	socklen_t length = is_6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	int on = 1;

	if (is_6)
		((struct sockaddr_in6 *)&address)->sin6_port = htons(opening->plan->port.number);
	else
		((struct sockaddr_in *)&address)->sin_port = htons(opening->plan->port.number);
	channel_name_peer(channel, &address, length);
	channel->fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (channel->fd < 0)
		return channel_connect_failed(opening, errno);
	/* small writes that wait for each other's acknowledgement cost 40 ms each; it works without, too */
	(void)setsockopt(channel->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(channel->fd, (const struct sockaddr *)&address, length) == 0 || errno == EINPROGRESS ||
	    errno == EINTR)
		return 0;
	return channel_connect_failed(opening, errno);
}

static int
channel_connect(struct opening *opening)
{
	socklen_t size = sizeof(int);
	int error = 0;

	channel_begin(opening, opening->plan->timeouts->connect);
	if (channel_dial(opening) != 0)
		return -1;
	/* done here, the 10-25 ms that a system store takes pass while the SYN travels */
	if (tls_trust_load(opening->plan->trust, opening->outcome) != 0)
		return -1;
	if (channel_wait(opening->channel, POLLOUT, opening->limit) != 0)
		return channel_fail(opening->outcome, STAGE_CONNECT, CAUSE_CONNECT_TIMEOUT,
		    "no answer to the connection attempt");
	if (getsockopt(opening->channel->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
		error = errno;
	/* a reset comes from whoever had accepted (before that it would be a refusal): the next read tells */
	return error == 0 || error == ECONNRESET ? 0 : channel_connect_failed(opening, error);
}

static int
channel_greeting(struct opening *opening)
{
	struct channel *channel = opening->channel;
	struct outcome *outcome = opening->outcome;
	struct reply reply;

	channel_begin(opening, opening->plan->timeouts->greeting);
	if (channel_reply(channel, STAGE_GREETING, opening->limit, &reply, outcome) != 0) {
		if (outcome->cause == CAUSE_PROTOCOL &&
		    (channel->input.data[0] == 0x16 || channel->input.data[0] == 0x15))
			return channel_fail(outcome, STAGE_GREETING, CAUSE_TLS_MODE,
			    "this port speaks TLS from the first octet: write it as PORT/tls in `ports`");
		if (outcome->cause == CAUSE_SILENCE && channel->tls == NULL && channel->input.length == 0)
			return channel_fail(outcome, STAGE_GREETING, CAUSE_SILENCE,
			    "connected, but no greeting (a port that wants TLS at once is written as "
			    "PORT/tls in `ports`)");
		return -1;
	}
	if (reply.code != 220) {
		reply_outcome(&reply, STAGE_GREETING, outcome);
		return -1;
	}
	channel->is_mute = false;
	return 0;
}

static int
channel_ehlo(struct opening *opening)
{
	struct channel *channel = opening->channel;
	struct reply reply;
	char line[512];
	size_t used = 0;
	int length;

	channel_begin(opening, opening->plan->timeouts->command);
	memset(&channel->capabilities, 0, sizeof(channel->capabilities));
	length = snprintf(line, sizeof(line), "EHLO %s\r\n", opening->plan->ehlo);
	if (length < 0 || (size_t)length >= sizeof(line) || strpbrk(opening->plan->ehlo, "\r\n") != NULL)
		return channel_fail(opening->outcome, STAGE_EHLO, CAUSE_CONFIG,
		    "our name in EHLO can't be used");
	if (channel->input.length > 0)
		return channel_fail(opening->outcome, STAGE_EHLO, CAUSE_PROTOCOL,
		    "the relay answers before it is asked");
	if (channel_send(channel, line, (size_t)length, STAGE_EHLO, opening->limit, opening->outcome) != 0)
		return -1;
	if (channel_await(channel, STAGE_EHLO, opening->limit, &reply, &used, opening->outcome) != 0)
		return -1;
	/* no HELO after a refusal: it knows neither STARTTLS nor AUTH */
	if (reply.code != 250) {
		reply_outcome(&reply, STAGE_EHLO, opening->outcome);
		return -1;
	}
	capabilities_parse(channel->input.data, used, &channel->capabilities);
	buffer_consume(&channel->input, used);
	return 0;
}

/* Clear text that lies behind the 220 was put there by somebody who wants it to be read as if it came through
 * TLS. */
static int
channel_check_injection(struct opening *opening)
{
	struct channel *channel = opening->channel;
	char data[200], text[200];
	ssize_t count;

	if (channel->input.length > 0) {
		text_printable(text, sizeof(text), channel->input.data, channel->input.length, true);
	} else {
		count = recv(channel->fd, data, sizeof(data), MSG_PEEK | MSG_DONTWAIT);
		if (count <= 0)
			return 0;
		text_printable(text, sizeof(text), data, (size_t)count, true);
	}
	outcome_set(opening->outcome, VERDICT_DEFERRED, STAGE_STARTTLS, CAUSE_INJECTION,
	    "behind the reply to STARTTLS: %s", text);
	channel->is_mute = true;
	return -1;
}

static int
channel_starttls(struct opening *opening)
{
	static const char line[] = "STARTTLS\r\n";
	struct reply reply;

	channel_begin(opening, opening->plan->timeouts->command);
	if (!opening->channel->capabilities.starttls)
		return channel_fail(opening->outcome, STAGE_STARTTLS, CAUSE_STARTTLS_MISSING,
		    "the relay does not offer STARTTLS on this port; nothing is sent in clear");
	if (channel_ask(opening, STAGE_STARTTLS, line, sizeof(line) - 1, &reply) != 0)
		return -1;
	if (reply.code != 220) {
		reply_outcome(&reply, STAGE_STARTTLS, opening->outcome);
		return -1;
	}
	memset(&opening->channel->capabilities, 0, sizeof(opening->channel->capabilities));
	return channel_check_injection(opening);
}

static int
channel_secure(struct opening *opening)
{
	struct channel *channel = opening->channel;
	const struct channel_plan *plan = opening->plan;

	channel_begin(opening, plan->timeouts->tls);
	channel->is_mute = true;
	channel->tls = tls_connect(channel->fd, plan->relay->host, plan->trust, opening->limit,
	    opening->outcome);
	if (channel->tls == NULL) {
		/* the 220 said TLS, so clear text behind it is not the wrong port but somebody else's */
		if (opening->outcome->cause == CAUSE_TLS_MODE && !plan->port.implicit_tls)
			opening->outcome->cause = CAUSE_INJECTION;
		return -1;
	}
	channel->is_mute = plan->port.implicit_tls;
	return 0;
}

/* ---- the whole ---- */

static int
channel_login(struct opening *opening)
{
	const struct channel_plan *plan = opening->plan;

	channel_begin(opening, plan->timeouts->command);
	return login_run(opening->channel, plan->relay, plan->secret, opening->limit,
	    &opening->channel->mechanism, opening->outcome);
}

/* Books the stage's time on the way, and passes its result on. */
static bool
channel_passed(struct opening *opening, enum stage stage, int result)
{
	int64_t spent = deadline_clock() - opening->began;

	/* 0 means "not reached", so a stage that took none is given one */
	opening->times->ms[stage] += spent > 0 ? spent : 1;
	return result == 0;
}

static bool
channel_run(struct opening *opening)
{
	bool implicit_tls = opening->plan->port.implicit_tls;

	if (!channel_passed(opening, STAGE_CONNECT, channel_connect(opening)))
		return false;
	if (implicit_tls && !channel_passed(opening, STAGE_TLS, channel_secure(opening)))
		return false;
	if (!channel_passed(opening, STAGE_GREETING, channel_greeting(opening)) ||
	    !channel_passed(opening, STAGE_EHLO, channel_ehlo(opening)))
		return false;
	if (!implicit_tls && (!channel_passed(opening, STAGE_STARTTLS, channel_starttls(opening)) ||
	    !channel_passed(opening, STAGE_TLS, channel_secure(opening)) ||
	    !channel_passed(opening, STAGE_EHLO, channel_ehlo(opening))))
		return false;
	return channel_passed(opening, STAGE_AUTH, channel_login(opening));
}

struct channel *
channel_open(const struct channel_plan *plan, struct deadline deadline, struct stage_times *times,
    struct outcome *outcome)
{
	struct channel *channel = memory_alloc(sizeof(*channel));
	struct opening opening = {.channel = channel, .plan = plan, .deadline = deadline, .times = times,
	    .outcome = outcome};

	memset(times, 0, sizeof(*times));
	channel->fd = -1;
	channel->is_mute = true;
	channel->mechanism = "";
	buffer_init(&channel->input, CHANNEL_INPUT_MAX);
	if (channel_run(&opening))
		return channel;
	channel_close(channel);
	return NULL;
}

const struct capabilities *
channel_capabilities(const struct channel *channel)
{
	return &channel->capabilities;
}

const char *
channel_peer(const struct channel *channel)
{
	return channel->peer;
}

const char *
channel_tls(const struct channel *channel)
{
	return channel->tls != NULL ? tls_description(channel->tls) : "";
}

const char *
channel_mechanism(const struct channel *channel)
{
	return channel->mechanism;
}

int
channel_fd(const struct channel *channel)
{
	return channel->fd;
}

short
channel_wants(const struct channel *channel)
{
	return channel->wants != 0 ? channel->wants : POLLIN;
}

bool
channel_readable_now(const struct channel *channel)
{
	return channel->input.length > 0 || (channel->tls != NULL && tls_pending(channel->tls) > 0);
}

bool
channel_alive(struct channel *channel)
{
	char data[512];
	ssize_t count;

	if (channel_readable_now(channel))
		return false;
	/* TLS 1.3 sends session tickets when it likes: only reading tells them from a 421 or an end */
	count = channel_read(channel, data, sizeof(data));
	if (count > 0)
		(void)buffer_append(&channel->input, data, (size_t)count);
	return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

void
channel_close(struct channel *channel)
{
	if (channel == NULL)
		return;
	if (channel->fd >= 0 && !channel->is_mute)
		(void)channel_write(channel, "QUIT\r\n", 6);
	tls_free(channel->tls);
	if (channel->fd >= 0)
		(void)close(channel->fd);
	buffer_wipe(&channel->input);
	free(channel);
}
