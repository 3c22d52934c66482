/*
 * diagnosis: rules, each a few lines. Where several ports failed in several ways, the one that says most decides (diagnosis_weight).
 */
#include "command/diagnosis.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/provider.h"
#include "command/advice.h"

/* ---- what happened to a port over all addresses ---- */

static bool
diagnosis_is_port(const struct probe_result *result, struct relay_port port)
{
	return result->kind == PROBE_PORT && result->port.number == port.number && result->port.implicit_tls == port.implicit_tls;
}

static bool
diagnosis_is_secured(const struct observations *seen, struct relay_port port)
{
	for (size_t i = 0; i < seen->count; i++)
		if (diagnosis_is_port(&seen->results[i], port) && seen->results[i].is_secured)
			return true;
	return false;
}

static bool
diagnosis_is_lost(const struct probe_result *result)
{
	return !result->is_secured && (result->outcome.cause == CAUSE_CONNECT_TIMEOUT || result->outcome.cause == CAUSE_UNREACHABLE);
}

/* No answer over any address, and not for want of a way there. */
static bool
diagnosis_is_silent(const struct observations *seen, struct relay_port port)
{
	bool is_silent = false;

	for (size_t i = 0; i < seen->count; i++) {
		const struct probe_result *result = &seen->results[i];

		if (!diagnosis_is_port(result, port))
			continue;
		if (!diagnosis_is_lost(result))
			return false;
		is_silent = is_silent || result->outcome.cause == CAUSE_CONNECT_TIMEOUT;
	}
	return is_silent;
}

static bool
diagnosis_is_any(const struct observations *seen, struct relay_port port)
{
	(void)seen;
	(void)port;
	return true;
}

static size_t
diagnosis_put(struct relay_port port, char *text, size_t size, size_t used)
{
	bool usual = port.number == 465 || port.number == 2465;
	int count = snprintf(text + used, size - used, "%s%u%s", used > 0 ? " " : "", (unsigned)port.number,
	    port.implicit_tls == usual ? "" : port.implicit_tls ? "/tls" : "/starttls");

	return count < 0 || (size_t)count >= size - used ? used : used + (size_t)count;
}

static bool
diagnosis_is_first_of_port(const struct observations *seen, size_t i)
{
	for (size_t before = 0; before < i; before++)
		if (diagnosis_is_port(&seen->results[before], seen->results[i].port))
			return false;
	return seen->results[i].kind == PROBE_PORT;
}

size_t
diagnosis_ports(const struct observations *seen, bool (*wanted)(const struct observations *, struct relay_port), char *text, size_t size)
{
	size_t used = 0, count = 0;

	text[0] = '\0';
	for (size_t i = 0; i < seen->count; i++) {
		if (!diagnosis_is_first_of_port(seen, i) || !wanted(seen, seen->results[i].port))
			continue;
		used = diagnosis_put(seen->results[i].port, text, size, used);
		count++;
	}
	return count;
}

/* Did the port turn out to speak the other TLS mode? Silence makes us try it, too. */
static bool
diagnosis_is_other_mode(const struct observations *seen, uint16_t number)
{
	for (size_t i = 0; i < seen->count; i++)
		if (seen->results[i].kind == PROBE_PORT && seen->results[i].port.number == number &&
		    seen->results[i].outcome.cause == CAUSE_TLS_MODE)
			return true;
	return false;
}

/* The ports of a kind that were secured, or for MODE that are meant. */
static size_t
diagnosis_of_kind(const struct observations *seen, enum probe_kind kind, bool secured, char *text, size_t size)
{
	size_t used = 0, count = 0;

	text[0] = '\0';
	for (size_t i = 0; i < seen->count; i++) {
		const struct probe_result *result = &seen->results[i];
		size_t before = 0;

		if (result->kind != kind || (secured ? !result->is_secured : !diagnosis_is_other_mode(seen, result->port.number)))
			continue;
		/* each address has its own */
		while (seen->results[before].kind != kind || seen->results[before].port.number != result->port.number ||
		    (secured && !seen->results[before].is_secured))
			before++;
		if (before < i)
			continue;
		used = diagnosis_put(result->port, text, size, used);
		count++;
	}
	return count;
}

