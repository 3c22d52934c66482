/*
 * login: RFC 4954. Every line that holds the password is wiped, and goes out through a channel that is
 * secured.
 */
#include "wire/login.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "wire/sasl.h"

#define LOGIN_LINE_MAX 12288		/* RFC 4954 section 4 */
#define LOGIN_STEPS_MAX 8
#define LOGIN_BEGINS 8			/* octets by which what was said is known again, however it is cut */

/* What the steps share. */
struct login {
	struct channel      *channel;
	const struct relay  *relay;
	const struct buffer *secret;
	struct deadline      deadline;
	struct outcome      *outcome;
};

static int
login_fail(struct login *login, enum cause cause, const char *text)
{
	outcome_set(login->outcome, VERDICT_DEFERRED, STAGE_AUTH, cause, "%s", text);
	return -1;
}

/* Some relays repeat a command that they refuse: what they say goes into log and queue, the login must not. */
static void
login_withhold(const struct login *login, const char *line, size_t length, char *text, size_t size)
{
	const char *blank = memrchr(line, ' ', length);
	const char *said = blank != NULL ? blank + 1 : line;
	char   begins[LOGIN_BEGINS + 1];
	size_t n = strcspn(said, "\r");

	(void)snprintf(begins, sizeof(begins), "%.*s", (int)n, said);
	if ((n >= LOGIN_BEGINS / 2 && strcasestr(text, begins) != NULL) || sasl_is_told(login->secret, text))
		(void)snprintf(text, size, "(withheld: the relay's words repeat the login)");
	explicit_bzero(begins, sizeof(begins));
}

/* The command and its mechanism; all else is stars. */
static void
login_trace(const struct login *login, const char *line, size_t length)
{
	size_t verb = strncmp(line, "AUTH ", 5) == 0 ? 5 + strcspn(line + 5, " \r") : 0;
	char shown[80];

	(void)snprintf(shown, sizeof(shown), "%.*s%s", (int)(verb < 60 ? verb : 60), line, verb + 2 < length ? verb > 0 ? " ****" : "****" : "");
	channel_trace(login->channel, 'C', shown, strlen(shown));
}

/* A reply that is there before we asked would be taken for the answer. */
static int
login_ask(struct login *login, const char *line, size_t length, struct reply *reply)
{
	char shown[sizeof(reply->text) + 32];

	if (channel_readable_now(login->channel))
		return login_fail(login, CAUSE_PROTOCOL, "the relay answers before it is asked");
	if (channel_send(login->channel, line, length, STAGE_AUTH, login->deadline, login->outcome) != 0)
		return -1;
	login_trace(login, line, length);
	if (channel_reply(login->channel, STAGE_AUTH, login->deadline, reply, login->outcome) != 0) {
		login_withhold(login, line, length, login->outcome->text, sizeof(login->outcome->text));
		return -1;
	}
	if (reply->code != 334)
		login_withhold(login, line, length, reply->text, sizeof(reply->text));
	(void)snprintf(shown, sizeof(shown), "%03d %s %s", reply->code, reply->enhanced, reply->text);
	channel_trace(login->channel, 'S', shown, strlen(shown));
	return 0;
}

/* From the reply to the first line on. 0 with the final reply, -1 and *outcome. */
static int
login_exchange(struct login *login, struct sasl *sasl, struct buffer *line, struct reply *reply)
{
	for (int step = 0; reply->code == 334 && step < LOGIN_STEPS_MAX; step++) {
		buffer_wipe(line);
		if (sasl_step(sasl, reply->text, line) != 0 || buffer_append_text(line, "\r\n") != 0)
			break;
		if (login_ask(login, line->data, line->length, reply) != 0)
			return -1;
	}
	if (reply->code != 334)
		return 0;
	/* RFC 4954 section 4: this calls it off, so that the connection ends in order */
	if (login_ask(login, "*\r\n", 3, reply) != 0)
		return -1;
	return login_fail(login, CAUSE_PROTOCOL, "the relay's login challenge makes no sense");
}

/* "AUTH PLAIN <initial response>" or "AUTH LOGIN"; -1 when it gets too long. */
static int
login_first_line(const char *mechanism, struct sasl *sasl, struct buffer *line)
{
	size_t bare;

	if (buffer_append_format(line, "AUTH %s", mechanism) != 0)
		return -1;
	bare = line->length;
	if (buffer_append_text(line, " ") != 0 || sasl_step(sasl, NULL, line) != 0)
		return -1;
	if (line->length == bare + 1)
		line->length = bare;
	return buffer_append_text(line, "\r\n");
}

/* One mechanism. 0 and the final reply, -1 and *outcome. */
static int
login_try(struct login *login, const char *mechanism, struct reply *reply)
{
	struct buffer line;
	struct sasl *sasl;
	int result = -1;

	sasl = sasl_new(mechanism, login->relay->user, login->secret, login->relay->host, login->outcome);
	if (sasl == NULL)
		return -1;
	buffer_init(&line, LOGIN_LINE_MAX);
	if (login_first_line(mechanism, sasl, &line) != 0)
		(void)login_fail(login, CAUSE_AUTH_MECHANISM, "user and password are too long for one line");
	else if (login_ask(login, line.data, line.length, reply) == 0)
		result = login_exchange(login, sasl, &line, reply);
	buffer_wipe(&line);
	sasl_free(sasl);
	return result;
}

int
login_run(struct channel *channel, const struct relay *relay, const struct buffer *secret,
    struct deadline deadline, const char **mechanism, struct outcome *outcome)
{
	struct login login = {channel, relay, secret, deadline, outcome};
	const struct capabilities *capabilities = channel_capabilities(channel);
	struct reply reply;

	if (channel_tls(channel)[0] == '\0' || relay->user == NULL)
		return login_fail(&login, CAUSE_LOCAL, "no login without TLS and a user");
	outcome_set(outcome, VERDICT_DEFERRED, STAGE_AUTH, CAUSE_AUTH_MECHANISM, "the relay offers %s%s",
	    capabilities->auth[0] != '\0' ? "AUTH" : "no AUTH on this port", capabilities->auth);
	for (const char *const *next = sasl_preference(relay->auth); *next != NULL; next++) {
		if (!capabilities_has_auth(capabilities, *next))
			continue;
		if (login_try(&login, *next, &reply) != 0)
			return -1;
		if (reply.code == 235) {
			*mechanism = *next;
			return 0;
		}
		reply_outcome(&reply, STAGE_AUTH, outcome);
		/* another try after a refused password only brings the lock of the account nearer */
		if (outcome->cause != CAUSE_AUTH_MECHANISM)
			return -1;
	}
	return -1;
}
