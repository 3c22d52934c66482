/*
 * outcome: names of verdicts, stages and causes. The names go into logs and into the spool: they are never changed, only added.
 */
#include "base/outcome.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

static const char *const verdict_names[VERDICT_MAX] = {
	[VERDICT_NONE] = "none",
	[VERDICT_DELIVERED] = "delivered",
	[VERDICT_DEFERRED] = "deferred",
	[VERDICT_FAILED] = "failed",
};

static const char *const stage_names[STAGE_MAX] = {
	[STAGE_NONE] = "none",
	[STAGE_CONFIG] = "config",
	[STAGE_INPUT] = "input",
	[STAGE_SPOOL] = "spool",
	[STAGE_DNS] = "dns",
	[STAGE_CONNECT] = "connect",
	[STAGE_GREETING] = "greeting",
	[STAGE_EHLO] = "ehlo",
	[STAGE_STARTTLS] = "starttls",
	[STAGE_TLS] = "tls",
	[STAGE_AUTH] = "auth",
	[STAGE_MAIL] = "mail",
	[STAGE_RCPT] = "rcpt",
	[STAGE_DATA] = "data",
	[STAGE_FINAL] = "final",
	[STAGE_QUIT] = "quit",
};

static const struct {
	const char *name;
	const char *text;
} causes[CAUSE_MAX] = {
	[CAUSE_NONE] = {"none", "no cause known"},
	[CAUSE_USAGE] = {"usage", "wrong command line"},
	[CAUSE_INPUT] = {"input", "the message can't be used"},
	[CAUSE_CONFIG] = {"config", "the settings are wrong or can't be read"},
	[CAUSE_SECRET] = {"secret", "the password is missing, can't be read or is exposed"},
	[CAUSE_SPOOL] = {"spool", "the spool can't be used"},
	[CAUSE_LOCAL] = {"local", "this machine is short of something"},
	[CAUSE_NO_SUCH_NAME] = {"no-such-name", "no such host name"},
	[CAUSE_NO_ADDRESS] = {"no-address", "the host name has no address that can be used"},
	[CAUSE_RESOLVER] = {"resolver", "the resolver does not work"},
	[CAUSE_CONNECT_REFUSED] = {"connect-refused", "connection refused: nothing listens there"},
	[CAUSE_CONNECT_TIMEOUT] = {"connect-timeout", "no answer: the port seems to be blocked on this network"},
	[CAUSE_UNREACHABLE] = {"unreachable", "network or host unreachable"},
	[CAUSE_SILENCE] = {"silence", "connected, but no answer in time"},
	[CAUSE_CLOSED] = {"closed", "the relay closed the connection"},
	[CAUSE_PROTOCOL] = {"protocol", "the answer is not SMTP"},
	[CAUSE_UNAVAILABLE] = {"unavailable", "the relay does not serve us now"},
	[CAUSE_STARTTLS_MISSING] = {"starttls-missing", "STARTTLS is not offered: stripped on the way?"},
	[CAUSE_INJECTION] = {"injection", "clear text slipped in before the TLS handshake: somebody may be on the line"},
	[CAUSE_TLS_MODE] = {"tls-mode", "wrong TLS mode for this port"},
	[CAUSE_TLS] = {"tls", "the TLS handshake failed"},
	[CAUSE_TRUST_STORE] = {"trust-store", "no CA certificates to check the relay with"},
	[CAUSE_CERT_EXPIRED] = {"cert-expired", "the relay's certificate has expired"},
	[CAUSE_CERT_NOT_YET] = {"cert-not-yet", "the relay's certificate is not valid yet: is the clock right?"},
	[CAUSE_CERT_ISSUER] = {"cert-issuer", "the relay's certificate is from an unknown issuer"},
	[CAUSE_CERT_NAME] = {"cert-name", "the relay's certificate is for another name"},
	[CAUSE_CERT_OTHER] = {"cert-other", "the relay's certificate can't be accepted"},
	[CAUSE_AUTH_MECHANISM] = {"auth-mechanism", "no way to log in that both sides know"},
	[CAUSE_AUTH_REFUSED] = {"auth-refused", "the relay refused user or password"},
	[CAUSE_AUTH_TEMPORARY] = {"auth-temporary", "the relay can't check logins now"},
	[CAUSE_AUTH_HELD] = {"auth-held", "login refused lately: held back so that the account is not locked"},
	[CAUSE_SENDER_REFUSED] = {"sender-refused", "the relay refuses this sender"},
	[CAUSE_RECIPIENT_REFUSED] = {"recipient-refused", "the relay refuses this recipient"},
	[CAUSE_NO_SMTPUTF8] = {"no-international", "the relay can't take addresses outside US-ASCII"},
	[CAUSE_TOO_BIG] = {"too-big", "the message is too big"},
	[CAUSE_THROTTLED] = {"throttled", "the relay asks us to come back later"},
	[CAUSE_MESSAGE_REFUSED] = {"message-refused", "the relay refuses this message"},
	[CAUSE_UNCERTAIN] = {"uncertain", "no answer after the end of the message: it may have been taken"},
};

void
outcome_set(struct outcome *outcome, enum verdict verdict, enum stage stage, enum cause cause, const char *format, ...)
{
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	if (vsnprintf(text, sizeof(text), format, arguments) < 0)
		text[0] = '\0';
	va_end(arguments);
	memset(outcome, 0, sizeof(*outcome));
	outcome->verdict = verdict;
	outcome->stage = stage;
	outcome->cause = cause;
	text_printable(outcome->text, sizeof(outcome->text), text, strlen(text), true);
}

const char *
verdict_name(enum verdict verdict)
{
	return (unsigned)verdict < VERDICT_MAX ? verdict_names[verdict] : "?";
}

const char *
stage_name(enum stage stage)
{
	return (unsigned)stage < STAGE_MAX ? stage_names[stage] : "?";
}

const char *
cause_name(enum cause cause)
{
	return (unsigned)cause < CAUSE_MAX ? causes[cause].name : "?";
}

const char *
cause_text(enum cause cause)
{
	return (unsigned)cause < CAUSE_MAX ? causes[cause].text : causes[CAUSE_NONE].text;
}

enum verdict
verdict_parse(const char *name)
{
	for (int i = 0; i < VERDICT_MAX; i++)
		if (strcmp(name, verdict_names[i]) == 0)
			return (enum verdict)i;
	return VERDICT_NONE;
}

enum stage
stage_parse(const char *name)
{
	for (int i = 0; i < STAGE_MAX; i++)
		if (strcmp(name, stage_names[i]) == 0)
			return (enum stage)i;
	return STAGE_NONE;
}

enum cause
cause_parse(const char *name)
{
	for (int i = 0; i < CAUSE_MAX; i++)
		if (strcmp(name, causes[i].name) == 0)
			return (enum cause)i;
	return CAUSE_NONE;
}