/* ---- the words ---- */

/* The part of the host's name that is the provider's own word. */
static void
diagnosis_region(const struct observations *seen, char *region, size_t size)
{
	const char *from = seen->host != NULL ? strchr(seen->host, '.') : NULL;
	size_t length = from != NULL ? strcspn(from + 1, ".") : 0;

	(void)snprintf(region, size, "%.*s", (int)length, from != NULL ? from + 1 : "");
}

static void
diagnosis_say(struct diagnosis *diagnosis, const char *cause, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void
diagnosis_say(struct diagnosis *diagnosis, const char *cause, const char *format, ...)
{
	va_list arguments;

	diagnosis->cause = cause;
	va_start(arguments, format);
	if (vsnprintf(diagnosis->text, sizeof(diagnosis->text), format, arguments) < 0)
		diagnosis->text[0] = '\0';
	va_end(arguments);
}

static void
diagnosis_advise(const struct observations *seen, const struct probe_result *result, const char *works, struct diagnosis *diagnosis)
{
	char ports[96], address[80] = "", region[64];
	const char *interceptor = result != NULL ? advice_interceptor(result->sight.certificate.issuer) : NULL;
	struct advice_words words = {.host = seen->host, .ports = ports, .works = works, .address = address, .user = seen->user,
	    .region = region};

	(void)diagnosis_ports(seen, diagnosis_is_any, ports, sizeof(ports));
	diagnosis_region(seen, region, sizeof(region));
	if (result == NULL && seen->count > 0)
		result = &seen->results[0];
	if (result != NULL) {
		(void)snprintf(address, sizeof(address), "%.*s", (int)(strlen(result->peer) - strlen(strrchr(result->peer, ':') != NULL ?
		    strrchr(result->peer, ':') : "")), result->peer);
		words.names = result->sight.certificate.names;
		words.issuer = interceptor != NULL ? interceptor : "Somebody";
	}
	advice_for(diagnosis->cause, seen->provider != NULL ? seen->provider : "", &words, diagnosis->advice, sizeof(diagnosis->advice));
}

/* ---- no port works ---- */

static bool
diagnosis_is_certificate(enum cause cause)
{
	return cause >= CAUSE_CERT_EXPIRED && cause <= CAUSE_CERT_OTHER;
}

/* How much a failure says; what is in the other places decides only when it says more. */
static int
diagnosis_weight(const struct outcome *outcome)
{
	switch (outcome->cause) {
	case CAUSE_INJECTION:
		return 9;
	case CAUSE_TRUST_STORE:
		return 8;
	case CAUSE_TLS_MODE:
		return 6;
	case CAUSE_STARTTLS_MISSING:
	case CAUSE_UNAVAILABLE:
		return 5;
	case CAUSE_LOCAL:
		return 5;
	case CAUSE_CONNECT_TIMEOUT:
		return 2;
	case CAUSE_CONNECT_REFUSED:
		return 1;
	case CAUSE_UNREACHABLE:
		return 0;
	default:
		if (diagnosis_is_certificate(outcome->cause))
			return 7;
		return outcome->stage == STAGE_TLS ? 4 : 3;
	}
}

static const struct probe_result *
diagnosis_weightiest(const struct observations *seen)
{
	const struct probe_result *best = NULL;

	for (size_t i = 0; i < seen->count; i++) {
		const struct probe_result *result = &seen->results[i];

		if (result->kind != PROBE_PORT || result->is_secured)
			continue;
		if (best == NULL || diagnosis_weight(&result->outcome) > diagnosis_weight(&best->outcome))
			best = result;
	}
	return best;
}

/* TCP gets through to that host, by a port of the web or another of its own. */
static bool
diagnosis_has_tcp(const struct observations *seen)
{
	for (size_t i = 0; i < seen->count; i++)
		if (seen->results[i].is_connected || seen->results[i].outcome.cause == CAUSE_CONNECT_REFUSED)
			return true;
	return false;
}

static void
diagnosis_of_silence(const struct observations *seen, struct diagnosis *diagnosis)
{
	char silent[96];
	size_t count = diagnosis_ports(seen, diagnosis_is_silent, silent, sizeof(silent));
	const char *plural = count > 1 ? "s" : "";

	if (diagnosis_has_tcp(seen))
		diagnosis_say(diagnosis, "outbound-firewall", "port%s %s of %s: no answer at all, but other TCP gets through to it, and names "
		    "can be looked up: outgoing mail ports are blocked on this network", plural, silent, seen->host);
	else
		diagnosis_say(diagnosis, "all-silent", "nothing at %s answers, port%s %s nor the ports of the web: an outbound firewall, or "
		    "a host that is not there", seen->host, plural, silent);
}

static void
diagnosis_of_certificate(const struct observations *seen, const struct probe_result *result, struct diagnosis *diagnosis)
{
	const struct outcome *outcome = &result->outcome;
	const char *issuer = result->sight.certificate.issuer;
	bool is_provider = seen->provider != NULL && provider_of_host(seen->host) != NULL;

	if (outcome->cause == CAUSE_CERT_NOT_YET)
		diagnosis_say(diagnosis, "clock", "the clock of this machine is wrong: by it the %s",
		    outcome->text);
	else if (outcome->cause == CAUSE_CERT_EXPIRED)
		diagnosis_say(diagnosis, "cert-expired", "%s%s", outcome->text, seen->clock_is_free ?
		    " (nothing keeps the clock of this machine right: is it?)" : "");
	else if (advice_interceptor(issuer) != NULL)
		diagnosis_say(diagnosis, "intercepted", "TLS is intercepted by %s: %s", advice_interceptor(issuer), outcome->text);
	else if ((outcome->cause == CAUSE_CERT_ISSUER || outcome->cause == CAUSE_CERT_NAME) && is_provider)
		diagnosis_say(diagnosis, "intercepted", "TLS is intercepted, or the name leads to another server: %s has a certificate of a public "
		    "authority for its name: %s", seen->host, outcome->text);
	else
		diagnosis_say(diagnosis, outcome->cause == CAUSE_CERT_ISSUER ? "cert-issuer" : outcome->cause == CAUSE_CERT_NAME ?
		    "cert-name" : "cert-other", "%s", outcome->text);
}

static void
diagnosis_of_unavailable(const struct probe_result *result, struct diagnosis *diagnosis)
{
	bool is_for_good = result->outcome.reply >= 500;

	diagnosis_say(diagnosis, is_for_good ? "refused-here" : "throttled", "the relay %s: %d %s", is_for_good ? "refuses to talk to us" :
	    "does not serve us now", result->outcome.reply, result->outcome.text);
}

static void
diagnosis_of_starttls(const struct probe_result *result, struct diagnosis *diagnosis)
{
	/* Cisco's inspection blanks what it does not want to be seen */
	bool is_starred = strstr(result->sight.banner, "*****") != NULL;

	diagnosis_say(diagnosis, "starttls-stripped", "port %u does not offer STARTTLS%s", (unsigned)result->port.number, is_starred ?
	    ", and its greeting is blanked out: a firewall that inspects SMTP strips it" : ": stripped on the way, or not switched on there");
}

static void
diagnosis_of_stage(const struct probe_result *result, struct diagnosis *diagnosis)
{
	const struct outcome *outcome = &result->outcome;
	unsigned port = result->port.number;

	if (outcome->cause == CAUSE_TLS)
		diagnosis_say(diagnosis, "tls-handshake", "port %u: %s", port, outcome->text);
	else if (outcome->stage == STAGE_TLS && result->sight.greeting != 0)
		diagnosis_say(diagnosis, "banner-no-tls", "port %u greets, but TLS does not get through: %s", port, outcome->text);
	else if (outcome->cause == CAUSE_PROTOCOL)
		diagnosis_say(diagnosis, "not-smtp", "port %u: what answers does not speak SMTP: %s", port, outcome->text);
	else if (outcome->cause == CAUSE_CLOSED)
		diagnosis_say(diagnosis, "closed", "port %u: the connection is closed at once (%s)", port, stage_name(outcome->stage));
	else
		diagnosis_say(diagnosis, "silent-relay", "port %u accepts the connection, then nothing comes (%s)", port,
		    stage_name(outcome->stage));
}

static void
diagnosis_of_port(const struct observations *seen, const struct probe_result *result, struct diagnosis *diagnosis)
{
	const struct outcome *outcome = &result->outcome;
	char ports[96];

	if (diagnosis_is_certificate(outcome->cause)) {
		diagnosis_of_certificate(seen, result, diagnosis);
		return;
	}
	switch (outcome->cause) {
	case CAUSE_INJECTION:
		diagnosis_say(diagnosis, "injection", "port %u: %s: %s", (unsigned)result->port.number, cause_text(outcome->cause), outcome->text);
		break;
	case CAUSE_TRUST_STORE:
		diagnosis_say(diagnosis, "trust-store", "%s", outcome->text);
		break;
	case CAUSE_CONFIG:
		diagnosis_say(diagnosis, "settings", "%s", outcome->text);
		break;
	case CAUSE_LOCAL:
		diagnosis_say(diagnosis, "local", "%s: %s", cause_text(outcome->cause), outcome->text);
		break;
	case CAUSE_TLS_MODE:
		diagnosis_say(diagnosis, "tls-mode", "wrong TLS mode: on port %u %s", (unsigned)result->port.number, result->port.implicit_tls ?
		    "the relay speaks clear text first (STARTTLS), the settings want TLS from the first octet" :
		    "the relay speaks TLS from the first octet, the settings want STARTTLS");
		break;
	case CAUSE_STARTTLS_MISSING:
		diagnosis_of_starttls(result, diagnosis);
		break;
	case CAUSE_UNAVAILABLE:
		diagnosis_of_unavailable(result, diagnosis);
		break;
	case CAUSE_CONNECT_TIMEOUT:
		diagnosis_of_silence(seen, diagnosis);
		break;
	case CAUSE_CONNECT_REFUSED:
		(void)diagnosis_ports(seen, diagnosis_is_any, ports, sizeof(ports));
		diagnosis_say(diagnosis, "refused", "%s refuses the connection (%s): nothing listens there, or a firewall says so", seen->host, ports);
		break;
	case CAUSE_UNREACHABLE:
		diagnosis_say(diagnosis, strstr(outcome->text, "forbidden on this machine") != NULL ? "forbidden-here" : "unreachable",
		    "%s can't be reached: %s", seen->host, outcome->text);
		break;
	default:
		diagnosis_of_stage(result, diagnosis);
	}
}

static void
diagnosis_of_ports(const struct observations *seen, struct diagnosis *diagnosis)
{
	const struct probe_result *result = diagnosis_weightiest(seen);
	char works[96];

	if (diagnosis_of_kind(seen, PROBE_OTHER, true, works, sizeof(works)) > 0) {
		char ports[96];

		(void)diagnosis_ports(seen, diagnosis_is_any, ports, sizeof(ports));
		diagnosis_say(diagnosis, "port-not-in-ports", "of the ports in the settings (%s) none works from here, but %s, which the settings "
		    "do not have, works", ports, works);
	} else if (result != NULL) {
		diagnosis_of_port(seen, result, diagnosis);
		(void)diagnosis_of_kind(seen, PROBE_MODE, false, works, sizeof(works));
	} else {
		diagnosis_say(diagnosis, "no-address", "%s has no address that fits", seen->host);
	}
	diagnosis_advise(seen, result, works, diagnosis);
}

/* ---- login, sender, recipient ---- */

static bool
diagnosis_is_disabled(const struct outcome *outcome)
{
	return strcmp(outcome->enhanced, "5.7.30") == 0 || strcmp(outcome->enhanced, "5.7.139") == 0 ||
	    strcasestr(outcome->text, "SmtpClientAuthentication is disabled") != NULL ||
	    strcasestr(outcome->text, "basic authentication is") != NULL;
}

/* The relay's words with their code, when they are the relay's. */
static const char *
diagnosis_words(const struct outcome *outcome, char *text, size_t size)
{
	if (outcome->reply != 0)
		(void)snprintf(text, size, "%d %s%s%s", outcome->reply, outcome->enhanced, outcome->enhanced[0] != '\0' ? " " : "", outcome->text);
	else
		(void)snprintf(text, size, "%s", outcome->text);
	return text;
}

static void
diagnosis_of_login(const struct observations *seen, struct diagnosis *diagnosis)
{
	const struct outcome *outcome = &seen->login;
	char words[300];
	const char *cause = "login-broken";

	if (diagnosis_is_disabled(outcome))
		cause = "login-disabled";
	else if (outcome->cause == CAUSE_AUTH_REFUSED)
		cause = "login-refused";
	else if (outcome->cause == CAUSE_AUTH_MECHANISM)
		cause = "login-mechanism";
	else if (outcome->cause == CAUSE_AUTH_HELD)
		cause = "login-held";
	else if (outcome->cause == CAUSE_AUTH_TEMPORARY)
		cause = "login-temporary";
	diagnosis_say(diagnosis, cause, "%s: %s", strcmp(cause, "login-disabled") == 0 ? "the provider has switched this login off" :
	    cause_text(outcome->cause), diagnosis_words(outcome, words, sizeof(words)));
}

static void
diagnosis_of_envelope(const struct outcome *outcome, bool is_sender, struct diagnosis *diagnosis)
{
	char words[300];
	const char *cause = "message-refused";

	if (diagnosis_is_disabled(outcome))
		cause = "login-disabled";
	else if (outcome->cause == CAUSE_NO_SMTPUTF8)
		cause = "no-smtputf8";
	else if (outcome->verdict == VERDICT_DEFERRED)
		cause = outcome->cause == CAUSE_THROTTLED || outcome->cause == CAUSE_UNAVAILABLE ? "throttled" : "login-broken";
	else if (outcome->cause == CAUSE_SENDER_REFUSED)
		cause = "sender-refused";
	else if (!is_sender)
		cause = "recipient-refused";
	diagnosis_say(diagnosis, cause, "%s: %s", cause_text(outcome->cause), diagnosis_words(outcome, words, sizeof(words)));
}

/* ---- mail flows; is there anything to say? ---- */

static bool
diagnosis_family_is(const struct observations *seen, bool is_6, bool secured)
{
	bool any = false;

	for (size_t i = 0; i < seen->count; i++) {
		const struct probe_result *result = &seen->results[i];

		if (result->kind != PROBE_PORT || (result->family == AF_INET6) != is_6)
			continue;
		if (secured ? result->is_secured : !diagnosis_is_lost(result))
			return secured;
		any = true;
	}
	return any && !secured;
}

/* true when something was found. */
static bool
diagnosis_of_others(const struct observations *seen, struct diagnosis *diagnosis)
{
	const struct probe_result *result = diagnosis_weightiest(seen);
	unsigned used = seen->results[seen->chosen].port.number;
	char silent[96], detail[sizeof(diagnosis->text)];

	if (result != NULL && diagnosis_weight(&result->outcome) >= 5) {
		diagnosis_of_port(seen, result, diagnosis);
		(void)snprintf(detail, sizeof(detail), "%s", diagnosis->text);
		diagnosis_say(diagnosis, diagnosis->cause, "%.300s; port %u works and is used", detail, used);
		return true;
	}
	if (diagnosis_ports(seen, diagnosis_is_silent, silent, sizeof(silent)) > 0) {
		diagnosis_say(diagnosis, "port-blocked", "port%s %s of %s: no answer, so blocked on this network; port %u works and is used",
		    strchr(silent, ' ') != NULL ? "s" : "", silent, seen->host, used);
		return true;
	}
	for (int is_6 = 0; is_6 < 2; is_6++) {
		if (!diagnosis_family_is(seen, is_6 == 1, false) || !diagnosis_family_is(seen, is_6 == 0, true))
			continue;
		diagnosis_say(diagnosis, is_6 ? "ipv6-broken" : "ipv4-broken", "%s can be reached over IPv%c only", seen->host, is_6 ? '4' : '6');
		return true;
	}
	return false;
}

/* RFC 1870 section 3: 0 is no limit. */
static bool
diagnosis_is_small(const struct probe_result *result)
{
	const struct capabilities *can = &result->capabilities;

	return can->size && can->size_limit > 0 && can->size_limit < DIAGNOSIS_SMALL;
}

static void
diagnosis_of_success(const struct observations *seen, struct diagnosis *diagnosis)
{
	const struct probe_result *chosen = &seen->results[seen->chosen];
	long days = (long)((chosen->sight.certificate.until - seen->now) / 86400);
	char works[96], mode[96];

	diagnosis->flows = true;
	(void)diagnosis_ports(seen, diagnosis_is_secured, works, sizeof(works));
	if (diagnosis_of_others(seen, diagnosis)) {
		const struct probe_result *result = diagnosis_weightiest(seen);
		bool is_mode = strcmp(diagnosis->cause, "tls-mode") == 0;

		(void)diagnosis_of_kind(seen, PROBE_MODE, false, mode, sizeof(mode));
		diagnosis_advise(seen, result, is_mode ? mode : works, diagnosis);
		return;
	}
	if (days < DIAGNOSIS_SOON)
		diagnosis_say(diagnosis, "expires-soon", "the certificate of %s ends in %ld days", seen->host, days);
	else if (seen->security != NULL)
		diagnosis_say(diagnosis, "security-module", "%s", seen->security);
	else if (diagnosis_is_small(chosen))
		diagnosis_say(diagnosis, "size-limit", "%s takes messages up to %" PRIu64 " octets only", seen->host, chosen->capabilities.size_limit);
	else if (seen->timer != NULL)
		diagnosis_say(diagnosis, "no-timer", "%s", seen->timer);
	else
		diagnosis_say(diagnosis, "none", "nothing is wrong");
	diagnosis_advise(seen, chosen, works, diagnosis);
}

/* ---- all of it, in the order of an attempt ---- */

/* true when something before the first connection is wrong. */
static bool
diagnosis_of_machine(const struct observations *seen, struct diagnosis *diagnosis)
{
	const struct {
		const char *cause;
		const struct outcome *outcome;
	} rows[] = {{"unfinished", &seen->unfinished}, {seen->is_closed ? "not-for-you" : "settings", &seen->settings},
	    {"spool", &seen->spool}, {"permissions", &seen->permissions}, {"queue-full", &seen->queue}, {"no-service", &seen->service},
	    {"secret", &seen->secret}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].outcome->verdict == VERDICT_NONE)
			continue;
		diagnosis_say(diagnosis, rows[i].cause, "%s", rows[i].outcome->text);
		return true;
	}
	return false;
}

static void
diagnosis_of_name(const struct observations *seen, struct diagnosis *diagnosis)
{
	const char *cause = "resolver";

	if (seen->dns.cause == CAUSE_NO_SUCH_NAME)
		cause = seen->other_name != NULL ? "typo" : "no-such-name";
	else if (seen->dns.cause == CAUSE_NO_ADDRESS)
		cause = "no-address";
	else if (seen->dns.cause == CAUSE_LOCAL)
		cause = "local";
	diagnosis_say(diagnosis, cause, "%s", seen->dns.text);
}

void
diagnosis_make(const struct observations *seen, struct diagnosis *diagnosis)
{
	memset(diagnosis, 0, sizeof(*diagnosis));
	if (diagnosis_of_machine(seen, diagnosis))
		;
	else if (seen->dns.verdict != VERDICT_NONE)
		diagnosis_of_name(seen, diagnosis);
	else if (seen->chosen < 0)
		diagnosis_of_ports(seen, diagnosis);
	else if (seen->login.verdict != VERDICT_NONE)
		diagnosis_of_login(seen, diagnosis);
	else if (seen->sender.verdict != VERDICT_NONE)
		diagnosis_of_envelope(&seen->sender, true, diagnosis);
	else if (seen->recipient.verdict != VERDICT_NONE)
		diagnosis_of_envelope(&seen->recipient, false, diagnosis);
	else
		diagnosis_of_success(seen, diagnosis);
	if (diagnosis->advice[0] == '\0')
		diagnosis_advise(seen, NULL, "", diagnosis);
}
